//! Reading media presentation descriptions (ISO/IEC 23009-1 5.3) with segment templates.

use url::Url;

use super::encryption::{self, Encryption};
use super::listing::{Listing, MAX_SEGMENTS, Packing, Row, Segment, Stream, Times, expand};
use super::report::StreamKind;
use super::smooth::clip;
use crate::time::{MediaTime, Timescale};
use crate::xml::{self, Element};

/// How large a description may be.
const LIMITS: xml::Limits = xml::Limits { bytes: 64 << 20, depth: 32, nodes: 12_000_000, attributes: 64 };

const TRICK_MODE: &str = "http://dashif.org/guidelines/trickmode";
/// Common encryption, with the scheme in `value` (ISO/IEC 23009-1 5.8.5.2).
const COMMON_ENCRYPTION: &str = "urn:mpeg:dash:mp4protection:2011";
/// Segments that are encrypted as a whole (ISO/IEC 23009-4).
const SEGMENT_ENCRYPTION: &str = "urn:mpeg:dash:sea:";

/// What a description at `url` lists.
pub(super) fn read(url: &Url, body: &[u8]) -> Result<Listing, String> {
    let root = xml::parse(body, LIMITS).map_err(|e| e.to_string())?;
    if root.name != "MPD" {
        return Err(format!("the document is a {:?}, not an MPD", clip(&root.name)));
    }
    let mut listing = Listing::default();
    let duration = |element: &Element, name: &str| match element.attribute(name) {
        None => Ok(None),
        Some(text) => iso_micros(text).map(Some).ok_or_else(|| format!("{name} is {:?}", clip(text))),
    };
    let whole = duration(&root, "mediaPresentationDuration")?;
    listing.duration = whole.map(|micros| MediaTime::new(micros, MICROSECONDS));
    let base = below(url, &root)?;
    let periods: Vec<&Element> = root.children_named("Period").collect();
    let mut room = MAX_SEGMENTS;
    for period in &periods {
        let lasts = duration(period, "duration")?.or(whole.filter(|_| periods.len() == 1));
        let base = below(&base, period)?;
        for set in period.children_named("AdaptationSet") {
            let base = below(&base, set)?;
            for representation in set.children_named("Representation") {
                let at = Place { base: below(&base, representation)?, lasts, chain: [representation, set, period] };
                at.read(&mut room, &mut listing)?;
            }
        }
    }
    if listing.streams.is_empty() && listing.unread.is_empty() {
        listing.contradictions.push("no representation is listed".to_owned());
    }
    Ok(listing)
}

const MICROSECONDS: Timescale = Timescale::new(1_000_000).unwrap();

/// A representation, and what it inherits from.
struct Place<'a> {
    base: Url,
    /// The period, microseconds.
    lasts: Option<i64>,
    /// Innermost first.
    chain: [&'a Element; 3],
}

