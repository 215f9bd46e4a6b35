//! Storage accounts: where containers of assets are (object model §5).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Catalog;
use super::asset::Asset;
use super::entity::{Entity, Kind, Page, Stored, Version, millis};
use super::error::Error;
use super::transaction::Transaction;
use crate::secrets::SecretBytes;
use crate::time::UtcTime;

/// A storage account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StorageAccount {
    /// Its name, by which assets know it.
    pub name: String,
    /// New assets go here if nothing else is said; true for one account.
    pub is_default: bool,
    /// How many bytes its containers hold, when somebody has counted.
    pub bytes_used: Option<u64>,
    /// How many it may hold; for spreading by free room.
    pub capacity_bytes: Option<u64>,
    /// Its weight when assets are spread by chance; 0 for never.
    pub weight: u32,
    /// What it is.
    pub backend: Backend,
    /// When it was linked.
    #[serde(with = "millis")]
    pub created: UtcTime,
}

/// Where an account's bytes are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Backend {
    /// Folders that somebody else keeps: a container's name is its absolute path. Nothing in them is ever
    /// written or removed.
    InPlace,
    /// A local folder, a subfolder for each container.
    Folder {
        /// The folder.
        root: PathBuf,
    },
    /// Azure Blob Storage, a container for each container. The account key is a secret.
    Azure {
        /// The account's name there.
        account: String,
        /// The endpoint, where it is not the public cloud's.
        endpoint: Option<String>,
    },
    /// S3 or a compatible service, a prefix in one bucket for each container. The secret access key is a secret.
    S3 {
        /// The endpoint, where it is not Amazon's.
        endpoint: Option<String>,
        /// The region.
        region: Option<String>,
        /// The bucket.
        bucket: String,
        /// What all keys begin with, without a slash at the end; may be empty.
        prefix: String,
        /// The access key's identifier, which is no secret.
        access_key_id: Option<String>,
    },
    /// In this process' memory, for tests.
    Memory,
}

impl Backend {
    /// Containers are made and removed by Headwater.
    pub const fn owns_containers(&self) -> bool {
        !matches!(self, Backend::InPlace)
    }
}

impl Entity for StorageAccount {
    const KIND: Kind = Kind::StorageAccount;
    type Id = String;

    fn id(&self) -> String {
        self.name.clone()
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// The account of folders that are published where they are.
pub const IN_PLACE: &str = "in-place";

/// What a storage account is linked with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewStorageAccount {
    /// Its name.
    pub name: String,
    /// What it is.
    pub backend: Backend,
    /// How many bytes it may hold.
    pub capacity_bytes: Option<u64>,
    /// Its weight when assets are spread by chance.
    pub weight: u32,
}

/// How new assets are spread where no account is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Into the default account.
    #[default]
    Default,
    /// Into the account with the most free room.
    FreeRoom,
    /// By chance, in proportion to the accounts' weights.
    Weighted,
}

