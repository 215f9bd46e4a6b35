//! `headwater import`

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Error, films, open, progress};
use crate::catalog::{Backend, Catalog, NewStorageAccount, StorageAccount};
use crate::clock;
use crate::config::Config;
use crate::import::{self, MAX_TABLE_BYTES, Options, Table};
use crate::store::account::is_account_name;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A storage account of the configuration, by name, or a folder that holds a copy of one
    #[arg(value_name = "ACCOUNT|FOLDER")]
    from: String,
    /// What a folder is called as a storage account; its own name if not given
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A table (CSV) of old locators: locator, asset or container, and perhaps when it ends
    #[arg(long, value_name = "FILE")]
    locators: Option<PathBuf>,
    /// Change nothing; say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not read media files: quicker, but what will not stream is not told
    #[arg(long)]
    no_inspect: bool,
    /// Write the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it; 3 if something was not taken in or will not stream.
pub(super) async fn import(config: &Config, arguments: Arguments) -> Result<ExitCode, Error> {
    let table = match &arguments.locators {
        Some(path) => Table::parse(&read(path)?)?,
        None => Table::default(),
    };
    let opened = open::open(config, None).await?;
    let known = opened.catalog.storage_accounts().await?;
    let (account, linked) = match known.iter().find(|account| account.name == arguments.from) {
        Some(account) => (account.clone(), true),
        None => folder(&known, &arguments)?,
    };
    if !linked && !arguments.dry_run {
        link(&opened.catalog, &account).await?;
    }
    let bar = progress::steps();
    bar.set_message("containers");
    let told = |of: u64, done: u64| {
        bar.set_length(of);
        bar.inc(done);
    };
    let options = Options {
        dry_run: arguments.dry_run,
        inspect: (!arguments.no_inspect).then(|| films::inspect_options(config)),
        by: open::by(),
    };
    let (catalog, containers) = (&opened.catalog, &opened.containers);
    let report = import::account(catalog, containers, &account, linked, &table, &options, &told).await?;
    bar.finish_and_clear();
    opened.catalog.close().await;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(import::text(&report, config.base_url().trim_end_matches('/')).as_bytes())?;
    }
    Ok(if report.has_errors() { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// The account that a folder is, or would be; and whether it is one already.
fn folder(known: &[StorageAccount], arguments: &Arguments) -> Result<(StorageAccount, bool), Error> {
    let from = &arguments.from;
    let names = || known.iter().map(|account| account.name.as_str()).collect::<Vec<_>>().join(", ");
    let root = Path::new(from).canonicalize().ok().filter(|root| root.is_dir());
    let root = root.ok_or_else(|| Error::NoAccount { from: from.clone(), names: names() })?;
    let backend = Backend::Folder { root: root.clone() };
    if let Some(account) = known.iter().find(|account| account.backend == backend) {
        return Ok((account.clone(), true));
    }
    let own = || root.file_name().and_then(|name| name.to_str()).map(str::to_lowercase);
    let name = arguments.account.clone().or_else(own).unwrap_or_default();
    if !is_account_name(&name) || known.iter().any(|account| account.name == name) {
        return Err(Error::AccountName { name });
    }
    let account = StorageAccount {
        name,
        is_default: false,
        bytes_used: None,
        capacity_bytes: None,
        weight: 1,
        backend,
        created: clock::now(),
    };
    Ok((account, false))
}

async fn link(catalog: &Catalog, account: &StorageAccount) -> Result<(), Error> {
    let new = NewStorageAccount {
        name: account.name.clone(),
        backend: account.backend.clone(),
        capacity_bytes: None,
        weight: 1,
    };
    let mut transaction = catalog.begin(open::by()).await?;
    transaction.create_storage_account(new, None).await?;
    transaction.commit().await?;
    Ok(())
}

fn read(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_TABLE_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