impl<'a> Place<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.chain.iter().take(2).find_map(|element| element.attribute(name))
    }

    fn read(&self, room: &mut usize, listing: &mut Listing) -> Result<(), String> {
        let id = self.chain[0].attribute("id").unwrap_or_default();
        let (mime, codecs) = (self.attribute("mimeType").unwrap_or_default(), self.attribute("codecs"));
        let kind = kind(self.attribute("contentType").unwrap_or(mime), codecs.unwrap_or_default())
            .ok_or_else(|| format!("{}: neither contentType nor mimeType says what it is", clip(id)))?;
        let property = |name: &str, scheme: &str| {
            let all = self.chain.iter().take(2).flat_map(|element| element.children_named(name));
            all.filter_map(|p| p.attribute("schemeIdUri")).any(|uri| uri.starts_with(scheme))
        };
        let key_frames = property("EssentialProperty", TRICK_MODE) || property("SupplementalProperty", TRICK_MODE);
        let packing = match kind {
            StreamKind::Image => Packing::Images,
            StreamKind::Text if mime == "text/vtt" => Packing::WebVtt,
            _ if mime.ends_with("mp4") => Packing::Fragments,
            _ => Packing::Opaque("it is no MP4"),
        };
        let Some(template) = self.template() else {
            listing.unread.push(format!("{}: only segment templates are read", clip(id)));
            return Ok(());
        };
        let segments = template.segments(self)?;
        *room =
            room.checked_sub(segments.len()).ok_or_else(|| format!("more than {MAX_SEGMENTS} segments are listed"))?;
        let init = template.attribute("initialization").map(|url| template.url(self, url, None, None)).transpose()?;
        listing.streams.push(Stream {
            name: name(id, &segments, key_frames),
            kind,
            key_frames,
            packing,
            encryption: self.encryption(),
            times: if template.attribute("media").is_some_and(|m| m.contains("$Time")) {
                Times::Absolute
            } else {
                Times::Unknown
            },
            codecs: codecs.map(super::hls::split).unwrap_or_default(),
            init: init.map(|url| (url, None)),
            scale: template.scale()?,
            segments,
        });
        Ok(())
    }

    fn encryption(&self) -> Option<Encryption> {
        let all = || self.chain.iter().take(2).flat_map(|element| element.children_named("ContentProtection"));
        let of = |element: &&Element, scheme: &str| {
            element.attribute("schemeIdUri").is_some_and(|uri| uri.to_ascii_lowercase().starts_with(scheme))
        };
        if let Some(whole) = all().find(|element| of(element, SEGMENT_ENCRYPTION)) {
            return Some(Encryption::Whole(encryption::envelope(&self.base, whole)));
        }
        let scheme =
            all().find(|element| of(element, COMMON_ENCRYPTION)).and_then(|element| element.attribute("value"));
        let some = all().next().is_some();
        let key_ids = all().filter_map(|element| element.attribute("default_KID"));
        let key_ids = key_ids.flat_map(|ids| ids.split_whitespace().filter_map(encryption::key_id)).collect();
        some.then(|| Encryption::Samples { scheme: clip(scheme.unwrap_or("cenc")), key_ids })
    }

    fn template(&self) -> Option<Template<'a>> {
        let chain: Vec<&Element> = self.chain.iter().filter_map(|element| element.child("SegmentTemplate")).collect();
        (!chain.is_empty()).then_some(Template { chain })
    }
}

/// Segment templates, the innermost first: what one does not say, the next one does (5.3.9.1).
struct Template<'a> {
    chain: Vec<&'a Element>,
}

impl<'a> Template<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.chain.iter().find_map(|template| template.attribute(name))
    }

    fn number(&self, name: &str) -> Result<Option<i64>, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("SegmentTemplate@{name} is {:?}", clip(text)));
        self.attribute(name).map(number).transpose()
    }

    fn scale(&self) -> Result<Timescale, String> {
        let scale = self.number("timescale")?.unwrap_or(1);
        u32::try_from(scale).ok().and_then(Timescale::new).ok_or_else(|| format!("timescale is {scale}"))
    }

    fn segments(&self, place: &Place<'_>) -> Result<Vec<Segment>, String> {
        let media = self.attribute("media").ok_or("SegmentTemplate has no media")?;
        let first = self.number("startNumber")?.unwrap_or(1);
        let scale = self.scale()?;
        let lasts = place.lasts.map(|micros| MediaTime::new(micros, MICROSECONDS).ceil(scale));
        let times = match self.chain.iter().find_map(|t| t.child("SegmentTimeline")) {
            Some(timeline) => timeline_rows(timeline, lasts, self.number("presentationTimeOffset")?.unwrap_or(0))?,
            None => {
                let duration = self.number("duration")?.ok_or("neither a SegmentTimeline nor a duration")?;
                let lasts = lasts.ok_or("how long the period is nobody says")?;
                let count = lasts.checked_add(duration - 1).map_or(0, |n| n / duration.max(1)).max(1);
                vec![Row { time: Some(0), duration, more: (count - 1).unsigned_abs() }]
            }
        };
        let times = expand(times.into_iter())?;
        let segments = times.into_iter().zip(first..).map(|((time, duration), number)| {
            let url = self.url(place, media, Some(time), Some(number))?;
            Ok(Segment { url, range: None, time, duration, discontinuity: false })
        });
        segments.collect()
    }

    /// A template with its identifiers replaced (5.3.9.4.4).
    fn url(&self, place: &Place<'_>, text: &str, time: Option<i64>, number: Option<i64>) -> Result<Url, String> {
        let bad = || format!("the template {:?} cannot be filled in", clip(text));
        let mut out = String::with_capacity(text.len() + 16);
        for (index, part) in text.split('$').enumerate() {
            if index % 2 == 0 {
                out.push_str(part);
                continue;
            }
            let (name, width) = match part.split_once('%') {
                Some((name, width)) => {
                    let width = width.strip_suffix('d').and_then(|w| w.parse::<usize>().ok()).filter(|w| *w <= 32);
                    (name, width.ok_or_else(bad)?)
                }
                None => (part, 0),
            };
            let of = |name: &str| place.chain[0].attribute(name).map(str::to_owned);
            let value = match name {
                "" => Some("$".to_owned()),
                "RepresentationID" => of("id"),
                "Bandwidth" => of("bandwidth"),
                "Time" => time.map(|t| t.to_string()),
                "Number" => number.map(|n| n.to_string()),
                _ => None,
            };
            let value = value.ok_or_else(bad)?;
            out.extend(std::iter::repeat_n('0', width.saturating_sub(value.len())));
            out.push_str(&value);
        }
        place.base.join(&out).map_err(|_| bad())
    }
}

