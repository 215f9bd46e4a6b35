//! Captions: files of their own, and tracks of MP4 files, both read whole.

use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{self, Codec};
use crate::isobmff::{self, FourCc};
use crate::media::{ByteRange, Edit, Purpose, SampleIndexBuilder, TrackKind, language};
use crate::text::{self, FileKind, Format, MAX_BYTES, SampleKind, TimedText};
use crate::time::{MediaTime, Timescale};

use super::window::Window;
use super::{Container, FileIndex, SourceTrack};

/// The index of a caption file: one track, or none of an `.xml` that is something else.
pub(super) fn file(name: &str, kind: FileKind, bytes: &Bytes) -> FileIndex {
    match kind.parse(bytes) {
        Err(text::Error::NotTtml { .. } | text::Error::Xml(_)) if kind == FileKind::Xml => index(Vec::new()),
        parsed => index(vec![track(name, parsed)]),
    }
}

/// The index of a caption file that is too large to be read.
pub(super) fn too_large(name: &str, bytes: u64) -> FileIndex {
    index(vec![track(name, Err(text::Error::TooLarge { bytes, limit: MAX_BYTES }))])
}

fn index(tracks: Vec<SourceTrack>) -> FileIndex {
    FileIndex { container: Container::Captions, movie_timescale: Timescale::MILLISECONDS, user_data: None, tracks }
}

fn track(name: &str, parsed: Result<TimedText, text::Error>) -> SourceTrack {
    let named = Named::of(name);
    let stated = parsed.as_ref().map(|t| t.language().to_owned()).unwrap_or_default();
    let language = named.language.unwrap_or(if stated.is_empty() { "und".to_owned() } else { stated });
    SourceTrack {
        id: 1,
        handler: FourCc(*b"text"),
        kind: Some(TrackKind::Text),
        handler_name: String::new(),
        label: None,
        purpose: named.purpose,
        language,
        enabled: true,
        codec: codec_of(&parsed),
        sample_entry: None,
        several_sample_entries: false,
        timescale: Timescale::MILLISECONDS,
        creation_time: 0,
        edits: Vec::new(),
        edit: Edit::default(),
        edits_simplified: false,
        samples: Arc::new(SampleIndexBuilder::new(Timescale::MILLISECONDS, 0).finish()),
        served_samples: 0,
        ends_within: None,
        fragment_starts: None,
        encryption: None,
        text: parsed.ok().map(Arc::new),
        closed_captions: codec::ClosedCaptions::default(),
    }
}

fn codec_of(parsed: &Result<TimedText, text::Error>) -> Result<Arc<dyn Codec>, codec::Error> {
    match parsed {
        Ok(text) => Ok(match text.format() {
            Format::WebVtt => Arc::new(codec::TimedText::web_vtt(&text.header())),
            Format::Ttml => Arc::new(codec::TimedText::ttml()),
        }),
        Err(error) => Err(codec::Error::Captions { reason: error.to_string() }),
    }
}

/// What a file's name tells: `film.en.vtt`, `film_fra_forced.vtt`, `film.pt-BR.sdh.ttml`.
#[derive(Debug, Default)]
struct Named {
    language: Option<String>,
    purpose: Purpose,
}

impl Named {
    fn of(path: &str) -> Named {
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let mut named = Named::default();
        let words: Vec<&str> = stem.split(['.', '_', ' ', '(', ')', '[', ']', '-']).filter(|w| !w.is_empty()).collect();
        // What stands first is the film's name, unless it is all there is.
        let rest = if words.len() > 1 { words.get(1..).unwrap_or_default() } else { &words[..] };
        for (index, word) in rest.iter().enumerate().rev() {
            match word.to_ascii_lowercase().as_str() {
                "forced" => named.purpose.add_role("forced-subtitle"),
                "sdh" | "cc" | "caption" | "captions" => named.purpose.add_role("caption"),
                "commentary" => named.purpose.add_role("commentary"),
                "sub" | "subs" | "subtitle" | "subtitles" | "default" | "full" => {}
                lower if language::is_code(lower) => {
                    // A region may stand behind: `pt-BR`.
                    let region =
                        rest.get(index + 1).filter(|r| r.len() == 2 && r.bytes().all(|b| b.is_ascii_uppercase()));
                    named.language = Some(match region {
                        Some(region) => format!("{lower}-{region}"),
                        None => lower.to_owned(),
                    });
                    // `BR` was taken for Breton, perhaps.
                    if word.bytes().any(|b| b.is_ascii_lowercase()) || index == 0 {
                        break;
                    }
                }
                _ => break,
            }
        }
        named
    }
}

/// The track holds timed text that is read here. QuickTime's chapters look like subtitles but are not enabled.
pub(super) fn is_text(track: &isobmff::Track, sample_entry: Option<FourCc>) -> bool {
    let handler = matches!(&track.handler.0, b"text" | b"sbtl" | b"subt" | b"subp");
    let kind = sample_entry.and_then(|entry| SampleKind::of(&entry.0));
    let chapters = sample_entry == Some(FourCc(*b"text")) && !track.enabled;
    handler && kind.is_some() && !chapters
}

