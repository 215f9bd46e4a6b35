//! Any backend of the object_store crate as a store: memory now, cloud storage by configuration.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::ranges::ReadPlan;
use super::{ByteStream, Error, MAX_FILES, ObjectInfo, PathProblem, Store, check_path};
use crate::time::UtcTime;

/// What reading costs somewhere, and how patient to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Ranges of a file that are at most this many bytes apart are read together.
    pub gap: u64,
    /// Ranges of one call become no more reads than this, as long as no more than `waste` bytes are read that
    /// nobody asked for.
    pub reads: usize,
    /// See `reads`.
    pub waste: u64,
    /// See [`Store::read_ahead`].
    pub read_ahead: u64,
    /// See [`Store::recheck`].
    pub recheck: Duration,
    /// How long one piece of a file may take to come.
    pub patience: Duration,
    /// How often a read is begun again where it broke off.
    pub resumes: usize,
}

impl Reading {
    /// Over a network. At 100 MB/s a request's round trip of 10 ms costs as much as 1 MiB that nobody asked
    /// for, and most services bill the request and not the byte.
    pub const REMOTE: Reading = Reading {
        gap: 1 << 20,
        reads: 2,
        waste: 16 << 20,
        read_ahead: 1 << 20,
        recheck: Duration::from_secs(10),
        patience: Duration::from_secs(20),
        resumes: 3,
    };

    /// In memory, where nothing costs.
    pub const MEMORY: Reading = Reading {
        gap: 0,
        reads: usize::MAX,
        waste: 0,
        read_ahead: 0,
        recheck: Duration::from_secs(1),
        patience: Duration::from_secs(20),
        resumes: 0,
    };
}

/// The most requests that one call has under way.
const PARALLEL_READS: usize = 8;
/// The same for small ranges that lie far apart.
const PARALLEL_SCATTERED: usize = 32;
/// Which of those are read together.
const SCATTERED_GAP_BYTES: u64 = 64 << 10;

/// An asset in a backend of the object_store crate.
#[derive(Debug, Clone)]
pub struct Objects {
    backend: Arc<dyn ObjectStore>,
    reading: Reading,
}

impl Objects {
    /// An asset whose files are all that `backend` holds; give it a `PrefixStore` for a part of a bucket.
    pub fn new(backend: Arc<dyn ObjectStore>, reading: Reading) -> Objects {
        Objects { backend, reading }
    }

    /// An empty asset in memory.
    pub fn memory() -> Objects {
        Objects::new(Arc::new(object_store::memory::InMemory::new()), Reading::MEMORY)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what the backend reports.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        self.backend.delete(&location(path)?).await.map_err(|e| translate(path, e))
    }

    /// Stores a whole file.
    ///
    /// # Errors
    /// What the backend reports.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), Error> {
        self.backend.put(&location(path)?, bytes.into()).await.map(drop).map_err(|e| translate(path, e))
    }

    async fn get(&self, object: &ObjectInfo, range: Range<u64>) -> Result<object_store::GetResult, Error> {
        let path = &object.path;
        // In conditions they stand between quotes (RFC 9110 8.8.3).
        let tag = object.etag.as_ref().map(|tag| format!("\"{tag}\""));
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), if_match: tag, ..Default::default() };
        let location = location(path)?;
        let get = tokio::time::timeout(self.reading.patience, self.backend.get_opts(&location, options));
        let got = get.await.map_err(|_| late(path))?.map_err(|e| translate(path, e))?;
        // A service that ignores the condition answers with the new file and its own tag.
        if !object.is_same(&info(path, &got.meta)) {
            return Err(Error::Changed { path: path.clone() });
        }
        if got.range != range {
            if got.range.start == range.start && got.range.end < range.end {
                return Err(Error::Truncated { path: path.clone(), wanted: range.end, size: got.range.end });
            }
            return Err(Error::RangesIgnored { path: path.clone() });
        }
        Ok(got)
    }

    /// The bytes of one range in pieces, begun again where the connection breaks off.
    async fn pieces(&self, object: &ObjectInfo, range: Range<u64>) -> Result<Pieces, Error> {
        let got = self.get(object, range.clone()).await?.into_stream();
        let left = self.reading.resumes;
        Ok(Pieces { store: self.clone(), object: object.clone(), got, at: range.start, end: range.end, left })
    }

    async fn read_plan(
        &self,
        object: &ObjectInfo,
        ranges: &[Range<u64>],
        plan: &ReadPlan,
        parallel: usize,
    ) -> Result<Vec<Bytes>, Error> {
        let reads = plan.reads.clone().into_iter().map(|range| self.read_whole(object, range));
        let read: Vec<Bytes> = stream::iter(reads).buffered(parallel).try_collect().await?;
        let wanted: u64 = ranges.iter().map(|r| r.end.saturating_sub(r.start)).sum();
        let slices = plan.slice(object, &read)?;
        if plan.bytes() > wanted.saturating_mul(2) {
            // Slices would keep all that was read between them.
            return Ok(slices.iter().map(|slice| Bytes::copy_from_slice(slice)).collect());
        }
        Ok(slices)
    }

    async fn read_whole(&self, object: &ObjectInfo, range: Range<u64>) -> Result<Bytes, Error> {
        let mut pieces = self.pieces(object, range.clone()).await?;
        let mut first = match pieces.next().await? {
            Some(all) if all.len() as u64 == range.end - range.start => return Ok(all),
            first => first,
        };
        let mut whole = BytesMut::with_capacity((range.end - range.start) as usize);
        while let Some(piece) = first {
            whole.extend_from_slice(&piece);
            first = pieces.next().await?;
        }
        Ok(whole.freeze())
    }
}

