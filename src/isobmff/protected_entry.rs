//! What a stored file says of how it is encrypted: sample entries (`encv`, `enca`; ISO/IEC 14496-12 8.12) and
//! headers of protection systems (`pssh`, ISO/IEC 23001-7 8.1; PIFF 1.1 5.3.1).

use bytes::Bytes;

use super::boxes::{RawBox, boxes_within};
use super::encryption::{AUDIO_FIELDS, TrackEncryption, VISUAL_FIELDS, read_parameters, write_protection_header};
use super::fields::Fields;
use super::{BoxPath, Error, ErrorKind, FourCc, piff};

/// The most headers of protection systems that a movie may have, and the most bytes of one.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 64 << 10;
/// The most keys that a header names.
const MAX_KEYS: u32 = 1024;

/// The sample entry of an encrypted track, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedEntry {
    /// The entry as it was before: of its former type, without what tells of the encryption.
    pub clear: Bytes,
    /// `scheme_type`: `cenc`, `cbcs`, `piff` and others.
    pub scheme: FourCc,
    /// How samples are encrypted that no group changes; `None`: not at all.
    pub encryption: Option<TrackEncryption>,
}

impl ProtectedEntry {
    /// Whether `entry`, a whole box, is of an encrypted track.
    pub fn is(entry: &[u8]) -> bool {
        matches!(entry.get(4..8), Some(b"encv" | b"enca" | b"enct" | b"encs" | b"encm"))
    }

    /// Opens an entry for which [`ProtectedEntry::is`].
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn parse(entry: &Bytes) -> Result<ProtectedEntry, &'static str> {
        let fields = match entry.get(4..8) {
            Some(b"encv") => VISUAL_FIELDS,
            // QuickTime's version 1 has more fields.
            Some(b"enca") if children(entry, AUDIO_FIELDS).all(|child| &child.kind.0 != b"sinf") => AUDIO_FIELDS + 16,
            Some(b"enca") => AUDIO_FIELDS,
            _ => return Err("neither pictures nor sound"),
        };
        let sinf = children(entry, fields).find(|child| &child.kind.0 == b"sinf").ok_or("it has no 'sinf' box")?;
        let (mut original, mut scheme, mut encryption) = (None, None, None);
        for child in sinf.children(BoxPath::FILE).map_while(Result::ok) {
            match &child.kind.0 {
                b"frma" => original = child.body.first_chunk::<4>().copied(),
                b"schm" => scheme = child.body.get(4..8).map(|kind| FourCc([kind[0], kind[1], kind[2], kind[3]])),
                b"schi" => encryption = track_encryption(&child).or(encryption),
                _ => {}
            }
        }
        let original = original.ok_or("it does not say what it was before ('frma')")?;
        let scheme = scheme.ok_or("it names no scheme ('schm')")?;
        let encryption = encryption.ok_or("it has no 'tenc' box")?.map_err(|_| "its 'tenc' box is damaged")?;
        let mut clear = Vec::with_capacity(entry.len());
        clear.extend_from_slice(entry.get(..fields).unwrap_or_default());
        for child in children(entry, fields).filter(|child| &child.kind.0 != b"sinf") {
            clear.extend_from_slice(&child.whole);
        }
        let size = (clear.len() as u32).to_be_bytes();
        clear.splice(..8, size.into_iter().chain(original));
        Ok(ProtectedEntry { clear: Bytes::from(clear), scheme, encryption })
    }
}

/// The boxes of an entry behind its fields, up to anything that is no box.
fn children(entry: &Bytes, fields: usize) -> impl Iterator<Item = RawBox> + use<> {
    let rest = entry.slice(fields.min(entry.len())..);
    boxes_within(&rest, 0, BoxPath::FILE).map_while(Result::ok)
}

type Read = Result<Option<TrackEncryption>, Error>;

/// `tenc`, or PIFF's box.
fn track_encryption(schi: &RawBox) -> Option<Read> {
    let children = || schi.children(BoxPath::FILE).map_while(Result::ok);
    if let Some(tenc) = children().find(|child| &child.kind.0 == b"tenc") {
        return Some(tenc_of(&mut tenc.fields(BoxPath::FILE)));
    }
    let tenc = children().find(|child| child.uuid == Some(piff::TRACK_ENCRYPTION))?;
    let mut fields = tenc.fields(BoxPath::FILE);
    Some(fields.full_box().and_then(|_| piff::read_parameters(&mut fields)))
}

fn tenc_of(fields: &mut Fields<'_>) -> Read {
    let (version, _) = fields.full_box_up_to(1)?;
    read_parameters(fields, version > 0)
}

/// A header for one protection system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemHeader {
    /// `SystemID`.
    pub system: [u8; 16],
    /// The keys that it names itself (version 1); others name them in their data.
    pub key_ids: Vec<[u8; 16]>,
    /// What the system is told.
    pub data: Bytes,
}

