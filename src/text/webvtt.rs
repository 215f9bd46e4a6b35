//! WebVTT (W3C WebVTT: The Web Video Text Tracks Format) and SubRip, which it grew from.

use std::borrow::Cow;

use super::time::{push_timestamp, timestamp};
use super::{Cue, Error, MAX_CUES};

/// A WebVTT file: what stands before its cues, and the cues.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WebVtt {
    /// `STYLE` and `REGION` blocks, verbatim, in order.
    pub blocks: Vec<String>,
    /// Cues in order of their beginning.
    pub cues: Vec<Cue>,
}

/// Reads a WebVTT file as the parser of the standard does (WebVTT 6.1): what is damaged is passed over, comments
/// too, and a header other than the mark itself.
///
/// # Errors
/// [`Error::NotWebVtt`], [`Error::TooManyCues`].
pub fn parse(bytes: &[u8]) -> Result<WebVtt, Error> {
    let text = decode(bytes, false);
    let mut lines = Lines { text: &text, position: 0 };
    let mark = lines.next().and_then(|line| line.strip_prefix("WEBVTT")).ok_or(Error::NotWebVtt)?;
    if !(mark.is_empty() || mark.starts_with([' ', '\t'])) {
        return Err(Error::NotWebVtt);
    }
    let mut vtt = WebVtt::default();
    // Header lines go on until an empty line, or the first cue.
    loop {
        let position = lines.position;
        match lines.next() {
            Some(line) if line.contains("-->") => {
                lines.position = position;
                break;
            }
            Some(line) if !line.is_empty() => {}
            _ => break,
        }
    }
    blocks(lines, &mut vtt)?;
    Ok(vtt)
}

/// Reads a SubRip file (`.srt`): cues as in WebVTT, with commas in their times and HTML's tags in their text.
///
/// # Errors
/// [`Error::NotSubRip`] when no cue is found, [`Error::TooManyCues`].
pub fn parse_sub_rip(bytes: &[u8]) -> Result<WebVtt, Error> {
    let text = decode(bytes, true);
    let mut vtt = WebVtt::default();
    blocks(Lines { text: &text, position: 0 }, &mut vtt)?;
    for cue in &mut vtt.cues {
        // What stands behind the times are coordinates that players pass over; the identifier is a counter.
        cue.settings.clear();
        cue.id.clear();
        cue.payload = super::wvtt::without_blank_lines(&sub_rip_payload(&cue.payload));
    }
    if vtt.cues.is_empty() { Err(Error::NotSubRip) } else { Ok(vtt) }
}

/// `<b>`, `<i>` and `<u>` stay, other markup goes, everything else is text.
fn sub_rip_payload(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&', '{']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let close = if from.starts_with('{') { '}' } else { '>' };
        let tag = from.find(close).map(|end| (from.get(1..end).unwrap_or_default(), end + 1));
        let mut taken = 1;
        match (from.as_bytes().first(), tag) {
            (Some(b'<'), Some((tag, length))) => {
                let name = tag.trim_start_matches('/').to_ascii_lowercase();
                if matches!(name.as_str(), "b" | "i" | "u") {
                    out.push_str(if tag.starts_with('/') { "</" } else { "<" });
                    out.push_str(&name);
                    out.push('>');
                    taken = length;
                } else if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    taken = length;
                } else {
                    out.push_str("&lt;");
                }
            }
            (Some(b'<'), None) => out.push_str("&lt;"),
            (Some(b'&'), _) => out.push_str("&amp;"),
            // Overrides of SubStation Alpha, as in {\an8}.
            (_, Some((tag, length))) if tag.starts_with('\\') => taken = length,
            _ => out.push('{'),
        }
        rest = from.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// UTF-8 or, with its mark, UTF-16; damaged characters become U+FFFD, of SubRip the letters of Latin-1.
fn decode(bytes: &[u8], latin: bool) -> Cow<'_, str> {
    let wide = |body: &[u8], read: fn([u8; 2]) -> u16| {
        let units = body.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied()).map(read);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xef, 0xbb, 0xbf, body @ ..] => String::from_utf8_lossy(body),
        [0xff, 0xfe, body @ ..] => Cow::Owned(wide(body, u16::from_le_bytes)),
        [0xfe, 0xff, body @ ..] => Cow::Owned(wide(body, u16::from_be_bytes)),
        body if latin => match std::str::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(body.iter().map(|b| char::from(*b)).collect()),
        },
        body => String::from_utf8_lossy(body),
    }
}

