//! `published.json`, in which earlier versions kept their list of published folders: read once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use uuid::Uuid;

use super::error::Error;
use crate::time::UtcTime;

const FILE: &str = "published.json";
const TAKEN_OVER: &str = "published.json.taken-over";
const VERSION: u32 = 1;

/// One published folder.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// What its URLs begin with.
    pub(super) locator: Uuid,
    /// Where it is; absolute, links resolved.
    pub(super) folder: PathBuf,
    /// When it was published, milliseconds since 1970.
    created_unix_millis: u64,
}

impl Entry {
    /// When it was published.
    pub(super) fn created(&self) -> UtcTime {
        UtcTime { unix_millis: self.created_unix_millis }
    }
}

/// The list in `data_dir`; `None` where there is none.
pub(super) fn read(data_dir: &Path) -> Result<Option<Vec<Entry>>, Error> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
        #[serde(rename = "version")]
        _version: u32,
        published: Vec<Entry>,
    }
    let path = data_dir.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Io { path, done: "read", source }),
    };
    match serde_json::from_slice::<Version>(&bytes) {
        Ok(Version { version }) if version > VERSION => return Err(Error::NewerList { path, version }),
        Ok(_) => {}
        Err(source) => return Err(Error::DamagedList { path, source }),
    }
    let document: Document = serde_json::from_slice(&bytes).map_err(|source| Error::DamagedList { path, source })?;
    Ok(Some(document.published))
}

/// Sets the list aside, after what is in it is in the catalogue.
pub(super) fn set_aside(data_dir: &Path) -> Result<(), Error> {
    let path = data_dir.join(FILE);
    match fs::rename(&path, data_dir.join(TAKEN_OVER)) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Io { path, done: "renamed", source }),
        Ok(()) => Ok(()),
    }
}
