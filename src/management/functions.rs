//! Operations on the service itself (object model §13).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;

use super::address::shorten;
use super::answer::Answer;
use super::call::Call;
use super::context::Context;
use super::error::Error;
use super::fields;
use super::read::dialect;
use crate::catalog::{Asset, AssetId, ContentKey, ContentKeyId, StorageAccount};
use crate::keys::{ProtectionCertificate, wrap_for};
use crate::odata::json::{self, Form};
use crate::odata::{Function, Kind, Value, literal, pairs};

/// Calls a function with parameters from its parentheses and from the query.
pub async fn call(
    context: &Context,
    call: &Call,
    form: Form,
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
        other => Err(Error::NotFound { what: "function", key: other.to_owned() }),
    }
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