/// Lines without their ends: LF, CR or both.
struct Lines<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.position..).filter(|rest| !rest.is_empty())?;
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = rest.get(..end)?;
        let after = rest.get(end..).unwrap_or_default();
        let ending = if after.starts_with("\r\n") { 2 } else { usize::from(!after.is_empty()) };
        self.position += end + ending;
        Some(line)
    }
}

/// The blocks of a file's body (WebVTT 6.1, "collect a WebVTT block").
fn blocks(mut lines: Lines<'_>, vtt: &mut WebVtt) -> Result<(), Error> {
    let mut seen_cue = false;
    'blocks: loop {
        let mut buffer: Vec<&str> = Vec::new();
        let mut cue: Option<Cue> = None;
        let mut arrow = false;
        let ended = loop {
            let position = lines.position;
            let Some(line) = lines.next() else { break true };
            if line.contains("-->") {
                if arrow || buffer.len() > 1 {
                    lines.position = position;
                    break false;
                }
                arrow = true;
                seen_cue = true;
                cue = timings(line);
                if let (Some(cue), Some(id)) = (&mut cue, buffer.pop()) {
                    cue.id = clean(id);
                }
                buffer.clear();
            } else if line.is_empty() {
                if buffer.is_empty() && !arrow {
                    continue 'blocks;
                }
                break false;
            } else {
                buffer.push(line);
            }
        };
        match cue {
            Some(cue) if cue.end > cue.begin => {
                if vtt.cues.len() >= MAX_CUES {
                    return Err(Error::TooManyCues { limit: MAX_CUES });
                }
                vtt.cues.push(Cue { payload: clean(&buffer.join("\n")), ..cue });
            }
            _ => {}
        }
        let kind = buffer.first().map(|line| line.trim_end()).unwrap_or_default();
        if !arrow && !seen_cue && matches!(kind, "STYLE" | "REGION") {
            vtt.blocks.push(clean(&buffer.join("\n")));
        }
        if ended {
            break;
        }
    }
    vtt.cues.sort_by_key(|cue| cue.begin);
    Ok(())
}

/// NUL stands for no character (WebVTT 6.1).
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A line of times, and settings behind them.
fn timings(line: &str) -> Option<Cue> {
    let (begin, rest) = line.split_once("-->")?;
    let rest = rest.trim_start();
    let (end, settings) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let (begin, end) = (timestamp(begin.trim())?, timestamp(end)?);
    Some(Cue { begin, end, settings: clean(settings.trim()), ..Cue::default() })
}

/// The mark and the blocks before the cues: what a `vttC` box holds (ISO/IEC 14496-30 6.5).
pub fn header(blocks: &[String]) -> String {
    let mut out = String::from("WEBVTT");
    for block in blocks {
        out.push_str("\n\n");
        out.push_str(block);
    }
    out
}

/// `STYLE` and `REGION` blocks of a header as [`header`] writes it.
pub fn header_blocks(header: &str) -> Vec<String> {
    let mut vtt = WebVtt::default();
    let text = header.strip_prefix("WEBVTT").unwrap_or(header);
    let body = text.find('\n').and_then(|end| text.get(end..)).unwrap_or_default();
    // No cue is in a header, so there is none too many.
    let _ = blocks(Lines { text: body, position: 0 }, &mut vtt);
    vtt.blocks
}

