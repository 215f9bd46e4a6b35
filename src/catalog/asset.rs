//! Assets: one audiovisual presentation, one container of files (object model §2).

use serde::{Deserialize, Serialize};

use super::database::Running;
use super::entity::{Entity, Kind, Page, Stored, Version, millis};
use super::error::Error;
use super::id::AssetId;
use super::numbers::numbered;
use super::rules::{self, MAX_NAME};
use super::storage_account::StorageAccount;
use super::transaction::{By, Transaction};
use super::{AssetFile, AssetFilter, Catalog, Locator};
use crate::time::UtcTime;

numbered! {
    /// Where an asset is in its life. New ones stay initialized; `Published` belonged to an older way of publishing.
    AssetState {
        /// Exists.
        Initialized = 0 "Initialized",
        /// Published in the old way.
        Published = 1 "Published",
        /// No more.
        Deleted = 2 "Deleted",
    }

    /// Whether and how the files of an asset are encrypted where they are stored. Fixed at creation.
    AssetOptions {
        /// In the clear.
        None = 0 "None",
        /// AES-256-CTR under a storage key (§12.3); decrypted while streaming.
        StorageEncrypted = 1 "StorageEncrypted",
        /// Already protected by common encryption; served as it is.
        CommonEncryptionProtected = 2 "CommonEncryptionProtected",
        /// Already protected HLS; served as it is.
        EnvelopeEncryptionProtected = 4 "EnvelopeEncryptionProtected",
    }

    /// In which form an encoder wrote the asset.
    AssetFormatOption {
        /// Files as they come.
        None = 0 "NoFormat",
        /// Fragmented MP4.
        AdaptiveStreaming = 1 "AdaptiveStreaming",
    }
}

/// An asset.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asset {
    /// Its identifier.
    pub id: AssetId,
    /// Where it is in its life.
    pub state: AssetState,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
    /// When it was last changed.
    #[serde(with = "millis")]
    pub last_modified: UtcTime,
    /// An identifier of the application's own.
    pub alternate_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// How its files are encrypted.
    pub options: AssetOptions,
    /// In which form it was written.
    pub format_option: AssetFormatOption,
    /// The storage account that holds its container; never another.
    pub storage_account: String,
    /// The container's name there: `asset-{guid}`, or the folder of a film that is published where it is.
    pub container: String,
}

impl Entity for Asset {
    const KIND: Kind = Kind::Asset;
    type Id = AssetId;

    fn id(&self) -> AssetId {
        self.id
    }

    fn parent(&self) -> Option<String> {
        Some(self.storage_account.clone())
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// What an asset is created with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAsset {
    /// Its identifier; one of random bits if not given. For films that come with one.
    pub id: Option<AssetId>,
    /// An identifier of the application's own.
    pub alternate_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// How its files are encrypted.
    pub options: AssetOptions,
    /// In which form it was written.
    pub format_option: AssetFormatOption,
    /// A storage account by name; else one is chosen.
    pub storage_account: Option<String>,
    /// A container that is there already; else `asset-{guid}` is made.
    pub container: Option<String>,
}

impl Default for NewAsset {
    fn default() -> NewAsset {
        NewAsset {
            id: None,
            alternate_id: None,
            name: None,
            options: AssetOptions::None,
            format_option: AssetFormatOption::None,
            storage_account: None,
            container: None,
        }
    }
}

/// What of an asset may be changed; `None` leaves it as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AssetUpdate {
    /// An identifier of the application's own, or none.
    pub alternate_id: Option<Option<String>>,
    /// A name, or none.
    pub name: Option<Option<String>>,
}

/// What becomes of the container when its asset is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContainerFate {
    /// It is removed with all its files. Folders that are published where they are stay in any case.
    Remove,
    /// It stays.
    Keep,
}

