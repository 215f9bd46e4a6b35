//! Server manifests (`.ism`, SMIL 2.0) and the client manifests (`.ismc`) that encoders put beside them.

use crate::media::{Purpose, TrackKind};
use crate::xml::{self, Element};

/// What a server manifest says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerManifest {
    /// `clientManifestRelativePath`: name of the `.ismc`.
    pub client_manifest: Option<String>,
    /// `fragmentsPerHLSSegment`.
    pub fragments_per_hls_segment: Option<u32>,
    /// One entry a track, in order.
    pub entries: Vec<Entry>,
    /// Elements that are passed over, with their `src`.
    pub skipped: Vec<(String, String)>,
}

/// One track of a server manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// `video`, `audio` or `textstream`.
    pub kind: TrackKind,
    /// `src`: path of the file, relative to the manifest.
    pub src: String,
    /// `systemBitrate`, bits per second.
    pub bitrate: Option<u64>,
    /// `trackID`.
    pub track_id: Option<u32>,
    /// `trackName`.
    pub track_name: Option<String>,
    /// `title`.
    pub title: Option<String>,
    /// A name for people besides `title`: `displayName`, `trackDescription` and their like.
    pub label: Option<String>,
    /// `transcriptsrc`: the file that captions were made of; taken where `src` is not there.
    pub transcript: Option<String>,
    /// `systemLanguage`.
    pub language: Option<String>,
    /// `role`, `accessibility`, `kind` and `characteristics`.
    pub purpose: Purpose,
    /// `default`: the choice for viewers who have not asked for another.
    pub is_default: Option<bool>,
}

impl Entry {
    /// An entry that says no more than where the track is.
    pub fn new(kind: TrackKind, src: &str) -> Entry {
        Entry {
            kind,
            src: src.to_owned(),
            bitrate: None,
            track_id: None,
            track_name: None,
            title: None,
            label: None,
            transcript: None,
            language: None,
            purpose: Purpose::default(),
            is_default: None,
        }
    }
}

/// What is wrong with a server manifest.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is not well-formed or not harmless XML.
    #[error("{0}")]
    Xml(#[from] xml::Error),
    /// The root is not `smil`.
    #[error("the root element is '{root}', not 'smil'")]
    NotSmil {
        /// What it is.
        root: String,
    },
    /// No `video` or `audio` element was found.
    #[error("there is no 'video' or 'audio' element under smil/body/switch")]
    NoTracks,
    /// An element has no `src`.
    #[error("{kind} element {number} has no 'src'")]
    NoSource {
        /// `video` or `audio`.
        kind: &'static str,
        /// Which one, from 1.
        number: usize,
    },
    /// A number is none.
    #[error("{what}=\"{value}\" is not a number")]
    NotANumber {
        /// Attribute or parameter.
        what: &'static str,
        /// What stands there.
        value: String,
    },
    /// A `src` leads out of the asset.
    #[error("src=\"{src}\" leads out of the folder")]
    OutsideAsset {
        /// What stands there.
        src: String,
    },
    /// More tracks than any film has.
    #[error("there are more than {limit} tracks")]
    TooManyTracks {
        /// The most that are read.
        limit: usize,
    },
}

const MAX_ENTRIES: usize = 256;

/// Reads a `.ism` (SMIL 2.0 as Azure Media Services wrote it). Unknown elements, `meta` and `param` are passed over.
///
/// # Errors
/// [`ManifestError`].
pub fn parse(bytes: &[u8]) -> Result<ServerManifest, ManifestError> {
    let root = xml::parse(bytes, xml::Limits::default())?;
    if !root.name.eq_ignore_ascii_case("smil") {
        return Err(ManifestError::NotSmil { root: root.name });
    }
    let mut manifest = ServerManifest::default();
    walk(&root, &mut manifest)?;
    if manifest.entries.is_empty() {
        return Err(ManifestError::NoTracks);
    }
    Ok(manifest)
}

