//! Containers of every kind of storage account, decrypted where they are stored encrypted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;

use super::containers::{ContainerEncryption, ContainerError, Containers, OpenAccount};
use super::storage_account::{self, StorageAccount};
use super::storage_counts::StorageCounts;
use crate::cipher::{StorageCipher, StorageKey};
use crate::keys::{MasterKeySource, MasterKeys};
use crate::secrets::SecretBytes;
use crate::store::account::{Account, AccountSettings, AzureCredential, Backend, Landing, S3Credential};
use crate::store::sas::Grant;
use crate::store::{Decrypted, Folder, Store, Symlinks};

/// Containers of local folders, Azure, S3 and memory. An account is opened once, and again when its settings
/// or its key change.
pub struct AccountContainers {
    data_dir: PathBuf,
    symlinks: Symlinks,
    recheck: HashMap<String, Duration>,
    open: Mutex<HashMap<String, Opened>>,
    counts: Arc<StorageCounts>,
}

struct Opened {
    settings: StorageAccount,
    key: Option<SecretBytes>,
    account: Account,
}

impl AccountContainers {
    /// With Headwater's own folder, where keys of local accounts are made that have none; what is done about
    /// symbolic links in folders; and how long listings of an account are believed where its kind's own time does
    /// not suit.
    pub fn new(data_dir: &Path, symlinks: Symlinks, recheck: HashMap<String, Duration>) -> AccountContainers {
        let (open, counts) = (Mutex::default(), Arc::default());
        AccountContainers { data_dir: data_dir.to_owned(), symlinks, recheck, open, counts }
    }

    /// Numbers of all that is read.
    pub fn counts(&self) -> &Arc<StorageCounts> {
        &self.counts
    }

    /// The account, ready for use.
    ///
    /// # Errors
    /// When its settings cannot work.
    pub fn account(&self, wanted: &OpenAccount) -> Result<Account, ContainerError> {
        let mut open = self.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let name = &wanted.account.name;
        let same_key = |key: &Option<SecretBytes>| {
            key.as_ref().map(SecretBytes::expose) == wanted.key.as_ref().map(SecretBytes::expose)
        };
        if let Some(known) = open.get(name)
            && known.settings.backend == wanted.account.backend
            && same_key(&known.key)
        {
            return Ok(known.account.clone());
        }
        let backend = self.backend(wanted)?;
        let settings = AccountSettings { name: name.clone(), recheck: self.recheck.get(name).copied(), backend };
        let account = Account::open(settings).map_err(said)?;
        let opened = Opened { settings: wanted.account.clone(), key: wanted.key.clone(), account: account.clone() };
        open.insert(name.clone(), opened);
        Ok(account)
    }

    /// The address of a container as clients reach it, where it has one: of Azure's, or of ours for folders and S3,
    /// below `base` (what our public URLs begin with, without a slash at the end).
    ///
    /// # Errors
    /// When the account's settings cannot work.
    pub fn container_uri(
        &self,
        account: &OpenAccount,
        container: &str,
        base: &str,
    ) -> Result<Option<String>, ContainerError> {
        if account.account.backend == storage_account::Backend::InPlace {
            return Ok(None);
        }
        let account = self.account(account)?;
        let of_azure = account.azure().map(|azure| azure.container_url(container));
        let ours = account.signed().map(|signed| format!("{base}/{}/{container}", signed.name()));
        Ok(of_azure.or(ours))
    }

    /// What stands behind `?` in the signed URL of a container.
    ///
    /// # Errors
    /// For accounts whose containers have no signed URLs: folders in place, and memory.
    pub fn sas(&self, account: &OpenAccount, container: &str, grant: &Grant) -> Result<String, ContainerError> {
        let name = &account.account.name;
        let opened = match account.account.backend {
            storage_account::Backend::InPlace => None,
            _ => Some(self.account(account)?),
        };
        let signed = match opened.as_ref().map(|opened| (opened.azure(), opened.signed())) {
            Some((Some(azure), _)) => azure.signed_container_url(container, grant),
            Some((_, Some(signed))) => signed.container_url("", container, grant),
            _ => return Err(ContainerError(format!("containers of storage account {name:?} have no signed URLs"))),
        };
        let url = signed.map_err(said)?;
        Ok(url.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default())
    }

