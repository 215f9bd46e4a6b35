//! What of a NAL unit's picture data must stay clear, as AVC and HEVC have it in common.

use super::nal_units::NalUnits;
use super::{Blocks, SampleError, Subsampler};
use crate::bits;
use crate::isobmff::Subsample;

/// Slice headers are far shorter; those with large weight tables or many entry points get a second look.
const USUAL_HEADER: usize = 128;
/// No slice header is longer.
const LONGEST_HEADER: usize = 8 << 10;

/// A NAL unit, as far as encryption cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SliceHeader {
    /// It holds no picture data: all of it stays clear.
    None,
    /// Its picture data begins so many bytes after its first.
    Length(usize),
    /// Its header cannot be read.
    Unknown,
}

/// Knows the parameter sets of a track, and with them the headers of its slices.
pub(super) trait SliceHeaders: Send {
    /// Takes in a NAL unit if it is a parameter set, in place of an earlier one with its identifier. A damaged one
    /// is passed over: the slices that need it will be unknown.
    fn learn(&mut self, nal_unit: &[u8]);

    /// Looks at a NAL unit.
    fn header(&self, nal_unit: &[u8]) -> SliceHeader;
}

/// Keeps a parameter set, if it could be read, in place of the one with its identifier.
pub(super) fn put<T, E>(sets: &mut Vec<T>, read: Result<T, E>, id: impl Fn(&T) -> u32) {
    if let Ok(set) = read {
        sets.retain(|other| id(other) != id(&set));
        sets.push(set);
    }
}

/// The header of a slice by `read`, which is given the NAL unit without emulation prevention bytes and returns the
/// bits of its header: `None` when parameter sets are missing.
pub(super) fn header_length(
    nal_unit: &[u8],
    read: impl Fn(&[u8]) -> Result<Option<usize>, bits::Error>,
) -> SliceHeader {
    for limit in [USUAL_HEADER, LONGEST_HEADER] {
        let start = nal_unit.get(..limit).unwrap_or(nal_unit);
        match read(&bits::rbsp(start)) {
            Ok(Some(bits)) => return SliceHeader::Length(with_emulation_prevention(nal_unit, bits.div_ceil(8))),
            Ok(None) => break,
            Err(_) if start.len() == nal_unit.len() => break,
            Err(_) => {}
        }
    }
    SliceHeader::Unknown
}

/// Bytes of `nal_unit` that hold the first `payload` bytes once its emulation prevention bytes are taken out.
fn with_emulation_prevention(nal_unit: &[u8], payload: usize) -> usize {
    let (mut zeros, mut seen) = (0, 0);
    for (index, &byte) in nal_unit.iter().enumerate() {
        if seen == payload {
            return index;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        seen += 1;
    }
    nal_unit.len()
}

/// Bits that hold each of `values` different numbers: the base-2 logarithm, rounded up.
pub(super) fn bits_for(values: u64) -> u32 {
    u64::BITS - values.saturating_sub(1).leading_zeros()
}

/// Samples of NAL units: length fields, headers and what is no picture stay clear (ISO/IEC 23001-7 9.5.2).
#[derive(Debug)]
pub(super) struct NalSubsampler<H> {
    /// The headers.
    pub headers: H,
    /// Bytes of a length field.
    pub nal_unit_length: u8,
}

impl<H: SliceHeaders> Subsampler for NalSubsampler<H> {
    fn subsamples(&mut self, sample: &[u8], blocks: Blocks, out: &mut Vec<Subsample>) -> Result<(), SampleError> {
        let mut clear = 0usize;
        let mut end = 0;
        for range in NalUnits::new(sample, self.nal_unit_length) {
            let range = range?;
            // Empty NAL units before this one, and its length field.
            clear += range.start - end;
            end = range.end;
            let nal_unit = sample.get(range.clone()).unwrap_or_default();
            self.headers.learn(nal_unit);
            let header = match self.headers.header(nal_unit) {
                SliceHeader::None => nal_unit.len(),
                SliceHeader::Length(length) => length.min(nal_unit.len()),
                SliceHeader::Unknown => return Err(SampleError::SliceHeader { position: range.start }),
            };
            let mut protected = nal_unit.len() - header;
            if blocks == Blocks::Whole {
                protected -= protected % 16;
            } else if protected < 16 {
                protected = 0;
            }
            clear += nal_unit.len() - protected;
            if protected > 0 {
                out.push(Subsample { clear: clear as u32, protected: protected as u32 });
                clear = 0;
            }
        }
        clear += sample.len() - end;
        if clear > 0 {
            out.push(Subsample { clear: clear as u32, protected: 0 });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_prevention_is_counted() {
        let nal_unit = [0x65, 0, 0, 3, 1, 0, 0, 3, 0, 9, 9];
        assert_eq!(with_emulation_prevention(&nal_unit, 3), 3);
        assert_eq!(with_emulation_prevention(&nal_unit, 4), 5);
        assert_eq!(with_emulation_prevention(&nal_unit, 6), 7);
        assert_eq!(with_emulation_prevention(&nal_unit, 7), 9);
        assert_eq!(with_emulation_prevention(&nal_unit, 99), 11);
    }

    #[test]
    fn logarithms() {
        for (values, bits) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (510, 9), (513, 10)] {
            assert_eq!(bits_for(values), bits, "{values}");
        }
    }

    /// Picture data from byte 3 on, unless the first byte is zero.
    struct Third;

    impl SliceHeaders for Third {
        fn learn(&mut self, _: &[u8]) {}

        fn header(&self, nal_unit: &[u8]) -> SliceHeader {
            match nal_unit[0] {
                0 => SliceHeader::None,
                9 => SliceHeader::Unknown,
                _ => SliceHeader::Length(3),
            }
        }
    }

    fn sample(units: &[(u8, usize)]) -> Vec<u8> {
        let unit = |(kind, length): &(u8, usize)| {
            let mut bytes = vec![*kind; *length];
            bytes.splice(0..0, (*length as u32).to_be_bytes());
            bytes
        };
        units.iter().flat_map(unit).collect()
    }

    fn subsamples(units: &[(u8, usize)], blocks: Blocks) -> Result<Vec<(u32, u32)>, SampleError> {
        let mut out = Vec::new();
        let sample = sample(units);
        NalSubsampler { headers: Third, nal_unit_length: 4 }.subsamples(&sample, blocks, &mut out)?;
        let sum: u32 = out.iter().map(|s| s.clear + s.protected).sum();
        assert_eq!(sum as usize, sample.len());
        Ok(out.iter().map(|s| (s.clear, s.protected)).collect())
    }

    #[test]
    fn headers_lengths_and_other_units_stay_clear() {
        let units = [(0, 10), (5, 103), (0, 0), (0, 6), (5, 60), (5, 12), (0, 2)];
        assert_eq!(
            subsamples(&units, Blocks::Whole),
            Ok(vec![(14 + 4 + 3 + 4, 96), (4 + 10 + 4 + 3 + 9, 48), (4 + 12 + 4 + 2, 0)])
        );
        assert_eq!(
            subsamples(&units, Blocks::Any),
            Ok(vec![(14 + 4 + 3, 100), (4 + 10 + 4 + 3, 57), (4 + 12 + 4 + 2, 0)])
        );
        let unknown = SampleError::SliceHeader { position: 4 };
        assert_eq!(subsamples(&[(9, 40)], Blocks::Any), Err(unknown));
    }
}
