//! What a manifest says of protection, decoded: for a file that a player would fetch.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

use super::protection::{SystemReport, base64};
use crate::cipher::KeyId;
use crate::protection::System;
use crate::xml::{self, Element, Limits};

/// The longest manifest that is read, bytes.
const MAX_MANIFEST: usize = Limits::MANIFEST.bytes;
/// The most places that are reported.
const MAX_PLACES: usize = 1000;

/// A manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ManifestReport {
    /// `DASH`, `Smooth Streaming` or `HLS`.
    pub format: &'static str,
    /// What systems are told; what is said several times alike, once.
    pub protection: Vec<SystemReport>,
}

/// Reads a file, if it is a manifest.
pub(super) fn read(path: &Path) -> io::Result<Option<ManifestReport>> {
    if path.is_dir() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let mut head = [0; 64];
    let length = file.read(&mut head)?;
    let head = head.get(..length).unwrap_or_default();
    let is_text = head.starts_with(b"#EXTM3U")
        || head.iter().find(|b| !b"\xef\xbb\xbf\xff\xfe \r\n\t\0".contains(b)) == Some(&b'<');
    if !is_text || file.metadata()?.len() > MAX_MANIFEST as u64 {
        return Ok(None);
    }
    let mut text = head.to_vec();
    file.take(MAX_MANIFEST as u64).read_to_end(&mut text)?;
    Ok(parse(&text))
}

/// A manifest's report; `None` for what is none.
pub(super) fn parse(text: &[u8]) -> Option<ManifestReport> {
    let mut protection = Vec::new();
    let format = if text.starts_with(b"#EXTM3U") {
        playlist(&String::from_utf8_lossy(text), &mut protection);
        "HLS"
    } else {
        let root = xml::parse(text, Limits::MANIFEST).ok()?;
        let (format, read): (_, fn(&Element, &mut Vec<SystemReport>)) = match root.name.as_str() {
            "MPD" => ("DASH", content_protection),
            "SmoothStreamingMedia" => ("Smooth Streaming", protection_header),
            _ => return None,
        };
        walk(&root, &mut |element| read(element, &mut protection));
        format
    };
    Some(ManifestReport { format, protection })
}

/// As deep as the reader of XML lets elements be.
fn walk(element: &Element, visit: &mut impl FnMut(&Element)) {
    visit(element);
    element.children.iter().for_each(|child| walk(child, visit));
}

fn add(all: &mut Vec<SystemReport>, found: SystemReport) {
    if all.len() < MAX_PLACES && !all.contains(&found) {
        all.push(found);
    }
}

/// `ContentProtection` of DASH (ISO/IEC 23009-1 5.8.4.1) with its well-known children.
fn content_protection(element: &Element, all: &mut Vec<SystemReport>) {
    if element.name != "ContentProtection" {
        return;
    }
    let scheme = element.attribute("schemeIdUri").unwrap_or_default();
    let id: Option<KeyId> = scheme.to_ascii_lowercase().strip_prefix("urn:uuid:").and_then(|id| id.parse().ok());
    let system = id.and_then(System::of_id);
    let key_ids = element.attribute("default_KID").unwrap_or_default().split_ascii_whitespace();
    let period = element.child("CryptoPeriod").and_then(|period| period.attribute("keyUriTemplate"));
    let licence = element.children.iter().find(|child| child.name.eq_ignore_ascii_case("laurl"));
    let licence = licence.map(|child| child.attribute("licenseUrl").unwrap_or(&child.text).trim());
    let mut told = vec![SystemReport {
        at: "ContentProtection".to_owned(),
        system: system.map_or_else(|| scheme.to_owned(), |system| system.name().to_owned()),
        scheme: element.attribute("value").map(str::to_owned),
        key_ids: key_ids.map(str::to_owned).collect(),
        url: licence.or(period).map(str::to_owned),
        ..SystemReport::default()
    }];
    if let Some(pro) = element.child("pro") {
        let report = SystemReport { at: "mspr:pro".to_owned(), ..named(System::PlayReady) };
        told.push(with_base64(report, System::PlayReady, &pro.text));
    }
    for boxes in element.children_named("pssh") {
        told.extend(SystemReport::of_boxes(&boxes.text));
    }
    told.into_iter().for_each(|report| add(all, report));
}

