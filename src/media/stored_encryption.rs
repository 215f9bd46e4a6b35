//! How the samples of a track are encrypted in its file, in a few bytes each.

use std::ops::Range;

use crate::isobmff::{FourCc, SampleVector, Subsample, SystemHeader, TrackEncryption, Vectors};

/// A vector as a fragment has it, in full.
const EXPLICIT: u8 = 1;
/// A vector that counts on from the sample before.
const COUNTED: u8 = 2;
/// Another group than the sample before.
const GROUP: u8 = 4;
/// Stretches follow.
const PARTS: u8 = 8;

const BLOCK_SAMPLES: u32 = 64;

/// The most bytes that a track's vectors and stretches may take: a day of pictures takes some tens of millions.
const MAX_BYTES: usize = 256 << 20;
/// The most groups of a track: a key for each quarter of an hour of a day has a hundred.
const MAX_GROUPS: usize = 4096;

/// What encrypts a stored track; made by [`StoredEncryptionBuilder`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEncryption {
    /// `cenc` or `cbcs`; PIFF's is `cenc` in other boxes.
    pub scheme: FourCc,
    /// How samples are encrypted that no group changes; `None`: they are clear.
    pub default: Option<TrackEncryption>,
    /// What groups say in place of it; `None`: their samples are clear.
    pub groups: Vec<Option<TrackEncryption>>,
    /// What protection systems are told, as it is stored.
    pub headers: Vec<SystemHeader>,
    encoded: Vec<u8>,
    /// Where each block of samples begins in `encoded`.
    blocks: Vec<u32>,
    count: u32,
}

/// How one sample is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSample {
    /// Index into [`StoredEncryption::groups`]; `None`: by default.
    pub group: Option<u32>,
    /// Its vector; none where the track has one for all, or it is clear.
    pub vector: SampleVector,
    /// Its stretches in the list that was given; empty where all of it is protected.
    pub parts: Range<usize>,
}

impl StoredEncryption {
    /// The key of manifests and sample entries: the default one, or the first of a group.
    pub fn key_id(&self) -> [u8; 16] {
        let key = self.default.or_else(|| self.groups.iter().flatten().next().copied());
        key.map_or([0; 16], |parameters| parameters.key_id)
    }

    /// What a sample's group says.
    pub fn parameters(&self, group: Option<u32>) -> Option<&TrackEncryption> {
        match group {
            Some(group) => self.groups.get(group as usize)?.as_ref(),
            None => self.default.as_ref(),
        }
    }

    /// Bytes of memory that it occupies, for cache weights.
    pub fn memory(&self) -> usize {
        let headers: usize = self.headers.iter().map(|header| 64 + header.data.len() + header.key_ids.len() * 16).sum();
        self.encoded.len() + self.blocks.len() * 4 + self.groups.len() * size_of::<Option<TrackEncryption>>() + headers
    }

    /// The samples of these indexes, ascending; their stretches are appended to `parts`. Costs what lies between
    /// them, and at most one block before the first.
    pub fn samples(&self, indexes: impl Iterator<Item = u32>, parts: &mut Vec<Subsample>) -> Vec<StoredSample> {
        let mut cursor = Cursor::new(self, 0);
        let mut found = Vec::new();
        for index in indexes {
            if index < cursor.sample || index / BLOCK_SAMPLES > cursor.sample / BLOCK_SAMPLES {
                cursor = Cursor::new(self, index / BLOCK_SAMPLES);
            }
            loop {
                let begin = parts.len();
                let wanted = cursor.sample == index;
                let Some(sample) = cursor.next(parts) else { return found };
                if wanted {
                    found.push(sample);
                    break;
                }
                parts.truncate(begin);
            }
        }
        found
    }
}

/// Reads samples from the beginning of a block on.
struct Cursor<'a> {
    of: &'a StoredEncryption,
    rest: &'a [u8],
    sample: u32,
    group: Option<u32>,
    vector: SampleVector,
}

