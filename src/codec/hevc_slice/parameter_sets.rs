//! What slice segment headers depend on in the parameter sets of HEVC (ISO/IEC 23008-2 7.3.2).

use crate::bits::{self, BitReader};

/// Fields of a sequence parameter set (7.3.2.2.1).
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    pub id: u32,
    /// `ChromaArrayType`.
    pub chroma_array_type: u32,
    pub separate_colour_planes: bool,
    /// `PicSizeInCtbsY`.
    pub coding_tree_blocks: u64,
    /// Bits of `slice_pic_order_cnt_lsb`.
    pub order_bits: u32,
    pub adaptive_offset: bool,
    pub reference_sets: Vec<ReferenceSet>,
    /// `used_by_curr_pic_lt_sps_flag` of each long-term picture; `None` without long-term pictures.
    pub long_term: Option<Vec<bool>>,
    pub temporal_vectors: bool,
}

/// Fields of a picture parameter set (7.3.2.3.1).
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub id: u32,
    pub sequence: u32,
    pub dependent_slices: bool,
    pub output_flag: bool,
    pub extra_bits: u32,
    pub cabac_init: bool,
    pub default_references: [u32; 2],
    pub chroma_offsets: bool,
    pub weighted: bool,
    pub weighted_bipred: bool,
    /// Tiles or wavefronts: headers tell where each begins.
    pub entry_points: bool,
    pub filter_across_slices: bool,
    pub deblocking_override: bool,
    pub deblocking_disabled: bool,
    pub list_modification: bool,
    pub header_extension: bool,
    pub chroma_offset_list: bool,
}

/// A short-term reference picture set (7.4.8): differences of picture order count, and whether the current picture
/// refers to each.
#[derive(Debug, Clone, Default)]
pub(super) struct ReferenceSet {
    negative: Vec<(i32, bool)>,
    positive: Vec<(i32, bool)>,
}

impl ReferenceSet {
    /// How many pictures the current one refers to.
    pub fn used(&self) -> u32 {
        self.negative.iter().chain(&self.positive).filter(|(_, used)| *used).count() as u32
    }

    fn len(&self) -> usize {
        self.negative.len() + self.positive.len()
    }
}

/// The most short-term sets of a sequence (7.4.3.2.1) and pictures of a set (`sps_max_dec_pic_buffering_minus1`).
const MAX_SETS: u32 = 64;
const MAX_PICTURES: u32 = 16;

/// Reads the `st_ref_pic_set` that follows `sets` (7.3.7), derived as in 7.4.8; `None` where it cannot be. In a slice
/// header it may refer to any of them, in a sequence parameter set to the one before alone.
pub(super) fn reference_set(
    r: &mut BitReader<'_>,
    sets: &[ReferenceSet],
    in_slice_header: bool,
) -> Result<Option<ReferenceSet>, bits::Error> {
    let index = sets.len();
    if index == 0 || !r.flag()? {
        let (negative, positive) = (r.ue()?, r.ue()?);
        if negative > MAX_PICTURES || positive > MAX_PICTURES {
            return Ok(None);
        }
        let mut read = |count: u32, sign: i32| {
            let mut at = 0i32;
            (0..count)
                .map(|_| {
                    at = at.saturating_add(sign.saturating_mul(r.ue()?.min(1 << 15) as i32 + 1));
                    Ok((at, r.flag()?))
                })
                .collect::<Result<Vec<_>, bits::Error>>()
        };
        return Ok(Some(ReferenceSet { negative: read(negative, -1)?, positive: read(positive, 1)? }));
    }
    let back = if in_slice_header { (r.ue()? as usize).saturating_add(1) } else { 1 };
    let minus = r.flag()?;
    let distance = r.ue()?.min(1 << 15) as i32 + 1;
    let delta = if minus { -distance } else { distance };
    let Some(of) = index.checked_sub(back).and_then(|at| sets.get(at)) else { return Ok(None) };
    // For each picture of the other set, and for that picture itself: is it used, is it kept.
    let mut flags = Vec::with_capacity(of.len() + 1);
    for _ in 0..=of.len() {
        let used = r.flag()?;
        flags.push((used, used || r.flag()?));
    }
    let (negative, positive) = flags.split_at(of.negative.len());
    let Some((own, positive)) = positive.split_last() else { return Ok(None) };
    let moved = |(at, _): &(i32, bool), (used, kept): &(bool, bool)| kept.then_some((at + delta, *used));
    let negative: Vec<_> = of.negative.iter().zip(negative).map(|(p, f)| moved(p, f)).collect();
    let positive: Vec<_> = of.positive.iter().zip(positive).map(|(p, f)| moved(p, f)).collect();
    let own = moved(&(0, false), own);
    let before = positive.iter().rev().chain([&own]).chain(&negative).flatten().filter(|(at, _)| *at < 0);
    let after = negative.iter().rev().chain([&own]).chain(&positive).flatten().filter(|(at, _)| *at > 0);
    let set = ReferenceSet { negative: before.copied().collect(), positive: after.copied().collect() };
    Ok((set.len() <= 2 * MAX_PICTURES as usize).then_some(set))
}

