//! A change under way: one request, or all requests of a change set in one transaction.

use super::context::Context;
use super::error::Error;
use crate::catalog::{OperationId, Transaction};

/// A change. Nothing of it is there before [`Change::commit`].
pub struct Change<'a> {
    /// The request's world.
    pub context: &'a Context,
    /// Whether other requests or entities belong to it; then everything has to happen in the transaction.
    pub is_set: bool,
    /// Parameters of the request's query that are the service's own.
    pub parameters: Vec<(String, String)>,
    /// Operations that were begun and go on when the change is there.
    pub operations: Vec<OperationId>,
    transaction: Option<Transaction<'a>>,
}

impl<'a> Change<'a> {
    /// A change of one request.
    pub fn single(context: &'a Context) -> Change<'a> {
        Change { context, is_set: false, parameters: Vec::new(), operations: Vec::new(), transaction: None }
    }

    /// A change of many.
    pub fn set(context: &'a Context) -> Change<'a> {
        Change { is_set: true, ..Change::single(context) }
    }

    /// The transaction, which begins when it is first wanted.
    pub async fn transaction(&mut self) -> Result<&mut Transaction<'a>, Error> {
        let begun = match self.transaction.take() {
            Some(begun) => begun,
            None => self.context.catalog.begin(self.context.by.clone()).await?,
        };
        Ok(self.transaction.insert(begun))
    }

    /// The value of a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Makes the change durable and lets its operations go on.
    pub async fn commit(self) -> Result<(), Error> {
        if let Some(transaction) = self.transaction {
            transaction.commit().await?;
        }
        for operation in self.operations {
            let (catalog, by) = (self.context.catalog.clone(), self.context.by.clone());
            tokio::spawn(async move {
                if let Err(error) = catalog.settle(by, operation).await {
                    tracing::error!(target: "headwater::management", %operation, %error, "an operation is not finished");
                }
            });
        }
        Ok(())
    }
}
