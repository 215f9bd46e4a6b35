//! Rendered answers in memory: manifests and segments, made once for all who wait.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use moka::future::Cache;

use super::building::{Made, held};
use super::error::Error;
use super::memory::{Budget, Lease, Memory};
use super::purge::Generations;
use super::state::CacheState;
use crate::counters::Finds;
use crate::packager::Rendered;

/// An answer, of a locator, in a generation of what there is of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    answer: [u8; 16],
    locator: [u8; 16],
    generation: u64,
}

/// Rendered answers by [`super::revision::answer_key`].
pub(super) struct AnswerCache {
    entries: Entries,
    flights: Arc<Flights>,
    memory: Memory,
    generations: Arc<Generations>,
    /// How often an answer was at hand, and how often it had to be made or waited for.
    pub(super) finds: Finds,
}

type Entries = Cache<Key, Arc<Slot>>;

/// An answer in the cache. It is taken out when the cache evicts it: the cache itself lets go of entries only by and by
/// (its map is collected in epochs), and their memory is wanted at once.
struct Slot {
    made: ArcSwapOption<Made>,
    memory: u64,
}

/// Answers that are being made.
#[derive(Default)]
struct Flights(Mutex<HashMap<Key, Flight>>);

type Flight = Shared<BoxFuture<'static, Result<Arc<Made>, Error>>>;

/// Takes a flight from the list when it is over, however it ends.
struct Landing {
    key: Key,
    flights: Arc<Flights>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

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
        // The cache evicts what is too much when somebody has the time for it.
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
    pub(super) fn new(capacity: u64, in_flight: u64, generations: Arc<Generations>) -> AnswerCache {
        let weigh = |_: &Key, slot: &Arc<Slot>| u32::try_from(slot.memory + OVERHEAD).unwrap_or(u32::MAX);
        let entries = Cache::builder()
            .max_capacity(capacity)
            .weigher(weigh)
            .eviction_listener(|_, slot: Arc<Slot>, _| slot.made.store(None))
            .build();
        let (memory, finds) = (Memory::new(capacity, in_flight), Finds::default());
        AnswerCache { entries, flights: Arc::default(), memory, generations, finds }
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

    /// Room for answers.
    pub(super) fn room(&self) -> Room {
        Room { entries: self.entries.clone(), memory: self.memory.clone() }
    }

    /// All that answers take of memory, in the cache and out of it.
    pub(super) fn budget(&self) -> Budget {
        self.memory.budget()
    }

    /// The answer of that key, of a locator, if it is kept. One that is not is counted where it is made.
    pub(super) async fn kept(&self, locator: &[u8; 16], answer: &[u8; 16]) -> Option<Arc<Made>> {
        let kept = look(&self.entries, &self.key(locator, answer)).await;
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
        make: impl Future<Output = Result<Made, Error>> + Send + 'static,
    ) -> Result<Arc<Made>, Error> {
        let key = self.key(locator, answer);
        if let Some(hit) = self.finds.count(look(&self.entries, &key).await) {
            return Ok(hit);
        }
        let flight = {
            let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
            flights.entry(key).or_insert_with(|| self.begin(key, make)).clone()
        };
        flight.await
    }

    fn begin(&self, key: Key, make: impl Future<Output = Result<Made, Error>> + Send + 'static) -> Flight {
        let make = AssertUnwindSafe(make).catch_unwind();
        let landing = Landing { key, flights: Arc::clone(&self.flights) };
        let entries = self.entries.clone();
        let task = tokio::spawn(async move {
            let _landing = landing;
            // Between a look into the cache and this one a flight may have landed.
            if let Some(hit) = look(&entries, &key).await {
                return Ok(hit);
            }
            let made = make.await.unwrap_or_else(|_| {
                tracing::error!("making an answer panicked");
                Err(Error::Internal)
            });
            let made = Arc::new(made?);
            if entries.policy().max_capacity() != Some(0) {
                let slot = Slot { made: ArcSwapOption::new(Some(Arc::clone(&made))), memory: made.memory };
                entries.insert(key, Arc::new(slot)).await;
            }
            Ok(made)
        });
        task.map(|ended| ended.unwrap_or(Err(Error::Internal))).boxed().shared()
    }
}

async fn look(entries: &Entries, key: &Key) -> Option<Arc<Made>> {
    entries.get(key).await?.made.load_full()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::packager::Validity;

    const FILM: [u8; 16] = [9; 16];

    fn rendered(bytes: usize) -> Rendered {
        let body = vec![Bytes::from(vec![7; bytes])];
        Rendered { body, content_type: "video/mp4", validity: Validity::Revision, duration: None }
    }

    #[tokio::test]
    async fn what_the_cache_evicts_gives_its_room_back_at_once() {
        // Room for four answers: in the cache two, beyond it two.
        let cache = AnswerCache::new(205_000, 200_000, Arc::default());
        for round in 0..40u8 {
            let room = cache.room();
            let made = cache.get(&FILM, &[round; 16], async move { room.keep(rendered(100_000)).await }).await.unwrap();
            assert_eq!(made.rendered.len(), 100_000);
        }
        cache.entries.run_pending_tasks().await;
        assert!(cache.budget().used_bytes <= 210_000, "{:?}", cache.budget());
        assert_eq!(cache.budget().waiting, 0);
    }

    #[tokio::test]
    async fn many_share_one_making_also_where_nothing_is_kept() {
        for capacity in [0, 1 << 20] {
            let cache = Arc::new(AnswerCache::new(capacity, 1 << 20, Arc::default()));
            let (count, mut asked) = (Arc::new(AtomicU32::new(0)), tokio::task::JoinSet::new());
            for _ in 0..200 {
                let (cache, count) = (Arc::clone(&cache), Arc::clone(&count));
                asked.spawn(async move {
                    let room = cache.room();
                    let make = async move {
                        count.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        room.keep(rendered(1000)).await
                    };
                    cache.get(&FILM, &[1; 16], make).await.unwrap().rendered.len()
                });
            }
            assert_eq!(asked.join_all().await, [1000; 200]);
            assert_eq!(count.load(Ordering::Relaxed), 1, "capacity {capacity}");
            assert!(cache.flights.0.lock().unwrap().is_empty());
            let left = cache.budget().used_bytes;
            assert_eq!(left, if capacity == 0 { 0 } else { 1024 });
        }
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_not_kept_and_a_panic_is_one() {
        let cache = AnswerCache::new(1 << 20, 1 << 20, Arc::default());
        let (one, other) = tokio::join!(
            cache.get(&FILM, &[1; 16], async { Err(Error::AssetMissing) }),
            cache.get(&FILM, &[1; 16], async { Err(Error::Internal) })
        );
        assert_eq!((one.unwrap_err(), other.unwrap_err()), (Error::AssetMissing, Error::AssetMissing));
        assert_eq!(cache.get(&FILM, &[1; 16], async { panic!("as asked") }).await.unwrap_err(), Error::Internal);
        let room = cache.room();
        assert!(cache.get(&FILM, &[1; 16], async move { room.keep(rendered(1)).await }).await.is_ok());
        assert!(cache.kept(&FILM, &[1; 16]).await.is_some());
    }
}
