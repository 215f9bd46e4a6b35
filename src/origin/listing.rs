//! The files of assets as they were a moment ago: one look at a folder serves all requests of half a second,
//! one look at remote storage those of several.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::error::Error;
use super::purge::Generations;
use super::state::CacheState;
use crate::catalog::PublishedAsset;
use crate::counters::Finds;
use crate::store::{self, ObjectInfo};

/// Bytes of listings kept: dozens of films at once, or a few folders of the most files.
const CAPACITY: u64 = 64 << 20;
/// What a file costs beside its path.
const OVERHEAD: usize = 160;

/// Locator, and generation of what there is of it.
type Key = ([u8; 16], u64);

/// Recent listings by asset. However many requests come, for names that exist or not, a folder is listed
/// twice a second.
pub(super) struct Listings {
    entries: Cache<Key, Listing>,
    generations: Arc<Generations>,
    finds: Finds,
}

#[derive(Clone)]
struct Listing {
    files: Arc<[ObjectInfo]>,
    /// How long it is believed: half of how long a presentation is.
    believed: Duration,
}

/// Every listing ends by its own time.
struct Ends;

impl Expiry<Key, Listing> for Ends {
    fn expire_after_create(&self, _: &Key, listing: &Listing, _: Instant) -> Option<Duration> {
        Some(listing.believed)
    }
}

impl Listings {
    pub(super) fn new(generations: Arc<Generations>) -> Listings {
        let weigh = |_: &Key, listing: &Listing| {
            let bytes: usize = listing.files.iter().map(|f| f.path.len() + OVERHEAD).sum();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(weigh)
            .expire_after(Ends)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Listings { entries, generations, finds: Finds::default() }
    }

    /// How it stands now.
    pub(super) fn state(&self) -> CacheState {
        let size = (self.entries.entry_count(), self.entries.weighted_size());
        CacheState::new("listing", &self.finds, size, self.entries.policy().max_capacity())
    }

    fn key(&self, asset: &PublishedAsset) -> Key {
        (asset.id, self.generations.of(&asset.id))
    }

    /// Forgets listings of concerned locators; how many.
    pub(super) async fn purge(&self, concerned: &(dyn Fn(&[u8; 16]) -> bool + Sync)) -> u64 {
        let keys: Vec<Arc<Key>> = self.entries.iter().map(|(key, _)| key).filter(|key| concerned(&key.0)).collect();
        for key in &keys {
            self.entries.invalidate(key.as_ref()).await;
        }
        keys.len() as u64
    }

    /// All files of the asset in the order of their paths.
    pub(super) async fn get(&self, asset: &PublishedAsset) -> Result<Arc<[ObjectInfo]>, Error> {
        let key = self.key(asset);
        if let Some(listing) = self.finds.count(self.entries.get(&key).await) {
            return Ok(listing.files);
        }
        let list = async {
            let files = asset.store.list("").await.map(Arc::from).map_err(without_path)?;
            Ok(Listing { files, believed: asset.store.recheck() / 2 })
        };
        let listing = self.entries.try_get_with(key, list).await;
        listing.map(|listing| listing.files).map_err(|error: Arc<Error>| (*error).clone())
    }

    /// The next request looks again.
    pub(super) async fn forget(&self, asset: &PublishedAsset) {
        self.entries.invalidate(&self.key(asset)).await;
    }
}

/// The file of that path.
pub(super) fn find<'a>(files: &'a [ObjectInfo], path: &str) -> Option<&'a ObjectInfo> {
    files.binary_search_by(|f| f.path.as_str().cmp(path)).ok().and_then(|at| files.get(at))
}

/// A failed listing names the asset's own place, which is no client's business.
fn without_path(error: store::Error) -> Error {
    match Error::from(error) {
        Error::SourceMissing { .. } => Error::AssetMissing,
        Error::Storage { fault, .. } => Error::Storage { fault, file: None },
        other => other,
    }
}
