//! What the catalogue wants of storage: containers by account and name.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::Catalog;
use super::error::Error;
use super::storage_account::{Backend, StorageAccount};
use crate::secrets::SecretBytes;
use crate::store::{Folder, Store, Symlinks};

/// An account with the key that opens it.
#[derive(Clone)]
pub struct OpenAccount {
    /// The account.
    pub account: StorageAccount,
    /// Its key, if one was given.
    pub key: Option<SecretBytes>,
}

/// How the files of a container are encrypted (object model §12.3).
pub struct ContainerEncryption {
    /// The storage key, 32 bytes.
    pub key: SecretBytes,
    /// The encrypted files, each with the upper 8 bytes of its counter; others are in the clear.
    pub files: Vec<(String, u64)>,
}

/// What storage says when it fails, for people; nothing of keys in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ContainerError(pub String);

/// Makes, opens and removes containers.
#[async_trait]
pub trait Containers: Send + Sync {
    /// A container's files. Does no I/O: whether it is there shows when it is read. With `encryption`, what
    /// is read is decrypted.
    ///
    /// # Errors
    /// When the account is of a kind, or has settings, with which nothing can be opened.
    fn open(
        &self,
        account: &OpenAccount,
        container: &str,
        encryption: Option<ContainerEncryption>,
    ) -> Result<Arc<dyn Store>, ContainerError>;

    /// Makes a container; one that is there already is left as it is.
    ///
    /// # Errors
    /// When storage refuses.
    async fn create(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError>;

    /// Removes a container with all its files; it is no error if it is not there.
    ///
    /// # Errors
    /// When storage refuses; then it is tried again later.
    async fn remove(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError>;
}

/// Local folders: in place, and accounts of [`Backend::Folder`].
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalContainers {
    /// What is done with symbolic links.
    pub symlinks: Symlinks,
}

impl LocalContainers {
    fn root<'a>(account: &'a OpenAccount, container: &str) -> Result<&'a Path, ContainerError> {
        // Names come from ids; a path that leads elsewhere is none.
        if container.is_empty() || container.contains(['/', '\\', '\0']) || container.starts_with('.') {
            return Err(ContainerError(format!("{container:?} is no name of a container")));
        }
        match &account.account.backend {
            Backend::Folder { root } => Ok(root),
            _ => Err(ContainerError("this build serves containers from local folders alone".to_owned())),
        }
    }
}

#[async_trait]
impl Containers for LocalContainers {
    fn open(
        &self,
        account: &OpenAccount,
        container: &str,
        encryption: Option<ContainerEncryption>,
    ) -> Result<Arc<dyn Store>, ContainerError> {
        if encryption.is_some() {
            return Err(ContainerError("files that are encrypted in storage cannot be read here".to_owned()));
        }
        let folder = match account.account.backend {
            Backend::InPlace => Path::new(container).to_owned(),
            _ => LocalContainers::root(account, container)?.join(container),
        };
        Ok(Arc::new(Folder::new(folder, self.symlinks)))
    }

    async fn create(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError> {
        let folder = LocalContainers::root(account, container)?.join(container);
        tokio::fs::create_dir_all(&folder).await.map_err(|error| ContainerError(error.to_string()))
    }

    async fn remove(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError> {
        let folder = LocalContainers::root(account, container)?.join(container);
        match tokio::fs::remove_dir_all(&folder).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ContainerError(error.to_string())),
            _ => Ok(()),
        }
    }
}

fn failed(account: &StorageAccount, container: &str) -> impl FnOnce(ContainerError) -> Error {
    let (account, container) = (account.name.clone(), container.to_owned());
    move |ContainerError(problem)| Error::Container { account, container, problem }
}

impl Catalog {
    /// The account with its key.
    pub(super) async fn open_account(&self, account: &StorageAccount) -> Result<OpenAccount, Error> {
        Ok(OpenAccount { account: account.clone(), key: self.storage_account_key(&account.name).await? })
    }

    /// The files of a container as they are stored, encrypted or not.
    ///
    /// # Errors
    /// [`Error::Container`].
    pub async fn open_container(&self, account: &StorageAccount, container: &str) -> Result<Arc<dyn Store>, Error> {
        let open = self.open_account(account).await?;
        self.containers().open(&open, container, None).map_err(failed(account, container))
    }

    pub(super) async fn make_container(&self, account: &StorageAccount, container: &str) -> Result<(), Error> {
        let open = self.open_account(account).await?;
        self.containers().create(&open, container).await.map_err(failed(account, container))
    }

    /// Removes containers of deleted assets; what cannot be removed now is tried again the next time.
    pub(super) async fn remove_containers(&self) -> Result<(), Error> {
        let sql = "SELECT account, container FROM removal ORDER BY since LIMIT 100";
        let pending: Vec<(String, String)> = self.database().read().await?.all(sql, &[]).await?;
        for (name, container) in pending {
            if let Some(account) = self.find::<StorageAccount>(&name).await? {
                let open = self.open_account(&account).await?;
                if let Err(error) = self.containers().remove(&open, &container).await {
                    tracing::warn!(%error, account = name, container, "a deleted asset's container is not removed yet");
                    continue;
                }
            }
            let mut running = self.database().write().await?;
            let sql = "DELETE FROM removal WHERE account = $1 AND container = $2";
            running.execute(sql, &[(&name).into(), (&container).into()]).await?;
            running.commit().await?;
        }
        Ok(())
    }
}
