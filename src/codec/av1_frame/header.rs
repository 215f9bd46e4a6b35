//! `uncompressed_header` (AV1 5.9.2), read for where it ends and how many tiles follow.

use super::motion::{GlobalMotion, non_symmetric};
use super::{Av1Frames, Reference, Unreadable};
use crate::bits::BitReader;
use crate::codec::av1_sequence_header::FrameCoding;

// frame_type (6.8.2).
const KEY: u32 = 0;
const INTER: u32 = 1;
const INTRA_ONLY: u32 = 2;
const SWITCH: u32 = 3;

/// Bits of the features of a segment, and whether they have signs (5.9.14).
const SEGMENT_FEATURES: [(u32, bool); 8] =
    [(8, true), (6, true), (6, true), (6, true), (6, true), (3, false), (0, false), (0, false)];

/// The tiles of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    /// How many there are.
    pub count: u32,
    /// Bits of a tile's number.
    pub bits: u32,
    /// Bytes of a tile's size.
    pub size_bytes: usize,
}

/// What is kept of a header until the frame's last tile.
#[derive(Debug, Clone)]
pub(super) struct FrameHeader {
    pub tiles: Tiles,
}

/// Size of a frame.
#[derive(Clone, Copy)]
struct Size {
    upscaled_width: u32,
    width: u32,
    height: u32,
}

impl Av1Frames {
    /// Reads a header; `None` for one that shows a frame again and has no tiles.
    pub(super) fn header(
        &mut self,
        r: &mut BitReader<'_>,
        layers: (u32, u32),
    ) -> Result<Option<FrameHeader>, Unreadable> {
        let (coding, largest) = self.sequence.ok_or(Unreadable::Unknown)?;
        let (mut kind, mut show, mut showable, mut resilient) = (KEY, true, false, true);
        if !coding.reduced {
            if r.flag()? {
                self.show_existing(r, &coding)?;
                return Ok(None);
            }
            kind = r.bits(2)?;
            show = r.flag()?;
            if show {
                r.bits(coding.presentation_time_bits.unwrap_or(0))?;
            }
            showable = if show { kind != KEY } else { r.flag()? };
            resilient = kind == SWITCH || kind == KEY && show || r.flag()?;
        }
        let intra = kind == KEY || kind == INTRA_ONLY;
        if kind == KEY && show {
            self.references = [None; 8];
        }
        let no_cdf_update = r.flag()?;
        let screen_content = match coding.screen_content_tools {
            Some(forced) => forced,
            None => r.flag()?,
        };
        let mut integer_vectors = match coding.integer_vectors {
            _ if !screen_content => false,
            Some(forced) => forced,
            None => r.flag()?,
        };
        integer_vectors |= intra;
        if let Some((_, bits)) = coding.frame_id_bits {
            r.bits(bits)?; // current_frame_id
        }
        let overrides = kind == SWITCH || !coding.reduced && r.flag()?;
        let order_hint = r.bits(coding.order_hint_bits)?;
        let primary = if intra || resilient { None } else { Some(r.bits(3)?).filter(|index| *index != 7) };
        if let Some(bits) = coding.removal_time_bits
            && r.flag()?
        {
            for idc in coding.operating_points.into_iter().flatten() {
                let (temporal, spatial) = layers;
                if idc == 0 || idc >> temporal & 1 == 1 && idc >> (spatial + 8) & 1 == 1 {
                    r.bits(bits)?; // buffer_removal_time
                }
            }
        }
        let refresh = if kind == SWITCH || kind == KEY && show { 0xff } else { r.bits(8)? };
        if (!intra || refresh != 0xff) && resilient && coding.order_hint_bits > 0 {
            for slot in &mut self.references {
                let hint = r.bits(coding.order_hint_bits)?;
                if slot.is_none_or(|known| known.order_hint != hint) {
                    *slot = Some(Reference { order_hint: hint, ..Reference::default() });
                }
            }
        }
        let (mut intra_copy, mut high_precision) = (false, false);
        let mut used = [0usize; 7];
        let size;
        if intra {
            size = frame_size(r, &coding, overrides, largest)?;
            render_size(r)?;
            intra_copy = screen_content && size.upscaled_width == size.width && r.flag()?;
        } else {
            let short = coding.order_hint_bits > 0 && r.flag()?;
            if short {
                let (last, gold) = (r.bits(3)? as usize, r.bits(3)? as usize);
                used = self.frame_references(&coding, order_hint, last, gold)?;
            }
            for index in &mut used {
                if !short {
                    *index = r.bits(3)? as usize;
                }
                if let Some((bits, _)) = coding.frame_id_bits {
                    r.bits(bits)?; // delta_frame_id_minus_1
                }
            }
            size = if overrides && !resilient {
                self.size_with_references(r, &coding, &used, largest)?
            } else {
                let size = frame_size(r, &coding, overrides, largest)?;
                render_size(r)?;
                size
            };
            high_precision = !integer_vectors && r.flag()?;
            if !r.flag()? {
                r.bits(2)?; // interpolation_filter
            }
            r.flag()?; // is_motion_mode_switchable
            if !resilient && coding.reference_vectors {
                r.flag()?; // use_ref_frame_mvs
            }
        }
        if !coding.reduced && !no_cdf_update {
            r.flag()?; // disable_frame_end_update_cdf
        }
        let before = match primary {
            Some(index) => {
                let slot = used.get(index as usize).copied().unwrap_or(0);
                Some(self.references[slot].ok_or(Unreadable::Unknown)?)
            }
            None => None,
        };
        let tiles = tile_info(r, &coding, size)?;
        let (base, flat) = quantization(r, &coding)?;
        let segments = segmentation(r, before.as_ref())?;
        delta_quantizers(r, base, intra_copy)?;
        let lossless = flat
            && segments.0.iter().all(|change| (base + change.filter(|_| segments.1).unwrap_or(0)).clamp(0, 255) == 0);
        if !lossless && !intra_copy {
            loop_filter(r, &coding)?;
            if coding.cdef {
                constrained_directional_enhancement(r, &coding)?;
            }
        }
        let all_lossless = lossless && size.width == size.upscaled_width;
        if !all_lossless && !intra_copy && coding.restoration {
            restoration(r, &coding)?;
        }
        if !lossless {
            r.flag()?; // tx_mode_select
        }
        let reference_select = !intra && r.flag()?;
        if reference_select && self.skip_mode_allowed(&coding, order_hint, &used) {
            r.flag()?; // skip_mode_present
        }
        if !intra && !resilient && coding.warped_motion {
            r.flag()?; // allow_warped_motion
        }
        r.flag()?; // reduced_tx_set
        let previous = before.map(|before| before.motion).unwrap_or_default();
        let motion = if intra { GlobalMotion::default() } else { GlobalMotion::read(r, &previous, high_precision)? };
        if coding.film_grain && (show || showable) {
            film_grain(r, &coding, kind)?;
        }
        let decoded = Reference {
            upscaled_width: size.upscaled_width,
            height: size.height,
            order_hint,
            is_key: kind == KEY,
            motion,
            segments: segments.0,
        };
        for (slot, reference) in self.references.iter_mut().enumerate() {
            if refresh >> slot & 1 == 1 {
                *reference = Some(decoded);
            }
        }
        Ok(Some(FrameHeader { tiles }))
    }

