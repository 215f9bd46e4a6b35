//! `StreamingEndpoints` (object model §12.1).

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Acted, EntitySet, find, id_of};
use crate::catalog::access::IpRange;
use crate::catalog::{
    CdnProvider, EndpointAction, EndpointSettings, NewAkamaiKey, NewStreamingEndpoint, Ordinal, Page, Stored,
    StreamingEndpoint, Version,
};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::STREAMING_ENDPOINT;
use crate::management::row::{Row, count, moment};
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};
use crate::secrets::SecretBytes;

/// The set.
pub struct StreamingEndpoints;

/// The version of endpoints since 2017 (object model §12.1).
const VERSION: &str = "2.0";

fn row(context: &Context, endpoint: &Stored<StreamingEndpoint>) -> Row {
    let base = context.installation.streaming_base();
    let host = base.split_once("://").map_or(base, |(_, host)| host).to_owned();
    let hosts = endpoint.custom_host_names.iter().map(Value::text).collect();
    Row::new(
        &STREAMING_ENDPOINT,
        endpoint,
        vec![
            ("Id", Value::text(endpoint.id.to_string())),
            ("Name", Value::text(&endpoint.name)),
            ("Description", Value::maybe(endpoint.description.as_deref())),
            ("Created", moment(endpoint.created)),
            ("LastModified", moment(endpoint.last_modified)),
            ("State", Value::text(endpoint.state.name())),
            ("HostName", Value::text(host)),
            ("ScaleUnits", Value::Int32(i32::try_from(endpoint.scale_units).unwrap_or(i32::MAX))),
            ("CustomHostNames", Value::Collection(hosts)),
            ("AccessControl", access(endpoint)),
            (
                "CacheControl",
                match endpoint.max_age_seconds {
                    Some(seconds) => Value::Complex(vec![("MaxAge", count(seconds))]),
                    None => Value::Null,
                },
            ),
            ("CrossSiteAccessPolicies", cross_site(endpoint)),
            ("CdnEnabled", Value::Boolean(endpoint.cdn_enabled)),
            ("CdnProfile", Value::maybe(endpoint.cdn_profile.as_deref())),
            ("CdnProvider", Value::maybe(endpoint.cdn_provider.map(CdnProvider::name))),
            ("StreamingEndpointVersion", Value::text(VERSION)),
            ("FreeTrialEndTime", Value::Null),
        ],
    )
}

/// Who may ask. Keys are not given out again.
fn access(endpoint: &StreamingEndpoint) -> Value {
    let range = |range: &IpRange| {
        Value::Complex(vec![
            ("Name", Value::text(&range.name)),
            ("Address", Value::text(range.address.to_string())),
            ("SubnetPrefixLength", Value::Int32(i32::from(range.prefix_length))),
        ])
    };
    let ranges: Vec<Value> = endpoint.ip_allow.iter().map(range).collect();
    let keys: Vec<Value> = endpoint
        .akamai_keys
        .iter()
        .map(|key| {
            Value::Complex(vec![("Identifier", Value::text(&key.identifier)), ("Expiration", moment(key.expiration))])
        })
        .collect();
    if ranges.is_empty() && keys.is_empty() {
        return Value::Null;
    }
    let list = |name: &'static str, items: Vec<Value>| match items.is_empty() {
        true => Value::Null,
        false => Value::Complex(vec![(name, Value::Collection(items))]),
    };
    Value::Complex(vec![
        ("Akamai", list("AkamaiSignatureHeaderAuthenticationKeyList", keys)),
        ("IP", list("Allow", ranges)),
    ])
}

fn cross_site(endpoint: &StreamingEndpoint) -> Value {
    if endpoint.client_access_policy.is_none() && endpoint.cross_domain_policy.is_none() {
        return Value::Null;
    }
    Value::Complex(vec![
        ("ClientAccessPolicy", Value::maybe(endpoint.client_access_policy.as_deref())),
        ("CrossDomainPolicy", Value::maybe(endpoint.cross_domain_policy.as_deref())),
    ])
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::Collection(items) => items,
        _ => &[],
    }
}

