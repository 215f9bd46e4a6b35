//! NAL units in stored samples and their byte stream form, as AVC and HEVC have them in common.

use bytes::Bytes;

use super::SampleError;

/// `start_code_prefix_one_3bytes` with its `zero_byte` (ISO/IEC 14496-10 B.1.1, 23008-2 B.2.1).
pub(super) const START_CODE: &[u8] = &[0, 0, 0, 1];

/// What a NAL unit is, as far as the byte stream cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An access unit delimiter.
    Delimiter,
    /// A parameter set; each kind of them has a bit of its own.
    ParameterSet(u8),
    /// A part of the picture.
    Slice,
    /// Anything else.
    Other,
}

/// The NAL units of a stored sample as byte ranges; empty ones are passed over. Ends after an error.
pub(super) struct NalUnits<'a> {
    sample: &'a [u8],
    length_size: usize,
    position: usize,
}

impl<'a> NalUnits<'a> {
    /// Of a sample whose length fields have `length_size` bytes, 1, 2 or 4.
    pub fn new(sample: &'a [u8], length_size: u8) -> NalUnits<'a> {
        NalUnits { sample, length_size: usize::from(length_size), position: 0 }
    }
}

impl Iterator for NalUnits<'_> {
    type Item = Result<std::ops::Range<usize>, SampleError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let field = self.position;
            let rest = self.sample.get(field..).filter(|rest| !rest.is_empty())?;
            let Some(digits) = rest.get(..self.length_size) else {
                self.position = self.sample.len();
                return Some(Err(SampleError::TruncatedLengthField { position: field }));
            };
            let length = digits.iter().fold(0u64, |n, &byte| (n << 8) | u64::from(byte));
            let start = field + self.length_size;
            let end = usize::try_from(length).ok().and_then(|n| start.checked_add(n));
            let Some(end) = end.filter(|&end| end <= self.sample.len()) else {
                self.position = self.sample.len();
                let sample_size = self.sample.len();
                return Some(Err(SampleError::NalUnitTooLong { length, position: start, sample_size }));
            };
            self.position = end;
            if start < end {
                return Some(Ok(start..end));
            }
        }
    }
}

/// NAL units, each behind a start code.
pub(super) fn annex_b<'a>(nal_units: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    nal_units.flat_map(|unit| [START_CODE, unit]).flatten().copied().collect()
}

/// How samples become access units of the byte stream (ISO/IEC 14496-10 annex B, 23008-2 annex B).
#[derive(Debug, Clone)]
pub(super) struct ByteStream {
    /// Bytes of the length field before each NAL unit of a stored sample: 1, 2 or 4.
    pub nal_unit_length: u8,
    /// Tells a NAL unit by the first byte of its header.
    pub kind: fn(u8) -> Kind,
    /// An access unit delimiter that allows every kind of picture, behind a start code.
    pub delimiter: &'static [u8],
    /// The parameter sets, each behind a start code.
    pub parameter_sets: Bytes,
    /// The bits of all kinds of parameter sets that are in `parameter_sets`.
    pub set_kinds: u8,
    /// A delimiter and the parameter sets: how a sync sample begins.
    pub sync_prefix: Bytes,
}

impl ByteStream {
    /// With these parameter sets, which are of the kinds in `set_kinds`.
    pub fn new(
        nal_unit_length: u8,
        kind: fn(u8) -> Kind,
        delimiter: &'static [u8],
        parameter_sets: Vec<u8>,
        set_kinds: u8,
    ) -> ByteStream {
        let sync_prefix = [delimiter, &parameter_sets].concat().into();
        let parameter_sets = Bytes::from(parameter_sets);
        ByteStream { nal_unit_length, kind, delimiter, parameter_sets, set_kinds, sync_prefix }
    }

    /// The access unit of a sample. It begins with an access unit delimiter, the sample's own if that is its
    /// first NAL unit; delimiters further back are dropped, since a second one would begin another access
    /// unit. Parameter sets follow the delimiter of a sync sample that does not carry its own: before any
    /// SEI, which may refer to them (ISO/IEC 14496-10 7.4.1.2.3, 23008-2 7.4.2.4.4).
    pub fn access_unit(&self, sample: &Bytes, sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        let outline = self.outline(sample)?;
        let wants_sets = sync && outline.sets & self.set_kinds != self.set_kinds;
        out.reserve(outline.nal_units.saturating_mul(2).saturating_add(3));
        match (outline.begins_with_delimiter, wants_sets) {
            (false, true) => out.push(self.sync_prefix.clone()),
            (false, false) => out.push(Bytes::from_static(self.delimiter)),
            (true, _) => {}
        }
        for (index, nal_unit) in NalUnits::new(sample, self.nal_unit_length).enumerate() {
            let range = nal_unit?;
            let is_delimiter = self.kind_at(sample, range.start) == Kind::Delimiter;
            if is_delimiter && index > 0 {
                continue;
            }
            out.push(Bytes::from_static(START_CODE));
            out.push(sample.slice(range));
            if is_delimiter && wants_sets {
                out.push(self.parameter_sets.clone());
            }
        }
        Ok(())
    }

    fn kind_at(&self, sample: &[u8], position: usize) -> Kind {
        sample.get(position).map_or(Kind::Other, |first| (self.kind)(*first))
    }

    /// Walks all NAL units, so that a damaged sample is refused before anything is written of it.
    fn outline(&self, sample: &[u8]) -> Result<Outline, SampleError> {
        let mut outline = Outline { nal_units: 0, begins_with_delimiter: false, sets: 0 };
        let mut before_slices = true;
        for nal_unit in NalUnits::new(sample, self.nal_unit_length) {
            match self.kind_at(sample, nal_unit?.start) {
                Kind::Delimiter if outline.nal_units == 0 => outline.begins_with_delimiter = true,
                Kind::ParameterSet(bit) if before_slices => outline.sets |= bit,
                Kind::Slice => before_slices = false,
                _ => {}
            }
            outline.nal_units += 1;
        }
        Ok(outline)
    }
}

/// What has to be known of a sample before its first byte is sent.
struct Outline {
    nal_units: usize,
    begins_with_delimiter: bool,
    /// Kinds of parameter sets before the first slice.
    sets: u8,
}
