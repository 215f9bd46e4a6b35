//! `ContentKeyAuthorizationPolicies` (object model §7.1).

use async_trait::async_trait;

use super::{EntitySet, find, id_of, key_options};
use crate::catalog::{KeyPolicy, KeyPolicyOption, Link, Ordinal, Page, Stored, Version};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::{KEY_POLICY, KEY_POLICY_OPTION};
use crate::management::row::Row;
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct KeyPolicies;

/// An authorization policy as a row.
pub fn row(policy: &Stored<KeyPolicy>) -> Row {
    let values = vec![("Id", Value::text(policy.id.to_string())), ("Name", Value::maybe(policy.name.as_deref()))];
    Row::new(&KEY_POLICY, policy, values)
}

#[async_trait]
impl EntitySet for KeyPolicies {
    fn entity(&self) -> &'static EntityType {
        &KEY_POLICY
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<KeyPolicy>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let policies = context.catalog.list_ordered::<KeyPolicy>(page).await?;
        Ok(policies.iter().map(|(ordinal, policy)| (*ordinal, row(policy))).collect())
    }

    async fn related(&self, context: &Context, policy: &Row, navigation: &str) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        if navigation == "Options" {
            let id = policy.text("Id");
            for option in &context.catalog.linked::<KeyPolicyOption>(Link::KeyPolicyOptions, &id).await? {
                rows.push(key_options::row(context, option).await?);
            }
        }
        Ok(rows)
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let name = fields::text(body, "Name").flatten();
        Ok(change.transaction().await?.create_key_policy(name).await?.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<KeyPolicy>(&KEY_POLICY, key)?;
        let transaction = change.transaction().await?;
        let before = transaction.get::<KeyPolicy>(&id).await?;
        fields::fixed(body, &row(&before), &["Id"])?;
        let name = fields::text(body, "Name").unwrap_or_else(|| before.name.clone());
        transaction.update_key_policy(id, name, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<KeyPolicy>(&KEY_POLICY, key)?;
        Ok(change.transaction().await?.delete_key_policy(id).await?)
    }

    async fn link(&self, change: &mut Change<'_>, key: &str, _navigation: &str, to: &str) -> Result<(), Error> {
        let id = id_of::<KeyPolicy>(&KEY_POLICY, key)?;
        let option = id_of::<KeyPolicyOption>(&KEY_POLICY_OPTION, to)?;
        Ok(change.transaction().await?.link_key_option(id, option).await?)
    }

    async fn unlink(&self, change: &mut Change<'_>, key: &str, _navigation: &str, to: &str) -> Result<(), Error> {
        let id = id_of::<KeyPolicy>(&KEY_POLICY, key)?;
        let option = id_of::<KeyPolicyOption>(&KEY_POLICY_OPTION, to)?;
        Ok(change.transaction().await?.unlink_key_option(id, option).await?)
    }
}
