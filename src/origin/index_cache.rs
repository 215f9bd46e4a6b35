//! Presentations in memory: loaded once for all who wait, checked against their files every second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::error::Error;
use super::load::{Loaded, load};
use crate::catalog::Asset;
use crate::source::Settings;
use crate::time::UtcTime;

/// How long a presentation, or the failure to load it, is believed without looking at its files.
const RECHECK: Duration = Duration::from_secs(1);

type Key = ([u8; 16], String);

/// Loaded presentations, least used out first.
pub(super) struct IndexCache {
    entries: Cache<Key, Arc<Entry>>,
    settings: Settings,
}

struct Entry {
    loaded: Result<Arc<Loaded>, Error>,
    checked: AtomicU64,
}

impl IndexCache {
    /// At most `capacity` bytes of indexes.
    pub(super) fn new(capacity: u64, settings: Settings) -> IndexCache {
        let weigh = |key: &Key, entry: &Arc<Entry>| {
            let memory = entry.loaded.as_ref().map_or(256, |l| l.memory());
            u32::try_from(memory + key.1.len() + 256).unwrap_or(u32::MAX)
        };
        IndexCache { entries: Cache::builder().max_capacity(capacity).weigher(weigh).build(), settings }
    }

    /// The presentation as its files are now, or were less than a second ago.
    pub(super) async fn get(&self, asset: &Arc<Asset>, name: &str, now: UtcTime) -> Result<Arc<Loaded>, Error> {
        let key = (asset.id, name.to_owned());
        if let Some(entry) = self.entries.get(&key).await {
            if entry.is_fresh(now) {
                return entry.loaded.clone();
            }
            match &entry.loaded {
                Ok(loaded) => match loaded.is_current(asset, name).await {
                    Ok(true) => return Ok(Arc::clone(loaded)),
                    Ok(false) => self.entries.invalidate(&key).await,
                    Err(error) => {
                        self.entries.invalidate(&key).await;
                        return Err(error);
                    }
                },
                Err(_) => self.entries.invalidate(&key).await,
            }
        }
        let (asset, name, settings) = (Arc::clone(asset), name.to_owned(), self.settings);
        // In a task of its own: a player that goes away does not stop what others wait for.
        let load = async move {
            let task = tokio::spawn(async move { load(&asset, &name, settings).await });
            let loaded = match task.await {
                Ok(loaded) => loaded.map(Arc::new),
                Err(panic) => {
                    tracing::error!(%panic, "loading a presentation failed");
                    Err(Error::Internal)
                }
            };
            if let Err(error) = &loaded {
                tracing::debug!(%error, "a presentation cannot be loaded");
            }
            Arc::new(Entry { loaded, checked: AtomicU64::new(now.unix_millis) })
        };
        self.entries.get_with(key, load).await.loaded.clone()
    }

    /// Forgets a presentation whose files turned out to have changed.
    pub(super) async fn forget(&self, asset: &Asset, name: &str) {
        self.entries.invalidate(&(asset.id, name.to_owned())).await;
    }
}

impl Entry {
    /// Checked lately, or being checked by another request just now.
    fn is_fresh(&self, now: UtcTime) -> bool {
        let checked = self.checked.load(Ordering::Relaxed);
        if now.unix_millis.saturating_sub(checked) < RECHECK.as_millis() as u64 {
            return true;
        }
        let mine = self.checked.compare_exchange(checked, now.unix_millis, Ordering::Relaxed, Ordering::Relaxed);
        mine.is_err()
    }
}
