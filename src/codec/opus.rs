//! Opus: RFC 6716 in the `Opus` sample entry of "Encapsulation of Opus in ISO Base Media File Format" 1.0.

use bytes::Bytes;

use super::audio_entry::{AUDIO_SAMPLE_ENTRY, AudioEntry};
use super::{AudioProperties, ChannelConfiguration, Codec, Error, SmoothProperties, TransportStream, VideoProperties};
use crate::bits::{self, Reader};
use crate::isobmff::FourCc;

const FOUR_CC: FourCc = FourCc(*b"Opus");

/// Samples per second that decoders give, whatever went in (RFC 7845 5.1).
const SAMPLING_RATE: u32 = 48_000;

/// What has to be decoded before a frame sounds right: 80 ms (RFC 7845 4.2).
const PRE_ROLL: u32 = SAMPLING_RATE / 1000 * 80;

/// An Opus track.
#[derive(Debug, Clone)]
pub struct Opus {
    entry: Bytes,
    config: Config,
}

/// What an OpusSpecificBox says (4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Config {
    channels: u8,
    pre_skip: u16,
    mapping_family: u8,
}

impl Opus {
    /// Reads an `Opus` sample entry, a whole box, with its OpusSpecificBox (4.3.1, 4.3.2).
    ///
    /// # Errors
    /// [`Error::Malformed`] when the entry or the box in it is damaged.
    pub fn parse(entry: &Bytes) -> Result<Opus, Error> {
        let malformed = |what, position| Error::Malformed { four_cc: FOUR_CC, what, position };
        let fields = AudioEntry::parse(entry, FOUR_CC)?;
        let dops = fields.child(entry, b"dOps").ok_or(malformed("no dOps box", AUDIO_SAMPLE_ENTRY))?;
        let config = match Config::parse(dops.payload) {
            Ok(Ok(config)) => config,
            Ok(Err(what)) => return Err(malformed(what, dops.position)),
            Err(cut) => return Err(malformed("dOps box cut short", dops.position + cut.byte_position())),
        };
        let iso = match dops.is_iso {
            true => entry.clone(),
            false => AudioEntry { version: 0, channels: config.channels.into(), sample_size: 16, rate: SAMPLING_RATE }
                .to_iso(FOUR_CC, b"dOps", dops.payload)
                .ok_or(malformed("dOps box too long", dops.position))?
                .into(),
        };
        Ok(Opus { entry: iso, config })
    }
}

impl Config {
    /// Reads the payload; the inner error is a value that cannot be.
    fn parse(dops: &[u8]) -> Result<Result<Config, &'static str>, bits::Error> {
        let mut r = Reader::new(dops);
        let version = r.u8()?;
        let channels = r.u8()?;
        let pre_skip = r.u16()?;
        r.skip(4 + 2)?; // InputSampleRate, OutputGain
        let mapping_family = r.u8()?;
        if version != 0 {
            return Ok(Err("dOps box of a version other than 0"));
        }
        if mapping_family == 0 {
            // RFC 7845 5.1.1.1.
            let known = (1..=2).contains(&channels);
            return Ok(known.then_some(Config { channels, pre_skip, mapping_family }).ok_or("no or too many channels"));
        }
        let (streams, coupled) = (r.u8()?, r.u8()?);
        let decoded = u16::from(streams) + u16::from(coupled);
        let mut mapped = true;
        for _ in 0..channels {
            let index = r.u8()?;
            mapped &= index == 255 || u16::from(index) < decoded;
        }
        Ok(match channels {
            0 => Err("no or too many channels"),
            _ if streams == 0 || coupled > streams || decoded > 255 || !mapped => Err("damaged channel mapping"),
            _ => Ok(Config { channels, pre_skip, mapping_family }),
        })
    }
}

impl Codec for Opus {
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
        let channels = u16::from(self.config.channels);
        Some(AudioProperties {
            sampling_rate: SAMPLING_RATE,
            channels,
            // Other families are ambisonics (RFC 8486) or channels without a place.
            channel_configuration: match self.config.mapping_family {
                0 | 1 => ChannelConfiguration::of_vorbis_order(channels),
                _ => None,
            },
            bits_per_sample: 16,
            object_coding_complexity: None,
        })
    }

    fn priming(&self) -> u32 {
        u32::from(self.config.pre_skip)
    }

    fn pre_roll(&self) -> u32 {
        PRE_ROLL
    }

    fn smooth(&self) -> Option<SmoothProperties> {
        None
    }

    /// What there is in transport streams is a draft that HLS does not list.
    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dops: &[u8]) -> Result<Opus, Error> {
        let fields = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 48_000 };
        Opus::parse(&Bytes::from(fields.to_iso(FOUR_CC, b"dOps", dops).unwrap()))
    }

    #[test]
    fn stereo() {
        let opus = parse(&[0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0]).unwrap();
        assert_eq!((opus.rfc6381().as_str(), opus.priming(), opus.pre_roll()), ("Opus", 312, 3840));
        let audio = opus.audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels), (48_000, 2));
        assert_eq!(audio.channel_configuration, Some(ChannelConfiguration::Cicp(2)));
        assert!(opus.smooth().is_none() && opus.transport_stream().is_none());
    }

    #[test]
    fn surround() {
        let dops = [0, 6, 1, 0x38, 0, 0, 0xac, 0x44, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5];
        let audio = parse(&dops).unwrap().audio().unwrap();
        assert_eq!((audio.channels, audio.channel_configuration), (6, Some(ChannelConfiguration::Cicp(6))));
        // Ambisonics of the first order have no loudspeakers.
        let ambisonics = [0, 4, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 2, 4, 0, 0, 1, 2, 3];
        assert_eq!(parse(&ambisonics).unwrap().audio().unwrap().channel_configuration, None);
    }

    #[test]
    fn damage() {
        let what = |dops: &[u8]| match parse(dops).unwrap_err() {
            Error::Malformed { what, position, .. } => (what, position),
            other => panic!("{other}"),
        };
        assert_eq!(what(&[0, 2, 1, 0x38, 0, 0, 0xbb]), ("dOps box cut short", 48));
        assert_eq!(what(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]), ("no or too many channels", 44));
        assert_eq!(what(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]).0, "dOps box of a version other than 0");
        assert_eq!(what(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 1, 3]).0, "damaged channel mapping");
        assert_eq!(what(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0]).0, "dOps box cut short");
        assert_eq!(what(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0]).0, "damaged channel mapping");
    }
}
