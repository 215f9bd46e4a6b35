//! Enhanced AC-3, with Atmos as its joint object coding: ETSI TS 102 366 in the `ec-3` sample entry of its
//! annex F, ETSI TS 103 420.

use bytes::Bytes;

use super::audio_entry::{AUDIO_SAMPLE_ENTRY, AudioEntry};
use super::dolby::{self, ChannelMap};
use super::{
    AudioProperties, ChannelConfiguration, Codec, EncryptedStream, Error, ProtectedBlocks, SampleError,
    SmoothProperties, TransportStream, VideoProperties, audio_setup, private_data_indicator, upper_hex,
};
use crate::bits::{self, BitReader};
use crate::isobmff::FourCc;

const FOUR_CC: FourCc = FourCc(*b"ec-3");

/// MEDIASUBTYPE_DOLBY_DDPLUS, {a7fb87af-2d02-42fb-a4d4-05cd93843bdd}, as it is stored.
const DOLBY_DIGITAL_PLUS: [u8; 16] =
    [0xaf, 0x87, 0xfb, 0xa7, 0x02, 0x2d, 0xfb, 0x42, 0xa4, 0xd4, 0x05, 0xcd, 0x93, 0x84, 0x3b, 0xdd];

/// An Enhanced AC-3 track.
#[derive(Debug, Clone)]
pub struct Eac3 {
    entry: Bytes,
    /// The EC3SpecificBox's payload, verbatim.
    dec3: Bytes,
    config: Config,
    sampling_rate: u32,
}

/// What an EC3SpecificBox says of the programme that players play, the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Config {
    /// Of all substreams, kbit/s.
    data_rate: u32,
    fscod: u32,
    channels: ChannelMap,
    /// `complexity_index_type_a`: objects in the joint object coding.
    object_coding_complexity: Option<u8>,
}

impl Eac3 {
    /// Reads an `ec-3` sample entry, a whole box, with its EC3SpecificBox (ETSI TS 102 366 F.5, F.6).
    ///
    /// # Errors
    /// [`Error::Malformed`] when the entry or the box in it is damaged.
    pub fn parse(entry: &Bytes) -> Result<Eac3, Error> {
        let malformed = |what, position| Error::Malformed { four_cc: FOUR_CC, what, position };
        let fields = AudioEntry::parse(entry, FOUR_CC)?;
        let dec3 = fields.child(entry, b"dec3").ok_or(malformed("no dec3 box", AUDIO_SAMPLE_ENTRY))?;
        let config = Config::parse(dec3.payload)
            .map_err(|e| malformed("dec3 box cut short", dec3.position + e.byte_position()))?;
        // `fscod` 3 is for half the usual rates (E.1.3.1.4); which of them, only the entry says.
        let sampling_rate = dolby::sampling_rate(config.fscod).unwrap_or(fields.rate);
        if sampling_rate == 0 {
            return Err(malformed("fscod 3 and no sampling rate", dec3.position));
        }
        let iso = match dec3.is_iso {
            true => entry.clone(),
            false => AudioEntry { version: 0, channels: 2, sample_size: 16, rate: sampling_rate }
                .to_iso(FOUR_CC, b"dec3", dec3.payload)
                .ok_or(malformed("dec3 box too long", dec3.position))?
                .into(),
        };
        Ok(Eac3 { entry: iso, dec3: Bytes::copy_from_slice(dec3.payload), config, sampling_rate })
    }
}

impl Config {
    fn parse(dec3: &[u8]) -> Result<Config, bits::Error> {
        let mut r = BitReader::new(dec3);
        let data_rate = r.bits(13)?;
        let independent_substreams = r.bits(3)? + 1;
        let (mut first_fscod, mut first_channels) = (0, ChannelMap(0));
        for substream in 0..independent_substreams {
            let fscod = r.bits(2)?;
            r.bits(5 + 1 + 1 + 3)?; // bsid, reserved, asvc, bsmod
            let mut channels = ChannelMap::of(r.bits(3)?, r.flag()?);
            r.bits(3)?;
            let dependent_substreams = r.bits(4)?;
            if dependent_substreams > 0 {
                channels = channels.with_locations(r.bits(9)?);
            } else {
                r.bits(1)?;
            }
            if substream == 0 {
                (first_fscod, first_channels) = (fscod, channels);
            }
        }
        // ETSI TS 103 420 C.3.1; boxes from before it end here, some with a stray byte.
        let extension = r.bits(7).and_then(|_| r.flag()).unwrap_or(false);
        let object_coding_complexity = extension.then(|| r.bits(8).unwrap_or(0) as u8).filter(|index| *index > 0);
        Ok(Config { data_rate, fscod: first_fscod, channels: first_channels, object_coding_complexity })
    }
}

