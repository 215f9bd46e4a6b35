//! What protection systems are told, decoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::cipher::KeyId;
use crate::isobmff::{self, ProtectionHeader};
use crate::protection::{System, playready, widevine};

/// What one system is told in one place. Key identifiers are GUIDs in text.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SystemReport {
    /// Where it stands: `pssh`, `mspr:pro`, `EXT-X-KEY`, ….
    pub at: String,
    /// The system's name, or its identifier if it is not known.
    pub system: String,
    /// The scheme, as far as it is told beside the system's own data.
    pub scheme: Option<String>,
    /// The keys, as far as they are told beside the system's own data.
    pub key_ids: Vec<String>,
    /// Where licences or keys are, likewise.
    pub url: Option<String>,
    /// The header of PlayReady.
    pub playready: Option<PlayReadyReport>,
    /// The data of Widevine.
    pub widevine: Option<WidevineReport>,
    /// Why its data cannot be read.
    pub error: Option<String>,
}

/// A PlayReady header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlayReadyReport {
    /// Its version.
    pub version: &'static str,
    /// Its keys.
    pub key_ids: Vec<String>,
    /// `ALGID` of the first key.
    pub algorithm: Option<String>,
    /// Checksums of the keys that have one, base64.
    pub checksums: Vec<String>,
    /// `LA_URL`.
    pub licence_url: Option<String>,
    /// `LUI_URL`.
    pub licence_page: Option<String>,
    /// `DS_ID`.
    pub domain_service: Option<String>,
    /// `DECRYPTORSETUP`.
    pub decryptor_setup: Option<String>,
    /// Names of the elements in `CUSTOMATTRIBUTES`.
    pub custom_attributes: Vec<String>,
    /// Bytes of an embedded licence store.
    pub licence_store: Option<usize>,
}

/// The data of Widevine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WidevineReport {
    /// Its keys.
    pub key_ids: Vec<String>,
    /// The provider.
    pub provider: Option<String>,
    /// The content's identifier: a text, or `base64:` and its bytes.
    pub content_id: Option<String>,
    /// The policy.
    pub policy: Option<String>,
    /// The scheme.
    pub scheme: Option<String>,
}

fn guids<'a>(ids: impl IntoIterator<Item = &'a KeyId>) -> Vec<String> {
    ids.into_iter().map(ToString::to_string).collect()
}

impl SystemReport {
    /// Of a `pssh` box.
    pub(super) fn of_box(read: &Result<ProtectionHeader, isobmff::Error>) -> SystemReport {
        let at = "pssh".to_owned();
        match read {
            Err(error) => {
                SystemReport { at, system: "?".to_owned(), error: Some(error.to_string()), ..SystemReport::default() }
            }
            Ok(header) => {
                let id = KeyId(header.system);
                let system = System::of_id(id);
                let key_ids = header.key_ids.iter().map(|id| KeyId(*id).to_string()).collect();
                let name = system.map_or_else(|| id.to_string(), |system| system.name().to_owned());
                SystemReport { at, system: name, key_ids, ..SystemReport::default() }.with_data(system, &header.data)
            }
        }
    }

    /// Of `pssh` boxes in base64, as manifests have them.
    pub(super) fn of_boxes(text: &str) -> Vec<SystemReport> {
        let broken = |problem: String| SystemReport {
            at: "pssh".to_owned(),
            system: "?".to_owned(),
            error: Some(problem),
            ..SystemReport::default()
        };
        let Some(bytes) = base64(text) else { return vec![broken("it is not base64".to_owned())] };
        match ProtectionHeader::parse_all(&Bytes::from(bytes), 0) {
            Ok(headers) => headers.into_iter().map(|header| SystemReport::of_box(&Ok(header))).collect(),
            Err(error) => vec![broken(error.to_string())],
        }
    }

