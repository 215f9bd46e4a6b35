//! Reading Smooth client manifests (MS-SSTR 2.2.2).

use url::Url;

use super::encryption::{self, Encryption};
use super::listing::{Listing, MAX_SEGMENTS, Packing, Row, Segment, Stream, Times, expand};
use super::report::StreamKind;
use crate::time::{MediaTime, Timescale};
use crate::xml::{self, Element};

/// How large a client manifest may be: a day in segments of two seconds with thirty tracks.
const LIMITS: xml::Limits = xml::Limits { bytes: 64 << 20, depth: 16, nodes: 12_000_000, attributes: 64 };

/// Fragments that are encrypted as a whole, as Azure Media Services told it.
const SEGMENT_ENCRYPTION: &str = "urn:mpeg:dash:sea:";

/// What a client manifest at `url` lists.
pub(super) fn read(url: &Url, body: &[u8]) -> Result<Listing, String> {
    let root = xml::parse(body, LIMITS).map_err(|e| e.to_string())?;
    if root.name != "SmoothStreamingMedia" {
        return Err(format!("the document is a {:?}, not a SmoothStreamingMedia", clip(&root.name)));
    }
    let scale = timescale(&root, Timescale::TEN_MHZ)?;
    let duration = root.attribute("Duration").and_then(|d| d.parse().ok()).filter(|d| *d > 0);
    let mut listing = Listing { duration: duration.map(|d| MediaTime::new(d, scale)), ..Listing::default() };
    let encryption = root.child("Protection").map(|protection| {
        let mut headers = protection.children_named("ProtectionHeader");
        let whole = headers.find_map(|header| {
            let mut told = header.children_named("ContentProtection");
            told.find(|told| told.attribute("schemeIdUri").is_some_and(|uri| uri.starts_with(SEGMENT_ENCRYPTION)))
        });
        let samples = || Encryption::Samples { scheme: "common encryption".to_owned(), key_ids: Vec::new() };
        whole.map_or_else(samples, |whole| Encryption::Whole(encryption::envelope(url, whole)))
    });
    let mut room = MAX_SEGMENTS;
    for index in root.children_named("StreamIndex") {
        stream_index(url, index, scale, &mut room, &mut listing)?;
    }
    listing.streams.iter_mut().for_each(|stream| stream.encryption.clone_from(&encryption));
    Ok(listing)
}

fn stream_index(
    base: &Url,
    index: &Element,
    scale: Timescale,
    room: &mut usize,
    listing: &mut Listing,
) -> Result<(), String> {
    let kind = match index.attribute("Type") {
        Some("video") => StreamKind::Video,
        Some("audio") => StreamKind::Audio,
        Some("text") => StreamKind::Text,
        other => return Err(format!("StreamIndex has Type {:?}", clip(other.unwrap_or_default()))),
    };
    let name = index.attribute("Name").or(index.attribute("Type")).unwrap_or_default();
    let scale = timescale(index, scale)?;
    let rows = index.children_named("c").map(|c| {
        let number = |name: &str| c.attribute(name).map(|v| v.parse::<i64>().map_err(|_| format!("c@{name} of {v:?}")));
        let repeated = number("r").transpose()?.unwrap_or(1);
        let more = u64::try_from(repeated - 1).map_err(|_| format!("c@r is {repeated}"))?;
        Ok(Row { time: number("t").transpose()?, duration: number("d").transpose()?.ok_or("c without d")?, more })
    });
    let times = expand(rows.collect::<Result<Vec<Row>, String>>()?.into_iter())?;
    let mut counted = |what: &str, found: usize| {
        if let Some(stated) = index.attribute(what).filter(|stated| *stated != found.to_string()) {
            listing.contradictions.push(format!("{}: {what} is {stated}, and {found} are listed", clip(name)));
        }
    };
    counted("Chunks", times.len());
    let levels: Vec<&Element> = index.children_named("QualityLevel").collect();
    counted("QualityLevels", levels.len());
    let template = index.attribute("Url").ok_or_else(|| format!("StreamIndex {:?} has no Url", clip(name)))?;
    for level in levels {
        let bitrate = level.attribute("Bitrate").unwrap_or_default();
        *room = room.checked_sub(times.len()).ok_or_else(|| format!("more than {MAX_SEGMENTS} segments are listed"))?;
        let template = replaced(template, &["{bitrate}", "{Bitrate}"], bitrate);
        let segments = times.iter().map(|&(time, duration)| {
            let url = replaced(&template, &["{start time}", "{start_time}"], &time.to_string());
            let url = base.join(&url).map_err(|e| format!("{}: {e}", clip(&url)))?;
            Ok(Segment { url, range: None, time, duration, discontinuity: false })
        });
        listing.streams.push(Stream {
            name: format!("{name} {bitrate}"),
            kind,
            key_frames: false,
            packing: Packing::Fragments,
            encryption: None,
            times: Times::Absolute,
            codecs: codecs(level).into_iter().collect(),
            init: None,
            scale,
            segments: segments.collect::<Result<_, String>>()?,
        });
    }
    Ok(())
}

