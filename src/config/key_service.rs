//! `[[key_service]]`: services that give us keys.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{LicenceSystem, SecretPlaces};

/// `[[key_service]]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyService {
    /// What it is called here.
    pub name: String,
    /// Where documents are sent to.
    pub url: String,
    /// Whose signalling is asked for.
    pub systems: Vec<LicenceSystem>,
    /// Keys come encrypted for our certificate.
    pub encrypted: bool,
    /// Where PlayReady licences are, if not where the service says.
    pub playready_licences: Option<String>,
    /// Where Widevine licences are.
    pub widevine_licences: Option<String>,
    /// Where FairPlay licences are, if not where the service says.
    pub fairplay_licences: Option<String>,
    /// The header that its credential goes into.
    pub header: Option<String>,
    /// A file with that header's value.
    pub secret_file: Option<PathBuf>,
    /// The name of a variable of the environment that holds it.
    pub secret_env: Option<String>,
    /// A program and its arguments that writes it to standard output.
    pub secret_command: Option<Vec<String>>,
}

impl Default for KeyService {
    fn default() -> KeyService {
        KeyService {
            name: String::new(),
            url: String::new(),
            systems: vec![LicenceSystem::PlayReady, LicenceSystem::Widevine, LicenceSystem::FairPlay],
            encrypted: true,
            playready_licences: None,
            widevine_licences: None,
            fairplay_licences: None,
            header: None,
            secret_file: None,
            secret_env: None,
            secret_command: None,
        }
    }
}

impl KeyService {
    /// Where its secret is.
    pub fn secret(&self) -> SecretPlaces<'_> {
        SecretPlaces {
            key: "key_service.secret_file",
            file: self.secret_file.as_deref(),
            env: self.secret_env.as_deref(),
            command: self.secret_command.as_deref(),
        }
    }
}
