//! Boxes of encrypted tracks (ISO/IEC 23001-7): what stands in the sample entry and in the movie.

use bytes::Bytes;

use super::fields::Fields;
use super::write::{put, write_box, write_full_box};
use super::{Error, ErrorKind, FourCc};

/// A stretch of a sample: clear bytes, then protected ones (9.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subsample {
    /// `BytesOfClearData`; longer than its field is written in several.
    pub clear: u32,
    /// `BytesOfProtectedData`.
    pub protected: u32,
}

/// How samples are encrypted: what a `tenc` box says (8.2), or an entry of a sample group (6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackEncryption {
    /// `default_KID`, in the order of its text.
    pub key_id: [u8; 16],
    /// Where initialization vectors come from.
    pub vectors: Vectors,
    /// Blocks that are encrypted and skipped (`default_crypt_byte_block`, `default_skip_byte_block`), at most 15 of
    /// each; 0 and 0 where there is no pattern.
    pub pattern: (u8, u8),
}

/// How samples get their initialization vectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vectors {
    /// Each its own, of 8 or 16 bytes (`default_Per_Sample_IV_Size`).
    PerSample(u8),
    /// One for all (`default_constant_IV`).
    Constant([u8; 16]),
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
pub(super) const VISUAL_FIELDS: usize = 86;
pub(super) const AUDIO_FIELDS: usize = 36;

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
        let constant = matches!(self.vectors, Vectors::Constant(_));
        let version = u8::from(constant || self.pattern != (0, 0));
        write_full_box(out, FourCc(*b"tenc"), version, 0, |out| write_parameters(out, Some(self)));
    }
}

/// The fields that `tenc` and `seig` share; `None`: not encrypted.
pub(super) fn write_parameters(out: &mut Vec<u8>, parameters: Option<&TrackEncryption>) {
    let Some(TrackEncryption { key_id, vectors, pattern: (crypt, skip) }) = parameters else {
        out.extend_from_slice(&[0; 20]);
        return;
    };
    let size = match vectors {
        Vectors::PerSample(size) => *size,
        Vectors::Constant(_) => 0,
    };
    out.extend_from_slice(&[0, crypt << 4 | skip & 15, 1, size]);
    out.extend_from_slice(key_id);
    if let Vectors::Constant(iv) = vectors {
        out.push(iv.len() as u8);
        out.extend_from_slice(iv);
    }
}

/// Reads the fields that `tenc` and `seig` share; `None`: not encrypted. In `tenc` of version 0 there is no pattern.
///
/// # Errors
/// [`Error`] when vectors have a size that no scheme knows.
pub(super) fn read_parameters(fields: &mut Fields<'_>, has_pattern: bool) -> Result<Option<TrackEncryption>, Error> {
    fields.u8()?;
    let pattern = if has_pattern { fields.u8()? } else { fields.u8().map(|_| 0)? };
    let protected = fields.u8()?;
    let size = fields.u8()?;
    let key_id = fields.array()?;
    if protected == 0 {
        return Ok(None);
    }
    let vectors = vectors(fields, size)?;
    Ok(Some(TrackEncryption { key_id, vectors, pattern: (pattern >> 4, pattern & 15) }))
}

/// Vectors of `size` bytes; behind a size of 0 stands the one for all.
fn vectors(fields: &mut Fields<'_>, size: u8) -> Result<Vectors, Error> {
    let what = "the size of an initialization vector";
    match size {
        0 => match fields.u8()? {
            16 => Ok(Vectors::Constant(fields.array()?)),
            // Shorter ones are filled up with zeros (9.1).
            8 => {
                let mut iv = [0; 16];
                iv[..8].copy_from_slice(fields.take(8)?);
                Ok(Vectors::Constant(iv))
            }
            other => Err(fields.error(ErrorKind::InvalidValue { what, value: i64::from(other) })),
        },
        8 | 16 => Ok(Vectors::PerSample(size)),
        other => Err(fields.error(ErrorKind::InvalidValue { what, value: i64::from(other) })),
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_ID: [u8; 16] = [0x11; 16];

    #[test]
    fn the_entry_keeps_what_it_had() {
        let entry = Bytes::from_static(b"\0\0\0\x18avc1\x01\x02\x03\x04\0\0\0\x0cavcC\x09\x09\x09\x09");
        let track = TrackEncryption { key_id: KEY_ID, vectors: Vectors::PerSample(8), pattern: (0, 0) };
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
        let track = TrackEncryption { key_id: KEY_ID, vectors: Vectors::PerSample(8), pattern: (0, 0) };
        let out = protected_sample_entry(&entry.clone().into(), FourCc(*b"encv"), FourCc(*b"cenc"), &track);
        assert_eq!(out[VISUAL_FIELDS..VISUAL_FIELDS + 16], *b"\0\0\0\x08avcC\0\0\0\x50sinf");
        entry.truncate(VISUAL_FIELDS + 8);
        let same = protected_sample_entry(&entry.into(), FourCc(*b"encv"), FourCc(*b"cenc"), &track);
        assert_eq!(same, out);
    }

    #[test]
    fn a_pattern_and_its_vector_stand_in_tenc() {
        let mut out = Vec::new();
        let track = TrackEncryption { key_id: KEY_ID, vectors: Vectors::Constant([7; 16]), pattern: (1, 9) };
        track.write(&mut out);
        assert_eq!(out[..16], *b"\0\0\0\x31tenc\x01\0\0\0\0\x19\x01\0");
        assert_eq!((&out[16..32], out[32], &out[33..]), (&KEY_ID[..], 16, &[7; 16][..]));
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
