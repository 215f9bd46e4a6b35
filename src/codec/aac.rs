//! AAC: ISO/IEC 14496-3 and 13818-7 in the `mp4a` sample entry of ISO/IEC 14496-14.

use bytes::Bytes;

use super::aac_config::{
    AAC_LC, AAC_LTP, AAC_MAIN, AAC_SSR, AudioSpecificConfig, ConfigError, SAMPLING_FREQUENCIES, plain_config,
};
use super::mp4a_entry::Mp4aEntry;
use super::{
    AudioProperties, ChannelConfiguration, Codec, EncryptedStream, Error, ProtectedBlocks, SampleError,
    SmoothProperties, TransportStream, VideoProperties, audio_setup, private_data_indicator, upper_hex,
};
use crate::isobmff::FourCc;

// objectTypeIndication (ISO/IEC 14496-1 table 5).
const MPEG4_AUDIO: u8 = 0x40;
const MPEG2_AAC_MAIN: u8 = 0x66;
const MPEG2_AAC_LC: u8 = 0x67;
const MPEG2_AAC_SSR: u8 = 0x68;

/// Bytes of an ADTS header without CRC (ISO/IEC 14496-3 1.A.3.2).
const ADTS_HEADER: usize = 7;
/// Longest ADTS frame: 13 bits, header included.
const ADTS_MAX_FRAME: usize = (1 << 13) - 1;
/// `id_syn_ele` of a program config element, in the first three bits of a raw data block.
const ID_PCE: u8 = 5;

/// An AAC track.
#[derive(Debug, Clone)]
pub struct Aac {
    four_cc: FourCc,
    entry: Bytes,
    object_type_indication: u8,
    audio_specific_config: Vec<u8>,
    config: AudioSpecificConfig,
    /// What ADTS says of each frame; `None` where ADTS cannot say it.
    adts: Option<Adts>,
}

#[derive(Debug, Clone)]
struct Adts {
    /// The header with a frame length of zero.
    header: [u8; ADTS_HEADER],
    /// The program config element that must stand in the stream when the header has no channels.
    program_config: Bytes,
    /// What decoders of encrypted streams are told (audio setup information).
    setup: Vec<u8>,
}

impl Aac {
    /// Reads an `mp4a` sample entry, a whole box, of ISO/IEC 14496-12 or of QuickTime (versions 0 to
    /// 2, `wave`). A missing AudioSpecificConfig is made from the entry's rate and channels.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when it is not AAC (MP3 in `mp4a`, for one), [`Error::Malformed`] when
    /// the entry or its AudioSpecificConfig is damaged.
    pub fn parse(entry: &Bytes) -> Result<Aac, Error> {
        let four_cc = FourCc(*b"mp4a");
        let mut fields = Mp4aEntry::parse(entry, four_cc)?;
        let object_type = match fields.object_type_indication {
            MPEG4_AUDIO | MPEG2_AAC_LC => AAC_LC,
            MPEG2_AAC_MAIN => AAC_MAIN,
            MPEG2_AAC_SSR => AAC_SSR,
            _ => return Err(Error::Unsupported { four_cc }),
        };
        let stored = &fields.decoder_specific_info;
        let audio_specific_config = if stored.is_empty() {
            let what = "no AudioSpecificConfig, and none follows from rate and channels";
            plain_config(object_type, fields.rate, fields.channels).ok_or(Error::Malformed {
                four_cc,
                what,
                position: 24,
            })?
        } else {
            stored.clone()
        };
        let config = AudioSpecificConfig::parse(&audio_specific_config).map_err(|error| match error {
            ConfigError::ObjectType => Error::Unsupported { four_cc },
            ConfigError::Malformed(what, position) => {
                // Told from the beginning of the sample entry, as far as its place is known.
                let start = entry.windows(stored.len().max(1)).rposition(|w| w == stored.as_slice()).unwrap_or(0);
                Error::Malformed { four_cc, what, position: start.saturating_add(position) }
            }
        })?;
        // MPEG-2 AAC-LC is what every decoder of MPEG-4 AAC-LC decodes (ISO/IEC 14496-3 1.5.1.2), and CMAF wants it
        // called that (ISO/IEC 23000-19 10.3).
        let renamed = fields.object_type_indication == MPEG2_AAC_LC && config.object_type == AAC_LC;
        let entry = if fields.is_iso && !stored.is_empty() && !renamed {
            entry.clone()
        } else {
            let what = "AudioSpecificConfig too long";
            if renamed {
                fields.object_type_indication = MPEG4_AUDIO;
            }
            let iso = fields.to_iso(&audio_specific_config);
            Bytes::from(iso.ok_or(Error::Malformed { four_cc, what, position: 0 })?)
        };
        Ok(Aac {
            four_cc,
            entry,
            object_type_indication: fields.object_type_indication,
            adts: Adts::of(&config, &audio_specific_config),
            audio_specific_config,
            config,
        })
    }