fn owned(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What a body sets; what it does not mention stays.
fn settings(body: &Body) -> Result<EndpointSettings, Error> {
    let mut settings = EndpointSettings {
        description: fields::text(body, "Description"),
        cdn_enabled: fields::truth(body, "CdnEnabled"),
        cdn_profile: fields::text(body, "CdnProfile"),
        ..EndpointSettings::default()
    };
    if let Some(provider) = fields::text(body, "CdnProvider") {
        let how = "it is StandardVerizon, PremiumVerizon or StandardAkamai";
        let read = |name: String| CdnProvider::from_name(&name).ok_or_else(|| fields::wrong("CdnProvider", &name, how));
        settings.cdn_provider = Some(provider.map(read).transpose()?);
    }
    if let Some(hosts) = body.get("CustomHostNames") {
        settings.custom_host_names = Some(list(hosts).iter().filter_map(owned).collect());
    }
    if let Some(cache) = body.get("CacheControl") {
        let seconds = cache.field("MaxAge").as_i64();
        let read = |n| fields::numbered("MaxAge", n, |n| u64::try_from(n).ok(), "it is a number of seconds, 0 or more");
        settings.max_age_seconds = Some(seconds.map(read).transpose()?);
    }
    if let Some(policies) = body.get("CrossSiteAccessPolicies") {
        settings.client_access_policy = Some(owned(policies.field("ClientAccessPolicy")));
        settings.cross_domain_policy = Some(owned(policies.field("CrossDomainPolicy")));
    }
    if let Some(access) = body.get("AccessControl") {
        let ranges = list(access.field("IP").field("Allow")).iter().map(ip_range);
        settings.ip_allow = Some(ranges.collect::<Result<_, _>>()?);
        let keys = access.field("Akamai").field("AkamaiSignatureHeaderAuthenticationKeyList");
        settings.akamai_keys = Some(list(keys).iter().map(akamai_key).collect::<Result<_, _>>()?);
    }
    Ok(settings)
}

fn ip_range(value: &Value) -> Result<IpRange, Error> {
    let how = "it is like 10.0.0.1 or 10.0.0.0/22";
    let address = value.field("Address").as_str().ok_or(Error::Missing { property: "Address", how })?;
    let name = value.field("Name").as_str().unwrap_or_default();
    Ok(IpRange::parse(name, address, value.field("SubnetPrefixLength").as_i64())?)
}

fn akamai_key(value: &Value) -> Result<NewAkamaiKey, Error> {
    let how = "each key of AkamaiSignatureHeaderAuthenticationKeyList has Identifier, Base64Key and Expiration";
    let text = |property: &'static str| value.field(property).as_str().ok_or(Error::Missing { property, how });
    let unusable = || Error::Value { property: "Base64Key", found: "that".to_owned(), how: "it is a key in base64" };
    let expiration = fields::moment(Some(value.field("Expiration")));
    Ok(NewAkamaiKey {
        identifier: text("Identifier")?.to_owned(),
        key: SecretBytes::new(STANDARD.decode(text("Base64Key")?).map_err(|_| unusable())?),
        expiration: expiration.ok_or(Error::Missing { property: "Expiration", how })?,
    })
}

fn units(number: i64) -> Result<u32, Error> {
    fields::numbered("ScaleUnits", number, |n| u32::try_from(n).ok(), "it is 0 or more")
}

#[async_trait]
impl EntitySet for StreamingEndpoints {
    fn entity(&self) -> &'static EntityType {
        &STREAMING_ENDPOINT
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<StreamingEndpoint>(context, key).await?.as_ref().map(|endpoint| row(context, endpoint)))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let endpoints = context.catalog.list_ordered::<StreamingEndpoint>(page).await?;
        Ok(endpoints.iter().map(|(ordinal, endpoint)| (*ordinal, row(context, endpoint))).collect())
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let new = NewStreamingEndpoint {
            name: fields::required(body, "Name", "it stands in the endpoint's host name")?,
            scale_units: units(fields::number(body, "ScaleUnits").unwrap_or(0))?,
            settings: settings(body)?,
        };
        Ok(change.transaction().await?.create_endpoint(new).await?.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<StreamingEndpoint>(&STREAMING_ENDPOINT, key)?;
        let context = change.context;
        let transaction = change.transaction().await?;
        let before = row(context, &transaction.get::<StreamingEndpoint>(&id).await?);
        // Scale units have an action of their own, and so has the state.
        fields::fixed(body, &before, &["Id", "Name", "ScaleUnits", "StreamingEndpointVersion"])?;
        transaction.update_endpoint(id, settings(body)?, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<StreamingEndpoint>(&STREAMING_ENDPOINT, key)?;
        Ok(change.transaction().await?.delete_endpoint(id).await?)
    }

    async fn act(
        &self,
        change: &mut Change<'_>,
        key: &str,
        action: &str,
        parameters: &[(&'static str, Value)],
    ) -> Result<Acted, Error> {
        let id = id_of::<StreamingEndpoint>(&STREAMING_ENDPOINT, key)?;
        let action = match action {
            "Start" => EndpointAction::Start,
            "Stop" => EndpointAction::Stop,
            _ => {
                let given = parameters.iter().find_map(|(_, value)| value.as_i64());
                let how = "it is the number of scale units, 0 or more";
                EndpointAction::Scale { units: units(given.ok_or(Error::Missing { property: "scaleUnits", how })?)? }
            }
        };
        let operation = change.transaction().await?.begin_action(id, action).await?;
        change.operations.push(operation.id);
        Ok(Acted::Operation(operation.id))
    }
}
