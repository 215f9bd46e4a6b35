//! AC-3: ETSI TS 102 366 in the `ac-3` sample entry of its annex F.

use bytes::Bytes;

use super::audio_entry::{AUDIO_SAMPLE_ENTRY, AudioEntry};
use super::dolby::{self, ChannelMap};
use super::{
    AudioProperties, ChannelConfiguration, Codec, EncryptedStream, Error, ProtectedBlocks, SampleError,
    SmoothProperties, TransportStream, VideoProperties, audio_setup, private_data_indicator,
};
use crate::bits::BitReader;
use crate::isobmff::FourCc;

const FOUR_CC: FourCc = FourCc(*b"ac-3");
/// Bytes of a syncframe that the audio setup information repeats.
const SETUP: usize = 10;

/// An AC-3 track.
#[derive(Debug, Clone)]
pub struct Ac3 {
    entry: Bytes,
    sampling_rate: u32,
    channels: ChannelMap,
}

impl Ac3 {
    /// Reads an `ac-3` sample entry, a whole box, with its AC3SpecificBox (ETSI TS 102 366 F.3, F.4).
    ///
    /// # Errors
    /// [`Error::Malformed`] when the entry or the box in it is damaged.
    pub fn parse(entry: &Bytes) -> Result<Ac3, Error> {
        let malformed = |what, position| Error::Malformed { four_cc: FOUR_CC, what, position };
        let fields = AudioEntry::parse(entry, FOUR_CC)?;
        let dac3 = fields.child(entry, b"dac3").ok_or(malformed("no dac3 box", AUDIO_SAMPLE_ENTRY))?;
        let mut bits = BitReader::new(dac3.payload);
        let mut take = |n| bits.bits(n).map_err(|e| malformed("dac3 box cut short", dac3.position + e.byte_position()));
        let fscod = take(2)?;
        take(5 + 3)?; // bsid, bsmod
        let channels = ChannelMap::of(take(3)?, take(1)? == 1);
        take(5 + 5)?; // bit_rate_code, reserved
        let sampling_rate = dolby::sampling_rate(fscod).ok_or(malformed("reserved fscod", dac3.position))?;
        let iso = match dac3.is_iso {
            true => entry.clone(),
            // QuickTime's form; what is stated in it is 2 and 16 (F.3), whatever the channels are.
            false => AudioEntry { version: 0, channels: 2, sample_size: 16, rate: sampling_rate }
                .to_iso(FOUR_CC, b"dac3", dac3.payload)
                .ok_or(malformed("dac3 box too long", dac3.position))?
                .into(),
        };
        Ok(Ac3 { entry: iso, sampling_rate, channels })
    }
}

impl Codec for Ac3 {
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
            channels: self.channels.count(),
            channel_configuration: Some(ChannelConfiguration::Dolby(self.channels.0)),
            bits_per_sample: 16,
            object_coding_complexity: None,
        })
    }

    fn samples_per_frame(&self) -> Option<u32> {
        Some(dolby::SAMPLES_PER_FRAME)
    }

    /// Smooth has no name for it: MS-SSTR lists none, and what is said of Dolby there is of `EC-3`.
    fn smooth(&self) -> Option<SmoothProperties> {
        None
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        Some(self)
    }
}

impl TransportStream for Ac3 {
    fn stream_type(&self) -> u8 {
        0x81 // ATSC A/52 annex A, as HLS has it
    }

    fn stream_id(&self) -> u8 {
        0xbd // private_stream_1
    }

    /// The registration descriptor of ATSC A/52 annex A 4.1.
    fn descriptors(&self) -> Vec<u8> {
        b"\x05\x04AC-3".to_vec()
    }

    /// Decoders are set up with the first bytes of a syncframe.
    fn encrypted(&self, first: Option<&Bytes>) -> Option<EncryptedStream> {
        let setup = first.and_then(|sample| sample.get(..SETUP)).unwrap_or_default();
        let descriptors = [private_data_indicator(*b"ac3d"), audio_setup(*b"zac3", setup)].concat();
        Some(EncryptedStream { stream_type: 0xc1, descriptors, blocks: ProtectedBlocks::SyncFrames })
    }

    /// A sample is one syncframe, self-contained (ETSI TS 102 366 F.2).
    fn access_unit(&self, sample: &Bytes, _sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        out.push(sample.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(dac3: &[u8]) -> Bytes {
        let fields = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 48_000 };
        Bytes::from(fields.to_iso(FOUR_CC, b"dac3", dac3).unwrap())
    }

    #[test]
    fn surround() {
        // fscod 0, bsid 8, bsmod 0, acmod 7, lfeon 1, bit_rate_code 14 (384 kbit/s): ffmpeg's.
        let ac3 = Ac3::parse(&entry(&[0x10, 0x3d, 0xc0])).unwrap();
        assert_eq!((ac3.rfc6381().as_str(), ac3.sample_entry()), ("ac-3", entry(&[0x10, 0x3d, 0xc0])));
        let audio = ac3.audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels), (48_000, 6));
        assert_eq!(audio.channel_configuration.unwrap().value(), "F801");
        assert_eq!((ac3.samples_per_frame(), ac3.smooth()), (Some(1536), None));
        let stream = ac3.transport_stream().unwrap();
        assert_eq!((stream.stream_type(), stream.stream_id()), (0x81, 0xbd));
        assert_eq!(stream.descriptors(), b"\x05\x04AC-3");
        let encrypted = stream.encrypted(Some(&Bytes::from_static(b"\x0b\x77345678901234"))).unwrap();
        assert_eq!((encrypted.stream_type, encrypted.blocks), (0xc1, ProtectedBlocks::SyncFrames));
        assert_eq!(encrypted.descriptors, b"\x0f\x04ac3d\x05\x16apadzac3\0\0\x01\x0a\x0b\x7734567890");
        let (frame, mut pieces) = (Bytes::from_static(b"frame"), Vec::new());
        stream.access_unit(&frame, true, &mut pieces).unwrap();
        assert_eq!(pieces, [frame]);
    }

    #[test]
    fn mono_at_another_rate() {
        // fscod 1, bsid 8, bsmod 0, acmod 1, lfeon 0.
        let audio = Ac3::parse(&entry(&[0x50, 0x08, 0x00])).unwrap().audio().unwrap();
        assert_eq!((audio.sampling_rate, audio.channels), (44_100, 1));
        assert_eq!(audio.channel_configuration.unwrap().value(), "4000");
    }

    #[test]
    fn quicktime_entries_become_iso_entries() {
        let iso = entry(&[0x10, 0x3d, 0xc0]);
        let mut quicktime = iso[..36].to_vec();
        quicktime[17] = 1;
        quicktime.extend([0; 16]);
        quicktime.extend(&iso[36..]);
        quicktime[3] = quicktime.len() as u8;
        assert_eq!(Ac3::parse(&Bytes::from(quicktime)).unwrap().sample_entry(), iso);
    }

    #[test]
    fn damage() {
        let wrong = |dac3: &[u8]| Ac3::parse(&entry(dac3)).unwrap_err();
        let malformed = |what, position| Error::Malformed { four_cc: FOUR_CC, what, position };
        assert_eq!(wrong(&[0xd0, 0x3d, 0xc0]), malformed("reserved fscod", 44));
        assert_eq!(wrong(&[0x10, 0x3d]), malformed("dac3 box cut short", 45));
        let without = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 48_000 };
        let without = Bytes::from(without.to_iso(FOUR_CC, b"none", b"").unwrap());
        assert_eq!(Ac3::parse(&without).unwrap_err(), malformed("no dac3 box", 36));
    }
}
