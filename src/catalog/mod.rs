//! The catalogue: assets and what publishes them (the entities of Azure Media Services), kept in a database
//! and, for requests, in memory.
//!
//! [`Catalog`] is the door. Reading goes through [`Catalog::get`] and [`Catalog::list`], changing through a
//! [`Transaction`], whose methods, one file for each kind of entity, hold the rules. Requests look at
//! [`Catalog::snapshot`] and never wait for the database.

pub mod access;
mod access_policy;
mod account_containers;
mod asset;
mod asset_file;
mod asset_key;
mod containers;
mod content_key;
mod database;
mod delivery_policy;
mod entity;
mod error;
mod filter;
mod follow;
mod id;
mod key_policy;
mod load;
mod locator;
mod numbers;
mod operation;
mod path_tokens;
mod protect;
mod protection;
mod publish;
mod published_asset;
mod published_json;
mod read;
mod rules;
mod snapshot;
mod storage_account;
mod storage_counts;
mod stored_files;
mod streaming_endpoint;
mod transaction;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::secrets::{KeySealer, NoMasterKey};
use crate::store::Symlinks;
use crate::time::UtcTime;

pub use access_policy::{
    AccessPolicy, MAX_DURATION_MILLISECONDS, NewAccessPolicy, Permissions, milliseconds_of_minutes,
};
pub use account_containers::AccountContainers;
pub use asset::{
    Asset, AssetFormatOption, AssetOptions, AssetState, AssetUpdate, ContainerFate, NewAsset, container_of,
};
pub use asset_file::{
    AssetFile, AssetFileUpdate, EncryptionScheme, FileEncryption, MAX_FILE_NAME, NameOrigin, NewAssetFile,
};
pub use asset_key::AssetKey;
pub use containers::{ContainerEncryption, ContainerError, Containers, OpenAccount};
pub use content_key::{ContentKey, ContentKeyType, ContentKeyUpdate, NewContentKey, checksum, is_for_players};
pub use database::Address;
pub use delivery_policy::{
    Delivery, DeliveryKey, DeliveryPolicy, DeliverySetting, DeliveryType, NewDeliveryPolicy, Protocols, delivery,
    parse_configuration,
};
pub use entity::{Entity, Kind, Link, Ordinal, Page, Stored, Version};
pub use error::{Error, ErrorKind};
pub use filter::{
    AssetFilter, Comparison, Filter, FilterRules, TimeRange, TrackCondition, TrackProperty, parse_bitrates,
};
pub use id::{
    AccessPolicyId, AssetFileId, AssetFilterId, AssetId, ContentKeyId, DeliveryPolicyId, IdError, KeyPolicyId,
    KeyPolicyOptionId, LocatorId, OperationId, StreamingEndpointId,
};
pub use key_policy::{
    KeyDeliveryType, KeyOptionSecrets, KeyPolicy, KeyPolicyOption, KeyRestriction, KeyRestrictionType,
    NewKeyPolicyOption,
};
pub use locator::{Locator, LocatorType, NewLocator};
pub use operation::{EndpointAction, Operation, OperationState};
pub use protect::{Protected, Protection};
pub use publish::Entry;
pub use published_asset::{PublishedAsset, Validity};
pub use read::ChangeRecord;
pub use rules::Limits;
pub use snapshot::{Endpoint, Snapshot};
pub use storage_account::{Backend, IN_PLACE, NewStorageAccount, Placement, StorageAccount, choose};
pub use storage_counts::{KindCounts, OperationCounts, STORAGE_KINDS, STORAGE_OPERATIONS, StorageCounts};
pub use stored_files::{Recorded, mime_type};
pub use streaming_endpoint::{
    AkamaiKey, CdnProvider, DEFAULT_ENDPOINT, EndpointSettings, EndpointState, NewAkamaiKey, NewStreamingEndpoint,
    StreamingEndpoint,
};
pub use transaction::{By, Transaction};

use database::Database;
use load::Known;

/// The demo film's locator, the same on every installation.
pub const DEMO_LOCATOR: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_dec0_de00);

/// The storage account that a new catalogue has: a folder in `data_dir`.
const LOCAL_ACCOUNT: &str = "local";

/// How a catalogue is opened.
pub struct Options {
    /// Where it is kept.
    pub database: Address,
    /// Headwater's own folder.
    pub data_dir: PathBuf,
    /// What knows storage.
    pub containers: Arc<dyn Containers>,
    /// What keeps secrets.
    pub sealer: Arc<dyn KeySealer>,
    /// How many of a thing there can be.
    pub limits: Limits,
    /// How new assets are spread over storage accounts.
    pub placement: Placement,
    /// The folder that is published at [`DEMO_LOCATOR`].
    pub demo: Option<PathBuf>,
    /// What is done with symbolic links in folders.
    pub symlinks: Symlinks,
    /// The time, for what a new catalogue is filled with.
    pub now: UtcTime,
}

