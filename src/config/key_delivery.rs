//! `[key_delivery]` and `[[licence_service]]`: how players get keys, and who writes licences.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::SecretPlaces;
use crate::protection::playready;

/// `[key_delivery]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyDelivery {
    /// Whether keys are delivered.
    pub enabled: bool,
    /// A listener of its own.
    pub listen: Option<SocketAddr>,
    /// HTTPS on it, with the certificate of `[server]`.
    pub tls: bool,
    /// Keys are delivered beside films too.
    pub beside_films: bool,
    /// What URLs of keys begin with.
    pub public_base_url: Option<String>,
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
            listen: None,
            tls: false,
            beside_films: true,
            public_base_url: None,
            allow: Vec::new(),
            trusted_proxies: Vec::new(),
            requests_per_minute: 600,
            clock_skew_seconds: 60,
        }
    }
}

/// The version of a PlayReady header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum PlayReadyHeader {
    /// Every client reads it.
    #[default]
    #[serde(rename = "4.0")]
    V4_0,
    /// Windows 8 and later.
    #[serde(rename = "4.1")]
    V4_1,
    /// Windows 10 and later.
    #[serde(rename = "4.2")]
    V4_2,
    /// PlayReady 4 and later.
    #[serde(rename = "4.3")]
    V4_3,
}

impl From<PlayReadyHeader> for playready::Version {
    fn from(header: PlayReadyHeader) -> playready::Version {
        match header {
            PlayReadyHeader::V4_0 => playready::Version::V4_0,
            PlayReadyHeader::V4_1 => playready::Version::V4_1,
            PlayReadyHeader::V4_2 => playready::Version::V4_2,
            PlayReadyHeader::V4_3 => playready::Version::V4_3,
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
    /// A program and its arguments that writes it to standard output.
    pub secret_command: Option<Vec<String>>,
}

impl LicenceService {
    /// Where its secret is.
    pub fn secret(&self) -> SecretPlaces<'_> {
        SecretPlaces {
            key: "licence_service.secret_file",
            file: self.secret_file.as_deref(),
            env: self.secret_env.as_deref(),
            command: self.secret_command.as_deref(),
        }
    }
}
