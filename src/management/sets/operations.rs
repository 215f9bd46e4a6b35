//! `Operations` (object model §11.3): what became of changes that take a while.

use async_trait::async_trait;

use super::{EntitySet, find};
use crate::catalog::{Operation, Ordinal, Page, Stored};
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::model::OPERATION;
use crate::management::row::Row;
use crate::odata::{EntityType, Value};

/// The set.
pub struct Operations;

fn row(operation: &Stored<Operation>) -> Row {
    Row::new(
        &OPERATION,
        operation,
        vec![
            ("Id", Value::text(operation.id.to_string())),
            ("TargetEntityId", Value::text(&operation.target_entity_id)),
            ("State", Value::text(operation.state.name())),
            ("ErrorCode", Value::maybe(operation.error_code.as_deref())),
            ("ErrorMessage", Value::maybe(operation.error_message.as_deref())),
        ],
    )
}

#[async_trait]
impl EntitySet for Operations {
    fn entity(&self) -> &'static EntityType {
        &OPERATION
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<Operation>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let operations = context.catalog.list_ordered::<Operation>(page).await?;
        Ok(operations.iter().map(|(ordinal, operation)| (*ordinal, row(operation))).collect())
    }
}
