//! Content keys: what protects media, at rest or on its way to players (object model §6, §12.4).

use std::ops::RangeInclusive;

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use serde::{Deserialize, Serialize};

use super::Catalog;
use super::asset::Asset;
use super::entity::{Entity, Kind, Link, Version, millis};
use super::error::Error;
use super::id::{AssetId, ContentKeyId, KeyPolicyId};
use super::key_policy::KeyPolicy;
use super::numbers::numbered;
use super::rules::{self, MAX_NAME};
use super::transaction::Transaction;
use crate::packager::protection::Tracks;
use crate::secrets::SecretBytes;
use crate::time::UtcTime;

numbered! {
    /// What a key is for.
    ContentKeyType {
        /// Common encryption (CTR), 16 bytes.
        CommonEncryption = 0 "CommonEncryption",
        /// Files in storage, 32 bytes.
        StorageEncryption = 1 "StorageEncryption",
        /// Configurations of tasks, 32 bytes.
        ConfigurationEncryption = 2 "ConfigurationEncryption",
        /// URLs.
        UrlEncryption = 3 "UrlEncryption",
        /// Envelope encryption, 16 bytes.
        EnvelopeEncryption = 4 "EnvelopeEncryption",
        /// Common encryption with pattern (cbcs), 16 bytes.
        CommonEncryptionCbcs = 6 "CommonEncryptionCbcs",
        /// FairPlay's application secret key, 16 bytes.
        FairPlayASk = 7 "FairPlayASk",
        /// The password of FairPlay's certificate.
        FairPlayPfxPassword = 8 "FairPlayPfxPassword",
    }
}

impl ContentKeyType {
    /// How many bytes such a key has; `None` if any number.
    pub const fn key_bytes(self) -> Option<usize> {
        match self {
            ContentKeyType::CommonEncryption
            | ContentKeyType::EnvelopeEncryption
            | ContentKeyType::CommonEncryptionCbcs
            | ContentKeyType::FairPlayASk => Some(16),
            ContentKeyType::StorageEncryption | ContentKeyType::ConfigurationEncryption => Some(32),
            ContentKeyType::UrlEncryption | ContentKeyType::FairPlayPfxPassword => None,
        }
    }

    /// An asset can have one key of this type.
    const fn is_single(self) -> bool {
        matches!(
            self,
            ContentKeyType::CommonEncryption
                | ContentKeyType::StorageEncryption
                | ContentKeyType::EnvelopeEncryption
                | ContentKeyType::CommonEncryptionCbcs
        )
    }
}

/// A content key without its material, which [`Catalog::key_material`] has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContentKey {
    /// Its identifier, which the client chose; the GUID is the KID of protected media.
    pub id: ContentKeyId,
    /// What it is for.
    pub content_key_type: ContentKeyType,
    /// The thumbprint of the certificate that the client had wrapped it for, or empty.
    pub protection_key_id: String,
    /// How it was wrapped: 0, for an X.509 certificate's thumbprint.
    pub protection_key_type: i32,
    /// The checksum of §12.4, base64; of passwords none.
    pub checksum: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Who may have it, and how.
    pub authorization_policy_id: Option<KeyPolicyId>,
    /// The tracks that it is for; of all if not given.
    pub track_identifiers: Option<String>,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
    /// When it was last changed.
    #[serde(with = "millis")]
    pub last_modified: UtcTime,
}

impl ContentKey {
    /// The tracks that it is for, as they are compared.
    fn tracks(&self) -> Option<String> {
        let text = self.track_identifiers.as_deref().unwrap_or_default();
        let mut names: Vec<String> = text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
        names.sort();
        Some(names.join(",")).filter(|names| !names.is_empty())
    }
}

impl Entity for ContentKey {
    const KIND: Kind = Kind::ContentKey;
    type Id = ContentKeyId;

