//! Rendered answers in memory: manifests and segments, made once for all who wait.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use moka::future::Cache;

use super::error::Error;
use super::state::CacheState;
use crate::counters::Finds;
use crate::packager::Rendered;

/// Rendered answers by [`super::revision::answer_key`].
pub(super) struct AnswerCache {
    entries: Cache<[u8; 16], Arc<Rendered>>,
    /// How often an answer was at hand, and how often it had to be made or waited for.
    pub(super) finds: Finds,
}

/// What an entry costs beside its bytes.
const OVERHEAD: u64 = 300;

impl AnswerCache {
    /// At most `capacity` bytes of bodies.
    pub(super) fn new(capacity: u64) -> AnswerCache {
        let weigh =
            |_: &[u8; 16], rendered: &Arc<Rendered>| u32::try_from(rendered.len() + OVERHEAD).unwrap_or(u32::MAX);
        let entries = Cache::builder().max_capacity(capacity).weigher(weigh).build();
        AnswerCache { entries, finds: Finds::default() }
    }

    /// How it stands now.
    pub(super) fn state(&self) -> CacheState {
        let size = (self.entries.entry_count(), self.entries.weighted_size());
        CacheState::new("answer", &self.finds, size, self.entries.policy().max_capacity())
    }

    /// The answer of that key, if it is kept. One that is not is counted where it is made.
    pub(super) async fn kept(&self, key: &[u8; 16]) -> Option<Arc<Rendered>> {
        let kept = self.entries.get(key).await;
        if kept.is_some() {
            self.finds.hits.increment();
        }
        kept
    }

    /// Whether it is kept.
    pub(super) fn holds(&self, key: &[u8; 16]) -> bool {
        self.entries.contains_key(key)
    }

    /// The answer of that key, or what `make` makes. Waiting requests share one making and its error;
    /// errors are not kept. A request that goes away stops neither.
    pub(super) async fn get(
        &self,
        key: [u8; 16],
        make: impl Future<Output = Result<Rendered, Error>> + Send + 'static,
    ) -> Result<Arc<Rendered>, Error> {
        if let Some(hit) = self.finds.count(self.entries.get(&key).await) {
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