    /// The keys of an account whose signed URLs are ours and that was given none.
    fn own_keys(&self, name: &str) -> Result<Vec<SecretBytes>, ContainerError> {
        let file = self.data_dir.join("accounts").join(format!("{name}.key"));
        let keys = MasterKeys::load(&MasterKeySource::Generated(file));
        let keys = keys.map_err(|error| ContainerError(error.to_string()))?;
        Ok(keys.keys().iter().map(|key| SecretBytes::new(key.expose().to_vec())).collect())
    }

    fn backend(&self, wanted: &OpenAccount) -> Result<Backend, ContainerError> {
        use storage_account::Backend as Stored;
        let missing = |what: &str| ContainerError(format!("storage account {:?} has no {what}", wanted.account.name));
        Ok(match wanted.account.backend.clone() {
            Stored::InPlace => return Err(ContainerError("these folders are somebody else's".to_owned())),
            Stored::Folder { root } => {
                let keys = match &wanted.key {
                    Some(key) => vec![key.clone()],
                    None => self.own_keys(&wanted.account.name)?,
                };
                Backend::Folder { root, symlinks: self.symlinks, keys }
            }
            Stored::Azure { account, endpoint } => {
                let key = wanted.key.clone().ok_or_else(|| missing("key"))?;
                let signed = key.expose().windows(4).any(|four| four == b"sig=");
                let credential = if signed { AzureCredential::Sas(key) } else { AzureCredential::Key(key) };
                Backend::Azure { account, endpoint, credential }
            }
            Stored::S3 { endpoint, region, bucket, prefix, access_key_id } => {
                let credential = match (access_key_id, wanted.key.clone()) {
                    (Some(access_key_id), Some(secret)) => Some(S3Credential { access_key_id, secret }),
                    (None, None) => None,
                    (Some(_), None) => return Err(missing("secret access key")),
                    (None, Some(_)) => return Err(missing("access key id")),
                };
                let landing = Landing {
                    folder: self.data_dir.join("uploads").join(&wanted.account.name),
                    keys: match &wanted.key {
                        // The same on every node.
                        Some(secret) => vec![derived(secret, &wanted.account.name)],
                        None => self.own_keys(&wanted.account.name)?,
                    },
                };
                Backend::S3 { bucket, prefix, endpoint, region, credential, landing: Some(landing) }
            }
            Stored::Memory => Backend::Memory,
        })
    }
}

/// A key for signed URLs of that account, which tells nothing of the secret.
fn derived(secret: &SecretBytes, account: &str) -> SecretBytes {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    SecretBytes::new(hmac::sign(&key, format!("signed URLs of {account}").as_bytes()).as_ref().to_vec())
}

fn said(error: crate::store::Error) -> ContainerError {
    ContainerError(error.to_string())
}

/// The store, decrypting what is encrypted in it.
fn clear(store: Arc<dyn Store>, encryption: Option<ContainerEncryption>) -> Result<Arc<dyn Store>, ContainerError> {
    let Some(encryption) = encryption else { return Ok(store) };
    let no_key = || ContainerError("the asset's storage key has not 32 bytes".to_owned());
    let key = StorageKey::from_slice(encryption.key.expose()).ok_or_else(no_key)?;
    let ciphers = encryption.files.into_iter().map(|(name, iv)| (name, StorageCipher::new(key.clone(), iv)));
    Ok(Arc::new(Decrypted::new(store, ciphers.collect())))
}

#[async_trait]
impl Containers for AccountContainers {
    fn open(
        &self,
        account: &OpenAccount,
        container: &str,
        encryption: Option<ContainerEncryption>,
    ) -> Result<Arc<dyn Store>, ContainerError> {
        let stored: Arc<dyn Store> = match account.account.backend {
            storage_account::Backend::InPlace => Arc::new(Folder::new(Path::new(container), self.symlinks)),
            _ => self.account(account)?.container(container).map_err(said)?,
        };
        clear(self.counts.counted(stored, &account.account.backend), encryption)
    }

    fn watch(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        self.counts.counted(store, &storage_account::Backend::InPlace)
    }

    async fn create(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError> {
        self.account(account)?.create_container(container).await.map_err(said)
    }

    async fn remove(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError> {
        self.account(account)?.delete_container(container).await.map_err(said)
    }
}
