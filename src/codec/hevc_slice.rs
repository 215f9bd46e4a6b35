//! Where the slice segment header of an HEVC NAL unit ends (ISO/IEC 23008-2 7.3.6.1): what stays clear when
//! samples are encrypted, because decoders read it before they decrypt.

use super::slice_header::{SliceHeader, SliceHeaders, bits_for, header_length, put};
use crate::bits::{self, BitReader, rbsp};

mod parameter_sets;

use parameter_sets::{Picture, ReferenceSet, Sequence, reference_set};

// nal_unit_type (table 7-1).
const FIRST_OTHER: u8 = 32;
const IDR_W_RADL: u8 = 19;
const IDR_N_LP: u8 = 20;
const SEQUENCE_PARAMETER_SET: u8 = 33;
const PICTURE_PARAMETER_SET: u8 = 34;

/// The parameter sets that slice segment headers depend on, by their identifiers.
#[derive(Debug, Clone, Default)]
pub(super) struct HevcSliceHeaders {
    sequence: Vec<Sequence>,
    picture: Vec<Picture>,
}

impl SliceHeaders for HevcSliceHeaders {
    fn learn(&mut self, nal_unit: &[u8]) {
        match nal_unit.first().map(|byte| byte >> 1 & 0x3f) {
            Some(SEQUENCE_PARAMETER_SET) => put(&mut self.sequence, Sequence::parse(&rbsp(nal_unit)), |set| set.id),
            Some(PICTURE_PARAMETER_SET) => put(&mut self.picture, Picture::parse(&rbsp(nal_unit)), |set| set.id),
            _ => {}
        }
    }

    fn header(&self, nal_unit: &[u8]) -> SliceHeader {
        match nal_unit.first().map(|byte| byte >> 1 & 0x3f) {
            Some(0..FIRST_OTHER) => header_length(nal_unit, |payload| self.read(payload)),
            _ => SliceHeader::None,
        }
    }
}

/// What the tail of a header depends on.
struct Slice {
    inter: bool,
    bidirectional: bool,
    temporal_vectors: bool,
    adaptive_offset: bool,
    references: [u32; 2],
    current_pictures: u32,
}

impl HevcSliceHeaders {
    /// Bits of NAL unit header and slice segment header.
    fn read(&self, payload: &[u8]) -> Result<Option<usize>, bits::Error> {
        let mut r = BitReader::new(payload);
        let kind = (r.bits(16)? >> 9 & 0x3f) as u8;
        let first = r.flag()?;
        if (16..=23).contains(&kind) {
            r.flag()?; // no_output_of_prior_pics_flag
        }
        let id = r.ue()?;
        let Some(picture) = self.picture.iter().find(|set| set.id == id) else { return Ok(None) };
        let Some(sequence) = self.sequence.iter().find(|set| set.id == picture.sequence) else { return Ok(None) };
        let mut dependent = false;
        if !first {
            dependent = picture.dependent_slices && r.flag()?;
            r.bits(bits_for(sequence.coding_tree_blocks))?; // slice_segment_address
        }
        if !dependent {
            r.skip(picture.extra_bits as usize)?; // slice_reserved_flag
            let slice_type = r.ue()?;
            if picture.output_flag {
                r.flag()?; // pic_output_flag
            }
            if sequence.separate_colour_planes {
                r.bits(2)?; // colour_plane_id
            }
            let mut slice = Slice {
                inter: slice_type < 2,
                bidirectional: slice_type == 0,
                temporal_vectors: false,
                adaptive_offset: false,
                references: picture.default_references,
                current_pictures: 0,
            };
            if kind != IDR_W_RADL && kind != IDR_N_LP && !picture_order(&mut r, sequence, &mut slice)? {
                return Ok(None);
            }
            if sequence.adaptive_offset {
                slice.adaptive_offset = r.flag()?;
                if sequence.chroma_array_type != 0 {
                    slice.adaptive_offset |= r.flag()?;
                }
            }
            if slice.inter && !prediction(&mut r, sequence, picture, &mut slice)? {
                return Ok(None);
            }
            quantisation_and_filters(&mut r, picture, &slice)?;
        }
        if picture.entry_points {
            let offsets = r.ue()? as usize;
            if offsets > 0 {
                let bits = r.ue()? as usize + 1;
                r.skip(offsets.saturating_mul(bits))?;
            }
        }
        if picture.header_extension {
            let bytes = r.ue()? as usize;
            r.skip(bytes.saturating_mul(8))?;
        }
        r.flag()?; // alignment_bit_equal_to_one
        r.align();
        Ok(Some(r.position()))
    }
}