/// A field that no conforming stream has; said as the end of what can be read.
fn impossible(r: &BitReader<'_>) -> bits::Error {
    bits::Error::EndOfBits { position: r.position(), wanted: 0, remaining: r.remaining() }
}

impl Sequence {
    /// Reads one without its emulation prevention bytes.
    pub fn parse(payload: &[u8]) -> Result<Sequence, bits::Error> {
        let mut r = BitReader::new(payload);
        r.bits(16)?;
        r.bits(4)?; // sps_video_parameter_set_id
        let layers = r.bits(3)?;
        r.flag()?; // sps_temporal_id_nesting_flag
        profile_tier_level(&mut r, layers)?;
        let id = r.ue()?;
        let chroma_format = r.ue()?;
        let separate_colour_planes = chroma_format == 3 && r.flag()?;
        let (width, height) = (u64::from(r.ue()?), u64::from(r.ue()?));
        if r.flag()? {
            for _ in 0..4 {
                r.ue()?; // conformance window
            }
        }
        r.ue()?; // bit_depth_luma_minus8
        r.ue()?; // bit_depth_chroma_minus8
        let order_bits = r.ue()?.min(12) + 4;
        let ordering = if r.flag()? { layers + 1 } else { 1 };
        for _ in 0..3 * ordering {
            r.ue()?;
        }
        let smallest = r.ue()?;
        let largest = smallest.saturating_add(r.ue()?).saturating_add(3);
        if !(3..=6).contains(&largest) {
            return Err(impossible(&r));
        }
        for _ in 0..4 {
            r.ue()?; // transform block sizes and depths
        }
        if r.flag()? && r.flag()? {
            scaling_lists(&mut r)?;
        }
        r.flag()?; // amp_enabled_flag
        let adaptive_offset = r.flag()?;
        if r.flag()? {
            r.bits(8)?; // bit depths of PCM samples
            r.ue()?;
            r.ue()?;
            r.flag()?;
        }
        let sets = r.ue()?;
        if sets > MAX_SETS {
            return Err(impossible(&r));
        }
        let mut reference_sets = Vec::with_capacity(sets as usize);
        for _ in 0..sets {
            let set = reference_set(&mut r, &reference_sets, false)?.ok_or_else(|| impossible(&r))?;
            reference_sets.push(set);
        }
        let mut long_term = None;
        if r.flag()? {
            let pictures = r.ue()?.min(33);
            let used = |r: &mut BitReader<'_>| r.bits(order_bits).and_then(|_| r.flag());
            long_term = Some((0..pictures).map(|_| used(&mut r)).collect::<Result<Vec<_>, _>>()?);
        }
        let temporal_vectors = r.flag()?;
        let blocks = |length: u64| length.div_ceil(1 << largest);
        Ok(Sequence {
            id,
            chroma_array_type: if separate_colour_planes { 0 } else { chroma_format },
            separate_colour_planes,
            coding_tree_blocks: blocks(width).saturating_mul(blocks(height)),
            order_bits,
            adaptive_offset,
            reference_sets,
            long_term,
            temporal_vectors,
        })
    }
}

