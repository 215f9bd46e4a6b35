//! Any backend of the object_store crate as a store: memory now, cloud storage by configuration.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::ranges::ReadPlan;
use super::{ByteStream, Error, MAX_FILES, ObjectInfo, PathProblem, Store, check_path};
use crate::time::UtcTime;

/// Ranges of a remote file that are this near are read together: at 50 MB/s a request's round trip
/// of 5 ms costs as much as 256 KiB that nobody asked for.
const REMOTE_GAP_BYTES: u64 = 256 * 1024;

/// The most requests that one call has under way.
const PARALLEL_READS: usize = 8;

/// An asset in a backend of the object_store crate.
#[derive(Debug, Clone)]
pub struct Objects {
    backend: Arc<dyn ObjectStore>,
    gap: u64,
}

impl Objects {
    /// An asset whose files are all that `backend` holds; give it a `PrefixStore` for a part of a bucket.
    pub fn new(backend: Arc<dyn ObjectStore>) -> Objects {
        Objects { backend, gap: REMOTE_GAP_BYTES }
    }

    /// An empty asset in memory.
    pub fn memory() -> Objects {
        Objects { backend: Arc::new(object_store::memory::InMemory::new()), gap: 0 }
    }

    /// Stores a whole file.
    ///
    /// # Errors
    /// What the backend reports.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), Error> {
        self.backend.put(&location(path)?, bytes.into()).await.map(drop).map_err(|e| translate(path, e))
    }

    async fn get(&self, object: &ObjectInfo, range: Range<u64>) -> Result<object_store::GetResult, Error> {
        let wanted = Some(GetRange::Bounded(range.clone()));
        let options = GetOptions { range: wanted, if_match: object.etag.clone(), ..GetOptions::default() };
        let got =
            self.backend.get_opts(&location(&object.path)?, options).await.map_err(|e| translate(&object.path, e))?;
        if !object.is_same(&info(&object.path, &got.meta)) {
            return Err(Error::Changed { path: object.path.clone() });
        }
        if got.range != range {
            return Err(Error::Truncated { path: object.path.clone(), wanted: range.end, size: got.range.end });
        }
        Ok(got)
    }
}

#[async_trait::async_trait]
impl Store for Objects {
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Error> {
        // The crate's prefixes end at slashes, ours anywhere.
        let folder = prefix.rsplit_once('/').map(|(folder, _)| location(folder)).transpose()?;
        let mut found: Vec<ObjectInfo> = Vec::new();
        let mut listing = self.backend.list(folder.as_ref());
        while let Some(meta) = listing.try_next().await.map_err(|e| translate(prefix, e))? {
            if meta.location.as_ref().starts_with(prefix) {
                if found.len() == MAX_FILES {
                    return Err(Error::TooManyFiles { limit: MAX_FILES });
                }
                found.push(info(meta.location.as_ref(), &meta));
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    async fn head(&self, path: &str) -> Result<ObjectInfo, Error> {
        let meta = self.backend.head(&location(path)?).await.map_err(|e| translate(path, e))?;
        Ok(info(path, &meta))
    }

    async fn read_ranges(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let plan = ReadPlan::new(object, ranges, self.gap)?;
        let reads = plan.reads.clone().into_iter().map(|range| async {
            self.get(object, range).await?.bytes().await.map_err(|e| translate(&object.path, e))
        });
        let read: Vec<Bytes> = stream::iter(reads).buffered(PARALLEL_READS).try_collect().await?;
        plan.slice(object, &read)
    }

    async fn stream(&self, object: &ObjectInfo, range: Range<u64>) -> Result<ByteStream, Error> {
        ReadPlan::new(object, std::slice::from_ref(&range), 0)?;
        check_path(&object.path)?;
        if range.start >= range.end {
            return Ok(stream::empty().boxed());
        }
        // One conditional request delivers the whole range, so no piece of it can be of another file.
        let got = self.get(object, range.clone()).await?.into_stream();
        let path = object.path.clone();
        let pieces = stream::unfold((got, range.start), move |(mut got, at)| {
            let path = path.clone();
            async move {
                let piece = match got.next().await {
                    Some(Ok(bytes)) => {
                        let next = at + bytes.len() as u64;
                        return Some((Ok(bytes), (got, next)));
                    }
                    Some(Err(error)) => translate(&path, error),
                    None if at < range.end => Error::Truncated { path, wanted: range.end, size: at },
                    None => return None,
                };
                Some((Err(io::Error::from(piece)), (stream::empty().boxed(), range.end)))
            }
        });
        Ok(pieces.boxed())
    }
}

fn location(path: &str) -> Result<Path, Error> {
    check_path(path)?;
    // Parsed, not encoded: the path is the stored name as it is.
    Path::parse(path).map_err(|_| Error::BadPath { path: path.to_owned(), problem: PathProblem::ControlCharacter })
}

fn info(path: &str, meta: &ObjectMeta) -> ObjectInfo {
    let unix_millis = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
    ObjectInfo {
        path: path.to_owned(),
        size: meta.size,
        modified: UtcTime { unix_millis },
        etag: meta.e_tag.clone(),
        inode: None,
    }
}

fn translate(path: &str, error: object_store::Error) -> Error {
    use object_store::Error as E;
    let path = path.to_owned();
    match error {
        E::NotFound { .. } => Error::NotFound { path },
        E::Precondition { .. } => Error::Changed { path },
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::Denied { path },
        other => Error::Unavailable { path, source: Arc::new(io::Error::other(other)) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        let store = Objects::memory();
        contract::all(&store, &|path, bytes| {
            let store = store.clone();
            Box::pin(async move { store.put(&path, bytes).await.unwrap() })
        })
        .await;
    }
}
