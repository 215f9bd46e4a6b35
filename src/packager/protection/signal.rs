//! What manifests say for protection systems.

use crate::cipher::KeyId;
use crate::protection::{System, playready};

/// What a manifest says for one protection system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemSignal {
    /// Which.
    pub system: System,
    /// Where its licences are.
    pub licences: Option<Address>,
    /// PlayReady's `CUSTOMATTRIBUTES`, XML.
    pub custom_attributes: Option<String>,
    /// PlayReady: the form of its header.
    pub version: playready::Version,
}

impl SystemSignal {
    /// A system and where its licences are.
    pub fn new(system: System, licences: Option<Address>) -> SystemSignal {
        SystemSignal { system, licences, custom_attributes: None, version: playready::Version::default() }
    }

    /// Where the licence for a key is.
    pub(crate) fn licence_url(&self, id: KeyId) -> Option<String> {
        self.licences.as_ref().map(|licences| licences.of(id))
    }
}

/// A URL of keys or licences.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// One for all keys.
    Complete(String),
    /// To be completed with the key's identifier, as its parameter `kid`.
    Base(String),
}

impl Address {
    /// The URL for a key.
    pub fn of(&self, id: KeyId) -> String {
        let base = match self {
            Address::Complete(url) => return url.clone(),
            Address::Base(base) => base,
        };
        let joint = match base.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{base}{joint}kid={id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ids_join_urls() {
        let id = KeyId([0x11; 16]);
        let kid = "kid=11111111-1111-1111-1111-111111111111";
        for (base, expected) in [
            ("https://a.example/", format!("https://a.example/?{kid}")),
            ("https://a.example/?x=1", format!("https://a.example/?x=1&{kid}")),
            ("https://a.example/?", format!("https://a.example/?{kid}")),
            ("skd://a.example?x=1&", format!("skd://a.example?x=1&{kid}")),
        ] {
            assert_eq!(Address::Base(base.to_owned()).of(id), expected);
            assert_eq!(Address::Complete(base.to_owned()).of(id), base);
        }
    }
}
