//! A whole track of captions or subtitles, and what its segments are made of.

use std::collections::BTreeSet;

use super::time::OPEN_END;
use super::ttml::{Converter, Span, Ttml};
use super::wvtt;
use super::{Cue, Error, webvtt};

/// What a track was written in. The same goes out as it came, the other is converted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Format {
    /// WebVTT, and what is read as such: SubRip, 3GPP timed text.
    WebVtt,
    /// TTML.
    Ttml,
}

/// What is shown from one moment to another: a sample of an MP4 track.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextSample {
    /// Milliseconds of the presentation.
    pub begin: u64,
    /// Milliseconds; where the next sample begins.
    pub end: u64,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// A TTML document and the time in which it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Document {
    begin: u64,
    end: u64,
    ttml: Ttml,
}

/// A track of captions or subtitles.
#[derive(Clone, Debug)]
pub struct TimedText {
    format: Format,
    /// `STYLE` and `REGION` blocks for its cues.
    blocks: Vec<String>,
    /// In order of their beginning.
    cues: Vec<Cue>,
    /// Of each cue, the latest end of it and all before it: tells where to begin looking.
    latest_ends: Vec<u64>,
    /// Of TTML, in order.
    documents: Vec<Document>,
    converter: Converter,
    /// All of it is to be shown whether or not the viewer wants subtitles (3GPP timed text says so).
    forced: bool,
    bytes: usize,
}

/// The most bytes of a segment.
pub const MAX_SEGMENT_BYTES: usize = 16 << 20;

impl TimedText {
    /// Of WebVTT; `bytes` is how large its source was.
    pub fn web_vtt(vtt: webvtt::WebVtt, bytes: usize) -> TimedText {
        TimedText::new(Format::WebVtt, vtt.blocks, vtt.cues, Vec::new(), bytes)
    }

    /// Of one TTML document that is a file of its own.
    ///
    /// # Errors
    /// [`Error`] when it has more cues than are read.
    pub fn ttml(document: Ttml, bytes: usize) -> Result<TimedText, Error> {
        TimedText::documents(vec![(0, OPEN_END, document)], bytes)
    }

    /// Of TTML documents, each with the time in which it is shown, milliseconds, in order and without overlap.
    ///
    /// # Errors
    /// [`Error`] when they have more cues than are read.
    pub fn documents(documents: Vec<(u64, u64, Ttml)>, bytes: usize) -> Result<TimedText, Error> {
        let mut colors = BTreeSet::new();
        let mut cues = Vec::new();
        let mut of_documents = Vec::with_capacity(documents.len());
        for (begin, end, mut ttml) in documents {
            ttml.clip(begin, end);
            cues.extend(ttml.cues(&mut colors)?);
            if cues.len() > super::MAX_CUES {
                return Err(Error::TooManyCues { limit: super::MAX_CUES });
            }
            of_documents.push(Document { begin, end, ttml });
        }
        cues.sort_by_key(|cue| cue.begin);
        // Of the samples of a track, each shows its part of what goes on.
        let cues = if of_documents.len() > 1 { joined(cues) } else { cues };
        Ok(TimedText::new(Format::Ttml, Ttml::style_block(&colors).into_iter().collect(), cues, of_documents, bytes))
    }

    fn new(format: Format, blocks: Vec<String>, cues: Vec<Cue>, documents: Vec<Document>, bytes: usize) -> TimedText {
        let latest = cues.iter().scan(0, |latest: &mut u64, cue| {
            *latest = cue.end.max(*latest);
            Some(*latest)
        });
        let latest_ends = latest.collect();
        let converter = Converter::new("", &blocks);
        TimedText { format, blocks, cues, latest_ends, documents, converter, forced: false, bytes }
    }

    /// The same in that language (BCP 47), which documents that are made of WebVTT state.
    #[must_use]
    pub fn in_language(mut self, language: &str) -> TimedText {
        self.converter = Converter::new(language, &self.blocks);
        self
    }

