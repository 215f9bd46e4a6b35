//! Where the tiles of AV1 frames lie (AV1 Bitstream & Decoding Process Specification 5.9 to 5.11): they alone are
//! encrypted, everything before them stays clear (AV1 Codec ISO Media File Format Binding, "Common Encryption").

use super::av1_sequence_header::{FrameCoding, SequenceHeader, leb128};
use super::{Blocks, SampleError, Subsampler};
use crate::bits::{self, BitReader};
use crate::isobmff::Subsample;

mod header;
mod motion;

use header::{FrameHeader, Tiles};
use motion::GlobalMotion;

// obu_type (6.2.2).
const SEQUENCE_HEADER: u32 = 1;
const FRAME_HEADER: u32 = 3;
const TILE_GROUP: u32 = 4;
const FRAME: u32 = 6;

/// What is kept of a decoded frame for those that refer to it (7.20).
#[derive(Debug, Clone, Copy, Default)]
struct Reference {
    upscaled_width: u32,
    height: u32,
    order_hint: u32,
    is_key: bool,
    motion: GlobalMotion,
    /// The change of the quantizer of each segment.
    segments: [Option<i32>; 8],
}

/// The headers of a track's frames, one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Av1Frames {
    sequence: Option<(FrameCoding, (u32, u32))>,
    references: [Option<Reference>; 8],
    /// The frame whose tile groups come.
    current: Option<FrameHeader>,
}

/// Why a header cannot be read.
#[derive(Debug)]
enum Unreadable {
    /// It is damaged.
    Damaged,
    /// What it refers to is not known.
    Unknown,
}

impl From<bits::Error> for Unreadable {
    fn from(_: bits::Error) -> Unreadable {
        Unreadable::Damaged
    }
}

impl Av1Frames {
    /// Of a track whose configuration record has these OBUs.
    pub fn new(configuration: &[u8]) -> Av1Frames {
        let known = SequenceHeader::find(configuration);
        Av1Frames { sequence: known.map(|h| (h.coding, (h.width, h.height))), ..Av1Frames::default() }
    }

    /// Appends where the tiles in the payload of an OBU lie.
    fn obu(
        &mut self,
        kind: u32,
        layers: (u32, u32),
        payload: &[u8],
        tiles: &mut Vec<std::ops::Range<usize>>,
    ) -> Result<(), Unreadable> {
        match kind {
            SEQUENCE_HEADER => {
                let header = SequenceHeader::parse(payload)?;
                self.sequence = Some((header.coding, (header.width, header.height)));
            }
            // A second header of the same frame is a copy of the first (7.21).
            FRAME_HEADER | FRAME if kind == FRAME || self.current.is_none() => {
                let mut r = BitReader::new(payload);
                let header = self.header(&mut r, layers)?;
                r.align();
                self.current = header;
                if kind == FRAME {
                    self.tile_group(payload, r.position() / 8, tiles)?;
                }
            }
            TILE_GROUP => self.tile_group(payload, 0, tiles)?,
            _ => {}
        }
        Ok(())
    }

    /// `tile_group_obu` (5.11.1), which begins at byte `start` of `payload`.
    fn tile_group(
        &mut self,
        payload: &[u8],
        start: usize,
        found: &mut Vec<std::ops::Range<usize>>,
    ) -> Result<(), Unreadable> {
        let Tiles { count, bits, size_bytes } = self.current.as_ref().ok_or(Unreadable::Unknown)?.tiles;
        let mut r = BitReader::new(payload.get(start..).unwrap_or_default());
        let (mut first, mut last) = (0, count.saturating_sub(1));
        if count > 1 && r.flag()? {
            (first, last) = (r.bits(bits)?, r.bits(bits)?);
        }
        r.align();
        let mut at = start + r.position() / 8;
        for tile in first..=last {
            let size = if tile == last {
                payload.len().checked_sub(at)
            } else {
                let digits = payload.get(at..at + size_bytes).ok_or(Unreadable::Damaged)?;
                at += size_bytes;
                digits.iter().rev().fold(0usize, |n, digit| n << 8 | usize::from(*digit)).checked_add(1)
            };
            let end = size.and_then(|size| at.checked_add(size)).filter(|end| *end <= payload.len());
            let end = end.ok_or(Unreadable::Damaged)?;
            found.push(at..end);
            at = end;
        }
        if last + 1 >= count {
            self.current = None;
        }
        Ok(())
    }
}

