//! What a path came to the last time, so that it need not be read, planned and digested again while neither the
//! asset's rules nor the film have changed: the short way of a request whose answer is in memory.

use std::sync::{Arc, Weak};

use hyper::header::{HeaderName, HeaderValue};
use moka::future::Cache;

use super::class::Class;
use super::load::Loaded;
use super::respond::Validators;
use super::state::CacheState;
use crate::catalog::PublishedAsset;
use crate::counters::Finds;

/// Longest path that is kept, in bytes.
const MAX_PATH: usize = 512;
/// What an entry costs beside its path, in bytes, about.
const OVERHEAD: usize = 500;
/// Memory for all of them, in bytes: that of forty thousand paths and more.
const CAPACITY: u64 = 32 << 20;

/// An answer that was given for a path. It holds nothing alive: what it was made of is looked up as always, and
/// must be the same.
pub(super) struct Known {
    /// Of the URL.
    pub locator: [u8; 16],
    /// The server manifest's name in the URL.
    pub name: String,
    /// Rules and keys of the asset, as they were.
    pub asset: Weak<PublishedAsset>,
    /// The film, as it was.
    pub loaded: Weak<Loaded>,
    /// Key of the answer cache.
    pub key: [u8; 16],
    /// The media type.
    pub content_type: HeaderValue,
    /// Entity tag and modification time.
    pub validators: Validators,
    /// Further headers.
    pub extra: Vec<(HeaderName, HeaderValue)>,
    /// What it is.
    pub class: Class,
}

impl Known {
    /// Whether the asset's rules and the film are those of then. A `Weak` keeps its address from being used
    /// again, so equal addresses are the same object.
    pub(super) fn is_of(&self, asset: &Arc<PublishedAsset>) -> bool {
        std::ptr::eq(self.asset.as_ptr(), Arc::as_ptr(asset))
    }

    /// Whether it was made of this film.
    pub(super) fn is_made_of(&self, loaded: &Arc<Loaded>) -> bool {
        std::ptr::eq(self.loaded.as_ptr(), Arc::as_ptr(loaded))
    }
}

/// The paths that were asked for lately.
pub(super) struct KnownPaths {
    entries: Cache<Box<str>, Arc<Known>>,
    pub(super) finds: Finds,
}

impl KnownPaths {
    /// None is kept where there is no cache of answers.
    pub(super) fn new(answer_cache_bytes: u64) -> KnownPaths {
        #[expect(clippy::borrowed_box, reason = "the cache wants a reference to its key, which is a box")]
        let weigh = |path: &Box<str>, _: &Arc<Known>| u32::try_from(path.len() + OVERHEAD).unwrap_or(u32::MAX);
        let capacity = answer_cache_bytes.min(CAPACITY);
        let entries = Cache::builder().max_capacity(capacity).weigher(weigh).build();
        KnownPaths { entries, finds: Finds::default() }
    }

    /// How it stands now.
    pub(super) fn state(&self) -> CacheState {
        let size = (self.entries.entry_count(), self.entries.weighted_size());
        CacheState::new("path", &self.finds, size, self.entries.policy().max_capacity())
    }

    /// What the path came to.
    pub(super) async fn get(&self, path: &str) -> Option<Arc<Known>> {
        self.finds.count(self.entries.get(path).await)
    }

    /// Whether it is known what the path came to.
    pub(super) fn holds(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// Forgets what paths of concerned locators came to; how many.
    pub(super) async fn purge(&self, concerned: &(dyn Fn(&[u8; 16]) -> bool + Sync)) -> u64 {
        let entries = self.entries.iter();
        let paths: Vec<Arc<Box<str>>> =
            entries.filter(|(_, known)| concerned(&known.locator)).map(|(path, _)| path).collect();
        for path in &paths {
            self.entries.invalidate(path.as_ref()).await;
        }
        paths.len() as u64
    }

    /// Keeps what it came to.
    pub(super) async fn put(&self, path: &str, known: Known) {
        if path.len() <= MAX_PATH {
            self.entries.insert(path.into(), Arc::new(known)).await;
        }
    }
}
