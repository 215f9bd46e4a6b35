//! Caption files and the samples of text tracks.

use bytes::Bytes;
use headwater::text::{FileKind, SampleKind, TimedText};

/// The first byte says what the rest is: a file of some kind, or a sample entry and samples.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let parsed = match kind {
        b'W' => FileKind::WebVtt.parse(rest),
        b'S' => FileKind::SubRip.parse(rest),
        b'<' => FileKind::Ttml.parse(data),
        b'X' => FileKind::Xml.parse(rest),
        b'w' => samples(SampleKind::WebVtt, rest),
        b's' => samples(SampleKind::Ttml, rest),
        b't' => samples(SampleKind::Tx3g, rest),
        _ => return,
    };
    if let Ok(text) = parsed {
        written(&text);
    }
}

/// A sample entry and samples of two seconds, each behind its length in two bytes.
fn samples(kind: SampleKind, data: &[u8]) -> Result<TimedText, headwater::text::Error> {
    let (mut pieces, mut rest) = (Vec::new(), data);
    while let Some((length, after)) = rest.split_at_checked(2) {
        let length = usize::from(length[0]) << 8 | usize::from(length[1]);
        let (piece, after) = after.split_at(length.min(after.len()));
        pieces.push(Bytes::copy_from_slice(piece));
        rest = after;
    }
    let entry = if pieces.is_empty() { Bytes::new() } else { pieces.remove(0) };
    let timed = |(index, data): (usize, Bytes)| (index as u64 * 2000, index as u64 * 2000 + 2000, data);
    kind.parse(&entry, &pieces.into_iter().enumerate().map(timed).collect::<Vec<_>>())
}

/// What is written of it is whole, and says the same.
fn written(text: &TimedText) {
    let cues = text.cues();
    assert!(cues.windows(2).all(|w| w[0].begin <= w[1].begin), "in order");
    for cue in cues {
        assert!(cue.begin < cue.end, "{cue:?}");
        assert!(
            !cue.payload.contains("-->") && !cue.payload.contains("\n\n") && !cue.payload.starts_with('\n'),
            "{cue:?}"
        );
        assert!(!cue.id.contains(['\n', '\r']) && !cue.settings.contains(['\n', '\r']), "{cue:?}");
    }
    let first = cues.first().map_or(0, |cue| cue.begin);
    for (begin, end) in [(0, 2000), (first, first + 2000), (text.end(), text.end() + 1), (0, u64::MAX >> 8)] {
        if let Ok(samples) = text.wvtt_samples(begin, end) {
            assert_eq!((samples[0].begin, samples[samples.len() - 1].end), (begin, end));
            assert!(samples.windows(2).all(|w| w[0].end == w[1].begin && w[0].begin < w[0].end));
        }
        let shown = text.cues_in(begin, end).count();
        if let Ok(file) = text.web_vtt_segment(begin, end, "") {
            let again = FileKind::WebVtt.parse(file.as_bytes()).expect("our own WebVTT");
            assert_eq!(again.cues().len(), shown, "{file}");
        }
        for relative in [false, true] {
            for sample in text.ttml_samples(begin, end, relative).unwrap_or_default() {
                assert!(begin <= sample.begin && sample.begin < sample.end && sample.end <= end);
                let again = FileKind::Ttml.parse(&sample.data);
                assert!(again.is_ok(), "{:?}: {}", again.err(), String::from_utf8_lossy(&sample.data));
            }
        }
    }
}
