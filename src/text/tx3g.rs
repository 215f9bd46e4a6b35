//! 3GPP timed text (3GPP TS 26.245), which QuickTime calls `tx3g` too, and QuickTime's older `text`.

use bytes::Bytes;

use super::color::Color;
use super::payload::escape;
use super::track::joined;
use super::webvtt::WebVtt;
use super::{Cue, Error, MAX_CUES, wvtt};
use crate::bits::Reader;
use crate::isobmff::boxes;

/// Display flags of the sample entry (3GPP TS 26.245 5.16; the last two are QuickTime's).
const ALL_FORCED: u32 = 0x8000_0000;

/// What a sample entry says of all samples.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    flags: u32,
    /// Text stands at the top, not at the bottom.
    at_top: bool,
    style: Style,
}

/// The part of a style record that WebVTT can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Style {
    bold: bool,
    italic: bool,
    underline: bool,
    color: Option<Color>,
}

/// A track's cues from its sample entry (a whole box) and its samples, and whether all of it is forced. Classes of
/// colours that WebVTT does not know come with a `STYLE` block.
///
/// # Errors
/// [`Error::Sample`] for a sample that is damaged, [`Error::TooManyCues`].
pub fn parse(entry: &Bytes, samples: &[(u64, u64, Bytes)]) -> Result<(WebVtt, bool), Error> {
    let defaults = sample_entry(entry).unwrap_or_default();
    let mut vtt = WebVtt::default();
    let mut colors = std::collections::BTreeSet::new();
    for (index, (begin, end, data)) in samples.iter().enumerate() {
        let damaged = |what| Error::Sample { sample: index, what };
        let mut reader = Reader::new(data);
        // A sample of no bytes, or of no text, is a pause.
        let Ok(length) = reader.u16() else { continue };
        let text = reader.bytes(usize::from(length)).map_err(|_| damaged("its text reaches past its end"))?;
        let text: Vec<char> = characters(text);
        if text.iter().all(|c| c.is_whitespace() || *c == '\0') || end <= begin {
            continue;
        }
        if vtt.cues.len() >= MAX_CUES {
            return Err(Error::TooManyCues { limit: MAX_CUES });
        }
        let styles = styles(&data.slice(data.len() - reader.remaining()..), text.len(), defaults.style);
        let payload = wvtt::without_blank_lines(&marked(&text, &styles, &mut colors));
        let settings = if defaults.at_top { "line:0".to_owned() } else { String::new() };
        vtt.cues.push(Cue { begin: *begin, end: *end, settings, payload, id: String::new() });
    }
    vtt.cues.sort_by_key(|cue| cue.begin);
    vtt.cues = joined(vtt.cues);
    vtt.blocks = super::Ttml::style_block(&colors).into_iter().collect();
    Ok((vtt, defaults.flags & ALL_FORCED != 0))
}

/// The fields of `tx3g` behind those of every sample entry; QuickTime's `text` has others, of which none are used.
fn sample_entry(entry: &Bytes) -> Option<Entry> {
    if entry.get(4..8)? != b"tx3g" {
        return None;
    }
    let mut reader = Reader::new(entry.get(16..)?);
    let flags = reader.u32().ok()?;
    let [_, vertical] = reader.bytes(2).ok()? else { return None };
    // Background colour, text box.
    reader.skip(4 + 8).ok()?;
    let (_, style) = style_record(&mut reader)?;
    // White is what players show anyhow.
    let color = style.color.filter(|c| *c != Color::WHITE);
    Some(Entry { flags, at_top: *vertical == 0, style: Style { color, ..style } })
}

/// First and last character (exclusive), and the style.
fn style_record(reader: &mut Reader<'_>) -> Option<((usize, usize), Style)> {
    let (start, end) = (reader.u16().ok()?, reader.u16().ok()?);
    reader.skip(2).ok()?;
    let [face, _size] = reader.bytes(2).ok()? else { return None };
    let color = reader.bytes(4).ok()?.first_chunk().copied().map(Color);
    let style = Style { bold: face & 1 != 0, italic: face & 2 != 0, underline: face & 4 != 0, color };
    Some(((usize::from(start), usize::from(end)), style))
}

/// The style of each character.
fn styles(modifiers: &Bytes, length: usize, default: Style) -> Vec<Style> {
    let mut styles = vec![default; length];
    // A damaged modifier only means plain text.
    for found in boxes(modifiers, 0).map_while(Result::ok).filter(|found| &found.kind.0 == b"styl") {
        let mut reader = Reader::new(&found.body);
        for _ in 0..reader.u16().unwrap_or(0) {
            let Some(((start, end), style)) = style_record(&mut reader) else { break };
            let color = style.color.filter(|c| *c != Color::WHITE);
            if let Some(some) = styles.get_mut(start.min(length)..end.min(length).max(start.min(length))) {
                some.fill(Style { color, ..style });
            }
        }
    }
    styles
}