impl Options {
    /// A catalogue in a file in `data_dir`, with local folders and without secrets.
    pub fn local(data_dir: &Path, now: UtcTime) -> Options {
        Options {
            database: Address::File(data_dir.join(Address::FILE)),
            data_dir: data_dir.to_owned(),
            containers: Arc::new(AccountContainers::new(data_dir, Symlinks::Inside, HashMap::new())),
            sealer: Arc::new(NoMasterKey),
            limits: Limits::default(),
            placement: Placement::Default,
            demo: None,
            symlinks: Symlinks::Inside,
            now,
        }
    }
}

/// The catalogue. Clones are the same catalogue.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    database: Database,
    containers: Arc<dyn Containers>,
    sealer: Arc<dyn KeySealer>,
    limits: Limits,
    placement: Placement,
    demo: Option<Arc<PublishedAsset>>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while the snapshot is brought up to date, so that an older one never takes the place of a newer one.
    known: Mutex<Known>,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("version", &self.snapshot().version).finish_non_exhaustive()
    }
}

impl Catalog {
    /// Opens the catalogue: brings its tables up to date, fills it if it is new, takes over the list of an
    /// earlier version, and loads what is published.
    ///
    /// # Errors
    /// [`Error`] when the database cannot be opened or is a newer Headwater's.
    pub async fn open(options: Options) -> Result<Catalog, Error> {
        let database = Database::open(&options.database).await?;
        let demo = options.demo.as_deref();
        let demo = demo.map(|folder| {
            let asset = PublishedAsset::folder(DEMO_LOCATOR, folder, options.symlinks);
            Arc::new(PublishedAsset { store: options.containers.watch(Arc::clone(&asset.store)), ..asset })
        });
        let catalog = Catalog(Arc::new(Inner {
            database,
            containers: options.containers,
            sealer: options.sealer,
            limits: options.limits,
            placement: options.placement,
            demo,
            snapshot: ArcSwap::default(),
            known: Mutex::default(),
        }));
        if catalog.version().await? == Version(0) {
            catalog.fill(&options.data_dir, options.now).await?;
        }
        catalog.take_over(&options.data_dir, options.now).await?;
        catalog.refresh().await?;
        Ok(catalog)
    }

    /// What is there from the beginning: two storage accounts, and an endpoint that answers.
    async fn fill(&self, data_dir: &Path, now: UtcTime) -> Result<(), Error> {
        let mut transaction = self.begin(By::new("headwater", now)).await?;
        if transaction.count::<StorageAccount>(None).await? > 0 {
            // Another process was faster.
            return Ok(());
        }
        let root = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()).join("containers");
        let account =
            |name: &str, backend| NewStorageAccount { name: name.to_owned(), backend, capacity_bytes: None, weight: 1 };
        transaction.create_storage_account(account(IN_PLACE, Backend::InPlace), None).await?;
        transaction.create_storage_account(account(LOCAL_ACCOUNT, Backend::Folder { root }), None).await?;
        transaction.create_default_endpoint().await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What is behind a streaming URL's locator, given as its 16 bytes in the order of its text, valid or not.
    pub fn find_published(&self, locator: &[u8; 16]) -> Option<Arc<PublishedAsset>> {
        match &self.0.demo {
            Some(demo) if demo.id == *locator => Some(Arc::clone(demo)),
            _ => self.0.snapshot.load().find(locator).cloned(),
        }
    }

    /// All that is published, now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// The demo film, if there is one.
    pub fn demo(&self) -> Option<&Arc<PublishedAsset>> {
        self.0.demo.as_ref()
    }

    /// Closes the database when what is under way there is done.
    pub async fn close(&self) {
        self.database().close().await;
    }

    fn database(&self) -> &Database {
        &self.0.database
    }

    fn containers(&self) -> &dyn Containers {
        &*self.0.containers
    }

    fn sealer(&self) -> &dyn KeySealer {
        &*self.0.sealer
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn placement(&self) -> Placement {
        self.0.placement
    }

    fn known(&self) -> &Mutex<Known> {
        &self.0.known
    }

    fn is_shared(&self) -> bool {
        matches!(self.0.database, Database::Postgres { .. })
    }

    fn publish_snapshot(&self, snapshot: Snapshot) {
        self.0.snapshot.store(Arc::new(snapshot));
    }
}
