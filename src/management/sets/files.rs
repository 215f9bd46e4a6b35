//! `Files` (object model §3).

use async_trait::async_trait;

use super::{EntitySet, assets, find, id_of};
use crate::catalog::{
    Asset, AssetFile, AssetFileUpdate, EncryptionScheme, FileEncryption, NameOrigin, NewAssetFile, Ordinal, Page,
    Stored, Version,
};
use crate::management::change::Change;
use crate::management::context::Context;
use crate::management::error::Error;
use crate::management::fields;
use crate::management::model::FILE;
use crate::management::row::{Row, count, moment};
use crate::odata::json::Body;
use crate::odata::{EntityType, Value};

/// The set.
pub struct Files;

/// A file record as a row.
pub fn row(file: &Stored<AssetFile>) -> Row {
    let encryption = file.encryption.as_ref();
    let vector = encryption.and_then(|e| e.initialization_vector).map(|vector| vector.to_string());
    Row::new(
        &FILE,
        file,
        vec![
            ("Id", Value::text(file.id.to_string())),
            ("Name", Value::text(&file.name)),
            ("ContentFileSize", count(file.content_file_size)),
            ("ParentAssetId", Value::text(file.parent_asset_id.to_string())),
            ("EncryptionVersion", Value::maybe(encryption.map(|e| e.version.as_str()))),
            ("EncryptionScheme", Value::maybe(encryption.map(|e| e.scheme.name()))),
            ("IsEncrypted", Value::Boolean(encryption.is_some())),
            ("EncryptionKeyId", Value::maybe(encryption.map(|e| e.key_id.to_string()))),
            ("InitializationVector", Value::maybe(vector)),
            ("IsPrimary", Value::Boolean(file.is_primary)),
            ("LastModified", moment(file.last_modified)),
            ("Created", moment(file.created)),
            ("MimeType", Value::text(&file.mime_type)),
            ("ContentChecksum", Value::maybe(file.content_checksum.as_deref())),
            ("Options", Value::Int32(i32::try_from(file.options).unwrap_or(i32::MAX))),
        ],
    )
}

/// The encryption that a body speaks of: nothing, that there is none, or which.
fn encryption(body: &Body) -> Result<Option<Option<FileEncryption>>, Error> {
    let scheme = fields::text(body, "EncryptionScheme");
    let encrypted = fields::truth(body, "IsEncrypted");
    let Some(name) = fields::given(body, "EncryptionScheme") else {
        return match (scheme, encrypted) {
            (_, Some(true)) => Err(Error::Missing {
                property: "EncryptionScheme",
                how: "a file with IsEncrypted true has StorageEncryption, CommonEncryption or EnvelopeEncryption",
            }),
            (None, None) => Ok(None),
            _ => Ok(Some(None)),
        };
    };
    let how = "it is StorageEncryption, CommonEncryption or EnvelopeEncryption";
    let scheme = EncryptionScheme::from_name(&name).ok_or_else(|| fields::wrong("EncryptionScheme", &name, how))?;
    let key = fields::required(body, "EncryptionKeyId", "it names the content key of an encrypted file")?;
    let vector = fields::given(body, "InitializationVector").map(|text| {
        let how = "it is an unsigned number of 64 bits in decimal digits";
        text.parse().map_err(|_| fields::wrong("InitializationVector", &text, how))
    });
    Ok(Some(Some(FileEncryption {
        scheme,
        version: fields::given(body, "EncryptionVersion").unwrap_or_else(|| "1.0".to_owned()),
        key_id: fields::id(&key)?,
        initialization_vector: vector.transpose()?,
    })))
}

fn size(body: &Body) -> Result<Option<u64>, Error> {
    let Some(size) = fields::number(body, "ContentFileSize") else { return Ok(None) };
    let wrong = |_| fields::wrong("ContentFileSize", &size.to_string(), "it is a number of bytes, 0 or more");
    u64::try_from(size).map(Some).map_err(wrong)
}

#[async_trait]
impl EntitySet for Files {
    fn entity(&self) -> &'static EntityType {
        &FILE
    }

    fn parent_property(&self) -> Option<&'static str> {
        Some("ParentAssetId")
    }

    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error> {
        Ok(find::<AssetFile>(context, key).await?.as_ref().map(row))
    }

    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error> {
        let files = context.catalog.list_ordered::<AssetFile>(page).await?;
        Ok(files.iter().map(|(ordinal, file)| (*ordinal, row(file))).collect())
    }

    async fn related(&self, context: &Context, file: &Row, navigation: &str) -> Result<Vec<Row>, Error> {
        match (navigation, find::<Asset>(context, file.text("ParentAssetId")).await?) {
            ("Asset", Some(asset)) => Ok(vec![assets::row(context, &asset).await?]),
            _ => Ok(Vec::new()),
        }
    }

    async fn create(&self, change: &mut Change<'_>, body: &Body) -> Result<String, Error> {
        let parent = fields::required(body, "ParentAssetId", "it is the id of the asset that the file belongs to")?;
        let options = fields::number(body, "Options").unwrap_or(0);
        let new = NewAssetFile {
            name: fields::required(body, "Name", "it is the name that the file has in the container")?,
            parent_asset_id: fields::id(&parent)?,
            mime_type: fields::given(body, "MimeType"),
            content_file_size: size(body)?.unwrap_or(0),
            content_checksum: fields::given(body, "ContentChecksum"),
            is_primary: fields::truth(body, "IsPrimary").unwrap_or(false),
            encryption: encryption(body)?.flatten(),
            options: fields::numbered("Options", options, |n| u32::try_from(n).ok(), "it is 0 or 1 (Fragmented)")?,
            origin: NameOrigin::Client,
        };
        Ok(change.transaction().await?.create_file(new).await?.id.to_string())
    }

    async fn update(
        &self,
        change: &mut Change<'_>,
        key: &str,
        body: &Body,
        expected: Option<Version>,
    ) -> Result<(), Error> {
        let id = id_of::<AssetFile>(&FILE, key)?;
        let transaction = change.transaction().await?;
        let before = row(&transaction.get::<AssetFile>(&id).await?);
        fields::fixed(body, &before, &["Id", "Name", "ParentAssetId", "Options"])?;
        let update = AssetFileUpdate {
            mime_type: fields::given(body, "MimeType"),
            content_file_size: size(body)?,
            content_checksum: fields::text(body, "ContentChecksum"),
            is_primary: fields::truth(body, "IsPrimary"),
            encryption: encryption(body)?,
        };
        transaction.update_file(id, update, expected).await?;
        Ok(())
    }

    async fn delete(&self, change: &mut Change<'_>, key: &str) -> Result<(), Error> {
        let id = id_of::<AssetFile>(&FILE, key)?;
        change.transaction().await?.delete_file(id).await?;
        Ok(())
    }
}
