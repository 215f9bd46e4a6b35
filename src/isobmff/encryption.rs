//! Boxes of encrypted tracks (ISO/IEC 23001-7): what stands in the sample entry, in the movie and in each fragment.

use bytes::Bytes;

use super::FourCc;
use super::piff;
use super::write::{put, write_box, write_full_box, write_uuid_box};

/// A stretch of a sample: clear bytes, then protected ones (9.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subsample {
    /// `BytesOfClearData`; longer than its field is written in several.
    pub clear: u32,
    /// `BytesOfProtectedData`.
    pub protected: u32,
}

/// What a `tenc` box says (8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackEncryption {
    /// `default_KID`, in the order of its text.
    pub key_id: [u8; 16],
    /// Where initialization vectors come from.
    pub vectors: Vectors,
}

/// How samples get their initialization vectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vectors {
    /// Each its own, of 8 bytes (`default_Per_Sample_IV_Size`).
    PerSample,
    /// One for all, with a pattern of blocks that are encrypted and skipped (`default_constant_IV`).
    Constant {
        /// The vector.
        iv: [u8; 16],
        /// `default_crypt_byte_block`; 0 and 0 where there is no pattern.
        crypt: u8,
        /// `default_skip_byte_block`.
        skip: u8,
    },
}

/// The sample entry of an encrypted track (ISO/IEC 14496-12 8.12): `encv`, `enca` or `enct` for the stored one,
/// which is named in `frma`, with a `sinf` behind its other boxes.
pub fn protected_sample_entry(entry: &Bytes, protected: FourCc, scheme: FourCc, track: &TrackEncryption) -> Bytes {
    let mut out = Vec::with_capacity(entry.len() + 96);
    let fields = if protected == FourCc(*b"encv") { VISUAL_FIELDS } else { AUDIO_FIELDS };
    write_box(&mut out, protected, |out| {
        out.extend_from_slice(entry.get(8..end_of_boxes(entry, fields)).unwrap_or_default());
        write_box(out, FourCc(*b"sinf"), |out| {
            write_box(out, FourCc(*b"frma"), |out| out.extend_from_slice(entry.get(4..8).unwrap_or(b"\0\0\0\0")));
            write_full_box(out, FourCc(*b"schm"), 0, 0, |out| {
                out.extend_from_slice(&scheme.0);
                put(out, &[0x0001_0000]);
            });
            write_box(out, FourCc(*b"schi"), |out| track.write(out));
        });
    });
    Bytes::from(out)
}

/// Bytes of a sample entry before its boxes, of pictures and of sound (ISO/IEC 14496-12 12.1.3, 12.2.3).
const VISUAL_FIELDS: usize = 86;
const AUDIO_FIELDS: usize = 36;

/// Where the boxes of a sample entry end: QuickTime puts a zero behind them, after which no reader would look for
/// another box.
fn end_of_boxes(entry: &[u8], fields: usize) -> usize {
    let mut at = fields;
    while let Some(head) = entry.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        match at.checked_add(size) {
            Some(end) if size >= 8 && end <= entry.len() => at = end,
            _ => return entry.len(),
        }
    }
    let is_terminator = entry.get(at..).is_some_and(|rest| rest.len() == 4 && rest.iter().all(|byte| *byte == 0));
    if is_terminator { at } else { entry.len() }
}

impl TrackEncryption {
    /// `tenc`: version 1 where there is a pattern or a constant vector.
    fn write(&self, out: &mut Vec<u8>) {
        match self.vectors {
            Vectors::PerSample => write_full_box(out, FourCc(*b"tenc"), 0, 0, |out| {
                out.extend_from_slice(&[0, 0, 1, 8]);
                out.extend_from_slice(&self.key_id);
            }),
            Vectors::Constant { iv, crypt, skip } => write_full_box(out, FourCc(*b"tenc"), 1, 0, |out| {
                out.extend_from_slice(&[0, crypt << 4 | skip & 15, 1, 0]);
                out.extend_from_slice(&self.key_id);
                out.push(iv.len() as u8);
                out.extend_from_slice(&iv);
            }),
        }
    }
}

/// A `pssh` box (8.1): version 1 with key identifiers, version 0 without.
pub fn write_protection_header(out: &mut Vec<u8>, system: [u8; 16], key_ids: &[[u8; 16]], data: &[u8]) {
    write_full_box(out, FourCc(*b"pssh"), u8::from(!key_ids.is_empty()), 0, |out| {
        out.extend_from_slice(&system);
        if !key_ids.is_empty() {
            put(out, &[key_ids.len() as u32]);
            key_ids.iter().for_each(|id| out.extend_from_slice(id));
        }
        put(out, &[data.len() as u32]);
        out.extend_from_slice(data);
    });
}

