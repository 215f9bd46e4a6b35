//! Headers of protection systems, read: `pssh` (ISO/IEC 23001-7 8.1) and PIFF's box of the same purpose.

use bytes::Bytes;

use super::boxes::{RawBox, boxes};
use super::{BoxPath, Error, ErrorKind, FourCc, piff};

const PSSH: FourCc = FourCc(*b"pssh");
const UUID: FourCc = FourCc(*b"uuid");

/// The most headers that are read of one place. Real ones have one for each of a handful of systems.
pub const MAX_PROTECTION_HEADERS: usize = 64;

/// What one protection system is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtectionHeader {
    /// `SystemID`.
    pub system: [u8; 16],
    /// `KID`s of a box of version 1, in the order of their text.
    pub key_ids: Vec<[u8; 16]>,
    /// The system's own data.
    pub data: Bytes,
}

impl ProtectionHeader {
    /// Reads a box.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedBox`] for another box; [`ErrorKind::UnknownVersion`]; an error of the field that
    /// reaches past the end of the box.
    pub fn parse(found: &RawBox) -> Result<ProtectionHeader, Error> {
        let is_piff = found.uuid == Some(piff::PROTECTION_SYSTEM);
        let path = BoxPath::FILE.child(if is_piff { UUID } else { PSSH });
        if found.kind != PSSH && !is_piff {
            return Err(ErrorKind::UnexpectedBox { expected: PSSH, found: found.kind }.at(path, found.offset));
        }
        let mut fields = found.fields(path);
        let (version, _) = fields.full_box_up_to(u8::from(!is_piff))?;
        let system = fields.array()?;
        let mut key_ids = Vec::new();
        if version > 0 {
            let count = fields.count(16)?;
            for _ in 0..count {
                key_ids.push(fields.array()?);
            }
        }
        let size = fields.count(1)? as usize;
        let start = found.body.len() - fields.remaining();
        let data = found.body.slice(start..start + size);
        Ok(ProtectionHeader { system, key_ids, data })
    }

    /// Reads boxes that follow each other, as manifests and players pass them on; `offset` is where they begin.
    ///
    /// # Errors
    /// As [`ProtectionHeader::parse`]; [`ErrorKind::LimitExceeded`] beyond [`MAX_PROTECTION_HEADERS`];
    /// [`ErrorKind::Truncated`] for bytes behind them that are no box.
    pub fn parse_all(data: &Bytes, offset: u64) -> Result<Vec<ProtectionHeader>, Error> {
        let (mut headers, mut read) = (Vec::new(), 0);
        for found in boxes(data, offset) {
            let found = found?;
            if headers.len() >= MAX_PROTECTION_HEADERS {
                let (value, limit) = (headers.len() as u64 + 1, MAX_PROTECTION_HEADERS as u64);
                let kind = ErrorKind::LimitExceeded { what: "protection headers", value, limit };
                return Err(kind.at(BoxPath::FILE, found.offset));
            }
            headers.push(ProtectionHeader::parse(&found)?);
            read += found.whole.len();
        }
        match data.len() - read {
            0 => Ok(headers),
            rest => {
                let kind = ErrorKind::Truncated { needed: 8, available: rest as u64 };
                Err(kind.at(BoxPath::FILE, offset.saturating_add(read as u64)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isobmff::{write_protection_header, write_uuid_box};

    #[test]
    fn boxes_come_back() {
        let (plain, keyed) = (([9; 16], vec![], &b"data"[..]), ([7; 16], vec![[1; 16], [2; 16]], &b""[..]));
        let mut out = Vec::new();
        for (system, key_ids, data) in [&plain, &keyed] {
            write_protection_header(&mut out, *system, key_ids, data);
        }
        write_uuid_box(&mut out, piff::PROTECTION_SYSTEM, |out| {
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&[8; 16]);
            out.extend_from_slice(&[0, 0, 0, 1, b'x']);
        });
        let read = ProtectionHeader::parse_all(&Bytes::from(out), 0).unwrap();
        let header = |(system, key_ids, data): ([u8; 16], Vec<[u8; 16]>, &'static [u8])| ProtectionHeader {
            system,
            key_ids,
            data: Bytes::from_static(data),
        };
        assert_eq!(read, [header(plain), header(keyed), header(([8; 16], vec![], b"x"))]);
    }

    #[test]
    fn damage_is_told() {
        let mut good = Vec::new();
        write_protection_header(&mut good, [9; 16], &[[1; 16]], b"data");
        let read = |bytes: &[u8]| ProtectionHeader::parse_all(&Bytes::copy_from_slice(bytes), 0);
        assert!(read(&good).is_ok());
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            read(&bad).unwrap_err().kind
        };
        assert_eq!(with(7, b'x'), ErrorKind::UnexpectedBox { expected: PSSH, found: FourCc(*b"pssx") });
        assert_eq!(with(8, 2), ErrorKind::UnknownVersion { version: 2 });
        assert_eq!(with(28, 0x10), ErrorKind::TooManyEntries { count: 0x1000_0001, room: 1 });
        assert_eq!(with(51, 5), ErrorKind::TooManyEntries { count: 5, room: 4 });
        assert!(matches!(with(3, 99), ErrorKind::BoxTooLong { .. }));
        assert!(matches!(read(&good[..40]).unwrap_err().kind, ErrorKind::BoxTooLong { .. }));
        assert!(matches!(read(&good[..5]).unwrap_err().kind, ErrorKind::Truncated { .. }));
        let many = good.repeat(MAX_PROTECTION_HEADERS + 1);
        assert!(matches!(read(&many).unwrap_err().kind, ErrorKind::LimitExceeded { .. }));
    }
}
