//! What is published now, in memory. Never changes: a new one takes its place, and shares with it all that
//! has stayed the same.

use std::collections::HashMap;
use std::sync::Arc;

use super::access::G2oKey;
use super::entity::Version;
use super::filter::Filter;
use super::id::AssetId;
use super::locator::LocatorType;
use super::published_asset::PublishedAsset;
use super::streaming_endpoint::StreamingEndpoint;
use crate::tokens::PathKeys;

/// The locators whose GUIDs fall together. A change copies one of these and not all.
type Shard = HashMap<[u8; 16], Arc<PublishedAsset>>;

const SHARDS: usize = 256;

/// All that is published at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    shards: Box<[Arc<Shard>]>,
    /// Filters for all assets, by name.
    pub filters: Arc<HashMap<String, Filter>>,
    /// Streaming endpoints.
    pub endpoints: Arc<[Endpoint]>,
    /// The keys that tokens in URLs are signed with.
    pub path_keys: PathKeys,
    /// The last change that is in it.
    pub version: Version,
}

/// A streaming endpoint, ready to answer.
#[derive(Debug)]
pub struct Endpoint {
    /// Its settings.
    pub settings: StreamingEndpoint,
    /// The keys of Akamai's signature headers, opened. If it has keys in its settings and none here, they
    /// could not be opened, and nobody is let in.
    pub g2o: Vec<G2oKey>,
}

impl Default for Snapshot {
    fn default() -> Snapshot {
        Snapshot {
            shards: (0..SHARDS).map(|_| Arc::default()).collect(),
            filters: Arc::default(),
            endpoints: Arc::new([]),
            path_keys: PathKeys::default(),
            version: Version(0),
        }
    }
}

/// GUIDs that people choose often differ in one byte alone, whichever.
fn shard_of(locator: &[u8; 16]) -> usize {
    usize::from(locator.iter().fold(0u8, |sum, byte| sum.rotate_left(3) ^ byte))
}

impl Snapshot {
    /// What is behind a streaming URL's locator, given as its 16 bytes in the order of its text, valid or not.
    pub fn find(&self, locator: &[u8; 16]) -> Option<&Arc<PublishedAsset>> {
        self.any(locator).filter(|asset| asset.locator_type == LocatorType::OnDemandOrigin)
    }

    /// What is behind a SAS locator, valid or not.
    pub fn find_sas(&self, locator: &[u8; 16]) -> Option<&Arc<PublishedAsset>> {
        self.any(locator).filter(|asset| asset.locator_type == LocatorType::Sas)
    }

    fn any(&self, locator: &[u8; 16]) -> Option<&Arc<PublishedAsset>> {
        self.shards.get(shard_of(locator))?.get(locator)
    }

    /// The endpoint of a host name (without port): the one that has it among its own, or else the default one.
    pub fn endpoint(&self, host: Option<&str>) -> Option<&Endpoint> {
        let named = |endpoint: &&Endpoint, host: &str| {
            endpoint.settings.custom_host_names.iter().any(|name| name.eq_ignore_ascii_case(host))
        };
        host.and_then(|host| self.endpoints.iter().find(|endpoint| named(endpoint, host)))
            .or_else(|| self.endpoints.iter().find(|endpoint| endpoint.settings.is_default()))
    }

    /// The locators that lead to an asset. Looks at them all.
    pub fn locators_of(&self, asset: AssetId) -> Vec<[u8; 16]> {
        let of_asset = |published: &&Arc<PublishedAsset>| published.asset == Some(asset);
        self.shards.iter().flat_map(|shard| shard.values()).filter(of_asset).map(|published| published.id).collect()
    }

    /// How many locators there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// How many of them are for streaming. Counts them all.
    pub fn streaming(&self) -> usize {
        let origin = |asset: &&Arc<PublishedAsset>| asset.locator_type == LocatorType::OnDemandOrigin;
        self.shards.iter().flat_map(|shard| shard.values()).filter(origin).count()
    }

    /// True without locators.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn insert(&mut self, asset: Arc<PublishedAsset>) {
        if let Some(shard) = self.shards.get_mut(shard_of(&asset.id)) {
            Arc::make_mut(shard).insert(asset.id, asset);
        }
    }

    pub(super) fn remove(&mut self, locator: &[u8; 16]) {
        if let Some(shard) = self.shards.get_mut(shard_of(locator))
            && shard.contains_key(locator)
        {
            Arc::make_mut(shard).remove(locator);
        }
    }
}
