//! `[keys]` and `[[storage_account]]`: where secrets come from, and where containers are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::keys::{self, MasterKeySource, MasterKeys};
use crate::secrets::SecretBytes;
use crate::store::Symlinks;
use crate::store::account::{AccountSettings, AzureCredential, Backend, S3Credential};

/// `[keys]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// A file with the master key, which is never made up.
    pub master_key_file: Option<PathBuf>,
    /// The name of a variable of the environment that holds it.
    pub master_key_env: Option<String>,
    /// A program and its arguments that writes it to standard output.
    pub master_key_command: Option<Vec<String>>,
}

impl Keys {
    /// Where the master key is; by default a file in `data_dir` that is made when there is none.
    pub fn source(&self, data_dir: &Path) -> MasterKeySource {
        match (&self.master_key_file, &self.master_key_env, &self.master_key_command) {
            (Some(path), _, _) => MasterKeySource::File(path.clone()),
            (None, Some(name), _) => MasterKeySource::Environment(name.clone()),
            (None, None, Some(words)) => MasterKeySource::Command(words.clone()),
            (None, None, None) => MasterKeySource::Generated(data_dir.join("master.key")),
        }
    }

    /// How many places are named; more than one is a contradiction.
    pub(super) fn places(&self) -> usize {
        usize::from(self.master_key_file.is_some())
            + usize::from(self.master_key_env.is_some())
            + usize::from(self.master_key_command.is_some())
    }
}

/// What a storage account is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A local folder.
    #[default]
    Folder,
    /// Azure Blob Storage.
    Azure,
    /// S3 or a compatible service.
    S3,
    /// This process' memory.
    Memory,
}

/// `[[storage_account]]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageAccount {
    /// Its name, by which assets know it.
    pub name: String,
    /// What it is.
    pub kind: StorageKind,
    /// New assets go here unless they say otherwise.
    pub default: bool,
    /// Of a folder: where it is.
    pub path: Option<PathBuf>,
    /// Of Azure: the account's name there, if it is another one.
    pub account: Option<String>,
    /// Of Azure and S3: where the service is, if it is not the public one.
    pub endpoint: Option<String>,
    /// Of S3: the bucket.
    pub bucket: Option<String>,
    /// Of S3: what all keys begin with.
    pub prefix: Option<String>,
    /// Of S3: the region.
    pub region: Option<String>,
    /// Of S3: the access key's identifier.
    pub access_key_id: Option<String>,
    /// A file with the account's key, shared access signature or secret access key.
    pub secret_file: Option<PathBuf>,
    /// The name of a variable of the environment that holds it.
    pub secret_env: Option<String>,
    /// How long listings are believed, seconds.
    pub recheck_seconds: Option<u64>,
}