    /// The same, to be shown whether or not the viewer wants subtitles.
    #[must_use]
    pub fn with_forced(mut self, forced: bool) -> TimedText {
        self.forced = forced;
        self
    }

    /// What it was written in.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The source says that all of it is forced.
    pub fn is_forced(&self) -> bool {
        self.forced
    }

    /// All cues, in order of their beginning.
    pub fn cues(&self) -> &[Cue] {
        &self.cues
    }

    /// Its language as a TTML document states it; empty if it does not.
    pub fn language(&self) -> &str {
        self.documents.first().map_or("", |document| document.ttml.language())
    }

    /// When the last cue goes, milliseconds; one that stays for ever goes when it comes.
    pub fn end(&self) -> u64 {
        self.cues.iter().map(|cue| if cue.end < OPEN_END { cue.end } else { cue.begin }).max().unwrap_or(0)
    }

    /// Bytes of memory that it occupies, for cache weights.
    pub fn memory(&self) -> usize {
        // A tree takes several times the bytes that it was read from.
        let trees = if self.format == Format::Ttml { self.bytes.saturating_mul(4) } else { 0 };
        trees + self.cues.iter().map(Cue::memory).sum::<usize>() + self.latest_ends.len() * 8
    }

    /// The cues that are shown at some time from `begin` to `end` (exclusive), milliseconds.
    pub fn cues_in(&self, begin: u64, end: u64) -> impl Iterator<Item = &Cue> + Clone {
        self.numbered(begin, end).map(|(_, cue)| cue)
    }

    fn numbered(&self, begin: u64, end: u64) -> impl Iterator<Item = (usize, &Cue)> + Clone {
        let first = self.latest_ends.partition_point(|latest| *latest <= begin);
        let last = self.cues.partition_point(|cue| cue.begin < end).max(first);
        let some = self.cues.get(first..last).unwrap_or_default();
        some.iter().enumerate().map(move |(index, cue)| (first + index, cue)).filter(move |(_, cue)| cue.end > begin)
    }

    /// What `wvtt` tracks state before all cues: the mark of WebVTT and its blocks.
    pub fn header(&self) -> String {
        webvtt::header(&self.blocks)
    }

    /// A WebVTT file of what is shown from `begin` to `end`, milliseconds; `timestamp_map` is a whole line.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn web_vtt_segment(&self, begin: u64, end: u64, timestamp_map: &str) -> Result<String, Error> {
        let mut out = String::new();
        let blocks: usize = self.blocks.iter().map(String::len).sum();
        let sizes = self.cues_in(begin, end).map(|cue| cue.payload.len() + cue.settings.len() + cue.id.len() + 64);
        within(blocks + sizes.sum::<usize>())?;
        webvtt::write(&mut out, timestamp_map, &self.blocks, self.cues_in(begin, end));
        Ok(out)
    }

    /// `wvtt` samples (ISO/IEC 14496-30 6.6) that fill the time from `begin` to `end`, milliseconds.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn wvtt_samples(&self, begin: u64, end: u64) -> Result<Vec<TextSample>, Error> {
        wvtt::samples(&self.numbered(begin, end).collect::<Vec<_>>(), begin, end)
    }

    /// TTML documents as samples that fill the time from `begin` to `end`, milliseconds. Their times are the
    /// presentation's or, `relative`, count from the beginning of each.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn ttml_samples(&self, begin: u64, end: u64, relative: bool) -> Result<Vec<TextSample>, Error> {
        let sample = |begin, end, text: String| TextSample { begin, end, data: text.into_bytes() };
        if self.format == Format::WebVtt {
            let sizes = self.cues_in(begin, end).map(|cue| cue.payload.len() * 2 + 256);
            within(sizes.sum())?;
            let text = self.converter.write(Span { begin, end, relative }, self.cues_in(begin, end));
            return Ok(vec![sample(begin, end, text)]);
        }
        let mut samples: Vec<TextSample> = Vec::new();
        let (mut at, mut bytes) = (begin, 0);
        let mut push = |from: u64, to: u64, document: &Ttml| {
            let text = document.write(Span { begin: from, end: to, relative });
            bytes += text.len();
            samples.push(sample(from, to, text));
            within(bytes)
        };
        let first = self.documents.partition_point(|document| document.end <= begin);
        for document in self.documents.get(first..).unwrap_or_default() {
            if document.begin >= end {
                break;
            }
            if document.begin > at {
                // Nothing of this document is shown in the time before it.
                push(at, document.begin, &document.ttml)?;
                at = document.begin;
            }
            let to = document.end.min(end);
            if to > at {
                push(at, to, &document.ttml)?;
                at = to;
            }
        }
        if at < end
            && let Some(document) = self.documents.last()
        {
            push(at, end, &document.ttml)?;
        }
        Ok(samples)
    }
}