    fn id(&self) -> ContentKeyId {
        self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// Players get keys of this type. Those of storage and of FairPlay's certificate open more than one film.
pub const fn is_for_players(content_key_type: ContentKeyType) -> bool {
    matches!(
        content_key_type,
        ContentKeyType::CommonEncryption | ContentKeyType::CommonEncryptionCbcs | ContentKeyType::EnvelopeEncryption
    )
}

/// What a content key is created with.
pub struct NewContentKey {
    /// Its identifier.
    pub id: ContentKeyId,
    /// What it is for.
    pub content_key_type: ContentKeyType,
    /// The key, unwrapped.
    pub material: SecretBytes,
    /// The checksum as the client calculated it, base64; looked at if given.
    pub checksum: Option<String>,
    /// The thumbprint of the certificate that it came wrapped for, or empty.
    pub protection_key_id: String,
    /// Its name.
    pub name: Option<String>,
    /// The tracks that it is for.
    pub track_identifiers: Option<String>,
}

/// What of a content key may be changed; `None` leaves it as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContentKeyUpdate {
    /// A name, or none.
    pub name: Option<Option<String>>,
    /// An authorization policy, or none.
    pub authorization_policy_id: Option<Option<KeyPolicyId>>,
    /// The tracks that it is for, or all.
    pub track_identifiers: Option<Option<String>>,
}

/// The name of the material among a key's secrets.
pub(super) const MATERIAL: &str = "material";

/// The checksum of a key, base64: the first 8 bytes of its id, encrypted with it (AES-ECB; §12.4). The id's
/// bytes are in .NET's order, the first three fields little-endian. `None` for keys that are not of AES.
pub fn checksum(id: ContentKeyId, key: &SecretBytes) -> Option<String> {
    let guid = id.guid().to_bytes_le();
    let encrypted: [u8; 16] = match key.len() {
        16 => encrypt::<aes::Aes128>(key.expose(), guid)?,
        32 => encrypt::<aes::Aes256>(key.expose(), guid)?,
        _ => return None,
    };
    Some(base64(encrypted.first_chunk::<8>()?))
}

fn encrypt<C: KeyInit + BlockCipherEncrypt>(key: &[u8], bytes: [u8; 16]) -> Option<[u8; 16]> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = Block::<C>::try_from(bytes.as_slice()).ok()?;
    cipher.encrypt_block(&mut block);
    block.as_slice().try_into().ok()
}

/// RFC 4648 4 of 8 bytes.
fn base64(bytes: &[u8; 8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = u128::from(u64::from_be_bytes(*bytes)) << 2;
    let letter = |i: u32| char::from(LETTERS[usize::try_from(bits >> (60 - 6 * i) & 63).unwrap_or(0)]);
    (0..11).map(letter).chain(['=']).collect()
}

/// The most keys that [`Catalog::content_keys_between`] reads.
const MAX_BETWEEN: u64 = 1000;

impl Catalog {
    /// The content keys with identifiers of a range, at most a thousand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn content_keys_between(&self, range: RangeInclusive<ContentKeyId>) -> Result<Vec<ContentKey>, Error> {
        let (first, last) = (range.start().to_string(), range.end().to_string());
        super::read::between(&mut self.database().read().await?, &first, &last, MAX_BETWEEN).await
    }

    /// The material of a key.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Seal`] without its master key.
    pub async fn key_material(&self, id: ContentKeyId) -> Result<SecretBytes, Error> {
        let material = self.secret(&id.to_string(), MATERIAL).await?;
        material.ok_or_else(|| Error::not_found(Kind::ContentKey, id))
    }
}

