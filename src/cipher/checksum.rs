//! The checksum of a content key, by which sender and receiver know that they mean the same key.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256, Block};

/// First eight bytes of the key id, encrypted with the key: AES-ECB over the GUID in the byte order in
/// which .NET keeps it (the first three fields little-endian). The same as the checksum of a PlayReady
/// header ("PlayReady Header Object", 4.1). `key_id` is the GUID as it is written, most significant byte
/// first. `None` for keys that are neither 16 nor 32 bytes long.
pub fn key_checksum(key: &[u8], key_id: &[u8; 16]) -> Option<[u8; 8]> {
    let [a, b, c, d, e, f, g, h, rest @ ..] = *key_id;
    let [i, j, k, l, m, n, o, p] = rest;
    let mut block = Block::from([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]);
    match key.len() {
        16 => Aes128::new_from_slice(key).ok()?.encrypt_block(&mut block),
        32 => Aes256::new_from_slice(key).ok()?.encrypt_block(&mut block),
        _ => return None,
    }
    block.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 16] =
        [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];

    #[test]
    fn checksums_are_those_of_the_service() {
        let key: Vec<u8> = (0..32).collect();
        // KpOvXRLUXfs= and pWuIS8ZQuMQ=
        let short = [0x2a, 0x93, 0xaf, 0x5d, 0x12, 0xd4, 0x5d, 0xfb];
        let long = [0xa5, 0x6b, 0x88, 0x4b, 0xc6, 0x50, 0xb8, 0xc4];
        assert_eq!(key_checksum(&key[..16], &ID), Some(short));
        assert_eq!(key_checksum(&key, &ID), Some(long));
        assert_eq!(key_checksum(&key[..24], &ID), None);
        // pTfNwMplhBQG1SXnvyLXVA== of 339C45B5-FB6D-4BD9-994C-EABD9D41C95B: Dnd2+tOluB4=
        let key = [0xa5, 0x37, 0xcd, 0xc0, 0xca, 0x65, 0x84, 0x14, 0x06, 0xd5, 0x25, 0xe7, 0xbf, 0x22, 0xd7, 0x54];
        let id = [0x33, 0x9c, 0x45, 0xb5, 0xfb, 0x6d, 0x4b, 0xd9, 0x99, 0x4c, 0xea, 0xbd, 0x9d, 0x41, 0xc9, 0x5b];
        assert_eq!(key_checksum(&key, &id), Some([0x0e, 0x77, 0x76, 0xfa, 0xd3, 0xa5, 0xb8, 0x1e]));
    }
}
