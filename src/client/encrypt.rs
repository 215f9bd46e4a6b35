//! Storage encryption by the client (object model §12.3): a key for the asset, encrypted for the server's
//! protection certificate, and a record of each file with its own initialization vector.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::{encoded, quoted};
use super::{Api, Asset, Error};
use crate::catalog::mime_type;
use crate::cipher::{STORAGE_KEY_BYTES, StorageCipher, StorageKey, key_checksum};
use crate::keys::wrap_for;

/// `ContentKeyType.StorageEncryption`.
const STORAGE_ENCRYPTION: i64 = 1;

/// The key of an asset's files, and its id.
pub(super) struct AssetKey {
    id: String,
    key: StorageKey,
}

impl AssetKey {
    /// What encrypts a file with this initialization vector.
    pub fn cipher(&self, iv: u64) -> StorageCipher {
        StorageCipher::new(self.key.clone(), iv)
    }
}

impl Api {
    /// The storage key of an asset: the one that it has, or a new one, sent to the server and linked.
    pub(super) async fn storage_key(&self, asset: &Asset) -> Result<AssetKey, Error> {
        let links = format!("Assets({})/ContentKeys", quoted(&asset.id));
        let known = self.all(&links).await?;
        let of_storage =
            known.iter().find(|key| key.get("ContentKeyType").and_then(Value::as_i64) == Some(STORAGE_ENCRYPTION));
        match of_storage {
            Some(key) => self.known_key(self.text(key, "Id")?).await,
            None => self.new_key(asset).await,
        }
    }

    async fn known_key(&self, id: String) -> Result<AssetKey, Error> {
        let path = format!("RebindContentKey?id={}&x509Certificate=''", quoted(&id));
        let answer = self.get(&path).await?;
        let bytes = answer.get("value").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
        let bytes = zeroize::Zeroizing::new(bytes.unwrap_or_default());
        let key = StorageKey::from_slice(&bytes).ok_or_else(|| problem("the server's has not 32 bytes"))?;
        Ok(AssetKey { id, key })
    }

    async fn new_key(&self, asset: &Asset) -> Result<AssetKey, Error> {
        let value = |answer: Value| answer.get("value").and_then(Value::as_str).map(str::to_owned);
        let thumbprint = self.get(&format!("GetProtectionKeyId?contentKeyType={STORAGE_ENCRYPTION}")).await?;
        let thumbprint = value(thumbprint).ok_or_else(|| self.strange("there is no protection key"))?;
        let certificate = self.get(&format!("GetProtectionKey?ProtectionKeyId={}", quoted(&thumbprint))).await?;
        let certificate = value(certificate).and_then(|text| STANDARD.decode(text).ok());
        let certificate = certificate.ok_or_else(|| self.strange("the protection key is no base64"))?;

        let mut bytes = zeroize::Zeroizing::new([0u8; STORAGE_KEY_BYTES]);
        rand::fill(&mut *bytes).map_err(|_| problem("the operating system gives no randomness"))?;
        let guid = Uuid::new_v4();
        let wrapped = wrap_for(&certificate, &*bytes).map_err(|error| problem(&error.to_string()))?;
        let checksum = key_checksum(&*bytes, guid.as_bytes()).ok_or_else(|| problem("it has not 32 bytes"))?;
        let id = format!("nb:kid:UUID:{guid}");
        let body = json!({
            "Id": id,
            "Name": format!("storage key of {}", asset.name),
            "ContentKeyType": STORAGE_ENCRYPTION,
            "EncryptedContentKey": STANDARD.encode(wrapped),
            "ProtectionKeyId": thumbprint,
            "ProtectionKeyType": 0,
            "Checksum": STANDARD.encode(checksum),
        });
        self.post("ContentKeys", &body).await?;
        let uri = format!("{}ContentKeys({})", self.url(), quoted(&id));
        self.post(&format!("Assets({})/$links/ContentKeys", quoted(&asset.id)), &json!({ "uri": uri })).await?;
        let key = StorageKey::from_slice(&*bytes).ok_or_else(|| problem("it has not 32 bytes"))?;
        Ok(AssetKey { id, key })
    }

    /// A record of a file that will be encrypted; its initialization vector. A record that is there is used again
    /// with a new vector: one vector is never used for two contents.
    pub(super) async fn encrypted_file(
        &self,
        asset: &Asset,
        key: &AssetKey,
        name: &str,
        bytes: u64,
        is_primary: bool,
    ) -> Result<u64, Error> {
        let mut iv = [0u8; 8];
        rand::fill(&mut iv).map_err(|_| problem("the operating system gives no randomness"))?;
        let iv = u64::from_be_bytes(iv);
        let filter = format!("ParentAssetId%20eq%20{}%20and%20Name%20eq%20{}", quoted(&asset.id), quoted(name));
        let known = self.all(&format!("Files?$filter={filter}")).await?;
        let mut body = json!({
            "ContentFileSize": bytes.to_string(),
            "MimeType": mime_type(name),
            "IsEncrypted": true,
            "EncryptionVersion": "1.0",
            "EncryptionScheme": "StorageEncryption",
            "EncryptionKeyId": key.id,
            "InitializationVector": iv.to_string(),
        });
        match known.first() {
            Some(file) => {
                let id = encoded(&self.text(file, "Id")?);
                self.merge(&format!("Files('{id}')"), &body).await?;
            }
            None => {
                if let Some(body) = body.as_object_mut() {
                    body.insert("Name".to_owned(), Value::from(name));
                    body.insert("ParentAssetId".to_owned(), Value::from(asset.id.as_str()));
                    body.insert("IsPrimary".to_owned(), Value::from(is_primary));
                }
                self.post("Files", &body).await?;
            }
        }
        Ok(iv)
    }
}

fn problem(problem: &str) -> Error {
    Error::Key { problem: problem.to_owned() }
}
