//! What fragments say of their encrypted samples (ISO/IEC 23001-7 7; PIFF 1.1 5.3.2.1): vectors and stretches.

use bytes::Bytes;

use super::boxes::{RawBox, once};
use super::encryption::{Subsample, TrackEncryption};
use super::sample_group::SEIG;
use super::write::{put, write_full_box, write_uuid_box};
use super::{BoxPath, EncryptionGroups, Error, ErrorKind, FourCc, piff};

/// The initialization vector of a sample: 8 or 16 bytes, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SampleVector {
    bytes: [u8; 16],
    length: u8,
}

impl SampleVector {
    /// No vector: the sample is clear, or the track has one for all.
    pub const NONE: SampleVector = SampleVector { bytes: [0; 16], length: 0 };

    /// Of 8 or 16 bytes; what is longer is cut.
    pub fn new(vector: &[u8]) -> SampleVector {
        let mut bytes = [0; 16];
        let length = vector.len().min(bytes.len());
        bytes[..length].copy_from_slice(&vector[..length]);
        SampleVector { bytes, length: length as u8 }
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// What a fragment says of one encrypted sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleEncryption<'a> {
    /// Its own initialization vector; empty where it has none.
    pub iv: SampleVector,
    /// Its stretches; empty when all of it is protected.
    pub subsamples: &'a [Subsample],
}

/// A sample has more stretches than its entry can tell: 255 bytes hold 40 (ISO/IEC 14496-12 8.7.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("sample {sample} has {count} encrypted parts; a fragment can describe {limit}")]
pub struct TooManySubsamples {
    /// Index in the fragment.
    pub sample: usize,
    /// How many it has.
    pub count: usize,
    /// The most there can be.
    pub limit: usize,
}

/// Which boxes tell of encrypted samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncryptionBoxes {
    /// `senc`, `saiz`, `saio` (ISO/IEC 23001-7 7).
    Common,
    /// PIFF's `SampleEncryptionBox` (PIFF 1.1 5.3.2.1).
    Piff(Option<Override>),
}

/// What PIFF's box says of its fragment's samples where it is not what the track's header says (flag 1);
/// `None`: they are not encrypted.
pub type Override = Option<TrackEncryption>;

/// The boxes for the end of a `traf` whose extra boxes begin `offset` bytes into the `moof`; nothing where
/// neither vectors nor stretches have to be told.
///
/// # Errors
/// [`TooManySubsamples`].
pub fn sample_encryption_boxes(
    boxes: EncryptionBoxes,
    samples: &[SampleEncryption<'_>],
    offset: usize,
) -> Result<Vec<u8>, TooManySubsamples> {
    let with_subsamples = samples.iter().any(|sample| !sample.subsamples.is_empty());
    let mut out = Vec::new();
    let overridden = match boxes {
        EncryptionBoxes::Piff(overridden) => overridden,
        EncryptionBoxes::Common => None,
    };
    if overridden.is_none() && !with_subsamples && samples.iter().all(|sample| sample.iv == SampleVector::NONE) {
        return Ok(out);
    }
    let mut table = Vec::with_capacity(samples.len() * 24);
    let mut sizes = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let before = table.len();
        table.extend_from_slice(sample.iv.as_slice());
        if with_subsamples {
            entries(&mut table, sample.subsamples);
        }
        let size = table.len() - before;
        let vector = sample.iv.as_slice().len();
        sizes.push(u8::try_from(size).map_err(|_| TooManySubsamples {
            sample: index,
            count: (size - vector - 2) / 6,
            limit: (usize::from(u8::MAX) - vector - 2) / 6,
        })?);
    }
    let flags = if with_subsamples { 2u32 } else { 0 };
    match boxes {
        EncryptionBoxes::Piff(overridden) => write_uuid_box(&mut out, piff::SAMPLE_ENCRYPTION, |out| {
            put(out, &[flags | u32::from(overridden.is_some())]);
            if let Some(parameters) = overridden {
                piff::write_parameters(out, parameters.as_ref());
            }
            // Of samples that are not encrypted there is nothing to tell.
            let told = overridden.is_none_or(|parameters| parameters.is_some());
            put(out, &[if told { samples.len() as u32 } else { 0 }]);
            if told {
                out.extend_from_slice(&table);
            }
        }),
        EncryptionBoxes::Common => {
            write_full_box(&mut out, FourCc(*b"senc"), 0, flags, |out| {
                put(out, &[samples.len() as u32]);
                out.extend_from_slice(&table);
            });
            let same = sizes.first().copied().filter(|first| sizes.iter().all(|size| size == first));
            write_full_box(&mut out, FourCc(*b"saiz"), 0, 0, |out| {
                out.push(same.unwrap_or(0));
                put(out, &[samples.len() as u32]);
                if same.is_none() {
                    out.extend_from_slice(&sizes);
                }
            });
            // The first entry stands behind the header, version, flags and count of senc.
            write_full_box(&mut out, FourCc(*b"saio"), 0, 0, |out| put(out, &[1, (offset + 16) as u32]));
        }
    }
    Ok(out)
}