/// `ProtectionHeader` of Smooth Streaming (MS-SSTR 2.2.2.3).
fn protection_header(element: &Element, all: &mut Vec<SystemReport>) {
    if element.name != "ProtectionHeader" {
        return;
    }
    let id = element.attribute("SystemID").unwrap_or_default();
    let system = id.parse().ok().and_then(System::of_id);
    let name = system.map_or_else(|| id.to_owned(), |system| system.name().to_owned());
    let report = SystemReport { at: "ProtectionHeader".to_owned(), system: name, ..SystemReport::default() };
    match system {
        Some(system) => add(all, with_base64(report, system, &element.text)),
        // That of the envelope, whose children are DASH's.
        None => match element.child("ContentProtection") {
            Some(inner) => content_protection(inner, all),
            None => add(all, report),
        },
    }
}

/// `EXT-X-KEY` and `EXT-X-SESSION-KEY` (RFC 8216 4.3.2.4, 4.3.4.5).
fn playlist(text: &str, all: &mut Vec<SystemReport>) {
    for line in text.lines() {
        let tag = ["#EXT-X-KEY:", "#EXT-X-SESSION-KEY:"].into_iter().find(|tag| line.starts_with(tag));
        let Some(tag) = tag else { continue };
        let list = attributes(line.get(tag.len()..).unwrap_or_default());
        let value = |name| value_of(&list, name);
        let format = value("KEYFORMAT").unwrap_or("identity");
        let systems = [System::PlayReady, System::Widevine, System::FairPlay, System::ClearKey];
        let system = systems.into_iter().find(|system| system.key_format().eq_ignore_ascii_case(format));
        let key_id = value("KEYID").and_then(|id| id.trim_start_matches("0x").trim_start_matches("0X").parse().ok());
        let mut report = SystemReport {
            at: tag.trim_matches(['#', ':']).to_owned(),
            system: system.map_or(format, |system| system.name()).to_owned(),
            scheme: value("METHOD").map(str::to_owned),
            key_ids: key_id.iter().map(KeyId::to_string).collect(),
            ..SystemReport::default()
        };
        let uri = value("URI").unwrap_or_default();
        match (system, uri.strip_prefix("data:").and_then(|data| data.split_once(";base64,"))) {
            (Some(system @ System::PlayReady), Some((_, data))) => add(all, with_base64(report, system, data)),
            (Some(System::Widevine), Some((_, data))) => {
                add(all, report);
                SystemReport::of_boxes(data).into_iter().for_each(|report| add(all, report));
            }
            _ => {
                report.url = (!uri.is_empty()).then(|| uri.to_owned());
                add(all, report);
            }
        }
    }
}

/// An attribute list (RFC 8216 4.2), quotation marks taken off.
fn attributes(mut text: &str) -> Vec<(&str, &str)> {
    let mut list = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let (value, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        list.push((name.trim(), value));
        text = behind.trim_start_matches(',');
    }
    list
}

fn value_of<'a>(list: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    list.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
}

fn named(system: System) -> SystemReport {
    SystemReport { system: system.name().to_owned(), ..SystemReport::default() }
}

