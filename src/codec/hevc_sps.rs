//! The sequence parameter set of HEVC (ISO/IEC 23008-2 7.3.2.2.1), as far as packagers ask.

use super::Colour;
use super::avc_sps::{SpsError, aspect_ratio};
use crate::bits::{self, BitReader, rbsp};

/// What an SPS says about its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sps {
    /// Width inside the conformance window, luma samples.
    pub width: u32,
    /// Height inside the conformance window, luma samples.
    pub height: u32,
    /// What the VUI says (annex E).
    pub usability: Usability,
}

/// The parts of the VUI that matter to players before they decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usability {
    /// Sample aspect ratio, if it is there and not "unspecified".
    pub sample_aspect_ratio: Option<(u32, u32)>,
    /// Colour description, if there is one.
    pub colour: Option<Colour>,
}

/// Bits of `profile_tier_level`'s general part without its level (7.3.3).
const GENERAL_PROFILE: usize = 88;

/// The most of `num_short_term_ref_pic_sets` (7.4.3.2.1).
const MAX_REFERENCE_SETS: u32 = 64;

/// The most pictures in one set: `sps_max_dec_pic_buffering_minus1` goes no further (A.4.2).
const MAX_REFERENCES: u32 = 16;

impl Sps {
    /// Reads an SPS NAL unit, its header of two bytes included.
    pub fn parse(nal_unit: &[u8]) -> Result<Sps, SpsError> {
        let payload = rbsp(nal_unit);
        let mut r = BitReader::new(&payload);
        if r.bits(16)? >> 9 & 0x3f != u32::from(super::hevc::SEQUENCE_PARAMETER_SET) {
            return Err(SpsError { what: "NAL unit is no sequence parameter set", position: 0 });
        }
        r.bits(4)?; // sps_video_parameter_set_id
        let sub_layers = r.bits(3)?; // sps_max_sub_layers_minus1
        r.flag()?; // sps_temporal_id_nesting_flag
        profile_tier_level(&mut r, sub_layers)?;
        r.ue()?; // sps_seq_parameter_set_id
        let chroma_format = r.ue()?;
        if chroma_format > 3 {
            return Err(SpsError { what: "chroma_format_idc above 3", position: r.position() / 8 });
        }
        let separate_planes = chroma_format == 3 && r.flag()?;
        let (coded_width, coded_height) = (u64::from(r.ue()?), u64::from(r.ue()?));
        let (unit_x, unit_y) = match chroma_format {
            1 if !separate_planes => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let (mut crop_x, mut crop_y) = (0, 0);
        if r.flag()? {
            let (left, right) = (u64::from(r.ue()?), u64::from(r.ue()?));
            let (top, bottom) = (u64::from(r.ue()?), u64::from(r.ue()?));
            (crop_x, crop_y) = ((left + right) * unit_x, (top + bottom) * unit_y);
        }
        let too_large = SpsError { what: "picture size out of range", position: r.position() / 8 };
        // Sizes beyond 16 bits have no place in a sample entry (ISO/IEC 14496-12 12.1.3).
        let side = |coded: u64, crop: u64| {
            coded.checked_sub(crop).filter(|n| (1..=65_535).contains(n)).map(|n| n as u32).ok_or(too_large)
        };
        let (width, height) = (side(coded_width, crop_x)?, side(coded_height, crop_y)?);
        // What cannot be read behind the size costs only what the VUI says: players go on as well.
        let usability = usability(&mut r, sub_layers).unwrap_or_default();
        Ok(Sps { width, height, usability })
    }
}

/// Passes over `profile_tier_level(1, sub_layers)` (7.3.3): the configuration record has it.
fn profile_tier_level(r: &mut BitReader<'_>, sub_layers: u32) -> Result<(), bits::Error> {
    r.skip(GENERAL_PROFILE + 8)?;
    let mut present = [(false, false); 8];
    for flags in present.iter_mut().take(sub_layers as usize) {
        *flags = (r.flag()?, r.flag()?);
    }
    if sub_layers > 0 {
        r.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        r.skip(if profile { GENERAL_PROFILE } else { 0 } + if level { 8 } else { 0 })?;
    }
    Ok(())
}

/// Everything between the conformance window and the VUI's colour, which comes out.
fn usability(r: &mut BitReader<'_>, sub_layers: u32) -> Result<Usability, bits::Error> {
    r.ue()?; // bit_depth_luma_minus8
    r.ue()?; // bit_depth_chroma_minus8
    let poc_bits = r.ue()?.saturating_add(4); // log2_max_pic_order_cnt_lsb_minus4
    let first = if r.flag()? { 0 } else { sub_layers }; // sps_sub_layer_ordering_info_present_flag
    for _ in first..=sub_layers {
        for _ in 0..3 {
            r.ue()?; // sizes of the picture buffer
        }
    }
    for _ in 0..6 {
        r.ue()?; // sizes and depths of blocks
    }
    if r.flag()? && r.flag()? {
        scaling_lists(r)?;
    }
    r.flag()?; // amp_enabled_flag
    r.flag()?; // sample_adaptive_offset_enabled_flag
    if r.flag()? {
        r.bits(8)?; // PCM bit depths
        r.ue()?; // log2_min_pcm_luma_coding_block_size_minus3
        r.ue()?; // log2_diff_max_min_pcm_luma_coding_block_size
        r.flag()?; // pcm_loop_filter_disabled_flag
    }
    reference_sets(r)?;
    if r.flag()? {
        let long_term = r.ue()?.min(33);
        for _ in 0..long_term {
            r.bits(poc_bits)?; // lt_ref_pic_poc_lsb_sps
            r.flag()?;
        }
    }
    r.flag()?; // sps_temporal_mvp_enabled_flag
    r.flag()?; // strong_intra_smoothing_enabled_flag
    if !r.flag()? {
        return Ok(Usability::default());
    }
    let sample_aspect_ratio = aspect_ratio(r)?;
    if r.flag()? {
        r.flag()?; // overscan_appropriate_flag
    }
    Ok(Usability { sample_aspect_ratio, colour: Colour::of_vui(r)? })
}

/// Passes over `scaling_list_data` (7.3.4).
fn scaling_lists(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !r.flag()? {
                r.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                r.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                r.se()?;
            }
        }
    }
    Ok(())
}

/// Passes over all `st_ref_pic_set` (7.3.7), the later of which may count what an earlier one has.
fn reference_sets(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    let sets = r.ue()?.min(MAX_REFERENCE_SETS);
    let mut before = 0;
    for set in 0..sets {
        let predicted = set > 0 && r.flag()?;
        before = if predicted {
            r.flag()?; // delta_rps_sign
            r.ue()?; // abs_delta_rps_minus1
            let mut kept = 0;
            for _ in 0..=before {
                // used_by_curr_pic_flag, or else use_delta_flag
                kept += u32::from(r.flag()? || r.flag()?);
            }
            kept
        } else {
            let (negative, positive) = (r.ue()?.min(MAX_REFERENCES), r.ue()?.min(MAX_REFERENCES));
            for _ in 0..negative + positive {
                r.ue()?; // delta_poc_minus1
                r.flag()?; // used_by_curr_pic_flag
            }
            negative + positive
        };
    }
    Ok(())
}