fn walk(element: &Element, manifest: &mut ServerManifest) -> Result<(), ManifestError> {
    for child in &element.children {
        match child.name.to_ascii_lowercase().as_str() {
            "meta" => meta(child, manifest)?,
            "video" => push(entry(child, TrackKind::Video, manifest.entries.len())?, manifest)?,
            "audio" => push(entry(child, TrackKind::Audio, manifest.entries.len())?, manifest)?,
            "textstream" => push(entry(child, TrackKind::Text, manifest.entries.len())?, manifest)?,
            "head" | "body" | "switch" => walk(child, manifest)?,
            other if attribute(child, "src").is_some() => {
                let src = attribute(child, "src").unwrap_or_default().to_owned();
                manifest.skipped.push((other.to_owned(), src));
            }
            _ => {}
        }
    }
    Ok(())
}

fn push(entry: Entry, manifest: &mut ServerManifest) -> Result<(), ManifestError> {
    if manifest.entries.len() >= MAX_ENTRIES {
        return Err(ManifestError::TooManyTracks { limit: MAX_ENTRIES });
    }
    manifest.entries.push(entry);
    Ok(())
}

fn meta(element: &Element, manifest: &mut ServerManifest) -> Result<(), ManifestError> {
    let content = attribute(element, "content").unwrap_or_default();
    match attribute(element, "name").unwrap_or_default().to_ascii_lowercase().as_str() {
        "clientmanifestrelativepath" if !content.is_empty() => {
            manifest.client_manifest = Some(inside_asset(content)?);
        }
        "fragmentsperhlssegment" => {
            let count: u32 = number("fragmentsPerHLSSegment", content)?;
            manifest.fragments_per_hls_segment = (1..=1000).contains(&count).then_some(count);
        }
        _ => {}
    }
    Ok(())
}

fn entry(element: &Element, kind: TrackKind, index: usize) -> Result<Entry, ManifestError> {
    let src = attribute(element, "src").filter(|s| !s.is_empty());
    let src = src.ok_or(ManifestError::NoSource { kind: kind.as_str(), number: index + 1 })?;
    let mut entry = Entry::new(kind, &inside_asset(src)?);
    entry.bitrate = match attribute(element, "systemBitrate") {
        Some(value) => Some(number("systemBitrate", value)?).filter(|b| *b > 0),
        None => None,
    };
    entry.language = attribute(element, "systemLanguage").filter(|s| !s.is_empty()).map(str::to_owned);
    entry.title = attribute(element, "title").filter(|s| !s.is_empty()).map(str::to_owned);
    for param in element.children.iter().filter(|c| c.name.eq_ignore_ascii_case("param")) {
        let value = attribute(param, "value").unwrap_or_default();
        let text = Some(value.to_owned()).filter(|v| !v.is_empty());
        match attribute(param, "name").unwrap_or_default().to_ascii_lowercase().as_str() {
            "trackid" => entry.track_id = Some(number("trackID", value)?),
            "trackname" => entry.track_name = text,
            "transcriptsrc" => entry.transcript = inside_asset(value).ok(),
            "systembitrate" => entry.bitrate = Some(number("systemBitrate", value)?).filter(|b| *b > 0),
            "systemlanguage" => entry.language = text,
            "title" => entry.title = text.or(entry.title.take()),
            other => describe(&mut entry, other, value),
        }
    }
    Ok(entry)
}