    /// `show_existing_frame`: a key frame that is shown so takes the place of all references (7.21).
    fn show_existing(&mut self, r: &mut BitReader<'_>, coding: &FrameCoding) -> Result<(), Unreadable> {
        let slot = r.bits(3)? as usize;
        r.bits(coding.presentation_time_bits.unwrap_or(0))?;
        if let Some((_, bits)) = coding.frame_id_bits {
            r.bits(bits)?; // display_frame_id
        }
        if let Some(shown) = self.references[slot].filter(|frame| frame.is_key) {
            self.references = [Some(shown); 8];
        }
        Ok(())
    }

    fn hint(&self, slot: usize) -> Option<u32> {
        self.references.get(slot).copied().flatten().map(|known| known.order_hint)
    }

    /// `frame_size_with_refs` (5.9.7).
    fn size_with_references(
        &self,
        r: &mut BitReader<'_>,
        coding: &FrameCoding,
        used: &[usize; 7],
        largest: (u32, u32),
    ) -> Result<Size, Unreadable> {
        for slot in used {
            if r.flag()? {
                let found = self.references[*slot].ok_or(Unreadable::Unknown)?;
                return superres(r, coding, found.upscaled_width, found.height);
            }
        }
        let size = frame_size(r, coding, true, largest)?;
        render_size(r)?;
        Ok(size)
    }

