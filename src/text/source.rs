//! Which kind of captions a file or a sample entry holds, and the track that comes of it.

use bytes::Bytes;

use super::ttml::{self, Ttml};
use super::{Error, MAX_BYTES, TimedText, tx3g, webvtt, wvtt};

/// A caption file by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// `.vtt`, `.webvtt`.
    WebVtt,
    /// `.srt`.
    SubRip,
    /// `.ttml`, `.dfxp`.
    Ttml,
    /// `.xml`: TTML, or something else altogether.
    Xml,
}

impl FileKind {
    /// Of a file of that name; `None` if it is none of captions.
    pub fn of(name: &str) -> Option<FileKind> {
        let (_, ending) = name.rsplit_once('.')?;
        let kinds = [
            ("vtt", FileKind::WebVtt),
            ("webvtt", FileKind::WebVtt),
            ("srt", FileKind::SubRip),
            ("ttml", FileKind::Ttml),
            ("dfxp", FileKind::Ttml),
            ("xml", FileKind::Xml),
        ];
        kinds.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known)).map(|(_, kind)| *kind)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error`] when it is not what its name says.
    pub fn parse(self, bytes: &[u8]) -> Result<TimedText, Error> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::TooLarge { bytes: bytes.len() as u64, limit: MAX_BYTES });
        }
        match self {
            FileKind::WebVtt => Ok(TimedText::web_vtt(webvtt::parse(bytes)?, bytes.len())),
            FileKind::SubRip => Ok(TimedText::web_vtt(webvtt::parse_sub_rip(bytes)?, bytes.len())),
            FileKind::Ttml | FileKind::Xml => TimedText::ttml(ttml::parse(bytes)?, bytes.len()),
        }
    }
}

/// Timed text in the samples of an MP4 track, by the type of its sample entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SampleKind {
    /// `wvtt`.
    WebVtt,
    /// `stpp`; `dfxp` in old fragmented files.
    Ttml,
    /// `tx3g`, and QuickTime's `text`.
    Tx3g,
}

impl SampleKind {
    /// Of a sample entry of that type; `None` if it is none of timed text.
    pub fn of(sample_entry: &[u8; 4]) -> Option<SampleKind> {
        match sample_entry {
            b"wvtt" => Some(SampleKind::WebVtt),
            b"stpp" | b"dfxp" => Some(SampleKind::Ttml),
            b"tx3g" | b"text" => Some(SampleKind::Tx3g),
            _ => None,
        }
    }

    /// The track of that sample entry (a whole box) and those samples, each with its beginning and end in
    /// milliseconds of the presentation, in order.
    ///
    /// # Errors
    /// [`Error`] when a sample is not what the entry promises.
    pub fn parse(self, entry: &Bytes, samples: &[(u64, u64, Bytes)]) -> Result<TimedText, Error> {
        let bytes: usize = samples.iter().map(|(_, _, data)| data.len()).sum();
        if bytes as u64 > MAX_BYTES {
            return Err(Error::TooLarge { bytes: bytes as u64, limit: MAX_BYTES });
        }
        match self {
            SampleKind::WebVtt => Ok(TimedText::web_vtt(wvtt::parse(entry, samples)?, bytes)),
            SampleKind::Tx3g => {
                let (vtt, forced) = tx3g::parse(entry, samples)?;
                Ok(TimedText::web_vtt(vtt, bytes).with_forced(forced))
            }
            SampleKind::Ttml => TimedText::documents(documents(samples)?, bytes),
        }
    }
}

/// The documents of a track. Their times are the presentation's (ISO/IEC 14496-30 5.2); Smooth's writers had them
/// count from each sample's beginning, and which of the two is meant is told by what then can be seen of them.
fn documents(samples: &[(u64, u64, Bytes)]) -> Result<Vec<(u64, u64, Ttml)>, Error> {
    let mut documents: Vec<(u64, u64, Ttml)> = Vec::with_capacity(samples.len());
    let (mut of_track, mut of_sample) = (0u32, 0u32);
    for (begin, end, data) in samples.iter().filter(|(begin, end, data)| begin < end && !data.is_empty()) {
        let document = ttml::parse(data)?;
        if let Some((first, last)) = document.extent().filter(|_| *begin > 0) {
            of_track += u32::from(first < *end && last > *begin);
            of_sample += u32::from(first < end - begin);
        }
        documents.push((*begin, *end, document));
    }
    if of_sample > of_track {
        for (begin, _, document) in &mut documents {
            document.delay(i64::try_from(*begin).unwrap_or(0));
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(begin: &str, end: &str, text: &str) -> Bytes {
        Bytes::from(format!(
            "<tt xmlns='http://www.w3.org/ns/ttml'><body><div><p begin='{begin}' end='{end}'>{text}</p></div></body></tt>"
        ))
    }

    #[test]
    fn documents_count_from_the_track_or_from_their_sample() {
        let of_track = [(0, 2000, document("1s", "3s", "a")), (2000, 4000, document("1s", "3s", "a"))];
        let track = SampleKind::Ttml.parse(&Bytes::new(), &of_track).unwrap();
        assert_eq!(track.cues().iter().map(|c| (c.begin, c.end)).collect::<Vec<_>>(), [(1000, 3000)]);
        let of_sample = [(0, 2000, document("1s", "2s", "a")), (2000, 4000, document("0s", "1.5s", "a"))];
        let track = SampleKind::Ttml.parse(&Bytes::new(), &of_sample).unwrap();
        assert_eq!(track.cues().iter().map(|c| (c.begin, c.end)).collect::<Vec<_>>(), [(1000, 3500)]);
    }

    #[test]
    fn files_are_known_by_their_names() {
        assert_eq!(FileKind::of("film.en.VTT"), Some(FileKind::WebVtt));
        assert_eq!(FileKind::of("film.mp4"), None);
        assert!(matches!(FileKind::Xml.parse(b"<AssetFiles/>"), Err(Error::NotTtml { .. })));
    }
}
