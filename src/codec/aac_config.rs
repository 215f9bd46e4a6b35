//! AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).

use crate::bits::{self, BitReader};

/// `samplingFrequencyIndex` 0 to 12, samples per second (ISO/IEC 14496-3 table 1.18).
pub(super) const SAMPLING_FREQUENCIES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

// audioObjectType (ISO/IEC 14496-3 table 1.17).
pub(super) const AAC_MAIN: u8 = 1;
pub(super) const AAC_LC: u8 = 2;
pub(super) const AAC_SSR: u8 = 3;
pub(super) const AAC_LTP: u8 = 4;
pub(super) const SBR: u8 = 5;
const AAC_SCALABLE: u8 = 6;
const ER_AAC_LC: u8 = 17;
const ER_AAC_LTP: u8 = 19;
const ER_AAC_SCALABLE: u8 = 20;
const ER_BSAC: u8 = 22;
const ER_AAC_LD: u8 = 23;
pub(super) const PS: u8 = 29;
const ER_AAC_ELD: u8 = 39;
const USAC: u8 = 42;

/// What a track's AudioSpecificConfig says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AudioSpecificConfig {
    /// Object type of the core coder, without SBR and PS.
    pub object_type: u8,
    /// Samples per second of the core coder.
    pub core_rate: u32,
    /// Samples per second that come out.
    pub output_rate: u32,
    /// `channelConfiguration`; 0 with a program config element.
    pub channel_configuration: u8,
    /// Channels of the core coder.
    pub core_channels: u16,
    /// Whether spectral band replication is signalled, in either way.
    pub sbr: bool,
    /// Whether parametric stereo is signalled, in either way.
    pub ps: bool,
    /// `frameLengthFlag`: 960 samples per frame in place of 1024 (480 in place of 512).
    pub short_frames: bool,
    /// The program config element, where `channelConfiguration` is 0.
    pub program_config: Option<ProgramConfig>,
}

