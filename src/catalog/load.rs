//! From the database to a snapshot: as a whole when a node starts, and then only what has changed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Catalog;
use super::access::G2oKey;
use super::asset::{Asset, AssetOptions};
use super::asset_file::{AssetFile, EncryptionScheme};
use super::asset_key::{self, AssetKey};
use super::containers::{ContainerEncryption, OpenAccount};
use super::content_key::{ContentKey, ContentKeyType};
use super::database::Running;
use super::delivery_policy::DeliveryPolicy;
use super::entity::{Entity, Kind, Link, Page, Version};
use super::error::Error;
use super::filter::{AssetFilter, Filter};
use super::id::{AssetId, DeliveryPolicyId, LocatorId};
use super::locator::Locator;
use super::published_asset::PublishedAsset;
use super::read::{self, ChangeRecord};
use super::snapshot::{Endpoint, Snapshot};
use super::storage_account::StorageAccount;
use super::streaming_endpoint::StreamingEndpoint;
use super::transaction::secret_context;
use crate::secrets::Sealed;

/// More changes than this at once are not looked at one by one.
const MANY_CHANGES: u32 = 5000;

/// What a snapshot is made from and requests do not need.
#[derive(Default)]
pub(super) struct Known {
    accounts: HashMap<String, (OpenAccount, Option<Sealed>)>,
}

type Policies = Arc<[Arc<DeliveryPolicy>]>;

/// What belongs to one published asset.
#[derive(Clone)]
pub(super) struct Belonging {
    pub(super) policies: Policies,
    pub(super) filters: Arc<[AssetFilter]>,
    pub(super) keys: Arc<[AssetKey]>,
}

/// All that belongs to published assets, by asset.
#[derive(Default)]
struct Belongings {
    policies: HashMap<String, Vec<Arc<DeliveryPolicy>>>,
    filters: HashMap<String, Vec<AssetFilter>>,
    keys: HashMap<String, Vec<AssetKey>>,
}

impl Catalog {
    /// Brings the snapshot up to date with the database; says whether anything had changed.
    ///
    /// # Errors
    /// When the database fails; the snapshot stays what it was.
    pub async fn refresh(&self) -> Result<bool, Error> {
        let mut known = self.known().lock().await;
        let current = self.snapshot();
        let mut running = self.database().read().await?;
        let head = read::head(&mut running).await?;
        if head == current.version && !known.accounts.is_empty() {
            return Ok(false);
        }
        let changes = match current.version {
            Version(0) => Vec::new(),
            version => read::changes(&mut running, version, MANY_CHANGES).await?,
        };
        // A database that was put back from a copy may be older than what we know.
        let is_whole = current.version == Version(0)
            || head < current.version
            || changes.len() >= MANY_CHANGES as usize
            // Records of kinds that only a newer node knows.
            || changes.last().is_none_or(|last| last.version != head)
            || self.accounts_changed(&mut running, &mut known, &changes).await?;
        let mut next = if is_whole {
            self.load_all(&mut running, &mut known).await?
        } else {
            let mut next = (*current).clone();
            self.apply(&mut running, &known, &mut next, &changes).await?;
            next
        };
        next.version = head;
        self.publish_snapshot(next);
        Ok(true)
    }

    async fn load_all(&self, running: &mut Running, known: &mut Known) -> Result<Snapshot, Error> {
        let mut next = Snapshot::default();
        known.accounts = self.load_accounts(running).await?;
        next.filters = load_filters(running).await?;
        next.endpoints = self.load_endpoints(running).await?;
        next.path_keys = self.load_path_keys(running).await?;
        let belongings = load_belongings(running).await?;
        let sql = "SELECT l.body, a.body FROM entity l JOIN entity a ON a.kind = 'asset' AND a.id = l.parent \
                   WHERE l.kind = 'locator'";
        let rows: Vec<(String, String)> = running.all(sql, &[]).await?;
        let mut shared: HashMap<AssetId, Belonging> = HashMap::new();
        let none = Belonging { policies: Arc::new([]), filters: Arc::new([]), keys: Arc::new([]) };
        for (locator, asset) in rows {
            let locator: Locator = document(&locator)?;
            let asset: Asset = document(&asset)?;
            let id = asset.id.to_string();
            let belonging = match belongings.has(&id) {
                false => none.clone(),
                true => shared.entry(asset.id).or_insert_with(|| belongings.of(&id)).clone(),
            };
            self.put(running, known, &mut next, &asset, &locator, belonging).await?;
        }
        Ok(next)
    }

