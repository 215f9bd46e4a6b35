//! How the origin stands at this moment, for whoever watches it.

use super::Origin;
use super::memory::Budget;
use crate::counters::Finds;

/// A cache.
#[derive(Clone, Copy, Debug)]
pub struct CacheState {
    /// Which one: `path`, `answer`, `index` or `listing`.
    pub layer: &'static str,
    /// How often something was found in it.
    pub hits: u64,
    /// How often not.
    pub misses: u64,
    /// What it holds.
    pub entries: u64,
    /// Bytes of memory that those take, about.
    pub bytes: u64,
    /// How many there may be.
    pub max_bytes: u64,
}

impl CacheState {
    pub(super) fn new(
        layer: &'static str,
        finds: &Finds,
        (entries, bytes): (u64, u64),
        max: Option<u64>,
    ) -> CacheState {
        let (hits, misses) = (finds.hits.get(), finds.misses.get());
        CacheState { layer, hits, misses, entries, bytes, max_bytes: max.unwrap_or(0) }
    }
}

impl Origin {
    /// All caches. What they hold is known to within the last moments' changes.
    pub fn caches(&self) -> [CacheState; 4] {
        [self.known.state(), self.answers.state(), self.indexes.state(), self.indexes.listings().state()]
    }

    /// How often something was purged.
    pub fn purges(&self) -> u64 {
        self.purges.get()
    }

    /// How much memory answers take, of how much they may.
    pub fn budget(&self) -> Budget {
        self.answers.budget()
    }
}
