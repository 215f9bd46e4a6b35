//! What protection systems are to be told of keys (`DRMSystemList`), and which tracks keys are for
//! (`ContentKeyUsageRuleList`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::{base64, key_id, wrong};
use crate::keys::Error;
use crate::xml::{Element, Writer};

/// The most systems, and the most usage rules, of a document.
const MAX_ENTRIES: usize = 4000;
/// The most filters of a rule.
const MAX_FILTERS: usize = 64;

/// What one system is told of one key. Elements of a request are there and empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemSignalling {
    /// `systemId`.
    pub system: Uuid,
    /// The key.
    pub key: Uuid,
    /// `PSSH`: a whole box, or several.
    pub pssh: Option<Vec<u8>>,
    /// `ContentProtectionData`: elements for a DASH manifest, XML.
    pub content_protection: Option<Vec<u8>>,
    /// `HLSSignalingData`: lines for a playlist, by its kind (`media`, `master`).
    pub hls: Vec<(String, Vec<u8>)>,
    /// `SmoothStreamingProtectionHeaderData`: what a Smooth manifest says, as it stands there.
    pub smooth: Option<String>,
}

impl SystemSignalling {
    /// Nothing as yet.
    pub const fn new(system: Uuid, key: Uuid) -> SystemSignalling {
        SystemSignalling { system, key, pssh: None, content_protection: None, hls: Vec::new(), smooth: None }
    }
}

/// Which tracks a key is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageRule {
    /// The key.
    pub key: Uuid,
    /// `intendedTrackType`.
    pub track_type: Option<String>,
    /// A track has to come under one of each sort.
    pub filters: Vec<Filter>,
}

impl UsageRule {
    /// One key for everything, as SPEKE wants it said.
    pub fn for_all(key: Uuid) -> UsageRule {
        let filters = vec![
            Filter::Video { min_pixels: None, max_pixels: None },
            Filter::Audio { min_channels: None, max_channels: None },
        ];
        UsageRule { key, track_type: Some("ALL".to_owned()), filters }
    }
}

/// A filter of a usage rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// `VideoFilter`: pixels of a picture, both ends included.
    Video {
        /// The fewest.
        min_pixels: Option<u64>,
        /// The most.
        max_pixels: Option<u64>,
    },
    /// `AudioFilter`: channels, both ends included.
    Audio {
        /// The fewest.
        min_channels: Option<u64>,
        /// The most.
        max_channels: Option<u64>,
    },
    /// `LabelFilter`.
    Label(String),
    /// One that is not known, or asks for more than is known (bit rates, frames a second, dynamic range, periods).
    Other(String),
}

pub(super) fn write(xml: &mut Writer, systems: &[SystemSignalling], rules: &[UsageRule]) {
    if !systems.is_empty() {
        xml.open("DRMSystemList", &[]);
        systems.iter().for_each(|system| write_system(xml, system));
        xml.close();
    }
    if !rules.is_empty() {
        xml.open("ContentKeyUsageRuleList", &[]);
        rules.iter().for_each(|rule| write_rule(xml, rule));
        xml.close();
    }
}

fn write_system(xml: &mut Writer, signalling: &SystemSignalling) {
    let (key, system) = (signalling.key.to_string(), signalling.system.to_string());
    xml.open("DRMSystem", &[("kid", &key), ("systemId", &system)]);
    let mut element = |name, attributes: &[(&str, &str)], bytes: &[u8]| match bytes.is_empty() {
        true => xml.empty(name, attributes),
        false => xml.element(name, attributes, &STANDARD.encode(bytes)),
    };
    if let Some(bytes) = &signalling.pssh {
        element("PSSH", &[], bytes);
    }
    if let Some(bytes) = &signalling.content_protection {
        element("ContentProtectionData", &[], bytes);
    }
    for (playlist, bytes) in &signalling.hls {
        element("HLSSignalingData", &[("playlist", playlist)], bytes);
    }
    match signalling.smooth.as_deref() {
        Some("") => xml.empty("SmoothStreamingProtectionHeaderData", &[]),
        Some(text) => xml.element("SmoothStreamingProtectionHeaderData", &[], text),
        None => {}
    }
    xml.close();
}

