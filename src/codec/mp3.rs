//! MP3: Layer III of ISO/IEC 11172-3 and 13818-3, in `mp4a` (ISO/IEC 14496-14) or in QuickTime's `.mp3`.

use bytes::Bytes;

use super::audio_entry::AudioEntry;
use super::mp4a_entry::Mp4aEntry;
use super::{
    AudioProperties, ChannelConfiguration, Codec, Error, SampleError, SmoothProperties, TransportStream,
    VideoProperties,
};
use crate::isobmff::FourCc;

// objectTypeIndication (ISO/IEC 14496-1 table 5).
const MPEG2_AUDIO: u8 = 0x69;
const MPEG1_AUDIO: u8 = 0x6b;

const FOUR_CC: FourCc = FourCc(*b"mp4a");

/// An MP3 track.
#[derive(Debug, Clone)]
pub struct Mp3 {
    entry: Bytes,
    object_type_indication: u8,
    sampling_rate: u32,
    channels: u16,
}

impl Mp3 {
    /// It is what that objectTypeIndication says.
    pub(super) fn is_object_type(object_type_indication: u8) -> bool {
        matches!(object_type_indication, MPEG1_AUDIO | MPEG2_AUDIO)
    }

    /// Reads an `mp4a` or `.mp3` sample entry, a whole box. Channels and rate come from the first frame where it is
    /// at hand: many entries have two channels for whatever number there is (ISO/IEC 14496-14 5.6.1).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for `mp4a` of another kind, [`Error::Malformed`] when the entry is damaged or
    /// states a rate or channels that MP3 does not have.
    pub fn parse(entry: &Bytes, four_cc: FourCc, first_sample: Option<&Bytes>) -> Result<Mp3, Error> {
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let mut fields = if four_cc == FOUR_CC {
            Mp4aEntry::parse(entry, four_cc)?
        } else {
            let AudioEntry { channels, rate, .. } = AudioEntry::parse(entry, four_cc)?;
            Mp4aEntry {
                is_iso: false,
                channels,
                rate,
                object_type_indication: if is_mpeg1(rate) { MPEG1_AUDIO } else { MPEG2_AUDIO },
                buffer_and_bitrates: [0; 11],
                decoder_specific_info: Vec::new(),
            }
        };
        if !Mp3::is_object_type(fields.object_type_indication) {
            return Err(Error::Unsupported { four_cc });
        }
        if let Some((rate, channels)) = first_sample.and_then(|frame| header(frame)) {
            (fields.rate, fields.channels) = (rate, channels);
        }
        if !matches!(fields.channels, 1 | 2) {
            return Err(malformed("MP3 with neither one nor two channels", 24));
        }
        // MPEG-2.5 halves the rates of MPEG-2 once more; no standard has it, but decoders do.
        if !is_mpeg1(fields.rate) && ![2, 4].iter().any(|n| is_mpeg1(fields.rate.saturating_mul(*n))) {
            return Err(malformed("MP3 at a sampling rate that it does not have", 32));
        }
        let entry = match fields.is_iso {
            true => entry.clone(),
            false => fields.to_iso(&[]).ok_or(malformed("sample entry too long", 0))?.into(),
        };
        Ok(Mp3 {
            entry,
            object_type_indication: fields.object_type_indication,
            sampling_rate: fields.rate,
            channels: fields.channels,
        })
    }
}

/// Sampling rate and channels of a frame of Layer III (ISO/IEC 11172-3 2.4.1.3); `None` if it is none.
fn header(frame: &[u8]) -> Option<(u32, u16)> {
    let header = u32::from_be_bytes(*frame.first_chunk()?);
    let (sync, version, layer) = (header >> 21, header >> 19 & 3, header >> 17 & 3);
    let rate = *[44_100u32, 48_000, 32_000].get((header >> 10 & 3) as usize)?;
    if sync != 0x7ff || layer != 1 {
        return None;
    }
    let rate = match version {
        3 => rate,
        2 => rate / 2,
        0 => rate / 4,
        _ => return None,
    };
    Some((rate, if header >> 6 & 3 == 3 { 1 } else { 2 }))
}

/// A sampling rate of ISO/IEC 11172-3 2.4.2.3.
fn is_mpeg1(rate: u32) -> bool {
    matches!(rate, 32_000 | 44_100 | 48_000)
}

impl Codec for Mp3 {
    /// `mp4a.` and the objectTypeIndication (RFC 6381 3.3), in upper case as players look it up.
    fn rfc6381(&self) -> String {
        format!("mp4a.{:02X}", self.object_type_indication)
    }

    fn four_cc(&self) -> FourCc {
        FOUR_CC
    }

    fn family(&self) -> FourCc {
        FourCc(*b".mp3")
    }

    fn sample_entry(&self) -> Bytes {
        self.entry.clone()
    }

    fn video(&self) -> Option<VideoProperties> {
        None
    }

