//! Where the slice header of an AVC NAL unit ends (ISO/IEC 14496-10 7.3.3): what stays clear when samples are
//! encrypted, because decoders read it before they decrypt.

use super::avc_sps::{HIGH_PROFILES, SpsError, high_profile_fields};
use super::slice_header::{SliceHeader, SliceHeaders, bits_for, header_length, put};
use crate::bits::{self, BitReader, rbsp};

// nal_unit_type (table 7-1).
const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SEQUENCE_PARAMETER_SET: u8 = 7;
const PICTURE_PARAMETER_SET: u8 = 8;

/// What slice headers depend on: the parameter sets, by their identifiers.
#[derive(Debug, Clone, Default)]
pub(super) struct AvcSliceHeaders {
    sequence: Vec<Sequence>,
    picture: Vec<Picture>,
}

/// Fields of a sequence parameter set (7.3.2.1.1).
#[derive(Debug, Clone, Copy)]
struct Sequence {
    id: u32,
    chroma_array_type: u32,
    separate_colour_planes: bool,
    frame_number_bits: u32,
    picture_order: PictureOrder,
    frame_mbs_only: bool,
    /// `PicSizeInMapUnits`.
    map_units: u64,
}

#[derive(Debug, Clone, Copy)]
enum PictureOrder {
    /// Type 0: bits of `pic_order_cnt_lsb`.
    Lsb(u32),
    /// Type 1: `delta_pic_order_always_zero_flag`.
    Delta { always_zero: bool },
    /// Type 2.
    None,
}

/// Fields of a picture parameter set (7.3.2.2).
#[derive(Debug, Clone, Copy)]
struct Picture {
    id: u32,
    sequence: u32,
    entropy_coding: bool,
    bottom_field_order: bool,
    /// `slice_group_change_rate_minus1 + 1` where slice groups change from picture to picture.
    changing_slice_groups: Option<u64>,
    default_references: [u32; 2],
    weighted: bool,
    weighted_bipred: u32,
    deblocking_control: bool,
    redundant_pictures: bool,
}

impl SliceHeaders for AvcSliceHeaders {
    fn learn(&mut self, nal_unit: &[u8]) {
        match nal_unit.first().map(|byte| byte & 0x1f) {
            Some(SEQUENCE_PARAMETER_SET) => put(&mut self.sequence, Sequence::parse(&rbsp(nal_unit)), |set| set.id),
            Some(PICTURE_PARAMETER_SET) => put(&mut self.picture, Picture::parse(&rbsp(nal_unit)), |set| set.id),
            _ => {}
        }
    }

    fn header(&self, nal_unit: &[u8]) -> SliceHeader {
        match nal_unit.first().map(|byte| byte & 0x1f) {
            Some(SLICE..=IDR_SLICE) => header_length(nal_unit, |payload| self.read(payload)),
            _ => SliceHeader::None,
        }
    }
}

