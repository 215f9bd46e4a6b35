//! The content keys of a published asset, as it is known to those who encrypt: sealed until they are needed.

use std::collections::HashMap;
use std::fmt;

use super::Catalog;
use super::content_key::{ContentKey, ContentKeyType, MATERIAL};
use super::database::Running;
use super::entity::Link;
use super::error::Error;
use super::id::ContentKeyId;
use super::read;
use super::transaction::secret_context;
use crate::secrets::{SealError, Sealed, SecretBytes};

/// A content key of an asset.
#[derive(Clone)]
pub struct AssetKey {
    /// Its identifier.
    pub id: ContentKeyId,
    /// What it is for.
    pub content_key_type: ContentKeyType,
    /// The tracks that it is for; of all if not given.
    pub track_identifiers: Option<String>,
    sealed: Sealed,
}

impl fmt::Debug for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.content_key_type.name(), self.id)
    }
}

/// Such a key encrypts on the way to players.
const fn protects(content_key_type: ContentKeyType) -> bool {
    matches!(
        content_key_type,
        ContentKeyType::CommonEncryption | ContentKeyType::CommonEncryptionCbcs | ContentKeyType::EnvelopeEncryption
    )
}

/// A content key with its sealed material; `None` for other kinds of keys, and without material.
fn of_key(key: &ContentKey, sealed: Option<Sealed>) -> Option<AssetKey> {
    protects(key.content_key_type).then_some(AssetKey {
        id: key.id,
        content_key_type: key.content_key_type,
        track_identifiers: key.track_identifiers.clone(),
        sealed: sealed?,
    })
}

/// All keys of all assets, by asset.
pub(super) async fn all(running: &mut Running, keys: &[ContentKey]) -> Result<HashMap<String, Vec<AssetKey>>, Error> {
    let sql = "SELECT owner, master, sealed FROM secret WHERE name = $1";
    let rows: Vec<(String, String, String)> = running.all(sql, &[MATERIAL.into()]).await?;
    let mut sealed: HashMap<String, Sealed> =
        rows.into_iter().map(|(owner, master, text)| (owner, Sealed { master, text })).collect();
    let known: HashMap<String, AssetKey> = keys
        .iter()
        .filter_map(|key| {
            let id = key.id.to_string();
            let asset_key = of_key(key, sealed.remove(&id))?;
            Some((id, asset_key))
        })
        .collect();
    let sql = "SELECT from_id, to_id FROM link WHERE kind = $1 ORDER BY ordinal";
    let links: Vec<(String, String)> = running.all(sql, &[Link::AssetContentKeys.as_str().into()]).await?;
    let mut of_assets: HashMap<String, Vec<AssetKey>> = HashMap::new();
    for (asset, key) in links {
        if let Some(key) = known.get(&key) {
            of_assets.entry(asset).or_default().push(key.clone());
        }
    }
    Ok(of_assets)
}

/// The keys that are linked to an asset.
pub(super) async fn of_asset(running: &mut Running, asset: &str) -> Result<Vec<AssetKey>, Error> {
    let mut keys = Vec::new();
    for stored in read::linked::<ContentKey>(running, Link::AssetContentKeys, asset).await? {
        let sealed = read::sealed(running, &stored.entity.id.to_string(), MATERIAL).await?;
        keys.extend(of_key(&stored.entity, sealed));
    }
    Ok(keys)
}

impl Catalog {
    /// The material of an asset's key. Asks no database.
    ///
    /// # Errors
    /// Every [`SealError`].
    pub fn open_key(&self, key: &AssetKey) -> Result<SecretBytes, SealError> {
        self.sealer().open(&secret_context(&key.id.to_string(), MATERIAL), &key.sealed)
    }
}