impl Picture {
    /// Reads one without its emulation prevention bytes.
    pub fn parse(payload: &[u8]) -> Result<Picture, bits::Error> {
        let mut r = BitReader::new(payload);
        r.bits(16)?;
        let (id, sequence) = (r.ue()?, r.ue()?);
        let dependent_slices = r.flag()?;
        let output_flag = r.flag()?;
        let extra_bits = r.bits(3)?;
        r.flag()?; // sign_data_hiding_enabled_flag
        let cabac_init = r.flag()?;
        let default_references = [r.ue()?.saturating_add(1), r.ue()?.saturating_add(1)];
        r.se()?; // init_qp_minus26
        r.flag()?; // constrained_intra_pred_flag
        let transform_skip = r.flag()?;
        if r.flag()? {
            r.ue()?; // diff_cu_qp_delta_depth
        }
        r.se()?; // pps_cb_qp_offset
        r.se()?; // pps_cr_qp_offset
        let chroma_offsets = r.flag()?;
        let weighted = r.flag()?;
        let weighted_bipred = r.flag()?;
        r.flag()?; // transquant_bypass_enabled_flag
        let tiles = r.flag()?;
        let wavefronts = r.flag()?;
        if tiles {
            let (columns, rows) = (r.ue()?, r.ue()?);
            if !r.flag()? {
                for _ in 0..columns.saturating_add(rows) {
                    r.ue()?;
                }
            }
            r.flag()?; // loop_filter_across_tiles_enabled_flag
        }
        let filter_across_slices = r.flag()?;
        let (mut deblocking_override, mut deblocking_disabled) = (false, false);
        if r.flag()? {
            (deblocking_override, deblocking_disabled) = (r.flag()?, r.flag()?);
            if !deblocking_disabled {
                r.se()?;
                r.se()?;
            }
        }
        if r.flag()? {
            scaling_lists(&mut r)?;
        }
        let list_modification = r.flag()?;
        r.ue()?; // log2_parallel_merge_level_minus2
        let header_extension = r.flag()?;
        let mut chroma_offset_list = false;
        if r.flag()? {
            let extensions = r.bits(8)?;
            // Range extension (7.3.2.3.2).
            if extensions & 0x80 != 0 {
                if transform_skip {
                    r.ue()?; // log2_max_transform_skip_block_size_minus2
                }
                r.flag()?; // cross_component_prediction_enabled_flag
                chroma_offset_list = r.flag()?;
            }
            // Screen content coding changes the header in ways that nothing here reads.
            if extensions & 0x10 != 0 {
                return Err(impossible(&r));
            }
        }
        Ok(Picture {
            id,
            sequence,
            dependent_slices,
            output_flag,
            extra_bits,
            cabac_init,
            default_references,
            chroma_offsets,
            weighted,
            weighted_bipred,
            entry_points: tiles || wavefronts,
            filter_across_slices,
            deblocking_override,
            deblocking_disabled,
            list_modification,
            header_extension,
            chroma_offset_list,
        })
    }
}

/// `profile_tier_level( 1, layers )` (7.3.3).
fn profile_tier_level(r: &mut BitReader<'_>, layers: u32) -> Result<(), bits::Error> {
    const PROFILE: usize = 88;
    const LEVEL: usize = 8;
    r.skip(PROFILE + LEVEL)?;
    let mut bits = 0;
    for _ in 0..layers {
        bits += if r.flag()? { PROFILE } else { 0 };
        bits += if r.flag()? { LEVEL } else { 0 };
    }
    if layers > 0 {
        r.skip(2 * (8 - layers as usize))?; // reserved_zero_2bits
    }
    r.skip(bits)
}

/// `scaling_list_data` (7.3.4).
fn scaling_lists(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    for size in 0..4u32 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !r.flag()? {
                r.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            let coefficients = 64.min(1 << (4 + (size << 1))) + u32::from(size > 1);
            for _ in 0..coefficients {
                r.se()?;
            }
        }
    }
    Ok(())
}
