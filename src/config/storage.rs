//! `[keys]` and `[[storage_account]]`: where secrets come from, and where containers are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::Backend;
use crate::keys::{self, MasterKeySource, MasterKeys};
use crate::secrets::SecretBytes;

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
    /// What the catalogue knows of it.
    ///
    /// # Errors
    /// [`StorageError::Missing`], naming the key.
    pub fn backend(&self) -> Result<Backend, StorageError> {
        let missing = |key, why| StorageError::Missing { name: self.name.clone(), key, why };
        let has_secret = self.secret_file.is_some() || self.secret_env.is_some();
        Ok(match self.kind {
            StorageKind::Folder => Backend::Folder {
                root: self.path.clone().ok_or_else(|| missing("path", "name the folder of its containers"))?,
            },
            StorageKind::Azure => {
                if !has_secret {
                    let why = "name a file or variable with the account's key or a shared access signature";
                    return Err(missing("secret_file", why));
                }
                let account = self.account.clone().unwrap_or_else(|| self.name.clone());
                Backend::Azure { account, endpoint: self.endpoint.clone() }
            }
            StorageKind::S3 => {
                match (self.access_key_id.is_some(), has_secret) {
                    (true, false) => return Err(missing("secret_file", "it belongs to access_key_id")),
                    (false, true) => return Err(missing("access_key_id", "it belongs to the secret")),
                    _ => {}
                }
                Backend::S3 {
                    bucket: self.bucket.clone().ok_or_else(|| missing("bucket", "all containers are in one bucket"))?,
                    prefix: self.prefix.clone().unwrap_or_default(),
                    endpoint: self.endpoint.clone(),
                    region: self.region.clone(),
                    access_key_id: self.access_key_id.clone(),
                }
            }
            StorageKind::Memory => Backend::Memory,
        })
    }

    /// Its secret, if it has one: of a folder the first of its keys, of others the text. Reads files.
    ///
    /// # Errors
    /// [`StorageError`], naming the place.
    pub fn key(&self) -> Result<Option<SecretBytes>, StorageError> {
        if self.kind != StorageKind::Folder {
            return self.secret();
        }
        let source = match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => MasterKeySource::File(path.clone()),
            (None, Some(name)) => MasterKeySource::Environment(name.clone()),
            (None, None) => return Ok(None),
        };
        let keys = MasterKeys::load(&source)?;
        Ok(keys.keys().first().map(|key| SecretBytes::new(key.expose().to_vec())))
    }

    /// How long its listings are believed.
    pub fn recheck(&self) -> Option<Duration> {
        self.recheck_seconds.map(Duration::from_secs)
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
        let refused = |account: StorageAccount| account.backend().expect_err("an error").to_string();
        assert!(refused(account(StorageKind::Folder)).contains("films: path is missing"));
        assert!(refused(account(StorageKind::Azure)).contains("secret_file is missing"));
        assert!(refused(account(StorageKind::S3)).contains("bucket is missing"));
        let half = StorageAccount { access_key_id: Some("id".to_owned()), ..account(StorageKind::S3) };
        assert!(refused(half).contains("it belongs to access_key_id"));
        let absent = StorageAccount { secret_file: Some("/no/such/file".into()), ..account(StorageKind::Azure) };
        assert!(absent.backend().is_ok());
        assert!(absent.key().err().expect("an error").to_string().contains("/no/such/file"));
    }

    #[test]
    fn the_master_key_has_one_place() {
        let data = Path::new("/data");
        assert_eq!(Keys::default().source(data), MasterKeySource::Generated("/data/master.key".into()));
        let keys = Keys { master_key_env: Some("KEY".to_owned()), ..Keys::default() };
        assert_eq!(keys.source(data), MasterKeySource::Environment("KEY".to_owned()));
    }
}
