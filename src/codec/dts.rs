//! DTS: the coherent acoustics of ETSI TS 102 114 in its sample entries `dtsc`, `dtsh`, `dtsl` and `dtse`,
//! DTS-UHD of ETSI TS 103 491 in `dtsx`, and the core in `mp4a`.

use bytes::Bytes;

use super::audio_entry::{AUDIO_SAMPLE_ENTRY, AudioEntry};
use super::mp4a_entry::Mp4aEntry;
use super::{
    AudioProperties, ChannelConfiguration, Codec, Error, SampleError, SmoothProperties, TransportStream,
    VideoProperties,
};
use crate::bits::{self, BitReader};
use crate::isobmff::FourCc;

/// objectTypeIndication of the core substream, as registered.
const CORE_SUBSTREAM: u8 = 0xa9;

/// Bits of a channel layout that are two loudspeakers (ETSI TS 102 114 table 7-10).
const PAIRS: u16 = 0xae66;
/// DTS-UHD.
const UHD: FourCc = FourCc(*b"dtsx");

/// A DTS track.
#[derive(Debug, Clone)]
pub struct Dts {
    four_cc: FourCc,
    entry: Bytes,
    config: Config,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Config {
    sampling_rate: u32,
    channels: u16,
    /// PCM samples of a frame; `None` where it is not stated.
    frame: Option<u32>,
}

impl Dts {
    /// It is what that objectTypeIndication says.
    pub(super) fn is_object_type(object_type_indication: u8) -> bool {
        object_type_indication == CORE_SUBSTREAM
    }

    /// Reads a sample entry, a whole box: with its DTSSpecificBox (ETSI TS 102 114 E.2.2.3), for `dtsx` its
    /// DTSUHDSpecificBox (ETSI TS 103 491 B.5.2), or `mp4a`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for `mp4a` of another kind, [`Error::Malformed`] when the entry is damaged.
    pub fn parse(entry: &Bytes, four_cc: FourCc) -> Result<Dts, Error> {
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let fields = AudioEntry::parse(entry, four_cc)?;
        let (mut config, iso) = if &four_cc.0 == b"mp4a" {
            let mp4a = Mp4aEntry::parse(entry, four_cc)?;
            if !Dts::is_object_type(mp4a.object_type_indication) {
                return Err(Error::Unsupported { four_cc });
            }
            let config = Config { sampling_rate: mp4a.rate, channels: mp4a.channels, frame: None };
            let iso = if mp4a.is_iso { Some(entry.clone()) } else { mp4a.to_iso(&[]).map(Bytes::from) };
            (config, iso.ok_or(malformed("sample entry too long", 0))?)
        } else {
            let (kind, what) = match four_cc {
                UHD => (b"udts", "no udts box"),
                _ => (b"ddts", "no ddts box"),
            };
            let specific = fields.child(entry, kind).ok_or(malformed(what, AUDIO_SAMPLE_ENTRY))?;
            let config = if four_cc == UHD { Config::uhd(specific.payload) } else { Config::core(specific.payload) };
            let config =
                config.map_err(|e| malformed("configuration box cut short", specific.position + e.byte_position()))?;
            let iso = match specific.is_iso {
                true => Some(entry.clone()),
                false => AudioEntry { version: 0, rate: config.sampling_rate, ..fields }
                    .to_iso(four_cc, kind, specific.payload)
                    .map(Bytes::from),
            };
            (config, iso.ok_or(malformed("configuration box too long", specific.position))?)
        };
        // What the box leaves open, the entry says.
        config.sampling_rate = if config.sampling_rate == 0 { fields.rate } else { config.sampling_rate };
        config.channels = if config.channels == 0 { fields.channels } else { config.channels };
        if config.sampling_rate == 0 || config.channels == 0 {
            return Err(malformed("neither sampling rate nor channels", 24));
        }
        Ok(Dts { four_cc, entry: iso, config })
    }
}

impl Config {
    /// Reads the payload of a DTSSpecificBox.
    fn core(ddts: &[u8]) -> Result<Config, bits::Error> {
        let mut r = BitReader::new(ddts);
        let sampling_rate = r.bits(32)?;
        r.skip(32 + 32 + 8)?; // maxBitrate, avgBitrate, pcmSampleDepth
        let frame = 512 << r.bits(2)?;
        // StreamConstruction, CoreLFEPresent, CoreLayout, CoreSize, StereoDownmix, RepresentationType
        r.skip(5 + 1 + 6 + 14 + 1 + 3)?;
        let layout = r.bits(16)? as u16;
        let channels = (layout.count_ones() + (layout & PAIRS).count_ones()) as u16;
        Ok(Config { sampling_rate, channels, frame: Some(frame) })
    }

    /// Reads the payload of a DTSUHDSpecificBox.
    fn uhd(udts: &[u8]) -> Result<Config, bits::Error> {
        let mut r = BitReader::new(udts);
        r.bits(6)?; // DecoderProfileCode
        let frame = 512 << r.bits(2)?;
        r.bits(3 + 5)?; // MaxPayloadCode, NumPresentationsCode
        let mask = r.bits(32)?;
        let base = if r.flag()? { 48_000 } else { 44_100 };
        let sampling_rate = base << r.bits(2)?;
        Ok(Config { sampling_rate, channels: mask.count_ones() as u16, frame: Some(frame) })
    }
}

impl Codec for Dts {
    fn rfc6381(&self) -> String {
        match &self.four_cc.0 {
            b"mp4a" => format!("mp4a.{CORE_SUBSTREAM:02X}"),
            _ => self.four_cc.to_string(),
        }
    }

    fn four_cc(&self) -> FourCc {
        self.four_cc
    }

