//! Storage encryption of Azure Media Services (`AssetCreationOptions.StorageEncrypted`, version 1.0):
//! AES-256 in counter mode, counted from the start of the file, so that any range can be read alone.

use aes::Aes256;
use ctr::Ctr64BE;
use ctr::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

use crate::secrets::Secret;

/// Bytes of a storage key.
pub const STORAGE_KEY_BYTES: usize = 32;

/// The key of all files of one asset.
pub type StorageKey = Secret<STORAGE_KEY_BYTES>;

/// The cipher of one file: its asset's key and its own initialization vector.
#[derive(Clone)]
pub struct StorageCipher {
    key: StorageKey,
    /// `AssetFile.InitializationVector`, which is written as a decimal number.
    iv: u64,
}

impl StorageCipher {
    /// For a file with this `InitializationVector`.
    pub fn new(key: StorageKey, iv: u64) -> StorageCipher {
        StorageCipher { key, iv }
    }

    /// Encrypts or decrypts, which is the same, bytes that begin at `offset` of the file.
    ///
    /// The counter block is the initialization vector and the number of the block, 64 bits each, most
    /// significant byte first.
    pub fn apply(&self, offset: u64, bytes: &mut [u8]) {
        let mut block = [0u8; 16];
        block[..8].copy_from_slice(&self.iv.to_be_bytes());
        let mut cipher = Ctr64BE::<Aes256>::new(self.key.expose().into(), &block.into());
        cipher.seek(offset);
        cipher.apply_keystream(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_range_can_be_decrypted_alone() {
        let key = StorageKey::new(std::array::from_fn(|i| i as u8));
        let cipher = StorageCipher::new(key, 12_345_678_901_234_567_890);
        let plain = b"JIT origin storage encryption test vector.";
        let mut bytes = *plain;
        cipher.apply(0, &mut bytes);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "f65bfa70c2dacbeb4f4bdde94fa9b28105b831fe8dfaadc7e6fc5f471806ceb6dc838883ca693986df49");
        for from in 0..plain.len() {
            let mut part = bytes[from..].to_vec();
            cipher.apply(from as u64, &mut part);
            assert_eq!(part, plain[from..], "from {from}");
        }
    }

    #[test]
    fn the_counter_goes_on_behind_four_gigabytes_of_blocks() {
        let cipher = StorageCipher::new(StorageKey::new([7; 32]), u64::MAX);
        // Block numbers around 2^32, in one piece and in two.
        let at = (1u64 << 36) - 24;
        let mut whole = [0u8; 64];
        cipher.apply(at, &mut whole);
        let (mut first, mut second) = ([0u8; 20], [0u8; 44]);
        cipher.apply(at, &mut first);
        cipher.apply(at + 20, &mut second);
        assert_eq!([&first[..], &second[..]].concat(), whole);
    }
}
