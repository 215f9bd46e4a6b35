//! Box headers and walks over sibling boxes (ISO/IEC 14496-12 4.2).

use bytes::Bytes;

use super::fields::Fields;
use super::{BoxPath, Error, ErrorKind, FourCc};

/// The type of boxes that are told apart by a UUID.
const UUID: FourCc = FourCc(*b"uuid");

/// The first bytes of a box: its type and size (ISO/IEC 14496-12 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxHeader {
    /// The box's type.
    pub kind: FourCc,
    /// Bytes before the body: 8 or, with a 64-bit size, 16; 16 more for a `uuid` box's identifier.
    pub header_size: u8,
    /// Bytes of the whole box, never fewer than `header_size`; `None` when it reaches to the end of
    /// its container or file.
    pub size: Option<u64>,
    /// The extended type of a `uuid` box.
    pub uuid: Option<[u8; 16]>,
}

impl BoxHeader {
    /// Reads the header at the start of `data`; `None` when `data` ends before the header does.
    ///
    /// # Errors
    /// [`ErrorKind::BoxTooSmall`] when the box would end inside its own header.
    pub fn parse(data: &[u8]) -> Result<Option<BoxHeader>, ErrorKind> {
        let (Some(short), Some(kind)) = (array(data, 0), array(data, 4)) else { return Ok(None) };
        let kind = FourCc(kind);
        let (size, mut header_size) = match u32::from_be_bytes(short) {
            0 => (None, 8),
            1 => match array(data, 8) {
                Some(long) => (Some(u64::from_be_bytes(long)), 16),
                None => return Ok(None),
            },
            short => (Some(u64::from(short)), 8),
        };
        let mut uuid = None;
        if kind == UUID {
            match array(data, header_size) {
                Some(bytes) => uuid = Some(bytes),
                // A size that leaves no room for the identifier is wrong whatever follows.
                None if size.is_none_or(|size| size >= header_size as u64 + 16) => return Ok(None),
                None => {}
            }
            header_size += 16;
        }
        if let Some(size) = size.filter(|size| *size < header_size as u64) {
            return Err(ErrorKind::BoxTooSmall { kind, size, minimum: header_size as u64 });
        }
        Ok(Some(BoxHeader { kind, header_size: header_size as u8, size, uuid }))
    }
}

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// A box as it lies in a slice; nothing is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBox {
    /// The box's type.
    pub kind: FourCc,
    /// The extended type of a `uuid` box.
    pub uuid: Option<[u8; 16]>,
    /// Byte offset of the header in the file.
    pub offset: u64,
    /// Header and body.
    pub whole: Bytes,
    /// What follows the header (and the UUID).
    pub body: Bytes,
}

impl RawBox {
    /// The box at the start of `data`, which must hold all of it; bytes behind it are ignored.
    ///
    /// # Errors
    /// [`Error`] when `data` is shorter than the box or the box is not an `expected`.
    pub fn expect(data: &Bytes, offset: u64, expected: FourCc) -> Result<RawBox, Error> {
        let path = BoxPath::FILE.child(expected);
        let found = boxes_within(data, offset, path).next();
        let found =
            found.ok_or(ErrorKind::Truncated { needed: 8, available: data.len() as u64 }.at(path, offset))??;
        if found.kind != expected {
            return Err(ErrorKind::UnexpectedBox { expected, found: found.kind }.at(path, offset));
        }
        Ok(found)
    }

    /// Byte offset of the body in the file.
    pub fn body_offset(&self) -> u64 {
        self.offset.saturating_add((self.whole.len() - self.body.len()) as u64)
    }

    /// The boxes in the body; errors carry `path`, this box's own.
    pub(super) fn children(&self, path: BoxPath) -> Boxes {
        boxes_within(&self.body, self.body_offset(), path)
    }

    /// A reader of the body's fields; errors carry `path`, this box's own.
    pub(super) fn fields(&self, path: BoxPath) -> Fields<'_> {
        Fields::new(&self.body, self.body_offset(), path)
    }
}

/// The sibling boxes in `data`, which begins at `base_offset` of the file.
///
/// Ends after the first error. Fewer than 8 bytes behind the last box are ignored: QuickTime closes
/// some lists with four zero bytes.
pub fn boxes(data: &Bytes, base_offset: u64) -> impl Iterator<Item = Result<RawBox, Error>> + use<> {
    boxes_within(data, base_offset, BoxPath::FILE)
}

/// As [`boxes`], with the container's path for errors.
pub(super) fn boxes_within(data: &Bytes, base_offset: u64, path: BoxPath) -> Boxes {
    Boxes { rest: data.clone(), offset: base_offset, path }
}

