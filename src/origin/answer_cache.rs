//! Rendered answers in memory: manifests and segments, made once for all who wait.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use moka::future::Cache;

use super::error::Error;
use super::purge::Generations;
use super::state::CacheState;
use crate::counters::Finds;
use crate::packager::Rendered;

/// Rendered answers by [`super::revision::answer_key`].
pub(super) struct AnswerCache {
    entries: Cache<Key, Arc<Rendered>>,
    generations: Arc<Generations>,
    /// How often an answer was at hand, and how often it had to be made or waited for.
    pub(super) finds: Finds,
}

/// What an entry costs beside its bytes.
const OVERHEAD: u64 = 300;

/// An answer, of a locator, in a generation of what there is of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    answer: [u8; 16],
    locator: [u8; 16],
    generation: u64,
}

impl AnswerCache {
    /// At most `capacity` bytes of bodies.
    pub(super) fn new(capacity: u64, generations: Arc<Generations>) -> AnswerCache {
        let weigh = |_: &Key, rendered: &Arc<Rendered>| u32::try_from(rendered.len() + OVERHEAD).unwrap_or(u32::MAX);
        let entries = Cache::builder().max_capacity(capacity).weigher(weigh).build();
        AnswerCache { entries, generations, finds: Finds::default() }
    }

    /// How it stands now.
    pub(super) fn state(&self) -> CacheState {
        let size = (self.entries.entry_count(), self.entries.weighted_size());
        CacheState::new("answer", &self.finds, size, self.entries.policy().max_capacity())
    }

    fn key(&self, locator: &[u8; 16], answer: &[u8; 16]) -> Key {
        Key { answer: *answer, locator: *locator, generation: self.generations.of(locator) }
    }

    /// Forgets answers of concerned locators; how many.
    pub(super) async fn purge(&self, concerned: &(dyn Fn(&[u8; 16]) -> bool + Sync)) -> u64 {
        let keys: Vec<Key> = self.entries.iter().map(|(key, _)| *key).filter(|key| concerned(&key.locator)).collect();
        for key in &keys {
            self.entries.invalidate(key).await;
        }
        keys.len() as u64
    }

    /// The answer of that key, of a locator, if it is kept. One that is not is counted where it is made.
    pub(super) async fn kept(&self, locator: &[u8; 16], answer: &[u8; 16]) -> Option<Arc<Rendered>> {
        let kept = self.entries.get(&self.key(locator, answer)).await;
        if kept.is_some() {
            self.finds.hits.increment();
        }
        kept
    }

    /// Whether it is kept.
    pub(super) fn holds(&self, locator: &[u8; 16], answer: &[u8; 16]) -> bool {
        self.entries.contains_key(&self.key(locator, answer))
    }

    /// The answer of that key, or what `make` makes. Waiting requests share one making and its error;
    /// errors are not kept. A request that goes away stops neither.
    pub(super) async fn get(
        &self,
        locator: &[u8; 16],
        answer: &[u8; 16],
        make: impl Future<Output = Result<Rendered, Error>> + Send + 'static,
    ) -> Result<Arc<Rendered>, Error> {
        let key = self.key(locator, answer);
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