    /// Applies changes one by one: what each is about is read again as it is now.
    async fn apply(
        &self,
        running: &mut Running,
        known: &Known,
        next: &mut Snapshot,
        changes: &[ChangeRecord],
    ) -> Result<(), Error> {
        let mut assets: BTreeSet<String> = BTreeSet::new();
        for change in changes {
            match change.kind {
                Kind::Asset => {
                    assets.insert(change.id.clone());
                }
                Kind::Locator => {
                    if let Ok(id) = change.id.parse::<LocatorId>() {
                        next.remove(id.guid().as_bytes());
                    }
                    assets.extend(change.parent.clone());
                }
                Kind::AssetFile | Kind::AssetFilter => assets.extend(change.parent.clone()),
                Kind::DeliveryPolicy => {
                    assets.extend(read::linking_to(running, Link::AssetDeliveryPolicies, &change.id).await?);
                }
                Kind::ContentKey => {
                    assets.extend(read::linking_to(running, Link::AssetContentKeys, &change.id).await?);
                }
                _ => {}
            }
        }
        if changes.iter().any(|change| change.kind == Kind::Filter) {
            next.filters = load_filters(running).await?;
        }
        if changes.iter().any(|change| change.kind == Kind::StreamingEndpoint) {
            next.endpoints = self.load_endpoints(running).await?;
            next.path_keys = self.load_path_keys(running).await?;
        }
        for id in assets {
            let Ok(asset_id) = id.parse::<AssetId>() else { continue };
            let Some(asset) = read::find::<Asset>(running, &asset_id).await? else { continue };
            let page = Page::of(&id);
            let locators = read::list::<Locator>(running, &page).await?;
            if locators.is_empty() {
                continue;
            }
            let policies = read::linked::<DeliveryPolicy>(running, Link::AssetDeliveryPolicies, &id).await?;
            let policies: Policies = policies.into_iter().map(|stored| Arc::new(stored.entity)).collect();
            let filters = read::list::<AssetFilter>(running, &page).await?;
            let filters: Arc<[AssetFilter]> = filters.into_iter().map(|stored| stored.entity).collect();
            let keys = asset_key::of_asset(running, &id).await?.into();
            let belonging = Belonging { policies, filters, keys };
            for locator in locators {
                self.put(running, known, next, &asset, &locator, belonging.clone()).await?;
            }
        }
        Ok(())
    }

    /// Adds what a locator publishes. What cannot be opened is left out and said in the log.
    async fn put(
        &self,
        running: &mut Running,
        known: &Known,
        next: &mut Snapshot,
        asset: &Asset,
        locator: &Locator,
        belonging: Belonging,
    ) -> Result<(), Error> {
        let Some((account, _)) = known.accounts.get(&asset.storage_account) else {
            tracing::error!(asset = %asset.id, account = asset.storage_account, "the storage account of an asset is gone");
            return Ok(());
        };
        // Uploads and downloads by SAS are of the stored bytes.
        let decrypts = asset.options == AssetOptions::StorageEncrypted
            && locator.locator_type == super::LocatorType::OnDemandOrigin;
        let encryption = match decrypts {
            true => match self.encryption(running, asset).await? {
                Some(encryption) => Some(encryption),
                None => return Ok(()),
            },
            false => None,
        };
        match self.containers().open(account, &asset.container, encryption) {
            Ok(store) => next.insert(Arc::new(PublishedAsset::new(asset, locator, store, belonging))),
            Err(error) => {
                let asset = asset.id;
                tracing::error!(%error, %asset, account = account.account.name, "an asset cannot be served");
            }
        }
        Ok(())
    }

    /// The storage key of an asset and its files; `None` if it cannot be opened.
    async fn encryption(&self, running: &mut Running, asset: &Asset) -> Result<Option<ContainerEncryption>, Error> {
        let id = asset.id.to_string();
        let keys = read::linked::<ContentKey>(running, Link::AssetContentKeys, &id).await?;
        let Some(key) = keys.iter().find(|key| key.content_key_type == ContentKeyType::StorageEncryption) else {
            tracing::error!(asset = id, "an asset that is encrypted in storage has no storage key");
            return Ok(None);
        };
        let owner = key.id.to_string();
        let Some(sealed) = read::sealed(running, &owner, super::content_key::MATERIAL).await? else { return Ok(None) };
        let context = secret_context(&owner, super::content_key::MATERIAL);
        let key = match self.sealer().open(&context, &sealed) {
            Ok(key) => key,
            Err(error) => {
                tracing::error!(%error, asset = id, "an encrypted asset cannot be served");
                return Ok(None);
            }
        };
        let mut files = Vec::new();
        let mut page = Page::of(&id);
        loop {
            let records = read::list::<AssetFile>(running, &page).await?;
            let count = records.len();
            files.extend(records.into_iter().filter_map(|record| {
                let encryption = record.entity.encryption?;
                let vector = encryption.initialization_vector?;
                (encryption.scheme == EncryptionScheme::StorageEncryption).then_some((record.entity.name, vector))
            }));
            if count < page.limit as usize {
                return Ok(Some(ContainerEncryption { key, files }));
            }
            page.skip += u64::from(page.limit);
        }
    }

