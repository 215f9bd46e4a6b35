//! What a request works with: the catalogue, who asks, and what lies outside of the catalogue.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::error::Error;
use crate::catalog::{Asset, By, Catalog, Locator, StorageAccount, Stored};
use crate::secrets::SecretBytes;

/// What the management API wants of the rest of the service.
#[async_trait]
pub trait Outside: Send + Sync {
    /// What streaming URLs begin with: `https://host`, without a slash at the end.
    fn streaming_base(&self) -> String;

    /// The address of an asset's container, if it has one.
    fn container_uri(&self, account: &StorageAccount, asset: &Asset) -> Option<String>;

    /// What stands behind `?` in the signed URL of a SAS locator.
    ///
    /// # Errors
    /// When such an account cannot be signed for here.
    async fn sas(&self, account: &StorageAccount, asset: &Asset, locator: &Locator) -> Result<String, Error>;

    /// The account's protection certificate.
    ///
    /// # Errors
    /// Without a master key there is none.
    async fn protection(&self) -> Result<Arc<dyn Protection>, Error>;

    /// The URL at which players get a key of this type of delivery.
    ///
    /// # Errors
    /// When keys of this type are not delivered here.
    fn key_delivery_url(&self, key: uuid::Uuid, delivery_type: i32) -> Result<String, Error>;
}

/// The protection certificate (object model §6, §12.3).
pub trait Protection: Send + Sync {
    /// SHA-1 of the certificate, 40 upper-case hexadecimal digits.
    fn thumbprint(&self) -> &str;

    /// The certificate, DER.
    fn certificate(&self) -> &[u8];

    /// Opens a key that was encrypted for the certificate (RSA-OAEP with SHA-1).
    fn unwrap_key(&self, encrypted: &[u8]) -> Option<SecretBytes>;

    /// Encrypts a key for another certificate, DER.
    fn wrap_for(&self, certificate: &[u8], key: &SecretBytes) -> Option<Vec<u8>>;
}

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
    pub outside: Arc<dyn Outside>,
    /// Who asks, and when.
    pub by: By,
    /// What that one may.
    pub role: Role,
    /// The service's root as the client sees it: `https://host/API`.
    pub root: String,
    accounts: OnceCell<Vec<StorageAccount>>,
}

impl Context {
    /// For one request.
    pub fn new(catalog: Catalog, outside: Arc<dyn Outside>, by: By, role: Role, root: String) -> Context {
        Context { catalog, outside, by, role, root, accounts: OnceCell::new() }
    }

    /// The storage account of that name, as it was when the request first looked.
    pub async fn account(&self, name: &str) -> Result<Option<&StorageAccount>, Error> {
        let load = || async { self.catalog.storage_accounts().await };
        let accounts = self.accounts.get_or_try_init(load).await?;
        Ok(accounts.iter().find(|account| account.name == name))
    }

    /// The asset of a locator, if it is there.
    pub async fn asset(&self, locator: &Locator) -> Result<Option<Stored<Asset>>, Error> {
        Ok(self.catalog.find::<Asset>(&locator.asset_id).await?)
    }
}
