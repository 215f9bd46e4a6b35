//! Cipher block chaining of whole objects (NIST SP 800-38A 6.2) with PKCS #7 padding (RFC 5652 6.3).

use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit};
use bytes::Bytes;

use super::key::block_cipher;
use super::{BLOCK, ContentKey};

/// Bytes of an object of `clear` bytes once it is encrypted: padding always adds 1 to 16.
pub const fn encrypted_len(clear: u64) -> u64 {
    (clear / BLOCK as u64 + 1) * BLOCK as u64
}

/// Encrypts `pieces`, one after the other, as one object: copied once into a buffer of the right size and
/// encrypted in place while they are warm.
pub fn encrypt(key: &ContentKey, iv: &[u8; BLOCK], pieces: &[Bytes]) -> Vec<u8> {
    /// What is copied before it is encrypted: a share of the first cache level.
    const STEP: usize = 16 << 10;
    let clear: usize = pieces.iter().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(clear + BLOCK);
    let cipher = block_cipher(key);
    let mut chain = cbc::Encryptor::inner_iv_init(&cipher, iv.into());
    let mut done = 0;
    let mut encrypt_whole_blocks = |out: &mut Vec<u8>| {
        let (blocks, _) = Array::slice_as_chunks_mut(&mut out[done..]);
        chain.encrypt_blocks(blocks);
        done += blocks.len() * BLOCK;
    };
    for part in pieces.iter().flat_map(|piece| piece.chunks(STEP)) {
        out.extend_from_slice(part);
        encrypt_whole_blocks(&mut out);
    }
    let padding = BLOCK - clear % BLOCK;
    out.resize(clear + padding, padding as u8);
    encrypt_whole_blocks(&mut out);
    out
}

/// The object that [`encrypt`] made `data` of. `None` where `data` has no whole number of blocks, or no padding
/// at its end: it is cut or damaged, or the key or the vector is another one.
///
/// For checking what is served, not for servers: how it fails tells something about the object.
pub fn decrypt(key: &ContentKey, iv: &[u8; BLOCK], data: &[u8]) -> Option<Vec<u8>> {
    let mut out = data.to_vec();
    let cipher = block_cipher(key);
    let (blocks, rest) = Array::slice_as_chunks_mut(&mut out);
    if !rest.is_empty() {
        return None;
    }
    cbc::Decryptor::inner_iv_init(&cipher, iv.into()).decrypt_blocks(blocks);
    let padding = usize::from(*out.last()?);
    let clear = out.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
    out[clear..].iter().all(|byte| usize::from(*byte) == padding).then(|| out.truncate(clear))?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::Aes128;
    use cbc::cipher::{KeyIvInit, block_padding::Pkcs7};
    use proptest::prelude::*;

    const KEY: [u8; 16] = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3cu128.to_be_bytes();
    const IV: [u8; 16] = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0fu128.to_be_bytes();

    #[test]
    fn the_vector_of_the_standard() {
        // NIST SP 800-38A F.2.1, first block.
        let clear = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172au128.to_be_bytes();
        let out = encrypt(&ContentKey::new(KEY), &IV, &[Bytes::copy_from_slice(&clear)]);
        assert_eq!(out[..16], 0x7649_abac_8119_b246_cee9_8e9b_12e9_197du128.to_be_bytes());
        assert_eq!(out.len() as u64, encrypted_len(16));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_one_object(data in prop::collection::vec(any::<u8>(), 0..70_000), cut in any::<prop::sample::Index>()) {
            let at = if data.is_empty() { 0 } else { cut.index(data.len()) };
            let whole = Bytes::from(data.clone());
            let out = encrypt(&ContentKey::new(KEY), &IV, &[whole.slice(..at), whole.slice(at..)]);
            prop_assert_eq!(out.len() as u64, encrypted_len(data.len() as u64));
            let clear = cbc::Decryptor::<Aes128>::new(&KEY.into(), &IV.into()).decrypt_padded_vec::<Pkcs7>(&out).unwrap();
            prop_assert_eq!(&clear, &data);
            prop_assert_eq!(decrypt(&ContentKey::new(KEY), &IV, &out), Some(data));
        }

        #[test]
        fn what_was_not_encrypted_so_is_refused_or_something_else(data in prop::collection::vec(any::<u8>(), 0..100)) {
            let key = ContentKey::new(KEY);
            let out = encrypt(&key, &IV, &[Bytes::from(data.clone())]);
            prop_assert_eq!(decrypt(&key, &IV, &out[..out.len() - 1]), None);
            prop_assert_ne!(decrypt(&ContentKey::new(IV), &IV, &out), Some(data));
        }
    }
}
