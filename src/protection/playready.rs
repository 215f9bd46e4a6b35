//! PlayReady: the header object in manifests and `pssh`, its checksum, and keys made from a seed
//! ("PlayReady Header Object", Microsoft).

mod read;

pub use read::{ReadError, ReadHeader, ReadKey, ReadObject, header, object};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cipher::{ContentKey, KeyId, key_checksum};
use crate::xml::escape_text;

/// Which form of header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum Version {
    /// 4.0: one key, counter mode; every client reads it.
    #[default]
    V4_0,
    /// 4.1: one key, its algorithm in attributes.
    V4_1,
    /// 4.2: several keys.
    V4_2,
    /// 4.3: the chains of `cbcs` too.
    V4_3,
}

impl Version {
    /// The attribute `version` of a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::V4_0 => "4.0.0.0",
            Version::V4_1 => "4.1.0.0",
            Version::V4_2 => "4.2.0.0",
            Version::V4_3 => "4.3.0.0",
        }
    }

    /// The version of that name: as in headers, or its first two numbers (`4.3`).
    pub fn from_name(name: &str) -> Option<Version> {
        let all = [Version::V4_0, Version::V4_1, Version::V4_2, Version::V4_3];
        all.into_iter().find(|version| [version.as_str(), &version.as_str()[..3]].contains(&name))
    }
}

/// What a header says.
pub struct Header<'a> {
    /// Its form.
    pub version: Version,
    /// The keys; forms before 4.2 tell the first alone. Of a key that is not known there is no checksum.
    pub keys: &'a [(KeyId, Option<&'a ContentKey>)],
    /// The media is encrypted in chains (`AESCBC`), not in counter mode (`AESCTR`).
    pub chains: bool,
    /// `LA_URL`: where licences are.
    pub licence_url: Option<&'a str>,
    /// `CUSTOMATTRIBUTES`: XML as the policy has it.
    pub custom_attributes: Option<&'a str>,
}

/// Record type of a rights management header (PlayReady Header Object 2.2).
const RIGHTS_HEADER: u16 = 1;

impl Header<'_> {
    /// The `WRMHEADER` element.
    pub fn xml(&self) -> String {
        let version = self.version.as_str();
        let algorithm = if self.chains && self.version == Version::V4_3 { "AESCBC" } else { "AESCTR" };
        let mut out = format!(
            "<WRMHEADER xmlns=\"http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader\" version=\"{version}\"><DATA>"
        );
        let id = |key: KeyId| STANDARD.encode(key.little_endian_fields());
        // There is no checksum for chains.
        let checksum = |key: &(KeyId, Option<&ContentKey>)| {
            let checksum = key_checksum(key.1?.expose(), &key.0.0).filter(|_| algorithm == "AESCTR")?;
            Some(STANDARD.encode(checksum))
        };
        let element = |key: &(KeyId, Option<&ContentKey>)| {
            let checksum = checksum(key).map(|sum| format!(" CHECKSUM=\"{sum}\"")).unwrap_or_default();
            format!("<KID ALGID=\"{algorithm}\"{checksum} VALUE=\"{}\"></KID>", id(key.0))
        };
        match (self.version, self.keys.first()) {
            (_, None) => {}
            (Version::V4_0, Some(key)) => {
                out += "<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO>";
                out += &format!("<KID>{}</KID>", id(key.0));
                out += &checksum(key).map(|sum| format!("<CHECKSUM>{sum}</CHECKSUM>")).unwrap_or_default();
            }
            (Version::V4_1, Some(key)) => out += &format!("<PROTECTINFO>{}</PROTECTINFO>", element(key)),
            (Version::V4_2 | Version::V4_3, Some(_)) => {
                let keys: String = self.keys.iter().map(element).collect();
                out += &format!("<PROTECTINFO><KIDS>{keys}</KIDS></PROTECTINFO>");
            }
        }
        if let Some(url) = self.licence_url {
            out += "<LA_URL>";
            escape_text(&mut out, url);
            out += "</LA_URL>";
        }
        if let Some(attributes) = self.custom_attributes {
            out += &format!("<CUSTOMATTRIBUTES>{attributes}</CUSTOMATTRIBUTES>");
        }
        out + "</DATA></WRMHEADER>"
    }

    /// The PlayReady Object: the header as its only record. Longer headers than its fields can tell are cut
    /// nowhere: they do not come from a policy, whose length is bounded.
    pub fn object(&self) -> Vec<u8> {
        let text: Vec<u8> = self.xml().encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = Vec::with_capacity(text.len() + 10);
        out.extend_from_slice(&(text.len() as u32 + 10).to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&RIGHTS_HEADER.to_le_bytes());
        out.extend_from_slice(&(text.len() as u16).to_le_bytes());
        out.extend_from_slice(&text);
        out
    }
}

