//! `Locators` (object model §4.2).

use async_trait::async_trait;

use super::{EntitySet, access_policies, assets, find, id_of};
use crate::catalog::{AccessPolicy, Asset, Locator, LocatorType, NewLocator, Ordinal, Page, Stored, Version};
use crate::management::change::Change;
use crate::management::context::{Context, Role};
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::LOCATOR;
use crate::management::row::{Row, moment};
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct Locators;

/// A locator as a row.
pub async fn row(context: &Context, locator: &Stored<Locator>) -> Result<Row, Error> {
    let (path, base, component) = addresses(context, locator).await?;
    Ok(Row::new(
        &LOCATOR,
        locator,
        vec![
            ("Id", Value::text(locator.id.to_string())),
            ("ExpirationDateTime", moment(locator.expiration)),
            ("Type", Value::Int32(locator.locator_type.number())),
            ("Path", Value::maybe(path)),
            ("BaseUri", Value::maybe(base)),
            ("ContentAccessComponent", Value::maybe(component)),
            ("AccessPolicyId", Value::text(locator.access_policy_id.to_string())),
            ("AssetId", Value::text(locator.asset_id.to_string())),
            ("StartTime", moment(locator.start)),
            ("Name", Value::maybe(locator.name.as_deref())),
        ],
    ))
}

type Addresses = (Option<String>, Option<String>, Option<String>);

/// `Path`, `BaseUri` and `ContentAccessComponent`.
async fn addresses(context: &Context, locator: &Locator) -> Result<Addresses, Error> {
    if locator.locator_type == LocatorType::OnDemandOrigin {
        let (base, guid) = (context.installation.streaming_base().to_owned(), locator.id.guid());
        return Ok((Some(format!("{base}/{guid}/")), Some(base), Some(guid.to_string())));
    }
    let none = (None, None, None);
    let Some(asset) = context.asset(locator).await? else { return Ok(none) };
    let Some(account) = context.account(&asset.storage_account).await? else { return Ok(none) };
    let Some(base) = context.installation.container_uri(&account, &asset.container) else { return Ok(none) };
    // A signed URL is as good as the permission that it is signed for.
    if context.role < Role::Write {
        return Ok((None, Some(base), None));
    }
    let signed = match context.installation.sas(&account, &asset.container, locator) {
        Ok(signed) => signed,
        // The settings of the account have changed since.
        Err(error) => {
            tracing::warn!(%error, locator = %locator.id, "a locator has no URL");
            return Ok((None, Some(base), None));
        }
    };
    Ok((Some(format!("{base}?{signed}")), Some(base), Some(format!("?{signed}"))))
}

#[async_trait]
impl EntitySet for Locators {
    fn entity(&self) -> &'static EntityType {
        &LOCATOR
    }

    fn parent_property(&self) -> Option<&'static str> {
        Some("AssetId")
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        match find::<Locator>(context, key).await? {
            Some(locator) => row(context, &locator).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let mut rows = Vec::new();
        for (ordinal, locator) in context.catalog.list_ordered::<Locator>(page).await? {
            rows.push((ordinal, row(context, &locator).await?));
        }
        Ok(rows)
    }

    async fn related(&self, context: &Context, locator: &Row, navigation: &str) -> Result<Vec<Row>, Error> {
        Ok(match navigation {
            "Asset" => match find::<Asset>(context, locator.text("AssetId")).await? {
                Some(asset) => vec![assets::row(context, &asset).await?],
                None => Vec::new(),
            },
            "AccessPolicy" => {
                let policy = find::<AccessPolicy>(context, locator.text("AccessPolicyId")).await?;
                policy.iter().map(access_policies::row).collect()
            }
            _ => Vec::new(),
        })
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let asset = fields::required(body, "AssetId", "it is the id of the asset that is published")?;
        let policy = fields::required(body, "AccessPolicyId", "it is the id of an access policy")?;
        let how = "it is 1 (Sas) or 2 (OnDemandOrigin)";
        let number = fields::number(body, "Type").ok_or(Error::Missing { property: "Type", how })?;
        let new = NewLocator {
            id: fields::given(body, "Id").map(|id| fields::id(&id)).transpose()?,
            locator_type: fields::numbered("Type", number, LocatorType::from_number, how)?,
            asset_id: fields::id(&asset)?,
            access_policy_id: fields::id(&policy)?,
            start: fields::moment(body.get("StartTime")),
            name: fields::text(body, "Name").flatten(),
        };
        let context = change.context;
        if new.locator_type == LocatorType::Sas {
            let asset = match change.is_set {
                true => change.transaction().await?.get::<Asset>(&new.asset_id).await?,
                false => context.catalog.get::<Asset>(&new.asset_id).await?,
            };
            if let Some(account) = context.account(&asset.storage_account).await? {
                context.installation.can_sign(&account, &asset.container, &context.by)?;
            }
        }
        let locator = if change.is_set {
            change.transaction().await?.create_locator(new).await?
        } else {
            context.catalog.create_locator(context.by.clone(), new).await?
        };
        Ok(locator.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<Locator>(&LOCATOR, key)?;
        let transaction = change.transaction().await?;
        let locator = transaction.get::<Locator>(&id).await?;
        let before = Row::new(
            &LOCATOR,
            &locator,
            vec![
                ("Id", Value::text(locator.id.to_string())),
                ("Type", Value::Int32(locator.locator_type.number())),
                ("AccessPolicyId", Value::text(locator.access_policy_id.to_string())),
                ("AssetId", Value::text(locator.asset_id.to_string())),
                ("Name", Value::maybe(locator.name.as_deref())),
            ],
        );
        fields::fixed(body, &before, &["Id", "Type", "AccessPolicyId", "AssetId", "Name"])?;
        let Some(start) = fields::moment(body.get("StartTime")) else {
            return Err(Error::Missing { property: "StartTime", how: "it is all that can be changed of a locator" });
        };
        transaction.update_locator_start(id, start, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<Locator>(&LOCATOR, key)?;
        change.transaction().await?.delete_locator(id).await?;
        Ok(())
    }
}
