//! `[key_delivery]` and `[[licence_service]]`: how players get keys, and who writes licences.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[key_delivery]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyDelivery {
    /// Whether keys are delivered.
    pub enabled: bool,
    /// Addresses and ranges that may ask; everybody if empty.
    pub allow: Vec<String>,
    /// Proxies that say where their clients come from.
    pub trusted_proxies: Vec<String>,
    /// Requests of one client in a minute; 0 for any number.
    pub requests_per_minute: u32,
    /// How far the clocks of token issuers may be off, seconds.
    pub clock_skew_seconds: u64,
}

impl Default for KeyDelivery {
    fn default() -> KeyDelivery {
        KeyDelivery {
            enabled: true,
            allow: Vec::new(),
            trusted_proxies: Vec::new(),
            requests_per_minute: 600,
            clock_skew_seconds: 60,
        }
    }
}

/// A system of digital rights management.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenceSystem {
    /// Microsoft's.
    #[default]
    PlayReady,
    /// Google's.
    Widevine,
    /// Apple's.
    FairPlay,
}

/// How a licence service is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenceForm {
    /// With the player's challenge.
    #[default]
    Challenge,
    /// With JSON.
    Json,
}

/// `[[licence_service]]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LicenceService {
    /// Whose licences it writes.
    pub system: LicenceSystem,
    /// Where it is.
    pub url: String,
    /// How it is asked.
    pub form: LicenceForm,
    /// The header that its credential goes into.
    pub header: Option<String>,
    /// A file with that header's value.
    pub secret_file: Option<PathBuf>,
    /// The name of a variable of the environment that holds it.
    pub secret_env: Option<String>,
}
