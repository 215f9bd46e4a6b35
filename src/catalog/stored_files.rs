//! File records made of what lies in a container.

use super::asset_file::{AssetFile, AssetFileUpdate, NameOrigin, NewAssetFile};
use super::entity::{Page, Stored};
use super::error::Error;
use super::id::AssetId;
use super::transaction::Transaction;
use crate::store::ObjectInfo;

/// What became of file records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recorded {
    /// Files that had no record.
    pub added: u64,
    /// Records whose size or primary mark changed.
    pub changed: u64,
}

impl Transaction<'_> {
    /// Makes the file records of an asset those of the files in its container: new files get one, sizes are
    /// brought up to date. Where no file is primary, the server manifest becomes it, or the only file. Records of
    /// files that are not there stay: somebody may be about to upload them.
    ///
    /// # Errors
    /// [`Error::NotFound`] without that asset, [`Error::Invalid`] for names that no record can have.
    pub async fn record_stored_files(&mut self, asset: AssetId, stored: &[ObjectInfo]) -> Result<Recorded, Error> {
        let records = self.all_files(asset).await?;
        let primary = match records.iter().any(|record| record.is_primary) {
            true => None,
            false => primary(stored),
        };
        let mut recorded = Recorded::default();
        for object in stored {
            let is_primary = primary == Some(object.path.as_str());
            match records.iter().find(|record| record.name == object.path) {
                Some(record) if record.content_file_size == object.size && !is_primary => {}
                Some(record) => {
                    let update = AssetFileUpdate {
                        content_file_size: Some(object.size),
                        is_primary: is_primary.then_some(true),
                        ..AssetFileUpdate::default()
                    };
                    self.update_file(record.id, update, None).await?;
                    recorded.changed += 1;
                }
                None => {
                    let new = NewAssetFile {
                        content_file_size: object.size,
                        is_primary,
                        mime_type: Some(mime_type(&object.path).to_owned()),
                        origin: NameOrigin::Storage,
                        ..NewAssetFile::new(asset, &object.path)
                    };
                    self.create_file(new).await?;
                    recorded.added += 1;
                }
            }
        }
        Ok(recorded)
    }

    async fn all_files(&mut self, asset: AssetId) -> Result<Vec<Stored<AssetFile>>, Error> {
        let (mut all, mut page) = (Vec::new(), Page::of(asset));
        loop {
            let files: Vec<Stored<AssetFile>> = self.list(&page).await?;
            let count = files.len();
            all.extend(files);
            if count < page.limit as usize {
                return Ok(all);
            }
            page.skip += u64::from(page.limit);
        }
    }
}

fn primary(files: &[ObjectInfo]) -> Option<&str> {
    let manifest = files.iter().find(|file| extension(&file.path) == "ism");
    let only = if let [only] = files { Some(only) } else { None };
    manifest.or(only).map(|file| file.path.as_str())
}

fn extension(path: &str) -> String {
    path.rsplit_once('.').map_or(String::new(), |(_, extension)| extension.to_ascii_lowercase())
}

/// The media type by a file's extension, as uploading clients set it.
pub fn mime_type(path: &str) -> &'static str {
    match extension(path).as_str() {
        "mp4" | "m4v" | "ismv" => "video/mp4",
        "m4a" | "isma" => "audio/mp4",
        "ism" | "ismc" | "xml" => "text/xml",
        "vtt" => "text/vtt",
        "ttml" => "application/ttml+xml",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}
