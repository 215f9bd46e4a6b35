//! What storage is asked, and how it does: numbers by kind of storage, not by account or film.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;

use super::storage_account::Backend;
use crate::counters::{Counter, Histogram};
use crate::store::{ByteStream, Error, ObjectInfo, Store};

/// Kinds of storage, in the words of the settings.
pub const STORAGE_KINDS: [&str; 4] = ["folder", "azure", "s3", "memory"];

/// What is asked of it.
pub const STORAGE_OPERATIONS: [&str; 4] = ["list", "head", "read", "stream"];

/// The numbers of all storage.
#[derive(Debug, Default)]
pub struct StorageCounts {
    kinds: [Arc<KindCounts>; STORAGE_KINDS.len()],
}

/// The numbers of one kind.
#[derive(Debug, Default)]
pub struct KindCounts {
    operations: [OperationCounts; STORAGE_OPERATIONS.len()],
}

/// The numbers of one operation of one kind of storage.
#[derive(Debug)]
pub struct OperationCounts {
    /// Those that failed. A file that is not there, or not the same any more, is no failure of storage.
    pub errors: Counter,
    /// Bytes that came.
    pub bytes: Counter,
    /// How long they took; of a stream, until it was open.
    pub latency: Histogram,
}

impl Default for OperationCounts {
    fn default() -> OperationCounts {
        OperationCounts { errors: Counter::default(), bytes: Counter::default(), latency: Histogram::of_durations() }
    }
}

impl StorageCounts {
    /// All of them: kind, operation, numbers.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, &OperationCounts)> {
        STORAGE_KINDS.into_iter().zip(&self.kinds).flat_map(|(kind, counts)| {
            STORAGE_OPERATIONS.into_iter().zip(&counts.operations).map(move |(name, counts)| (kind, name, counts))
        })
    }

    /// The store, counted among those of its kind.
    pub(super) fn counted(&self, store: Arc<dyn Store>, backend: &Backend) -> Arc<dyn Store> {
        let at = match backend {
            Backend::InPlace | Backend::Folder { .. } => 0,
            Backend::Azure { .. } => 1,
            Backend::S3 { .. } => 2,
            Backend::Memory => 3,
        };
        match self.kinds.get(at) {
            Some(counts) => Arc::new(Counted { store, counts: Arc::clone(counts) }),
            None => store,
        }
    }
}

/// A store whose work is counted.
#[derive(Debug)]
struct Counted {
    store: Arc<dyn Store>,
    counts: Arc<KindCounts>,
}

impl Counted {
    fn note<T>(&self, operation: usize, begun: Instant, result: &Result<T, Error>, bytes: impl FnOnce(&T) -> u64) {
        let Some(counts) = self.counts.operations.get(operation) else { return };
        counts.latency.observe_duration(begun.elapsed());
        match result {
            Ok(done) => counts.bytes.add(bytes(done)),
            Err(Error::NotFound { .. } | Error::Changed { .. }) => {}
            Err(_) => counts.errors.increment(),
        }
    }
}

fn sum(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// Places in [`STORAGE_OPERATIONS`].
const LIST: usize = 0;
const HEAD: usize = 1;
const READ: usize = 2;
const STREAM: usize = 3;

#[async_trait]
impl Store for Counted {
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Error> {
        let begun = Instant::now();
        let result = self.store.list(prefix).await;
        self.note(LIST, begun, &result, |_| 0);
        result
    }

    async fn head(&self, path: &str) -> Result<ObjectInfo, Error> {
        let begun = Instant::now();
        let result = self.store.head(path).await;
        self.note(HEAD, begun, &result, |_| 0);
        result
    }

    async fn read_ranges(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let begun = Instant::now();
        let result = self.store.read_ranges(object, ranges).await;
        self.note(READ, begun, &result, |pieces| sum(pieces));
        result
    }

    async fn read_scattered(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let begun = Instant::now();
        let result = self.store.read_scattered(object, ranges).await;
        self.note(READ, begun, &result, |pieces| sum(pieces));
        result
    }

    async fn stream(&self, object: &ObjectInfo, range: Range<u64>) -> Result<ByteStream, Error> {
        let begun = Instant::now();
        let result = self.store.stream(object, range).await;
        self.note(STREAM, begun, &result, |_| 0);
        let counts = Arc::clone(&self.counts);
        Ok(result?
            .inspect(move |piece| {
                let Some(counts) = counts.operations.get(STREAM) else { return };
                match piece {
                    Ok(bytes) => counts.bytes.add(bytes.len() as u64),
                    Err(_) => counts.errors.increment(),
                }
            })
            .boxed())
    }

    fn recheck(&self) -> Duration {
        self.store.recheck()
    }

    fn read_ahead(&self) -> u64 {
        self.store.read_ahead()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;
    use crate::store::{Folder, Symlinks};

    #[tokio::test]
    async fn what_a_folder_is_asked_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.mp4"), [7; 1000]).unwrap();
        let counts = StorageCounts::default();
        let store = counts.counted(Arc::new(Folder::new(folder.path(), Symlinks::Inside)), &Backend::InPlace);
        let file = store.list("").await.unwrap().remove(0);
        store.read_ranges(&file, &[0..10, 500..600]).await.unwrap();
        let whole: Vec<Bytes> = store.stream(&file, 0..1000).await.unwrap().try_collect().await.unwrap();
        assert_eq!(sum(&whole), 1000);
        assert!(store.head("b.mp4").await.is_err());
        std::fs::remove_dir_all(folder.path()).unwrap();
        let beyond = std::slice::from_ref(&(1500..1600));
        assert!(store.read_ranges(&ObjectInfo { size: 2000, ..file }, beyond).await.is_err());
        let seen = |kind: &str, operation: &str| {
            let counts = counts.each().find(|(k, o, _)| *k == kind && *o == operation).unwrap().2;
            (counts.latency.total(), counts.bytes.get())
        };
        assert_eq!((seen("folder", "list"), seen("folder", "head")), ((1, 0), (1, 0)));
        assert_eq!((seen("folder", "read"), seen("folder", "stream")), ((2, 110), (1, 1000)));
        assert_eq!(seen("s3", "read"), (0, 0));
    }
}