fn timeline_rows(timeline: &Element, lasts: Option<i64>, offset: i64) -> Result<Vec<Row>, String> {
    let number = |s: &Element, name: &str| {
        s.attribute(name).map(|v| v.parse::<i64>().map_err(|_| format!("S@{name} is {:?}", clip(v)))).transpose()
    };
    let entries: Vec<&Element> = timeline.children_named("S").collect();
    let (mut rows, mut next) = (Vec::with_capacity(entries.len()), 0i64);
    for (index, s) in entries.iter().enumerate() {
        let (time, repeated) = (number(s, "t")?, number(s, "r")?.unwrap_or(0));
        let duration = number(s, "d")?.ok_or("S without d")?;
        let begin = time.unwrap_or(next);
        let more = match u64::try_from(repeated) {
            Ok(more) => more,
            // To the next entry's time, or the end of the period (5.3.9.6.1).
            Err(_) => {
                let end = match entries.get(index + 1) {
                    Some(following) => number(following, "t")?,
                    None => lasts.and_then(|lasts| lasts.checked_add(offset)),
                };
                let room = end.and_then(|end| end.checked_sub(begin)).ok_or("a negative S@r that leads nowhere")?;
                let count = room.checked_add(duration - 1).map_or(0, |n| n / duration.max(1));
                u64::try_from(count - 1).map_err(|_| "a negative S@r without room")?
            }
        };
        let length = i64::try_from(more).ok().and_then(|more| more.checked_add(1)?.checked_mul(duration));
        next = length.and_then(|length| begin.checked_add(length)).ok_or("times are beyond 64 bits")?;
        rows.push(Row { time, duration, more });
    }
    Ok(rows)
}

fn below(base: &Url, element: &Element) -> Result<Url, String> {
    match element.child("BaseURL").map(|b| b.text.trim()) {
        Some(text) => base.join(text).map_err(|e| format!("BaseURL {:?}: {e}", clip(text))),
        None => Ok(base.clone()),
    }
}

fn kind(content_type: &str, codecs: &str) -> Option<StreamKind> {
    Some(match content_type.split('/').next()? {
        "video" => StreamKind::Video,
        "audio" => StreamKind::Audio,
        "text" => StreamKind::Text,
        "image" => StreamKind::Image,
        "application" if codecs.starts_with("stpp") || codecs.starts_with("wvtt") => StreamKind::Text,
        "application" if content_type.ends_with("ttml+xml") => StreamKind::Text,
        _ => return None,
    })
}

/// `video 400000`, as the other formats name it, where the URLs tell it; else the representation's id.
fn name(id: &str, segments: &[Segment], key_frames: bool) -> String {
    let part = |text: &str, before: &str, after: char| {
        text.split_once(before)?.1.split_once(after).map(|(inside, _)| inside.to_owned())
    };
    let path = segments.first().map(|s| s.url.path());
    let (bitrate, track) = (
        path.and_then(|p| part(p, "/QualityLevels(", ')')),
        path.and_then(|p| {
            let (_, last) = p.rsplit_once('/')?;
            part(last, "(", '=')
        }),
    );
    match (track, bitrate) {
        (Some(track), Some(bitrate)) => format!("{track} {bitrate}{}", if key_frames { " key frames" } else { "" }),
        _ => clip(id),
    }
}