impl AvcSliceHeaders {
    /// Bits of NAL unit header and slice header.
    fn read(&self, payload: &[u8]) -> Result<Option<usize>, bits::Error> {
        let mut r = BitReader::new(payload);
        let header = r.bits(8)? as u8;
        let (reference, kind) = ((header >> 5) & 3, header & 0x1f);
        r.ue()?; // first_mb_in_slice
        let slice_type = r.ue()? % 5;
        let (p, b, i, sp, si) = (slice_type == 0, slice_type == 1, slice_type == 2, slice_type == 3, slice_type == 4);
        let id = r.ue()?;
        let Some(picture) = self.picture.iter().find(|set| set.id == id) else { return Ok(None) };
        let Some(sequence) = self.sequence.iter().find(|set| set.id == picture.sequence) else { return Ok(None) };
        if sequence.separate_colour_planes {
            r.bits(2)?; // colour_plane_id
        }
        r.bits(sequence.frame_number_bits)?;
        let field = !sequence.frame_mbs_only && r.flag()?;
        if field {
            r.flag()?; // bottom_field_flag
        }
        if kind == IDR_SLICE {
            r.ue()?; // idr_pic_id
        }
        match sequence.picture_order {
            PictureOrder::Lsb(bits) => {
                r.bits(bits)?;
                if picture.bottom_field_order && !field {
                    r.se()?; // delta_pic_order_cnt_bottom
                }
            }
            PictureOrder::Delta { always_zero: false } => {
                r.se()?; // delta_pic_order_cnt[0]
                if picture.bottom_field_order && !field {
                    r.se()?; // delta_pic_order_cnt[1]
                }
            }
            PictureOrder::Delta { always_zero: true } | PictureOrder::None => {}
        }
        if picture.redundant_pictures {
            r.ue()?; // redundant_pic_cnt
        }
        if b {
            r.flag()?; // direct_spatial_mv_pred_flag
        }
        let mut references = picture.default_references;
        if (p || sp || b) && r.flag()? {
            references[0] = r.ue()?.saturating_add(1);
            if b {
                references[1] = r.ue()?.saturating_add(1);
            }
        }
        let lists = usize::from(p || sp || b) + usize::from(b);
        for _ in 0..lists {
            reference_list_modification(&mut r)?;
        }
        if picture.weighted && (p || sp) || picture.weighted_bipred == 1 && b {
            let Some(references) = references.get(..lists) else { return Ok(None) };
            if !prediction_weights(&mut r, sequence.chroma_array_type, references)? {
                return Ok(None);
            }
        }
        if reference != 0 {
            reference_marking(&mut r, kind == IDR_SLICE)?;
        }
        if picture.entropy_coding && !i && !si {
            r.ue()?; // cabac_init_idc
        }
        r.se()?; // slice_qp_delta
        if sp || si {
            if sp {
                r.flag()?; // sp_for_switch_flag
            }
            r.se()?; // slice_qs_delta
        }
        if picture.deblocking_control && r.ue()? != 1 {
            r.se()?; // slice_alpha_c0_offset_div2
            r.se()?; // slice_beta_offset_div2
        }
        if let Some(rate) = picture.changing_slice_groups {
            let values = sequence.map_units.div_ceil(rate) + 1;
            r.bits(bits_for(values))?; // slice_group_change_cycle
        }
        Ok(Some(r.position()))
    }
}

/// `ref_pic_list_modification` of one list (7.3.3.1).
fn reference_list_modification(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    if r.flag()? {
        while r.ue()? != 3 {
            r.ue()?; // abs_diff_pic_num_minus1 or long_term_pic_num
        }
    }
    Ok(())
}

/// `pred_weight_table` (7.3.3.2); false for more references than there can be.
fn prediction_weights(r: &mut BitReader<'_>, chroma_array_type: u32, references: &[u32]) -> Result<bool, bits::Error> {
    r.ue()?; // luma_log2_weight_denom
    if chroma_array_type != 0 {
        r.ue()?; // chroma_log2_weight_denom
    }
    for count in references {
        if *count > 64 {
            return Ok(false);
        }
        for _ in 0..*count {
            if r.flag()? {
                r.se()?;
                r.se()?;
            }
            if chroma_array_type != 0 && r.flag()? {
                for _ in 0..4 {
                    r.se()?;
                }
            }
        }
    }
    Ok(true)
}