fn with_base64(report: SystemReport, system: System, text: &str) -> SystemReport {
    match base64(text) {
        Some(data) => report.with_data(Some(system), &data),
        None => SystemReport { error: Some("it is not base64".to_owned()), ..report },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use crate::isobmff::write_protection_header;
    use crate::protection::{playready, widevine};

    const ID: &str = "339c45b5-fb6d-4bd9-994c-eabd9d41c95b";

    fn object() -> String {
        // The public seed of the PlayReady test server (streaming contract 9.8).
        let id = ID.parse().unwrap();
        let seed = STANDARD.decode("XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I").unwrap();
        let key = playready::key_from_seed(&seed, id).unwrap();
        let header = playready::Header {
            version: playready::Version::V4_1,
            keys: &[(id, Some(&key))],
            chains: false,
            licence_url: Some("https://keys.example/"),
            custom_attributes: None,
        };
        STANDARD.encode(header.object())
    }

    fn pssh() -> String {
        let mut out = Vec::new();
        let data = widevine::pssh_data(&[ID.parse().unwrap()], b"film", None);
        write_protection_header(&mut out, System::Widevine.id().0, &[], &data);
        STANDARD.encode(out)
    }

    fn lines(text: &str) -> Vec<String> {
        parse(text.as_bytes()).unwrap().protection.iter().map(SystemReport::text).collect()
    }

    #[test]
    fn each_format_is_decoded() {
        let (object, pssh) = (object(), pssh());
        let dash = format!(
            "<MPD xmlns:cenc=\"urn:mpeg:cenc:2013\" xmlns:mspr=\"urn:microsoft:playready\"><Period><AdaptationSet>\
             <ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"cenc\" cenc:default_KID=\"{ID}\"/>\
             <ContentProtection schemeIdUri=\"urn:uuid:9A04F079-9840-4286-AB92-E65BE0885F95\"><mspr:pro>{object}</mspr:pro></ContentProtection>\
             <ContentProtection schemeIdUri=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"><cenc:pssh>{pssh}</cenc:pssh></ContentProtection>\
             </AdaptationSet></Period></MPD>"
        );
        assert_eq!(
            lines(&dash),
            [
                format!("urn:mpeg:dash:mp4protection:2011 (ContentProtection), cenc, key {ID}"),
                "PlayReady (ContentProtection)".to_owned(),
                "PlayReady (mspr:pro), header 4.1.0.0, AESCTR, key 339c45b5-fb6d-4bd9-994c-eabd9d41c95b, \
                 checksum Dnd2+tOluB4=, LA_URL https://keys.example/"
                    .to_owned(),
                "Widevine (ContentProtection)".to_owned(),
                format!("Widevine (pssh), key {ID}, content film"),
            ]
        );
        let smooth = format!(
            "<SmoothStreamingMedia><Protection><ProtectionHeader SystemID=\"9A04F079-9840-4286-AB92-E65BE0885F95\">{object}</ProtectionHeader></Protection></SmoothStreamingMedia>"
        );
        assert!(lines(&smooth)[0].starts_with("PlayReady (ProtectionHeader), header 4.1.0.0"));
        let hls = format!(
            "#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,KEYFORMAT=\"com.microsoft.playready\",URI=\"data:text/plain;charset=UTF-16;base64,{object}\"\n\
             #EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"data:text/plain;base64,{pssh}\",KEYID=0x{},KEYFORMAT=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"\n\
             #EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"https://keys.example/?a=1,b\"\n",
            ID.replace('-', "")
        );
        let hls = lines(&hls);
        assert!(hls[0].starts_with("PlayReady (EXT-X-KEY), SAMPLE-AES-CTR, header 4.1.0.0"));
        assert_eq!(hls[1], format!("Widevine (EXT-X-KEY), SAMPLE-AES-CTR, key {ID}"));
        assert_eq!(hls[2], format!("Widevine (pssh), key {ID}, content film"));
        assert_eq!(hls[3], "identity (EXT-X-SESSION-KEY), AES-128, https://keys.example/?a=1,b");
    }

    #[test]
    fn the_manifest_of_the_envelope_as_it_was_served() {
        // Streaming contract 8.4, as it was seen.
        let envelope = "<ContentProtection schemeIdUri=\"urn:mpeg:dash:sea:2012\"><sea:CryptoPeriod IV=\"0x00\" keyUriTemplate=\"https://keys.example/?kid=1\"/></ContentProtection>";
        let expected = "urn:mpeg:dash:sea:2012 (ContentProtection), https://keys.example/?kid=1";
        assert_eq!(lines(&format!("<MPD>{envelope}</MPD>")), [expected]);
        let smooth = format!(
            "<SmoothStreamingMedia><ProtectionHeader SystemID=\"B47B251A-2409-4B42-958E-08DBAE7B4EE9\">{envelope}</ProtectionHeader></SmoothStreamingMedia>"
        );
        // The element inside is visited too, and says the same.
        let found = parse(smooth.as_bytes()).unwrap().protection;
        assert_eq!(found.iter().map(SystemReport::text).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn damage_and_what_is_no_manifest() {
        assert_eq!(parse(b"<smil/>"), None);
        assert_eq!(parse(b"<MPD"), None);
        let bad = lines(
            "<MPD><ContentProtection schemeIdUri=\"urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95\"><pro>AAAA</pro><pssh>?</pssh><pssh>AAAAAAAA</pssh></ContentProtection></MPD>",
        );
        assert!(bad[1].contains("unreadable: the PlayReady Object says 0 bytes and there are 3"), "{bad:?}");
        assert!(bad[2].contains("not base64") && bad[3].contains("needed"), "{bad:?}");
    }
}
