//! Rendered answers in memory: manifests and segments, made once for all who wait.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use moka::future::Cache;

use super::building::{Made, held};
use super::error::Error;
use super::memory::{Budget, Lease, Memory};
use crate::packager::Rendered;

/// Rendered answers by [`super::revision::answer_key`].
pub(super) struct AnswerCache {
    entries: Entries,
    memory: Memory,
}

type Entries = Cache<[u8; 16], Arc<Made>>;

/// Where those who make answers take room in memory for them.
#[derive(Clone)]
pub(super) struct Room {
    entries: Entries,
    memory: Memory,
}

impl Room {
    /// Waits a moment for room for `bytes`.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub(super) async fn take(&self, bytes: u64) -> Result<Lease, Error> {
        // What the cache has thrown out may wait to be let go.
        self.memory.lease(bytes, || self.entries.run_pending_tasks()).await
    }

    /// An answer that is there already, in the room that it takes.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub(super) async fn keep(&self, rendered: Rendered) -> Result<Made, Error> {
        let bytes = rendered.len();
        Ok(held(rendered, self.take(bytes).await?, bytes))
    }
}

/// What an entry costs beside its bytes.
const OVERHEAD: u64 = 300;

impl AnswerCache {
    /// At most `capacity` bytes of answers, and `in_flight` bytes of others that are made or sent at the same time.
    pub(super) fn new(capacity: u64, in_flight: u64) -> AnswerCache {
        let weigh = |_: &[u8; 16], made: &Arc<Made>| u32::try_from(made.memory + OVERHEAD).unwrap_or(u32::MAX);
        let entries = Cache::builder().max_capacity(capacity).weigher(weigh).build();
        AnswerCache { entries, memory: Memory::new(capacity, in_flight) }
    }

    /// Room for answers.
    pub(super) fn room(&self) -> Room {
        Room { entries: self.entries.clone(), memory: self.memory.clone() }
    }

    /// All that answers take of memory, in the cache and out of it.
    pub(super) fn budget(&self) -> Budget {
        self.memory.budget()
    }

    /// The answer of that key, if it is kept.
    pub(super) async fn kept(&self, key: &[u8; 16]) -> Option<Arc<Made>> {
        self.entries.get(key).await
    }

    /// The answer of that key, or what `make` makes. Waiting requests share one making and its error;
    /// errors are not kept. A request that goes away stops neither.
    pub(super) async fn get(
        &self,
        key: [u8; 16],
        make: impl Future<Output = Result<Made, Error>> + Send + 'static,
    ) -> Result<Arc<Made>, Error> {
        if let Some(hit) = self.entries.get(&key).await {
            return Ok(hit);
        }
        let make = AssertUnwindSafe(make).catch_unwind().map(|made| match made {
            Ok(made) => made.map(Arc::new),
            Err(_) => {
                tracing::error!("making an answer panicked");
                Err(Error::Internal)
            }
        });
        let entries = self.entries.clone();
        let task = tokio::spawn(async move { entries.try_get_with(key, make).await });
        let made = task.await.map_err(|_| Error::Internal)?;
        made.map_err(|error: Arc<Error>| (*error).clone())
    }
}
