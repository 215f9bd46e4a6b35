//! Counter mode over stretches of samples (`cenc`, ISO/IEC 23001-7 10.1): an 8-byte initialization vector
//! and an 8-byte block counter that begins at zero with each sample and goes on over its subsamples.

use std::ops::Range;

use aes::Aes128;
use aes::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{CtrCore, flavors::Ctr64BE};

use super::key::block_cipher;
use super::{BLOCK, ContentKey};

/// Counter mode with one key.
pub struct Counter(Aes128);

impl Counter {
    /// With this key.
    pub fn new(key: &ContentKey) -> Counter {
        Counter(block_cipher(key))
    }

    /// Encrypts (or decrypts) `ranges` of `sample`, in order, as one stream.
    ///
    /// # Panics
    /// When a range is not within `sample`.
    pub fn apply(&self, iv: [u8; 8], sample: &mut [u8], ranges: impl IntoIterator<Item = Range<usize>>) {
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(&iv);
        let core: CtrCore<_, Ctr64BE> = CtrCore::inner_iv_init(&self.0, &block.into());
        let mut stream = StreamCipherCoreWrapper::from_core(core);
        for range in ranges {
            stream.apply_keystream(&mut sample[range]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::{BlockCipherEncrypt, KeyInit};

    #[test]
    fn the_stream_goes_on_over_clear_bytes_and_is_its_own_inverse() {
        let key = [7; 16];
        let counter = Counter::new(&ContentKey::new(key));
        let clear: Vec<u8> = (0..100).collect();
        let mut sample = clear.clone();
        counter.apply([1, 2, 3, 4, 5, 6, 7, 8], &mut sample, [5..28, 40..99]);
        // The key stream, block by block, from the definition.
        let cipher = Aes128::new(&key.into());
        let stream: Vec<u8> = (0..6u64)
            .flat_map(|n| {
                let mut block = [0; 16];
                block[..8].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
                block[8..].copy_from_slice(&n.to_be_bytes());
                let mut block = block.into();
                cipher.encrypt_block(&mut block);
                block.to_vec()
            })
            .collect();
        let mut expected = clear.clone();
        for (used, at) in (5..28).chain(40..99).enumerate() {
            expected[at] ^= stream[used];
        }
        assert_eq!(sample, expected);
        counter.apply([1, 2, 3, 4, 5, 6, 7, 8], &mut sample, [5..28, 40..99]);
        assert_eq!(sample, clear);
    }
}