/// An ISO 8601 duration such as `PT1H2M3.456S` in microseconds; years and months are not accepted.
fn iso_micros(text: &str) -> Option<i64> {
    let (days, time) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    let mut total = 0i64;
    if !days.is_empty() {
        let days: i64 = days.strip_suffix('D')?.parse().ok().filter(|d| (0..1_000_000).contains(d))?;
        total = days * 86_400_000_000;
    }
    let mut rest = time;
    for (unit, micros) in [('H', 3600), ('M', 60), ('S', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            let number = super::playlist::micros(number)?;
            total = total.checked_add(number.checked_mul(micros)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && text.len() > 2).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(inside: &str) -> Result<Listing, String> {
        let url = Url::parse("http://h/l/f.ism/Manifest(format=mpd-time-cmaf)").unwrap();
        read(&url, format!("<MPD mediaPresentationDuration=\"PT10S\"><Period>{inside}</Period></MPD>").as_bytes())
    }

    #[test]
    fn durations_are_read_exactly() {
        for (text, micros) in [
            ("PT0M40.000S", 40_000_000),
            ("PT1H2M3.5S", 3_723_500_000),
            ("P1DT1S", 86_401_000_000),
            ("P2D", 172_800_000_000),
        ] {
            assert_eq!(iso_micros(text), Some(micros), "{text}");
        }
        for bad in ["", "P", "PT", "1S", "PT-1S", "P1Y", "PT1S1M", "PT99999999999999999H"] {
            assert_eq!(iso_micros(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_timeline_is_listed_for_each_representation() {
        let inside = r#"<AdaptationSet contentType="video" mimeType="video/mp4"><SegmentTemplate timescale="10"
            media="Fragments(video=$Time$,format=mpd-time-cmaf).m4s" initialization="Fragments(video=i).mp4">
            <SegmentTimeline><S t="5" d="20" r="1"/><S d="7"/></SegmentTimeline></SegmentTemplate>
            <Representation id="a" codecs="avc1.4d400d"><BaseURL>QualityLevels(300)/</BaseURL></Representation>
            </AdaptationSet>"#;
        let listing = listing(inside).unwrap();
        let stream = &listing.streams[0];
        let times: Vec<(i64, i64)> = stream.segments.iter().map(|s| (s.time, s.duration)).collect();
        assert_eq!(times, [(5, 20), (25, 20), (45, 7)]);
        assert_eq!(
            stream.segments[1].url.as_str(),
            "http://h/l/f.ism/QualityLevels(300)/Fragments(video=25,format=mpd-time-cmaf).m4s"
        );
        assert_eq!(stream.init.as_ref().unwrap().0.path(), "/l/f.ism/QualityLevels(300)/Fragments(video=i).mp4");
        assert_eq!((stream.name.as_str(), stream.times), ("video 300", Times::Absolute));
        assert_eq!(stream.duration(), MediaTime::new(47, Timescale::new(10).unwrap()));
    }

    #[test]
    fn numbers_durations_and_open_ends() {
        let set = |inside: &str| {
            format!(
                r#"<AdaptationSet mimeType="image/jpeg"><SegmentTemplate media="t$Number%03d$$$.jpg" startNumber="7" {inside}
            </SegmentTemplate><Representation id="a"/></AdaptationSet>"#
            )
        };
        let numbered = listing(&set(r#"duration="4">"#)).unwrap();
        let urls: Vec<&str> = numbered.streams[0].segments.iter().map(|s| s.url.path()).collect();
        assert_eq!(urls, ["/l/f.ism/t007$.jpg", "/l/f.ism/t008$.jpg", "/l/f.ism/t009$.jpg"]);
        let open = listing(&set(r#"><SegmentTimeline><S d="4" r="-1"/></SegmentTimeline>"#)).unwrap();
        assert_eq!(open.streams[0].segments.len(), 3);
        for bad in ["duration=\"0\">", ">", "timescale=\"0\" duration=\"1\">", "duration=\"x\">"] {
            assert!(listing(&set(bad)).is_err(), "{bad}");
        }
        for bad in ["<S/>", "<S d=\"0\"/>", "<S d=\"1\" r=\"99999999999\"/>", "<S t=\"99\" d=\"1\" r=\"-1\"/>"] {
            let bad = set(&format!("><SegmentTimeline>{bad}</SegmentTimeline>"));
            assert!(listing(&bad).is_err(), "{bad}");
        }
    }
}