/// Parameters that say what a track is for and what people call it. Azure Media Services knew `role` and
/// `accessibility`, and had `textDisplayName`, `textHlsCharacteristic` and `textIsDefault` of captions; other
/// tools write a `kind` as `scheme@value`, and the same of sound. Any number of words, or several parameters.
fn describe(entry: &mut Entry, name: &str, value: &str) {
    match name {
        "role" | "roles" => entry.purpose.add_role(value),
        "accessibility" => entry.purpose.add_accessibility(value),
        "kind" => match value.rsplit_once('@') {
            Some((scheme, value)) => entry.purpose.add_kind(scheme, value),
            None => entry.purpose.add_role(value),
        },
        "characteristics"
        | "hlscharacteristic"
        | "hlscharacteristics"
        | "texthlscharacteristic"
        | "audiohlscharacteristic" => entry.purpose.add_characteristics(value),
        "label" | "displayname" | "textdisplayname" | "audiodisplayname" | "trackdescription" => {
            entry.label = Some(value.to_owned()).filter(|v| !v.is_empty());
        }
        "default" | "isdefault" | "textisdefault" | "audioisdefault" => {
            entry.is_default = match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => entry.is_default,
            };
        }
        _ => {}
    }
}

/// Old tools differ in capitalisation (`SystemLanguage`).
fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

fn number<T: std::str::FromStr>(what: &'static str, value: &str) -> Result<T, ManifestError> {
    value.trim().parse().map_err(|_| ManifestError::NotANumber { what, value: value.chars().take(64).collect() })
}

/// A path below the manifest's own folder.
fn inside_asset(src: &str) -> Result<String, ManifestError> {
    let path = src.replace('\\', "/");
    let harmless = !path.starts_with('/')
        && !path.contains(':')
        && !path.contains('\0')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    harmless.then_some(path).ok_or_else(|| ManifestError::OutsideAsset { src: src.chars().take(200).collect() })
}

/// A stream of a client manifest, as far as it names tracks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientStream {
    /// `Type`.
    pub kind: TrackKind,
    /// `Name`.
    pub name: Option<String>,
    /// `Language`.
    pub language: Option<String>,
    /// `Role` and `Accessibility`.
    pub purpose: Purpose,
    /// `Bitrate` of each `QualityLevel`, bits per second.
    pub bitrates: Vec<u64>,
}

/// Reads the stream names of a `.ismc` (MS-SSTR 2.2.2). Everything else is measured from the media.
///
/// # Errors
/// [`ManifestError::Xml`].
pub fn parse_client_manifest(bytes: &[u8]) -> Result<Vec<ClientStream>, ManifestError> {
    let root = xml::parse(bytes, xml::Limits::default())?;
    let text = |element: &Element, name: &str| attribute(element, name).filter(|s| !s.is_empty()).map(str::to_owned);
    let streams = root.children.iter().filter(|c| c.name.eq_ignore_ascii_case("StreamIndex"));
    Ok(streams
        .filter_map(|stream| {
            let kind = match text(stream, "Type")?.to_ascii_lowercase().as_str() {
                "video" => TrackKind::Video,
                "audio" => TrackKind::Audio,
                "text" => TrackKind::Text,
                _ => return None,
            };
            let levels = stream.children.iter().filter(|c| c.name.eq_ignore_ascii_case("QualityLevel"));
            let bitrates = levels.filter_map(|l| attribute(l, "Bitrate")?.parse().ok()).collect();
            let mut purpose = Purpose::default();
            purpose.add_role(attribute(stream, "Role").unwrap_or_default());
            purpose.add_accessibility(attribute(stream, "Accessibility").unwrap_or_default());
            let (name, language) = (text(stream, "Name"), text(stream, "Language"));
            Some(ClientStream { kind, name, language, purpose, bitrates })
        })
        .collect())
}

