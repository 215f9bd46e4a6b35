//! The sequence header of AV1 (AV1 Bitstream & Decoding Process Specification 5.5), as far as packagers ask.

use super::Colour;
use crate::bits::{self, BitReader};

/// `obu_type` of a sequence header (6.2.2).
const SEQUENCE_HEADER: u32 = 1;

/// What a sequence header says of its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SequenceHeader {
    /// `max_frame_width_minus_1` + 1.
    pub width: u32,
    /// `max_frame_height_minus_1` + 1.
    pub height: u32,
    /// `color_config`'s description; `None` when it gives none.
    pub colour: Option<Colour>,
    /// `color_range`.
    pub full_range: bool,
    /// What frame headers depend on.
    pub coding: FrameCoding,
}

/// What the headers of frames depend on (5.5.1, 5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FrameCoding {
    /// `reduced_still_picture_header`.
    pub reduced: bool,
    /// Bits of `frame_width_minus_1` and `frame_height_minus_1`.
    pub size_bits: (u32, u32),
    /// Bits of `delta_frame_id_minus_1` and of `current_frame_id`, where frames have identifiers.
    pub frame_id_bits: Option<(u32, u32)>,
    /// Bits of `frame_presentation_time`, where frames tell it.
    pub presentation_time_bits: Option<u32>,
    /// Bits of `buffer_removal_time`, where there is a decoder model.
    pub removal_time_bits: Option<u32>,
    /// Of each operating point with a decoder model its `operating_point_idc`.
    pub operating_points: [Option<u16>; 32],
    /// `use_128x128_superblock`.
    pub large_superblocks: bool,
    /// `enable_warped_motion`.
    pub warped_motion: bool,
    /// `OrderHintBits`; 0 without order hints.
    pub order_hint_bits: u32,
    /// `enable_ref_frame_mvs`.
    pub reference_vectors: bool,
    /// `seq_force_screen_content_tools`; `None` where each frame chooses.
    pub screen_content_tools: Option<bool>,
    /// `seq_force_integer_mv`; `None` where each frame chooses.
    pub integer_vectors: Option<bool>,
    /// `enable_superres`, `enable_cdef`, `enable_restoration`.
    pub superres: bool,
    /// See `superres`.
    pub cdef: bool,
    /// See `superres`.
    pub restoration: bool,
    /// `mono_chrome`.
    pub monochrome: bool,
    /// `subsampling_x` and `subsampling_y`.
    pub subsampling: (bool, bool),
    /// `separate_uv_delta_q`.
    pub separate_chroma_quantizers: bool,
    /// `film_grain_params_present`.
    pub film_grain: bool,
}

impl SequenceHeader {
    /// The first one among low-overhead OBUs (5.3); `None` when there is none or it is damaged.
    pub fn find(mut obus: &[u8]) -> Option<SequenceHeader> {
        while !obus.is_empty() {
            let mut r = BitReader::new(obus);
            r.flag().ok()?; // obu_forbidden_bit
            let kind = r.bits(4).ok()?;
            let (extended, sized) = (r.flag().ok()?, r.flag().ok()?);
            r.flag().ok()?; // obu_reserved_1bit
            if extended {
                r.bits(8).ok()?;
            }
            let left = || obus.len().saturating_sub(r.position() / 8);
            let size = if sized { leb128(&mut r)? } else { left() };
            let start = r.position() / 8;
            let payload = obus.get(start..start.checked_add(size)?)?;
            if kind == SEQUENCE_HEADER {
                return Self::parse(payload).ok();
            }
            obus = obus.get(start + size..)?;
        }
        None
    }

    /// Reads one, the payload of its OBU.
    pub fn parse(payload: &[u8]) -> Result<SequenceHeader, bits::Error> {
        let mut r = BitReader::new(payload);
        let profile = r.bits(3)?;
        r.flag()?; // still_picture
        let reduced = r.flag()?; // reduced_still_picture_header
        let mut coding = FrameCoding { reduced, ..FrameCoding::default() };
        if reduced {
            r.bits(5)?; // seq_level_idx
        } else {
            operating_points(&mut r, &mut coding)?;
        }
        let (width_bits, height_bits) = (r.bits(4)? + 1, r.bits(4)? + 1);
        let (width, height) = (r.bits(width_bits)? + 1, r.bits(height_bits)? + 1);
        coding.size_bits = (width_bits, height_bits);
        if !reduced && r.flag()? {
            let delta = r.bits(4)? + 2;
            coding.frame_id_bits = Some((delta, delta + r.bits(3)? + 1));
        }
        coding.large_superblocks = r.flag()?;
        r.bits(2)?; // enable_filter_intra, enable_intra_edge_filter
        if !reduced {
            tools(&mut r, &mut coding)?;
        }
        (coding.superres, coding.cdef, coding.restoration) = (r.flag()?, r.flag()?, r.flag()?);
        let (colour, full_range) = color_config(&mut r, profile, &mut coding)?;
        coding.film_grain = r.flag()?;
        Ok(SequenceHeader { width, height, colour, full_range, coding })
    }
}

