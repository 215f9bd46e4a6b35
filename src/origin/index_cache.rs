//! Presentations in memory: loaded once for all who wait, checked against their files every second,
//! or as seldom as their storage wants it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::error::{Error, StorageFault};
use super::listing::Listings;
use super::load::{self, Loaded};
use super::purge::Generations;
use super::state::CacheState;
use crate::catalog::PublishedAsset;
use crate::counters::Finds;
use crate::source::Settings;
use crate::time::UtcTime;

/// How long the failure to load a presentation is believed at most.
const FAILURE_RECHECK: Duration = Duration::from_secs(2);

/// Locator, generation of what there is of it, name of the presentation.
type Key = ([u8; 16], u64, String);

/// Loaded presentations, least recently used out first: loading is dear, so a film that has just been asked
/// for is always kept, however popular the others are.
pub(super) struct IndexCache {
    entries: Cache<Key, Arc<Entry>>,
    listings: Arc<Listings>,
    generations: Arc<Generations>,
    settings: Settings,
    /// How often a presentation was at hand, and how often it had to be loaded or waited for.
    pub(super) finds: Finds,
}

struct Entry {
    loaded: Result<Arc<Loaded>, Error>,
    checked: AtomicU64,
}

impl IndexCache {
    /// At most `capacity` bytes of indexes.
    pub(super) fn new(capacity: u64, settings: Settings, generations: Arc<Generations>) -> IndexCache {
        let weigh = |key: &Key, entry: &Arc<Entry>| {
            let memory = entry.loaded.as_ref().map_or(256, |l| l.memory());
            u32::try_from(memory + key.2.len() + 256).unwrap_or(u32::MAX)
        };
        let entries =
            Cache::builder().max_capacity(capacity).weigher(weigh).eviction_policy(EvictionPolicy::lru()).build();
        let listings = Arc::new(Listings::new(Arc::clone(&generations)));
        IndexCache { entries, listings, generations, settings, finds: Finds::default() }
    }

    /// How it stands now.
    pub(super) fn state(&self) -> CacheState {
        let size = (self.entries.entry_count(), self.entries.weighted_size());
        CacheState::new("index", &self.finds, size, self.entries.policy().max_capacity())
    }

    /// Whether the presentation is in memory, current or not.
    pub(super) fn holds(&self, asset: &PublishedAsset, name: &str) -> bool {
        self.entries.contains_key(&self.key(asset, name))
    }

    fn key(&self, asset: &PublishedAsset, name: &str) -> Key {
        (asset.id, self.generations.of(&asset.id), name.to_owned())
    }

    /// Forgets presentations of concerned locators; how many.
    pub(super) async fn purge(&self, concerned: &(dyn Fn(&[u8; 16]) -> bool + Sync)) -> u64 {
        let keys: Vec<Arc<Key>> = self.entries.iter().map(|(key, _)| key).filter(|key| concerned(&key.0)).collect();
        for key in &keys {
            self.entries.invalidate(key.as_ref()).await;
        }
        keys.len() as u64
    }

    /// What it knows of folders.
    pub(super) fn listings(&self) -> &Listings {
        &self.listings
    }

