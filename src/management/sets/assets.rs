//! `Assets` (object model §2).

use async_trait::async_trait;

use super::{
    EntitySet, asset_filters, children, content_keys, delivery_policies, files, find, id_of, locators, storage_accounts,
};
use crate::catalog::{
    Asset, AssetFile, AssetFilter, AssetFormatOption, AssetId, AssetOptions, AssetUpdate, ContainerFate, ContentKey,
    DeliveryPolicy, Link, Locator, NewAsset, Ordinal, Page, StorageAccount, Stored, Version,
};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::{ASSET, ASSET_DELIVERY_POLICY, CONTENT_KEY};
use crate::management::row::{Row, moment};
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct Assets;

/// An asset as a row.
pub async fn row(context: &Context, asset: &Stored<Asset>) -> Result<Row, Error> {
    let account = context.account(&asset.storage_account).await?;
    let uri = account.and_then(|account| context.installation.container_uri(&account, &asset.container));
    Ok(Row::new(
        &ASSET,
        asset,
        vec![
            ("Id", Value::text(asset.id.to_string())),
            ("State", Value::Int32(asset.state.number())),
            ("Created", moment(asset.created)),
            ("LastModified", moment(asset.last_modified)),
            ("AlternateId", Value::maybe(asset.alternate_id.as_deref())),
            ("Name", Value::maybe(asset.name.as_deref())),
            ("Options", Value::Int32(asset.options.number())),
            ("FormatOption", Value::Int32(asset.format_option.number())),
            ("Uri", Value::maybe(uri)),
            ("StorageAccountName", Value::text(&asset.storage_account)),
        ],
    ))
}

fn options(body: &Body) -> Result<AssetOptions, Error> {
    let number = fields::number(body, "Options").unwrap_or(0);
    let how = "it is 0 (None), 1 (StorageEncrypted), 2 (CommonEncryptionProtected) or 4 (EnvelopeEncryptionProtected)";
    fields::numbered("Options", number, AssetOptions::from_number, how)
}

fn format_option(body: &Body) -> Result<AssetFormatOption, Error> {
    let number = fields::number(body, "FormatOption").unwrap_or(0);
    fields::numbered("FormatOption", number, AssetFormatOption::from_number, "it is 0 or 1 (AdaptiveStreaming)")
}

#[async_trait]
impl EntitySet for Assets {
    fn entity(&self) -> &'static EntityType {
        &ASSET
    }

    fn parent_property(&self) -> Option<&'static str> {
        Some("StorageAccountName")
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        match find::<Asset>(context, key).await? {
            Some(asset) => row(context, &asset).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let mut rows = Vec::new();
        for (ordinal, asset) in context.catalog.list_ordered::<Asset>(page).await? {
            rows.push((ordinal, row(context, &asset).await?));
        }
        Ok(rows)
    }

    async fn related(&self, context: &Context, asset: &Row, navigation: &str) -> Result<Vec<Row>, Error> {
        let id = asset.text("Id");
        let catalog = &context.catalog;
        Ok(match navigation {
            "Files" => children::<AssetFile>(catalog, &id).await?.iter().map(files::row).collect(),
            "AssetFilters" => children::<AssetFilter>(catalog, &id).await?.iter().map(asset_filters::row).collect(),
            "ContentKeys" => {
                let keys = catalog.linked::<ContentKey>(Link::AssetContentKeys, &id).await?;
                keys.iter().map(content_keys::row).collect()
            }
            "DeliveryPolicies" => {
                let policies = catalog.linked::<DeliveryPolicy>(Link::AssetDeliveryPolicies, &id).await?;
                policies.iter().map(delivery_policies::row).collect()
            }
            "Locators" => {
                let mut rows = Vec::new();
                for locator in &children::<Locator>(catalog, &id).await? {
                    rows.push(locators::row(context, locator).await?);
                }
                rows
            }
            "StorageAccount" => {
                let account = find::<StorageAccount>(context, asset.text("StorageAccountName")).await?;
                account.iter().map(storage_accounts::row).collect()
            }
            _ => Vec::new(),
        })
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let new = NewAsset {
            id: fields::given(body, "Id").map(|id| fields::id(&id)).transpose()?,
            alternate_id: fields::text(body, "AlternateId").flatten(),
            name: fields::text(body, "Name").flatten(),
            options: options(body)?,
            format_option: format_option(body)?,
            storage_account: fields::given(body, "StorageAccountName"),
            container: None,
        };
        let context = change.context;
        let asset = if change.is_set {
            change.transaction().await?.create_asset(new).await?
        } else {
            context.catalog.create_asset(context.by.clone(), new).await?
        };
        Ok(asset.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id: AssetId = id_of::<Asset>(&ASSET, key)?;
        let context = change.context;
        let transaction = change.transaction().await?;
        let before = row(context, &transaction.get::<Asset>(&id).await?).await?;
        fields::fixed(body, &before, &["Id", "Options", "FormatOption", "StorageAccountName"])?;
        let update = AssetUpdate { alternate_id: fields::text(body, "AlternateId"), name: fields::text(body, "Name") };
        transaction.update_asset(id, update, expected).await?;
        Ok(())
    }

    /// `?keepcontainer=true` keeps the container, as the client library asks for it.
    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id: AssetId = id_of::<Asset>(&ASSET, key)?;
        let fate = match change.parameter("keepcontainer") {
            Some("true" | "True") => ContainerFate::Keep,
            None | Some("false" | "False" | "") => ContainerFate::Remove,
            Some(other) => return Err(fields::wrong("keepcontainer", other, "it is true or false")),
        };
        Ok(change.transaction().await?.delete_asset(id, fate).await?)
    }

    async fn link(&self, change: &mut Change<'_>, key: &str, navigation: &str, to: &str) -> Result<(), Error> {
        let id: AssetId = id_of::<Asset>(&ASSET, key)?;
        let transaction = change.transaction().await?;
        match navigation {
            "ContentKeys" => Ok(transaction.link_content_key(id, id_of::<ContentKey>(&CONTENT_KEY, to)?).await?),
            "DeliveryPolicies" => {
                let policy = id_of::<DeliveryPolicy>(&ASSET_DELIVERY_POLICY, to)?;
                Ok(transaction.link_delivery_policy(id, policy).await?)
            }
            _ => Err(super::refused("POST", "only ContentKeys and DeliveryPolicies are linked to assets")),
        }
    }

    async fn unlink(&self, change: &mut Change<'_>, key: &str, navigation: &str, to: &str) -> Result<(), Error> {
        let id: AssetId = id_of::<Asset>(&ASSET, key)?;
        let transaction = change.transaction().await?;
        match navigation {
            "ContentKeys" => Ok(transaction.unlink_content_key(id, id_of::<ContentKey>(&CONTENT_KEY, to)?).await?),
            "DeliveryPolicies" => {
                let policy = id_of::<DeliveryPolicy>(&ASSET_DELIVERY_POLICY, to)?;
                Ok(transaction.unlink_delivery_policy(id, policy).await?)
            }
            _ => Err(super::refused("DELETE", "only ContentKeys and DeliveryPolicies are unlinked from assets")),
        }
    }
}