    fn family(&self) -> FourCc {
        match &self.four_cc.0 {
            b"mp4a" => FourCc(*b"dtsc"),
            _ => self.four_cc,
        }
    }

    fn sample_entry(&self) -> Bytes {
        self.entry.clone()
    }

    fn video(&self) -> Option<VideoProperties> {
        None
    }

    fn audio(&self) -> Option<AudioProperties> {
        Some(AudioProperties {
            sampling_rate: self.config.sampling_rate,
            channels: self.config.channels,
            channel_configuration: Some(ChannelConfiguration::Dts(self.config.channels)),
            bits_per_sample: 16,
            object_coding_complexity: None,
        })
    }

    fn samples_per_frame(&self) -> Option<u32> {
        self.config.frame
    }

    fn smooth(&self) -> Option<SmoothProperties> {
        None
    }

    /// The core alone: what there is for its extensions is of Blu-ray discs and names streams otherwise.
    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        let core = &self.four_cc.0 == b"dtsc" && self.config.frame.is_some_and(|frame| frame <= 2048);
        core.then_some(self as &dyn TransportStream)
    }
}

impl TransportStream for Dts {
    fn stream_type(&self) -> u8 {
        0x82 // ANSI/SCTE 194-2, as muxers have it
    }

    fn stream_id(&self) -> u8 {
        0xbd // private_stream_1
    }

    /// The registration descriptor, which tells the length of a frame (ETSI TS 102 114 annex on MPEG-2).
    fn descriptors(&self) -> Vec<u8> {
        let number = match self.config.frame {
            Some(512) => b'1',
            Some(1024) => b'2',
            _ => b'3',
        };
        vec![0x05, 4, b'D', b'T', b'S', number]
    }

    fn access_unit(&self, sample: &Bytes, _sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        out.push(sample.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: AudioEntry = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 48_000 };

    fn entry(four_cc: &[u8; 4], kind: &[u8; 4], payload: &[u8]) -> Bytes {
        Bytes::from(FIELDS.to_iso(FourCc(*four_cc), kind, payload).unwrap())
    }

    /// 48 kHz, 768 kbit/s, 24 bits; frames of 512 samples, core of 1,006 bytes; that layout.
    fn ddts(layout: u16) -> Vec<u8> {
        let mut out = 48_000u32.to_be_bytes().to_vec();
        out.extend([0, 0x0b, 0xb8, 0, 0, 0x0b, 0xb8, 0, 24, 0x05, 0x27, 0xdc]);
        out.extend((u32::from(layout) << 8).to_be_bytes());
        out[16] = 0x40;
        out
    }

    #[test]
    fn the_core() {
        // Centre, left and right, surround, LFE.
        let four_cc = FourCc(*b"dtsc");
        let dts = Dts::parse(&entry(b"dtsc", b"ddts", &ddts(0x0f)), four_cc).unwrap();
        assert_eq!((dts.rfc6381().as_str(), dts.samples_per_frame()), ("dtsc", Some(512)));
        let audio = dts.audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels), (48_000, 6));
        assert_eq!(audio.channel_configuration, Some(ChannelConfiguration::Dts(6)));
        let stream = dts.transport_stream().unwrap();
        assert_eq!((stream.stream_type(), stream.stream_id()), (0x82, 0xbd));
        assert_eq!(stream.descriptors(), b"\x05\x04DTS1");
        // Without a layout, as many channels as the entry says.
        let dts = Dts::parse(&entry(b"dtsc", b"ddts", &ddts(0)), four_cc).unwrap();
        assert_eq!(dts.audio().unwrap().channels, 2);
    }

    #[test]
    fn extensions_are_not_for_transport_streams() {
        let dts = Dts::parse(&entry(b"dtsh", b"ddts", &ddts(0x4f)), FourCc(*b"dtsh")).unwrap();
        assert_eq!((dts.rfc6381().as_str(), dts.audio().unwrap().channels), ("dtsh", 8));
        assert!(dts.transport_stream().is_none() && dts.smooth().is_none());
    }

    #[test]
    fn ultra_high_definition() {
        // Frames of 1,024 samples, six channels, 48 kHz.
        let udts = [0x05, 0, 0, 0, 0, 0x3f, 0x80];
        let dts = Dts::parse(&entry(b"dtsx", b"udts", &udts), FourCc(*b"dtsx")).unwrap();
        let audio = dts.audio().unwrap();
        assert_eq!((dts.rfc6381().as_str(), audio.sampling_rate, audio.channels), ("dtsx", 48_000, 6));
        assert_eq!(dts.samples_per_frame(), Some(1024));
    }

    #[test]
    fn the_core_in_mp4a() {
        let fields = Mp4aEntry {
            is_iso: true,
            channels: 2,
            rate: 48_000,
            object_type_indication: 0xa9,
            buffer_and_bitrates: [0; 11],
            decoder_specific_info: Vec::new(),
        };
        let dts = Dts::parse(&Bytes::from(fields.to_iso(&[]).unwrap()), FourCc(*b"mp4a")).unwrap();
        assert_eq!((dts.rfc6381().as_str(), dts.family()), ("mp4a.A9", FourCc(*b"dtsc")));
        assert!(dts.transport_stream().is_none());
    }

    #[test]
    fn damage() {
        let four_cc = FourCc(*b"dtsc");
        let cut = Dts::parse(&entry(b"dtsc", b"ddts", &ddts(0x0f)[..17]), four_cc).unwrap_err();
        assert_eq!(cut, Error::Malformed { four_cc, what: "configuration box cut short", position: 61 });
        assert!(Dts::parse(&entry(b"dtsc", b"none", b""), four_cc).is_err());
    }
}
