//! Pattern encryption (`cbcs`, ISO/IEC 23001-7 9.6 and 10.4): of each protected range some blocks are
//! encrypted in one chain and some are skipped; every range begins again with the initialization vector.

use std::ops::Range;

use aes::Aes128;
use aes::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, consts::U16,
};

use super::key::block_cipher;
use super::{BLOCK, ContentKey};

/// How many blocks are encrypted, and how many after them are not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// `crypt_byte_block`; not zero.
    pub crypt: u8,
    /// `skip_byte_block`.
    pub skip: u8,
}

impl Pattern {
    /// Pictures: one block of ten.
    pub const PICTURES: Pattern = Pattern { crypt: 1, skip: 9 };
    /// Sound: every whole block.
    pub const WHOLE: Pattern = Pattern { crypt: 1, skip: 0 };
}

/// Chains with one key and one initialization vector.
pub struct Chains {
    cipher: Aes128,
    iv: [u8; BLOCK],
}

impl Chains {
    /// With this key and constant initialization vector.
    pub fn new(key: &ContentKey, iv: [u8; BLOCK]) -> Chains {
        Chains { cipher: block_cipher(key), iv }
    }

    /// Encrypts each of `ranges` of `data`. What is left of a range after its last whole block stays clear.
    ///
    /// # Panics
    /// When a range is not within `data`.
    pub fn encrypt(&self, pattern: Pattern, data: &mut [u8], ranges: impl IntoIterator<Item = Range<usize>>) {
        self.cipher.encrypt_with_backend(Work { iv: &self.iv, pattern, data, ranges });
    }
}

/// All ranges in one call of the cipher: its round keys stay in registers.
struct Work<'a, R> {
    iv: &'a [u8; BLOCK],
    pattern: Pattern,
    data: &'a mut [u8],
    ranges: R,
}

impl<R> BlockSizeUser for Work<'_, R> {
    type BlockSize = U16;
}

impl<R: IntoIterator<Item = Range<usize>>> BlockCipherEncClosure for Work<'_, R> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let (crypt, step) =
            (usize::from(self.pattern.crypt), usize::from(self.pattern.crypt) + usize::from(self.pattern.skip));
        for range in self.ranges {
            let mut chain: Array<u8, U16> = (*self.iv).into();
            let (blocks, _) = Array::<u8, U16>::slice_as_chunks_mut(&mut self.data[range]);
            for block in blocks.chunks_mut(step.max(1)).flat_map(|some| some.iter_mut().take(crypt)) {
                for (byte, before) in block.iter_mut().zip(&chain) {
                    *byte ^= before;
                }
                backend.encrypt_block((&mut *block).into());
                chain = *block;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit};

    /// From the definition, block by block.
    fn reference(key: [u8; 16], iv: [u8; 16], pattern: Pattern, data: &mut [u8], ranges: &[Range<usize>]) {
        for range in ranges {
            let mut chain = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into());
            let step = usize::from(pattern.crypt + pattern.skip);
            for (index, block) in data[range.clone()].chunks_exact_mut(16).enumerate() {
                if index % step < usize::from(pattern.crypt) {
                    let mut whole: Array<u8, U16> = Array::try_from(&*block).unwrap();
                    chain.encrypt_block(&mut whole);
                    block.copy_from_slice(&whole);
                }
            }
        }
    }

    #[test]
    fn chains_pause_and_begin_again() {
        let (key, iv) = ([3; 16], [9; 16]);
        let clear: Vec<u8> = (0..2000u32).map(|n| (n * 7) as u8).collect();
        for pattern in [Pattern::PICTURES, Pattern::WHOLE, Pattern { crypt: 5, skip: 5 }] {
            let ranges = [3..18, 20..37, 100..1700, 1703..2000];
            let (mut ours, mut theirs) = (clear.clone(), clear.clone());
            Chains::new(&ContentKey::new(key), iv).encrypt(pattern, &mut ours, ranges.clone());
            reference(key, iv, pattern, &mut theirs, &ranges);
            assert_eq!(ours, theirs, "{pattern:?}");
            assert_eq!(ours[3..18], clear[3..18]);
            assert_ne!(ours[20..36], clear[20..36]);
            assert_eq!(ours[36], clear[36]);
        }
    }
}