impl<'a> Cursor<'a> {
    fn new(of: &'a StoredEncryption, block: u32) -> Cursor<'a> {
        let begin = of.blocks.get(block as usize).map_or(of.encoded.len(), |begin| *begin as usize);
        let rest = of.encoded.get(begin..).unwrap_or_default();
        Cursor { of, rest, sample: block.saturating_mul(BLOCK_SAMPLES), group: None, vector: SampleVector::NONE }
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    fn next(&mut self, parts: &mut Vec<Subsample>) -> Option<StoredSample> {
        if self.sample >= self.of.count {
            return None;
        }
        if self.sample.is_multiple_of(BLOCK_SAMPLES) {
            (self.group, self.vector) = (None, SampleVector::NONE);
        }
        self.sample += 1;
        let (flags, rest) = self.rest.split_first()?;
        self.rest = rest;
        if flags & GROUP != 0 {
            self.group = self.varint()?.checked_sub(1);
        }
        let mut vector = SampleVector::NONE;
        if flags & EXPLICIT != 0 {
            let bytes = vector_bytes(self.of.parameters(self.group));
            let (stored, rest) = self.rest.split_at_checked(usize::from(bytes))?;
            self.rest = rest;
            vector = SampleVector::new(stored);
        } else if flags & COUNTED != 0 {
            vector = counted_on(&self.vector);
        }
        if vector != SampleVector::NONE {
            self.vector = vector;
        }
        let begin = parts.len();
        if flags & PARTS != 0 {
            for _ in 0..self.varint()? {
                let (clear, protected) = (self.varint()?, self.varint()?);
                parts.push(Subsample { clear, protected });
            }
        }
        Some(StoredSample { group: self.group, vector, parts: begin..parts.len() })
    }
}

/// Bytes of each sample's vector.
fn vector_bytes(parameters: Option<&TrackEncryption>) -> u8 {
    match parameters.map(|parameters| parameters.vectors) {
        Some(Vectors::PerSample(size)) => size,
        _ => 0,
    }
}

/// The vector after `vector`, as most writers count: its first eight bytes are a number.
fn counted_on(vector: &SampleVector) -> SampleVector {
    let mut bytes = vector.as_slice().to_vec();
    if let Some(first) = bytes.first_chunk_mut::<8>() {
        *first = u64::from_be_bytes(*first).wrapping_add(1).to_be_bytes();
    }
    SampleVector::new(&bytes)
}

/// Why the encryption of a track cannot be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredEncryptionError {
    /// The stretches of a sample are not the sample.
    #[error("what is said to be clear and encrypted of sample {sample} is {said} bytes, and it has {size}")]
    Parts {
        /// Index of the sample.
        sample: u32,
        /// Bytes of its stretches.
        said: u64,
        /// Bytes of the sample.
        size: u32,
    },
    /// More than any film has.
    #[error("its fragments say more of encrypted samples than is kept")]
    TooMuch,
}

/// Collects how samples are encrypted, in decode order.
#[derive(Debug)]
pub struct StoredEncryptionBuilder {
    of: StoredEncryption,
    group: Option<u32>,
    vector: SampleVector,
}

impl StoredEncryptionBuilder {
    /// For a track whose header says this.
    pub fn new(scheme: FourCc, default: Option<TrackEncryption>) -> StoredEncryptionBuilder {
        let of = StoredEncryption {
            scheme,
            default,
            groups: Vec::new(),
            headers: Vec::new(),
            encoded: Vec::new(),
            blocks: Vec::new(),
            count: 0,
        };
        StoredEncryptionBuilder { of, group: None, vector: SampleVector::NONE }
    }

    /// Samples so far.
    pub fn len(&self) -> u32 {
        self.of.count
    }

    /// True before the first sample.
    pub fn is_empty(&self) -> bool {
        self.of.count == 0
    }

    /// What is said of samples by default.
    pub fn default_parameters(&self) -> Option<TrackEncryption> {
        self.of.default
    }

    /// The group that says so, for [`StoredEncryptionBuilder::push`]; `None` where that is the default.
    ///
    /// # Errors
    /// [`StoredEncryptionError::TooMuch`].
    pub fn group(&mut self, parameters: Option<TrackEncryption>) -> Result<Option<u32>, StoredEncryptionError> {
        if parameters == self.of.default {
            return Ok(None);
        }
        if let Some(known) = self.of.groups.iter().position(|group| *group == parameters) {
            return Ok(Some(known as u32));
        }
        if self.of.groups.len() == MAX_GROUPS {
            return Err(StoredEncryptionError::TooMuch);
        }
        self.of.groups.push(parameters);
        Ok(Some(self.of.groups.len() as u32 - 1))
    }

    /// Appends the next sample, of `size` bytes.
    ///
    /// # Errors
    /// [`StoredEncryptionError`].
    pub fn push(
        &mut self,
        group: Option<u32>,
        vector: SampleVector,
        parts: &[Subsample],
        size: u32,
    ) -> Result<(), StoredEncryptionError> {
        let said: u64 = parts.iter().map(|part| u64::from(part.clear) + u64::from(part.protected)).sum();
        if !parts.is_empty() && said != u64::from(size) {
            return Err(StoredEncryptionError::Parts { sample: self.of.count, said, size });
        }
        if self.of.encoded.len() > MAX_BYTES {
            return Err(StoredEncryptionError::TooMuch);
        }
        if self.of.count.is_multiple_of(BLOCK_SAMPLES) {
            self.of.blocks.push(self.of.encoded.len() as u32);
            (self.group, self.vector) = (None, SampleVector::NONE);
        }
        let is_counted = vector != SampleVector::NONE && vector == counted_on(&self.vector);
        let mut flags = match vector {
            SampleVector::NONE => 0,
            _ if is_counted => COUNTED,
            _ => EXPLICIT,
        };
        flags |= if group != self.group { GROUP } else { 0 };
        flags |= if parts.is_empty() { 0 } else { PARTS };
        let out = &mut self.of.encoded;
        out.push(flags);
        if group != self.group {
            varint(out, group.map_or(0, |group| group + 1));
            self.group = group;
        }
        if flags & EXPLICIT != 0 {
            out.extend_from_slice(vector.as_slice());
        }
        if vector != SampleVector::NONE {
            self.vector = vector;
        }
        if !parts.is_empty() {
            varint(out, parts.len() as u32);
            for part in parts {
                varint(out, part.clear);
                varint(out, part.protected);
            }
        }
        self.of.count += 1;
        Ok(())
    }