impl Subsampler for Av1Frames {
    fn subsamples(&mut self, sample: &[u8], blocks: Blocks, out: &mut Vec<Subsample>) -> Result<(), SampleError> {
        let (mut at, mut clear_from) = (0usize, 0usize);
        let mut tiles = Vec::new();
        while at < sample.len() {
            let damaged = || SampleError::SliceHeader { position: at };
            let rest = sample.get(at..).unwrap_or_default();
            let (kind, layers, start, size) = obu_header(rest).ok_or_else(damaged)?;
            let payload = rest.get(start..).and_then(|rest| rest.get(..size)).ok_or_else(damaged)?;
            tiles.clear();
            self.obu(kind, layers, payload, &mut tiles).map_err(|_| damaged())?;
            for tile in &tiles {
                let length = tile.end - tile.start;
                let protected = match blocks {
                    // What is left over stays clear at the beginning, so that the last byte is protected.
                    Blocks::Whole => length - length % 16,
                    Blocks::Any if length < 16 => 0,
                    Blocks::Any => length,
                };
                if protected > 0 {
                    let end = at + start + tile.end;
                    let clear = end - protected - clear_from;
                    out.push(Subsample { clear: clear as u32, protected: protected as u32 });
                    clear_from = end;
                }
            }
            at += start + size;
        }
        if clear_from < sample.len() {
            out.push(Subsample { clear: (sample.len() - clear_from) as u32, protected: 0 });
        }
        Ok(())
    }
}

/// Type, temporal and spatial layer, where the payload begins, and its bytes (5.3.2). An OBU without a size is the
/// last.
fn obu_header(data: &[u8]) -> Option<(u32, (u32, u32), usize, usize)> {
    let mut r = BitReader::new(data);
    r.flag().ok()?; // obu_forbidden_bit
    let kind = r.bits(4).ok()?;
    let (extended, sized) = (r.flag().ok()?, r.flag().ok()?);
    r.flag().ok()?; // obu_reserved_1bit
    let mut layers = (0, 0);
    if extended {
        layers = (r.bits(3).ok()?, r.bits(2).ok()?);
        r.bits(3).ok()?;
    }
    let size = if sized { Some(leb128(&mut r)?) } else { None };
    let start = r.position() / 8;
    Some((kind, layers, start, size.unwrap_or(data.len().saturating_sub(start))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_without_its_sequence_header_is_refused() {
        let mut out = Vec::new();
        let error = SampleError::SliceHeader { position: 2 };
        // A temporal delimiter and a frame.
        let sample = [0x12, 0, 0x32, 3, 0x10, 0, 0];
        assert_eq!(Av1Frames::default().subsamples(&sample, Blocks::Any, &mut out), Err(error));
    }

    #[test]
    fn what_has_no_tiles_is_clear() {
        let mut out = Vec::new();
        // A temporal delimiter and padding.
        Av1Frames::default().subsamples(&[0x12, 0, 0x7a, 2, 9, 9], Blocks::Whole, &mut out).unwrap();
        assert_eq!(out, [Subsample { clear: 6, protected: 0 }]);
        for cut in [&[0x12][..], &[0x32, 0xff], &[0x32, 5, 1]] {
            assert!(Av1Frames::default().subsamples(cut, Blocks::Whole, &mut out).is_err(), "{cut:?}");
        }
    }
}