/// A `program_config_element()` (ISO/IEC 14496-3 table 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProgramConfig {
    /// Channels in front, side, back and low-frequency elements.
    pub layout: [u16; 4],
    /// The element as it stands in a raw data block: behind its three-bit `id_syn_ele` and filled up
    /// to a whole number of bytes.
    pub raw_data_element: Vec<u8>,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfigError {
    /// It is damaged at this byte.
    Malformed(&'static str, usize),
    /// It is of an object type that is not AAC.
    ObjectType,
}

impl From<bits::Error> for ConfigError {
    fn from(error: bits::Error) -> ConfigError {
        ConfigError::Malformed("damaged AudioSpecificConfig", error.byte_position())
    }
}

impl AudioSpecificConfig {
    /// Reads the payload of a DecoderSpecificInfo.
    pub fn parse(data: &[u8]) -> Result<AudioSpecificConfig, ConfigError> {
        let mut r = BitReader::new(data);
        let mut object_type = audio_object_type(&mut r)?;
        let core_rate = sampling_frequency(&mut r)?;
        let channel_configuration = r.bits(4)? as u8;
        let (mut sbr, mut ps, mut output_rate) = (false, false, core_rate);
        if matches!(object_type, SBR | PS) {
            sbr = true;
            ps = object_type == PS;
            output_rate = sampling_frequency(&mut r)?;
            object_type = audio_object_type(&mut r)?;
            if object_type == ER_BSAC {
                r.bits(4)?; // extensionChannelConfiguration
            }
        }
        let mut config = AudioSpecificConfig {
            object_type,
            core_rate,
            output_rate,
            channel_configuration,
            core_channels: channels(channel_configuration).unwrap_or(0),
            sbr,
            ps,
            short_frames: false,
            program_config: None,
        };
        match object_type {
            AAC_MAIN..=AAC_LTP | AAC_SCALABLE | ER_AAC_LC | ER_AAC_LTP | ER_AAC_SCALABLE | ER_AAC_LD => {
                config.read_general_audio(&mut r)?;
            }
            ER_AAC_ELD => config.short_frames = r.flag()?,
            USAC => {}
            _ => return Err(ConfigError::ObjectType),
        }
        if !sbr && matches!(object_type, AAC_MAIN..=AAC_LTP) {
            config.read_sync_extension(&mut r);
        }
        if config.core_channels == 0 && object_type != USAC {
            return Err(ConfigError::Malformed("channelConfiguration without a channel", 1));
        }
        Ok(config)
    }

    /// `GASpecificConfig()` (ISO/IEC 14496-3 4.4.1), up to what is wanted here.
    fn read_general_audio(&mut self, r: &mut BitReader<'_>) -> Result<(), ConfigError> {
        self.short_frames = r.flag()?;
        if r.flag()? {
            r.bits(14)?; // coreCoderDelay
        }
        let extension = r.flag()?;
        if self.channel_configuration == 0 {
            let program_config = ProgramConfig::read(r)?;
            self.core_channels = program_config.layout.iter().sum();
            self.program_config = Some(program_config);
        }
        if matches!(self.object_type, AAC_SCALABLE | ER_AAC_SCALABLE) {
            r.bits(3)?; // layerNr
        }
        if extension {
            if matches!(self.object_type, ER_AAC_LC | ER_AAC_LTP | ER_AAC_SCALABLE | ER_AAC_LD) {
                r.bits(3)?; // resilience flags
            }
            r.flag()?; // extensionFlag3
        }
        Ok(())
    }

    /// The backward compatible signalling of SBR and PS at the end (ISO/IEC 14496-3 1.6.6.2). What
    /// does not read as one is padding.
    fn read_sync_extension(&mut self, r: &mut BitReader<'_>) {
        if r.bits(11) != Ok(0x2b7) || audio_object_type(r) != Ok(SBR) || r.flag() != Ok(true) {
            return;
        }
        let Ok(rate) = sampling_frequency(r) else { return };
        self.sbr = true;
        self.output_rate = rate;
        self.ps = r.bits(11) == Ok(0x548) && r.flag() == Ok(true);
    }

    /// The object type that names the whole configuration: PS, else SBR, else the core's.
    pub fn signalled_object_type(&self) -> u8 {
        match (self.ps, self.sbr) {
            (true, _) => PS,
            (false, true) => SBR,
            (false, false) => self.object_type,
        }
    }

    /// Channels that come out: parametric stereo makes two of one (ISO/IEC 14496-3 8.6.4).
    pub fn output_channels(&self) -> u16 {
        if self.ps && self.core_channels == 1 { 2 } else { self.core_channels }
    }

    /// ChannelConfiguration of ISO/IEC 23091-3, `None` for a layout it does not list.
    pub fn cicp_channel_configuration(&self) -> Option<u8> {
        if self.ps && self.core_channels == 1 {
            return Some(2);
        }
        match (&self.program_config, self.channel_configuration) {
            // AAC's values were taken over by ISO/IEC 23091-3 under the same numbers.
            (None, n @ (1..=7 | 11..=14)) => Some(n),
            (None, _) => None,
            (Some(program), _) => match program.layout {
                [1, 0, 0, 0] => Some(1),
                [2, 0, 0, 0] => Some(2),
                [3, 0, 0, 0] => Some(3),
                [3, 0, 1, 0] => Some(4),
                [3, 0, 2, 0] | [3, 2, 0, 0] => Some(5),
                [3, 0, 2, 1] | [3, 2, 0, 1] => Some(6),
                [5, 0, 2, 1] => Some(7),
                [3, 0, 3, 1] => Some(11),
                [3, 2, 2, 1] => Some(12),
                _ => None,
            },
        }
    }

    /// PCM samples that a frame gives, at the output rate; `None` for object types without a fixed
    /// length.
    pub fn samples_per_frame(&self) -> Option<u32> {
        let core: u32 = match (self.object_type, self.short_frames) {
            (USAC, _) => return None,
            (ER_AAC_LD | ER_AAC_ELD, false) => 512,
            (ER_AAC_LD | ER_AAC_ELD, true) => 480,
            (_, false) => 1024,
            (_, true) => 960,
        };
        // SBR doubles the rate, or leaves it in downsampled mode.
        Some(if self.sbr && self.output_rate > self.core_rate { core * 2 } else { core })
    }
}

/// An AudioSpecificConfig for a track that has none; `None` if no `channelConfiguration` has so many
/// channels.
pub(super) fn plain_config(object_type: u8, rate: u32, channel_count: u16) -> Option<Vec<u8>> {
    let configuration = (1..=14u8).find(|&n| channels(n) == Some(channel_count))?;
    let short = SAMPLING_FREQUENCIES.iter().position(|&f| f == rate);
    // 5 bits object type, 4 bits index, (24 bits rate,) 4 bits channels, 3 zero flags.
    let (value, bytes) = match short {
        Some(index) => ((u64::from(object_type) << 11) | ((index as u64) << 7) | (u64::from(configuration) << 3), 2),
        None if (1..1 << 24).contains(&rate) => {
            ((u64::from(object_type) << 35) | (15 << 31) | (u64::from(rate) << 7) | (u64::from(configuration) << 3), 5)
        }
        None => return None,
    };
    Some(value.to_be_bytes()[8 - bytes..].to_vec())
}

/// Channels of a `channelConfiguration` (ISO/IEC 14496-3 table 1.19); `None` for reserved ones.
fn channels(configuration: u8) -> Option<u16> {
    match configuration {
        n @ 1..=6 => Some(u16::from(n)),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        13 => Some(24),
        _ => None,
    }
}

/// `GetAudioObjectType()` with its escape (ISO/IEC 14496-3 table 1.16).
fn audio_object_type(r: &mut BitReader<'_>) -> Result<u8, bits::Error> {
    match r.bits(5)? {
        31 => Ok(32 + r.bits(6)? as u8),
        n => Ok(n as u8),
    }
}

/// A `samplingFrequencyIndex`, or the 24-bit frequency behind index 15. Never zero.
fn sampling_frequency(r: &mut BitReader<'_>) -> Result<u32, ConfigError> {
    let position = r.position() / 8;
    let index = r.bits(4)?;
    let rate = if index == 15 { r.bits(24)? } else { SAMPLING_FREQUENCIES.get(index as usize).copied().unwrap_or(0) };
    if rate == 0 {
        return Err(ConfigError::Malformed("reserved sampling frequency", position));
    }
    Ok(rate)
}

impl ProgramConfig {
    fn read(r: &mut BitReader<'_>) -> Result<ProgramConfig, bits::Error> {
        let mut copy = Copy { input: r, bits: vec![true, false, true] }; // id_syn_ele ID_PCE = 5
        copy.bits(4 + 2 + 4)?; // element_instance_tag, object_type, sampling_frequency_index
        let [front, side, back] = [copy.bits(4)?, copy.bits(4)?, copy.bits(4)?];
        let low_frequency = copy.bits(2)?;
        let associated_data = copy.bits(3)?;
        let coupling = copy.bits(4)?;
        for element_bits in [4, 4, 3] {
            // mono_mixdown, stereo_mixdown, matrix_mixdown
            if copy.bits(1)? == 1 {
                copy.bits(element_bits)?;
            }
        }
        let mut layout = [0u16; 4];
        for (group, elements) in layout.iter_mut().zip([front, side, back]) {
            for _ in 0..elements {
                let is_pair = copy.bits(1)? == 1;
                copy.bits(4)?;
                *group += if is_pair { 2 } else { 1 };
            }
        }
        layout[3] = low_frequency as u16;
        for _ in 0..low_frequency + associated_data {
            copy.bits(4)?;
        }
        for _ in 0..coupling {
            copy.bits(5)?;
        }
        // Alignment counts from the beginning of the structure around it, so it differs in the copy.
        copy.input.align();
        copy.bits.resize(copy.bits.len().next_multiple_of(8), false);
        let comment_bytes = copy.bits(8)?;
        for _ in 0..comment_bytes {
            copy.bits(8)?;
        }
        let raw_data_element =
            copy.bits.chunks(8).map(|byte| byte.iter().fold(0u8, |n, &bit| (n << 1) | u8::from(bit))).collect();
        Ok(ProgramConfig { layout, raw_data_element })
    }
}

/// Reads bits and keeps them; a program config element has at most about 2,400.
struct Copy<'r, 'a> {
    input: &'r mut BitReader<'a>,
    bits: Vec<bool>,
}

impl Copy<'_, '_> {
    fn bits(&mut self, n: u32) -> Result<u32, bits::Error> {
        let value = self.input.bits(n)?;
        self.bits.extend((0..n).rev().map(|bit| value >> bit & 1 == 1));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(data: &[u8]) -> (u8, u32, u32, u16, bool, bool) {
        let c = AudioSpecificConfig::parse(data).unwrap();
        (c.object_type, c.core_rate, c.output_rate, c.output_channels(), c.sbr, c.ps)
    }

    #[test]
    fn configurations_in_the_wild() {
        assert_eq!(summary(&[0x12, 0x10]), (2, 44_100, 44_100, 2, false, false));
        assert_eq!(summary(&[0x11, 0x88]), (2, 48_000, 48_000, 1, false, false));
        assert_eq!(summary(&[0x11, 0x90, 0x56, 0xe5, 0x00]), (2, 48_000, 48_000, 2, false, false));
        // Hierarchical SBR: object type 5, 24 kHz core, 48 kHz out.
        assert_eq!(summary(&[0x2b, 0x11, 0x88, 0x00]), (2, 24_000, 48_000, 2, true, false));
        // Hierarchical PS: object type 29, mono 24 kHz core.
        assert_eq!(summary(&[0xeb, 0x09, 0x88, 0x00]), (2, 24_000, 48_000, 2, true, true));
        // Backward compatible SBR, then SBR and PS.
        assert_eq!(summary(&[0x13, 0x10, 0x56, 0xe5, 0x98]), (2, 24_000, 48_000, 2, true, false));
        assert_eq!(summary(&[0x13, 0x08, 0x56, 0xe5, 0x9d, 0x48, 0x80]), (2, 24_000, 48_000, 2, true, true));
    }

    #[test]
    fn frame_lengths_follow_the_output_rate() {
        let frames = |data: &[u8]| AudioSpecificConfig::parse(data).unwrap().samples_per_frame();
        assert_eq!(frames(&[0x12, 0x10]), Some(1024));
        assert_eq!(frames(&[0x12, 0x14]), Some(960));
        assert_eq!(frames(&[0x2b, 0x11, 0x88, 0x00]), Some(2048));
    }

    #[test]
    fn a_program_config_element_counts_channels_and_is_copied() {
        // AAC-LC, 48 kHz, channelConfiguration 0; PCE: front SCE + CPE, back CPE, one LFE.
        let text = concat!(
            "00010", "0011", "0000", "000", "0000", "01", "0011", "0010", "0000", "0001", "01", "000", "0000", "0",
            "0", "0", "00000", "10000", "10001", "0000"
        );
        let mut bits: Vec<u8> = text.bytes().map(|b| b - b'0').collect();
        bits.resize(bits.len().next_multiple_of(8), 0);
        bits.extend([0, 0, 0, 0, 0, 0, 1, 0]); // two bytes of comment
        let mut data: Vec<u8> = bits.chunks(8).map(|c| c.iter().fold(0, |n, b| n << 1 | b)).collect();
        data.extend(b"hi");
        let config = AudioSpecificConfig::parse(&data).unwrap();
        assert_eq!((config.core_channels, config.cicp_channel_configuration()), (6, Some(6)));
        let element = config.program_config.unwrap().raw_data_element;
        assert_eq!(element[0] >> 5, 5);
        assert!(element.ends_with(b"\x02hi"));
        // 3 + 53 bits come to whole bytes, then the comment.
        assert_eq!(element.len(), (3 + text.len() - 16).div_ceil(8) + 3);
    }

    #[test]
    fn other_object_types_and_reserved_values_are_refused() {
        // Escape: object type 34, MPEG-1 Layer 3.
        assert_eq!(AudioSpecificConfig::parse(&[0xf8, 0x46, 0x40, 0]), Err(ConfigError::ObjectType));
        assert!(matches!(AudioSpecificConfig::parse(&[0x16, 0x90]), Err(ConfigError::Malformed(..))));
        assert!(matches!(AudioSpecificConfig::parse(&[0x12]), Err(ConfigError::Malformed(..))));
        // An explicit rate of zero.
        assert!(AudioSpecificConfig::parse(&[0x17, 0x80, 0, 0, 0x10]).is_err());
    }

    #[test]
    fn plain_configurations_read_back() {
        for (rate, count) in [(44_100, 2), (48_000, 6), (8_000, 1), (50_000, 8), (96_000, 7)] {
            let config = AudioSpecificConfig::parse(&plain_config(AAC_LC, rate, count).unwrap()).unwrap();
            assert_eq!((config.core_rate, config.core_channels, config.object_type), (rate, count, AAC_LC));
        }
        assert_eq!(plain_config(AAC_LC, 44_100, 2).unwrap(), [0x12, 0x10]);
        assert_eq!(plain_config(AAC_LC, 0, 2), None);
        assert_eq!(plain_config(AAC_LC, 44_100, 9), None);
    }
}