    fn audio(&self) -> Option<AudioProperties> {
        Some(AudioProperties {
            sampling_rate: self.sampling_rate,
            channels: self.channels,
            channel_configuration: Some(ChannelConfiguration::Cicp(self.channels as u8)),
            bits_per_sample: 16,
            object_coding_complexity: None,
        })
    }

    fn samples_per_frame(&self) -> Option<u32> {
        Some(if is_mpeg1(self.sampling_rate) { 1152 } else { 576 })
    }

    /// MS-SSTR 2.2.2.5 has no name for it.
    fn smooth(&self) -> Option<SmoothProperties> {
        None
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        Some(self)
    }
}

impl TransportStream for Mp3 {
    /// Object type 34 of MPEG-4 audio is Layer III: what HLS calls it, where no objectTypeIndication is at hand.
    fn codecs(&self) -> Option<String> {
        Some("mp4a.40.34".to_owned())
    }

    fn stream_type(&self) -> u8 {
        if is_mpeg1(self.sampling_rate) { 0x03 } else { 0x04 } // ISO/IEC 13818-1 table 2-34
    }

    fn stream_id(&self) -> u8 {
        0xc0
    }

    /// A sample is a frame with its header.
    fn access_unit(&self, sample: &Bytes, _sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        out.push(sample.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object_type_indication: u8, rate: u32, channels: u16) -> Bytes {
        let fields = Mp4aEntry {
            is_iso: true,
            channels,
            rate,
            object_type_indication,
            buffer_and_bitrates: [0; 11],
            decoder_specific_info: Vec::new(),
        };
        Bytes::from(fields.to_iso(&[]).unwrap())
    }

    #[test]
    fn of_mpeg_1() {
        let mp3 = Mp3::parse(&entry(0x6b, 44_100, 2), FOUR_CC, None).unwrap();
        assert_eq!((mp3.rfc6381().as_str(), mp3.family()), ("mp4a.6B", FourCc(*b".mp3")));
        assert_eq!((mp3.sample_entry(), mp3.samples_per_frame()), (entry(0x6b, 44_100, 2), Some(1152)));
        let stream = mp3.transport_stream().unwrap();
        assert_eq!((stream.stream_type(), stream.stream_id(), stream.descriptors()), (3, 0xc0, Vec::new()));
        assert_eq!(stream.codecs().as_deref(), Some("mp4a.40.34"));
        assert!(mp3.smooth().is_none());
    }

    #[test]
    fn of_mpeg_2() {
        let mp3 = Mp3::parse(&entry(0x69, 24_000, 1), FOUR_CC, None).unwrap();
        assert_eq!((mp3.rfc6381().as_str(), mp3.samples_per_frame()), ("mp4a.69", Some(576)));
        assert_eq!(mp3.transport_stream().unwrap().stream_type(), 4);
        assert_eq!(mp3.audio().unwrap().channel_configuration, Some(ChannelConfiguration::Cicp(1)));
        assert!(Mp3::parse(&entry(0x69, 8_000, 1), FOUR_CC, None).is_ok());
    }

    #[test]
    fn the_first_frame_knows_best() {
        // MPEG-1 Layer III, 48 kHz, one channel.
        let frame = Bytes::from_static(&[0xff, 0xfb, 0x14, 0xc4, 0]);
        let audio = Mp3::parse(&entry(0x6b, 44_100, 2), FOUR_CC, Some(&frame)).unwrap().audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels), (48_000, 1));
        assert_eq!(header(&[0xff, 0xf3, 0x84, 0x44]), Some((24_000, 2)));
        assert_eq!(header(&[0xff, 0xe3, 0x88, 0xc4]), Some((8_000, 1)));
        for other in [&b"\xff\xfd\x14\xc4"[..], b"\xff\xfb\x1c\xc4", b"\xff\xeb\x14\xc4", b"ID3\x04", b"\xff\xfb"] {
            assert_eq!(header(other), None, "{other:?}");
        }
    }

    #[test]
    fn of_quicktime() {
        let four_cc = FourCc(*b".mp3");
        let fields = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 22_050 };
        let quicktime = Bytes::from(fields.to_iso(four_cc, b"wave", b"\0\0\0\x08esds").unwrap());
        let mp3 = Mp3::parse(&quicktime, four_cc, None).unwrap();
        assert_eq!((mp3.rfc6381().as_str(), mp3.four_cc()), ("mp4a.69", FOUR_CC));
        assert_eq!(mp3.sample_entry(), entry(0x69, 22_050, 2));
        let again = Mp3::parse(&mp3.sample_entry(), FOUR_CC, None).unwrap();
        assert_eq!(again.sample_entry(), mp3.sample_entry());
    }

    #[test]
    fn damage() {
        let what = |entry: Bytes| Mp3::parse(&entry, FOUR_CC, None).unwrap_err();
        assert_eq!(what(entry(0x40, 44_100, 2)), Error::Unsupported { four_cc: FOUR_CC });
        assert!(matches!(what(entry(0x6b, 44_100, 6)), Error::Malformed { position: 24, .. }));
        assert!(matches!(what(entry(0x6b, 96_000, 2)), Error::Malformed { position: 32, .. }));
    }
}
