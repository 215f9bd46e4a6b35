//! Publishing, withdrawing, listing and inspecting films.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use uuid::Uuid;

use super::{Error, urls};
use crate::catalog::{Asset, PublishedFile};
use crate::config::Config;
use crate::inspect;
use crate::origin;
use crate::store::Symlinks;
use crate::time::UtcTime;

/// `headwater publish`
pub(super) async fn publish(config: &Config, folder: &Path, locator: Option<Uuid>) -> Result<ExitCode, Error> {
    // Looked at before it is published: what cannot stream gets no URL.
    let real = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    if real.is_dir() && presentations(&Asset::folder(Uuid::nil(), &real, symlinks(config))).await?.is_empty() {
        return Err(Error::NoFilm { folder: folder.to_owned() });
    }
    let entry = PublishedFile::new(config.storage.data_dir()).add(folder, locator, now())?;
    let asset = Asset::folder(entry.locator, &entry.folder, symlinks(config));
    let table = urls::table(&config.base_url(), entry.locator, &presentations(&asset).await?);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is published. A running server serves it within a second:\n\n{table}", entry.folder.display())?;
    if config.origin.public_base_url.is_none() {
        writeln!(out, "A server that listens elsewhere than this has another address in front; see server.listen.\n")?;
    }
    let report = inspect::report(&entry.folder, &inspect_options(config)).await;
    if let Some(line) = report.ok().and_then(|report| report.summary()) {
        writeln!(out, "{line} Details: headwater inspect '{}'", entry.folder.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `headwater unpublish`
pub(super) fn unpublish(config: &Config, film: &str) -> Result<ExitCode, Error> {
    let entry = PublishedFile::new(config.storage.data_dir()).remove(film)?;
    let folder = entry.folder.display();
    writeln!(
        std::io::stdout(),
        "{folder} is not published any more; its files are where they were.\n\
         To give it the same URLs again: headwater publish --locator {} '{folder}'",
        entry.locator
    )?;
    Ok(ExitCode::SUCCESS)
}

/// `headwater list`
pub(super) fn list(config: &Config) -> Result<ExitCode, Error> {
    let entries = PublishedFile::new(config.storage.data_dir()).read()?;
    let mut out = std::io::stdout().lock();
    if entries.is_empty() {
        eprintln!("Nothing is published yet: headwater publish FOLDER");
    }
    for entry in entries {
        let missing = if entry.folder.is_dir() { "" } else { "  (the folder is gone)" };
        writeln!(out, "{}  {}{missing}", entry.locator, entry.folder.display())?;
    }
    if std::io::stdout().is_terminal() {
        eprintln!("'headwater publish FOLDER' prints the URLs of one again.");
    }
    Ok(ExitCode::SUCCESS)
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
pub(super) async fn presentations(asset: &Asset) -> Result<Vec<String>, Error> {
    Ok(origin::presentations(asset, &asset.store.list("").await?))
}

/// What is done with symbolic links.
pub(super) fn symlinks(config: &Config) -> Symlinks {
    if config.storage.follow_symlinks { Symlinks::Follow } else { Symlinks::Inside }
}

fn inspect_options(config: &Config) -> inspect::Options {
    inspect::Options { segments: super::serve::segments(&config.origin), symlinks: symlinks(config) }
}

fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UtcTime { unix_millis: since.as_millis() as u64 }
}
