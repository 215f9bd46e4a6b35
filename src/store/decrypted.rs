//! A storage-encrypted asset, in the clear: every range is decrypted as it is read, and nothing of it is
//! ever written.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::{ByteStream, Error, ObjectInfo, Store};
use crate::cipher::StorageCipher;

/// Another store, some of whose files are encrypted.
#[derive(Clone)]
pub struct Decrypted {
    inner: Arc<dyn Store>,
    ciphers: Arc<HashMap<String, StorageCipher>>,
}

impl Decrypted {
    /// The files of `inner`; those with a cipher, by their path, are decrypted. Others are given out as they
    /// are stored.
    pub fn new(inner: Arc<dyn Store>, ciphers: HashMap<String, StorageCipher>) -> Decrypted {
        Decrypted { inner, ciphers: Arc::new(ciphers) }
    }

    fn clear(&self, object: &ObjectInfo, ranges: &[Range<u64>], read: Vec<Bytes>) -> Vec<Bytes> {
        let Some(cipher) = self.ciphers.get(&object.path) else { return read };
        read.into_iter().zip(ranges).map(|(bytes, range)| decrypt(cipher, range.start, bytes)).collect()
    }
}

/// Without the keys.
impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted").field("inner", &self.inner).field("files", &self.ciphers.len()).finish()
    }
}

fn decrypt(cipher: &StorageCipher, offset: u64, bytes: Bytes) -> Bytes {
    // What nobody else holds is decrypted where it is.
    let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| shared[..].into());
    cipher.apply(offset, &mut bytes);
    bytes.freeze()
}

#[async_trait::async_trait]
impl Store for Decrypted {
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Error> {
        self.inner.list(prefix).await
    }

    async fn head(&self, path: &str) -> Result<ObjectInfo, Error> {
        self.inner.head(path).await
    }

    async fn read_ranges(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        Ok(self.clear(object, ranges, self.inner.read_ranges(object, ranges).await?))
    }

    async fn read_scattered(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        Ok(self.clear(object, ranges, self.inner.read_scattered(object, ranges).await?))
    }

    async fn stream(&self, object: &ObjectInfo, range: Range<u64>) -> Result<ByteStream, Error> {
        let mut at = range.start;
        let stored = self.inner.stream(object, range).await?;
        let Some(cipher) = self.ciphers.get(&object.path).cloned() else { return Ok(stored) };
        let clear = stored.map(move |piece: io::Result<Bytes>| {
            let bytes = piece?;
            let offset = at;
            at += bytes.len() as u64;
            Ok(decrypt(&cipher, offset, bytes))
        });
        Ok(clear.boxed())
    }

    fn recheck(&self) -> Duration {
        self.inner.recheck()
    }

    fn read_ahead(&self) -> u64 {
        self.inner.read_ahead()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::StorageKey;
    use crate::store::{Objects, contract};

    fn cipher(path: &str) -> StorageCipher {
        StorageCipher::new(StorageKey::new([42; 32]), path.len() as u64 * 0x1234_5678_9abc)
    }

    /// All names that the contract uses.
    const NAMES: [&str; 17] = [
        "a b.mp4",
        "100%.mp4",
        "%41.mp4",
        "film #1.mp4",
        "n#2",
        "ü/日本.mp4",
        "a+b&c=d?.mp4",
        "(1,2;3).mp4",
        ".x",
        "p/a.ism",
        "p/ab.mp4",
        "p/b.mp4",
        "ranges.mp4",
        "long.mp4",
        "changing.mp4",
        "cut.mp4",
        "pq.mp4",
    ];

    #[tokio::test]
    async fn an_encrypted_asset_keeps_the_contract() {
        let stored = Objects::memory();
        let ciphers = NAMES.iter().map(|name| ((*name).to_owned(), cipher(name))).collect();
        let clear = Decrypted::new(Arc::new(stored.clone()), ciphers);
        contract::all(&clear, &|path, bytes| {
            let stored = stored.clone();
            Box::pin(async move {
                let mut encrypted = bytes.to_vec();
                cipher(&path).apply(0, &mut encrypted);
                assert_ne!(encrypted, bytes);
                stored.put(&path, encrypted.into()).await.unwrap();
            })
        })
        .await;
    }

    #[test]
    fn keys_are_not_printed() {
        let ciphers = HashMap::from([("a".to_owned(), cipher("a"))]);
        let text = format!("{:?}", Decrypted::new(Arc::new(Objects::memory()), ciphers));
        assert!(!text.contains("42"), "{text}");
    }
}
