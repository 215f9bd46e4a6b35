//! Small readers of what is sent: WebVTT files, `wvtt` samples, TTML documents. They know nothing of the code
//! that writes them.

use crate::listing::Listed;

/// A cue as it is shown; lines are divided by `|`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Shown {
    /// Milliseconds.
    pub begin: u64,
    /// Milliseconds.
    pub end: u64,
    /// Without tags.
    pub text: String,
}

/// A segment with its cues.
#[derive(Debug)]
pub struct Segment {
    /// Milliseconds.
    pub begin: u64,
    /// Milliseconds.
    pub end: u64,
    /// Its cues, times of the presentation.
    pub cues: Vec<Shown>,
}

/// The segments of a listed stream, read by what their bytes are.
pub fn segments(tag: &str, stream: &Listed) -> Vec<Segment> {
    let timescale = stream.init.as_deref().map_or(10_000_000, timescale);
    // HLS lists lengths, everything else times.
    let mut at = 0;
    stream
        .segments
        .iter()
        .map(|segment| {
            let (length, scale) = (segment.duration.0, segment.duration.1);
            let begin = at;
            at += length;
            let millis = |ticks: i64| (ticks * 1000 / scale).unsigned_abs();
            let (begin, end) = (millis(begin), millis(at));
            let cues = if segment.bytes.starts_with(b"WEBVTT") {
                let mpegts = if tag == "m3u8-cmaf" { 0 } else { 900_000 };
                web_vtt(std::str::from_utf8(&segment.bytes).unwrap(), mpegts)
            } else {
                fragment(&segment.bytes, timescale, tag.is_empty())
            };
            Segment { begin, end, cues }
        })
        .collect()
}

/// Cues cut at the ends of segments, or repeated in several, become one.
pub fn joined(mut cues: Vec<Shown>) -> Vec<Shown> {
    cues.sort();
    cues.dedup();
    let mut out: Vec<Shown> = Vec::new();
    for cue in cues {
        match out.iter_mut().find(|o| o.text == cue.text && o.end == cue.begin) {
            Some(before) => before.end = cue.end,
            None => out.push(cue),
        }
    }
    out.sort();
    out
}

fn web_vtt(text: &str, mpegts: u64) -> Vec<Shown> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("WEBVTT"));
    assert_eq!(lines.next(), Some(format!("X-TIMESTAMP-MAP=MPEGTS:{mpegts},LOCAL:00:00:00.000").as_str()));
    assert_eq!(lines.next().unwrap_or_default(), "");
    let mut cues = Vec::new();
    for block in text.split("\n\n").skip(1) {
        let lines: Vec<&str> = block.lines().filter(|l| !l.is_empty()).collect();
        let Some(at) = lines.iter().position(|l| l.contains(" --> ")) else { continue };
        let (begin, rest) = lines[at].split_once(" --> ").unwrap();
        let end = rest.split(' ').next().unwrap();
        let text = plain(&lines[at + 1..].join("\n"));
        cues.push(Shown { begin: clock(begin), end: clock(end), text });
    }
    cues
}

/// `hh:mm:ss.mmm`.
fn clock(text: &str) -> u64 {
    let (time, millis) = text.split_once('.').unwrap_or_else(|| panic!("{text}"));
    assert_eq!(millis.len(), 3, "{text}");
    let seconds = time.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
    seconds * 1000 + millis.parse::<u64>().unwrap()
}

/// Cue text without tags and escapes.
pub fn plain(payload: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for character in payload.chars() {
        match character {
            '<' => inside = true,
            '>' if inside => inside = false,
            '\n' if !inside => out.push('|'),
            other if !inside => out.push(other),
            _ => {}
        }
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn boxes(data: &[u8]) -> Vec<(&[u8], &[u8])> {
    let (mut rest, mut out) = (data, Vec::new());
    while rest.len() >= 8 {
        let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        out.push((&rest[4..8], &rest[8..size]));
        rest = &rest[size..];
    }
    assert!(rest.is_empty());
    out
}

fn find<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    let mut at = data;
    for kind in path {
        at = boxes(at).into_iter().find(|(k, _)| k == &kind.as_slice()).unwrap_or_else(|| panic!("{kind:?}")).1;
    }
    at
}

fn word(data: &[u8], at: usize) -> u64 {
    u64::from(u32::from_be_bytes(data[at..at + 4].try_into().unwrap()))
}

/// `mdhd` of version 1.
fn timescale(init: &[u8]) -> u64 {
    word(find(init, &[b"moov", b"trak", b"mdia", b"mdhd"]), 20)
}

/// A movie fragment whose samples state duration and size each.
fn fragment(data: &[u8], timescale: u64, smooth: bool) -> Vec<Shown> {
    let traf = find(data, &[b"moof", b"traf"]);
    let tfdt = find(traf, &[b"tfdt"]);
    let mut at = word(tfdt, 4) << 32 | word(tfdt, 8);
    let trun = find(traf, &[b"trun"]);
    let flags = word(trun, 0) & 0xff_ffff;
    assert_eq!(flags & 0x301, 0x301, "duration and size of each sample");
    let each = 8 + if flags & 0x400 != 0 { 4 } else { 0 } + if flags & 0x800 != 0 { 4 } else { 0 };
    let first = 12 + if flags & 4 != 0 { 4 } else { 0 };
    let mut media = find(data, &[b"mdat"]);
    let mut cues = Vec::new();
    for index in 0..word(trun, 4) as usize {
        let (duration, size) = (word(trun, first + index * each), word(trun, first + index * each + 4) as usize);
        let (sample, rest) = media.split_at(size);
        media = rest;
        let millis = |ticks: u64| ticks * 1000 / timescale;
        let (begin, end) = (millis(at), millis(at + duration));
        at += duration;
        if sample.starts_with(b"<?xml") {
            cues.extend(ttml(std::str::from_utf8(sample).unwrap(), if smooth { begin } else { 0 }));
            continue;
        }
        for (kind, body) in boxes(sample) {
            match kind {
                b"vttc" => {
                    let text = plain(std::str::from_utf8(find(body, &[b"payl"])).unwrap());
                    cues.push(Shown { begin, end, text });
                }
                b"vtte" => assert!(body.is_empty()),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(media.is_empty(), "the samples are all of the mdat");
    cues
}

/// Paragraphs of a document, by looking for their tags.
fn ttml(document: &str, base: u64) -> Vec<Shown> {
    let mut cues = Vec::new();
    for part in document.split("<p ").skip(1) {
        let (tag, rest) = part.split_once('>').unwrap();
        let value = |name: &str| {
            let (_, after) = tag.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name} in {tag}"));
            clock(after.split('"').next().unwrap()) + base
        };
        let content = rest.split("</p>").next().unwrap().replace("<br/>", "\n");
        cues.push(Shown { begin: value("begin"), end: value("end"), text: plain(&content).replace("&amp;", "&") });
    }
    cues
}
