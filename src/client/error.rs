//! Why a command to a server failed.

use std::path::PathBuf;

/// Why a command to a server failed. Nothing of keys, tokens or signatures is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No URL of HTTP.
    #[error("{url:?} is no URL of a management API: it looks like http://127.0.0.1:8081/API/")]
    NoUrl {
        /// What was given.
        url: String,
    },
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {problem}")]
    Client {
        /// Why not.
        problem: String,
    },
    /// Nobody answers.
    #[error(
        "the management API at {url} cannot be reached: {problem}; start 'headwater serve', or say with --api or HEADWATER_API where it is"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        problem: String,
    },
    /// The key is not accepted.
    #[error("the management API at {url} does not accept the key: {problem}; HEADWATER_API_KEY sets another")]
    Unauthorized {
        /// Where.
        url: String,
        /// What it says.
        problem: String,
    },
    /// The server says no.
    #[error("the server refuses ({status}): {problem}")]
    Refused {
        /// HTTP's status.
        status: u16,
        /// What it says.
        problem: String,
    },
    /// An answer that is none of the management API's.
    #[error("the answer of {url} is not that of a management API: {problem}")]
    Strange {
        /// Where.
        url: String,
        /// What is strange.
        problem: String,
    },
    /// No such asset.
    #[error("there is no asset {what:?}: give its name or its id; 'headwater list --assets' shows them")]
    NoAsset {
        /// What was asked for.
        what: String,
    },
    /// Several assets of a name.
    #[error("{} assets are called {name:?}; say which: {}", ids.len(), ids.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// The asset was made with other options.
    #[error("the asset {name:?} is there already and {}; choose another name, or upload without changing that", if *.encrypted { "encrypted in storage" } else { "not encrypted" })]
    Options {
        /// Its name.
        name: String,
        /// How it is.
        encrypted: bool,
    },
    /// A file that cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing to upload, or two files of one name.
    #[error("{problem}")]
    Files {
        /// What is wrong.
        problem: String,
    },
    /// A file changed while it was uploaded.
    #[error("{} changed while it was uploaded; upload it again", path.display())]
    Changed {
        /// Which one.
        path: PathBuf,
    },
    /// Storage does not take a file.
    #[error("{file} cannot be uploaded: {problem}")]
    Upload {
        /// Which one.
        file: String,
        /// Why not.
        problem: String,
    },
    /// A key cannot be made or sent.
    #[error("the storage key: {problem}")]
    Key {
        /// What is wrong.
        problem: String,
    },
}