fn within(bytes: usize) -> Result<(), Error> {
    let limit = MAX_SEGMENT_BYTES as u64;
    if bytes as u64 > limit { Err(Error::TooLarge { bytes: bytes as u64, limit }) } else { Ok(()) }
}

/// Cues that were cut where one sample ends and the next begins become one again.
pub(super) fn joined(cues: Vec<Cue>) -> Vec<Cue> {
    let mut joined: Vec<Cue> = Vec::with_capacity(cues.len());
    // Those that may go on; few are shown at the same time.
    let mut open: Vec<usize> = Vec::new();
    for cue in cues {
        open.retain(|index| joined.get(*index).is_some_and(|before| before.end >= cue.begin));
        let before = open.iter().rev().take(64).copied().find(|index| {
            joined.get(*index).is_some_and(|before| before.end == cue.begin && before.says_the_same(&cue))
        });
        match before.and_then(|index| joined.get_mut(index)) {
            Some(before) => before.end = cue.end,
            None => {
                if open.len() < 1024 {
                    open.push(joined.len());
                }
                joined.push(cue);
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(begin: u64, end: u64, payload: &str) -> Cue {
        Cue { begin, end, payload: payload.to_owned(), ..Cue::default() }
    }

    fn track(cues: Vec<Cue>) -> TimedText {
        TimedText::web_vtt(webvtt::WebVtt { blocks: Vec::new(), cues }, 0)
    }

    #[test]
    fn the_cues_of_a_segment_are_those_that_overlap_it() {
        let track = track(vec![cue(0, 9000, "long"), cue(1000, 2000, "a"), cue(2000, 4000, "b"), cue(6000, 7000, "c")]);
        let of = |begin, end| track.cues_in(begin, end).map(|c| c.payload.as_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(of(0, 1000), "long");
        assert_eq!(of(0, 2000), "long a");
        assert_eq!(of(2000, 4000), "long b");
        assert_eq!(of(4000, 6000), "long");
        assert_eq!(of(8000, 10_000), "long");
        assert_eq!(of(9000, 10_000), "");
        assert_eq!(track.end(), 9000);
    }

    #[test]
    fn cues_that_were_cut_become_one() {
        let cues = vec![cue(0, 10, "a"), cue(0, 10, "b"), cue(10, 20, "a"), cue(12, 20, "b"), cue(20, 30, "a")];
        assert_eq!(joined(cues), [cue(0, 30, "a"), cue(0, 10, "b"), cue(12, 20, "b")]);
    }

    #[test]
    fn an_empty_segment_is_a_header_alone() {
        let track = track(vec![cue(0, 10, "a")]);
        assert_eq!(track.web_vtt_segment(100, 200, "MAP\n").unwrap(), "WEBVTT\nMAP\n");
        assert!(
            String::from_utf8(track.ttml_samples(100, 200, false).unwrap().remove(0).data)
                .unwrap()
                .contains("<div></div>")
        );
    }
}
