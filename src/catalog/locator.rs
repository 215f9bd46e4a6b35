//! Locators: an asset, reachable from a time to a time (object model §4.2).

use serde::{Deserialize, Serialize};

use super::access_policy::{AccessPolicy, Permissions};
use super::asset::{Asset, AssetOptions};
use super::asset_file::AssetFile;
use super::entity::{Entity, Kind, Link, Page, Stored, Version, millis};
use super::error::Error;
use super::id::{AccessPolicyId, AssetId, LocatorId};
use super::rules::{self, MAX_NAME};
use super::storage_account::StorageAccount;
use super::transaction::Transaction;
use super::{Catalog, DEMO_LOCATOR};
use crate::time::UtcTime;

super::numbers::numbered! {
    /// What a locator leads to.
    LocatorType {
        /// The container itself, by a signed URL.
        Sas = 1 "Sas",
        /// Streaming and downloads through the origin.
        OnDemandOrigin = 2 "OnDemandOrigin",
    }
}

/// A locator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Locator {
    /// Its identifier; the GUID stands in streaming URLs.
    pub id: LocatorId,
    /// What it leads to.
    pub locator_type: LocatorType,
    /// The asset.
    pub asset_id: AssetId,
    /// The policy that says for how long, and what for.
    pub access_policy_id: AccessPolicyId,
    /// The policy's permissions when the locator was made; policies never change.
    pub permissions: Permissions,
    /// From when it is valid.
    #[serde(with = "millis")]
    pub start: UtcTime,
    /// Until when: the start plus the policy's duration.
    #[serde(with = "millis")]
    pub expiration: UtcTime,
    /// Its name.
    pub name: Option<String>,
    /// Whether its URLs need a token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demands_path_token: bool,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
}

impl Locator {
    /// Valid at `now`: from its start, and not any more at its expiration.
    pub fn is_valid(&self, now: UtcTime) -> bool {
        (self.start.unix_millis..self.expiration.unix_millis).contains(&now.unix_millis)
    }
}

impl Entity for Locator {
    const KIND: Kind = Kind::Locator;
    type Id = LocatorId;

    fn id(&self) -> LocatorId {
        self.id
    }

    fn parent(&self) -> Option<String> {
        Some(self.asset_id.to_string())
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// What a locator is created with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLocator {
    /// Its identifier; one of random bits if not given.
    pub id: Option<LocatorId>,
    /// What it leads to.
    pub locator_type: LocatorType,
    /// The asset.
    pub asset_id: AssetId,
    /// The policy.
    pub access_policy_id: AccessPolicyId,
    /// From when; now if not given. Clients choose a few minutes ago because clocks differ.
    pub start: Option<UtcTime>,
    /// Its name.
    pub name: Option<String>,
}

/// Whether the container has files, as storage says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Files {
    Some,
    None,
}

impl Catalog {
    /// Creates a locator. As [`Transaction::create_locator`], and files that are in the container count even
    /// if there is no record of them.
    ///
    /// # Errors
    /// As [`Transaction::create_locator`].
    pub async fn create_locator(&self, by: super::By, new: NewLocator) -> Result<Locator, Error> {
        let files = self.has_files(new.asset_id).await?;
        let mut transaction = self.begin(by).await?;
        let locator = transaction.insert_locator(new, files).await?;
        transaction.commit().await?;
        Ok(locator)
    }

    async fn has_files(&self, asset: AssetId) -> Result<Files, Error> {
        let Some(asset) = self.find::<Asset>(&asset).await? else { return Ok(Files::None) };
        let Some(account) = self.find::<StorageAccount>(&asset.storage_account).await? else { return Ok(Files::None) };
        Ok(match self.open_container(&account, &asset.container).await {
            Ok(store) => store
                .list("")
                .await
                .map_or(Files::None, |files| if files.is_empty() { Files::None } else { Files::Some }),
            Err(_) => Files::None,
        })
    }
}