    /// With what the system's own data says.
    pub(super) fn with_data(mut self, system: Option<System>, data: &[u8]) -> SystemReport {
        match system {
            Some(System::PlayReady) => match playready::object(data) {
                Ok(object) => self.playready = Some(PlayReadyReport::of(&object)),
                Err(error) => self.error = Some(error.to_string()),
            },
            Some(System::Widevine) => match widevine::read(data) {
                Ok(data) => self.widevine = Some(WidevineReport::of(&data)),
                Err(error) => self.error = Some(error.to_string()),
            },
            _ => {}
        }
        self
    }

    /// One line.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![format!("{} ({})", self.system, self.at)];
        parts.extend(self.scheme.clone());
        parts.extend(keys(&self.key_ids));
        parts.extend(self.url.clone());
        if let Some(header) = &self.playready {
            parts.push(format!("header {}", header.version));
            parts.extend(header.algorithm.clone());
            parts.extend(keys(&header.key_ids));
            parts.extend(header.checksums.iter().map(|sum| format!("checksum {sum}")));
            for (name, value) in [
                ("LA_URL", &header.licence_url),
                ("LUI_URL", &header.licence_page),
                ("DS_ID", &header.domain_service),
                ("DECRYPTORSETUP", &header.decryptor_setup),
            ] {
                parts.extend(value.as_ref().map(|value| format!("{name} {value}")));
            }
            if !header.custom_attributes.is_empty() {
                parts.push(format!("CUSTOMATTRIBUTES with {}", header.custom_attributes.join(", ")));
            }
            parts.extend(header.licence_store.map(|bytes| format!("embedded licence store of {bytes} bytes")));
        }
        if let Some(data) = &self.widevine {
            parts.extend(keys(&data.key_ids));
            for (name, value) in [
                ("provider", &data.provider),
                ("content", &data.content_id),
                ("policy", &data.policy),
                ("scheme", &data.scheme),
            ] {
                parts.extend(value.as_ref().map(|value| format!("{name} {value}")));
            }
        }
        parts.extend(self.error.as_ref().map(|error| format!("unreadable: {error}")));
        parts.join(", ")
    }
}

/// `key …`, or several.
fn keys(ids: &[String]) -> Option<String> {
    match ids {
        [] => None,
        [one] => Some(format!("key {one}")),
        several => Some(format!("keys {}", several.join(" "))),
    }
}

impl PlayReadyReport {
    fn of(object: &playready::ReadObject) -> PlayReadyReport {
        let header = &object.header;
        let attributes = header.custom_attributes.iter().flat_map(|all| &all.children);
        PlayReadyReport {
            version: header.version.as_str(),
            key_ids: guids(header.keys.iter().map(|key| &key.id)),
            algorithm: header.keys.first().and_then(|key| key.algorithm.clone()),
            checksums: header.keys.iter().filter_map(|key| key.checksum).map(|sum| STANDARD.encode(sum)).collect(),
            licence_url: header.licence_url.clone(),
            licence_page: header.licence_page.clone(),
            domain_service: header.domain_service.clone(),
            decryptor_setup: header.decryptor_setup.clone(),
            custom_attributes: attributes.map(|element| element.name.clone()).collect(),
            licence_store: object.licence_store,
        }
    }
}

impl WidevineReport {
    fn of(data: &widevine::PsshData) -> WidevineReport {
        let content_id = match std::str::from_utf8(&data.content_id) {
            _ if data.content_id.is_empty() => None,
            Ok(text) if !text.contains(char::is_control) => Some(text.to_owned()),
            _ => Some(format!("base64:{}", STANDARD.encode(&data.content_id))),
        };
        WidevineReport {
            key_ids: guids(&data.key_ids),
            provider: data.provider.clone(),
            content_id,
            policy: data.policy.clone(),
            scheme: data.scheme.map(|scheme| scheme.to_string()),
        }
    }
}

/// Bytes of a text in base64, white space left out.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok()
}
