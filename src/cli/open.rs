//! Opening the catalogue as the settings say.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::Error;
use super::films::symlinks;
use crate::catalog::{Address, By, Catalog, LocalContainers, Options};
use crate::config::Config;
use crate::time::UtcTime;

/// The catalogue of these settings, with a demo film if `demo` is its folder.
pub(super) async fn catalog(config: &Config, demo: Option<PathBuf>) -> Result<Catalog, Error> {
    let data_dir = config.storage.data_dir();
    let symlinks = symlinks(config);
    let options = Options {
        database: Address::parse(config.catalog.database.as_ref().map(|url| url.as_str()), &data_dir)?,
        containers: Arc::new(LocalContainers { symlinks }),
        placement: config.catalog.placement,
        demo,
        symlinks,
        ..Options::local(&data_dir, now())
    };
    Ok(Catalog::open(options).await?)
}

/// Who changes something from the command line.
pub(super) fn by() -> By {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    By::new(user.map_or_else(|_| "command line".to_owned(), |user| format!("command line ({user})")), now())
}

pub(super) fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UtcTime { unix_millis: since.as_millis() as u64 }
}
