//! What the catalogue wants of storage: containers by account and name.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Catalog;
use super::database::Value;
use super::error::Error;
use super::storage_account::StorageAccount;
use crate::secrets::SecretBytes;
use crate::store::Store;
use crate::time::UtcTime;

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

    /// A local folder's store that was opened otherwise, watched as those are that are opened here.
    fn watch(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store
    }

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

    /// Removes containers of deleted assets; what cannot be removed now is tried again later, by any node.
    pub(super) async fn remove_containers(&self, now: UtcTime) -> Result<(), Error> {
        let sql = "SELECT account, container, due FROM removal WHERE due <= $1 ORDER BY due LIMIT 100";
        let pending: Vec<(String, String, i64)> =
            self.database().read().await?.all(sql, &[now.unix_millis.into()]).await?;
        for (name, container, due) in pending {
            // Claimed before it is touched: when this one is gone its name may be given to a new container,
            // which a node with an old list must not take for the deleted one.
            let mut running = self.database().write().await?;
            let sql = "UPDATE removal SET due = $4 WHERE account = $1 AND container = $2 AND due = $3";
            let until = now.unix_millis.saturating_add(CLAIM_MILLISECONDS);
            let values = [(&name).into(), (&container).into(), Value::Int(due), until.into()];
            let claimed = running.execute(sql, &values).await?;
            running.commit().await?;
            if claimed == 0 {
                continue;
            }
            if let Some(account) = self.find::<StorageAccount>(&name).await? {
                let open = self.open_account(&account).await?;
                let removing = self.containers().remove(&open, &container);
                let problem = match tokio::time::timeout(REMOVAL_PATIENCE, removing).await {
                    Ok(Ok(())) => None,
                    Ok(Err(ContainerError(problem))) => Some(problem),
                    Err(_) => Some("storage takes too long".to_owned()),
                };
                if let Some(problem) = problem {
                    tracing::warn!(
                        problem,
                        account = name,
                        container,
                        "a deleted asset's container is not removed yet"
                    );
                    continue;
                }
            }
            let mut running = self.database().write().await?;
            let sql = "DELETE FROM removal WHERE account = $1 AND container = $2 AND due = $3";
            running.execute(sql, &[(&name).into(), (&container).into(), until.into()]).await?;
            running.commit().await?;
        }
        Ok(())
    }
}

/// For how long a claimed removal is one node's, milliseconds; and how long it may take, which is less, so that
/// it has ended when another node may begin. Clocks of nodes may differ by what lies between.
const CLAIM_MILLISECONDS: u64 = 10 * 60 * 1000;
const REMOVAL_PATIENCE: Duration = Duration::from_secs(5 * 60);