/// The account for a new asset, of those that can hold containers. `chance` is any number; the same one gives
/// the same account.
pub fn choose(accounts: &[StorageAccount], placement: Placement, chance: u64) -> Option<&StorageAccount> {
    let usable = || accounts.iter().filter(|account| account.backend.owns_containers());
    let default = || usable().find(|account| account.is_default);
    match placement {
        Placement::Default => default(),
        Placement::FreeRoom => {
            let room = |account: &&StorageAccount| match account.capacity_bytes {
                Some(capacity) => capacity.saturating_sub(account.bytes_used.unwrap_or(0)),
                None => u64::MAX,
            };
            // Of equals the default one, then the first by name: the same on every node.
            usable().max_by_key(|account| (room(account), account.is_default, std::cmp::Reverse(&account.name)))
        }
        Placement::Weighted => {
            let total: u64 = usable().map(|account| u64::from(account.weight)).sum();
            let mut left = chance.checked_rem(total).unwrap_or(0);
            let drawn = usable().find(|account| {
                let weight = u64::from(account.weight);
                let hit = left < weight;
                left = left.saturating_sub(weight);
                hit
            });
            drawn.or_else(default)
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (3..=63).contains(&name.len()) && name.chars().all(good) && !name.starts_with('-') && !name.ends_with('-') {
        return Ok(());
    }
    let problem = format!("{name:?} should be 3 to 63 small letters, digits and hyphens, with no hyphen at its ends");
    Err(Error::invalid(Kind::StorageAccount, "Name", problem))
}

fn check_backend(backend: &Backend) -> Result<(), Error> {
    let wrong = |property, problem: &str| Err(Error::invalid(Kind::StorageAccount, property, problem));
    match backend {
        Backend::Folder { root } if !root.is_absolute() => wrong("root", "the folder's path has to be absolute"),
        Backend::Folder { root } if root.to_str().is_none() => wrong("root", "the folder's path has to be UTF-8"),
        Backend::Azure { account, .. } if account.is_empty() => wrong("account", "it is empty; give its name in Azure"),
        Backend::S3 { bucket, .. } if bucket.is_empty() => wrong("bucket", "it is empty; give the bucket's name"),
        _ => Ok(()),
    }
}

/// The secret of an account: its key.
pub(super) const KEY: &str = "key";

impl Catalog {
    /// All storage accounts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn storage_accounts(&self) -> Result<Vec<StorageAccount>, Error> {
        let accounts: Vec<Stored<StorageAccount>> = self.list(&Page::first()).await?;
        Ok(accounts.into_iter().map(|stored| stored.entity).collect())
    }

    /// The key that opens an account, if one was given.
    ///
    /// # Errors
    /// [`Error::Seal`] without the master key.
    pub async fn storage_account_key(&self, name: &str) -> Result<Option<SecretBytes>, Error> {
        self.secret(name, KEY).await
    }

    /// The account for a new asset: the named one, or one that is chosen.
    pub(super) async fn place(&self, name: Option<&str>) -> Result<StorageAccount, Error> {
        if let Some(name) = name {
            return Ok(self.get::<StorageAccount>(&name.to_owned()).await?.entity);
        }
        let accounts = self.storage_accounts().await?;
        let chance = uuid::Uuid::new_v4().as_u64_pair().1 & (u64::MAX >> 2);
        let none = || Error::NotFound { kind: Kind::StorageAccount, id: "(default)".to_owned() };
        choose(&accounts, self.placement(), chance).cloned().ok_or_else(none)
    }
}

impl Transaction<'_> {
    /// Links a storage account. The first that can hold containers becomes the default one.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a name that is taken, [`Error::Invalid`], [`Error::Quota`].
    pub async fn create_storage_account(
        &mut self,
        new: NewStorageAccount,
        key: Option<&SecretBytes>,
    ) -> Result<StorageAccount, Error> {
        check_name(&new.name)?;
        check_backend(&new.backend)?;
        if self.find::<StorageAccount>(&new.name).await?.is_some() {
            return Err(Error::conflict(format!(
                "there is a storage account {:?} already; choose another name",
                new.name
            )));
        }
        let limit = self.catalog.limits().storage_accounts;
        let others: Vec<Stored<StorageAccount>> = self.list(&Page::first()).await?;
        if others.len() as u64 >= limit {
            return Err(Error::Quota { limit, what: "storage accounts" });
        }
        let account = StorageAccount {
            name: new.name,
            is_default: new.backend.owns_containers() && !others.iter().any(|account| account.is_default),
            bytes_used: None,
            capacity_bytes: new.capacity_bytes,
            weight: new.weight,
            backend: new.backend,
            created: self.now(),
        };
        self.insert(&account).await?;
        if let Some(key) = key {
            self.seal(&account.name, KEY, key).await?;
        }
        Ok(account)
    }

    /// Changes where an account is to be found, its room and weight. Its containers have to be there.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn update_storage_account(
        &mut self,
        new: NewStorageAccount,
        key: Option<&SecretBytes>,
        expected: Option<Version>,
    ) -> Result<StorageAccount, Error> {
        check_backend(&new.backend)?;
        let mut account: StorageAccount = self.for_update(&new.name, expected).await?;
        if account.backend.owns_containers() != new.backend.owns_containers() {
            let problem =
                "an account of folders in place cannot become another kind, nor the other way round; link a new one";
            return Err(Error::invalid(Kind::StorageAccount, "kind", problem));
        }
        account.backend = new.backend;
        account.capacity_bytes = new.capacity_bytes;
        account.weight = new.weight;
        self.replace(&account).await?;
        if let Some(key) = key {
            self.seal(&account.name, KEY, key).await?;
        }
        Ok(account)
    }

    /// Notes how many bytes an account holds.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_bytes_used(&mut self, name: &str, bytes: u64) -> Result<(), Error> {
        let mut account: StorageAccount = self.for_update(&name.to_owned(), None).await?;
        account.bytes_used = Some(bytes);
        self.replace(&account).await
    }

    /// Makes an account the one for new assets.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for folders in place.
    pub async fn set_default_storage_account(&mut self, name: &str) -> Result<(), Error> {
        let mut account: StorageAccount = self.for_update(&name.to_owned(), None).await?;
        if !account.backend.owns_containers() {
            let problem = "an account of folders in place holds no new assets; choose another";
            return Err(Error::invalid(Kind::StorageAccount, "IsDefault", problem));
        }
        for mut other in self.list::<StorageAccount>(&Page::first()).await? {
            if other.is_default && other.name != name {
                other.entity.is_default = false;
                self.replace(&other.entity).await?;
            }
        }
        if !account.is_default {
            account.is_default = true;
            self.replace(&account).await?;
        }
        Ok(())
    }

    /// Unlinks an account. Nothing in it is touched.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while assets are in it, or while it is the default of several.
    pub async fn delete_storage_account(&mut self, name: &str) -> Result<(), Error> {
        let account = self.get::<StorageAccount>(&name.to_owned()).await?.entity;
        let assets = self.count::<Asset>(Some(name)).await?;
        if assets > 0 {
            let problem = format!("storage account {name:?} holds {assets} assets; delete them first");
            return Err(Error::conflict(problem));
        }
        let others: Vec<Stored<StorageAccount>> = self.list(&Page::first()).await?;
        if account.is_default && others.iter().any(|a| a.name != name && a.backend.owns_containers()) {
            let problem = format!("{name:?} is the default storage account; make another the default first");
            return Err(Error::conflict(problem));
        }
        self.remove(&account).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, room: Option<u64>, weight: u32) -> StorageAccount {
        StorageAccount {
            name: name.to_owned(),
            is_default: name == "main",
            bytes_used: Some(10),
            capacity_bytes: room.map(|room| room + 10),
            weight,
            backend: if name == IN_PLACE { Backend::InPlace } else { Backend::Memory },
            created: UtcTime { unix_millis: 0 },
        }
    }

    #[test]
    fn assets_are_spread_as_it_is_set() {
        let accounts = [
            account(IN_PLACE, None, 9),
            account("aaa", Some(5), 1),
            account("main", Some(7), 3),
            account("zzz", Some(7), 0),
        ];
        let name = |placement, chance| choose(&accounts, placement, chance).unwrap().name.as_str();
        assert_eq!(name(Placement::Default, 0), "main");
        assert_eq!(name(Placement::FreeRoom, 0), "main");
        let drawn: Vec<&str> = (0..8).map(|chance| name(Placement::Weighted, chance)).collect();
        assert_eq!(drawn, ["aaa", "main", "main", "main", "aaa", "main", "main", "main"]);
        assert_eq!(choose(&accounts[..1], Placement::Weighted, 1), None);
        assert_eq!(choose(&[], Placement::FreeRoom, 0), None);
    }
}