/// See [`boxes`].
pub(super) struct Boxes {
    rest: Bytes,
    offset: u64,
    path: BoxPath,
}

impl Boxes {
    fn read(&self) -> Result<RawBox, ErrorKind> {
        let available = self.rest.len() as u64;
        let Some(header) = BoxHeader::parse(&self.rest)? else {
            return Err(ErrorKind::Truncated { needed: 16, available: available.saturating_sub(8) });
        };
        let size = header.size.unwrap_or(available);
        let body_at = usize::from(header.header_size);
        let end = usize::try_from(size).ok().filter(|end| *end <= self.rest.len() && *end >= body_at);
        let Some(end) = end else {
            return Err(ErrorKind::BoxTooLong { kind: header.kind, size, available });
        };
        Ok(RawBox {
            kind: header.kind,
            uuid: header.uuid,
            offset: self.offset,
            whole: self.rest.slice(..end),
            body: self.rest.slice(body_at..end),
        })
    }
}

impl Iterator for Boxes {
    type Item = Result<RawBox, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < 8 {
            return None;
        }
        match self.read() {
            Ok(found) => {
                // At least a header long, so every step advances.
                let size = found.whole.len();
                self.rest = self.rest.slice(size..);
                self.offset = self.offset.saturating_add(size as u64);
                Some(Ok(found))
            }
            Err(kind) => {
                self.rest = Bytes::new();
                Some(Err(kind.at(self.path, self.offset)))
            }
        }
    }
}

/// Puts a box that may occur once into its place.
pub(super) fn once(slot: &mut Option<RawBox>, found: RawBox, container: BoxPath) -> Result<(), Error> {
    match slot {
        Some(_) => Err(ErrorKind::Duplicate { kind: found.kind }.at(container, found.offset)),
        None => {
            *slot = Some(found);
            Ok(())
        }
    }
}

/// The mandatory box `kind` of the container at `offset`.
pub(super) fn required(slot: Option<RawBox>, kind: FourCc, container: BoxPath, offset: u64) -> Result<RawBox, Error> {
    slot.ok_or_else(|| ErrorKind::Missing { kind }.at(container, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(data: &'static [u8]) -> Vec<Result<RawBox, Error>> {
        boxes(&Bytes::from_static(data), 100).collect()
    }

    #[test]
    fn sizes_of_headers() {
        let parse = |data: &[u8]| BoxHeader::parse(data);
        assert_eq!(parse(b"\0\0\0\x08fre"), Ok(None));
        let plain = parse(b"\0\0\0\x09free").unwrap().unwrap();
        assert_eq!((plain.header_size, plain.size), (8, Some(9)));
        assert_eq!(parse(b"\0\0\0\x01mdat\0\0\0\0"), Ok(None));
        let long = parse(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0").unwrap().unwrap();
        assert_eq!((long.header_size, long.size), (16, Some(1 << 32)));
        assert_eq!(parse(b"\0\0\0\0mdat").unwrap().unwrap().size, None);
        let extended = parse(b"\0\0\0\x18uuid0123456789abcdef").unwrap().unwrap();
        assert_eq!((extended.header_size, extended.uuid), (24, Some(*b"0123456789abcdef")));
    }

    #[test]
    fn a_size_smaller_than_the_header_is_an_error() {
        for data in [
            &b"\0\0\0\x07free"[..],
            b"\0\0\0\x02free",
            b"\0\0\0\x01mdat\0\0\0\0\0\0\0\0",
            b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f",
            b"\0\0\0\x17uuid",
            b"\0\0\0\x17uuid0123456789abcdef",
        ] {
            assert!(matches!(BoxHeader::parse(data), Err(ErrorKind::BoxTooSmall { .. })), "{data:?}");
        }
    }

    #[test]
    fn a_walk_ends_and_says_where() {
        let found = collect(b"\0\0\0\x09freeA\0\0\0\0mdatBC");
        assert_eq!(found.len(), 2);
        let last = found[1].as_ref().unwrap();
        assert_eq!((last.offset, &last.body[..], last.whole.len()), (109, &b"BC"[..], 10));

        assert_eq!(collect(b"\0\0\0\x08free\0\0\0\0").len(), 1);

        let found = collect(b"\0\0\0\x08free\0\0\0\x20skip\0\0\0\0");
        let error = found[1].as_ref().unwrap_err();
        assert_eq!(error.offset, 108);
        let kind = FourCc(*b"skip");
        assert_eq!(error.kind, ErrorKind::BoxTooLong { kind, size: 32, available: 12 });
        assert_eq!(found.len(), 2);

        let found = collect(b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff");
        assert!(matches!(found[0], Err(Error { kind: ErrorKind::BoxTooLong { .. }, .. })));
    }
}