/// The content key that a key seed gives for an identifier. Seeds have 30 bytes; what is beyond is not used.
/// `None` for shorter ones.
pub fn key_from_seed(seed: &[u8], id: KeyId) -> Option<ContentKey> {
    let seed = seed.get(..30)?;
    let id = id.little_endian_fields();
    let digest = |parts: &[&[u8]]| {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Zeroizing::new(<[u8; 32]>::from(hash.finalize()))
    };
    let (a, b, c) = (digest(&[seed, &id]), digest(&[seed, &id, seed]), digest(&[seed, &id, seed, &id]));
    let mut key = Zeroizing::new([0; 16]);
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = a[at] ^ a[at + 16] ^ b[at] ^ b[at + 16] ^ c[at] ^ c[at + 16];
    }
    Some(ContentKey::new(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public seed and key of the PlayReady test server.
    fn test_key() -> (KeyId, ContentKey) {
        let id: KeyId = "339C45B5-FB6D-4BD9-994C-EABD9D41C95B".parse().unwrap();
        let seed = STANDARD.decode("XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I").unwrap();
        (id, key_from_seed(&seed, id).unwrap())
    }

    #[test]
    fn a_seed_gives_the_keys_of_the_test_server() {
        let (id, key) = test_key();
        assert_eq!(STANDARD.encode(key.expose()), "pTfNwMplhBQG1SXnvyLXVA==");
        assert!(key_from_seed(&[0; 29], id).is_none());
    }

    #[test]
    fn headers_of_each_form() {
        let (id, key) = test_key();
        let keys = [(id, Some(&key))];
        let header = |version, chains| Header {
            version,
            keys: &keys,
            chains,
            licence_url: Some("https://keys.example/?a=1&b=2"),
            custom_attributes: Some("<X>1</X>"),
        };
        let start =
            "<WRMHEADER xmlns=\"http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader\" version=\"4.0.0.0\"><DATA>";
        let end = "<LA_URL>https://keys.example/?a=1&amp;b=2</LA_URL><CUSTOMATTRIBUTES><X>1</X></CUSTOMATTRIBUTES></DATA></WRMHEADER>";
        assert_eq!(
            header(Version::V4_0, false).xml(),
            format!(
                "{start}<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO>\
                 <KID>tUWcM2372UuZTOq9nUHJWw==</KID><CHECKSUM>Dnd2+tOluB4=</CHECKSUM>{end}"
            )
        );
        let v43 = header(Version::V4_3, true).xml();
        let info = "<KIDS><KID ALGID=\"AESCBC\" VALUE=\"tUWcM2372UuZTOq9nUHJWw==\"></KID></KIDS>";
        assert!(v43.contains(info) && v43.contains("4.3.0.0"), "{v43}");
        let v41 = header(Version::V4_1, false).xml();
        assert!(v41.contains("<KID ALGID=\"AESCTR\" CHECKSUM=\"Dnd2+tOluB4=\" VALUE="), "{v41}");
        let object = header(Version::V4_0, false).object();
        assert_eq!(object[..4], (object.len() as u32).to_le_bytes());
        assert_eq!(object[4..8], [1, 0, 1, 0]);
        assert_eq!(usize::from(u16::from_le_bytes([object[8], object[9]])), object.len() - 10);
        assert_eq!(object[10..14], [b'<', 0, b'W', 0]);
    }
}
