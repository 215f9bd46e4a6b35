//! Publishing, withdrawing, listing and inspecting films.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use uuid::Uuid;

use super::{Error, open, urls};
use crate::catalog::{Entry, IN_PLACE, PublishedAsset};
use crate::config::Config;
use crate::inspect;
use crate::origin;
use crate::store::Symlinks;

/// `headwater publish`
pub(super) async fn publish(config: &Config, folder: &Path, locator: Option<Uuid>) -> Result<ExitCode, Error> {
    // Looked at before it is published: what cannot stream gets no URL.
    let real = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    if real.is_dir() && presentations(&PublishedAsset::folder(Uuid::nil(), &real, symlinks(config))).await?.is_empty() {
        return Err(Error::NoFilm { folder: folder.to_owned() });
    }
    let catalog = open::catalog(config, None).await?;
    let entry = catalog.publish_folder(open::by(), folder, locator).await?;
    catalog.close().await;
    let asset = PublishedAsset::folder(entry.locator, &real, symlinks(config));
    let table = urls::table(&config.base_url(), entry.locator, &presentations(&asset).await?);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is published. A running server serves it within a second:\n\n{table}", place(&entry))?;
    if config.origin.public_base_url.is_none() {
        writeln!(out, "A server that listens elsewhere than this has another address in front; see server.listen.\n")?;
    }
    let report = inspect::report(&real, &inspect_options(config)).await;
    if let Some(line) = report.ok().and_then(|report| report.summary()) {
        writeln!(out, "{line} Details: headwater inspect '{}'", real.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `headwater unpublish`
pub(super) async fn unpublish(config: &Config, film: &str) -> Result<ExitCode, Error> {
    let catalog = open::catalog(config, None).await?;
    let entry = catalog.unpublish(open::by(), film).await?;
    catalog.close().await;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is not published any more; its files are where they were.", place(&entry))?;
    if let Some(folder) = entry.folder() {
        let (locator, folder) = (entry.locator, folder.display());
        writeln!(out, "To give it the same URLs again: headwater publish --locator {locator} '{folder}'")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `headwater list`
pub(super) async fn list(config: &Config) -> Result<ExitCode, Error> {
    let catalog = open::catalog(config, None).await?;
    let entries = catalog.published().await?;
    catalog.close().await;
    let mut out = std::io::stdout().lock();
    if entries.is_empty() {
        eprintln!("Nothing is published yet: headwater publish FOLDER");
    }
    for entry in entries {
        let gone = entry.folder().is_some_and(|folder| !folder.is_dir());
        let missing = if gone { "  (the folder is gone)" } else { "" };
        writeln!(out, "{}  {}{missing}", entry.locator, place(&entry))?;
    }
    if std::io::stdout().is_terminal() {
        eprintln!("'headwater publish FOLDER' prints the URLs of one again.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the files of a locator are, for people.
fn place(entry: &Entry) -> String {
    if entry.account == IN_PLACE {
        return entry.container.clone();
    }
    format!("{}/{}  {}", entry.account, entry.container, entry.name).trim_end().to_owned()
}

/// `headwater inspect`
pub(super) async fn inspect(config: &Config, path: &Path, json: bool) -> Result<ExitCode, Error> {
    let report = inspect::report(path, &inspect_options(config)).await?;
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let paint = if colour { inspect::Paint::Terminal } else { inspect::Paint::Plain };
        out.write_all(inspect::text(&report, paint).as_bytes())?;
    }
    Ok(if report.keeps_from_streaming() { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// The names under which the films of a folder are served.
pub(super) async fn presentations(asset: &PublishedAsset) -> Result<Vec<String>, Error> {
    Ok(origin::presentations(asset, &asset.store.list("").await?))
}

/// What is done with symbolic links.
pub(super) fn symlinks(config: &Config) -> Symlinks {
    if config.storage.follow_symlinks { Symlinks::Follow } else { Symlinks::Inside }
}

/// How films are looked at.
pub(super) fn inspect_options(config: &Config) -> inspect::Options {
    inspect::Options { segments: super::serve::segments(&config.origin), symlinks: symlinks(config) }
}
