//! `ContentKeyAuthorizationPolicyOptions` (object model §7.2).

use async_trait::async_trait;

use super::{EntitySet, find, id_of};
use crate::catalog::{
    KeyDeliveryType, KeyOptionSecrets, KeyPolicyOption, KeyRestriction, KeyRestrictionType, NewKeyPolicyOption,
    Ordinal, Page, Stored, Version,
};
use crate::management::change::Change;
use crate::management::context::{Context, Role};
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::KEY_POLICY_OPTION;
use crate::management::row::Row;
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct KeyOptions;

/// An option as a row. Its configuration and requirements may hold keys: who may only read gets none.
pub async fn row(context: &Context, option: &Stored<KeyPolicyOption>) -> Result<Row, Error> {
    let secrets = match context.role {
        Role::Write => context.catalog.key_option_secrets(option.id).await?,
        Role::Read => KeyOptionSecrets::default(),
    };
    let restriction = |(at, restriction): (usize, &KeyRestriction)| {
        Value::Complex(vec![
            ("Name", Value::maybe(restriction.name.as_deref())),
            ("KeyRestrictionType", Value::Int32(restriction.restriction_type.number())),
            ("Requirements", Value::maybe(secrets.requirements.get(at).and_then(Option::as_deref))),
        ])
    };
    let restrictions = option.restrictions.iter().enumerate().map(restriction).collect();
    let values = vec![
        ("Id", Value::text(option.id.to_string())),
        ("Name", Value::maybe(option.name.as_deref())),
        ("KeyDeliveryType", Value::Int32(option.key_delivery_type.number())),
        ("KeyDeliveryConfiguration", Value::maybe(secrets.configuration.as_deref())),
        ("Restrictions", Value::Collection(restrictions)),
    ];
    Ok(Row::new(&KEY_POLICY_OPTION, option, values))
}

/// The restrictions in a body, and their requirements.
fn restrictions(value: &Value) -> Result<(Vec<KeyRestriction>, Vec<Option<String>>), Error> {
    let Value::Collection(items) = value else { return Ok((Vec::new(), Vec::new())) };
    let how = "it is 0 (Open), 1 (TokenRestricted) or 2 (IPRestricted)";
    let mut out = (Vec::new(), Vec::new());
    for item in items {
        let number = item.field("KeyRestrictionType").as_i64();
        let number = number.ok_or(Error::Missing { property: "KeyRestrictionType", how })?;
        out.0.push(KeyRestriction {
            name: item.field("Name").as_str().map(str::to_owned),
            restriction_type: fields::numbered("KeyRestrictionType", number, KeyRestrictionType::from_number, how)?,
        });
        out.1.push(item.field("Requirements").as_str().map(str::to_owned));
    }
    Ok(out)
}

fn delivery_type(number: i64) -> Result<KeyDeliveryType, Error> {
    let how = "it is 1 (PlayReadyLicense), 2 (BaselineHttp), 3 (Widevine) or 4 (FairPlay)";
    fields::numbered("KeyDeliveryType", number, KeyDeliveryType::from_number, how)
}

#[async_trait]
impl EntitySet for KeyOptions {
    fn entity(&self) -> &'static EntityType {
        &KEY_POLICY_OPTION
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        match find::<KeyPolicyOption>(context, key).await? {
            Some(option) => row(context, &option).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let mut rows = Vec::new();
        for (ordinal, option) in context.catalog.list_ordered::<KeyPolicyOption>(page).await? {
            rows.push((ordinal, row(context, &option).await?));
        }
        Ok(rows)
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let (restrictions, requirements) = restrictions(body.get("Restrictions").unwrap_or(&Value::Null))?;
        let configuration = fields::given(body, "KeyDeliveryConfiguration");
        let new = NewKeyPolicyOption {
            name: fields::text(body, "Name").flatten(),
            key_delivery_type: delivery_type(fields::number(body, "KeyDeliveryType").unwrap_or(0))?,
            restrictions,
            secrets: KeyOptionSecrets { configuration, requirements },
        };
        Ok(change.transaction().await?.create_key_option(new).await?.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<KeyPolicyOption>(&KEY_POLICY_OPTION, key)?;
        let context = change.context;
        let before = context.catalog.get::<KeyPolicyOption>(&id).await?;
        fields::fixed(body, &row(context, &before).await?, &["Id"])?;
        let mut secrets = context.catalog.key_option_secrets(id).await?;
        let mut kept = before.restrictions.clone();
        if let Some(value) = body.get("Restrictions") {
            (kept, secrets.requirements) = restrictions(value)?;
        }
        if let Some(configuration) = fields::text(body, "KeyDeliveryConfiguration") {
            secrets.configuration = configuration.filter(|text| !text.is_empty());
        }
        let new = NewKeyPolicyOption {
            name: fields::text(body, "Name").unwrap_or_else(|| before.name.clone()),
            key_delivery_type: match fields::number(body, "KeyDeliveryType") {
                Some(number) => delivery_type(number)?,
                None => before.key_delivery_type,
            },
            restrictions: kept,
            secrets,
        };
        change.transaction().await?.update_key_option(id, new, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<KeyPolicyOption>(&KEY_POLICY_OPTION, key)?;
        Ok(change.transaction().await?.delete_key_option(id).await?)
    }
}
