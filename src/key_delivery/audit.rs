//! The audit log: one record for each key that was asked for, whatever came of it.

use std::net::IpAddr;

use uuid::Uuid;

use super::error::Error;
use super::target::Service;
use crate::counters::Counter;

/// The target of its records. A filter of logs can send them elsewhere.
pub const AUDIT: &str = "headwater::audit::keys";

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub client: IpAddr,
    pub service: Service,
    pub key: Option<Uuid>,
    pub decisions: &'a Decisions,
}

/// How many keys were given and not given.
#[derive(Debug, Default)]
pub struct Decisions {
    services: [[Counter; OUTCOMES.len()]; Service::ALL.len()],
}

/// What can come of asking for a key: it is given, the asker may not have it, or something is out of order.
const OUTCOMES: [&str; 3] = ["granted", "refused", "failed"];

impl Decisions {
    /// All of them: service, outcome, how many.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        Service::ALL.into_iter().zip(&self.services).flat_map(|(service, counts)| {
            OUTCOMES.into_iter().zip(counts).map(move |(outcome, count)| (service.name(), outcome, count.get()))
        })
    }

    fn count(&self, service: Service, outcome: usize) {
        if let Some(count) = self.services.get(service as usize).and_then(|counts| counts.get(outcome)) {
            count.increment();
        }
    }
}

impl Asked<'_> {
    fn key(self) -> String {
        self.key.map(|key| key.to_string()).unwrap_or_default()
    }

    /// It is given, by this option of the key's policy.
    pub(super) fn granted(self, option: &str) {
        self.decisions.count(self.service, 0);
        let (client, service, key) = (self.client, self.service.name(), self.key());
        tracing::info!(target: AUDIT, %client, service, key, option, "key delivered");
    }

    /// It is not.
    pub(super) fn refused(self, error: &Error) {
        let failed = matches!(error, Error::Catalog(_) | Error::LicenceService(_));
        self.decisions.count(self.service, if failed { 2 } else { 1 });
        let (client, service, key, status) = (self.client, self.service.name(), self.key(), error.answer().0.as_u16());
        match error {
            Error::Catalog(_) | Error::LicenceService(_) => {
                tracing::error!(target: AUDIT, %client, service, key, status, reason = %error, "key not delivered");
            }
            _ => tracing::info!(target: AUDIT, %client, service, key, status, reason = %error, "key refused"),
        }
    }
}
