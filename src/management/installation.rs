//! This installation as the management API shows it.

use std::sync::Arc;

use async_trait::async_trait;

use super::context::{Outside, Protection};
use super::error::Error;
use crate::catalog::{Asset, Locator, StorageAccount};

/// An installation: where it streams, and what it can sign and open.
pub struct Installation {
    /// What streaming URLs begin with, without a slash at the end.
    pub streaming_base: String,
    /// The protection certificate, if there is a master key to keep it under.
    pub protection: Option<Arc<dyn Protection>>,
}

#[async_trait]
impl Outside for Installation {
    fn streaming_base(&self) -> String {
        self.streaming_base.clone()
    }

    fn container_uri(&self, _account: &StorageAccount, _asset: &Asset) -> Option<String> {
        None
    }

    async fn sas(&self, _: &StorageAccount, _: &Asset, _: &Locator) -> Result<String, Error> {
        Err(Error::NotSetUp { what: "containers of this storage account have no address outside of this machine" })
    }

    async fn protection(&self) -> Result<Arc<dyn Protection>, Error> {
        let what = "there is no protection certificate here, because there is no master key to keep it under";
        self.protection.clone().ok_or(Error::NotSetUp { what })
    }

    fn key_delivery_url(&self, _key: uuid::Uuid, _delivery_type: i32) -> Result<String, Error> {
        Err(Error::NotSetUp { what: "keys are not delivered to players here" })
    }
}
