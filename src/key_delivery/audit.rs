//! The audit log: one record for each key that was asked for, whatever came of it.

use std::net::IpAddr;

use uuid::Uuid;

use super::error::Error;
use super::target::Service;

/// The target of its records. A filter of logs can send them elsewhere.
pub const AUDIT: &str = "headwater::audit::keys";

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub client: IpAddr,
    pub service: Service,
    pub key: Option<Uuid>,
}

impl Asked {
    fn key(self) -> String {
        self.key.map(|key| key.to_string()).unwrap_or_default()
    }

    /// It is given, by this option of the key's policy.
    pub(super) fn granted(self, option: &str) {
        let (client, service, key) = (self.client, self.service.name(), self.key());
        tracing::info!(target: AUDIT, %client, service, key, option, "key delivered");
    }

    /// It is not.
    pub(super) fn refused(self, error: &Error) {
        let (client, service, key, status) = (self.client, self.service.name(), self.key(), error.answer().0.as_u16());
        match error {
            Error::Catalog(_) | Error::LicenceService(_) => {
                tracing::error!(target: AUDIT, %client, service, key, status, reason = %error, "key not delivered");
            }
            _ => tracing::info!(target: AUDIT, %client, service, key, status, reason = %error, "key refused"),
        }
    }
}
