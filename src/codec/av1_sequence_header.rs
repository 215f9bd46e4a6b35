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

    fn parse(payload: &[u8]) -> Result<SequenceHeader, bits::Error> {
        let mut r = BitReader::new(payload);
        let profile = r.bits(3)?;
        r.flag()?; // still_picture
        let reduced = r.flag()?; // reduced_still_picture_header
        if reduced {
            r.bits(5)?; // seq_level_idx
        } else {
            operating_points(&mut r)?;
        }
        let (width_bits, height_bits) = (r.bits(4)? + 1, r.bits(4)? + 1);
        let (width, height) = (r.bits(width_bits)? + 1, r.bits(height_bits)? + 1);
        if !reduced && r.flag()? {
            r.bits(4 + 3)?; // lengths of frame identifiers
        }
        r.bits(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
        if !reduced {
            tools(&mut r)?;
        }
        r.bits(3)?; // enable_superres, enable_cdef, enable_restoration
        let (colour, full_range) = color_config(&mut r, profile)?;
        Ok(SequenceHeader { width, height, colour, full_range })
    }
}

/// `timing_info` to the operating points (5.5.1).
fn operating_points(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    let mut delay_bits = None;
    if r.flag()? {
        r.skip(32 + 32)?; // num_units_in_display_tick, time_scale
        if r.flag()? {
            r.ue()?; // num_ticks_per_picture_minus_1 is uvlc(), whose short codes are ue(v)'s
        }
        if r.flag()? {
            delay_bits = Some(r.bits(5)? + 1);
            r.skip(32 + 5 + 5)?;
        }
    }
    let initial_display_delay = r.flag()?;
    let points = r.bits(5)? + 1;
    for _ in 0..points {
        r.bits(12)?; // operating_point_idc
        if r.bits(5)? > 7 {
            r.flag()?; // seq_tier
        }
        if let Some(bits) = delay_bits
            && r.flag()?
        {
            r.skip(2 * bits as usize + 1)?;
        }
        if initial_display_delay && r.flag()? {
            r.bits(4)?;
        }
    }
    Ok(())
}

/// The coding tools that stills have not (5.5.1).
fn tools(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    r.bits(4)?; // enable_interintra_compound to enable_dual_filter
    let order_hint = r.flag()?;
    if order_hint {
        r.bits(2)?; // enable_jnt_comp, enable_ref_frame_mvs
    }
    let screen_content = r.flag()? || r.flag()?; // chosen by each frame, or forced
    if screen_content && !r.flag()? {
        r.flag()?; // seq_force_integer_mv
    }
    if order_hint {
        r.bits(3)?; // order_hint_bits_minus_1
    }
    Ok(())
}

/// `color_config` up to `color_range` (5.5.2).
fn color_config(r: &mut BitReader<'_>, profile: u32) -> Result<(Option<Colour>, bool), bits::Error> {
    let high_bitdepth = r.flag()?;
    if profile == 2 && high_bitdepth {
        r.flag()?; // twelve_bit
    }
    let monochrome = profile != 1 && r.flag()?;
    let points = match r.flag()? {
        true => (r.bits(8)? as u16, r.bits(8)? as u16, r.bits(8)? as u16),
        false => (2, 2, 2),
    };
    // sRGB with identity matrix is full range without saying so.
    let full_range = if !monochrome && points == (1, 13, 0) { true } else { r.flag()? };
    Ok((Colour::new(points.0, points.1, points.2, full_range), full_range))
}

/// `leb128()` (4.10.5), at most 32 bits.
fn leb128(r: &mut BitReader<'_>) -> Option<usize> {
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
