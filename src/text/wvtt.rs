//! WebVTT in MP4: samples of cue boxes (ISO/IEC 14496-30 6.6).

use bytes::Bytes;

use super::time::push_timestamp;
use super::track::{MAX_SEGMENT_BYTES, TextSample, joined};
use super::webvtt::{self, WebVtt};
use super::{Cue, Error, MAX_CUES};
use crate::isobmff::{FourCc, boxes, write_box};

/// Samples that fill the time from `begin` to `end`, milliseconds, with those cues: a sample ends wherever a cue
/// comes or goes, and one without cues has an empty box. `cues` are in order, each with a number that all parts
/// of a cue that is cut have in common.
pub(super) fn samples(cues: &[(usize, &Cue)], begin: u64, end: u64) -> Result<Vec<TextSample>, Error> {
    let mut moments: Vec<u64> = cues.iter().flat_map(|(_, cue)| [cue.begin, cue.end]).collect();
    moments.retain(|at| *at > begin && *at < end);
    moments.extend([begin, end]);
    moments.sort_unstable();
    moments.dedup();
    let mut samples = Vec::with_capacity(moments.len());
    let (mut next, mut bytes) = (0, 0);
    let mut shown: Vec<(usize, &Cue)> = Vec::new();
    for pair in moments.windows(2) {
        let [from, to] = pair else { continue };
        while let Some(&(number, cue)) = cues.get(next).filter(|(_, cue)| cue.begin < *to) {
            shown.push((number, cue));
            next += 1;
        }
        shown.retain(|(_, cue)| cue.end > *from);
        let mut data = Vec::new();
        for (number, cue) in &shown {
            let cut = (cue.begin, cue.end) != (*from, *to);
            write_cue(&mut data, cue, cut.then_some(*number), *from);
            if bytes + data.len() > MAX_SEGMENT_BYTES {
                let limit = MAX_SEGMENT_BYTES as u64;
                return Err(Error::TooLarge { bytes: (bytes + data.len()) as u64, limit });
            }
        }
        if data.is_empty() {
            write_box(&mut data, FourCc(*b"vtte"), |_| {});
        }
        bytes += data.len();
        samples.push(TextSample { begin: *from, end: *to, data });
    }
    Ok(samples)
}

fn write_cue(out: &mut Vec<u8>, cue: &Cue, source: Option<usize>, from: u64) {
    let text = |out: &mut Vec<u8>, kind: &[u8; 4], text: &str| {
        write_box(out, FourCc(*kind), |out| out.extend_from_slice(text.as_bytes()));
    };
    write_box(out, FourCc(*b"vttc"), |out| {
        if let Some(number) = source {
            let number = u32::try_from(number).unwrap_or(u32::MAX >> 1);
            write_box(out, FourCc(*b"vsid"), |out| out.extend_from_slice(&number.to_be_bytes()));
        }
        if !cue.id.is_empty() {
            text(out, b"iden", &cue.id);
        }
        // Times inside of the text are the file's, and a part of a cue has lost what they count from.
        let timed = cue.payload.as_bytes().windows(2).any(|pair| pair[0] == b'<' && pair[1].is_ascii_digit());
        if timed && source.is_some() {
            let mut time = String::new();
            push_timestamp(&mut time, from);
            text(out, b"ctim", &time);
        }
        if !cue.settings.is_empty() {
            text(out, b"sttg", &cue.settings);
        }
        text(out, b"payl", &cue.payload);
    });
}

/// A track's cues from its sample entry (a whole box) and its samples.
///
/// # Errors
/// [`Error::Sample`] for a sample that is not made of boxes, [`Error::TooManyCues`].
pub fn parse(entry: &Bytes, samples: &[(u64, u64, Bytes)]) -> Result<WebVtt, Error> {
    let mut vtt = WebVtt::default();
    if let Some(fields) = entry.get(16..).map(|_| entry.slice(16..)) {
        let header = boxes(&fields, 0).filter_map(Result::ok).find(|found| &found.kind.0 == b"vttC");
        if let Some(header) = header {
            vtt.blocks = webvtt::header_blocks(&String::from_utf8_lossy(&header.body));
        }
    }
    for (index, (begin, end, data)) in samples.iter().enumerate() {
        let damaged = |what| Error::Sample { sample: index, what };
        for found in boxes(data, 0) {
            let found = found.map_err(|_| damaged("it is not made of boxes"))?;
            if &found.kind.0 != b"vttc" || end <= begin {
                continue;
            }
            if vtt.cues.len() >= MAX_CUES {
                return Err(Error::TooManyCues { limit: MAX_CUES });
            }
            let mut cue = Cue { begin: *begin, end: *end, ..Cue::default() };
            for part in boxes(&found.body, 0) {
                let part = part.map_err(|_| damaged("a cue is not made of boxes"))?;
                let text = || String::from_utf8_lossy(&part.body).replace('\0', "");
                match &part.kind.0 {
                    b"iden" => cue.id = one_line(&text()),
                    b"sttg" => cue.settings = one_line(&text()),
                    b"payl" => cue.payload = without_blank_lines(&text()),
                    _ => {}
                }
            }
            vtt.cues.push(cue);
        }
    }
    vtt.cues.sort_by_key(|cue| cue.begin);
    vtt.cues = joined(vtt.cues);
    Ok(vtt)
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ").replace("-->", "->").trim().to_owned()
}

/// An empty line, or an arrow, would end a cue where it stands in a file.
pub(super) fn without_blank_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace("-->", "--&gt;");
    let lines = text.trim_end_matches('\n').split('\n');
    lines.map(|line| if line.is_empty() { "&nbsp;" } else { line }).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(begin: u64, end: u64, id: &str, payload: &str) -> Cue {
        Cue { begin, end, id: id.to_owned(), settings: "line:0".to_owned(), payload: payload.to_owned() }
    }

    #[test]
    fn samples_have_no_gap_and_are_read_back() {
        let cues = [cue(0, 9000, "", "long <00:00:01.000>b"), cue(2500, 3000, "x", "a\nb"), cue(2800, 5000, "", "c")];
        let numbered: Vec<_> = cues.iter().enumerate().collect();
        let mut all = Vec::new();
        for (begin, end) in [(0, 2000), (2000, 4000), (4000, 12_000)] {
            let samples = samples(&numbered, begin, end).unwrap();
            assert_eq!((samples[0].begin, samples.last().unwrap().end), (begin, end));
            assert!(samples.windows(2).all(|w| w[0].end == w[1].begin));
            all.extend(samples.into_iter().map(|s| (s.begin, s.end, Bytes::from(s.data))));
        }
        assert_eq!(all.len(), 1 + 4 + 3);
        assert_eq!(&all.last().unwrap().2[..], b"\0\0\0\x08vtte");
        assert_eq!(parse(&Bytes::new(), &all).unwrap().cues, cues);
    }

    #[test]
    fn an_enormous_segment_is_refused() {
        let big = "x".repeat(100_000);
        let cues: Vec<Cue> = (0..200).map(|n| cue(n, 1000 + n, "", &big)).collect();
        let numbered: Vec<_> = cues.iter().enumerate().collect();
        assert!(matches!(samples(&numbered, 0, 2000), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn damaged_samples_are_said() {
        let samples = [(0, 10, Bytes::from_static(b"\0\0\0\xffvttc"))];
        assert!(matches!(parse(&Bytes::new(), &samples), Err(Error::Sample { sample: 0, .. })));
    }
}