/// Picture order count and reference pictures; false where they cannot be.
fn picture_order(r: &mut BitReader<'_>, sequence: &Sequence, slice: &mut Slice) -> Result<bool, bits::Error> {
    r.bits(sequence.order_bits)?; // slice_pic_order_cnt_lsb
    let sets = &sequence.reference_sets;
    let own: ReferenceSet;
    let set = if r.flag()? {
        let index = if sets.len() > 1 { r.bits(bits_for(sets.len() as u64))? } else { 0 };
        sets.get(index as usize)
    } else {
        own = match reference_set(r, sets, true)? {
            Some(set) => set,
            None => return Ok(false),
        };
        Some(&own)
    };
    slice.current_pictures = set.map_or(0, ReferenceSet::used);
    if let Some(table) = &sequence.long_term {
        let from_table = if table.is_empty() { 0 } else { r.ue()? };
        let own = r.ue()?;
        if from_table > 32 || own > 32 {
            return Ok(false);
        }
        for index in 0..from_table + own {
            let used = if index < from_table {
                let entry = if table.len() > 1 { r.bits(bits_for(table.len() as u64))? } else { 0 };
                table.get(entry as usize).copied().unwrap_or(false)
            } else {
                r.bits(sequence.order_bits)?; // poc_lsb_lt
                r.flag()? // used_by_curr_pic_lt_flag
            };
            slice.current_pictures += u32::from(used);
            if r.flag()? {
                r.ue()?; // delta_poc_msb_cycle_lt
            }
        }
    }
    if sequence.temporal_vectors {
        slice.temporal_vectors = r.flag()?;
    }
    Ok(true)
}

/// Reference lists and weights of P and B slices; false for more references than there can be.
fn prediction(
    r: &mut BitReader<'_>,
    sequence: &Sequence,
    picture: &Picture,
    slice: &mut Slice,
) -> Result<bool, bits::Error> {
    if r.flag()? {
        slice.references[0] = r.ue()?.saturating_add(1);
        if slice.bidirectional {
            slice.references[1] = r.ue()?.saturating_add(1);
        }
    }
    let lists = if slice.bidirectional { 2 } else { 1 };
    let references = &slice.references[..lists];
    if references.iter().any(|count| *count > 16) {
        return Ok(false);
    }
    if picture.list_modification && slice.current_pictures > 1 {
        let bits = bits_for(u64::from(slice.current_pictures));
        for count in references {
            if r.flag()? {
                r.skip((bits * count) as usize)?; // list_entry
            }
        }
    }
    if slice.bidirectional {
        r.flag()?; // mvd_l1_zero_flag
    }
    if picture.cabac_init {
        r.flag()?; // cabac_init_flag
    }
    if slice.temporal_vectors {
        let from_first = !slice.bidirectional || r.flag()?;
        if slice.references[usize::from(!from_first)] > 1 {
            r.ue()?; // collocated_ref_idx
        }
    }
    if picture.weighted && !slice.bidirectional || picture.weighted_bipred && slice.bidirectional {
        weights(r, sequence.chroma_array_type != 0, references)?;
    }
    r.ue()?; // five_minus_max_num_merge_cand
    Ok(true)
}

/// `pred_weight_table` (7.3.6.3).
fn weights(r: &mut BitReader<'_>, chroma: bool, references: &[u32]) -> Result<(), bits::Error> {
    r.ue()?; // luma_log2_weight_denom
    if chroma {
        r.se()?; // delta_chroma_log2_weight_denom
    }
    for count in references {
        let luma_flags = r.bits(*count)?;
        let chroma_flags = if chroma { r.bits(*count)? } else { 0 };
        let codes = luma_flags.count_ones() * 2 + chroma_flags.count_ones() * 4;
        for _ in 0..codes {
            r.se()?;
        }
    }
    Ok(())
}

fn quantisation_and_filters(r: &mut BitReader<'_>, picture: &Picture, slice: &Slice) -> Result<(), bits::Error> {
    r.se()?; // slice_qp_delta
    if picture.chroma_offsets {
        r.se()?; // slice_cb_qp_offset
        r.se()?; // slice_cr_qp_offset
    }
    if picture.chroma_offset_list {
        r.flag()?; // cu_chroma_qp_offset_enabled_flag
    }
    let mut deblocking = !picture.deblocking_disabled;
    if picture.deblocking_override && r.flag()? {
        deblocking = !r.flag()?; // slice_deblocking_filter_disabled_flag
        if deblocking {
            r.se()?; // slice_beta_offset_div2
            r.se()?; // slice_tc_offset_div2
        }
    }
    if picture.filter_across_slices && (slice.adaptive_offset || deblocking) {
        r.flag()?; // slice_loop_filter_across_slices_enabled_flag
    }
    Ok(())
}
