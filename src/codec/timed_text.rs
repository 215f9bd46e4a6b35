//! Captions and subtitles as ISO media carry them (ISO/IEC 14496-30): the sample entries `wvtt` and `stpp`.

use bytes::Bytes;

use super::{AudioProperties, Codec, SmoothProperties, TransportStream, VideoProperties};
use crate::isobmff::{FourCc, write_box};

/// The two forms of text in ISO media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextForm {
    /// WebVTT cues in boxes (ISO/IEC 14496-30 6).
    WebVtt,
    /// TTML documents, of the IMSC 1 text profile (ISO/IEC 14496-30 5).
    Ttml,
}

/// The namespace of TTML (TTML1 5.1).
const TTML_NAMESPACE: &[u8] = b"http://www.w3.org/ns/ttml";

/// A track of captions or subtitles.
#[derive(Debug, Clone)]
pub struct TimedText {
    form: TextForm,
    entry: Bytes,
}

impl TimedText {
    /// WebVTT whose file begins with `header`: the line `WEBVTT` and the blocks before the first cue.
    pub fn web_vtt(header: &str) -> TimedText {
        let mut entry = Vec::new();
        write_box(&mut entry, FourCc(*b"wvtt"), |out| {
            out.extend_from_slice(&SAMPLE_ENTRY);
            write_box(out, FourCc(*b"vttC"), |out| out.extend_from_slice(header.as_bytes()));
        });
        TimedText { form: TextForm::WebVtt, entry: Bytes::from(entry) }
    }

    /// TTML.
    pub fn ttml() -> TimedText {
        let mut entry = Vec::new();
        write_box(&mut entry, FourCc(*b"stpp"), |out| {
            out.extend_from_slice(&SAMPLE_ENTRY);
            out.extend_from_slice(TTML_NAMESPACE);
            // Ends of the namespace, of no schema location and of no auxiliary media types.
            out.extend_from_slice(&[0, 0, 0]);
        });
        TimedText { form: TextForm::Ttml, entry: Bytes::from(entry) }
    }
}

/// Six reserved bytes and `data_reference_index` 1 (ISO/IEC 14496-12 8.5.2.2).
const SAMPLE_ENTRY: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

impl Codec for TimedText {
    fn rfc6381(&self) -> String {
        match self.form {
            TextForm::WebVtt => "wvtt".to_owned(),
            TextForm::Ttml => "stpp.ttml.im1t".to_owned(),
        }
    }

    fn four_cc(&self) -> FourCc {
        match self.form {
            TextForm::WebVtt => FourCc(*b"wvtt"),
            TextForm::Ttml => FourCc(*b"stpp"),
        }
    }

    fn sample_entry(&self) -> Bytes {
        self.entry.clone()
    }

    fn video(&self) -> Option<VideoProperties> {
        None
    }

    fn audio(&self) -> Option<AudioProperties> {
        None
    }

    /// Smooth knows TTML alone (MS-SSTR 2.2.2.5); WebVTT is converted.
    fn smooth(&self) -> Option<SmoothProperties> {
        Some(SmoothProperties {
            four_cc: "TTML",
            codec_private_data: String::new(),
            audio_tag: None,
            packet_size: None,
            nal_unit_length_field: None,
        })
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        None
    }

    fn text(&self) -> Option<TextForm> {
        Some(self.form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_entries_are_laid_out_as_the_standard_says() {
        let vtt = TimedText::web_vtt("WEBVTT");
        assert_eq!(&vtt.sample_entry()[..], b"\0\0\0\x1ewvtt\0\0\0\0\0\0\0\x01\0\0\0\x0evttCWEBVTT");
        let ttml = TimedText::ttml().sample_entry();
        assert_eq!((ttml.len(), &ttml[4..8]), (16 + 25 + 3, &b"stpp"[..]));
        assert!(ttml.ends_with(b"/ns/ttml\0\0\0"));
        assert_eq!(TimedText::ttml().rfc6381(), "stpp.ttml.im1t");
    }
}