/// `subsample_count` and the stretches, clear ones of more than 16 bits in pieces.
fn entries(table: &mut Vec<u8>, subsamples: &[Subsample]) {
    let count_at = table.len();
    table.extend_from_slice(&[0; 2]);
    let mut count = 0u16;
    let mut entry = |clear: u16, protected: u32| {
        table.extend_from_slice(&clear.to_be_bytes());
        table.extend_from_slice(&protected.to_be_bytes());
        count = count.saturating_add(1);
    };
    for subsample in subsamples {
        let mut clear = subsample.clear;
        while clear > u32::from(u16::MAX) {
            entry(u16::MAX, 0);
            clear -= u32::from(u16::MAX);
        }
        entry(clear as u16, subsample.protected);
    }
    if let Some(place) = table.get_mut(count_at..count_at + 2) {
        place.copy_from_slice(&count.to_be_bytes());
    }
}

/// The table of a fragment as it is stored: vectors and stretches of its samples (`senc`, 7.2; PIFF 1.1 5.3.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleEncryptionTable {
    /// What it says in place of the track's header; `None`: nothing.
    pub overridden: Option<Override>,
    /// How many samples it is of.
    pub count: u32,
    with_subsamples: bool,
    entries: Bytes,
}

impl SampleEncryptionTable {
    /// Reads the box; the body begins behind a UUID.
    fn parse(found: &RawBox, most: u32, path: BoxPath) -> Result<SampleEncryptionTable, Error> {
        let mut fields = found.fields(path);
        let (_, flags) = fields.full_box()?;
        let overridden = if flags & 1 != 0 { Some(piff::read_parameters(&mut fields)?) } else { None };
        let with_subsamples = flags & 2 != 0;
        let count = fields.count(if with_subsamples { 2 } else { 0 })?;
        if count > most {
            let (value, limit) = (u64::from(count), u64::from(most));
            return Err(fields.error(ErrorKind::LimitExceeded { what: "encrypted samples", value, limit }));
        }
        let entries = found.body.slice(fields.position()..);
        Ok(SampleEncryptionTable { overridden, count, with_subsamples, entries })
    }

    /// Its entries, one after the other.
    pub fn entries(&self) -> Entries<'_> {
        Entries { rest: &self.entries, with_subsamples: self.with_subsamples }
    }
}

/// How the samples of a fragment, or of a movie without fragments, are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SampleProtection {
    /// Vectors and stretches (`senc`, or PIFF's box).
    pub table: Option<SampleEncryptionTable>,
    /// They lie somewhere else, where only `saio` says.
    pub elsewhere: bool,
    /// Samples that are encrypted otherwise than the track's header says.
    pub groups: Option<EncryptionGroups>,
}

/// The boxes of a `traf` or `stbl` that tell of it.
#[derive(Default)]
pub(super) struct ProtectionBoxes {
    senc: Option<RawBox>,
    piff: Option<RawBox>,
    descriptions: Option<RawBox>,
    groups: Option<RawBox>,
    has_offsets: bool,
}

