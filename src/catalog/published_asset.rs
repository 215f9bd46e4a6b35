//! An asset as a locator publishes it: all that a request needs to know.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::access_policy::Permissions;
use super::asset::{Asset, AssetOptions};
use super::asset_key::AssetKey;
use super::delivery_policy::{self, Delivery, DeliveryPolicy, Protocols};
use super::filter::AssetFilter;
use super::id::AssetId;
use super::load::Belonging;
use super::locator::{Locator, LocatorType};
use crate::store::{Folder, Store, Symlinks};
use crate::time::UtcTime;

/// A published film's files, and how they may go out.
#[derive(Clone)]
pub struct PublishedAsset {
    /// The locator that its URLs begin with: 16 bytes in the order of its text.
    pub id: [u8; 16],
    /// The asset's or folder's name; a film without server manifest is served as `name.ism`.
    pub name: String,
    /// Its files.
    pub store: Arc<dyn Store>,
    /// The asset; none for the demo film and for folders that are only looked at.
    pub asset: Option<AssetId>,
    /// What the locator leads to.
    pub locator_type: LocatorType,
    /// What the locator allows.
    pub permissions: Permissions,
    /// From when it is valid.
    pub start: UtcTime,
    /// Until when.
    pub expiration: UtcTime,
    /// How its files are encrypted in storage.
    pub options: AssetOptions,
    /// Its delivery policies.
    pub policies: Arc<[Arc<DeliveryPolicy>]>,
    /// Its own filters.
    pub filters: Arc<[AssetFilter]>,
    /// The content keys that its media may be encrypted with.
    pub keys: Arc<[AssetKey]>,
    /// Whether its URLs need a token.
    pub demands_path_token: bool,
}

impl fmt::Debug for PublishedAsset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishedAsset").field("locator", &self.locator()).field("name", &self.name).finish()
    }
}

/// Whether a locator is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// Not yet.
    Early,
    /// Now.
    Valid,
    /// Not any more.
    Expired,
}

impl PublishedAsset {
    /// The film in a local folder, without a catalogue: valid for ever and in every protocol.
    pub fn folder(locator: Uuid, folder: &Path, symlinks: Symlinks) -> PublishedAsset {
        PublishedAsset {
            id: *locator.as_bytes(),
            name: folder_name(folder),
            store: Arc::new(Folder::new(folder, symlinks)),
            asset: None,
            locator_type: LocatorType::OnDemandOrigin,
            permissions: Permissions::READ,
            start: UtcTime { unix_millis: 0 },
            expiration: UtcTime { unix_millis: u64::MAX },
            options: AssetOptions::None,
            policies: Arc::new([]),
            filters: Arc::new([]),
            keys: Arc::new([]),
            demands_path_token: false,
        }
    }

    pub(super) fn new(asset: &Asset, locator: &Locator, store: Arc<dyn Store>, belonging: Belonging) -> PublishedAsset {
        // A name of one part, because it stands in a URL.
        let own = asset.name.as_deref().filter(|name| !name.is_empty() && !name.contains('/'));
        let name = match Path::new(&asset.container).is_absolute() {
            true => folder_name(Path::new(&asset.container)),
            false => own.unwrap_or(&asset.container).to_owned(),
        };
        PublishedAsset {
            id: *locator.id.guid().as_bytes(),
            name,
            store,
            asset: Some(asset.id),
            locator_type: locator.locator_type,
            permissions: locator.permissions,
            start: locator.start,
            expiration: locator.expiration,
            options: asset.options,
            policies: belonging.policies,
            filters: belonging.filters,
            keys: belonging.keys,
            demands_path_token: locator.demands_path_token,
        }
    }

    /// The locator that its URLs begin with.
    pub fn locator(&self) -> Uuid {
        Uuid::from_bytes(self.id)
    }

    /// Whether the locator is valid at `now`.
    pub fn validity(&self, now: UtcTime) -> Validity {
        if now.unix_millis < self.start.unix_millis {
            Validity::Early
        } else if now.unix_millis < self.expiration.unix_millis {
            Validity::Valid
        } else {
            Validity::Expired
        }
    }

    /// How it goes out in this protocol.
    pub fn delivery(&self, protocol: Protocols) -> Delivery {
        delivery_policy::delivery(self.options, self.policies.iter().map(|policy| &**policy), protocol)
    }
}

pub(super) fn folder_name(folder: &Path) -> String {
    folder.file_name().map_or("film".to_owned(), |name| name.to_string_lossy().into_owned())
}
