//! What is published: which locator stands for which folder.
//!
//! [`Published`] is an in-memory snapshot that requests look at without waiting; behind it lies the file
//! `published.json`, which `headwater publish` changes while a server runs.

mod published;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

pub use published::{Entry, PublishedFile};
pub use snapshot::{Published, Snapshot};

use crate::store::{Folder, Store, Symlinks};

/// The demo film's locator, the same on every installation.
pub const DEMO_LOCATOR: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_dec0_de00);

/// A published film's files.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The locator that its URLs begin with: 16 bytes in the order of its text.
    pub id: [u8; 16],
    /// The folder's name; a film without server manifest is served as `name.ism`.
    pub name: String,
    /// Its files.
    pub store: Arc<dyn Store>,
}

impl Asset {
    /// The film in a local folder.
    pub fn folder(locator: Uuid, folder: &Path, symlinks: Symlinks) -> Asset {
        let name = folder.file_name().map_or("film".to_owned(), |name| name.to_string_lossy().into_owned());
        Asset { id: *locator.as_bytes(), name, store: Arc::new(Folder::new(folder, symlinks)) }
    }

    /// The locator that its URLs begin with.
    pub fn locator(&self) -> Uuid {
        Uuid::from_bytes(self.id)
    }
}

/// Why something cannot be published, unpublished or looked up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Headwater's own folder or a file in it cannot be read or written.
    #[error("{} cannot be {done}: {source}; check storage.data_dir and its rights", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// `read`, `written`, `locked` …
        done: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The list of published folders is not what Headwater wrote.
    #[error("{} is damaged ({source}); it was left as it is: mend it, or move it away and publish again", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        source: serde_json::Error,
    },
    /// The list was written by a newer Headwater.
    #[error("{} has version {version}, which this Headwater does not know; use a newer one", path.display())]
    NewerVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Another process holds the lock.
    #[error("{} is locked by another process for more than {seconds} s; end that process and try again", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// What should be published is no folder.
    #[error("{} cannot be published: {source}; name a folder that holds a film", folder.display())]
    NoFolder {
        /// What was named.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder's path is not UTF-8.
    #[error("{} cannot be published: its path is not UTF-8; rename it", folder.display())]
    PathNotUtf8 {
        /// What was named.
        folder: PathBuf,
    },
    /// The locator stands for something else.
    #[error("locator {locator} is that of {by}; choose another, or unpublish that first")]
    LocatorTaken {
        /// The locator that was wanted.
        locator: Uuid,
        /// What has it.
        by: String,
    },
    /// The folder has another locator.
    #[error("{} is published as {locator}; unpublish it first to give it another locator", folder.display())]
    HasLocator {
        /// Which folder.
        folder: PathBuf,
        /// Its locator.
        locator: Uuid,
    },
    /// Nothing of that name is published.
    #[error("{what} is not published; 'headwater list' shows what is")]
    NotPublished {
        /// A folder or locator.
        what: String,
    },
}