    /// The presentation as its files are now, or were a second or so ago.
    pub(super) async fn get(
        &self,
        asset: &Arc<PublishedAsset>,
        name: &str,
        now: UtcTime,
    ) -> Result<Arc<Loaded>, Error> {
        let key = self.key(asset, name);
        if let Some(entry) = self.entries.get(&key).await {
            if entry.is_fresh(now, asset.store.recheck()) {
                self.finds.hits.increment();
                return entry.loaded.clone();
            }
            if let Ok(loaded) = &entry.loaded {
                match self.listings.get(asset).await {
                    Ok(files) if loaded.is_current(asset, name, &files) => {
                        self.finds.hits.increment();
                        return Ok(Arc::clone(loaded));
                    }
                    Ok(_) => {}
                    // Storage that stutters is no reason to forget what it said: reads of a file that has
                    // changed meanwhile fail by themselves.
                    Err(error @ Error::Storage { fault, .. }) if fault != StorageFault::Refused => {
                        tracing::warn!(%error, "whether a presentation's files have changed is not known");
                        return Ok(Arc::clone(loaded));
                    }
                    Err(error) => {
                        self.remove(&key, &entry).await;
                        return Err(error);
                    }
                }
            }
            self.remove(&key, &entry).await;
        }
        // A name that does not exist takes no room.
        if !load::exists(asset, name, &self.listings.get(asset).await?) {
            return Err(Error::PresentationNotFound { presentation: name.to_owned() });
        }
        let (entries, listings) = (self.entries.clone(), Arc::clone(&self.listings));
        let (asset, name, settings) = (Arc::clone(asset), name.to_owned(), self.settings);
        let make = async move {
            let begun = Instant::now();
            let loaded = AssertUnwindSafe(load_current(&asset, &name, &listings, settings)).catch_unwind().await;
            let loaded = loaded.unwrap_or_else(|_| {
                tracing::error!(name, "loading a presentation panicked");
                Err(Error::Internal)
            });
            let mut checked = now.unix_millis;
            match &loaded {
                Ok(_) => tracing::debug!(name, took = ?begun.elapsed(), "presentation loaded"),
                Err(error) => {
                    tracing::debug!(%error, name, "a presentation cannot be loaded");
                    // A failure that took long is not tried again at once.
                    checked += begun.elapsed().as_millis() as u64;
                }
            }
            Arc::new(Entry { loaded: loaded.map(Arc::new), checked: AtomicU64::new(checked) })
        };
        self.finds.misses.increment();
        // In a task of its own: a player that goes away does not stop what others wait for, and what it
        // began is there when it comes back.
        let task = tokio::spawn(async move { entries.get_with(key, make).await });
        task.await.map_err(|_| Error::Internal)?.loaded.clone()
    }

    /// Forgets a presentation whose files turned out to have changed, if it is still this one.
    pub(super) async fn forget(&self, asset: &PublishedAsset, name: &str, loaded: &Arc<Loaded>) {
        self.listings.forget(asset).await;
        let key = self.key(asset, name);
        if let Some(entry) = self.entries.get(&key).await
            && entry.loaded.as_ref().is_ok_and(|l| Arc::ptr_eq(l, loaded))
        {
            self.entries.invalidate(&key).await;
        }
    }

    async fn remove(&self, key: &Key, entry: &Arc<Entry>) {
        if self.entries.get(key).await.is_some_and(|now| Arc::ptr_eq(&now, entry)) {
            self.entries.invalidate(key).await;
        }
    }
}

/// Loads a presentation; once more with a new listing if the files are not those of the last one.
async fn load_current(
    asset: &PublishedAsset,
    name: &str,
    listings: &Listings,
    settings: Settings,
) -> Result<Loaded, Error> {
    match load::load(asset, name, &listings.get(asset).await?, settings).await {
        Err(Error::SourceChanged { .. } | Error::SourceMissing { .. }) => {
            listings.forget(asset).await;
            load::load(asset, name, &listings.get(asset).await?, settings).await
        }
        loaded => loaded,
    }
}

impl Entry {
    /// Checked lately, or being checked by another request just now.
    fn is_fresh(&self, now: UtcTime, recheck: Duration) -> bool {
        // A failure may be mended at any moment, and costs little.
        let recheck = if self.loaded.is_err() { recheck.min(FAILURE_RECHECK) } else { recheck };
        let checked = self.checked.load(Ordering::Relaxed);
        // Either way: a clock that was set back must not make it fresh until then.
        if now.unix_millis.abs_diff(checked) < recheck.as_millis() as u64 {
            return true;
        }
        let mine = self.checked.compare_exchange(checked, now.unix_millis, Ordering::Relaxed, Ordering::Relaxed);
        mine.is_err()
    }
}