impl Codec for Eac3 {
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
            sampling_rate: self.sampling_rate,
            channels: self.config.channels.count(),
            channel_configuration: Some(ChannelConfiguration::Dolby(self.config.channels.0)),
            bits_per_sample: 16,
            object_coding_complexity: self.config.object_coding_complexity,
        })
    }

    fn samples_per_frame(&self) -> Option<u32> {
        Some(dolby::SAMPLES_PER_FRAME)
    }

    /// ETSI TS 103 420 D.2.2 of DASH: that there are objects, and how many.
    fn supplemental_properties(&self) -> Vec<(&'static str, String)> {
        let Some(complexity) = self.config.object_coding_complexity else { return Vec::new() };
        vec![
            ("tag:dolby.com,2018:dash:EC3_ExtensionType:2018", "JOC".to_owned()),
            ("tag:dolby.com,2018:dash:EC3_ExtensionComplexityIndex:2018", complexity.to_string()),
        ]
    }

    /// What follows WAVEFORMATEX in WAVEFORMATEXTENSIBLE: PCM samples of a block, loudspeakers and sub-format;
    /// then the EC3SpecificBox. This is how encoders for Smooth Streaming have written it, and players read it.
    fn smooth(&self) -> Option<SmoothProperties> {
        let mut data = (dolby::SAMPLES_PER_FRAME as u16).to_le_bytes().to_vec();
        data.extend(self.config.channels.wave_mask().to_le_bytes());
        data.extend(DOLBY_DIGITAL_PLUS);
        data.extend(&self.dec3);
        // nBlockAlign: the bytes of a frame at the stated rate.
        let frame = self.config.data_rate * 1000 / 8 * dolby::SAMPLES_PER_FRAME / self.sampling_rate;
        Some(SmoothProperties {
            four_cc: "EC-3",
            codec_private_data: upper_hex(&data),
            audio_tag: Some(0xfffe), // WAVE_FORMAT_EXTENSIBLE
            packet_size: Some(u16::try_from(frame).unwrap_or(u16::MAX)),
            nal_unit_length_field: None,
        })
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        Some(self)
    }
}

impl TransportStream for Eac3 {
    fn stream_type(&self) -> u8 {
        0x87 // ATSC A/52 annex G, as HLS has it
    }

    fn stream_id(&self) -> u8 {
        0xbd // private_stream_1
    }

    /// The registration descriptor of ATSC A/52 annex G.
    fn descriptors(&self) -> Vec<u8> {
        b"\x05\x04EAC3".to_vec()
    }

    /// Decoders are set up with the EC3SpecificBox.
    fn encrypted(&self, _first: Option<&Bytes>) -> Option<EncryptedStream> {
        let descriptors = [private_data_indicator(*b"ec3d"), audio_setup(*b"zec3", &self.dec3)].concat();
        Some(EncryptedStream { stream_type: 0xc2, descriptors, blocks: ProtectedBlocks::SyncFrames })
    }

    /// A sample is the syncframes of all substreams for six blocks, in order (ETSI TS 102 366 F.5).
    fn access_unit(&self, sample: &Bytes, _sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        out.push(sample.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dec3: &[u8]) -> Result<Eac3, Error> {
        let fields = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 24_000 };
        Eac3::parse(&Bytes::from(fields.to_iso(FOUR_CC, b"dec3", dec3).unwrap()))
    }