/// Appends a file of those cues. `timestamp_map` is the line that ties it to other media (RFC 8216 3.5).
pub fn write<'a>(out: &mut String, timestamp_map: &str, blocks: &[String], cues: impl Iterator<Item = &'a Cue>) {
    out.push_str("WEBVTT\n");
    out.push_str(timestamp_map);
    for block in blocks {
        out.push('\n');
        out.push_str(block);
        out.push('\n');
    }
    for cue in cues {
        out.push('\n');
        if !cue.id.is_empty() {
            out.push_str(&cue.id);
            out.push('\n');
        }
        push_timestamp(out, cue.begin);
        out.push_str(" --> ");
        push_timestamp(out, cue.end);
        if !cue.settings.is_empty() {
            out.push(' ');
            out.push_str(&cue.settings);
        }
        out.push('\n');
        if !cue.payload.is_empty() {
            out.push_str(&cue.payload);
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\u{feff}WEBVTT - a film\r\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\r\n\r\nNOTE\nnothing\n\nSTYLE\n::cue(.loud) { color: red }\n\nREGION\nid:bill\nwidth:40%\n\n\n1\n00:01.000 --> 00:00:02.500  line:0 align:start\r\n<v Anna>Hi &amp; <i>bye</i>\nsecond line\n00:03.000 --> 00:04.000\nnot divided by an empty line\n\nbroken\n00:05.000 -> 00:06.000\nlost\n\n00:09.000 --> 00:08.000\nbackwards\n\n00:00:00.500 --> 00:00:00.900\nearlier\n\nSTYLE\nlate";

    #[test]
    fn a_file_with_everything_is_read() {
        let vtt = parse(FILE.as_bytes()).unwrap();
        assert_eq!(vtt.blocks, ["STYLE\n::cue(.loud) { color: red }", "REGION\nid:bill\nwidth:40%"]);
        let times: Vec<_> = vtt.cues.iter().map(|c| (c.begin, c.end)).collect();
        assert_eq!(times, [(500, 900), (1000, 2500), (3000, 4000)]);
        let cue = &vtt.cues[1];
        assert_eq!((cue.id.as_str(), cue.settings.as_str()), ("1", "line:0 align:start"));
        assert_eq!(cue.payload, "<v Anna>Hi &amp; <i>bye</i>\nsecond line");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let vtt = parse(FILE.as_bytes()).unwrap();
        let mut out = String::new();
        write(&mut out, "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n", &vtt.blocks, vtt.cues.iter());
        assert!(out.starts_with("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\nSTYLE\n"));
        assert_eq!(parse(out.as_bytes()).unwrap(), vtt);
        assert_eq!(header_blocks(&header(&vtt.blocks)), vtt.blocks);
    }

    #[test]
    fn what_is_no_web_vtt_is_said() {
        for text in ["", "WEBVT", "WEBVTTX\n", "1\n00:00:01,000 --> 00:00:02,000\na"] {
            assert!(matches!(parse(text.as_bytes()), Err(Error::NotWebVtt)), "{text}");
        }
        assert_eq!(parse(b"WEBVTT").unwrap(), WebVtt::default());
    }

    #[test]
    fn sub_rip_becomes_web_vtt() {
        let text = "1\r\n00:00:01,000 --> 00:00:02,500 X1:1\r\n<font color=\"red\"><I>a</I></font> < b & {\\an8}c {d}\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n\u{e9}t\u{e9}";
        let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
        let vtt = parse_sub_rip(&latin).unwrap();
        assert_eq!(vtt.cues[0].payload, "<i>a</i> &lt; b &amp; c {d}");
        assert_eq!((vtt.cues[0].begin, vtt.cues[0].end, vtt.cues[1].payload.as_str()), (1000, 2500, "\u{e9}t\u{e9}"));
        assert!(matches!(parse_sub_rip(b"hello"), Err(Error::NotSubRip)));
    }
}
