//! What `headwater import` does: a storage account that is there already, as Azure Media Services filled it,
//! becomes assets, file records and locators of the catalogue. No byte of media is moved or changed.

mod container;
mod locators;
mod report;
mod table;
mod text;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

pub use report::{AssetReport, Change, LocatorReport, Report};
pub use table::{MAX_TABLE_BYTES, OldLocator, Table};
pub use text::text;

use crate::catalog::{self, AccountContainers, By, Catalog, OpenAccount, StorageAccount};
use crate::inspect;
use crate::store;

/// How it is done.
#[derive(Clone, Debug)]
pub struct Options {
    /// Nothing is changed; the report says what would be.
    pub dry_run: bool,
    /// Media files are read as `inspect` does, to say what will not stream.
    pub inspect: Option<inspect::Options>,
    /// Who does it, and when.
    pub by: By,
}

/// Why it cannot be done. What is wrong with single containers is in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table of locators.
    #[error("the table of locators, line {line}: {problem}")]
    Table {
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The containers cannot be listed.
    #[error("the containers of storage account {account:?} cannot be listed: {problem}")]
    List {
        /// Which account.
        account: String,
        /// Why not.
        problem: String,
    },
    /// The catalogue.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
}

/// Containers read side by side.
const PARALLEL: usize = 4;

/// Takes the containers of `account` into the catalogue, with the locators of `table`. Done twice, the second
/// time finds everything there. `linked` says that the catalogue knows the account; a dry run may have one that it
/// does not. `progress` is told how many containers there are, and of each that is done.
///
/// # Errors
/// [`Error`] when the containers cannot be listed or the catalogue cannot be changed.
pub async fn account(
    catalog: &Catalog,
    containers: &AccountContainers,
    account: &StorageAccount,
    linked: bool,
    table: &Table,
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report, Error> {
    let failed = |problem: String| Error::List { account: account.name.clone(), problem };
    let key = catalog.storage_account_key(&account.name).await?;
    let open = containers.account(&OpenAccount { account: account.clone(), key }).map_err(|e| failed(e.to_string()))?;
    let names = open.containers("").await.map_err(|e: store::Error| failed(e.to_string()))?;
    progress(names.len() as u64, 0);

    let mut report = Report::new(&account.name, options.dry_run);
    let looked = names.iter().map(|name| {
        let store = open.container(name);
        async move {
            match store {
                Ok(store) => Some(container::look(name, store, options).await),
                Err(_) => None,
            }
        }
    });
    let mut looked = stream::iter(looked).buffered(PARALLEL);
    let into = container::Into { catalog, account, linked, known: container::Known::load(catalog, account).await? };
    while let Some(found) = looked.next().await {
        match found {
            Some(container::Looked::Film(found)) => {
                let done = container::record(&into, &found, table, options).await?;
                report.assets.push(AssetReport::new(found, done));
            }
            Some(container::Looked::Other(why)) => report.skipped.push(why),
            None => {}
        }
        progress(names.len() as u64, 1);
    }
    drop(looked);
    // Rows that lead nowhere are what its writer wants to know.
    for (container, locators) in
        table.containers().filter(|(name, _)| !report.assets.iter().any(|a| a.container == *name))
    {
        for locator in locators {
            let problem = format!("the account has no container {container} with a film");
            report.strays.push(LocatorReport::failed(locator, problem));
        }
    }
    Ok(report)
}

/// A store, shared.
type SharedStore = Arc<dyn store::Store>;