/// `timing_info` to the operating points (5.5.1).
fn operating_points(r: &mut BitReader<'_>, coding: &mut FrameCoding) -> Result<(), bits::Error> {
    let mut delay_bits = None;
    if r.flag()? {
        r.skip(32 + 32)?; // num_units_in_display_tick, time_scale
        let equal_intervals = r.flag()?;
        if equal_intervals {
            r.ue()?; // num_ticks_per_picture_minus_1 is uvlc(), whose short codes are ue(v)'s
        }
        if r.flag()? {
            delay_bits = Some(r.bits(5)? + 1);
            r.bits(32)?; // num_units_in_decoding_tick
            coding.removal_time_bits = Some(r.bits(5)? + 1);
            let time_bits = r.bits(5)? + 1;
            coding.presentation_time_bits = (!equal_intervals).then_some(time_bits);
        }
    }
    let initial_display_delay = r.flag()?;
    let points = r.bits(5)? + 1;
    for point in 0..points {
        let idc = r.bits(12)? as u16;
        if r.bits(5)? > 7 {
            r.flag()?; // seq_tier
        }
        if let Some(bits) = delay_bits
            && r.flag()?
        {
            r.skip(2 * bits as usize + 1)?;
            if let Some(known) = coding.operating_points.get_mut(point as usize) {
                *known = Some(idc);
            }
        }
        if initial_display_delay && r.flag()? {
            r.bits(4)?;
        }
    }
    Ok(())
}

/// The coding tools that stills have not (5.5.1).
fn tools(r: &mut BitReader<'_>, coding: &mut FrameCoding) -> Result<(), bits::Error> {
    r.bits(2)?; // enable_interintra_compound, enable_masked_compound
    coding.warped_motion = r.flag()?;
    r.flag()?; // enable_dual_filter
    let order_hint = r.flag()?;
    if order_hint {
        r.flag()?; // enable_jnt_comp
        coding.reference_vectors = r.flag()?;
    }
    coding.screen_content_tools = if r.flag()? { None } else { Some(r.flag()?) };
    if coding.screen_content_tools != Some(false) && !r.flag()? {
        coding.integer_vectors = Some(r.flag()?);
    }
    if order_hint {
        coding.order_hint_bits = r.bits(3)? + 1;
    }
    Ok(())
}

/// `color_config` (5.5.2).
fn color_config(
    r: &mut BitReader<'_>,
    profile: u32,
    coding: &mut FrameCoding,
) -> Result<(Option<Colour>, bool), bits::Error> {
    let high_bitdepth = r.flag()?;
    let twelve_bit = profile == 2 && high_bitdepth && r.flag()?;
    let monochrome = profile != 1 && r.flag()?;
    let points = match r.flag()? {
        true => (r.bits(8)? as u16, r.bits(8)? as u16, r.bits(8)? as u16),
        false => (2, 2, 2),
    };
    // sRGB with identity matrix is full range without saying so.
    let rgb = !monochrome && points == (1, 13, 0);
    let full_range = if rgb { true } else { r.flag()? };
    coding.monochrome = monochrome;
    coding.subsampling = match profile {
        _ if monochrome => (true, true),
        _ if rgb => (false, false),
        0 => (true, true),
        1 => (false, false),
        _ if twelve_bit => {
            let x = r.flag()?;
            (x, x && r.flag()?)
        }
        _ => (true, false),
    };
    if !monochrome && !rgb && coding.subsampling == (true, true) {
        r.bits(2)?; // chroma_sample_position
    }
    coding.separate_chroma_quantizers = !monochrome && r.flag()?;
    Ok((Colour::new(points.0, points.1, points.2, full_range), full_range))
}

/// `leb128()` (4.10.5), at most 32 bits.
pub(super) fn leb128(r: &mut BitReader<'_>) -> Option<usize> {
    let mut value = 0u64;
    for shift in (0..56).step_by(7) {
        let byte = u64::from(r.bits(8).ok()?);
        value |= (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().and_then(|n| usize::try_from(n).ok());
        }
    }
    None
}
