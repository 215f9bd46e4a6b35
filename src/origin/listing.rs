//! The files of assets as they were a moment ago: one look at a folder serves all requests of half a second,
//! one look at remote storage those of several.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::error::Error;
use super::state::CacheState;
use crate::catalog::PublishedAsset;
use crate::counters::Finds;
use crate::store::{self, ObjectInfo};

/// Bytes of listings kept: dozens of films at once, or a few folders of the most files.
const CAPACITY: u64 = 64 << 20;
/// What a file costs beside its path.
const OVERHEAD: usize = 160;

/// Recent listings by asset. However many requests come, for names that exist or not, a folder is listed
/// twice a second.
pub(super) struct Listings {
    entries: Cache<[u8; 16], Listing>,
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

impl Expiry<[u8; 16], Listing> for Ends {
    fn expire_after_create(&self, _: &[u8; 16], listing: &Listing, _: Instant) -> Option<Duration> {
        Some(listing.believed)
    }
}

impl Listings {
    pub(super) fn new() -> Listings {
        let weigh = |_: &[u8; 16], listing: &Listing| {
            let bytes: usize = listing.files.iter().map(|f| f.path.len() + OVERHEAD).sum();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(weigh)
            .expire_after(Ends)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Listings { entries, finds: Finds::default() }
    }

    /// How it stands now.
    pub(super) fn state(&self) -> CacheState {
        let size = (self.entries.entry_count(), self.entries.weighted_size());
        CacheState::new("listing", &self.finds, size, self.entries.policy().max_capacity())
    }

    /// All files of the asset in the order of their paths.
    pub(super) async fn get(&self, asset: &PublishedAsset) -> Result<Arc<[ObjectInfo]>, Error> {
        if let Some(listing) = self.finds.count(self.entries.get(&asset.id).await) {
            return Ok(listing.files);
        }
        let list = async {
            let files = asset.store.list("").await.map(Arc::from).map_err(without_path)?;
            Ok(Listing { files, believed: asset.store.recheck() / 2 })
        };
        let listing = self.entries.try_get_with(asset.id, list).await;
        listing.map(|listing| listing.files).map_err(|error: Arc<Error>| (*error).clone())
    }

    /// The next request looks again.
    pub(super) async fn forget(&self, asset: &PublishedAsset) {
        self.entries.invalidate(&asset.id).await;
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