/// The most samples of a text track.
const MAX_SAMPLES: u32 = 200_000;
/// Samples that lie this near are read together, bytes.
const GAP: u64 = 64 << 10;
/// The most that is read at once, bytes.
const READ: u64 = 4 << 20;

/// Reads the samples of one track.
#[derive(Debug)]
pub(super) struct TextReader {
    /// Index of the track in its file.
    pub(super) track: usize,
    kind: SampleKind,
    entry: Bytes,
    samples: Vec<(u64, u64, Bytes)>,
    next: u32,
}

impl TextReader {
    /// For the track with that sample entry; `None` where it is no timed text.
    pub(super) fn new(track: usize, entry: &Bytes) -> Option<TextReader> {
        let kind = SampleKind::of(entry.get(4..8)?.first_chunk()?)?;
        Some(TextReader { track, kind, entry: entry.clone(), samples: Vec::new(), next: 0 })
    }

    /// Takes what the window holds; what is to be read next, or `None` when the track has got its text.
    pub(super) fn step(&mut self, track: &mut SourceTrack, window: &Window) -> Option<ByteRange> {
        if track.samples.len() > MAX_SAMPLES || track.samples.bytes() > MAX_BYTES {
            let what = "too many or too large samples for captions";
            track.codec = Err(codec::Error::Captions { reason: what.to_owned() });
            return None;
        }
        let shift = track.edit.delay - track.edit.media_time;
        let millis = |ticks: i64| {
            let time = MediaTime::new(ticks.saturating_add(shift), track.timescale);
            time.round(Timescale::MILLISECONDS).max(0).unsigned_abs()
        };
        let samples = Arc::clone(&track.samples);
        for (decode, sample) in
            samples.iter_from(self.next).take((track.served_samples.saturating_sub(self.next)) as usize)
        {
            let range = sample.offset..sample.offset.saturating_add(u64::from(sample.size));
            let Some(data) = window.get(&range) else {
                let mut end = range.end;
                for (_, near) in samples.iter_from(self.next + 1).take(1024) {
                    let near_end = near.offset.saturating_add(u64::from(near.size));
                    let fits = near.offset >= end && near.offset - end <= GAP && near_end - range.start <= READ;
                    if !fits {
                        break;
                    }
                    end = near_end;
                }
                return Some(range.start..end);
            };
            let begin = decode + i64::from(sample.composition_offset);
            let times = (millis(begin), millis(begin + i64::from(sample.duration)));
            self.samples.push((times.0, times.1, Bytes::copy_from_slice(&data)));
            self.next += 1;
        }
        let parsed = self.kind.parse(&self.entry, &self.samples);
        track.codec = codec_of(&parsed);
        if let Ok(text) = parsed {
            if text.is_forced() {
                track.purpose.add_role("forced-subtitle");
            }
            track.text = Some(Arc::new(text));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_languages_and_purposes() {
        for (name, language, roles) in [
            ("film.en.vtt", Some("en"), &[][..]),
            ("film_fra_forced.vtt", Some("fra"), &["forced-subtitle"]),
            ("film.en.sdh.vtt", Some("en"), &["caption"]),
            ("TOS-JA.vtt", Some("ja"), &[]),
            ("subs/film.pt-BR.ttml", Some("pt-BR"), &[]),
            ("en.vtt", Some("en"), &[]),
            ("film.vtt", None, &[]),
            ("the.best.of.it.all.vtt", None, &[]),
            ("film_cc.xml", None, &["caption"]),
        ] {
            let named = Named::of(name);
            assert_eq!(named.language.as_deref(), language, "{name}");
            assert_eq!(named.purpose.roles, roles, "{name}");
        }
    }

    #[test]
    fn a_file_is_a_track_and_other_xml_is_none() {
        let vtt = Bytes::from_static(b"WEBVTT\n\n00:01.000 --> 00:02.000\na\n");
        let index = file("film.de.vtt", FileKind::WebVtt, &vtt);
        let track = &index.tracks[0];
        assert_eq!((track.language.as_str(), track.codec.as_ref().unwrap().rfc6381().as_str()), ("de", "wvtt"));
        assert_eq!(track.text.as_ref().unwrap().cues().len(), 1);
        assert!(file("film.xml", FileKind::Xml, &Bytes::from_static(b"<AssetFiles/>")).tracks.is_empty());
        let broken = file("film.vtt", FileKind::WebVtt, &Bytes::from_static(b"hello"));
        assert!(matches!(broken.tracks[0].codec, Err(codec::Error::Captions { .. })));
        assert!(too_large("film.vtt", 1 << 40).tracks[0].codec.is_err());
    }
}
