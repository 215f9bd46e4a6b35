//! AES as stored films and content keys use it. Pure: keys and bytes come from outside.

mod checksum;
mod storage;

pub use checksum::key_checksum;
pub use storage::{STORAGE_KEY_BYTES, StorageCipher, StorageKey};