    /// `set_frame_refs` (7.8): the slots of all seven references from those of two.
    fn frame_references(
        &self,
        coding: &FrameCoding,
        order_hint: u32,
        last: usize,
        gold: usize,
    ) -> Result<[usize; 7], Unreadable> {
        let middle = 1i32 << (coding.order_hint_bits - 1);
        let shifted: Vec<i32> = (0..8)
            .map(|slot| {
                let hint = self.hint(slot).ok_or(Unreadable::Unknown)?;
                Ok(middle + distance(coding, hint, order_hint))
            })
            .collect::<Result<_, Unreadable>>()?;
        let mut taken = [false; 8];
        (taken[last], taken[gold]) = (true, true);
        let mut refs: [Option<usize>; 7] = [None; 7];
        (refs[0], refs[3]) = (Some(last), Some(gold));
        // Of several alike the latest backward one is the last, the others the first.
        let backward =
            |taken: &[bool; 8]| (0..8).filter(|slot| !taken[*slot] && shifted[*slot] >= middle).collect::<Vec<_>>();
        let forward =
            |taken: &[bool; 8]| (0..8).filter(|slot| !taken[*slot] && shifted[*slot] < middle).collect::<Vec<_>>();
        if let Some(slot) = backward(&taken).into_iter().max_by_key(|slot| shifted[*slot]) {
            (refs[6], taken[slot]) = (Some(slot), true);
        }
        for place in [4, 5] {
            if let Some(slot) = backward(&taken).into_iter().min_by_key(|slot| shifted[*slot]) {
                (refs[place], taken[slot]) = (Some(slot), true);
            }
        }
        for place in [1, 2, 4, 5, 6] {
            if refs[place].is_none()
                && let Some(slot) = forward(&taken).into_iter().max_by_key(|slot| shifted[*slot])
            {
                (refs[place], taken[slot]) = (Some(slot), true);
            }
        }
        let earliest = (0..8usize).min_by_key(|slot| shifted[*slot]).unwrap_or(0);
        Ok(refs.map(|slot| slot.unwrap_or(earliest)))
    }

    /// `skip_mode_params` (5.9.22).
    fn skip_mode_allowed(&self, coding: &FrameCoding, order_hint: u32, used: &[usize; 7]) -> bool {
        if coding.order_hint_bits == 0 {
            return false;
        }
        let hints: Vec<u32> = used.iter().filter_map(|slot| self.hint(*slot)).collect();
        let (mut forward, mut backward): (Option<u32>, Option<u32>) = (None, None);
        for &hint in &hints {
            let far = distance(coding, hint, order_hint);
            if far < 0 && forward.is_none_or(|known| distance(coding, hint, known) > 0) {
                forward = Some(hint);
            } else if far > 0 && backward.is_none_or(|known| distance(coding, hint, known) < 0) {
                backward = Some(hint);
            }
        }
        match (forward, backward) {
            (None, _) => false,
            (Some(_), Some(_)) => true,
            (Some(first), None) => hints.iter().any(|hint| distance(coding, *hint, first) < 0),
        }
    }
}

/// `get_relative_dist` (5.9.3).
fn distance(coding: &FrameCoding, a: u32, b: u32) -> i32 {
    let Some(shift) = coding.order_hint_bits.checked_sub(1) else { return 0 };
    let difference = a.cast_signed() - b.cast_signed();
    let middle = 1 << shift;
    (difference & (middle - 1)) - (difference & middle)
}

/// `frame_size` (5.9.5).
fn frame_size(
    r: &mut BitReader<'_>,
    coding: &FrameCoding,
    overrides: bool,
    largest: (u32, u32),
) -> Result<Size, Unreadable> {
    let (width, height) = match overrides {
        true => (r.bits(coding.size_bits.0)? + 1, r.bits(coding.size_bits.1)? + 1),
        false => largest,
    };
    superres(r, coding, width, height)
}

/// `superres_params` (5.9.8).
fn superres(r: &mut BitReader<'_>, coding: &FrameCoding, upscaled: u32, height: u32) -> Result<Size, Unreadable> {
    let mut width = upscaled;
    if coding.superres && r.flag()? {
        let denominator = r.bits(3)? + 9;
        width = (upscaled * 8 + denominator / 2) / denominator;
    }
    Ok(Size { upscaled_width: upscaled, width, height })
}