/// The codec in the words of RFC 6381, as far as the manifest gives it away.
fn codecs(level: &Element) -> Option<String> {
    let private = hex(level.attribute("CodecPrivateData")?)?;
    match level.attribute("FourCC")? {
        // Start code and sequence parameter set; profile, constraints and level follow its header (14496-10 7.3.2.1).
        "H264" | "AVC1" => {
            let at = private.windows(5).position(|w| w[..4] == [0, 0, 0, 1] && w[4] & 0x1f == 7)?;
            let &[profile, constraints, level] = private.get(at + 5..at + 8)? else { return None };
            Some(format!("avc1.{profile:02x}{constraints:02x}{level:02x}"))
        }
        // AudioSpecificConfig begins with the object type (14496-3 1.6.2.1).
        "AACL" | "AACH" => Some(format!("mp4a.40.{}", private.first()? >> 3)),
        _ => None,
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |d: u8| char::from(d).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?) as u8)).collect()
}

fn replaced(template: &str, names: &[&str], value: &str) -> String {
    names.iter().fold(template.to_owned(), |text, name| text.replace(name, value))
}

fn timescale(element: &Element, otherwise: Timescale) -> Result<Timescale, String> {
    match element.attribute("TimeScale") {
        None => Ok(otherwise),
        Some(text) => {
            text.parse().ok().and_then(Timescale::new).ok_or_else(|| format!("TimeScale is {:?}", clip(text)))
        }
    }
}

/// Foreign text for a message.
pub(super) fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("http://h/l/f.ism/Manifest").unwrap()
    }

    #[test]
    fn chunks_are_listed_for_each_quality() {
        let text = r#"<SmoothStreamingMedia MajorVersion="2" MinorVersion="2" Duration="60000000">
            <StreamIndex Type="video" Chunks="3" QualityLevels="2" Url="QualityLevels({bitrate})/Fragments(video={start time})">
            <QualityLevel Bitrate="500" FourCC="H264" CodecPrivateData="000000016764001FACD9000000016 8"/>
            <QualityLevel Bitrate="300" FourCC="H264" CodecPrivateData="00000001674D400DD9810000000168E9"/>
            <c t="7" d="20000000" r="2"/><c d="1"/></StreamIndex></SmoothStreamingMedia>"#;
        let listing = read(&base(), text.as_bytes()).unwrap();
        assert!(listing.contradictions.is_empty() && listing.streams.len() == 2);
        let stream = &listing.streams[1];
        assert_eq!(stream.codecs, ["avc1.4d400d"]);
        let urls: Vec<&str> = stream.segments.iter().map(|s| s.url.path()).collect();
        assert_eq!(urls[1], "/l/f.ism/QualityLevels(300)/Fragments(video=20000007)");
        assert_eq!(urls.len(), 3);
        assert!(listing.streams[0].codecs.is_empty());
    }

    #[test]
    fn contradictions_are_told_and_nonsense_refused() {
        let text = |inside: &str| format!("<SmoothStreamingMedia>{inside}</SmoothStreamingMedia>");
        let index =
            r#"<StreamIndex Type="audio" Name="a" Chunks="2" QualityLevels="1" Url="x"><c d="1"/></StreamIndex>"#;
        let listing = read(&base(), text(index).as_bytes()).unwrap();
        assert_eq!(listing.contradictions.len(), 2, "{:?}", listing.contradictions);
        for bad in ["<StreamIndex/>", r#"<StreamIndex Type="video" Url="x"><c d="1" r="0"/></StreamIndex>"#] {
            assert!(read(&base(), text(bad).as_bytes()).is_err(), "{bad}");
        }
        assert!(read(&base(), b"<MPD/>").is_err());
    }
}
