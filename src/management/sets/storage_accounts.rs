//! `StorageAccounts` (object model §5): read-only, as the reference has them.

use async_trait::async_trait;

use super::{EntitySet, find};
use crate::catalog::{Ordinal, Page, StorageAccount, Stored};
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::model::STORAGE_ACCOUNT;
use crate::management::row::{Row, count};
use crate::odata::{EntityType, Value};

/// The set.
pub struct StorageAccounts;

/// A storage account as a row.
pub fn row(account: &Stored<StorageAccount>) -> Row {
    Row::new(
        &STORAGE_ACCOUNT,
        account,
        vec![
            ("Name", Value::text(&account.name)),
            ("IsDefault", Value::Boolean(account.is_default)),
            ("BytesUsed", account.bytes_used.map_or(Value::Null, count)),
        ],
    )
}

#[async_trait]
impl EntitySet for StorageAccounts {
    fn entity(&self) -> &'static EntityType {
        &STORAGE_ACCOUNT
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<StorageAccount>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let accounts = context.catalog.list_ordered::<StorageAccount>(page).await?;
        Ok(accounts.iter().map(|(ordinal, account)| (*ordinal, row(account))).collect())
    }
}
