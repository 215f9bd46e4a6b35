//! File records: what is known of one file of an asset (object model §3).

use serde::{Deserialize, Serialize};

use super::asset::Asset;
use super::entity::{Entity, Kind, Page, Stored, Version, millis};
use super::error::Error;
use super::id::{AssetFileId, AssetId, ContentKeyId};
use super::rules;
use super::transaction::Transaction;
use crate::time::UtcTime;

/// A file of an asset.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AssetFile {
    /// Its identifier.
    pub id: AssetFileId,
    /// Its name in the container.
    pub name: String,
    /// The asset; never another.
    pub parent_asset_id: AssetId,
    /// Its media type.
    pub mime_type: String,
    /// Bytes; whoever uploads says so afterwards.
    pub content_file_size: u64,
    /// Some checksum of the application's own.
    pub content_checksum: Option<String>,
    /// The file by which the asset streams, its `.ism`; one in each asset.
    pub is_primary: bool,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
    /// When it was last changed.
    #[serde(with = "millis")]
    pub last_modified: UtcTime,
    /// How it is encrypted where it is stored.
    pub encryption: Option<FileEncryption>,
    /// 1 for fragmented MP4 (a number of the client library's).
    pub options: u32,
}

/// How a file is encrypted where it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEncryption {
    /// `StorageEncryption`, `CommonEncryption` or `EnvelopeEncryption`.
    pub scheme: EncryptionScheme,
    /// `1.0`.
    pub version: String,
    /// The key.
    pub key_id: ContentKeyId,
    /// For storage encryption, the upper 8 bytes of the counter (§12.3).
    pub initialization_vector: Option<u64>,
}

super::numbers::numbered! {
    /// What a file is encrypted with.
    EncryptionScheme {
        /// AES-256-CTR (§12.3).
        StorageEncryption = 1 "StorageEncryption",
        /// Common encryption or PlayReady.
        CommonEncryption = 2 "CommonEncryption",
        /// AES-128 in whole segments.
        EnvelopeEncryption = 4 "EnvelopeEncryption",
    }
}

impl Entity for AssetFile {
    const KIND: Kind = Kind::AssetFile;
    type Id = AssetFileId;

    fn id(&self) -> AssetFileId {
        self.id
    }

    fn parent(&self) -> Option<String> {
        Some(self.parent_asset_id.to_string())
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// What a file record is created with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAssetFile {
    /// Its name in the container.
    pub name: String,
    /// The asset.
    pub parent_asset_id: AssetId,
    /// Its media type; `application/octet-stream` if not given.
    pub mime_type: Option<String>,
    /// Bytes.
    pub content_file_size: u64,
    /// Some checksum.
    pub content_checksum: Option<String>,
    /// The file by which the asset streams.
    pub is_primary: bool,
    /// How it is encrypted.
    pub encryption: Option<FileEncryption>,
    /// As [`AssetFile::options`].
    pub options: u32,
    /// Who chose the name.
    pub origin: NameOrigin,
}

impl NewAssetFile {
    /// A plain file of that name.
    pub fn new(parent_asset_id: AssetId, name: impl Into<String>) -> NewAssetFile {
        NewAssetFile {
            name: name.into(),
            parent_asset_id,
            mime_type: None,
            content_file_size: 0,
            content_checksum: None,
            is_primary: false,
            encryption: None,
            options: 0,
            origin: NameOrigin::Client,
        }
    }
}

/// Where a file's name comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameOrigin {
    /// A client that will upload it: the reference's rules for names hold.
    Client,
    /// A file that is in the container: it is called what it is called.
    Storage,
}

/// What of a file record may be changed; `None` leaves it as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AssetFileUpdate {
    /// Its media type.
    pub mime_type: Option<String>,
    /// Bytes.
    pub content_file_size: Option<u64>,
    /// Some checksum, or none.
    pub content_checksum: Option<Option<String>>,
    /// The file by which the asset streams.
    pub is_primary: Option<bool>,
    /// How it is encrypted, or not.
    pub encryption: Option<Option<FileEncryption>>,
}

/// The longest name of a file.
pub const MAX_FILE_NAME: usize = 260;

/// What a client may not put into a name, which stands in URLs as it is.
const FORBIDDEN: &str = "!*'();:@&=+$,/?%#[]\"";

fn check_name(name: &str, origin: NameOrigin) -> Result<(), Error> {
    let wrong = |problem: String| Err(Error::invalid(Kind::AssetFile, "Name", problem));
    if name.is_empty() {
        return wrong("it is empty; give the file's name in the container".to_owned());
    }
    if origin == NameOrigin::Storage {
        return crate::store::check_path(name).or_else(|error| wrong(error.to_string()));
    }
    rules::text(Kind::AssetFile, "Name", name, MAX_FILE_NAME)?;
    if let Some(c) = name.chars().find(|c| FORBIDDEN.contains(*c) || c.is_control()) {
        return wrong(format!("it has {c:?}; a name may have none of {FORBIDDEN} because it stands in URLs"));
    }
    match name.matches('.').count() {
        0 | 1 if !name.starts_with('.') => Ok(()),
        _ => wrong(format!("{name:?} should have one dot, before the extension")),
    }
}

fn check_mime_type(mime_type: &str) -> Result<(), Error> {
    rules::text(Kind::AssetFile, "MimeType", mime_type, 255)?;
    match mime_type.split_once('/') {
        Some((kind, rest)) if !kind.is_empty() && !rest.is_empty() && mime_type.is_ascii() => Ok(()),
        _ => Err(Error::invalid(Kind::AssetFile, "MimeType", "it should look like video/mp4")),
    }
}

