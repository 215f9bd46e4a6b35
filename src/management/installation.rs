//! This installation as the management API shows it: what lies outside of the catalogue.

use std::sync::Arc;

use tokio::sync::OnceCell;
use uuid::Uuid;

use super::error::Error;
use crate::blob;
use crate::catalog::{AccountContainers, By, Catalog, KeyDeliveryType, Locator, OpenAccount};
use crate::keys::ProtectionCertificate;
use crate::origin::Origin;
use crate::store::sas::Grant;

/// What players get keys and licences for at the public address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delivered {
    /// AES keys.
    pub keys: bool,
    /// PlayReady licences.
    pub playready: bool,
    /// Widevine licences.
    pub widevine: bool,
    /// FairPlay licences.
    pub fairplay: bool,
}

/// Where it streams, and what it can sign and open.
pub struct Installation {
    streaming_base: String,
    key_base: Option<String>,
    containers: Arc<AccountContainers>,
    delivered: Delivered,
    origin: Option<Arc<Origin>>,
    protection: OnceCell<Arc<ProtectionCertificate>>,
}

impl Installation {
    /// `streaming_base` is what streaming URLs, and signed URLs of local accounts, begin with: `https://host`,
    /// without a slash at the end.
    pub fn new(streaming_base: String, containers: Arc<AccountContainers>) -> Installation {
        let (delivered, protection) = (Delivered::default(), OnceCell::new());
        Installation { streaming_base, key_base: None, containers, delivered, origin: None, protection }
    }

    /// With a key delivery service at the same address.
    #[must_use]
    pub fn delivering(self, delivered: Delivered) -> Installation {
        Installation { delivered, ..self }
    }

    /// With keys at another address than films: what their URLs begin with.
    #[must_use]
    pub fn with_keys_at(self, base: String) -> Installation {
        Installation { key_base: Some(base), ..self }
    }

    /// With the streaming entrance, whose caches can be purged and whose answers explained.
    #[must_use]
    pub fn streaming(self, origin: Arc<Origin>) -> Installation {
        Installation { origin: Some(origin), ..self }
    }

    /// The streaming entrance.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] where there is none.
    pub fn origin(&self) -> Result<&Origin, Error> {
        self.origin.as_deref().ok_or(Error::NotSetUp { what: "nothing is streamed from here" })
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

    /// The URL at which players get a key, or a licence with it (streaming contract §9.1).
    ///
    /// # Errors
    /// [`Error::NotSetUp`] for what is not delivered here.
    pub fn key_delivery_url(&self, key: Uuid, delivery_type: KeyDeliveryType) -> Result<String, Error> {
        let (base, delivered) = (self.key_base.as_ref().unwrap_or(&self.streaming_base), self.delivered);
        let (is_delivered, url) = match delivery_type {
            KeyDeliveryType::BaselineHttp => (delivered.keys, format!("{base}/?KID={key}")),
            KeyDeliveryType::PlayReadyLicense => (delivered.playready, format!("{base}/PlayReady/")),
            KeyDeliveryType::Widevine => (delivered.widevine, format!("{base}/Widevine/?KID={key}")),
            KeyDeliveryType::None => (false, String::new()),
            KeyDeliveryType::FairPlay => (delivered.fairplay, format!("{base}/FairPlay/?kid={key}")),
        };
        let what = "keys of this type are not delivered here; [key_delivery] and [[licence_service]] in config.toml say which are";
        if is_delivered { Ok(url) } else { Err(Error::NotSetUp { what }) }
    }
}
