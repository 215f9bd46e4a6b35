//! `Filters` (object model §12.2): filters for all assets.

use async_trait::async_trait;

use super::{EntitySet, find, rules};
use crate::catalog::{Filter, FilterRules, Ordinal, Page, Stored, Version};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::FILTER;
use crate::management::row::Row;
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct Filters;

fn row(filter: &Stored<Filter>) -> Row {
    let mut values = vec![("Name", Value::text(&filter.name))];
    values.extend(rules::values(&filter.rules));
    Row::new(&FILTER, filter, values)
}

#[async_trait]
impl EntitySet for Filters {
    fn entity(&self) -> &'static EntityType {
        &FILTER
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<Filter>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let filters = context.catalog.list_ordered::<Filter>(page).await?;
        Ok(filters.iter().map(|(ordinal, filter)| (*ordinal, row(filter))).collect())
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let name = fields::required(body, "Name", "it is what stands behind 'filter=' in URLs")?;
        let rules = rules::changed(body, FilterRules::default())?;
        Ok(change.transaction().await?.create_filter(name, rules).await?.name)
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let transaction = change.transaction().await?;
        let before = transaction.get::<Filter>(&key.to_owned()).await?;
        fields::fixed(body, &row(&before), &["Name"])?;
        let rules = rules::changed(body, before.entity.rules)?;
        transaction.update_filter(key, rules, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        Ok(change.transaction().await?.delete_filter(key).await?)
    }
}