fn write_rule(xml: &mut Writer, rule: &UsageRule) {
    let key = rule.key.to_string();
    let mut attributes = vec![("kid", key.as_str())];
    attributes.extend(rule.track_type.as_deref().map(|kind| ("intendedTrackType", kind)));
    xml.open("ContentKeyUsageRule", &attributes);
    for filter in &rule.filters {
        match filter {
            Filter::Video { min_pixels, max_pixels } => {
                range(xml, "VideoFilter", [("minPixels", *min_pixels), ("maxPixels", *max_pixels)]);
            }
            Filter::Audio { min_channels, max_channels } => {
                range(xml, "AudioFilter", [("minChannels", *min_channels), ("maxChannels", *max_channels)]);
            }
            Filter::Label(label) => xml.empty("LabelFilter", &[("label", label)]),
            // What it asks for beyond its name is not kept, and without that it would say something else.
            Filter::Other(_) => {}
        }
    }
    xml.close();
}

fn range(xml: &mut Writer, name: &str, bounds: [(&str, Option<u64>); 2]) {
    let texts = bounds.map(|(name, bound)| (name, bound.map(|bound| bound.to_string())));
    let attributes: Vec<(&str, &str)> =
        texts.iter().filter_map(|(name, text)| text.as_deref().map(|text| (*name, text))).collect();
    xml.empty(name, &attributes);
}

/// Reads both lists of a document.
pub(super) fn read(root: &Element) -> Result<(Vec<SystemSignalling>, Vec<UsageRule>), Error> {
    fn all<'a>(root: &'a Element, list: &str, name: &'a str) -> Result<Vec<&'a Element>, Error> {
        let found: Vec<&Element> = root.child(list).into_iter().flat_map(|list| list.children_named(name)).collect();
        match found.len() > MAX_ENTRIES {
            true => Err(wrong(format!("{list} has more than {MAX_ENTRIES} entries"))),
            false => Ok(found),
        }
    }
    let systems = all(root, "DRMSystemList", "DRMSystem")?.into_iter().map(system).collect::<Result<_, _>>()?;
    let rules = all(root, "ContentKeyUsageRuleList", "ContentKeyUsageRule")?;
    Ok((systems, rules.into_iter().map(rule).collect::<Result<_, _>>()?))
}

fn system(element: &Element) -> Result<SystemSignalling, Error> {
    let key = key_id(element)?;
    let system = element.attribute("systemId").and_then(|id| Uuid::try_parse(id).ok());
    let system = system.ok_or_else(|| wrong(format!("a DRMSystem of the key {key} has no systemId that is a GUID")))?;
    let bytes = |element: &Element| {
        base64(&element.text).ok_or_else(|| wrong(format!("{} of the key {key} is not base64", element.name)))
    };
    let mut hls = Vec::new();
    for data in element.children_named("HLSSignalingData").take(MAX_FILTERS) {
        hls.push((data.attribute("playlist").unwrap_or("media").to_owned(), bytes(data)?));
    }
    Ok(SystemSignalling {
        system,
        key,
        pssh: element.child("PSSH").map(bytes).transpose()?,
        content_protection: element.child("ContentProtectionData").map(bytes).transpose()?,
        hls,
        smooth: element.child("SmoothStreamingProtectionHeaderData").map(|data| data.text.trim().to_owned()),
    })
}

fn rule(element: &Element) -> Result<UsageRule, Error> {
    let key = key_id(element)?;
    let mut filters = Vec::new();
    for child in element.children.iter().filter(|child| child.name.ends_with("Filter")) {
        if filters.len() >= MAX_FILTERS {
            return Err(wrong(format!("a usage rule of the key {key} has more than {MAX_FILTERS} filters")));
        }
        filters.push(filter(child, key)?);
    }
    Ok(UsageRule { key, track_type: element.attribute("intendedTrackType").map(str::to_owned), filters })
}

fn filter(element: &Element, key: Uuid) -> Result<Filter, Error> {
    let number = |name: &str| match element.attribute(name) {
        None => Ok(None),
        Some(text) => {
            let number = text.parse().map_err(|_| wrong(format!("{name} of a rule of the key {key} is no number")));
            number.map(Some)
        }
    };
    let knows = |names: &[&str]| element.attributes.iter().all(|(name, _)| names.contains(&name.as_str()));
    Ok(match element.name.as_str() {
        "VideoFilter" if knows(&["minPixels", "maxPixels"]) => {
            Filter::Video { min_pixels: number("minPixels")?, max_pixels: number("maxPixels")? }
        }
        "AudioFilter" if knows(&["minChannels", "maxChannels"]) => {
            Filter::Audio { min_channels: number("minChannels")?, max_channels: number("maxChannels")? }
        }
        "LabelFilter" => Filter::Label(element.attribute("label").unwrap_or_default().to_owned()),
        other => Filter::Other(other.chars().take(32).collect()),
    })
}