/// `render_size` (5.9.6).
fn render_size(r: &mut BitReader<'_>) -> Result<(), Unreadable> {
    if r.flag()? {
        r.bits(32)?;
    }
    Ok(())
}

/// `tile_log2` (5.9.16): the smallest k for which `block << k` is at least `target`.
fn tile_log2(block: u32, target: u32) -> u32 {
    (0..31).find(|k| u64::from(block) << k >= u64::from(target)).unwrap_or(31)
}

/// `tile_info` (5.9.15).
fn tile_info(r: &mut BitReader<'_>, coding: &FrameCoding, size: Size) -> Result<Tiles, Unreadable> {
    let shift = if coding.large_superblocks { 5 } else { 4 };
    let superblocks = |length: u32| (2 * length.div_ceil(8)).div_ceil(1 << shift);
    let (columns, rows) = (superblocks(size.width), superblocks(size.height));
    let size_log2 = shift + 2;
    let (widest, largest_area) = (4096u32 >> size_log2, (4096u32 * 2304) >> (2 * size_log2));
    let least_columns = tile_log2(widest, columns);
    let least = least_columns.max(tile_log2(largest_area, rows.saturating_mul(columns)));
    let count = |total: u32, log2: u32| total.div_ceil(total.div_ceil(1 << log2).max(1));
    let (tile_columns, tile_rows, columns_log2, rows_log2);
    if r.flag()? {
        let mut log2 = least_columns;
        while log2 < tile_log2(1, columns.min(64)) && r.flag()? {
            log2 += 1;
        }
        columns_log2 = log2;
        tile_columns = count(columns, log2);
        let mut log2 = least.saturating_sub(columns_log2);
        while log2 < tile_log2(1, rows.min(64)) && r.flag()? {
            log2 += 1;
        }
        rows_log2 = log2;
        tile_rows = count(rows, log2);
    } else {
        let mut uneven = |total: u32, most: u32| -> Result<(u32, u32), Unreadable> {
            let (mut start, mut number, mut largest) = (0, 0, 0);
            while start < total {
                let length = non_symmetric(r, (total - start).min(most))? + 1;
                largest = largest.max(length);
                start += length;
                number += 1;
            }
            Ok((number, largest))
        };
        let (number, widest_tile) = uneven(columns, widest)?;
        let area = rows.saturating_mul(columns);
        let area = if least > 0 { area >> (least + 1) } else { area };
        let (row_number, _) = uneven(rows, (area / widest_tile.max(1)).max(1))?;
        (tile_columns, tile_rows) = (number, row_number);
        (columns_log2, rows_log2) = (tile_log2(1, tile_columns), tile_log2(1, tile_rows));
    }
    let bits = columns_log2 + rows_log2;
    let mut size_bytes = 0;
    if bits > 0 {
        r.bits(bits)?; // context_update_tile_id
        size_bytes = r.bits(2)? as usize + 1;
    }
    let count = tile_columns.saturating_mul(tile_rows);
    if count > 64 * 64 {
        return Err(Unreadable::Damaged);
    }
    Ok(Tiles { count, bits, size_bytes })
}

/// `quantization_params` (5.9.12): the quantizer, and whether no plane has another.
fn quantization(r: &mut BitReader<'_>, coding: &FrameCoding) -> Result<(i32, bool), Unreadable> {
    let base = r.bits(8)?.cast_signed();
    let mut flat = true;
    let mut delta = |r: &mut BitReader<'_>| -> Result<(), Unreadable> {
        flat &= !r.flag()? || r.bits(7)? == 0;
        Ok(())
    };
    delta(r)?;
    if !coding.monochrome {
        let different = coding.separate_chroma_quantizers && r.flag()?;
        for _ in 0..if different { 4 } else { 2 } {
            delta(r)?;
        }
    }
    if r.flag()? {
        r.bits(if coding.separate_chroma_quantizers { 12 } else { 8 })?; // qm_y, qm_u, qm_v
    }
    Ok((base, flat))
}

