//! Where the uncompressed header of a VP9 frame ends (VP9 Bitstream & Decoding Process Specification 6.2): what stays
//! clear when samples are encrypted (VP Codec ISO Media File Format Binding, "Common Encryption").

use super::{Blocks, SampleError, Subsampler};
use crate::bits::{self, BitReader};
use crate::isobmff::Subsample;

/// `frame_sync_code`.
const SYNC_CODE: u32 = 0x49_8342;
/// `color_space` CS_RGB.
const RGB: u32 = 7;
/// Bits of the values of segmentation features, and whether a sign follows (table of 6.2.11).
const SEGMENTATION_FEATURES: [(u32, bool); 4] = [(8, true), (6, true), (2, false), (0, false)];

/// Samples of VP9: widths of the reference frames, from which the number of tiles follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Vp9Frames {
    /// Size of each reference frame, as far as it is known.
    references: [Option<(u32, u32)>; 8],
}

impl Subsampler for Vp9Frames {
    fn subsamples(&mut self, sample: &[u8], blocks: Blocks, out: &mut Vec<Subsample>) -> Result<(), SampleError> {
        let (mut clear, mut position) = (0usize, 0usize);
        let (frames, index) = superframe(sample);
        for size in frames {
            let frame = sample.get(position..position + size).unwrap_or_default();
            let header = self.header(frame).map_err(|_| SampleError::SliceHeader { position })?;
            let header = header.ok_or(SampleError::SliceHeader { position })?.min(frame.len());
            let mut protected = frame.len() - header;
            match blocks {
                Blocks::Whole => protected -= protected % 16,
                Blocks::Any if protected < 16 => protected = 0,
                Blocks::Any => {}
            }
            clear += frame.len() - protected;
            if protected > 0 {
                out.push(Subsample { clear: clear as u32, protected: protected as u32 });
                clear = 0;
            }
            position += size;
        }
        clear += index;
        if clear > 0 {
            out.push(Subsample { clear: clear as u32, protected: 0 });
        }
        Ok(())
    }
}

/// The sizes of the frames in a sample, and how many bytes of a superframe's index follow them (annex B).
fn superframe(sample: &[u8]) -> (Vec<usize>, usize) {
    let whole = || (vec![sample.len()], 0);
    let Some(&marker) = sample.last().filter(|last| **last & 0xe0 == 0xc0) else { return whole() };
    let (count, bytes) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let length = 2 + count * bytes;
    let Some(index) = sample.len().checked_sub(length).and_then(|start| sample.get(start..)) else { return whole() };
    if index.first() != Some(&marker) {
        return whole();
    }
    let number = |digits: &[u8]| digits.iter().rev().fold(0usize, |n, digit| n << 8 | usize::from(*digit));
    let sizes: Vec<usize> = index[1..length - 1].chunks_exact(bytes).map(number).collect();
    match sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)) {
        Some(sum) if sum <= sample.len() - length => (sizes, sample.len() - sum),
        _ => whole(),
    }
}

impl Vp9Frames {
    /// Bytes of a frame's uncompressed header; `None` when a reference frame is not known.
    fn header(&mut self, frame: &[u8]) -> Result<Option<usize>, bits::Error> {
        let mut r = BitReader::new(frame);
        r.bits(2)?; // frame_marker
        let profile = r.bits(1)? | r.bits(1)? << 1;
        if profile == 3 {
            r.flag()?; // reserved_zero
        }
        if r.flag()? {
            return Ok(Some(frame.len())); // show_existing_frame: there is no picture in it
        }
        let (inter, show, error_resilient) = (r.flag()?, r.flag()?, r.flag()?);
        let (refresh, size);
        if !inter {
            sync_code(&mut r)?;
            colour(&mut r, profile)?;
            size = Some(frame_size(&mut r)?);
            render_size(&mut r)?;
            refresh = 0xff;
        } else {
            let intra_only = !show && r.flag()?;
            if !error_resilient {
                r.bits(2)?; // reset_frame_context
            }
            if intra_only {
                sync_code(&mut r)?;
                if profile > 0 {
                    colour(&mut r, profile)?;
                }
                refresh = r.bits(8)?;
                size = Some(frame_size(&mut r)?);
                render_size(&mut r)?;
            } else {
                refresh = r.bits(8)?;
                let mut used = [0usize; 3];
                for index in &mut used {
                    *index = r.bits(3)? as usize;
                    r.flag()?; // ref_frame_sign_bias
                }
                size = self.size_with_references(&mut r, used)?;
                render_size(&mut r)?;
                r.flag()?; // allow_high_precision_mv
                if !r.flag()? {
                    r.bits(2)?; // raw_interpolation_filter
                }
            }
        }
        if !error_resilient {
            r.bits(2)?; // refresh_frame_context, frame_parallel_decoding_mode
        }
        r.bits(2)?; // frame_context_idx
        loop_filter(&mut r)?;
        quantization(&mut r)?;
        segmentation(&mut r)?;
        let Some((width, height)) = size else { return Ok(None) };
        tiles(&mut r, width)?;
        r.bits(16)?; // header_size_in_bytes
        r.align();
        for (slot, reference) in self.references.iter_mut().enumerate() {
            if refresh >> slot & 1 == 1 {
                *reference = Some((width, height));
            }
        }
        Ok(Some(r.position() / 8))
    }