/// UTF-8, or UTF-16 with its mark (3GPP TS 26.245 5.2).
fn characters(text: &[u8]) -> Vec<char> {
    let wide = |body: &[u8], read: fn([u8; 2]) -> u16| {
        let units = body.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied()).map(read);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match text {
        [0xfe, 0xff, body @ ..] => wide(body, u16::from_be_bytes),
        [0xff, 0xfe, body @ ..] => wide(body, u16::from_le_bytes),
        body => String::from_utf8_lossy(body).chars().collect(),
    }
}

/// Cue text with tags where the style changes.
fn marked(text: &[char], styles: &[Style], colors: &mut std::collections::BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for (index, character) in text.iter().enumerate() {
        run.push(*character);
        let style = styles.get(index).copied().unwrap_or_default();
        if styles.get(index + 1) == Some(&style) {
            continue;
        }
        let mut tags: Vec<(String, &str)> = Vec::new();
        if let Some(color) = style.color {
            let class = color.class().map_or_else(
                || {
                    let class = format!("fg_{}", color.hex());
                    colors.insert(class.clone());
                    class
                },
                str::to_owned,
            );
            tags.push((format!("<c.{class}>"), "</c>"));
        }
        for (yes, open, close) in
            [(style.bold, "<b>", "</b>"), (style.italic, "<i>", "</i>"), (style.underline, "<u>", "</u>")]
        {
            if yes {
                tags.push((open.to_owned(), close));
            }
        }
        tags.iter().for_each(|(open, _)| out.push_str(open));
        let lines = run.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{b}'], "\n");
        for (number, line) in lines.split('\n').enumerate() {
            if number > 0 {
                out.push('\n');
            }
            escape(&mut out, line);
        }
        tags.iter().rev().for_each(|(_, close)| out.push_str(close));
        run.clear();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str, styl: &[u8]) -> Bytes {
        let mut out = (text.len() as u16).to_be_bytes().to_vec();
        out.extend_from_slice(text.as_bytes());
        if !styl.is_empty() {
            crate::isobmff::write_box(&mut out, crate::isobmff::FourCc(*b"styl"), |out| out.extend_from_slice(styl));
        }
        Bytes::from(out)
    }

    #[test]
    fn text_styles_and_pauses_are_read() {
        let styl = b"\0\x02\0\0\0\x05\0\x01\x03\x12\xff\xff\xff\xff\0\x06\0\x09\0\x01\x04\x12\xff\x80\0\xff";
        let samples = [
            (0, 1000, sample("", &[])),
            (1000, 2000, sample("H\u{e9}llo a<b", styl)),
            (2000, 3000, sample("x\n\ny", b"\0\x09")),
        ];
        let (vtt, forced) = parse(&Bytes::new(), &samples).unwrap();
        assert!(!forced);
        assert_eq!(vtt.blocks, ["STYLE\n::cue(.fg_ff8000) { color: #ff8000; }"]);
        assert_eq!(vtt.cues.len(), 2);
        assert_eq!(vtt.cues[0].payload, "<b><i>H\u{e9}llo</i></b> <c.fg_ff8000><u>a&lt;b</u></c>");
        assert_eq!(vtt.cues[1].payload, "x\n&nbsp;\ny");
    }

    #[test]
    fn the_sample_entry_tells_what_is_forced_and_where_text_stands() {
        let mut entry = b"\0\0\0\x2etx3g\0\0\0\0\0\0\0\x01\xc0\0\0\0\x01\0".to_vec();
        entry.extend_from_slice(&[0; 12]);
        entry.extend_from_slice(b"\0\0\0\0\0\x01\x02\x12\xff\xff\xff\xff");
        let (vtt, forced) = parse(&Bytes::from(entry), &[(0, 1000, sample("a", &[]))]).unwrap();
        assert!(forced);
        assert_eq!((vtt.cues[0].settings.as_str(), vtt.cues[0].payload.as_str()), ("line:0", "<i>a</i>"));
    }

    #[test]
    fn damage_is_said() {
        let samples = [(0, 1, Bytes::from_static(b"\0\x09abc"))];
        assert!(matches!(parse(&Bytes::new(), &samples), Err(Error::Sample { sample: 0, .. })));
    }
}
