//! FLAC: RFC 9639 in the `fLaC` sample entry of "Encapsulation of FLAC in ISO Base Media File Format" 0.0.4.

use bytes::Bytes;

use super::audio_entry::{AUDIO_SAMPLE_ENTRY, AudioEntry};
use super::{AudioProperties, ChannelConfiguration, Codec, Error, SmoothProperties, TransportStream, VideoProperties};
use crate::bits::{self, BitReader};
use crate::isobmff::FourCc;

const FOUR_CC: FourCc = FourCc(*b"fLaC");

/// Block type of a STREAMINFO (RFC 9639 8.1).
const STREAMINFO: u32 = 0;

/// A FLAC track.
#[derive(Debug, Clone)]
pub struct Flac {
    entry: Bytes,
    info: StreamInfo,
}

/// What a STREAMINFO block says (RFC 9639 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StreamInfo {
    /// PCM samples of a frame, where all but the last have as many.
    block_size: Option<u32>,
    sampling_rate: u32,
    channels: u16,
    bits_per_sample: u16,
}

impl Flac {
    /// Reads an `fLaC` sample entry, a whole box, with its FLACSpecificBox (3.3.1, 3.3.2).
    ///
    /// # Errors
    /// [`Error::Malformed`] when the entry or the box in it is damaged.
    pub fn parse(entry: &Bytes) -> Result<Flac, Error> {
        let malformed = |what, position| Error::Malformed { four_cc: FOUR_CC, what, position };
        let fields = AudioEntry::parse(entry, FOUR_CC)?;
        let dfla = fields.child(entry, b"dfLa").ok_or(malformed("no dfLa box", AUDIO_SAMPLE_ENTRY))?;
        let info = match StreamInfo::parse(dfla.payload) {
            Ok(Ok(info)) => info,
            Ok(Err(what)) => return Err(malformed(what, dfla.position)),
            Err(cut) => return Err(malformed("dfLa box cut short", dfla.position + cut.byte_position())),
        };
        let iso = match dfla.is_iso {
            true => entry.clone(),
            false => {
                let (channels, rate) = (info.channels, info.sampling_rate);
                AudioEntry { version: 0, channels, sample_size: info.bits_per_sample, rate }
                    .to_iso(FOUR_CC, b"dfLa", dfla.payload)
                    .ok_or(malformed("dfLa box too long", dfla.position))?
                    .into()
            }
        };
        Ok(Flac { entry: iso, info })
    }
}

impl StreamInfo {
    /// Reads it from the payload of a FLACSpecificBox, whose first block it is; the inner error is a value that
    /// cannot be.
    fn parse(dfla: &[u8]) -> Result<Result<StreamInfo, &'static str>, bits::Error> {
        let mut r = BitReader::new(dfla);
        let version = r.bits(8)?;
        r.bits(24)?;
        r.flag()?; // last block
        let (kind, length) = (r.bits(7)?, r.bits(24)?);
        if version != 0 || kind != STREAMINFO || length != 34 {
            return Ok(Err("dfLa box without STREAMINFO"));
        }
        let (least, most) = (r.bits(16)?, r.bits(16)?);
        r.bits(24)?; // least and most bytes of a frame
        r.bits(24)?;
        let sampling_rate = r.bits(20)?;
        let channels = r.bits(3)? as u16 + 1;
        let bits_per_sample = r.bits(5)? as u16 + 1;
        r.skip(36 + 128)?; // total samples, MD5
        if sampling_rate == 0 {
            return Ok(Err("STREAMINFO without a sampling rate"));
        }
        let block_size = (least == most && most > 0).then_some(most);
        Ok(Ok(StreamInfo { block_size, sampling_rate, channels, bits_per_sample }))
    }
}

impl Codec for Flac {
    fn rfc6381(&self) -> String {
        FOUR_CC.to_string()
    }

    fn four_cc(&self) -> FourCc {
        FOUR_CC
    }

    fn sample_entry(&self) -> Bytes {
        self.entry.clone()
    }

    fn video(&self) -> Option<VideoProperties> {
        None
    }

    fn audio(&self) -> Option<AudioProperties> {
        Some(AudioProperties {
            sampling_rate: self.info.sampling_rate,
            channels: self.info.channels,
            channel_configuration: ChannelConfiguration::of_vorbis_order(self.info.channels),
            bits_per_sample: self.info.bits_per_sample,
            object_coding_complexity: None,
        })
    }

    fn samples_per_frame(&self) -> Option<u32> {
        self.info.block_size
    }

    fn smooth(&self) -> Option<SmoothProperties> {
        None
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version and flags, a last block of type STREAMINFO, 34 bytes of it.
    fn dfla(rate: u32, channels: u8, bits: u8, least: u16) -> Vec<u8> {
        let mut out = vec![0, 0, 0, 0, 0x80, 0, 0, 34];
        out.extend(least.to_be_bytes());
        out.extend([0x12, 0x00, 0, 0, 14, 0, 16, 52]);
        let packed = u64::from(rate) << 44 | u64::from(channels - 1) << 41 | u64::from(bits - 1) << 36 | 288_000;
        out.extend(packed.to_be_bytes());
        out.extend([7; 16]);
        out
    }

    fn parse(dfla: &[u8]) -> Result<Flac, Error> {
        let fields = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 48_000 };
        Flac::parse(&Bytes::from(fields.to_iso(FOUR_CC, b"dfLa", dfla).unwrap()))
    }

    #[test]
    fn stereo() {
        let flac = parse(&dfla(44_100, 2, 16, 0x1200)).unwrap();
        assert_eq!((flac.rfc6381().as_str(), flac.samples_per_frame()), ("fLaC", Some(4608)));
        let audio = flac.audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels, audio.bits_per_sample), (44_100, 2, 16));
        assert_eq!(audio.channel_configuration, Some(ChannelConfiguration::Cicp(2)));
        assert!(flac.smooth().is_none() && flac.transport_stream().is_none());
    }

    #[test]
    fn fine_and_wide() {
        let flac = parse(&dfla(192_000, 8, 24, 16)).unwrap();
        let audio = flac.audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels, audio.bits_per_sample), (192_000, 8, 24));
        assert_eq!(
            (audio.channel_configuration, flac.samples_per_frame()),
            (Some(ChannelConfiguration::Cicp(12)), None)
        );
    }

    #[test]
    fn damage() {
        let good = dfla(48_000, 2, 16, 0x1200);
        let malformed = |what, position| Err(Error::Malformed { four_cc: FOUR_CC, what, position });
        assert_eq!(parse(&good[..20]).map(|_| ()), malformed("dfLa box cut short", 62));
        let mut vorbis_comment = good.clone();
        vorbis_comment[4] = 0x84;
        assert_eq!(parse(&vorbis_comment).map(|_| ()), malformed("dfLa box without STREAMINFO", 44));
        let none = dfla(0, 2, 16, 0x1200);
        assert_eq!(parse(&none).map(|_| ()), malformed("STREAMINFO without a sampling rate", 44));
    }
}
