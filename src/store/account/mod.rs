//! Storage accounts: places that hold a container for each asset.
//!
//! | Kind | A container is | Signed URLs |
//! |---|---|---|
//! | local folder | a sub-folder | answered by Headwater itself |
//! | Azure Blob Storage | a container | answered by Azure |
//! | S3 and compatible | a prefix in one bucket | answered by Headwater itself, which sends readers to presigned ones of S3 |
//! | memory | a prefix | none |

mod azure;
mod client;
mod local;
mod names;
#[cfg(test)]
mod real_tests;
mod s3;
mod settings;
mod signed;

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;

pub use azure::Azure;
pub use local::{Local, Upload};
pub use names::{is_account_name, is_container_name};
pub use s3::{Method, S3};
pub use settings::{AccountSettings, AzureCredential, Backend, S3Credential};
pub use signed::{Landing, Signed};

use super::objects::translate;
use super::{Error, Objects, Reading, Store};

/// A storage account, ready for use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Account {
    name: String,
    recheck: Option<Duration>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Local(Local),
    Azure(Arc<Azure>),
    S3(Arc<S3>, Option<Signed>),
    Memory(Arc<InMemory>),
}

impl Account {
    /// Opens an account. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// [`Error::Settings`] for settings that cannot work, saying which.
    pub fn open(settings: AccountSettings) -> Result<Account, Error> {
        let AccountSettings { name, recheck, backend } = settings;
        if !is_account_name(&name) {
            let problem = "a name has 3 to 63 lower-case letters, digits and single hyphens, and is no GUID".to_owned();
            return Err(Error::Settings { account: name, problem });
        }
        let kind = match backend {
            Backend::Folder { root, symlinks, keys } => Kind::Local(Local::new(&name, root, symlinks, keys)),
            Backend::Azure { account, endpoint, credential } => {
                Kind::Azure(Arc::new(Azure::open(&name, account, endpoint, credential)?))
            }
            Backend::S3 { bucket, prefix, endpoint, region, credential, landing } => {
                let bucket = Arc::new(S3::open(&name, bucket, &prefix, endpoint, region, credential)?);
                let signed = landing.map(|landing| Signed::of_bucket(&name, landing, &bucket));
                Kind::S3(bucket, signed)
            }
            Backend::Memory => Kind::Memory(Arc::new(InMemory::new())),
        };
        Ok(Account { name, recheck, kind })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It, if Headwater answers its signed URLs.
    pub fn signed(&self) -> Option<Signed> {
        match &self.kind {
            Kind::Local(local) => Some(Signed::of_folder(local)),
            Kind::S3(_, signed) => signed.clone(),
            _ => None,
        }
    }

    /// It, if it is of Azure.
    pub fn azure(&self) -> Option<&Azure> {
        match &self.kind {
            Kind::Azure(azure) => Some(azure),
            _ => None,
        }
    }

    /// It, if it is of S3.
    pub fn s3(&self) -> Option<&S3> {
        match &self.kind {
            Kind::S3(s3, _) => Some(s3),
            _ => None,
        }
    }

    /// Requests made to the service so far.
    pub fn requests(&self) -> u64 {
        match &self.kind {
            Kind::Azure(azure) => azure.client().requests(),
            Kind::S3(s3, _) => s3.client().requests(),
            Kind::Local(_) | Kind::Memory(_) => 0,
        }
    }

    /// The files of a container, whether it exists or not.
    ///
    /// # Errors
    /// [`Error::Settings`] for a name that no container can have.
    pub fn container(&self, container: &str) -> Result<Arc<dyn Store>, Error> {
        self.check(container)?;
        Ok(match &self.kind {
            Kind::Local(local) => Arc::new(local.folder(container)),
            _ => Arc::new(self.objects(container)?),
        })
    }

    /// Makes a container; one that exists stays as it is.
    ///
    /// # Errors
    /// What the service reports.
    pub async fn create_container(&self, container: &str) -> Result<(), Error> {
        self.check(container)?;
        match &self.kind {
            Kind::Local(local) => local.create(container).await,
            Kind::Azure(azure) => azure.create(container).await,
            // Prefixes are there when something is in them.
            Kind::S3(..) | Kind::Memory(_) => Ok(()),
        }
    }

    /// Removes a container with all its files. One that is not there is no error.
    ///
    /// # Errors
    /// What the service reports.
    pub async fn delete_container(&self, container: &str) -> Result<(), Error> {
        self.check(container)?;
        match &self.kind {
            Kind::Local(local) => local.delete(container).await,
            Kind::Azure(azure) => azure.delete(container).await,
            Kind::S3(..) | Kind::Memory(_) => {
                let objects = self.objects(container)?;
                for file in objects.list("").await? {
                    match objects.delete(&file.path).await {
                        Ok(()) | Err(Error::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
        }
    }

    /// The names of its containers that begin with `prefix`, in order.
    ///
    /// # Errors
    /// What the service reports.
    pub async fn containers(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut found = match &self.kind {
            Kind::Local(local) => local.containers(prefix).await?,
            Kind::Azure(azure) => azure.containers(prefix).await?,
            Kind::S3(s3, _) => folders(s3.backend(), s3.prefix()).await?,
            Kind::Memory(memory) => folders(&**memory, "").await?,
        };
        found.retain(|name| name.starts_with(prefix) && is_container_name(name));
        found.sort();
        Ok(found)
    }

    /// Stores a small file whole: what Headwater itself writes, as `headwater upload` does.
    ///
    /// # Errors
    /// What the service reports.
    pub async fn put(&self, container: &str, path: &str, bytes: bytes::Bytes) -> Result<(), Error> {
        self.check(container)?;
        match &self.kind {
            Kind::Local(local) => {
                let mut upload = local.begin(container, path).await?;
                upload.write(&bytes).await?;
                upload.commit().await.map(drop)
            }
            _ => self.objects(container)?.put(path, bytes).await,
        }
    }

    fn objects(&self, container: &str) -> Result<Objects, Error> {
        let mut reading = Reading::REMOTE;
        let backend: Arc<dyn ObjectStore> = match &self.kind {
            Kind::Azure(azure) => azure.container(container)?,
            Kind::S3(s3, _) => s3.container(container),
            Kind::Memory(memory) => {
                reading = Reading::MEMORY;
                Arc::new(PrefixStore::new(Arc::clone(memory), container))
            }
            Kind::Local(_) => return Err(self.refuse(container)),
        };
        Ok(Objects::new(backend, Reading { recheck: self.recheck.unwrap_or(reading.recheck), ..reading }))
    }

    fn check(&self, container: &str) -> Result<(), Error> {
        if is_container_name(container) { Ok(()) } else { Err(self.refuse(container)) }
    }

    fn refuse(&self, container: &str) -> Error {
        let container: String = container.chars().take(80).collect();
        let problem = format!(
            "{container:?} is no container: 3 to 63 lower-case letters, digits and single hyphens between them"
        );
        Error::Settings { account: self.name.clone(), problem }
    }
}

/// The first parts of the paths in a bucket.
async fn folders(backend: &dyn ObjectStore, prefix: &str) -> Result<Vec<String>, Error> {
    let prefix = (!prefix.is_empty()).then(|| Path::from(prefix));
    let listed = backend.list_with_delimiter(prefix.as_ref()).await.map_err(|e| translate("", e))?;
    Ok(listed.common_prefixes.iter().filter_map(|p| p.filename().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Symlinks, contract};

    fn memory() -> Account {
        let settings = AccountSettings { name: "films".to_owned(), recheck: None, backend: Backend::Memory };
        Account::open(settings).unwrap()
    }

    /// Everything that an account promises.
    pub(super) async fn keeps_the_contract(account: &Account) {
        let store = account.container("asset-1").unwrap();
        account.create_container("asset-1").await.unwrap();
        account.create_container("asset-1").await.unwrap();
        contract::all(&*store, &|path, bytes| {
            let account = account.clone();
            Box::pin(async move { account.put("asset-1", &path, bytes).await.unwrap() })
        })
        .await;
        account.create_container("asset-2").await.unwrap();
        account.put("asset-2", "a", "b".into()).await.unwrap();
        assert_eq!(account.containers("asset-").await.unwrap(), ["asset-1", "asset-2"]);
        assert_eq!(account.containers("asset-2").await.unwrap(), ["asset-2"]);
        account.delete_container("asset-1").await.unwrap();
        account.delete_container("asset-1").await.unwrap();
        assert_eq!(account.containers("").await.unwrap(), ["asset-2"]);
        for name in ["", "..", "a", "Asset", "a--b", "-ab", "a/b", "asset-1/../x"] {
            assert!(matches!(account.container(name), Err(Error::Settings { .. })), "{name}");
            assert!(matches!(account.delete_container(name).await, Err(Error::Settings { .. })), "{name}");
        }
    }

    #[tokio::test]
    async fn memory_is_an_account() {
        keeps_the_contract(&memory()).await;
    }

    #[tokio::test]
    async fn a_folder_is_an_account() {
        let root = tempfile::tempdir().unwrap();
        let backend = Backend::Folder { root: root.path().to_owned(), symlinks: Symlinks::Inside, keys: Vec::new() };
        let account = Account::open(AccountSettings { name: "films".to_owned(), recheck: None, backend }).unwrap();
        keeps_the_contract(&account).await;
        // Nothing of uploads is left over.
        let left: Vec<_> = std::fs::read_dir(root.path().join(".uploads")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn names_of_accounts_are_those_of_the_service() {
        for name in ["", "ab", "Films", "-my", "a/b", "00000000-0000-4000-8000-0000dec0de00"] {
            let settings = AccountSettings { name: name.to_owned(), recheck: None, backend: Backend::Memory };
            assert!(matches!(Account::open(settings), Err(Error::Settings { .. })), "{name}");
        }
    }
}
