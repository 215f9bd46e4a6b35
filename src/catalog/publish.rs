//! The short way to publish: a folder, where it is, for good.
//!
//! It makes what the management API would make: an asset in the account of folders in place, an access
//! policy that all such folders share, and a locator.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::access_policy::{AccessPolicy, NewAccessPolicy, Permissions};
use super::asset::{Asset, AssetFormatOption, AssetOptions, AssetState, ContainerFate};
use super::entity::{Link, Page, Stored};
use super::error::Error;
use super::id::{AssetId, LocatorId};
use super::locator::{Locator, LocatorType};
use super::published_asset::folder_name;
use super::storage_account::IN_PLACE;
use super::transaction::{By, Transaction};
use super::{Catalog, DEMO_LOCATOR, published_json};
use crate::time::UtcTime;

/// The name of the access policy that folders in place share.
const POLICY: &str = "published folders";
/// For how long: a hundred years, as Azure Media Services' own tools chose.
const DURATION_MILLISECONDS: u64 = 36_525 * 24 * 3600 * 1000;
/// Locators begin a little in the past, because clocks of nodes differ.
const HEAD_START_MILLISECONDS: u64 = 5 * 60 * 1000;

/// A locator for streaming, and what it leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What its URLs begin with.
    pub locator: Uuid,
    /// The asset.
    pub asset: AssetId,
    /// The asset's name.
    pub name: String,
    /// The storage account.
    pub account: String,
    /// The container; of folders in place their path.
    pub container: String,
}

impl Entry {
    fn new(locator: &Locator, asset: &Asset) -> Entry {
        Entry {
            locator: locator.id.guid(),
            asset: asset.id,
            name: asset.name.clone().unwrap_or_default(),
            account: asset.storage_account.clone(),
            container: asset.container.clone(),
        }
    }

    /// The folder, if it is one that is published where it is.
    pub fn folder(&self) -> Option<&Path> {
        (self.account == IN_PLACE).then(|| Path::new(&self.container))
    }
}

