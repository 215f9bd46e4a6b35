//! A bit cursor, with the Exp-Golomb codes of ISO/IEC 14496-10 9.1.

use std::borrow::Cow;

use super::Error;

/// Reads bits, most significant first. A failed read leaves the position where it was.
#[derive(Debug, Clone, Copy)]
pub struct BitReader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// A cursor at bit 0 of `data`.
    pub const fn new(data: &'a [u8]) -> BitReader<'a> {
        BitReader { data, position: 0 }
    }

    /// Bit offset of the next read.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bits that are left.
    pub const fn remaining(&self) -> usize {
        // A slice has at most isize::MAX bytes; real ones are far below an eighth of it.
        self.data.len().saturating_mul(8).saturating_sub(self.position)
    }

    /// An unsigned integer of `n` bits, `u(n)`; at most 32.
    ///
    /// # Errors
    /// [`Error::EndOfBits`] if fewer are left, or if `n` is above 32.
    pub fn bits(&mut self, n: u32) -> Result<u32, Error> {
        let remaining = self.remaining();
        if n > 32 || n as usize > remaining {
            return Err(Error::EndOfBits { position: self.position, wanted: n as usize, remaining });
        }
        let mut value = 0u64;
        let mut left = n;
        while left > 0 {
            let byte = u64::from(self.data.get(self.position / 8).copied().unwrap_or(0));
            let offset = (self.position % 8) as u32;
            let take = left.min(8 - offset);
            let part = (byte >> (8 - offset - take)) & ((1 << take) - 1);
            value = (value << take) | part;
            self.position += take as usize;
            left -= take;
        }
        Ok(value as u32)
    }

    /// One bit, `u(1)`.
    ///
    /// # Errors
    /// [`Error::EndOfBits`] at the end.
    pub fn flag(&mut self) -> Result<bool, Error> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// Passes over `n` bits.
    ///
    /// # Errors
    /// [`Error::EndOfBits`] if fewer are left.
    pub fn skip(&mut self, n: usize) -> Result<(), Error> {
        let remaining = self.remaining();
        if n > remaining {
            return Err(Error::EndOfBits { position: self.position, wanted: n, remaining });
        }
        self.position += n;
        Ok(())
    }

    /// Passes over the bits up to the next byte boundary, `byte_alignment()`.
    pub fn align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }

    /// An unsigned Exp-Golomb code, `ue(v)`, 0 to 2³² − 2 (ISO/IEC 14496-10 9.1).
    ///
    /// # Errors
    /// [`Error::EndOfBits`] at the end, [`Error::ExpGolomb`] if the code has more than 31 leading zeros.
    pub fn ue(&mut self) -> Result<u32, Error> {
        let start = *self;
        let value = self.exp_golomb();
        if value.is_err() {
            *self = start;
        }
        value
    }

    fn exp_golomb(&mut self) -> Result<u32, Error> {
        let position = self.position;
        let mut leading_zeros = 0;
        while !self.flag()? {
            leading_zeros += 1;
            if leading_zeros > 31 {
                return Err(Error::ExpGolomb { position });
            }
        }
        let suffix = self.bits(leading_zeros)?;
        Ok(((1u64 << leading_zeros) - 1 + u64::from(suffix)) as u32)
    }

    /// A signed Exp-Golomb code, `se(v)` (ISO/IEC 14496-10 9.1.1).
    ///
    /// # Errors
    /// As [`BitReader::ue`].
    pub fn se(&mut self) -> Result<i32, Error> {
        let code = i64::from(self.ue()?);
        // Codes 1, 2, 3, 4 mean 1, −1, 2, −2; the largest magnitude is 2³¹ − 1.
        let magnitude = (code + 1) / 2;
        Ok(if code % 2 == 1 { magnitude as i32 } else { -magnitude as i32 })
    }
}

/// The raw byte sequence payload of a NAL unit: `emulation_prevention_three_byte`s removed
/// (ISO/IEC 14496-10 7.3.1). Borrows when there are none.
pub fn rbsp(nal_unit: &[u8]) -> Cow<'_, [u8]> {
    if !nal_unit.windows(3).any(|w| w == [0, 0, 3]) {
        return Cow::Borrowed(nal_unit);
    }
    let mut out = Vec::with_capacity(nal_unit.len());
    let mut zeros = 0;
    for &byte in nal_unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_of_table_9_2() {
        // 1 010 011 00100 00101 00110 00111 0001000 0001001
        let data = [0b1010_0110, 0b0100_0010, 0b1001_1000, 0b1110_0010, 0b0000_0100, 0b1000_0000];
        let mut r = BitReader::new(&data);
        let codes: Vec<u32> = (0..9).map(|_| r.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let mut r = BitReader::new(&data);
        let codes: Vec<i32> = (0..9).map(|_| r.se().unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2, 3, -3, 4, -4]);
    }

    #[test]
    fn the_longest_codes_and_the_ends() {
        assert_eq!(BitReader::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).ue(), Ok(u32::MAX - 1));
        assert_eq!(BitReader::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).se(), Ok(-i32::MAX));
        assert_eq!(BitReader::new(&[0; 8]).ue(), Err(Error::ExpGolomb { position: 0 }));
        let mut r = BitReader::new(&[0x01]);
        assert!(matches!(r.ue(), Err(Error::EndOfBits { .. })));
        assert_eq!(r.position(), 0);
        assert_eq!(r.bits(8), Ok(1));
        assert!(r.bits(33).is_err());
        assert_eq!(BitReader::new(&[0xff; 5]).bits(32), Ok(u32::MAX));
    }

    #[test]
    fn emulation_prevention_goes_and_nothing_else() {
        assert!(matches!(rbsp(&[0, 0, 1, 3]), Cow::Borrowed(_)));
        assert_eq!(*rbsp(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(*rbsp(&[0, 0, 3, 3]), [0, 0, 3]);
    }
}
