//! Big-endian fields of one box, never past its end.

use super::{BoxPath, Error, ErrorKind};

/// A cursor over a box body. Every read is checked; errors name the box and the byte.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    offset: u64,
    path: BoxPath,
}

impl<'a> Fields<'a> {
    /// Reads `bytes`, which begin at `offset` of the file and are the body of the box at `path`.
    pub(super) fn new(bytes: &'a [u8], offset: u64, path: BoxPath) -> Fields<'a> {
        Fields { bytes, at: 0, offset, path }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Bytes not yet read.
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// An error at the current byte.
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        kind.at(self.path, self.offset.saturating_add(self.at as u64))
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.get(..count) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => Err(self.error(ErrorKind::Truncated { needed: count as u64, available: rest.len() as u64 })),
        }
    }

    /// All bytes not yet read.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A 64-bit number in version 1 and later, a 32-bit one in version 0.
    pub(super) fn u32_or_u64(&mut self, wide: bool) -> Result<u64, Error> {
        if wide { self.u64() } else { self.u32().map(u64::from) }
    }

    /// Version and flags of a full box (ISO/IEC 14496-12 4.2).
    pub(super) fn full_box(&mut self) -> Result<(u8, u32), Error> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// As [`Fields::full_box`], refusing versions above `newest`.
    pub(super) fn full_box_up_to(&mut self, newest: u8) -> Result<(u8, u32), Error> {
        let (version, flags) = self.full_box()?;
        if version > newest {
            return Err(self.error(ErrorKind::UnknownVersion { version }));
        }
        Ok((version, flags))
    }

    /// A 32-bit count of entries of `entry_size` bytes that follow, held against the bytes present.
    pub(super) fn count(&mut self, entry_size: usize) -> Result<u32, Error> {
        let count = self.u32()?;
        self.check_room(u64::from(count), entry_size)?;
        Ok(count)
    }

    /// Whether `count` entries of `entry_size` bytes are present.
    pub(super) fn check_room(&self, count: u64, entry_size: usize) -> Result<(), Error> {
        let room = (self.remaining() / entry_size.max(1)) as u64;
        if count > room {
            return Err(self.error(ErrorKind::TooManyEntries { count, room }));
        }
        Ok(())
    }
}

/// The big-endian number in the first four bytes; 0 where there are fewer.
pub(super) fn be_u32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The big-endian number in the first eight bytes; 0 where there are fewer.
pub(super) fn be_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_held_against_the_bytes_present() {
        let body = [0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(Fields::new(&body, 0, BoxPath::FILE).count(3), Ok(2));
        let error = Fields::new(&body, 50, BoxPath::FILE).count(4).unwrap_err();
        assert_eq!((error.offset, error.kind), (54, ErrorKind::TooManyEntries { count: 2, room: 1 }));
        // 0x20000001 * 8 wraps to 8 in 32 bits.
        let body = [0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(Fields::new(&body, 0, BoxPath::FILE).count(8).is_err());
    }

    #[test]
    fn reads_stop_at_the_end() {
        let mut fields = Fields::new(&[1, 2, 3], 10, BoxPath::FILE);
        assert_eq!(fields.u16(), Ok(0x0102));
        let error = fields.u32().unwrap_err();
        assert_eq!((error.offset, error.kind), (12, ErrorKind::Truncated { needed: 4, available: 1 }));
        assert_eq!(fields.rest(), [3]);
        assert_eq!(fields.remaining(), 0);
    }
}
