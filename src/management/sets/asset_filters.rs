//! `AssetFilters` (object model §12.2): filters for one asset.

use async_trait::async_trait;

use super::{EntitySet, assets, find, id_of, rules};
use crate::catalog::{Asset, AssetFilter, Entity, FilterRules, Ordinal, Page, Stored, Version};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::ASSET_FILTER;
use crate::management::row::Row;
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct AssetFilters;

/// A filter of an asset as a row.
pub fn row(filter: &Stored<AssetFilter>) -> Row {
    let mut values = vec![
        ("Id", Value::text(filter.id().to_string())),
        ("ParentAssetId", Value::text(filter.parent_asset_id.to_string())),
        ("Name", Value::text(&filter.name)),
    ];
    values.extend(rules::values(&filter.rules));
    Row::new(&ASSET_FILTER, filter, values)
}

#[async_trait]
impl EntitySet for AssetFilters {
    fn entity(&self) -> &'static EntityType {
        &ASSET_FILTER
    }

    fn parent_property(&self) -> Option<&'static str> {
        Some("ParentAssetId")
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<AssetFilter>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let filters = context.catalog.list_ordered::<AssetFilter>(page).await?;
        Ok(filters.iter().map(|(ordinal, filter)| (*ordinal, row(filter))).collect())
    }

    async fn related(&self, context: &Context, filter: &Row, navigation: &str) -> Result<Vec<Row>, Error> {
        match (navigation, find::<Asset>(context, filter.text("ParentAssetId")).await?) {
            ("Asset", Some(asset)) => Ok(vec![assets::row(context, &asset).await?]),
            _ => Ok(Vec::new()),
        }
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let asset = fields::required(body, "ParentAssetId", "it is the id of the asset that the filter is for")?;
        let name = fields::required(body, "Name", "it is what stands behind 'filter=' in URLs")?;
        let rules = rules::changed(body, FilterRules::default())?;
        let filter = change.transaction().await?.create_asset_filter(fields::id(&asset)?, name, rules).await?;
        Ok(filter.id().to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<AssetFilter>(&ASSET_FILTER, key)?;
        let transaction = change.transaction().await?;
        let before = transaction.get::<AssetFilter>(&id).await?;
        fields::fixed(body, &row(&before), &["Id", "ParentAssetId", "Name"])?;
        let rules = rules::changed(body, before.entity.rules)?;
        transaction.update_asset_filter(&id, rules, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<AssetFilter>(&ASSET_FILTER, key)?;
        Ok(change.transaction().await?.delete_asset_filter(&id).await?)
    }
}