impl NewAsset {
    /// The asset that it will be.
    fn build(self, id: AssetId, account: &StorageAccount, now: UtcTime) -> Result<Asset, Error> {
        rules::maybe_text(Kind::Asset, "Name", self.name.as_deref(), MAX_NAME)?;
        rules::maybe_text(Kind::Asset, "AlternateId", self.alternate_id.as_deref(), MAX_NAME)?;
        let container = self.container.unwrap_or_else(|| container_of(id));
        if container.is_empty() || container.len() > MAX_CONTAINER {
            let problem = format!("the container's name has to have 1 to {MAX_CONTAINER} bytes");
            return Err(Error::invalid(Kind::Asset, "Uri", problem));
        }
        rules::text(Kind::Asset, "Uri", &container, MAX_CONTAINER)?;
        Ok(Asset {
            id,
            state: AssetState::Initialized,
            created: now,
            last_modified: now,
            alternate_id: self.alternate_id,
            name: self.name,
            options: self.options,
            format_option: self.format_option,
            storage_account: account.name.clone(),
            container,
        })
    }
}

/// The longest name of a container, or path of a folder in place, bytes.
const MAX_CONTAINER: usize = 1024;

/// The name of an asset's own container.
pub fn container_of(id: AssetId) -> String {
    format!("asset-{}", id.guid().as_hyphenated())
}

impl Catalog {
    /// Creates an asset and its container.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a storage account that is not linked, [`Error::Conflict`] for an id that is taken,
    /// [`Error::Quota`], [`Error::Invalid`]; [`Error::Container`] when storage fails.
    pub async fn create_asset(&self, by: By, new: NewAsset) -> Result<Asset, Error> {
        let id = new.id.unwrap_or_else(AssetId::random);
        let account = self.place(new.storage_account.as_deref()).await?;
        let makes_container = new.container.is_none();
        let asset = new.build(id, &account, by.now)?;
        if self.find::<Asset>(&id).await?.is_some() {
            return Err(taken(id));
        }
        // The container first: it may take a while, and an asset without one would be half made. A container
        // that is left over from a crash is empty and harms nobody.
        if makes_container {
            // Or what is made would be removed with what was there before.
            not_being_removed(&mut self.database().read().await?, &account.name, &asset.container).await?;
            self.make_container(&account, &asset.container).await?;
        }
        let mut transaction = self.begin(by).await?;
        transaction.insert_asset(&asset).await?;
        transaction.commit().await?;
        Ok(asset)
    }
}

/// The container is not that of a deleted asset, on its way out.
async fn not_being_removed(running: &mut Running, account: &str, container: &str) -> Result<(), Error> {
    let sql = "SELECT COUNT(*) FROM removal WHERE account = $1 AND container = $2";
    match running.number(sql, &[account.into(), container.into()]).await? {
        0 => Ok(()),
        _ => Err(Error::conflict(format!(
            "the container {container} of a deleted asset is still being removed; try again in a moment"
        ))),
    }
}

fn taken(id: AssetId) -> Error {
    Error::conflict(format!("the asset id {id} is taken; leave it out, or choose another"))
}