impl Transaction<'_> {
    /// Creates a locator for an asset with file records.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that asset or policy; [`Error::Conflict`] for an id that is taken, and beyond
    /// five locators; [`Error::Invalid`] for an origin locator whose policy allows more than reading, whose asset
    /// has no files, or is encrypted in storage and has no delivery policy.
    pub async fn create_locator(&mut self, new: NewLocator) -> Result<Locator, Error> {
        self.insert_locator(new, Files::None).await
    }

    async fn insert_locator(&mut self, new: NewLocator, files: Files) -> Result<Locator, Error> {
        rules::maybe_text(Kind::Locator, "Name", new.name.as_deref(), MAX_NAME)?;
        let asset = self.get::<Asset>(&new.asset_id).await?.entity;
        let policy = self.get::<AccessPolicy>(&new.access_policy_id).await?.entity;
        let id = new.id.unwrap_or_else(LocatorId::random);
        if id.guid() == DEMO_LOCATOR || self.find::<Locator>(&id).await?.is_some() {
            return Err(Error::conflict(format!("the locator id {id} is taken; choose another")));
        }
        let limit = self.catalog.limits().locators_per_asset;
        if self.count::<Locator>(Some(&asset.id.to_string())).await? >= limit {
            let problem = format!("asset {} has {limit} locators, the most there can be; delete one first", asset.id);
            return Err(Error::conflict(problem));
        }
        let permissions = policy.permissions;
        let has_files = || files == Files::Some;
        match new.locator_type {
            LocatorType::OnDemandOrigin => {
                if permissions != Permissions::READ {
                    let problem = "a locator for streaming needs a policy that allows Read (1) and nothing else";
                    return Err(Error::invalid(Kind::Locator, "AccessPolicyId", problem));
                }
                self.may_stream(&asset).await?;
                self.needs_files(&asset, has_files()).await?;
            }
            LocatorType::Sas if permissions.is_none() => {
                let problem = "its policy allows nothing; take one that allows Read, Write, Delete or List";
                return Err(Error::invalid(Kind::Locator, "AccessPolicyId", problem));
            }
            // Whoever uploads comes before the files.
            LocatorType::Sas if permissions.contains(Permissions::WRITE) => {}
            LocatorType::Sas => self.needs_files(&asset, has_files()).await?,
        }
        let start = new.start.unwrap_or(self.now());
        let locator = Locator {
            id,
            locator_type: new.locator_type,
            asset_id: asset.id,
            access_policy_id: policy.id,
            permissions,
            start,
            expiration: expiration(start, &policy)?,
            name: new.name,
            demands_path_token: false,
            created: self.now(),
        };
        self.insert(&locator).await?;
        self.link(Link::LocatorAccessPolicy, &id.to_string(), &policy.id.to_string()).await?;
        Ok(locator)
    }

    /// Moves the start of a locator, and with it its expiration.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a SAS locator, whose URL is signed for its times.
    pub async fn update_locator_start(
        &mut self,
        id: LocatorId,
        start: UtcTime,
        expected: Option<Version>,
    ) -> Result<Locator, Error> {
        let mut locator: Locator = self.for_update(&id, expected).await?;
        if locator.locator_type == LocatorType::Sas {
            let problem = "a SAS locator cannot be changed, its URL is signed for its times; create another";
            return Err(Error::invalid(Kind::Locator, "StartTime", problem));
        }
        let policy = self.get::<AccessPolicy>(&locator.access_policy_id).await?.entity;
        locator.start = start;
        locator.expiration = expiration(start, &policy)?;
        self.replace(&locator).await?;
        Ok(locator)
    }

    /// Deletes a locator: streaming through it ends at once, the asset stays.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_locator(&mut self, id: LocatorId) -> Result<Locator, Error> {
        let locator = self.get::<Locator>(&id).await?.entity;
        self.remove(&locator).await?;
        Ok(locator)
    }

    /// What is encrypted in storage streams only as a delivery policy says (streaming contract §8.1).
    async fn may_stream(&mut self, asset: &Asset) -> Result<(), Error> {
        if asset.options == AssetOptions::StorageEncrypted
            && self.linked(Link::AssetDeliveryPolicies, &asset.id).await?.is_empty()
        {
            let problem = "the asset is encrypted in storage and has no delivery policy; link one to it first";
            return Err(Error::invalid(Kind::Locator, "AssetId", problem));
        }
        Ok(())
    }

    async fn needs_files(&mut self, asset: &Asset, in_container: bool) -> Result<(), Error> {
        if in_container || self.count::<AssetFile>(Some(&asset.id.to_string())).await? > 0 {
            return Ok(());
        }
        let problem = "the asset has no files; upload them and create their records (CreateFileInfos) first";
        Err(Error::invalid(Kind::Locator, "AssetId", problem))
    }

    /// The asset has a locator for streaming, valid or not.
    pub(super) async fn has_origin_locator(&mut self, asset: &str) -> Result<bool, Error> {
        let locators: Vec<Stored<Locator>> = self.list(&Page::of(asset)).await?;
        Ok(locators.iter().any(|locator| locator.locator_type == LocatorType::OnDemandOrigin))
    }
}

/// The last moment that dates can write, milliseconds since 1970: 31 December 9999.
const LAST_MOMENT: u64 = 253_402_300_799_999;

fn expiration(start: UtcTime, policy: &AccessPolicy) -> Result<UtcTime, Error> {
    match start.unix_millis.checked_add(policy.duration_milliseconds) {
        Some(unix_millis) if unix_millis <= LAST_MOMENT => Ok(UtcTime { unix_millis }),
        _ => Err(Error::invalid(
            Kind::Locator,
            "StartTime",
            "the locator would end after the year 9999; start it earlier",
        )),
    }
}