    async fn load_accounts(
        &self,
        running: &mut Running,
    ) -> Result<HashMap<String, (OpenAccount, Option<Sealed>)>, Error> {
        let mut accounts = HashMap::new();
        for stored in read::list::<StorageAccount>(running, &Page::first()).await? {
            let account = stored.entity;
            let name = account.name.clone();
            let sealed = read::sealed(running, &name, super::storage_account::KEY).await?;
            let context = secret_context(&name, super::storage_account::KEY);
            let key = match sealed.as_ref().map(|sealed| self.sealer().open(&context, sealed)).transpose() {
                Ok(key) => key,
                Err(error) => {
                    tracing::error!(%error, account = name, "the key of a storage account cannot be opened");
                    None
                }
            };
            accounts.insert(name, (OpenAccount { account, key }, sealed));
        }
        Ok(accounts)
    }

    /// Notes new accounts; true if one that is known has moved or has another key.
    async fn accounts_changed(
        &self,
        running: &mut Running,
        known: &mut Known,
        changes: &[ChangeRecord],
    ) -> Result<bool, Error> {
        if !changes.iter().any(|change| change.kind == Kind::StorageAccount) {
            return Ok(false);
        }
        let now = self.load_accounts(running).await?;
        let moved = known.accounts.iter().any(|(name, (before, sealed))| {
            let same = |(after, key): &(OpenAccount, Option<Sealed>)| {
                after.account.backend == before.account.backend && key == sealed
            };
            !now.get(name).is_some_and(same)
        });
        known.accounts = now;
        Ok(moved)
    }

    async fn load_endpoints(&self, running: &mut Running) -> Result<Arc<[Endpoint]>, Error> {
        let stored = read::list::<StreamingEndpoint>(running, &Page::first()).await?;
        let endpoint = |settings: StreamingEndpoint| {
            let open = |key: &super::streaming_endpoint::AkamaiKey| {
                let context = StreamingEndpoint::key_context(settings.id, &key.identifier);
                match self.sealer().open(&context, &key.key) {
                    Ok(secret) => Some(G2oKey::new(key.identifier.clone(), &secret, key.expiration)),
                    Err(error) => {
                        tracing::error!(%error, endpoint = settings.name, "a key of Akamai's headers cannot be opened");
                        None
                    }
                }
            };
            let g2o = settings.akamai_keys.iter().filter_map(open).collect();
            Endpoint { settings, g2o }
        };
        Ok(stored.into_iter().map(|stored| endpoint(stored.entity)).collect())
    }
}

impl Belongings {
    fn has(&self, asset: &str) -> bool {
        self.policies.contains_key(asset) || self.filters.contains_key(asset) || self.keys.contains_key(asset)
    }

    fn of(&self, asset: &str) -> Belonging {
        let policies = self.policies.get(asset).map(Vec::as_slice).unwrap_or_default();
        let filters = self.filters.get(asset).map(Vec::as_slice).unwrap_or_default();
        let keys = self.keys.get(asset).map(Vec::as_slice).unwrap_or_default();
        Belonging { policies: policies.into(), filters: filters.into(), keys: keys.into() }
    }
}

async fn load_belongings(running: &mut Running) -> Result<Belongings, Error> {
    let mut belongings = Belongings::default();
    let policies: Vec<DeliveryPolicy> = all(running).await?;
    let policies: HashMap<DeliveryPolicyId, Arc<DeliveryPolicy>> =
        policies.into_iter().map(|policy| (policy.id, Arc::new(policy))).collect();
    let sql = "SELECT from_id, to_id FROM link WHERE kind = $1 ORDER BY ordinal";
    let links: Vec<(String, String)> = running.all(sql, &[Link::AssetDeliveryPolicies.as_str().into()]).await?;
    for (asset, policy) in links {
        if let Some(policy) = policy.parse().ok().and_then(|id| policies.get(&id)) {
            belongings.policies.entry(asset).or_default().push(Arc::clone(policy));
        }
    }
    let keys: Vec<ContentKey> = all(running).await?;
    belongings.keys = asset_key::all(running, &keys).await?;
    for filter in all::<AssetFilter>(running).await? {
        belongings.filters.entry(filter.parent_asset_id.to_string()).or_default().push(filter);
    }
    Ok(belongings)
}

async fn load_filters(running: &mut Running) -> Result<Arc<HashMap<String, Filter>>, Error> {
    let filters: Vec<Filter> = all(running).await?;
    Ok(Arc::new(filters.into_iter().map(|filter| (filter.name.clone(), filter)).collect()))
}

/// All of a kind, however many.
async fn all<E: Entity>(running: &mut Running) -> Result<Vec<E>, Error> {
    let sql = "SELECT body FROM entity WHERE kind = $1 ORDER BY ordinal";
    let rows: Vec<(String,)> = running.all(sql, &[E::KIND.as_str().into()]).await?;
    rows.iter().map(|(body,)| document(body)).collect()
}

fn document<E: Entity>(body: &str) -> Result<E, Error> {
    let damaged =
        |error: serde_json::Error| Error::Damaged { kind: E::KIND, id: String::new(), detail: error.to_string() };
    serde_json::from_str(body).map_err(damaged)
}
