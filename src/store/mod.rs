//! Stored bytes by path and range: one trait, over a local folder or any backend of the object_store
//! crate. A store is one asset's container; it knows paths and bytes, never formats.
//!
//! # A file that changes while it is served
//!
//! Every read names the [`ObjectInfo`] under which its caller knows the file. A store answers with bytes
//! of that very file, or with [`Error::Changed`] or [`Error::Truncated`]; never with a mixture of two
//! files and never with fewer bytes than were asked for.
//!
//! # Paths
//!
//! Slash-separated, relative, UTF-8; spaces, `%`, `#` and letters of any language are ordinary. `.`,
//! `..`, empty parts, a leading slash and control characters are refused by [`check_path`].

pub mod account;
#[cfg(test)]
pub(crate) mod contract;
mod decrypted;
mod error;
mod folder;
mod folder_read;
mod objects;
mod ranges;
pub mod sas;
#[cfg(test)]
pub(crate) mod servers;

use std::fmt;
use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use decrypted::Decrypted;
pub use error::{Error, PathProblem};
pub use folder::{Folder, Symlinks};
pub use objects::{Objects, Reading};

use crate::time::UtcTime;

/// A file as a listing saw it. Reads are conditional on it.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct ObjectInfo {
    /// Path inside the asset.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: UtcTime,
    /// The backend's own mark of this content, the same wherever it is read; when present it decides whether
    /// the file is the same.
    pub etag: Option<String>,
    /// The file's number on this machine, which tells it from another that was moved into its place. It is
    /// another one on every machine, so nothing that leaves this one may depend on it.
    pub inode: Option<u64>,
}

impl ObjectInfo {
    /// True if `other` is the same content as far as the backend can tell.
    pub fn is_same(&self, other: &ObjectInfo) -> bool {
        let same_file = match (self.inode, other.inode) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        same_file
            && match (&self.etag, &other.etag) {
                (Some(a), Some(b)) => a == b,
                _ => self.size == other.size && self.modified == other.modified,
            }
    }
}

/// The bytes of a download, in order. An error ends it.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// One asset's files.
#[async_trait::async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// All files whose path begins with `prefix` (empty for all), in the order of their paths.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the container itself is gone, [`Error::TooManyFiles`], and what the backend reports.
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Error>;

    /// One file.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such file.
    async fn head(&self, path: &str) -> Result<ObjectInfo, Error>;

    /// The bytes of several ranges of one file, in the order asked for. Near neighbours are read together;
    /// each answer is a slice of what was read.
    ///
    /// # Errors
    /// [`Error::Changed`] when the file is not `object` any more, [`Error::Truncated`] when a range ends
    /// behind its end.
    async fn read_ranges(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error>;

    /// As [`Store::read_ranges`], for small ranges that lie far apart: side by side and not together.
    ///
    /// # Errors
    /// As [`Store::read_ranges`].
    async fn read_scattered(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        self.read_ranges(object, ranges).await
    }

    /// The bytes of one range.
    ///
    /// # Errors
    /// As [`Store::read_ranges`].
    async fn read(&self, object: &ObjectInfo, range: Range<u64>) -> Result<Bytes, Error> {
        let mut read = self.read_ranges(object, std::slice::from_ref(&range)).await?;
        Ok(read.pop().unwrap_or_default())
    }

    /// The bytes of a long range piece by piece, read as they are asked for. The file is opened and
    /// compared with `object` before this returns, and compared again before each piece is handed out.
    ///
    /// # Errors
    /// As [`Store::read_ranges`]; what happens later is an [`io::Error`] that wraps an [`Error`].
    async fn stream(&self, object: &ObjectInfo, range: Range<u64>) -> Result<ByteStream, Error>;

    /// How long what a listing says is believed: every look costs a request where storage is remote.
    fn recheck(&self) -> Duration {
        LOCAL_RECHECK
    }

    /// How many bytes more than it needs a reader of headers should ask for at once: what a request's round
    /// trip costs. 0 where reading costs as much as there is to read.
    fn read_ahead(&self) -> u64 {
        0
    }
}

/// How long a listing of files on this machine is believed.
const LOCAL_RECHECK: Duration = Duration::from_secs(1);

/// Refuses what is not a plain relative path.
///
/// # Errors
/// [`Error::BadPath`], saying why.
pub fn check_path(path: &str) -> Result<(), Error> {
    let problem = if path.is_empty() {
        PathProblem::Empty
    } else if path.len() > MAX_PATH_BYTES {
        PathProblem::TooLong
    } else if path.starts_with('/') {
        PathProblem::Absolute
    } else if path.chars().any(char::is_control) {
        PathProblem::ControlCharacter
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        PathProblem::DotsOrEmptyPart
    } else {
        return Ok(());
    };
    Err(Error::BadPath { path: path.chars().take(200).collect(), problem })
}

/// The longest path that is accepted: the limit of blob names in Azure Storage and S3.
pub const MAX_PATH_BYTES: usize = 1024;

/// The most files that one listing returns.
pub const MAX_FILES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_accepted() {
        for good in ["film.mp4", "a b/ü %41 #1.mp4", "...", "a..b", ".hidden", "back\\slash"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        let long = "x".repeat(MAX_PATH_BYTES + 1);
        for bad in ["", "/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", "a/.", "a\0b", "a\nb", &long] {
            assert!(matches!(check_path(bad), Err(Error::BadPath { .. })), "{bad:?}");
        }
    }

    #[test]
    fn an_etag_decides_where_there_is_one() {
        let info = |size, etag: Option<&str>| ObjectInfo {
            path: "a".into(),
            size,
            modified: UtcTime { unix_millis: 7 },
            etag: etag.map(str::to_owned),
            inode: None,
        };
        assert!(info(1, None).is_same(&info(1, Some("x"))));
        assert!(!info(1, None).is_same(&info(2, None)));
        assert!(!info(1, Some("x")).is_same(&info(1, Some("y"))));
        let numbered = |inode| ObjectInfo { inode, ..info(1, Some("x")) };
        assert!(numbered(Some(1)).is_same(&numbered(None)));
        assert!(!numbered(Some(1)).is_same(&numbered(Some(2))));
    }
}