impl Transaction<'_> {
    /// Creates a content key. Its material is kept under the master key.
    ///
    /// # Errors
    /// [`Error::Conflict`] for an id that is taken; [`Error::Invalid`] for material of the wrong length or with
    /// another checksum; [`Error::Seal`] without a master key.
    pub async fn create_content_key(&mut self, new: NewContentKey) -> Result<ContentKey, Error> {
        rules::maybe_text(Kind::ContentKey, "Name", new.name.as_deref(), MAX_NAME)?;
        check_tracks(new.track_identifiers.as_deref())?;
        rules::text(Kind::ContentKey, "ProtectionKeyId", &new.protection_key_id, MAX_NAME)?;
        check_material(&new)?;
        let checksum = checksum(new.id, &new.material);
        if let (Some(given), Some(ours)) = (&new.checksum, &checksum)
            && given != ours
        {
            let problem =
                "it is not that of this key and id: 8 bytes of AES-ECB over the id's bytes in .NET order, base64";
            return Err(Error::invalid(Kind::ContentKey, "Checksum", problem));
        }
        if self.find::<ContentKey>(&new.id).await?.is_some() {
            return Err(Error::conflict(format!("the content key id {} is taken; choose another", new.id)));
        }
        let key = ContentKey {
            id: new.id,
            content_key_type: new.content_key_type,
            protection_key_id: new.protection_key_id,
            protection_key_type: 0,
            checksum,
            name: new.name,
            authorization_policy_id: None,
            track_identifiers: new.track_identifiers,
            created: self.now(),
            last_modified: self.now(),
        };
        self.insert(&key).await?;
        self.seal(&key.id.to_string(), MATERIAL, &new.material).await?;
        Ok(key)
    }

    /// Changes what of a content key may change.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that key or policy, [`Error::Invalid`], [`Error::Changed`].
    pub async fn update_content_key(
        &mut self,
        id: ContentKeyId,
        update: ContentKeyUpdate,
        expected: Option<Version>,
    ) -> Result<ContentKey, Error> {
        let mut key: ContentKey = self.for_update(&id, expected).await?;
        if let Some(name) = update.name {
            rules::maybe_text(Kind::ContentKey, "Name", name.as_deref(), MAX_NAME)?;
            key.name = name;
        }
        if let Some(tracks) = update.track_identifiers {
            check_tracks(tracks.as_deref())?;
            key.track_identifiers = tracks;
        }
        if let Some(policy) = update.authorization_policy_id
            && policy != key.authorization_policy_id
        {
            let text = id.to_string();
            if let Some(before) = key.authorization_policy_id {
                self.unlink(Link::ContentKeyPolicy, &text, &before.to_string()).await?;
            }
            if let Some(policy) = policy {
                self.get::<KeyPolicy>(&policy).await?;
                self.link(Link::ContentKeyPolicy, &text, &policy.to_string()).await?;
            }
            key.authorization_policy_id = policy;
        }
        key.last_modified = self.now();
        self.replace(&key).await?;
        Ok(key)
    }

    /// Deletes a content key and its material for good.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while an asset has it.
    pub async fn delete_content_key(&mut self, id: ContentKeyId) -> Result<(), Error> {
        let key = self.get::<ContentKey>(&id).await?.entity;
        let users = self.linking(Link::AssetContentKeys, &id).await?;
        rules::unused(&format!("content key {id}"), "asset", &users)?;
        self.remove(&key).await
    }

    /// Gives a key to an asset.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has it, or has another of that type.
    pub async fn link_content_key(&mut self, asset: AssetId, key: ContentKeyId) -> Result<(), Error> {
        self.get::<Asset>(&asset).await?;
        let key = self.get::<ContentKey>(&key).await?.entity;
        for other in self.linked_keys(asset).await? {
            if other.id == key.id {
                return Err(Error::conflict(format!("asset {asset} has content key {} already", key.id)));
            }
            let same_tracks = !is_for_players(key.content_key_type) || other.tracks() == key.tracks();
            if other.content_key_type == key.content_key_type && key.content_key_type.is_single() && same_tracks {
                let problem = format!(
                    "asset {asset} has a {} key for these tracks already, {}; take that off first, or give them TrackIdentifiers",
                    key.content_key_type.name(),
                    other.id
                );
                return Err(Error::conflict(problem));
            }
        }
        self.link(Link::AssetContentKeys, &asset.to_string(), &key.id.to_string()).await
    }

    /// Takes a key from an asset.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the asset does not have it; [`Error::Conflict`] for the storage key of an asset with
    /// files that are encrypted with it.
    pub async fn unlink_content_key(&mut self, asset: AssetId, key: ContentKeyId) -> Result<(), Error> {
        let files = self.files_encrypted_with(asset, key).await?;
        if files > 0 {
            let problem = format!("{files} files of asset {asset} are encrypted with {key}; delete them first");
            return Err(Error::conflict(problem));
        }
        self.unlink(Link::AssetContentKeys, &asset.to_string(), &key.to_string()).await
    }

    /// The content keys of an asset.
    async fn linked_keys(&mut self, asset: AssetId) -> Result<Vec<ContentKey>, Error> {
        let keys = super::read::linked(&mut self.running, Link::AssetContentKeys, &asset.to_string()).await?;
        Ok(keys.into_iter().map(|stored| stored.entity).collect())
    }
}

/// Names of tracks mean something.
fn check_tracks(text: Option<&str>) -> Result<(), Error> {
    rules::maybe_text(Kind::ContentKey, "TrackIdentifiers", text, MAX_NAME)?;
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(()) };
    Tracks::parse(text)
        .map(drop)
        .map_err(|error| Error::invalid(Kind::ContentKey, "TrackIdentifiers", error.to_string()))
}

fn check_material(new: &NewContentKey) -> Result<(), Error> {
    let (length, wanted) = (new.material.len(), new.content_key_type.key_bytes());
    let wrong = |problem| Err(Error::invalid(Kind::ContentKey, "EncryptedContentKey", problem));
    match wanted {
        Some(wanted) if length != wanted => {
            wrong(format!("a {} key has {wanted} bytes and this has {length}", new.content_key_type.name()))
        }
        None if !(1..=4000).contains(&length) => wrong("it has to have 1 to 4000 bytes".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_reference() {
        let key: ContentKeyId = "nb:kid:UUID:00112233-4455-6677-8899-AABBCCDDEEFF".parse().unwrap();
        let bytes = |n: u8| SecretBytes::new((0..n).collect());
        assert_eq!(checksum(key, &bytes(16)).unwrap(), "KpOvXRLUXfs=");
        assert_eq!(checksum(key, &bytes(32)).unwrap(), "pWuIS8ZQuMQ=");
        assert_eq!(checksum(key, &bytes(15)), None);
        let real: ContentKeyId = "nb:kid:UUID:339C45B5-FB6D-4BD9-994C-EABD9D41C95B".parse().unwrap();
        let material = [0xa5, 0x37, 0xcd, 0xc0, 0xca, 0x65, 0x84, 0x14, 0x06, 0xd5, 0x25, 0xe7, 0xbf, 0x22, 0xd7, 0x54];
        assert_eq!(checksum(real, &SecretBytes::new(material.to_vec())).unwrap(), "Dnd2+tOluB4=");
    }
}
