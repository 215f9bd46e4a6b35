//! What a request works with: the catalogue, who asks, and what lies outside of the catalogue.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::error::Error;
use super::installation::Installation;
use crate::catalog::{Asset, By, Catalog, Locator, OpenAccount, StorageAccount, Stored};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reading, secrets excepted.
    Read,
    /// Everything.
    Write,
}

/// One request's world.
pub struct Context {
    /// The catalogue.
    pub catalog: Catalog,
    /// Everything else.
    pub installation: Arc<Installation>,
    /// Who asks, and when.
    pub by: By,
    /// What that one may.
    pub role: Role,
    /// The service's root as the client sees it: `https://host/API`.
    pub root: String,
    accounts: Mutex<HashMap<String, Option<Arc<OpenAccount>>>>,
}

impl Context {
    /// For one request.
    pub fn new(catalog: Catalog, installation: Arc<Installation>, by: By, role: Role, root: String) -> Context {
        Context { catalog, installation, by, role, root, accounts: Mutex::default() }
    }

    /// The storage account of that name with its key, as it was when the request first looked.
    pub async fn account(&self, name: &str) -> Result<Option<Arc<OpenAccount>>, Error> {
        let mut accounts = self.accounts.lock().await;
        if let Some(known) = accounts.get(name) {
            return Ok(known.clone());
        }
        let found = match self.catalog.find::<StorageAccount>(&name.to_owned()).await? {
            None => None,
            Some(account) => {
                let key = self.catalog.storage_account_key(name).await?;
                Some(Arc::new(OpenAccount { account: account.entity, key }))
            }
        };
        accounts.insert(name.to_owned(), found.clone());
        Ok(found)
    }

    /// The asset of a locator, if it is there.
    pub async fn asset(&self, locator: &Locator) -> Result<Option<Stored<Asset>>, Error> {
        Ok(self.catalog.find::<Asset>(&locator.asset_id).await?)
    }
}