    /// The AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).
    pub fn audio_specific_config(&self) -> &[u8] {
        &self.audio_specific_config
    }
}

impl Codec for Aac {
    /// `mp4a.40.` and the object type, SBR and PS counted however they are signalled; for the rarer kinds of
    /// MPEG-2 AAC the objectTypeIndication alone, as RFC 6381 3.3 has no second part for it.
    fn rfc6381(&self) -> String {
        match self.object_type_indication {
            MPEG4_AUDIO => format!("mp4a.40.{}", self.config.signalled_object_type()),
            other => format!("mp4a.{other:02x}"),
        }
    }

    fn four_cc(&self) -> FourCc {
        self.four_cc
    }

    fn plays_everywhere(&self) -> bool {
        true
    }

    fn sample_entry(&self) -> Bytes {
        self.entry.clone()
    }

    fn video(&self) -> Option<VideoProperties> {
        None
    }

    fn audio(&self) -> Option<AudioProperties> {
        Some(AudioProperties {
            sampling_rate: self.config.output_rate,
            channels: self.config.output_channels(),
            channel_configuration: self.config.cicp_channel_configuration().map(ChannelConfiguration::Cicp),
            bits_per_sample: 16,
            object_coding_complexity: None,
        })
    }

    fn samples_per_frame(&self) -> Option<u32> {
        self.config.samples_per_frame()
    }

    fn smooth(&self) -> Option<SmoothProperties> {
        // MS-SSTR 2.2.2.5: AACL is AAC Low Complexity, AACH is HE-AAC; other object types have no name.
        let four_cc = match (self.config.object_type, self.config.sbr) {
            (AAC_LC, false) => "AACL",
            (AAC_LC, true) => "AACH",
            _ => return None,
        };
        Some(SmoothProperties {
            four_cc,
            codec_private_data: upper_hex(&self.audio_specific_config),
            audio_tag: Some(255),
            packet_size: Some(4),
            nal_unit_length_field: None,
        })
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        self.adts.as_ref().map(|adts| adts as &dyn TransportStream)
    }
}

impl Adts {
    /// `None` where ADTS cannot carry the configuration: object types beyond four, rates without an
    /// index, channel configurations beyond seven, frames of 960 samples.
    fn of(config: &AudioSpecificConfig, bytes: &[u8]) -> Option<Adts> {
        if !(AAC_MAIN..=AAC_LTP).contains(&config.object_type) || config.short_frames {
            return None;
        }
        let profile = config.object_type - 1;
        let rate = SAMPLING_FREQUENCIES.iter().position(|&rate| rate == config.core_rate)? as u8;
        let channels = Some(config.channel_configuration).filter(|&n| n <= 7)?;
        let program_config = config.program_config.as_ref();
        Some(Adts {
            header: [
                0xff,
                0xf1, // rest of the syncword, ID 0 (MPEG-4), layer 0, protection_absent
                (profile << 6) | (rate << 2) | (channels >> 2),
                (channels & 3) << 6,
                0,
                0x1f, // adts_buffer_fullness 0x7ff: variable bit rate
                0xfc, // its end, and one raw data block
            ],
            program_config: program_config.map(|p| p.raw_data_element.clone().into()).unwrap_or_default(),
            setup: audio_setup(audio_type(config), bytes),
        })
    }
}

/// Which AAC it is, to decoders of encrypted streams.
const fn audio_type(config: &AudioSpecificConfig) -> [u8; 4] {
    match (config.ps, config.sbr) {
        (true, _) => *b"zacp",
        (false, true) => *b"zach",
        (false, false) => *b"zaac",
    }
}

impl TransportStream for Adts {
    fn stream_type(&self) -> u8 {
        0x0f // ISO/IEC 13818-1 table 2-34: ISO/IEC 13818-7 audio with ADTS
    }

    fn stream_id(&self) -> u8 {
        0xc0
    }