impl SystemHeader {
    /// Reads a `pssh` box, or PIFF's.
    pub(super) fn parse(found: &RawBox, path: BoxPath) -> Result<SystemHeader, Error> {
        let mut fields = found.fields(path);
        let (version, _) = fields.full_box_up_to(1)?;
        let system = fields.array()?;
        let mut key_ids = Vec::new();
        if version == 1 && found.uuid.is_none() {
            let count = fields.count(16)?;
            if count > MAX_KEYS {
                let (value, limit) = (u64::from(count), u64::from(MAX_KEYS));
                return Err(fields.error(ErrorKind::LimitExceeded {
                    what: "keys of a protection system",
                    value,
                    limit,
                }));
            }
            for _ in 0..count {
                key_ids.push(fields.array()?);
            }
        }
        let size = fields.count(1)? as usize;
        if size > MAX_HEADER_BYTES {
            let (value, limit) = (size as u64, MAX_HEADER_BYTES as u64);
            return Err(fields.error(ErrorKind::LimitExceeded { what: "bytes for a protection system", value, limit }));
        }
        let begin = fields.position();
        // The movie box is large and not kept for these few bytes.
        let data = Bytes::copy_from_slice(found.body.get(begin..begin + size).unwrap_or_default());
        Ok(SystemHeader { system, key_ids, data })
    }

    /// Refuses more of them than any movie has.
    pub(super) fn few_enough(count: usize, path: BoxPath, offset: u64) -> Result<(), Error> {
        if count > MAX_HEADERS {
            let (value, limit) = (count as u64, MAX_HEADERS as u64);
            return Err(ErrorKind::LimitExceeded { what: "protection systems", value, limit }.at(path, offset));
        }
        Ok(())
    }

    /// Writes it as a `pssh` box.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_protection_header(out, self.system, &self.key_ids, &self.data);
    }
}

#[cfg(test)]
mod tests {
    use super::super::encryption::{Vectors, protected_sample_entry};
    use super::super::write::{write_box, write_full_box, write_uuid_box};
    use super::*;

    fn entry(kind: &[u8; 4], fields: usize) -> Bytes {
        let mut out = vec![0, 0, 0, fields as u8 + 12, kind[0], kind[1], kind[2], kind[3]];
        out.resize(fields, 7);
        out.extend_from_slice(b"\0\0\0\x0cavcC1234");
        out.into()
    }

    #[test]
    fn entries_come_back() {
        let own = TrackEncryption { key_id: [1; 16], vectors: Vectors::PerSample(8), pattern: (0, 0) };
        let chains = TrackEncryption { key_id: [2; 16], vectors: Vectors::Constant([3; 16]), pattern: (1, 9) };
        for (kind, protected, fields) in [(b"avc1", b"encv", VISUAL_FIELDS), (b"mp4a", b"enca", AUDIO_FIELDS)] {
            for (scheme, track) in [(b"cenc", own), (b"cbcs", chains)] {
                let clear = entry(kind, fields);
                let written = protected_sample_entry(&clear, FourCc(*protected), FourCc(*scheme), &track);
                assert!(ProtectedEntry::is(&written) && !ProtectedEntry::is(&clear));
                let expected = ProtectedEntry { clear, scheme: FourCc(*scheme), encryption: Some(track) };
                assert_eq!(ProtectedEntry::parse(&written), Ok(expected));
                for length in 8..written.len() {
                    // Cut anywhere, it is an error or an entry without its last boxes.
                    let _ = ProtectedEntry::parse(&written.slice(..length));
                }
            }
        }
    }

    #[test]
    fn the_form_of_piff() {
        let mut out = entry(b"encv", VISUAL_FIELDS)[8..].to_vec();
        write_box(&mut out, FourCc(*b"sinf"), |out| {
            write_box(out, FourCc(*b"frma"), |out| out.extend_from_slice(b"avc1"));
            write_full_box(out, FourCc(*b"schm"), 0, 0, |out| out.extend_from_slice(b"piff\0\x01\0\x01"));
            write_box(out, FourCc(*b"schi"), |out| {
                write_uuid_box(out, piff::TRACK_ENCRYPTION, |out| {
                    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 8]);
                    out.extend_from_slice(&[9; 16]);
                });
            });
        });
        let mut whole = Vec::new();
        write_box(&mut whole, FourCc(*b"encv"), |whole| whole.extend_from_slice(&out));
        let read = ProtectedEntry::parse(&whole.into()).unwrap();
        assert_eq!((read.scheme, &read.clear), (FourCc(*b"piff"), &entry(b"avc1", VISUAL_FIELDS)));
        let expected = TrackEncryption { key_id: [9; 16], vectors: Vectors::PerSample(8), pattern: (0, 0) };
        assert_eq!(read.encryption, Some(expected));
    }

    #[test]
    fn headers_survive() {
        for key_ids in [vec![], vec![[4; 16], [5; 16]]] {
            let header = SystemHeader { system: [6; 16], key_ids, data: Bytes::from_static(b"data") };
            let mut out = Vec::new();
            header.write(&mut out);
            let found = RawBox::expect(&out.clone().into(), 0, FourCc(*b"pssh")).unwrap();
            assert_eq!(SystemHeader::parse(&found, BoxPath::FILE), Ok(header));
            let data_size = out.len() - 8;
            out[data_size] = 0xff;
            let found = RawBox::expect(&out.into(), 0, FourCc(*b"pssh")).unwrap();
            assert!(SystemHeader::parse(&found, BoxPath::FILE).is_err());
        }
    }
}