/// Why an account cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A key of the configuration is missing.
    #[error("[[storage_account]] {name}: {key} is missing; {why}")]
    Missing {
        /// The account.
        name: String,
        /// The key.
        key: &'static str,
        /// What for.
        why: &'static str,
    },
    /// The secret cannot be read.
    #[error("[[storage_account]] {name}: its secret cannot be read from {place}: {problem}")]
    Secret {
        /// The account.
        name: String,
        /// File or variable.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The key of a local account cannot be read or made.
    #[error(transparent)]
    Key(#[from] keys::Error),
}

impl StorageAccount {
    /// The account's settings, with its secrets. Reads files; makes the key of a local account where there is
    /// none.
    ///
    /// # Errors
    /// [`StorageError`], naming the key.
    pub fn settings(&self, data_dir: &Path, symlinks: Symlinks) -> Result<AccountSettings, StorageError> {
        let missing = |key, why| StorageError::Missing { name: self.name.clone(), key, why };
        let backend = match self.kind {
            StorageKind::Folder => Backend::Folder {
                root: self.path.clone().ok_or_else(|| missing("path", "name the folder of its containers"))?,
                symlinks,
                keys: self.own_keys(data_dir)?,
            },
            StorageKind::Azure => {
                let why = "name a file or variable with the account's key or a shared access signature";
                let secret = self.secret()?.ok_or_else(|| missing("secret_file", why))?;
                let signed = String::from_utf8_lossy(secret.expose()).contains("sig=");
                let credential = if signed { AzureCredential::Sas(secret) } else { AzureCredential::Key(secret) };
                let account = self.account.clone().unwrap_or_else(|| self.name.clone());
                Backend::Azure { account, endpoint: self.endpoint.clone(), credential }
            }
            StorageKind::S3 => {
                let credential = match (&self.access_key_id, self.secret()?) {
                    (Some(id), Some(secret)) => Some(S3Credential { access_key_id: id.clone(), secret }),
                    (None, None) => None,
                    (Some(_), None) => return Err(missing("secret_file", "it belongs to access_key_id")),
                    (None, Some(_)) => return Err(missing("access_key_id", "it belongs to the secret")),
                };
                Backend::S3 {
                    bucket: self.bucket.clone().ok_or_else(|| missing("bucket", "all containers are in one bucket"))?,
                    prefix: self.prefix.clone().unwrap_or_default(),
                    endpoint: self.endpoint.clone(),
                    region: self.region.clone(),
                    credential,
                }
            }
            StorageKind::Memory => Backend::Memory,
        };
        let recheck = self.recheck_seconds.map(Duration::from_secs);
        Ok(AccountSettings { name: self.name.clone(), recheck, backend })
    }

    /// Keys of a local account: as configured, or a file that is made once.
    fn own_keys(&self, data_dir: &Path) -> Result<Vec<SecretBytes>, StorageError> {
        let source = match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => MasterKeySource::File(path.clone()),
            (None, Some(name)) => MasterKeySource::Environment(name.clone()),
            (None, None) => MasterKeySource::Generated(data_dir.join("accounts").join(format!("{}.key", self.name))),
        };
        let keys = MasterKeys::load(&source)?;
        Ok(keys.keys().iter().map(|key| SecretBytes::new(key.expose().to_vec())).collect())
    }

    fn secret(&self) -> Result<Option<SecretBytes>, StorageError> {
        let failed = |place: String, problem: String| StorageError::Secret { name: self.name.clone(), place, problem };
        let text = match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path);
                text.map_err(|error| failed(path.display().to_string(), error.to_string()))?
            }
            (None, Some(name)) => {
                let text = std::env::var(name);
                text.map_err(|_| failed(name.clone(), "it is not set, or no text".to_owned()))?
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(SecretBytes::new(text.trim().as_bytes().to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(kind: StorageKind) -> StorageAccount {
        StorageAccount { name: "films".to_owned(), kind, ..StorageAccount::default() }
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |account: StorageAccount| {
            account.settings(folder.path(), Symlinks::Inside).err().expect("an error").to_string()
        };
        assert!(refused(account(StorageKind::Folder)).contains("films: path is missing"));
        assert!(refused(account(StorageKind::Azure)).contains("secret_file is missing"));
        assert!(refused(account(StorageKind::S3)).contains("bucket is missing"));
        let half = StorageAccount { access_key_id: Some("id".to_owned()), ..account(StorageKind::S3) };
        assert!(refused(half).contains("it belongs to access_key_id"));
        let absent = StorageAccount { secret_file: Some("/no/such/file".into()), ..account(StorageKind::Azure) };
        assert!(refused(absent).contains("/no/such/file"));
    }

    #[test]
    fn a_local_account_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let account = StorageAccount { path: Some("/srv".into()), ..account(StorageKind::Folder) };
        let keys = || match account.settings(folder.path(), Symlinks::Inside).unwrap().backend {
            Backend::Folder { keys, .. } => keys[0].expose().to_vec(),
            _ => panic!("no folder"),
        };
        assert_eq!(keys(), keys());
        assert_eq!(keys().len(), 32);
    }

    #[test]
    fn the_master_key_has_one_place() {
        let data = Path::new("/data");
        assert_eq!(Keys::default().source(data), MasterKeySource::Generated("/data/master.key".into()));
        let keys = Keys { master_key_env: Some("KEY".to_owned()), ..Keys::default() };
        assert_eq!(keys.source(data), MasterKeySource::Environment("KEY".to_owned()));
    }
}