/// The asset of a folder in place: the same on every node that has the folder at that path.
fn asset_of_folder(folder: &str) -> AssetId {
    let digest = Sha256::new().chain_update(b"headwater: a folder in place\0").chain_update(folder).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
    AssetId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

impl Catalog {
    /// Publishes `folder` under `locator`, or one of its own choice. A folder that is already published keeps
    /// its locator.
    ///
    /// # Errors
    /// [`Error::LocatorTaken`] when something else has that locator, [`Error::HasLocator`] when the folder has
    /// another; else when it is no folder, or the catalogue cannot be changed.
    pub async fn publish_folder(&self, by: By, folder: &Path, locator: Option<Uuid>) -> Result<Entry, Error> {
        let no_folder = |source| Error::NoFolder { folder: folder.to_owned(), source };
        let real = std::fs::canonicalize(folder).map_err(no_folder)?;
        if !real.is_dir() {
            return Err(no_folder(io::ErrorKind::NotADirectory.into()));
        }
        let start = UtcTime { unix_millis: by.now.unix_millis.saturating_sub(HEAD_START_MILLISECONDS) };
        let mut transaction = self.begin(by).await?;
        let entry = transaction.publish_folder(&real, locator, start).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// Ends a locator, or all locators of a folder in place. Files stay where they are, and so does an asset
    /// with a container of its own.
    ///
    /// # Errors
    /// [`Error::NotPublished`], or when the catalogue cannot be changed.
    pub async fn unpublish(&self, by: By, what: &str) -> Result<Entry, Error> {
        let mut transaction = self.begin(by).await?;
        let entry = transaction.unpublish(what).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// All locators for streaming with their assets, in the order in which they were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn published(&self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut page = Page::first();
        loop {
            let locators = self.list_ordered::<Locator>(&page).await?;
            let Some((last, _)) = locators.last() else { return Ok(entries) };
            page.after = Some(*last);
            for (_, locator) in &locators {
                if locator.locator_type == LocatorType::OnDemandOrigin
                    && let Some(asset) = self.find::<Asset>(&locator.asset_id).await?
                {
                    entries.push(Entry::new(locator, &asset));
                }
            }
        }
    }

    /// Takes over the list of an earlier version.
    pub(super) async fn take_over(&self, data_dir: &Path, now: UtcTime) -> Result<(), Error> {
        let Some(entries) = published_json::read(data_dir)? else { return Ok(()) };
        let mut transaction = self.begin(By::new("headwater", now)).await?;
        for entry in &entries {
            match transaction.publish_folder(&entry.folder, Some(entry.locator), entry.created()).await {
                Ok(_) => {}
                Err(error @ (Error::LocatorTaken { .. } | Error::HasLocator { .. } | Error::PathNotUtf8 { .. })) => {
                    tracing::warn!(%error, "an entry of published.json is not taken over");
                }
                Err(error) => return Err(error),
            }
        }
        transaction.commit().await?;
        published_json::set_aside(data_dir)?;
        tracing::info!(films = entries.len(), "published.json is now in the catalogue");
        Ok(())
    }
}

impl Transaction<'_> {
    async fn publish_folder(&mut self, real: &Path, locator: Option<Uuid>, start: UtcTime) -> Result<Entry, Error> {
        let container = real.to_str().ok_or_else(|| Error::PathNotUtf8 { folder: real.to_owned() })?;
        let id = asset_of_folder(container);
        let asset = match self.find::<Asset>(&id).await? {
            Some(asset) => asset.entity,
            None => {
                let asset = Asset {
                    id,
                    state: AssetState::Initialized,
                    created: self.now(),
                    last_modified: self.now(),
                    alternate_id: None,
                    name: Some(folder_name(real)),
                    options: AssetOptions::None,
                    format_option: AssetFormatOption::None,
                    storage_account: IN_PLACE.to_owned(),
                    container: container.to_owned(),
                };
                self.insert_asset(&asset).await?;
                asset
            }
        };
        let locators: Vec<Stored<Locator>> = self.list(&Page::of(id)).await?;
        let mut streaming = locators.iter().filter(|l| l.locator_type == LocatorType::OnDemandOrigin);
        match (locator, streaming.next()) {
            (Some(wanted), Some(first)) => {
                let all = std::iter::once(first).chain(streaming);
                return match all.into_iter().find(|known| known.id.guid() == wanted) {
                    Some(known) => Ok(Entry::new(known, &asset)),
                    None => Err(Error::HasLocator { folder: real.to_owned(), locator: first.id.guid() }),
                };
            }
            (None, Some(known)) => return Ok(Entry::new(known, &asset)),
            (_, None) => {}
        }
        if let Some(wanted) = locator {
            self.is_free(wanted).await?;
        }
        let policy = self.shared_policy().await?;
        let locator = Locator {
            id: locator.map_or_else(LocatorId::random, LocatorId),
            locator_type: LocatorType::OnDemandOrigin,
            asset_id: id,
            access_policy_id: policy.id,
            permissions: policy.permissions,
            start,
            expiration: UtcTime { unix_millis: start.unix_millis.saturating_add(policy.duration_milliseconds) },
            name: None,
            demands_path_token: false,
            created: self.now(),
        };
        self.insert(&locator).await?;
        self.link(Link::LocatorAccessPolicy, &locator.id.to_string(), &policy.id.to_string()).await?;
        Ok(Entry::new(&locator, &asset))
    }

    async fn is_free(&mut self, locator: Uuid) -> Result<(), Error> {
        let by = if locator == DEMO_LOCATOR {
            Some("the demo film".to_owned())
        } else if let Some(other) = self.find::<Locator>(&LocatorId(locator)).await? {
            let asset = self.find::<Asset>(&other.asset_id).await?;
            Some(asset.map_or_else(|| other.asset_id.to_string(), |asset| asset.entity.container))
        } else {
            None
        };
        by.map_or(Ok(()), |by| Err(Error::LocatorTaken { locator, by }))
    }

    async fn shared_policy(&mut self) -> Result<AccessPolicy, Error> {
        let fits = |policy: &Stored<AccessPolicy>| {
            policy.permissions == Permissions::READ && policy.duration_milliseconds == DURATION_MILLISECONDS
        };
        let known: Vec<Stored<AccessPolicy>> = self.list(&Page::named(POLICY)).await?;
        if let Some(policy) = known.into_iter().find(fits) {
            return Ok(policy.entity);
        }
        let name = Some(POLICY.to_owned());
        let duration_milliseconds = Some(DURATION_MILLISECONDS);
        self.create_access_policy(NewAccessPolicy { name, duration_milliseconds, permissions: Permissions::READ }).await
    }

    async fn unpublish(&mut self, what: &str) -> Result<Entry, Error> {
        let not_published = || Error::NotPublished { what: what.to_owned() };
        let (asset, locators) = match Uuid::parse_str(what) {
            Ok(guid) => {
                let locator = self.find::<Locator>(&LocatorId(guid)).await?.ok_or_else(not_published)?.entity;
                (self.get::<Asset>(&locator.asset_id).await?.entity, vec![locator])
            }
            Err(_) => {
                // The folder may be gone by now, so its name counts as well as where it leads.
                let named = std::path::absolute(what).unwrap_or_else(|_| PathBuf::from(what));
                let real = std::fs::canonicalize(what).unwrap_or_else(|_| named.clone());
                let mut found = None;
                for path in [real, named] {
                    if let Some(path) = path.to_str() {
                        found = found.or(self.find::<Asset>(&asset_of_folder(path)).await?);
                    }
                }
                let asset = found.ok_or_else(not_published)?.entity;
                let locators: Vec<Stored<Locator>> = self.list(&Page::of(asset.id)).await?;
                (asset, locators.into_iter().map(|stored| stored.entity).collect())
            }
        };
        let first =
            locators.iter().find(|l| l.locator_type == LocatorType::OnDemandOrigin).ok_or_else(not_published)?;
        let entry = Entry::new(first, &asset);
        for locator in &locators {
            self.delete_locator(locator.id).await?;
        }
        let left: Vec<Stored<Locator>> = self.list(&Page::of(asset.id)).await?;
        if asset.storage_account == IN_PLACE && left.is_empty() {
            self.delete_asset(asset.id, ContainerFate::Keep).await?;
        }
        Ok(entry)
    }
}