/// What a fragment says of one encrypted sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleEncryption<'a> {
    /// Its own initialization vector; `None` where the track has one for all.
    pub iv: Option<[u8; 8]>,
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
    Piff,
}

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
    if !with_subsamples && samples.iter().all(|sample| sample.iv.is_none()) {
        return Ok(out);
    }
    let mut table = Vec::with_capacity(samples.len() * 24);
    let mut sizes = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let before = table.len();
        table.extend_from_slice(sample.iv.as_ref().map_or(&[], |iv| &iv[..]));
        if with_subsamples {
            entries(&mut table, sample.subsamples);
        }
        let size = table.len() - before;
        let vector = sample.iv.map_or(0, |iv| iv.len());
        sizes.push(u8::try_from(size).map_err(|_| TooManySubsamples {
            sample: index,
            count: (size - vector - 2) / 6,
            limit: (usize::from(u8::MAX) - vector - 2) / 6,
        })?);
    }
    let flags = if with_subsamples { 2u32 } else { 0 };
    match boxes {
        EncryptionBoxes::Piff => write_uuid_box(&mut out, piff::SAMPLE_ENCRYPTION, |out| {
            put(out, &[flags, samples.len() as u32]);
            out.extend_from_slice(&table);
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_ID: [u8; 16] = [0x11; 16];

    #[test]
    fn the_entry_keeps_what_it_had() {
        let entry = Bytes::from_static(b"\0\0\0\x18avc1\x01\x02\x03\x04\0\0\0\x0cavcC\x09\x09\x09\x09");
        let track = TrackEncryption { key_id: KEY_ID, vectors: Vectors::PerSample };
        let out = protected_sample_entry(&entry, FourCc(*b"encv"), FourCc(*b"cenc"), &track);
        let mut expected = b"\0\0\0\x68encv\x01\x02\x03\x04\0\0\0\x0cavcC\x09\x09\x09\x09".to_vec();
        expected.extend_from_slice(b"\0\0\0\x50sinf\0\0\0\x0cfrmaavc1\0\0\0\x14schm\0\0\0\0cenc\0\x01\0\0");
        expected.extend_from_slice(b"\0\0\0\x28schi\0\0\0\x20tenc\0\0\0\0\0\0\x01\x08");
        expected.extend_from_slice(&KEY_ID);
        assert_eq!(out, expected);
    }

    #[test]
    fn a_terminator_is_not_kept() {
        let mut entry = vec![0, 0, 0, 98, b'a', b'v', b'c', b'1'];
        entry.resize(VISUAL_FIELDS, 7);
        entry.extend_from_slice(b"\0\0\0\x08avcC\0\0\0\0");
        let track = TrackEncryption { key_id: KEY_ID, vectors: Vectors::PerSample };
        let out = protected_sample_entry(&entry.clone().into(), FourCc(*b"encv"), FourCc(*b"cenc"), &track);
        assert_eq!(out[VISUAL_FIELDS..VISUAL_FIELDS + 16], *b"\0\0\0\x08avcC\0\0\0\x50sinf");
        entry.truncate(VISUAL_FIELDS + 8);
        let same = protected_sample_entry(&entry.into(), FourCc(*b"encv"), FourCc(*b"cenc"), &track);
        assert_eq!(same, out);
    }

    #[test]
    fn a_pattern_and_its_vector_stand_in_tenc() {
        let mut out = Vec::new();
        let vectors = Vectors::Constant { iv: [7; 16], crypt: 1, skip: 9 };
        TrackEncryption { key_id: KEY_ID, vectors }.write(&mut out);
        assert_eq!(out[..16], *b"\0\0\0\x31tenc\x01\0\0\0\0\x19\x01\0");
        assert_eq!((&out[16..32], out[32], &out[33..]), (&KEY_ID[..], 16, &[7; 16][..]));
    }

    #[test]
    fn samples_with_stretches() {
        let long = [Subsample { clear: 70_000, protected: 32 }];
        let short = [Subsample { clear: 9, protected: 16 }, Subsample { clear: 5, protected: 0 }];
        let samples = [
            SampleEncryption { iv: Some([1; 8]), subsamples: &long },
            SampleEncryption { iv: Some([2; 8]), subsamples: &short },
        ];
        let out = sample_encryption_boxes(EncryptionBoxes::Common, &samples, 100).unwrap();
        let mut expected = b"\0\0\0\x3csenc\0\0\0\x02\0\0\0\x02".to_vec();
        expected.extend_from_slice(b"\x01\x01\x01\x01\x01\x01\x01\x01\0\x02\xff\xff\0\0\0\0\x11\x71\0\0\0\x20");
        expected.extend_from_slice(b"\x02\x02\x02\x02\x02\x02\x02\x02\0\x02\0\x09\0\0\0\x10\0\x05\0\0\0\0");
        expected.extend_from_slice(b"\0\0\0\x11saiz\0\0\0\0\x16\0\0\0\x02");
        expected.extend_from_slice(b"\0\0\0\x14saio\0\0\0\0\0\0\0\x01\0\0\0\x74");
        assert_eq!(out, expected);
        let piff = sample_encryption_boxes(EncryptionBoxes::Piff, &samples, 100).unwrap();
        assert_eq!((piff.len(), &piff[4..8], &piff[24..28]), (24 + 8 + 44, &b"uuid"[..], &[0, 0, 0, 2][..]));
        assert_eq!(piff[32..], expected[16..60]);
    }

    #[test]
    fn one_vector_for_whole_samples_needs_no_box() {
        let samples = [SampleEncryption { iv: None, subsamples: &[] }; 3];
        assert_eq!(sample_encryption_boxes(EncryptionBoxes::Common, &samples, 0), Ok(Vec::new()));
    }

    #[test]
    fn more_stretches_than_fit() {
        let many = [Subsample { clear: 1, protected: 16 }; 41];
        let samples = [SampleEncryption { iv: Some([0; 8]), subsamples: &many }];
        let error = TooManySubsamples { sample: 0, count: 41, limit: 40 };
        assert_eq!(sample_encryption_boxes(EncryptionBoxes::Common, &samples, 0), Err(error));
    }

    #[test]
    fn headers_of_both_versions() {
        let mut out = Vec::new();
        write_protection_header(&mut out, [9; 16], &[], b"ab");
        assert_eq!(out[..12], *b"\0\0\0\x22pssh\0\0\0\0");
        assert_eq!(out[28..], *b"\0\0\0\x02ab");
        out.clear();
        write_protection_header(&mut out, [9; 16], &[KEY_ID], b"");
        assert_eq!((out.len(), out[8], &out[28..32]), (52, 1, &[0, 0, 0, 1][..]));
    }
}
