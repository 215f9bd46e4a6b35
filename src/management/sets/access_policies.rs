//! `AccessPolicies` (object model §4.1).

use async_trait::async_trait;

use super::{EntitySet, find, id_of, locators};
use crate::catalog::{
    AccessPolicy, Link, Locator, NewAccessPolicy, Ordinal, Page, Permissions, Stored, milliseconds_of_minutes,
};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::ACCESS_POLICY;
use crate::management::row::{Row, moment};
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct AccessPolicies;

/// An access policy as a row.
pub fn row(policy: &Stored<AccessPolicy>) -> Row {
    // The wire has minutes as a float.
    let minutes = policy.duration_milliseconds as f64 / 60_000.0;
    Row::new(
        &ACCESS_POLICY,
        policy,
        vec![
            ("Id", Value::text(policy.id.to_string())),
            ("Created", moment(policy.created)),
            ("LastModified", moment(policy.last_modified)),
            ("Name", Value::maybe(policy.name.as_deref())),
            ("DurationInMinutes", Value::Double(minutes)),
            ("Permissions", Value::Int32(i32::try_from(policy.permissions.bits()).unwrap_or(i32::MAX))),
        ],
    )
}

#[async_trait]
impl EntitySet for AccessPolicies {
    fn entity(&self) -> &'static EntityType {
        &ACCESS_POLICY
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<AccessPolicy>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let policies = context.catalog.list_ordered::<AccessPolicy>(page).await?;
        Ok(policies.iter().map(|(ordinal, policy)| (*ordinal, row(policy))).collect())
    }

    async fn related(&self, context: &Context, policy: &Row, navigation: &str) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        if navigation == "Locators" {
            let id = policy.text("Id");
            for locator in &context.catalog.linking::<Locator>(Link::LocatorAccessPolicy, &id).await? {
                rows.push(locators::row(context, locator).await?);
            }
        }
        Ok(rows)
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let permissions = fields::number(body, "Permissions").unwrap_or(0);
        let how = "it is a sum of 1 (Read), 2 (Write), 4 (Delete) and 8 (List)";
        let minutes = body.get("DurationInMinutes").and_then(Value::as_f64);
        let new = NewAccessPolicy {
            name: fields::text(body, "Name").flatten(),
            duration_milliseconds: minutes.map(|minutes| milliseconds_of_minutes(&minutes.to_string())).transpose()?,
            permissions: fields::numbered("Permissions", permissions, Permissions::from_bits, how)?,
        };
        Ok(change.transaction().await?.create_access_policy(new).await?.id.to_string())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<AccessPolicy>(&ACCESS_POLICY, key)?;
        Ok(change.transaction().await?.delete_access_policy(id).await?)
    }
}
