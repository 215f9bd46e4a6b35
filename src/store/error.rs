//! What can go wrong between a path and its bytes.

use std::io;
use std::sync::Arc;

/// Why bytes cannot be had. Cheap to clone: waiting requests share one failure.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error("there is no file '{path}'")]
    NotFound {
        /// Path inside the asset.
        path: String,
    },
    /// The file is not the one that was indexed.
    #[error("'{path}' was replaced or changed while it was being served; ask again")]
    Changed {
        /// Path inside the asset.
        path: String,
    },
    /// The file ends before the wanted bytes.
    #[error("'{path}' ends at byte {size}, but bytes up to {wanted} are needed; the file is cut off, copy it again")]
    Truncated {
        /// Path inside the asset.
        path: String,
        /// Where the wanted bytes end.
        wanted: u64,
        /// Where the file ends.
        size: u64,
    },
    /// Not a path that a store accepts.
    #[error("'{path}' is not a path inside an asset: {problem}")]
    BadPath {
        /// What was asked for, shortened.
        path: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// A symbolic link leads out of the published folder.
    #[error("'{path}' is a symbolic link that leads out of its folder; set storage.follow_symlinks = true to serve it")]
    Outside {
        /// Path inside the asset.
        path: String,
    },
    /// The operating system or the storage service refuses access.
    #[error("'{path}' may not be read; give the user that Headwater runs as the right to read it")]
    Denied {
        /// Path inside the asset.
        path: String,
    },
    /// More files than an asset may have.
    #[error("the folder has more than {limit} files; publish the folder of one film, not a whole disk")]
    TooManyFiles {
        /// The most allowed.
        limit: usize,
    },
    /// The storage service sends whole files when parts are asked for, or others than were asked for.
    #[error(
        "the storage of '{path}' does not serve byte ranges: it answered another part of the file than was asked \
         for; put a service (or a proxy) before it that honours the Range header"
    )]
    RangesIgnored {
        /// Path inside the asset.
        path: String,
    },
    /// Settings of a storage account that cannot work, or a container that it cannot have.
    #[error("storage account '{account}': {problem}")]
    Settings {
        /// The account.
        account: String,
        /// What is wrong.
        problem: String,
    },
    /// The backend failed.
    #[error("'{path}' cannot be read: {source}")]
    Unavailable {
        /// Path inside the asset.
        path: String,
        /// What the backend reports; its kind tells a time-out from a fault.
        source: Arc<io::Error>,
    },
}

/// What is wrong with a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathProblem {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Longer than any storage allows.
    #[error("it is longer than 1024 bytes")]
    TooLong,
    /// Begins with a slash.
    #[error("it begins with a slash")]
    Absolute,
    /// Has a control character.
    #[error("it has a control character")]
    ControlCharacter,
    /// Has a part that is empty, `.` or `..`.
    #[error("it has a part that is empty, '.' or '..'")]
    DotsOrEmptyPart,
}

impl Error {
    /// The error of the operating system as one of ours.
    pub(crate) fn from_io(path: &str, error: io::Error) -> Error {
        let path = path.to_owned();
        match error.kind() {
            // A path through a file ("film.mp4/x") names nothing either.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotFound { path },
            io::ErrorKind::PermissionDenied => Error::Denied { path },
            _ => Error::Unavailable { path, source: Arc::new(error) },
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match &error {
            Error::NotFound { .. } => io::ErrorKind::NotFound,
            Error::Denied { .. } | Error::Outside { .. } => io::ErrorKind::PermissionDenied,
            Error::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            Error::Unavailable { source, .. } => source.kind(),
            Error::Changed { .. }
            | Error::BadPath { .. }
            | Error::TooManyFiles { .. }
            | Error::RangesIgnored { .. }
            | Error::Settings { .. } => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
