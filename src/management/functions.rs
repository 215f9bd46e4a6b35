//! Operations on the service itself (object model §13).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, StatusCode, Uri};

use super::address::shorten;
use super::answer::Answer;
use super::call::{Call, Verb};
use super::context::Context;
use super::error::Error;
use super::fields;
use super::read::dialect;
use crate::catalog::{Asset, AssetId, ContentKey, ContentKeyId, LocatorId, StorageAccount};
use crate::clock;
use crate::keys::{ProtectionCertificate, wrap_for};
use crate::odata::json;
use crate::odata::{Function, Kind, Value, literal, pairs};
use crate::origin::{Form, Scope};

/// Calls a function with parameters from its parentheses and from the query.
pub async fn call(
    context: &Context,
    call: &Call,
    form: json::Form,
    function: &'static Function,
    given: &[(String, Value)],
) -> Result<Answer, Error> {
    let mut arguments = given.to_vec();
    for (name, text) in pairs(&call.query)? {
        if function.parameters.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(&name)) {
            arguments.push((name, argument(&text)?));
        }
    }
    let argument =
        |name: &str| arguments.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let text = |name: &'static str| match argument(name) {
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(Value::Null) => Ok(""),
        _ => Err(Error::Missing { property: name, how: "it is a text in quotes" }),
    };
    let answer = |value: Value| {
        Ok(Answer::json(
            StatusCode::OK,
            form,
            json::property(&dialect(context, form), function.name, Kind::String, &value),
        ))
    };
    match function.name {
        "CreateFileInfos" => {
            create_file_infos(context, fields::id(text("assetid")?)?).await?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        "GetProtectionKeyId" => answer(Value::text(protection(context).await?.thumbprint())),
        "GetProtectionKey" => {
            let protection = protection(context).await?;
            let wanted = text("ProtectionKeyId")?;
            if !wanted.eq_ignore_ascii_case(protection.thumbprint()) {
                return Err(Error::NotFound { what: "protection key", key: shorten(wanted) });
            }
            answer(Value::text(STANDARD.encode(protection.der())))
        }
        "RebindContentKey" => {
            let certificate = match argument("x509Certificate") {
                Some(Value::String(text)) => text.as_str(),
                _ => "",
            };
            answer(Value::String(rebind(context, fields::id(text("id")?)?, certificate).await?))
        }
        "PurgeCaches" => {
            if call.verb()? != Verb::Post {
                return Err(Error::Method { method: call.method.clone(), instead: "caches are purged by POST" });
            }
            let given = |name| match argument(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.as_str())),
                Some(_) => Err(Error::Missing { property: name, how: "it is a text in quotes" }),
            };
            let scope = match (given("assetid")?, given("locatorid")?) {
                (Some(asset), None) => Scope::Asset(fields::id(asset)?),
                (None, Some(locator)) => Scope::Locator(*fields::id::<LocatorId>(locator)?.guid().as_bytes()),
                (None, None) => Scope::All,
                (Some(_), Some(_)) => {
                    let how = "one of assetid and locatorid is named, or none for all caches";
                    return Err(Error::Value { property: "locatorid", found: "named too".to_owned(), how });
                }
            };
            let purged = context.installation.origin()?.purge(&scope).await;
            tracing::info!(target: "headwater::audit", actor = %context.by.actor, ?scope, ?purged, "caches were purged");
            let total = Value::Int64(i64::try_from(purged.total()).unwrap_or(i64::MAX));
            let body = json::property(&dialect(context, form), function.name, Kind::Int64, &total);
            Ok(Answer::json(StatusCode::OK, form, body))
        }
        "Explain" => {
            let written = match argument("form") {
                Some(Value::String(text)) if text == "text" => Form::Text,
                _ => Form::Json,
            };
            let (uri, headers) = asked(text("url")?)?;
            let now = clock::system_time(context.by.now);
            let text = context.installation.origin()?.explain(&uri, &headers, now, written).await;
            Ok(Answer::text(StatusCode::OK, written.content_type(), text))
        }
        other => Err(Error::NotFound { what: "function", key: other.to_owned() }),
    }
}

/// Path and query of a streaming URL, and its host as a header.
fn asked(url: &str) -> Result<(Uri, HeaderMap), Error> {
    let how = "it is a streaming URL or its path, percent-encoded as players send it";
    let wrong = || Error::Value { property: "url", found: format!("{:?}", shorten(url)), how };
    let whole: Uri = url.parse().map_err(|_| wrong())?;
    let path = whole.path_and_query().filter(|path| path.as_str().starts_with('/')).ok_or_else(wrong)?;
    let mut headers = HeaderMap::new();
    if let Some(host) = whole.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        headers.insert(HOST, host);
    }
    Ok((path.as_str().parse().map_err(|_| wrong())?, headers))
}

async fn protection(context: &Context) -> Result<Arc<ProtectionCertificate>, Error> {
    context.installation.protection(&context.catalog, &context.by).await
}

/// A parameter of the query: a literal. Texts without quotes were accepted by the service as well.
fn argument(text: &str) -> Result<Value, Error> {
    match literal("a parameter", text) {
        Ok(value) => Ok(value),
        Err(_) if !text.contains('\'') => Ok(Value::text(text)),
        Err(error) => Err(error.into()),
    }
}

/// Makes the file records of an asset those of the files in its container: new files get one, sizes are
/// brought up to date. Where no file is primary, the server manifest becomes it, or the only file.
async fn create_file_infos(context: &Context, id: AssetId) -> Result<(), Error> {
    let asset = context.catalog.get::<Asset>(&id).await?;
    let account = context.catalog.get::<StorageAccount>(&asset.storage_account).await?;
    let store = context.catalog.open_container(&account, &asset.container).await?;
    let stored = store.list("").await.map_err(|error| Error::Container { problem: error.to_string() })?;
    let mut transaction = context.catalog.begin(context.by.clone()).await?;
    transaction.record_stored_files(id, &stored).await?;
    transaction.commit().await?;
    Ok(())
}

/// The key, base64: encrypted for a certificate, or in the clear without one.
async fn rebind(context: &Context, id: ContentKeyId, certificate: &str) -> Result<String, Error> {
    context.catalog.get::<ContentKey>(&id).await?;
    let material = context.catalog.key_material(id).await?;
    tracing::info!(target: "headwater::audit", actor = %context.by.actor, key = %id, clear = certificate.is_empty(), "a content key was given out");
    if certificate.is_empty() {
        return Ok(STANDARD.encode(material.expose()));
    }
    let how = "it is an X.509 certificate with an RSA key, DER in base64";
    let unusable = || Error::Value { property: "x509Certificate", found: "that".to_owned(), how };
    // A plus that was not percent-encoded has become a space.
    let der = STANDARD.decode(certificate.replace(' ', "+")).map_err(|_| unusable())?;
    Ok(STANDARD.encode(wrap_for(&der, material.expose()).map_err(|_| unusable())?))
}
