//! The sequence parameter set of AVC (ISO/IEC 14496-10 7.3.2.1.1), as far as packagers ask.

use super::Colour;
use crate::bits::{self, BitReader, rbsp};

/// What an SPS says about its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sps {
    /// `profile_idc`.
    pub profile: u8,
    /// The byte of `constraint_set0_flag` to `constraint_set5_flag` and two reserved bits.
    pub constraints: u8,
    /// `level_idc`.
    pub level: u8,
    /// Width after cropping, luma samples.
    pub width: u32,
    /// Height after cropping, luma samples.
    pub height: u32,
    /// Sample aspect ratio of the VUI (E.2.1), if it is there and not "unspecified".
    pub sample_aspect_ratio: Option<(u32, u32)>,
    /// Colour description of the VUI, if there is one.
    pub colour: Option<Colour>,
}

/// Why an SPS cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpsError {
    /// What is wrong.
    pub what: &'static str,
    /// Byte offset in the SPS without its emulation prevention bytes.
    pub position: usize,
}

impl From<bits::Error> for SpsError {
    fn from(error: bits::Error) -> SpsError {
        SpsError { what: "damaged sequence parameter set", position: error.byte_position() }
    }
}

/// Sample aspect ratios of `aspect_ratio_idc` 1 to 16 (ISO/IEC 14496-10 table E-1).
const ASPECT_RATIOS: [(u32, u32); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// `aspect_ratio_idc` that is followed by an explicit ratio, `Extended_SAR`.
const EXTENDED_SAR: u32 = 255;

/// Profiles whose SPS has chroma format, bit depth and scaling matrices (7.3.2.1.1).
pub(super) const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

impl Sps {
    /// Reads an SPS NAL unit, header byte included.
    pub fn parse(nal_unit: &[u8]) -> Result<Sps, SpsError> {
        let payload = rbsp(nal_unit);
        let mut r = BitReader::new(&payload);
        if r.bits(8)? & 0x1f != u32::from(super::avc::SEQUENCE_PARAMETER_SET) {
            return Err(SpsError { what: "NAL unit is no sequence parameter set", position: 0 });
        }
        let profile = r.bits(8)? as u8;
        let constraints = r.bits(8)? as u8;
        let level = r.bits(8)? as u8;
        r.ue()?; // seq_parameter_set_id
        let chroma_array_type = match HIGH_PROFILES.contains(&profile) {
            true => high_profile_fields(&mut r)?.array_type,
            false => 1,
        };
        picture_order_count(&mut r)?;
        r.ue()?; // max_num_ref_frames
        r.flag()?; // gaps_in_frame_num_value_allowed_flag
        let width_in_mbs = u64::from(r.ue()?) + 1;
        let height_in_map_units = u64::from(r.ue()?) + 1;
        let frame_mbs_only = r.flag()?;
        if !frame_mbs_only {
            r.flag()?; // mb_adaptive_frame_field_flag
        }
        r.flag()?; // direct_8x8_inference_flag
        let fields = if frame_mbs_only { 1 } else { 2 };
        let (crop_width, crop_height) = cropping(&mut r, chroma_array_type, fields)?;
        let too_large = SpsError { what: "picture size out of range", position: r.position() / 8 };
        // Sizes beyond 16 bits have no place in a sample entry (ISO/IEC 14496-12 12.1.3).
        let side = |coded: u64, crop: u64| {
            coded.checked_sub(crop).filter(|n| (1..=65_535).contains(n)).map(|n| n as u32).ok_or(too_large)
        };
        let width = side(width_in_mbs * 16, crop_width)?;
        let height = side(height_in_map_units * fields * 16, crop_height)?;
        // A VUI that is cut short costs only what it says: players go on as well.
        let has_vui = r.flag().unwrap_or(false);
        let sample_aspect_ratio = if has_vui { aspect_ratio(&mut r).unwrap_or(None) } else { None };
        let colour = if has_vui { colour(&mut r).unwrap_or(None) } else { None };
        Ok(Sps { profile, constraints, level, width, height, sample_aspect_ratio, colour })
    }
}

/// How colour is sampled.
pub(super) struct Chroma {
    /// `ChromaArrayType`.
    pub array_type: u32,
    /// `separate_colour_plane_flag`.
    pub separate_planes: bool,
}

/// Reads the fields of the high profiles.
pub(super) fn high_profile_fields(r: &mut BitReader<'_>) -> Result<Chroma, SpsError> {
    let chroma_format_idc = r.ue()?;
    if chroma_format_idc > 3 {
        return Err(SpsError { what: "chroma_format_idc above 3", position: r.position() / 8 });
    }
    let separate_planes = chroma_format_idc == 3 && r.flag()?;
    r.ue()?; // bit_depth_luma_minus8
    r.ue()?; // bit_depth_chroma_minus8
    r.flag()?; // qpprime_y_zero_transform_bypass_flag
    if r.flag()? {
        let lists = if chroma_format_idc == 3 { 12 } else { 8 };
        for list in 0..lists {
            if r.flag()? {
                scaling_list(r, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok(Chroma { array_type: if separate_planes { 0 } else { chroma_format_idc }, separate_planes })
}

/// Passes over a scaling list (7.3.2.1.1.1).
fn scaling_list(r: &mut BitReader<'_>, size: u32) -> Result<(), SpsError> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + i64::from(r.se()?)).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

fn picture_order_count(r: &mut BitReader<'_>) -> Result<(), SpsError> {
    r.ue()?; // log2_max_frame_num_minus4
    match r.ue()? {
        0 => {
            r.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            r.flag()?; // delta_pic_order_always_zero_flag
            r.se()?; // offset_for_non_ref_pic
            r.se()?; // offset_for_top_to_bottom_field
            let cycle = r.ue()?;
            if cycle > 255 {
                return Err(SpsError { what: "picture order cycle above 255", position: r.position() / 8 });
            }
            for _ in 0..cycle {
                r.se()?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Luma samples cut away horizontally and vertically (7.4.2.1.1, CropUnitX and CropUnitY).
fn cropping(r: &mut BitReader<'_>, chroma_array_type: u32, fields: u64) -> Result<(u64, u64), SpsError> {
    if !r.flag()? {
        return Ok((0, 0));
    }
    let (left, right) = (u64::from(r.ue()?), u64::from(r.ue()?));
    let (top, bottom) = (u64::from(r.ue()?), u64::from(r.ue()?));
    let unit_x = if matches!(chroma_array_type, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma_array_type == 1 { 2 * fields } else { fields };
    Ok(((left + right) * unit_x, (top + bottom) * unit_y))
}

/// `aspect_ratio_info_present_flag` and what follows from it, the same in HEVC (ISO/IEC 23008-2 E.2.1).
pub(super) fn aspect_ratio(r: &mut BitReader<'_>) -> Result<Option<(u32, u32)>, bits::Error> {
    if !r.flag()? {
        return Ok(None);
    }
    let ratio = match r.bits(8)? {
        EXTENDED_SAR => (r.bits(16)?, r.bits(16)?),
        idc => match (idc as usize).checked_sub(1).and_then(|i| ASPECT_RATIOS.get(i)) {
            Some(&ratio) => ratio,
            None => return Ok(None),
        },
    };
    Ok(Some(ratio).filter(|&(w, h)| w != 0 && h != 0))
}

/// `overscan_info` and `video_signal_type` of a VUI (E.1.1).
fn colour(r: &mut BitReader<'_>) -> Result<Option<Colour>, bits::Error> {
    if r.flag()? {
        r.flag()?; // overscan_appropriate_flag
    }
    Colour::of_vui(r)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn sizes_and_profiles_of_real_parameter_sets() {
        // Azure encoder, Expression encoder, x264, Android's encoder, an old QuickTime encoder.
        let table = [
            (
                "674d401e965281405ff2ffe08000800a1000000300100000030306040 00f4240002625bfc638c08001e8480004c4b7f8c70ed0b168b0",
                (0x4d, 0x40, 0x1e),
                640,
                360,
            ),
            (
                "6764001fac2ca5014016effc100010014808080a00000300020000030060c1000055730000aae6fe31c6080002ab9800055737f18e1da12251 60",
                (0x64, 0, 0x1f),
                1280,
                720,
            ),
            ("6742c028d900780227e584000003000400000300f03c60c920", (0x42, 0xc0, 0x28), 1920, 1080),
            ("6764001facd9404405be5f011000003e90000ea600f1831960", (0x64, 0, 0x1f), 1080, 720),
            ("6764001eacd940843fe6966e020202800000030080015f90078b16cb", (0x64, 0, 0x1e), 518, 488),
            ("274d001eab60501bfdcd41804180800100", (0x4d, 0, 0x1e), 640, 428),
        ];
        for (hex, (profile, constraints, level), width, height) in table {
            let sps = Sps::parse(&bytes(&hex.replace(' ', ""))).unwrap();
            assert_eq!((sps.profile, sps.constraints, sps.level), (profile, constraints, level), "{hex}");
            assert_eq!((sps.width, sps.height), (width, height), "{hex}");
            assert!(sps.sample_aspect_ratio.is_none_or(|(w, h)| w == h), "{hex}: {sps:?}");
        }
    }

    #[test]
    fn every_cut_is_an_error_or_a_size() {
        let sps = bytes("6764001eacd940843fe6966e020202800000030080015f90078b16cb");
        for end in 0..sps.len() {
            match Sps::parse(&sps[..end]) {
                Ok(parsed) => assert_eq!((parsed.width, parsed.height), (518, 488)),
                Err(error) => assert!(error.position <= end),
            }
        }
    }
}