/// `dec_ref_pic_marking` (7.3.3.3).
fn reference_marking(r: &mut BitReader<'_>, idr: bool) -> Result<(), bits::Error> {
    if idr {
        return r.bits(2).map(|_| ()); // no_output_of_prior_pics_flag, long_term_reference_flag
    }
    if r.flag()? {
        loop {
            match r.ue()? {
                0 => break,
                3 => {
                    r.ue()?;
                    r.ue()?;
                }
                1 | 2 | 4 | 6 => {
                    r.ue()?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

impl Sequence {
    fn parse(payload: &[u8]) -> Result<Sequence, SpsError> {
        let mut r = BitReader::new(payload);
        r.bits(8)?;
        let profile = r.bits(8)? as u8;
        r.bits(16)?;
        let id = r.ue()?;
        let (mut chroma_array_type, mut separate_colour_planes) = (1, false);
        if HIGH_PROFILES.contains(&profile) {
            let chroma = high_profile_fields(&mut r)?;
            (chroma_array_type, separate_colour_planes) = (chroma.array_type, chroma.separate_planes);
        }
        let frame_number_bits = r.ue()?.min(28) + 4;
        let picture_order = match r.ue()? {
            0 => PictureOrder::Lsb(r.ue()?.min(28) + 4),
            1 => {
                let always_zero = r.flag()?;
                r.se()?; // offset_for_non_ref_pic
                r.se()?; // offset_for_top_to_bottom_field
                for _ in 0..r.ue()?.min(255) {
                    r.se()?; // offset_for_ref_frame
                }
                PictureOrder::Delta { always_zero }
            }
            _ => PictureOrder::None,
        };
        r.ue()?; // max_num_ref_frames
        r.flag()?; // gaps_in_frame_num_value_allowed_flag
        let width = u64::from(r.ue()?) + 1;
        let height = u64::from(r.ue()?) + 1;
        let frame_mbs_only = r.flag()?;
        Ok(Sequence {
            id,
            chroma_array_type,
            separate_colour_planes,
            frame_number_bits,
            picture_order,
            frame_mbs_only,
            map_units: width * height,
        })
    }
}

impl Picture {
    fn parse(payload: &[u8]) -> Result<Picture, bits::Error> {
        let mut r = BitReader::new(payload);
        r.bits(8)?;
        let (id, sequence) = (r.ue()?, r.ue()?);
        let entropy_coding = r.flag()?;
        let bottom_field_order = r.flag()?;
        let groups = r.ue()?;
        let mut changing_slice_groups = None;
        if groups > 0 {
            changing_slice_groups = slice_groups(&mut r, groups.min(7))?;
        }
        let default_references = [r.ue()?.saturating_add(1), r.ue()?.saturating_add(1)];
        let weighted = r.flag()?;
        let weighted_bipred = r.bits(2)?;
        r.se()?; // pic_init_qp_minus26
        r.se()?; // pic_init_qs_minus26
        r.se()?; // chroma_qp_index_offset
        let deblocking_control = r.flag()?;
        r.flag()?; // constrained_intra_pred_flag
        let redundant_pictures = r.flag()?;
        Ok(Picture {
            id,
            sequence,
            entropy_coding,
            bottom_field_order,
            changing_slice_groups,
            default_references,
            weighted,
            weighted_bipred,
            deblocking_control,
            redundant_pictures,
        })
    }
}

/// The slice group map of a picture parameter set; `SliceGroupChangeRate` where it has one.
fn slice_groups(r: &mut BitReader<'_>, groups: u32) -> Result<Option<u64>, bits::Error> {
    match r.ue()? {
        0 => {
            for _ in 0..=groups {
                r.ue()?; // run_length_minus1
            }
            Ok(None)
        }
        2 => {
            for _ in 0..groups {
                r.ue()?; // top_left
                r.ue()?; // bottom_right
            }
            Ok(None)
        }
        3..=5 => {
            r.flag()?; // slice_group_change_direction_flag
            Ok(Some(u64::from(r.ue()?) + 1))
        }
        6 => {
            let units = r.ue()? as usize + 1;
            let bits = bits_for(u64::from(groups) + 1) as usize;
            r.skip(units.saturating_mul(bits))?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_without_its_parameter_sets_is_not_known() {
        let headers = AvcSliceHeaders::default();
        assert_eq!(headers.header(&[0x65, 0x88, 0x84, 0x00]), SliceHeader::Unknown);
        assert_eq!(headers.header(&[0x06, 0x88]), SliceHeader::None);
        assert_eq!(headers.header(&[]), SliceHeader::None);
    }
}
