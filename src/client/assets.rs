//! Assets of a server: found by name or id, listed, deleted.

use serde_json::{Value, json};
use uuid::Uuid;

use super::api::quoted;
use super::{Api, Error};

/// An asset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asset {
    /// `nb:cid:UUID:…`
    pub id: String,
    /// Its name; may be empty.
    pub name: String,
    /// Its files are encrypted in storage.
    pub encrypted: bool,
}

/// An asset in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The asset.
    pub asset: Asset,
    /// The storage account.
    pub account: String,
    /// Paths of its streaming locators: what its URLs begin with.
    pub paths: Vec<String>,
}

/// `AssetCreationOptions.StorageEncrypted`.
const STORAGE_ENCRYPTED: i64 = 1;

impl Api {
    /// The asset of that name or id: `nb:cid:UUID:GUID`, the GUID, or `asset-GUID`.
    ///
    /// # Errors
    /// [`Error::NoAsset`], [`Error::Ambiguous`].
    pub async fn asset(&self, what: &str) -> Result<Asset, Error> {
        let none = || Error::NoAsset { what: what.chars().take(200).collect() };
        let guid = what.strip_prefix("nb:cid:UUID:").or(what.strip_prefix("asset-")).unwrap_or(what);
        if let Some(guid) = (guid.len() == 36).then(|| Uuid::parse_str(guid).ok()).flatten() {
            return match self.get(&format!("Assets({})", quoted(&format!("nb:cid:UUID:{guid}")))).await {
                Ok(entity) => self.read(&entity),
                Err(Error::Refused { status: 404, .. }) => Err(none()),
                Err(error) => Err(error),
            };
        }
        let mut found = self.assets_named(what).await?;
        match found.len() {
            0 => Err(none()),
            1 => Ok(found.remove(0)),
            _ => Err(Error::Ambiguous { name: what.to_owned(), ids: found.into_iter().map(|a| a.id).collect() }),
        }
    }

    /// All assets of that name.
    pub(super) async fn assets_named(&self, name: &str) -> Result<Vec<Asset>, Error> {
        let found = self.all(&format!("Assets?$filter=Name%20eq%20{}", quoted(name))).await?;
        found.iter().map(|entity| self.read(entity)).collect()
    }

    pub(super) fn read(&self, entity: &Value) -> Result<Asset, Error> {
        Ok(Asset {
            id: self.text(entity, "Id")?,
            name: entity.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            encrypted: entity.get("Options").and_then(Value::as_i64) == Some(STORAGE_ENCRYPTED),
        })
    }

    pub(super) async fn create_asset(&self, name: &str, encrypted: bool) -> Result<Asset, Error> {
        let options = if encrypted { STORAGE_ENCRYPTED } else { 0 };
        let made = self.post("Assets", &json!({ "Name": name, "Options": options })).await?;
        self.read(&made)
    }

    /// All assets with their streaming locators.
    ///
    /// # Errors
    /// [`Error`] when the server does not answer, or refuses.
    pub async fn assets(&self) -> Result<Vec<Listed>, Error> {
        let listed = |entity: &Value| {
            let locators = entity.get("Locators").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            Ok(Listed {
                asset: self.read(entity)?,
                account: entity.get("StorageAccountName").and_then(Value::as_str).unwrap_or_default().to_owned(),
                paths: streaming(locators).filter_map(|l| l.get("Path")?.as_str().map(str::to_owned)).collect(),
            })
        };
        self.all("Assets?$expand=Locators").await?.iter().map(listed).collect()
    }

    /// Deletes an asset with its file records and locators, and with its container unless that is to be kept.
    ///
    /// # Errors
    /// [`Error`] when the server refuses.
    pub async fn delete_asset(&self, asset: &Asset, keep_container: bool) -> Result<(), Error> {
        let query = if keep_container { "?keepcontainer=true" } else { "" };
        self.delete(&format!("Assets({}){query}", quoted(&asset.id))).await
    }
}

/// Locators for streaming (type 2).
pub(super) fn streaming(locators: &[Value]) -> impl Iterator<Item = &Value> {
    locators.iter().filter(|locator| locator.get("Type").and_then(Value::as_i64) == Some(2))
}