    /// `frame_size_with_refs`.
    fn size_with_references(&self, r: &mut BitReader<'_>, used: [usize; 3]) -> Result<Option<(u32, u32)>, bits::Error> {
        for slot in used {
            if r.flag()? {
                return Ok(self.references.get(slot).copied().flatten());
            }
        }
        frame_size(r).map(Some)
    }
}

fn sync_code(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    let position = r.position();
    match r.bits(24)? {
        SYNC_CODE => Ok(()),
        _ => Err(bits::Error::EndOfBits { position, wanted: 24, remaining: r.remaining() }),
    }
}

/// `color_config`.
fn colour(r: &mut BitReader<'_>, profile: u32) -> Result<(), bits::Error> {
    if profile >= 2 {
        r.flag()?; // ten_or_twelve_bit
    }
    let subsampled = profile == 1 || profile == 3;
    if r.bits(3)? == RGB {
        r.bits(u32::from(subsampled))?;
    } else {
        r.bits(if subsampled { 4 } else { 1 })?; // color_range, and how colour is sampled
    }
    Ok(())
}

fn frame_size(r: &mut BitReader<'_>) -> Result<(u32, u32), bits::Error> {
    Ok((r.bits(16)? + 1, r.bits(16)? + 1))
}

fn render_size(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    if r.flag()? {
        r.bits(32)?;
    }
    Ok(())
}

fn loop_filter(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    r.bits(9)?; // level, sharpness
    if r.flag()? && r.flag()? {
        for _ in 0..6 {
            if r.flag()? {
                r.bits(7)?; // a delta and its sign
            }
        }
    }
    Ok(())
}

fn quantization(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    r.bits(8)?; // base_q_idx
    for _ in 0..3 {
        if r.flag()? {
            r.bits(5)?; // a delta and its sign
        }
    }
    Ok(())
}

fn segmentation(r: &mut BitReader<'_>) -> Result<(), bits::Error> {
    if !r.flag()? {
        return Ok(());
    }
    let probability = |r: &mut BitReader<'_>| r.flag().and_then(|coded| r.bits(if coded { 8 } else { 0 }));
    if r.flag()? {
        for _ in 0..7 {
            probability(r)?;
        }
        if r.flag()? {
            for _ in 0..3 {
                probability(r)?;
            }
        }
    }
    if r.flag()? {
        r.flag()?; // segmentation_abs_or_delta_update
        for (bits, signed) in [SEGMENTATION_FEATURES; 8].into_iter().flatten() {
            if r.flag()? {
                r.bits(bits + u32::from(signed))?;
            }
        }
    }
    Ok(())
}

/// `tile_info`: how many bits there are depends on the width.
fn tiles(r: &mut BitReader<'_>, width: u32) -> Result<(), bits::Error> {
    let columns = width.div_ceil(8).div_ceil(8);
    let mut least = 0;
    while (64u32 << least) < columns {
        least += 1;
    }
    let mut most = 1;
    while (columns >> most) >= 4 {
        most += 1;
    }
    most -= 1;
    while least < most && r.flag()? {
        least += 1;
    }
    if r.flag()? {
        r.flag()?; // tile_rows_log2
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn superframes_are_taken_apart() {
        let sample = [&[1u8; 5][..], &[2; 7], &[0xc1, 5, 7, 0xc1]].concat();
        assert_eq!(superframe(&sample), (vec![5, 7], 4));
        assert_eq!(superframe(&sample[..12]), (vec![12], 0));
        let damaged = [&[1u8; 5][..], &[0xc1, 5, 7, 0xc1]].concat();
        assert_eq!(superframe(&damaged), (vec![9], 0));
        assert_eq!(superframe(&[]), (vec![0], 0));
    }

    #[test]
    fn a_key_frame_s_header_is_read_to_its_end() {
        // Profile 0, shown, 352x288: the first frame of an encoder's output.
        let frame = [
            0x82, 0x49, 0x83, 0x42, 0x00, 0x15, 0xf0, 0x11, 0xf6, 0x00, 0x38, 0x24, 0x1c, 0x18, 0x00, 0x00, 0x00, 0x20,
        ];
        let mut frames = Vp9Frames::default();
        let header = frames.header(&frame).unwrap().unwrap();
        assert!((14..=18).contains(&header), "{header}");
        assert_eq!(frames.references, [Some((352, 288)); 8]);
        let inter = Vp9Frames::default().header(&[0x86, 0, 0x40, 0x92, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(inter, Ok(None));
    }
}