impl ProtectionBoxes {
    /// Keeps the box if it is one of them.
    pub fn take(&mut self, found: RawBox, container: BoxPath) -> Result<(), Error> {
        let is_encryption = found.body.get(4..8) == Some(&SEIG);
        let slot = match &found.kind.0 {
            b"senc" => &mut self.senc,
            b"uuid" if found.uuid == Some(piff::SAMPLE_ENCRYPTION) => &mut self.piff,
            b"sgpd" if is_encryption => &mut self.descriptions,
            b"sbgp" if is_encryption => &mut self.groups,
            b"saio" => {
                self.has_offsets = true;
                return Ok(());
            }
            _ => return Ok(()),
        };
        once(slot, found, container)
    }

    /// What they say of at most `most` samples; group descriptions are counted from `base`.
    pub fn parse(self, most: u32, base: u32, path: BoxPath) -> Result<SampleProtection, Error> {
        // There may be both forms, which then say the same.
        let table = self.senc.or(self.piff);
        let table =
            table.map(|found| SampleEncryptionTable::parse(&found, most, path.child(found.kind))).transpose()?;
        let (groups, descriptions) = (self.groups, self.descriptions);
        let groups = groups.map(|found| EncryptionGroups::parse(descriptions.as_ref(), &found, base, path));
        Ok(SampleProtection { elsewhere: self.has_offsets && table.is_none(), table, groups: groups.transpose()? })
    }
}

/// Reads a [`SampleEncryptionTable`].
#[derive(Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
    with_subsamples: bool,
}

impl Entries<'_> {
    /// The next sample's vector of `vector_bytes` bytes; its stretches are appended to `subsamples`, none where all of
    /// it is protected. `None` when the table ends before.
    pub fn next(&mut self, vector_bytes: u8, subsamples: &mut Vec<Subsample>) -> Option<SampleVector> {
        let (vector, rest) = self.rest.split_at_checked(usize::from(vector_bytes))?;
        self.rest = rest;
        if self.with_subsamples {
            let (count, rest) = self.rest.split_first_chunk()?;
            let (parts, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*count)) * 6)?;
            self.rest = rest;
            subsamples.extend(parts.chunks_exact(6).filter_map(|part| {
                let (clear, protected) = part.split_first_chunk()?;
                let clear = u32::from(u16::from_be_bytes(*clear));
                Some(Subsample { clear, protected: u32::from_be_bytes(protected.try_into().ok()?) })
            }));
        }
        Some(SampleVector::new(vector))
    }
}

#[cfg(test)]
mod tests {
    use super::super::encryption::Vectors;
    use super::*;

    #[test]
    fn samples_with_stretches() {
        let long = [Subsample { clear: 70_000, protected: 32 }];
        let short = [Subsample { clear: 9, protected: 16 }, Subsample { clear: 5, protected: 0 }];
        let samples = [
            SampleEncryption { iv: SampleVector::new(&[1; 8]), subsamples: &long },
            SampleEncryption { iv: SampleVector::new(&[2; 8]), subsamples: &short },
        ];
        let out = sample_encryption_boxes(EncryptionBoxes::Common, &samples, 100).unwrap();
        let mut expected = b"\0\0\0\x3csenc\0\0\0\x02\0\0\0\x02".to_vec();
        expected.extend_from_slice(b"\x01\x01\x01\x01\x01\x01\x01\x01\0\x02\xff\xff\0\0\0\0\x11\x71\0\0\0\x20");
        expected.extend_from_slice(b"\x02\x02\x02\x02\x02\x02\x02\x02\0\x02\0\x09\0\0\0\x10\0\x05\0\0\0\0");
        expected.extend_from_slice(b"\0\0\0\x11saiz\0\0\0\0\x16\0\0\0\x02");
        expected.extend_from_slice(b"\0\0\0\x14saio\0\0\0\0\0\0\0\x01\0\0\0\x74");
        assert_eq!(out, expected);
        let piff = sample_encryption_boxes(EncryptionBoxes::Piff(None), &samples, 100).unwrap();
        assert_eq!((piff.len(), &piff[4..8], &piff[24..28]), (24 + 8 + 44, &b"uuid"[..], &[0, 0, 0, 2][..]));
        assert_eq!(piff[32..], expected[16..60]);
    }