fn check_encryption(encryption: Option<&FileEncryption>) -> Result<(), Error> {
    let Some(encryption) = encryption else { return Ok(()) };
    if encryption.version != "1.0" {
        return Err(Error::invalid(Kind::AssetFile, "EncryptionVersion", "it has to be 1.0, the only one there is"));
    }
    if encryption.scheme == EncryptionScheme::StorageEncryption && encryption.initialization_vector.is_none() {
        let problem = "storage encryption needs one: an unsigned 64-bit number in decimal digits";
        return Err(Error::invalid(Kind::AssetFile, "InitializationVector", problem));
    }
    Ok(())
}

impl Transaction<'_> {
    /// Adds a file record.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that asset, [`Error::Conflict`] for a second file of the name or a second
    /// primary file, [`Error::Invalid`].
    pub async fn create_file(&mut self, new: NewAssetFile) -> Result<AssetFile, Error> {
        check_name(&new.name, new.origin)?;
        let mime_type = new.mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        check_mime_type(&mime_type)?;
        rules::maybe_text(Kind::AssetFile, "ContentChecksum", new.content_checksum.as_deref(), 1000)?;
        check_encryption(new.encryption.as_ref())?;
        let asset = new.parent_asset_id;
        self.get::<Asset>(&asset).await?;
        let same = Page { name: Some(new.name.clone()), limit: 1, ..Page::of(asset) };
        if !self.list::<AssetFile>(&same).await?.is_empty() {
            let name = new.name;
            return Err(Error::conflict(format!("the asset has a file {name:?} already; update that one")));
        }
        if new.is_primary {
            self.no_other_primary(asset, None).await?;
        }
        let file = AssetFile {
            id: AssetFileId::random(),
            name: new.name,
            parent_asset_id: asset,
            mime_type,
            content_file_size: new.content_file_size,
            content_checksum: new.content_checksum,
            is_primary: new.is_primary,
            created: self.now(),
            last_modified: self.now(),
            encryption: new.encryption,
            options: new.options,
        };
        self.insert(&file).await?;
        Ok(file)
    }

    /// Changes what of a file record may change.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`] for a second primary file, [`Error::Changed`].
    pub async fn update_file(
        &mut self,
        id: AssetFileId,
        update: AssetFileUpdate,
        expected: Option<Version>,
    ) -> Result<AssetFile, Error> {
        let mut file: AssetFile = self.for_update(&id, expected).await?;
        if let Some(mime_type) = update.mime_type {
            check_mime_type(&mime_type)?;
            file.mime_type = mime_type;
        }
        if let Some(size) = update.content_file_size {
            file.content_file_size = size;
        }
        if let Some(checksum) = update.content_checksum {
            rules::maybe_text(Kind::AssetFile, "ContentChecksum", checksum.as_deref(), 1000)?;
            file.content_checksum = checksum;
        }
        if let Some(is_primary) = update.is_primary {
            if is_primary {
                self.no_other_primary(file.parent_asset_id, Some(id)).await?;
            }
            file.is_primary = is_primary;
        }
        if let Some(encryption) = update.encryption {
            check_encryption(encryption.as_ref())?;
            file.encryption = encryption;
        }
        file.last_modified = self.now();
        self.replace(&file).await?;
        Ok(file)
    }

    /// Deletes a file record. The file itself is storage's business.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_file(&mut self, id: AssetFileId) -> Result<AssetFile, Error> {
        let file = self.get::<AssetFile>(&id).await?.entity;
        self.remove(&file).await?;
        Ok(file)
    }

    /// How many files of an asset are encrypted with this key.
    pub(super) async fn files_encrypted_with(&mut self, asset: AssetId, key: ContentKeyId) -> Result<u64, Error> {
        let (mut page, mut count) = (Page::of(asset), 0);
        loop {
            let files: Vec<Stored<AssetFile>> = self.list(&page).await?;
            let with_it = |file: &&Stored<AssetFile>| file.encryption.as_ref().is_some_and(|e| e.key_id == key);
            count += files.iter().filter(with_it).count() as u64;
            if files.len() < page.limit as usize {
                return Ok(count);
            }
            page.skip += u64::from(page.limit);
        }
    }

    async fn no_other_primary(&mut self, asset: AssetId, except: Option<AssetFileId>) -> Result<(), Error> {
        let mut page = Page::of(asset);
        loop {
            let files: Vec<Stored<AssetFile>> = self.list(&page).await?;
            if let Some(other) = files.iter().find(|file| file.is_primary && Some(file.id) != except) {
                let name = &other.name;
                return Err(Error::conflict(format!(
                    "{name:?} is the asset's primary file; make that one not primary first"
                )));
            }
            if files.len() < page.limit as usize {
                return Ok(());
            }
            page.skip += u64::from(page.limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_urls_can_carry() {
        for good in ["film.ism", "film_1280x720_3400.mp4", "a film.mp4", "é.mp4", "noextension"] {
            assert!(check_name(good, NameOrigin::Client).is_ok(), "{good}");
        }
        let long = "x".repeat(261);
        for bad in ["", "a.b.c", ".hidden", "a/b.mp4", "a%20b.mp4", "a?.mp4", "a\"b", "a\0b", "..", &long] {
            assert!(check_name(bad, NameOrigin::Client).is_err(), "{bad}");
        }
        assert!(check_name("archive/a.b.c.mp4", NameOrigin::Storage).is_ok());
        assert!(check_name("../a", NameOrigin::Storage).is_err());
    }
}