/// A range that is being read.
struct Pieces {
    store: Objects,
    object: ObjectInfo,
    got: BoxStream<'static, object_store::Result<Bytes>>,
    at: u64,
    end: u64,
    /// How often it may still be begun again.
    left: usize,
}

impl Pieces {
    /// The next piece, `None` at the end of the range.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.at < self.end {
            let path = &self.object.path;
            let error = match tokio::time::timeout(self.store.reading.patience, self.got.next()).await {
                Ok(Some(Ok(bytes))) if bytes.len() as u64 <= self.end - self.at => {
                    self.at += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(Some(Ok(_))) => return Err(Error::RangesIgnored { path: path.clone() }),
                Ok(Some(Err(error))) => translate(path, error),
                Ok(None) => Error::Truncated { path: path.clone(), wanted: self.end, size: self.at },
                Err(_) => late(path),
            };
            if self.left == 0 || matches!(error, Error::Denied { .. } | Error::Changed { .. }) {
                return Err(error);
            }
            self.left -= 1;
            tracing::debug!(%error, at = self.at, "reading goes on where it broke off");
            // The condition holds it to the same file.
            self.got = self.store.get(&self.object, self.at..self.end).await?.into_stream();
        }
        Ok(None)
    }
}

fn late(path: &str) -> Error {
    Error::Unavailable { path: path.to_owned(), source: Arc::new(io::ErrorKind::TimedOut.into()) }
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
        let Reading { gap, reads, waste, .. } = self.reading;
        let plan = ReadPlan::new(object, ranges, gap)?.merged(reads, waste);
        self.read_plan(object, ranges, &plan, PARALLEL_READS).await
    }

    async fn read_scattered(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let plan = ReadPlan::new(object, ranges, self.reading.gap.min(SCATTERED_GAP_BYTES))?;
        self.read_plan(object, ranges, &plan, PARALLEL_SCATTERED).await
    }

    async fn stream(&self, object: &ObjectInfo, range: Range<u64>) -> Result<ByteStream, Error> {
        ReadPlan::new(object, std::slice::from_ref(&range), 0)?;
        check_path(&object.path)?;
        if range.start >= range.end {
            return Ok(stream::empty().boxed());
        }
        let pieces = self.pieces(object, range).await?;
        let pieces = stream::unfold(Some(pieces), |pieces| async move {
            let mut pieces = pieces?;
            match pieces.next().await {
                Ok(bytes) => Some((Ok(bytes?), Some(pieces))),
                Err(error) => Some((Err(io::Error::from(error)), None)),
            }
        });
        Ok(pieces.boxed())
    }

    fn recheck(&self) -> Duration {
        self.reading.recheck
    }

    fn read_ahead(&self) -> u64 {
        self.reading.read_ahead
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
        // Azure lists them without the quotes that it sends in headers.
        etag: meta.e_tag.as_deref().map(|tag| tag.trim_matches('"').to_owned()),
        inode: None,
    }
}

pub(super) fn translate(path: &str, error: object_store::Error) -> Error {
    use object_store::Error as E;
    let path = path.to_owned();
    match error {
        E::NotFound { .. } => Error::NotFound { path },
        E::Precondition { .. } => Error::Changed { path },
        // What the service says of it can hold parts of signed URLs.
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::Denied { path },
        E::Generic { ref source, .. } if says(source.as_ref(), "non-partial response") => Error::RangesIgnored { path },
        E::Generic { ref source, .. } if says(source.as_ref(), "Requested ") => Error::RangesIgnored { path },
        other => Error::Unavailable { path, source: Arc::new(io::Error::other(other)) },
    }
}

/// The crate has no error of its own for this.
fn says(error: &(dyn std::error::Error + 'static), words: &str) -> bool {
    error.to_string().contains(words)
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