    #[test]
    fn one_vector_for_whole_samples_needs_no_box() {
        let samples = [SampleEncryption { iv: SampleVector::NONE, subsamples: &[] }; 3];
        assert_eq!(sample_encryption_boxes(EncryptionBoxes::Common, &samples, 0), Ok(Vec::new()));
    }

    #[test]
    fn more_stretches_than_fit() {
        let many = [Subsample { clear: 1, protected: 16 }; 41];
        let samples = [SampleEncryption { iv: SampleVector::new(&[0; 8]), subsamples: &many }];
        let error = TooManySubsamples { sample: 0, count: 41, limit: 40 };
        assert_eq!(sample_encryption_boxes(EncryptionBoxes::Common, &samples, 0), Err(error));
    }

    fn table(boxes: &[u8]) -> Result<SampleEncryptionTable, Error> {
        let bytes = Bytes::copy_from_slice(boxes);
        let kind = FourCc([bytes[4], bytes[5], bytes[6], bytes[7]]);
        SampleEncryptionTable::parse(&RawBox::expect(&bytes, 0, kind)?, 1_000_000, BoxPath::FILE)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let parts = [Subsample { clear: 9, protected: 16 }, Subsample { clear: 5, protected: 0 }];
        let key = TrackEncryption { key_id: [3; 16], vectors: Vectors::PerSample(16), pattern: (0, 0) };
        for (boxes, bytes) in [
            (EncryptionBoxes::Common, 8),
            (EncryptionBoxes::Common, 16),
            (EncryptionBoxes::Piff(None), 8),
            (EncryptionBoxes::Piff(Some(Some(key))), 16),
        ] {
            let samples: Vec<_> = (0..3u8)
                .map(|n| SampleEncryption {
                    iv: SampleVector::new(&[n; 16][..bytes]),
                    subsamples: &parts[..usize::from(n)],
                })
                .collect();
            let read = table(&sample_encryption_boxes(boxes, &samples, 0).unwrap()).unwrap();
            let overridden = if bytes == 16 && boxes != EncryptionBoxes::Common { Some(Some(key)) } else { None };
            assert_eq!((read.count, read.overridden), (3, overridden));
            let mut entries = read.entries();
            for sample in &samples {
                let mut found = Vec::new();
                assert_eq!(entries.next(bytes as u8, &mut found), Some(sample.iv));
                assert_eq!(found, sample.subsamples);
            }
            assert_eq!(entries.next(bytes as u8, &mut Vec::new()), None);
        }
        let clear = [SampleEncryption { iv: SampleVector::NONE, subsamples: &[] }; 4];
        let told = sample_encryption_boxes(EncryptionBoxes::Piff(Some(None)), &clear, 0).unwrap();
        let read = table(&told).unwrap();
        assert_eq!((read.overridden, read.count), (Some(None), 0));
    }

    #[test]
    fn tables_that_lie() {
        // More samples than bytes, and a table that ends inside of its last entry.
        let error = table(b"\0\0\0\x12senc\0\0\0\x02\xff\xff\xff\xff\0\0").unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooManyEntries { count: 0xffff_ffff, room: 1 });
        let read = table(b"\0\0\0\x1asenc\0\0\0\x02\0\0\0\x01\0\x02\0\x01\0\0\0\x02").unwrap();
        assert_eq!(read.entries().next(0, &mut Vec::new()), None);
        assert_eq!(read.entries().next(8, &mut Vec::new()), None);
        let error = table(b"\0\0\0\x10senc\0\0\0\0\xff\xff\xff\xff").unwrap_err();
        assert!(matches!(error.kind, ErrorKind::LimitExceeded { .. }));
    }
}