impl Transaction<'_> {
    /// Creates an asset and its container among other things. A container that is left over when the change does
    /// not come about is empty and harms nobody; making it is the one slow thing that a change may do.
    ///
    /// # Errors
    /// As [`Catalog::create_asset`].
    pub async fn create_asset(&mut self, new: NewAsset) -> Result<Asset, Error> {
        let account = self.catalog.place(new.storage_account.as_deref()).await?;
        let (id, makes_container) = (new.id.unwrap_or_else(AssetId::random), new.container.is_none());
        let asset = new.build(id, &account, self.now())?;
        self.insert_asset(&asset).await?;
        if makes_container {
            self.catalog.make_container(&account, &asset.container).await?;
        }
        Ok(asset)
    }

    /// Creates an asset for a container that is there: `new` names account and container.
    ///
    /// # Errors
    /// As [`Catalog::create_asset`]; [`Error::Invalid`] without account or container.
    pub async fn import_asset(&mut self, new: NewAsset) -> Result<Asset, Error> {
        let (Some(account), Some(_)) = (&new.storage_account, &new.container) else {
            let problem = "an asset of files that are there needs its account and its container";
            return Err(Error::invalid(Kind::Asset, "StorageAccountName", problem));
        };
        let account = self.get::<StorageAccount>(account).await?.entity;
        let id = new.id.unwrap_or_else(AssetId::random);
        let asset = new.build(id, &account, self.now())?;
        self.insert_asset(&asset).await?;
        Ok(asset)
    }

    /// Adds an asset whose container is there.
    pub(super) async fn insert_asset(&mut self, asset: &Asset) -> Result<(), Error> {
        if self.find::<Asset>(&asset.id).await?.is_some() {
            return Err(taken(asset.id));
        }
        let limit = self.catalog.limits().assets;
        if self.count::<Asset>(None).await? >= limit {
            return Err(Error::Quota { limit, what: "assets" });
        }
        not_being_removed(&mut self.running, &asset.storage_account, &asset.container).await?;
        // The account may have been unlinked since it was chosen.
        self.get::<StorageAccount>(&asset.storage_account).await?;
        self.insert(asset).await
    }

    /// Changes what of an asset may change.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Changed`] if it is not `expected` any more.
    pub async fn update_asset(
        &mut self,
        id: AssetId,
        update: AssetUpdate,
        expected: Option<Version>,
    ) -> Result<Asset, Error> {
        let mut asset: Asset = self.for_update(&id, expected).await?;
        if let Some(name) = update.name {
            rules::maybe_text(Kind::Asset, "Name", name.as_deref(), MAX_NAME)?;
            asset.name = name;
        }
        if let Some(alternate_id) = update.alternate_id {
            rules::maybe_text(Kind::Asset, "AlternateId", alternate_id.as_deref(), MAX_NAME)?;
            asset.alternate_id = alternate_id;
        }
        asset.last_modified = self.now();
        self.replace(&asset).await?;
        Ok(asset)
    }

    /// Deletes an asset with its file records, locators and filters. Its content keys and policies stay,
    /// without their links to it. The container is removed soon after, also if this process ends before.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_asset(&mut self, id: AssetId, fate: ContainerFate) -> Result<(), Error> {
        let asset = self.get::<Asset>(&id).await?.entity;
        self.delete_children::<Locator>(id).await?;
        self.delete_children::<AssetFilter>(id).await?;
        self.delete_children::<AssetFile>(id).await?;
        self.remove(&asset).await?;
        let account = self.get::<StorageAccount>(&asset.storage_account).await?;
        if fate == ContainerFate::Remove && account.backend.owns_containers() && !self.shares_container(&asset).await? {
            let sql = "INSERT INTO removal (account, container, due) VALUES ($1, $2, $3) \
                       ON CONFLICT (account, container) DO NOTHING";
            let now = self.now().unix_millis;
            self.execute(sql, &[(&asset.storage_account).into(), (&asset.container).into(), now.into()]).await?;
        }
        Ok(())
    }

    async fn delete_children<E: Entity>(&mut self, asset: AssetId) -> Result<(), Error> {
        loop {
            let children: Vec<Stored<E>> = self.list(&Page::of(asset)).await?;
            if children.is_empty() {
                return Ok(());
            }
            for child in children {
                self.remove(&child.entity).await?;
            }
        }
    }

    /// Another asset has the same container: its files are not ours to remove.
    async fn shares_container(&mut self, asset: &Asset) -> Result<bool, Error> {
        if asset.container == container_of(asset.id) {
            return Ok(false);
        }
        let mut page = Page::of(&asset.storage_account);
        loop {
            let others: Vec<Stored<Asset>> = self.list(&page).await?;
            if others.iter().any(|other| other.container == asset.container) {
                return Ok(true);
            }
            if others.len() < page.limit as usize {
                return Ok(false);
            }
            page.skip += u64::from(page.limit);
        }
    }
}