/// Fills in names, languages and roles that a server manifest leaves out from its client manifest, so that
/// the URLs of old client manifests stay good.
pub fn name_from_client(manifest: &mut ServerManifest, streams: &[ClientStream]) {
    for entry in &mut manifest.entries {
        let alone = |kind| streams.iter().filter(|s| s.kind == kind).count() == 1;
        let stream = streams.iter().find(|s| {
            s.kind == entry.kind && (alone(s.kind) || entry.bitrate.is_some_and(|b| s.bitrates.contains(&b)))
        });
        let Some(stream) = stream else { continue };
        if entry.track_name.is_none() && entry.title.is_none() {
            entry.track_name = stream.name.clone();
        }
        if entry.language.is_none() {
            entry.language = stream.language.clone();
        }
        entry.purpose = std::mem::take(&mut entry.purpose).or(&stream.purpose);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<smil xmlns="http://www.w3.org/2001/SMIL20/Language">
  <head>
    <meta name="clientManifestRelativePath" content="film.ismc"/>
    <meta name="formats" content="mp4"/>
    <meta name="fragmentsPerHLSSegment" content="2"/>
  </head>
  <body><switch>
    <video src="film_1280x720_3400.mp4" systemBitrate="3400123"><param name="trackID" value="1" valuetype="data"/></video>
    <audio src="film_400.mp4" systemBitrate="128044" SystemLanguage="fra" title="Français">
      <param name="trackID" value="2" valuetype="data"/>
      <param name="trackName" value="aac_fra_2_128_2_1" valuetype="data"/>
      <param name="accessibility" value="description"/><param name="role" value="alternate"/>
    </audio>
    <textstream src="film_fra.cmft" systemBitrate="52"><param name="transcriptsrc" value="fra.vtt"/></textstream>
    <animation src="x.swf"/>
  </switch></body>
</smil>"#;

    #[test]
    fn the_full_form_is_read() {
        let manifest = parse(FULL.as_bytes()).unwrap();
        assert_eq!(manifest.client_manifest.as_deref(), Some("film.ismc"));
        assert_eq!(manifest.fragments_per_hls_segment, Some(2));
        assert_eq!(manifest.skipped, [("animation".to_owned(), "x.swf".to_owned())]);
        let [video, audio, text] = &manifest.entries[..] else { panic!("{manifest:?}") };
        assert_eq!((video.bitrate, video.track_id), (Some(3_400_123), Some(1)));
        assert_eq!((text.kind, text.transcript.as_deref()), (TrackKind::Text, Some("fra.vtt")));
        assert_eq!(audio.track_name.as_deref(), Some("aac_fra_2_128_2_1"));
        assert_eq!(audio.language.as_deref(), Some("fra"));
        assert_eq!(audio.title.as_deref(), Some("Français"));
        assert_eq!(
            (&audio.purpose.roles[..], &audio.purpose.accessibility[..]),
            (&["alternate".into()][..], &["description".into()][..])
        );
    }

    #[test]
    fn the_minimal_form_with_a_byte_order_mark_is_read() {
        let text = "\u{feff}<smil><body><switch><video src='a.mp4'/><audio src='a.mp4'/></switch></body></smil>";
        let manifest = parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.entries, [Entry::new(TrackKind::Video, "a.mp4"), Entry::new(TrackKind::Audio, "a.mp4")]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, want) in [
            ("<smil><body/></smil>", "no 'video' or 'audio'"),
            ("<html/>", "root element is 'html'"),
            ("<smil><video/></smil>", "has no 'src'"),
            ("<smil><video src='../other/a.mp4'/></smil>", "leads out of the folder"),
            ("<smil><video src='/etc/passwd'/></smil>", "leads out of the folder"),
            ("<smil><video src='a.mp4' systemBitrate='fast'/></smil>", "is not a number"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn client_manifests_name_what_server_manifests_leave_out() {
        let streams = parse_client_manifest(
            br#"<SmoothStreamingMedia><StreamIndex Type="audio" Name="audio_eng" Language="eng">
                <QualityLevel Bitrate="64000"/></StreamIndex></SmoothStreamingMedia>"#,
        )
        .unwrap();
        let mut manifest =
            ServerManifest { entries: vec![Entry::new(TrackKind::Audio, "a.isma")], ..Default::default() };
        name_from_client(&mut manifest, &streams);
        assert_eq!(manifest.entries[0].track_name.as_deref(), Some("audio_eng"));
        assert_eq!(manifest.entries[0].language.as_deref(), Some("eng"));
    }
}
