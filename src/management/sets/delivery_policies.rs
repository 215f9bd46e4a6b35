//! `AssetDeliveryPolicies` (object model §8).

use async_trait::async_trait;

use super::{EntitySet, find, id_of};
use crate::catalog::{
    DeliveryPolicy, DeliveryType, NewDeliveryPolicy, Ordinal, Page, Protocols, Stored, Version, parse_configuration,
};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::ASSET_DELIVERY_POLICY;
use crate::management::row::{Row, moment};
use crate::odata::json::{Body, Writer};
use crate::odata::{EntityType, Value};

/// The set.
pub struct DeliveryPolicies;

/// A delivery policy as a row.
pub fn row(policy: &Stored<DeliveryPolicy>) -> Row {
    Row::new(
        &ASSET_DELIVERY_POLICY,
        policy,
        vec![
            ("Id", Value::text(policy.id.to_string())),
            ("Name", Value::maybe(policy.name.as_deref())),
            ("AssetDeliveryProtocol", Value::Int32(i32::try_from(policy.protocols.bits()).unwrap_or(i32::MAX))),
            ("AssetDeliveryPolicyType", Value::Int32(policy.delivery_type.number())),
            ("AssetDeliveryConfiguration", Value::maybe(configuration(policy))),
            ("Created", moment(policy.created)),
            ("LastModified", moment(policy.last_modified)),
        ],
    )
}

/// The configuration as the wire has it: a text of JSON.
fn configuration(policy: &DeliveryPolicy) -> Option<String> {
    if policy.configuration.is_empty() {
        return None;
    }
    let mut json = Writer::new();
    json.array(|json| {
        for setting in &policy.configuration {
            json.item().object(|json| {
                json.member("Key").bare(&setting.key.number().to_string());
                json.member("Value").text(&setting.value);
            });
        }
    });
    Some(json.finish())
}

/// The policy that a body makes of another, or of nothing.
fn changed(body: &Body, before: Option<&DeliveryPolicy>) -> Result<NewDeliveryPolicy, Error> {
    let protocols = match (fields::number(body, "AssetDeliveryProtocol"), before) {
        (None, Some(before)) => before.protocols,
        (number, _) => {
            let how = "it is a sum of 1 (Smooth), 2 (Dash), 4 (HLS), 8 (Hds) and 16 (Progressive), or 65535 (All)";
            fields::numbered("AssetDeliveryProtocol", number.unwrap_or(0), Protocols::from_bits, how)?
        }
    };
    let delivery_type = match (fields::number(body, "AssetDeliveryPolicyType"), before) {
        (None, Some(before)) => before.delivery_type,
        (number, _) => {
            let how = "it is 1 (Blocked), 2 (NoDynamicEncryption), 3 (DynamicEnvelopeEncryption), 4 (DynamicCommonEncryption) or 5 (DynamicCommonEncryptionCbcs)";
            fields::numbered("AssetDeliveryPolicyType", number.unwrap_or(0), DeliveryType::from_number, how)?
        }
    };
    let configuration = match (fields::text(body, "AssetDeliveryConfiguration"), before) {
        (None, Some(before)) => before.configuration.clone(),
        (text, _) => match text.flatten().filter(|text| !text.is_empty()) {
            Some(text) => parse_configuration(&text)?,
            None => Vec::new(),
        },
    };
    let name = fields::text(body, "Name").unwrap_or_else(|| before.and_then(|before| before.name.clone()));
    Ok(NewDeliveryPolicy { name, protocols, delivery_type, configuration })
}

#[async_trait]
impl EntitySet for DeliveryPolicies {
    fn entity(&self) -> &'static EntityType {
        &ASSET_DELIVERY_POLICY
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<DeliveryPolicy>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let policies = context.catalog.list_ordered::<DeliveryPolicy>(page).await?;
        Ok(policies.iter().map(|(ordinal, policy)| (*ordinal, row(policy))).collect())
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let new = changed(body, None)?;
        Ok(change.transaction().await?.create_delivery_policy(new).await?.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<DeliveryPolicy>(&ASSET_DELIVERY_POLICY, key)?;
        let transaction = change.transaction().await?;
        let before = transaction.get::<DeliveryPolicy>(&id).await?;
        fields::fixed(body, &row(&before), &["Id"])?;
        transaction.update_delivery_policy(id, changed(body, Some(&before.entity))?, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<DeliveryPolicy>(&ASSET_DELIVERY_POLICY, key)?;
        Ok(change.transaction().await?.delete_delivery_policy(id).await?)
    }
}
