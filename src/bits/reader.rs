//! A big-endian byte cursor.

use super::Error;

/// Reads big-endian integers and slices from the front of a byte slice.
///
/// A failed read leaves the position where it was.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at byte 0 of `data`.
    pub const fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data, position: 0 }
    }

    /// Byte offset of the next read.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bytes that are left.
    pub const fn remaining(&self) -> usize {
        self.data.len() - self.position
    }

    /// Whether every byte has been read.
    pub const fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The bytes that are left, without reading them.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.position..).unwrap_or_default()
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] if fewer are left.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], Error> {
        match self.rest().get(..n) {
            Some(bytes) => {
                self.position += n;
                Ok(bytes)
            }
            None => Err(Error::EndOfBytes { position: self.position, wanted: n, remaining: self.remaining() }),
        }
    }

    /// Passes over `n` bytes.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] if fewer are left.
    pub fn skip(&mut self, n: usize) -> Result<(), Error> {
        self.bytes(n).map(|_| ())
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        match self.rest().first_chunk::<N>() {
            Some(bytes) => {
                self.position += N;
                Ok(*bytes)
            }
            None => Err(Error::EndOfBytes { position: self.position, wanted: N, remaining: self.remaining() }),
        }
    }

    /// An unsigned 8-bit integer.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] at the end.
    pub fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(u8::from_be_bytes)
    }

    /// An unsigned 16-bit integer.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] at the end.
    pub fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    /// An unsigned 24-bit integer.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] at the end.
    pub fn u24(&mut self) -> Result<u32, Error> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// An unsigned 32-bit integer.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] at the end.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    /// An unsigned 64-bit integer.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] at the end.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// A two's-complement 32-bit integer.
    ///
    /// # Errors
    /// [`Error::EndOfBytes`] at the end.
    pub fn i32(&mut self) -> Result<i32, Error> {
        self.array().map(i32::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_big_endian_and_advance_by_their_size() {
        let data: Vec<u8> = (1..=22).collect();
        let mut r = Reader::new(&data);
        assert_eq!(r.u8(), Ok(0x01));
        assert_eq!(r.u16(), Ok(0x0203));
        assert_eq!(r.u24(), Ok(0x040506));
        assert_eq!(r.u32(), Ok(0x0708_090a));
        assert_eq!(r.u64(), Ok(0x0b0c_0d0e_0f10_1112));
        assert_eq!(r.position(), 18);
        assert_eq!(r.i32(), Ok(0x1314_1516));
        assert!(r.is_empty());
        assert_eq!(Reader::new(&[0xff; 4]).i32(), Ok(-1));
    }

    #[test]
    fn a_failed_read_says_where_and_moves_nothing() {
        let mut r = Reader::new(&[1, 2, 3]);
        assert_eq!(r.u8(), Ok(1));
        assert_eq!(r.u32(), Err(Error::EndOfBytes { position: 1, wanted: 4, remaining: 2 }));
        assert_eq!(r.bytes(usize::MAX).map(<[u8]>::len).ok(), None);
        assert_eq!(r.bytes(2), Ok(&[2u8, 3][..]));
    }
}