    fn encrypted(&self, _first: Option<&Bytes>) -> Option<EncryptedStream> {
        let descriptors = [private_data_indicator(*b"aacd"), self.setup.clone()].concat();
        let blocks = ProtectedBlocks::Frame { header: ADTS_HEADER };
        Some(EncryptedStream { stream_type: 0xcf, descriptors, blocks })
    }

    /// An ADTS header and the frame. Where the header's channels are 0, the program config element
    /// stands before each frame that does not bring its own (ISO/IEC 14496-3 1.A.3.2.1).
    fn access_unit(&self, sample: &Bytes, _sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        let brings_own = sample.first().is_some_and(|first| first >> 5 == ID_PCE);
        let inserted = if brings_own { 0 } else { self.program_config.len() };
        let length = sample.len().saturating_add(ADTS_HEADER + inserted);
        if length > ADTS_MAX_FRAME {
            return Err(SampleError::FrameTooLong { size: sample.len() });
        }
        let mut header = self.header;
        header[3] |= (length >> 11) as u8;
        header[4] = (length >> 3) as u8;
        header[5] |= ((length & 7) << 5) as u8;
        out.push(Bytes::copy_from_slice(&header));
        if inserted > 0 {
            out.push(self.program_config.clone());
        }
        out.push(sample.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Bytes {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    /// The Azure encoder's: AAC-LC, 44,100 Hz, stereo.
    fn lc_entry() -> Bytes {
        bytes(concat!(
            "000000546d703461000000000000000100000000000000000002001000000000ac440000000000306573647300000000",
            "038080801f004010048080801440150006000002543300016d9605808080021210060102"
        ))
    }

    /// The Expression encoder's: objectTypeIndication of MPEG-2 AAC-LC.
    fn mpeg2_entry() -> Bytes {
        bytes(concat!(
            "000000546d703461000000000000000100000000000000000002001000000000ac440000000000306573647300000000",
            "038080801f00000004808080146715001800001588800015888005808080021210060102"
        ))
    }

    /// QuickTime: version 1 sound description with `wave`.
    fn quicktime_entry() -> Bytes {
        bytes(concat!(
            "0000008f6d7034610000000000000001000100000000000000010010fffe0000ac440000000004000000000200000002",
            "000000020000005b776176650000000c66726d616d7034610000000c6d70346100000000000000336573647300000000",
            "03808080220002000480808014401500000000030d400000000005808080021208068080800102000000080000000000"
        ))
        .slice(..0x8f)
    }

    /// `lc_entry` with another AudioSpecificConfig and objectTypeIndication.
    fn entry_with(object_type_indication: u8, config: &[u8]) -> Bytes {
        let mut fields = Mp4aEntry::parse(&lc_entry(), FourCc(*b"mp4a")).unwrap();
        fields.object_type_indication = object_type_indication;
        Bytes::from(fields.to_iso(config).unwrap())
    }

    #[test]
    fn low_complexity() {
        let aac = Aac::parse(&lc_entry()).unwrap();
        assert_eq!(aac.rfc6381(), "mp4a.40.2");
        assert_eq!(aac.sample_entry(), lc_entry());
        assert_eq!(aac.samples_per_frame(), Some(1024));
        let audio = aac.audio().unwrap();
        assert_eq!(
            (audio.sampling_rate, audio.channels, audio.channel_configuration),
            (44_100, 2, Some(ChannelConfiguration::Cicp(2)))
        );
        let smooth = aac.smooth().unwrap();
        assert_eq!((smooth.four_cc, smooth.codec_private_data.as_str()), ("AACL", "1210"));
        assert_eq!((smooth.audio_tag, smooth.packet_size), (Some(255), Some(4)));
    }

    #[test]
    fn low_complexity_of_mpeg_2_is_that_of_mpeg_4() {
        let aac = Aac::parse(&mpeg2_entry()).unwrap();
        assert_eq!(aac.rfc6381(), "mp4a.40.2");
        let entry = Mp4aEntry::parse(&aac.sample_entry(), aac.four_cc()).unwrap();
        assert_eq!((entry.object_type_indication, &entry.decoder_specific_info[..]), (0x40, &[0x12, 0x10][..]));
        assert_eq!(Aac::parse(&aac.sample_entry()).unwrap().sample_entry(), aac.sample_entry());
        // The other profiles are not: MPEG-4 has them otherwise.
        assert_eq!(Aac::parse(&entry_with(0x66, &[0x0a, 0x10])).unwrap().rfc6381(), "mp4a.66");
    }

    #[test]
    fn high_efficiency_shows_what_comes_out() {
        let sbr = Aac::parse(&entry_with(0x40, &[0x2b, 0x11, 0x88, 0x00])).unwrap();
        assert_eq!((sbr.rfc6381().as_str(), sbr.smooth().unwrap().four_cc), ("mp4a.40.5", "AACH"));
        let ps = Aac::parse(&entry_with(0x40, &[0xeb, 0x09, 0x88, 0x00])).unwrap();
        assert_eq!(ps.rfc6381(), "mp4a.40.29");
        let audio = ps.audio().unwrap();
        assert_eq!(
            (audio.sampling_rate, audio.channels, audio.channel_configuration),
            (48_000, 2, Some(ChannelConfiguration::Cicp(2)))
        );
        // ADTS has the core's profile, rate (24 kHz: index 6) and channels.
        let mut pieces = Vec::new();
        ps.transport_stream().unwrap().access_unit(&Bytes::from_static(b"x"), true, &mut pieces).unwrap();
        assert_eq!(pieces[0][2..4], [0x58, 0x40]);
    }

    #[test]
    fn quicktime_entries_become_iso_entries() {
        let aac = Aac::parse(&quicktime_entry()).unwrap();
        assert_eq!(aac.rfc6381(), "mp4a.40.2");
        assert_eq!(aac.audio().unwrap().channels, 1);
        let iso = Mp4aEntry::parse(&aac.sample_entry(), FourCc(*b"mp4a")).unwrap();
        assert!(iso.is_iso);
        assert_eq!(iso.decoder_specific_info, [0x12, 0x08]);
        assert_eq!(Aac::parse(&aac.sample_entry()).unwrap().sample_entry(), aac.sample_entry());
    }

    #[test]
    fn a_missing_configuration_follows_from_the_entry() {
        let aac = Aac::parse(&entry_with(0x40, &[])).unwrap();
        assert_eq!(aac.smooth().unwrap().codec_private_data, "1210");
        assert_eq!(Mp4aEntry::parse(&aac.sample_entry(), aac.four_cc()).unwrap().decoder_specific_info, [0x12, 0x10]);
    }

    #[test]
    fn mp3_is_not_aac() {
        for object_type_indication in [0x6b, 0x69, 0xdd] {
            let parsed = Aac::parse(&entry_with(object_type_indication, &[0x12, 0x10]));
            assert_eq!(parsed.err(), Some(Error::Unsupported { four_cc: FourCc(*b"mp4a") }));
        }
    }

    #[test]
    fn adts_headers() {
        let aac = Aac::parse(&lc_entry()).unwrap();
        let stream = aac.transport_stream().unwrap();
        assert_eq!((stream.stream_type(), stream.stream_id()), (0x0f, 0xc0));
        let frame = Bytes::from(vec![0x21; 371]);
        let mut pieces = Vec::new();
        stream.access_unit(&frame, true, &mut pieces).unwrap();
        // 378 = 0x17a bytes.
        assert_eq!(pieces[0][..], [0xff, 0xf1, 0x50, 0x80, 0x2f, 0x5f, 0xfc]);
        assert_eq!(pieces[1].as_ptr(), frame.as_ptr());
        let long = Bytes::from(vec![0; ADTS_MAX_FRAME - ADTS_HEADER + 1]);
        assert_eq!(stream.access_unit(&long, true, &mut pieces), Err(SampleError::FrameTooLong { size: 8185 }));
        assert_eq!(pieces.len(), 2);
    }

    proptest! {
        #[test]
        fn mutated_entries_never_panic(
            which in 0usize..4,
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
            end in any::<proptest::sample::Index>(),
        ) {
            let he = entry_with(0x40, &[0x13, 0x08, 0x56, 0xe5, 0x9d, 0x48, 0x80]);
            let mut entry = [lc_entry(), mpeg2_entry(), quicktime_entry(), he][which].to_vec();
            for (at, value) in edits {
                let at = at.index(entry.len());
                entry[at] = value;
            }
            let _ = Aac::parse(&Bytes::copy_from_slice(&entry[..end.index(entry.len() + 1)]));
            if let Ok(aac) = Aac::parse(&Bytes::from(entry)) {
                let _ = (aac.rfc6381(), aac.smooth(), aac.audio(), aac.samples_per_frame(), aac.sample_entry());
            }
        }

        #[test]
        fn any_configuration_reads_or_errs(config in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = AudioSpecificConfig::parse(&config);
        }
    }
}