    #[test]
    fn surround_as_smooth_encoders_describe_it() {
        // 224 kbit/s, bsid 16, acmod 7, lfeon 1; the manifest of an encoder has this CodecPrivateData.
        let eac3 = parse(&[0x07, 0x00, 0x20, 0x0f, 0x00]).unwrap();
        assert_eq!((eac3.rfc6381().as_str(), eac3.supplemental_properties()), ("ec-3", Vec::new()));
        let audio = eac3.audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels, audio.object_coding_complexity), (48_000, 6, None));
        assert_eq!(audio.channel_configuration.unwrap().value(), "F801");
        let encrypted = eac3.transport_stream().unwrap().encrypted(None).unwrap();
        assert_eq!((encrypted.stream_type, encrypted.blocks), (0xc2, ProtectedBlocks::SyncFrames));
        assert_eq!(encrypted.descriptors, b"\x0f\x04ec3d\x05\x11apadzec3\0\0\x01\x05\x07\0\x20\x0f\0");
        let smooth = eac3.smooth().unwrap();
        assert_eq!(smooth.codec_private_data, "00063F000000AF87FBA7022DFB42A4D405CD93843BDD0700200F00");
        assert_eq!((smooth.four_cc, smooth.audio_tag, smooth.packet_size), ("EC-3", Some(65_534), Some(896)));
        // Stereo at 192 kbit/s, likewise.
        let smooth = parse(&[0x06, 0x00, 0x20, 0x04, 0x00]).unwrap().smooth().unwrap();
        assert_eq!(smooth.codec_private_data, "000603000000AF87FBA7022DFB42A4D405CD93843BDD0600200400");
    }

    #[test]
    fn objects() {
        // 768 kbit/s, 5.1 with joint object coding of complexity 16.
        let atmos = parse(&[0x18, 0x00, 0x20, 0x0f, 0x00, 0x01, 0x10]).unwrap();
        let audio = atmos.audio().unwrap();
        assert_eq!((audio.channels, audio.object_coding_complexity), (6, Some(16)));
        let [(extension, joc), (index, complexity)] = &atmos.supplemental_properties()[..] else { panic!() };
        assert_eq!((*extension, joc.as_str()), ("tag:dolby.com,2018:dash:EC3_ExtensionType:2018", "JOC"));
        assert_eq!((*index, complexity.as_str()), ("tag:dolby.com,2018:dash:EC3_ExtensionComplexityIndex:2018", "16"));
        // Neither a stray byte nor a flag without an index makes objects.
        for old in [&[0x18, 0x00, 0x20, 0x0f, 0x00, 0x00][..], &[0x18, 0x00, 0x20, 0x0f, 0x00, 0x01]] {
            assert_eq!(parse(old).unwrap().audio().unwrap().object_coding_complexity, None);
        }
    }

    #[test]
    fn dependent_substreams() {
        // One dependent substream with the rear pair: 7.1. A second programme in mono does not count.
        let bits = concat!(
            "0001100000000",
            "001",
            "00",
            "10000",
            "0",
            "0",
            "000",
            "111",
            "1",
            "000",
            "0001",
            "000000010",
            "00",
            "10000",
            "0",
            "0",
            "000",
            "001",
            "0",
            "000",
            "0000",
            "0",
            "0000000"
        );
        let dec3: Vec<u8> = bits.as_bytes().chunks(8).map(|c| c.iter().fold(0, |n, b| n << 1 | (b - b'0'))).collect();
        let audio = parse(&dec3).unwrap().audio().unwrap();
        assert_eq!(audio.channels, 8);
        assert_eq!(audio.channel_configuration.unwrap().value(), "FA01");
        let stream = parse(&dec3).unwrap();
        let stream = stream.transport_stream().unwrap();
        assert_eq!((stream.stream_type(), stream.stream_id()), (0x87, 0xbd));
        assert_eq!(stream.descriptors(), b"\x05\x04EAC3");
    }

    #[test]
    fn half_rates_and_damage() {
        assert_eq!(parse(&[0x07, 0x00, 0xe0, 0x0f, 0x00]).unwrap().audio().unwrap().sampling_rate, 24_000);
        let cut = parse(&[0x07, 0x00, 0x20]).unwrap_err();
        assert_eq!(cut, Error::Malformed { four_cc: FOUR_CC, what: "dec3 box cut short", position: 46 });
        assert!(parse(&[]).is_err());
    }
}
