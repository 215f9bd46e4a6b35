//! Ciphers over bytes, and the keys. Pure: keys and bytes come from outside, and nothing here knows what the
//! bytes mean.
//!
//! - [`cbc`]: a whole object in one chain, padded (AES-128 envelope, RFC 8216 4.3.2.4);
//! - [`ctr`]: counter mode over stretches of a sample (`cenc`, ISO/IEC 23001-7 10.1);
//! - [`pattern`]: short chains with pauses (`cbcs`, ISO/IEC 23001-7 10.4, and Apple's SAMPLE-AES);
//! - [`StorageCipher`]: files at rest, as Azure Media Services encrypted them.
//!
//! The block cipher is the `aes` crate's, which takes the CPU's instructions where it has them; here is only
//! which bytes it is given.

pub mod cbc;
mod checksum;
pub mod ctr;
mod key;
pub mod pattern;
mod storage;

pub use checksum::key_checksum;
pub use key::{ContentKey, KeyId, KeyIdError};
pub use storage::{STORAGE_KEY_BYTES, StorageCipher, StorageKey};

/// Bytes of a block, a key and an initialization vector of AES-128 (FIPS 197).
pub const BLOCK: usize = 16;