    /// What was collected; `None` where nothing of the track is encrypted.
    pub fn finish(mut self, headers: &[SystemHeader]) -> Option<StoredEncryption> {
        if self.of.default.is_none() && self.of.groups.iter().all(Option::is_none) {
            return None;
        }
        self.of.headers = headers.to_vec();
        self.of.encoded.shrink_to_fit();
        Some(self.of)
    }
}

fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CENC: FourCc = FourCc(*b"cenc");

    fn key(id: u8, bytes: u8) -> TrackEncryption {
        TrackEncryption { key_id: [id; 16], vectors: Vectors::PerSample(bytes), pattern: (0, 0) }
    }

    proptest! {
        #[test]
        fn samples_come_back(
            samples in prop::collection::vec(
                (
                    0u8..4,
                    any::<u64>(),
                    prop::collection::vec((0u32..300, 0u32..100_000), 0..3),
                ),
                1..300,
            ),
            wanted in prop::collection::vec(0u32..300, 1..10),
        ) {
            let mut builder = StoredEncryptionBuilder::new(CENC, Some(key(1, 8)));
            let (mut expected, mut last) = (Vec::new(), 0u64);
            for (kind, vector, parts) in &samples {
                let parameters = match kind { 0 => None, 1 => Some(key(2, 16)), _ => Some(key(1, 8)) };
                last = if vector.is_multiple_of(3) { *vector } else { last.wrapping_add(1) };
                let vector = match kind {
                    0 => SampleVector::NONE,
                    1 => SampleVector::new(&[last.to_be_bytes(), [5; 8]].concat()),
                    _ => SampleVector::new(&last.to_be_bytes()),
                };
                let parts: Vec<_> = parts.iter().map(|(clear, protected)| Subsample { clear: *clear, protected: *protected }).collect();
                let size = parts.iter().map(|p| p.clear + p.protected).sum();
                let group = builder.group(parameters).unwrap();
                builder.push(group, vector, &parts, size).unwrap();
                expected.push((parameters, vector, parts));
            }
            let stored = builder.finish(&[]).unwrap();
            let mut wanted = wanted;
            wanted.retain(|index| (*index as usize) < samples.len());
            wanted.sort_unstable();
            wanted.dedup();
            let mut parts = Vec::new();
            let found = stored.samples(wanted.iter().copied(), &mut parts);
            prop_assert_eq!(found.len(), wanted.len());
            for (index, sample) in wanted.iter().zip(&found) {
                let (parameters, vector, stretches) = &expected[*index as usize];
                prop_assert_eq!(stored.parameters(sample.group).copied(), *parameters);
                prop_assert_eq!(&sample.vector, vector);
                prop_assert_eq!(&parts[sample.parts.clone()], &stretches[..]);
            }
            prop_assert!(stored.samples([400].into_iter(), &mut parts).is_empty());
        }
    }

    #[test]
    fn counted_vectors_take_a_byte() {
        let mut builder = StoredEncryptionBuilder::new(CENC, Some(key(1, 8)));
        for sample in 0..6400u64 {
            builder.push(None, SampleVector::new(&(7 + sample).to_be_bytes()), &[], 9).unwrap();
        }
        let stored = builder.finish(&[]).unwrap();
        assert!(stored.memory() < 6400 + 100 * 8 + 100 * 4 + 100, "{}", stored.memory());
        assert_eq!(stored.key_id(), [1; 16]);
    }

    #[test]
    fn stretches_are_the_sample() {
        let mut builder = StoredEncryptionBuilder::new(CENC, Some(key(1, 8)));
        let part = Subsample { clear: u32::MAX, protected: 1 };
        let error = StoredEncryptionError::Parts { sample: 0, said: 1 << 32, size: 0 };
        assert_eq!(builder.push(None, SampleVector::NONE, &[part], 0), Err(error));
        assert!(StoredEncryptionBuilder::new(CENC, None).finish(&[]).is_none());
    }
}