/// `segmentation_params` (5.9.14): how each segment changes the quantizer, and whether there are segments.
fn segmentation(r: &mut BitReader<'_>, before: Option<&Reference>) -> Result<([Option<i32>; 8], bool), Unreadable> {
    if !r.flag()? {
        return Ok(([None; 8], false));
    }
    let update = match before {
        None => true,
        Some(_) => {
            if r.flag()? {
                r.flag()?; // segmentation_temporal_update
            }
            r.flag()?
        }
    };
    if !update {
        return Ok((before.map(|before| before.segments).unwrap_or_default(), true));
    }
    let mut segments = [None; 8];
    for change in &mut segments {
        for (feature, (bits, signed)) in SEGMENT_FEATURES.into_iter().enumerate() {
            if !r.flag()? {
                continue;
            }
            let value = r.bits(bits + u32::from(signed))?.cast_signed();
            let value = if signed && value >> bits & 1 == 1 { value - (2 << bits) } else { value };
            if feature == 0 {
                *change = Some(value.clamp(-255, 255));
            }
        }
    }
    Ok((segments, true))
}

/// `delta_q_params` and `delta_lf_params` (5.9.17, 5.9.18).
fn delta_quantizers(r: &mut BitReader<'_>, base: i32, intra_copy: bool) -> Result<(), Unreadable> {
    if base > 0 && r.flag()? {
        r.bits(2)?; // delta_q_res
        if !intra_copy && r.flag()? {
            r.bits(3)?; // delta_lf_res, delta_lf_multi
        }
    }
    Ok(())
}

/// `loop_filter_params` (5.9.11).
fn loop_filter(r: &mut BitReader<'_>, coding: &FrameCoding) -> Result<(), Unreadable> {
    let levels = r.bits(6)? | r.bits(6)?;
    if !coding.monochrome && levels != 0 {
        r.bits(12)?;
    }
    r.bits(3)?; // loop_filter_sharpness
    if r.flag()? && r.flag()? {
        for _ in 0..10 {
            if r.flag()? {
                r.bits(7)?;
            }
        }
    }
    Ok(())
}

/// `cdef_params` (5.9.19).
fn constrained_directional_enhancement(r: &mut BitReader<'_>, coding: &FrameCoding) -> Result<(), Unreadable> {
    r.bits(2)?; // cdef_damping_minus_3
    let strengths = 1 << r.bits(2)?;
    for _ in 0..strengths {
        r.bits(if coding.monochrome { 6 } else { 12 })?;
    }
    Ok(())
}

/// `lr_params` (5.9.20).
fn restoration(r: &mut BitReader<'_>, coding: &FrameCoding) -> Result<(), Unreadable> {
    let luma = r.bits(2)? != 0;
    let mut chroma = false;
    if !coding.monochrome {
        for _ in 0..2 {
            chroma |= r.bits(2)? != 0;
        }
    }
    if luma || chroma {
        let shifted = r.flag()?; // lr_unit_shift
        if !coding.large_superblocks && shifted {
            r.flag()?; // lr_unit_extra_shift
        }
        if coding.subsampling == (true, true) && chroma {
            r.flag()?; // lr_uv_shift
        }
    }
    Ok(())
}

/// `film_grain_params` (5.9.30) of a sequence that has them.
fn film_grain(r: &mut BitReader<'_>, coding: &FrameCoding, kind: u32) -> Result<(), Unreadable> {
    if !r.flag()? {
        return Ok(());
    }
    r.bits(16)?; // grain_seed
    if kind == INTER && !r.flag()? {
        r.bits(3)?; // film_grain_params_ref_idx
        return Ok(());
    }
    let luma = r.bits(4)?;
    r.skip(16 * luma as usize)?;
    let from_luma = !coding.monochrome && r.flag()?;
    let (mut cb, mut cr) = (0, 0);
    if !(coding.monochrome || from_luma || coding.subsampling == (true, true) && luma == 0) {
        cb = r.bits(4)?;
        r.skip(16 * cb as usize)?;
        cr = r.bits(4)?;
        r.skip(16 * cr as usize)?;
    }
    r.bits(2)?; // grain_scaling_minus_8
    let lag = r.bits(2)? as usize;
    let positions = 2 * lag * (lag + 1);
    if luma > 0 {
        r.skip(8 * positions)?;
    }
    let of_chroma = positions + usize::from(luma > 0);
    for points in [cb, cr] {
        if from_luma || points > 0 {
            r.skip(8 * of_chroma)?;
        }
    }
    r.bits(2 + 2)?; // ar_coeff_shift_minus_6, grain_scale_shift
    for points in [cb, cr] {
        if points > 0 {
            r.bits(8 + 8 + 9)?;
        }
    }
    r.bits(2)?; // overlap_flag, clip_to_restricted_range
    Ok(())
}
