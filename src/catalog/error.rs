//! What is refused, and why. Each refusal has a kind, from which the management API makes its status
//! (object model §13.1), and a sentence that says how to mend it.

use std::path::PathBuf;

use uuid::Uuid;

use super::entity::Kind;
use super::id::IdError;
use crate::secrets::SealError;

/// Of what sort a refusal is. The management API has one status for each (object model §13.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// A value that cannot be: 400.
    Invalid,
    /// A quota is used up, or the caller may not: 403.
    Forbidden,
    /// It, or what it names, does not exist: 404.
    NotFound,
    /// It contradicts what is there: 409.
    Conflict,
    /// Somebody else has changed it meanwhile: 412.
    Changed,
    /// The reference answers so where a duration is missing; and the catalogue's own trouble: 500.
    Failed,
    /// The database is not there or has no time; ask again: 503.
    Unavailable,
}

/// Why something in the catalogue cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such entity.
    #[error("there is no {} {id:?}; it may have been deleted, or the id may be of another kind", noun(*.kind))]
    NotFound {
        /// Of which kind.
        kind: Kind,
        /// Its id as given.
        id: String,
    },
    /// Not an identifier of the wanted kind.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A property with a value that cannot be.
    #[error("{property} of {}: {problem}", .kind.what())]
    Invalid {
        /// Of which kind of entity.
        kind: Kind,
        /// The property, as the management API names it.
        property: &'static str,
        /// What is wrong, and what it has to be.
        problem: String,
    },
    /// Something that contradicts what is there.
    #[error("{problem}")]
    Conflict {
        /// What contradicts what, and how to mend it.
        problem: String,
    },
    /// A number of things is used up.
    #[error("there are {limit} {what} already, and there can be no more; delete one that is not needed")]
    Quota {
        /// How many there can be.
        limit: u64,
        /// Of what, in the plural.
        what: &'static str,
    },
    /// Something that nobody may do to it.
    #[error("{problem}")]
    Forbidden {
        /// What may not be done, and what may.
        problem: String,
    },
    /// The reference answers 500 where this is missing.
    #[error("DurationInMinutes of an access policy is missing; give the minutes for which locators with it are valid")]
    NoDuration,
    /// The entity has another version than the change was meant for.
    #[error("{} {id} has been changed by somebody else meanwhile; read it again and repeat the change", noun(*.kind))]
    Changed {
        /// Of which kind.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// Secrets cannot be kept or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A container cannot be made, looked at or removed.
    #[error("the container {container} of storage account {account}: {problem}")]
    Container {
        /// Which account.
        account: String,
        /// Which container.
        container: String,
        /// What storage says.
        problem: String,
    },
    /// The database has no room.
    #[error("the catalogue's disk or database is full; nothing was changed. Make room and try again ({detail})")]
    Full {
        /// What the database says.
        detail: String,
    },
    /// The database cannot be reached or does not answer in time.
    #[error("the catalogue's database is not available ({detail}); nothing is known to have been changed. Try again")]
    Unavailable {
        /// What the driver says.
        detail: String,
    },
    /// The database was written by a newer Headwater.
    #[error("the catalogue's database was made by a newer Headwater (migration {version}); use that or a newer one")]
    NewerDatabase {
        /// The migration that is not known here.
        version: i64,
    },
    /// The database says something else.
    #[error("the catalogue's database failed: {detail}")]
    Database {
        /// What it says.
        detail: String,
    },
    /// A row that this program cannot have written.
    #[error("the catalogue has a damaged record, {} {id}: {detail}; it is left as it is", noun(*.kind))]
    Damaged {
        /// Of which kind.
        kind: Kind,
        /// Its id.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
    /// `catalog.database` is no address of a database.
    #[error("catalog.database cannot be used: {problem}; it has to be a file, or begin with postgres://")]
    Address {
        /// What is wrong, without passwords.
        problem: String,
    },

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
    DamagedList {
        /// Which file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        source: serde_json::Error,
    },
    /// The list was written by a newer Headwater.
    #[error("{} has version {version}, which this Headwater does not know; use a newer one", path.display())]
    NewerList {
        /// Which file.
        path: PathBuf,
        /// Its version.
        version: u32,
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

/// The kind's name without article.
fn noun(kind: Kind) -> &'static str {
    kind.what().split_once(' ').map_or("", |(_, noun)| noun)
}

impl Error {
    /// Of what sort it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::NotFound { .. } | Error::NotPublished { .. } | Error::NoFolder { .. } => ErrorKind::NotFound,
            Error::Id(_) | Error::Invalid { .. } | Error::PathNotUtf8 { .. } => ErrorKind::Invalid,
            Error::Conflict { .. } | Error::LocatorTaken { .. } | Error::HasLocator { .. } => ErrorKind::Conflict,
            Error::Quota { .. } | Error::Forbidden { .. } => ErrorKind::Forbidden,
            Error::Changed { .. } => ErrorKind::Changed,
            Error::Full { .. } | Error::Unavailable { .. } => ErrorKind::Unavailable,
            Error::NoDuration
            | Error::Seal(_)
            | Error::Container { .. }
            | Error::NewerDatabase { .. }
            | Error::Database { .. }
            | Error::Damaged { .. }
            | Error::Address { .. }
            | Error::Io { .. }
            | Error::DamagedList { .. }
            | Error::NewerList { .. } => ErrorKind::Failed,
        }
    }

    pub(super) fn invalid(kind: Kind, property: &'static str, problem: impl Into<String>) -> Error {
        Error::Invalid { kind, property, problem: problem.into() }
    }

    pub(super) fn conflict(problem: impl Into<String>) -> Error {
        Error::Conflict { problem: problem.into() }
    }

    pub(super) fn not_found(kind: Kind, id: impl std::fmt::Display) -> Error {
        Error::NotFound { kind, id: id.to_string() }
    }
}
