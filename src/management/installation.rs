//! This installation as the management API shows it: what lies outside of the catalogue.

use std::sync::Arc;

use tokio::sync::OnceCell;
use uuid::Uuid;

use super::error::Error;
use crate::blob;
use crate::catalog::{AccountContainers, By, Catalog, Locator, OpenAccount};
use crate::keys::ProtectionCertificate;
use crate::store::sas::Grant;

/// Where it streams, and what it can sign and open.
pub struct Installation {
    streaming_base: String,
    containers: Arc<AccountContainers>,
    protection: OnceCell<Arc<ProtectionCertificate>>,
}

impl Installation {
    /// `streaming_base` is what streaming URLs, and signed URLs of local accounts, begin with: `https://host`,
    /// without a slash at the end.
    pub fn new(streaming_base: String, containers: Arc<AccountContainers>) -> Installation {
        Installation { streaming_base, containers, protection: OnceCell::new() }
    }

    /// What streaming URLs begin with.
    pub fn streaming_base(&self) -> &str {
        &self.streaming_base
    }

    /// The address of a container, if it has one. An account that cannot be opened has none; the log says why.
    pub fn container_uri(&self, account: &OpenAccount, container: &str) -> Option<String> {
        let uri = self.containers.container_uri(account, container, &self.streaming_base);
        uri.unwrap_or_else(|error| {
            tracing::warn!(%error, account = account.account.name, "a container has no address");
            None
        })
    }

    /// What stands behind `?` in the signed URL of a SAS locator.
    ///
    /// # Errors
    /// [`Error::NoSignature`] for accounts whose containers cannot be signed for.
    pub fn sas(&self, account: &OpenAccount, container: &str, locator: &Locator) -> Result<String, Error> {
        self.signed(
            account,
            container,
            &Grant {
                permissions: blob::permissions(locator.permissions),
                start: Some(locator.start),
                expiry: locator.expiration,
                identifier: Some(locator.id.guid().to_string()),
                https_only: false,
            },
        )
    }

    /// Whether containers of that account can be signed for.
    ///
    /// # Errors
    /// [`Error::NoSignature`].
    pub fn can_sign(&self, account: &OpenAccount, container: &str, by: &By) -> Result<(), Error> {
        let permissions = blob::permissions(crate::catalog::Permissions::READ);
        let grant = Grant { permissions, start: None, expiry: by.now, identifier: None, https_only: false };
        self.signed(account, container, &grant).map(drop)
    }

    fn signed(&self, account: &OpenAccount, container: &str, grant: &Grant) -> Result<String, Error> {
        let refused = |error: crate::catalog::ContainerError| Error::NoSignature { problem: error.to_string() };
        self.containers.sas(account, container, grant).map_err(refused)
    }

    /// The account's protection certificate (object model §6, §12.3), which is made when it is first wanted.
    ///
    /// # Errors
    /// When the database fails or the master key does not open it.
    pub async fn protection(&self, catalog: &Catalog, by: &By) -> Result<Arc<ProtectionCertificate>, Error> {
        let load = || async { catalog.protection_certificate(by.clone()).await.map(Arc::new) };
        Ok(Arc::clone(self.protection.get_or_try_init(load).await?))
    }

    /// The URL at which players get a key of this type of delivery.
    ///
    /// # Errors
    /// [`Error::NotSetUp`]: keys are not delivered yet.
    pub fn key_delivery_url(&self, _key: Uuid, _delivery_type: i32) -> Result<String, Error> {
        Err(Error::NotSetUp { what: "keys are not delivered to players here" })
    }
}
