//! `ContentKeys` (object model §6).

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Acted, EntitySet, find, id_of, key_policies};
use crate::catalog::{
    ContentKey, ContentKeyId, ContentKeyType, ContentKeyUpdate, KeyDeliveryType, KeyPolicy, NewContentKey, Ordinal,
    Page, Stored, Version,
};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::CONTENT_KEY;
use crate::management::row::{Row, moment};
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct ContentKeys;

/// A content key as a row. The key itself is never in it; `RebindContentKey` gives it out.
pub fn row(key: &Stored<ContentKey>) -> Row {
    Row::new(
        &CONTENT_KEY,
        key,
        vec![
            ("Id", Value::text(key.id.to_string())),
            ("Created", moment(key.created)),
            ("LastModified", moment(key.last_modified)),
            ("ContentKeyType", Value::Int32(key.content_key_type.number())),
            ("EncryptedContentKey", Value::Null),
            ("Name", Value::maybe(key.name.as_deref())),
            ("ProtectionKeyId", Value::text(&key.protection_key_id)),
            ("ProtectionKeyType", Value::Int32(key.protection_key_type)),
            ("Checksum", Value::maybe(key.checksum.as_deref())),
            ("AuthorizationPolicyId", Value::maybe(key.authorization_policy_id.map(|id| id.to_string()))),
            ("TrackIdentifiers", Value::maybe(key.track_identifiers.as_deref())),
        ],
    )
}

/// The longest `EncryptedContentKey`, characters.
const MAX_ENCRYPTED: usize = 4000;

#[async_trait]
impl EntitySet for ContentKeys {
    fn entity(&self) -> &'static EntityType {
        &CONTENT_KEY
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<ContentKey>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let keys = context.catalog.list_ordered::<ContentKey>(page).await?;
        Ok(keys.iter().map(|(ordinal, key)| (*ordinal, row(key))).collect())
    }

    async fn related(&self, context: &Context, key: &Row, navigation: &str) -> Result<Vec<Row>, Error> {
        if navigation != "AuthorizationPolicy" {
            return Ok(Vec::new());
        }
        let policy = find::<KeyPolicy>(context, key.text("AuthorizationPolicyId")).await?;
        Ok(policy.iter().map(key_policies::row).collect())
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let id = fields::required(body, "Id", "the client chooses it: nb:kid:UUID: and a GUID")?;
        let id: ContentKeyId = fields::id(&id)?;
        let how = "it is 0 (CommonEncryption), 1 (StorageEncryption), 2 (ConfigurationEncryption), 3 (UrlEncryption), 4 (EnvelopeEncryption), 6 (CommonEncryptionCbcs), 7 (FairPlayASk) or 8 (FairPlayPfxPassword)";
        let number =
            fields::number(body, "ContentKeyType").ok_or(Error::Missing { property: "ContentKeyType", how })?;
        let content_key_type = fields::numbered("ContentKeyType", number, ContentKeyType::from_number, how)?;
        let how = "it is 0, for an X.509 certificate's thumbprint";
        fields::numbered(
            "ProtectionKeyType",
            fields::number(body, "ProtectionKeyType").unwrap_or(0),
            |n| (n == 0).then_some(()),
            how,
        )?;
        let context = change.context;
        let protection = context.installation.protection(&context.catalog, &context.by).await?;
        let thumbprint = fields::required(body, "ProtectionKeyId", "it is what GetProtectionKeyId answers")?;
        if !thumbprint.eq_ignore_ascii_case(protection.thumbprint()) {
            let how = "the protection key has another thumbprint; ask GetProtectionKeyId for it";
            return Err(fields::wrong("ProtectionKeyId", &thumbprint, how));
        }
        let how = "it is the key, encrypted for the certificate that GetProtectionKey answers, base64";
        let encrypted = fields::required(body, "EncryptedContentKey", how)?;
        // Nothing is told of why a ciphertext does not open.
        let unusable = || Error::Value { property: "EncryptedContentKey", found: "that".to_owned(), how };
        let bytes =
            Some(&encrypted).filter(|text| text.len() <= MAX_ENCRYPTED).and_then(|text| STANDARD.decode(text).ok());
        let material = protection.unwrap(&bytes.ok_or_else(unusable)?).map_err(|_| unusable())?;
        let new = NewContentKey {
            id,
            content_key_type,
            material,
            checksum: fields::given(body, "Checksum"),
            protection_key_id: protection.thumbprint().to_owned(),
            name: fields::text(body, "Name").flatten(),
            track_identifiers: fields::text(body, "TrackIdentifiers").flatten(),
        };
        let policy = fields::given(body, "AuthorizationPolicyId").map(|id| fields::id(&id)).transpose()?;
        let transaction = change.transaction().await?;
        let key = transaction.create_content_key(new).await?;
        if policy.is_some() {
            let update = ContentKeyUpdate { authorization_policy_id: Some(policy), ..ContentKeyUpdate::default() };
            transaction.update_content_key(key.id, update, None).await?;
        }
        Ok(key.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<ContentKey>(&CONTENT_KEY, key)?;
        let transaction = change.transaction().await?;
        let before = row(&transaction.get::<ContentKey>(&id).await?);
        let fixed = ["Id", "ContentKeyType", "EncryptedContentKey", "ProtectionKeyId", "ProtectionKeyType", "Checksum"];
        fields::fixed(body, &before, &fixed)?;
        let policy = match fields::text(body, "AuthorizationPolicyId") {
            None => None,
            Some(text) => Some(text.filter(|text| !text.is_empty()).map(|id| fields::id(&id)).transpose()?),
        };
        let update = ContentKeyUpdate {
            name: fields::text(body, "Name"),
            authorization_policy_id: policy,
            track_identifiers: fields::text(body, "TrackIdentifiers"),
        };
        transaction.update_content_key(id, update, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<ContentKey>(&CONTENT_KEY, key)?;
        Ok(change.transaction().await?.delete_content_key(id).await?)
    }

    async fn act(
        &self,
        change: &mut Change<'_>,
        key: &str,
        _action: &str,
        parameters: &[(&'static str, Value)],
    ) -> Result<Acted, Error> {
        let id = id_of::<ContentKey>(&CONTENT_KEY, key)?;
        let how = "it is 1 (PlayReadyLicense), 2 (BaselineHttp), 3 (Widevine) or 4 (FairPlay)";
        let given =
            parameters.iter().find(|(name, _)| *name == "keyDeliveryType").and_then(|(_, value)| value.as_i64());
        let number = given.ok_or(Error::Missing { property: "keyDeliveryType", how })?;
        let known = |number| KeyDeliveryType::from_number(number).filter(|known| *known != KeyDeliveryType::None);
        let delivery_type = fields::numbered("keyDeliveryType", number, known, how)?;
        change.context.catalog.get::<ContentKey>(&id).await?;
        Ok(Acted::Value(Value::text(change.context.installation.key_delivery_url(id.guid(), delivery_type)?)))
    }
}
