//! Commands that speak to a running server's management API: `upload`, `delete`, and what `publish`, `unpublish` and
//! `list` do with assets.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use url::Url;
use uuid::Uuid;

use super::{Error, progress, urls};
use crate::client::{Api, Event, Publication, Published, Purge, Token, Upload};
use crate::config::{self, Config};

/// The variable of the environment that holds a key or token.
const KEY: &str = "HEADWATER_API_KEY";

/// Which server is spoken to.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct Server {
    /// The management API of a running server; not given: management.listen of the configuration, on this machine.
    /// Its key is taken from HEADWATER_API_KEY, else from the server's access file
    #[arg(long, value_name = "URL", env = "HEADWATER_API")]
    api: Option<String>,
    /// Accept any certificate of the API
    #[arg(long)]
    insecure: bool,
}

impl Server {
    /// One was named.
    pub(super) fn is_named(&self) -> bool {
        self.api.is_some()
    }

    /// The API, with a key.
    pub(super) fn open(&self, config: &Config) -> Result<Api, Error> {
        let settings = &config.management;
        let address = config::reachable(settings.listen.unwrap_or(config::Management::LISTEN));
        let scheme = if settings.tls { "https" } else { "http" };
        let url = self.api.clone().unwrap_or_else(|| format!("{scheme}://{address}/API/"));
        Ok(Api::new(&url, &token(config)?, self.insecure)?)
    }
}

/// A key from the environment, else one that may write from the access file.
fn token(config: &Config) -> Result<Token, Error> {
    if let Ok(key) = std::env::var(KEY)
        && !key.trim().is_empty()
    {
        return Ok(Token::new(&key));
    }
    let path = config.management.access_file.clone().unwrap_or_else(|| config.storage.data_dir().join("access"));
    let missing = |problem: String| Error::NoKey { path: path.clone(), problem };
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(&path).map_err(|e| missing(e.to_string()))?);
    let key = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("write")).then(|| words.nth(1)).flatten()
    });
    key.map(Token::new).next().ok_or_else(|| missing("it has no line of a key that may write".to_owned()))
}

#[derive(Args, Debug)]
pub(super) struct UploadArguments {
    /// Files, or folders whose files are meant
    #[arg(required = true, value_name = "FILE|FOLDER")]
    files: Vec<PathBuf>,
    /// Name or id of the asset; one of that name is made if there is none
    #[arg(long, value_name = "NAME")]
    asset: String,
    /// Encrypt the files on the way: they are stored encrypted (AES-256), with a key that the server keeps
    #[arg(long)]
    encrypt: bool,
    /// Publish the asset afterwards and print its URLs; encrypted files are decrypted while they stream
    #[arg(long)]
    publish: bool,
    #[command(flatten)]
    server: Server,
}

/// `headwater upload`
pub(super) async fn upload(config: &Config, arguments: UploadArguments) -> Result<ExitCode, Error> {
    let api = arguments.server.open(config)?;
    let bar = progress::bytes();
    let told = |event: Event<'_>| match event {
        Event::Total(bytes) => bar.set_length(bytes),
        Event::File(name) => bar.set_message(name.to_owned()),
        Event::Sent(bytes) => bar.inc(bytes),
    };
    let upload = Upload { asset: arguments.asset, files: arguments.files, encrypt: arguments.encrypt };
    let done = api.upload(&upload, &told).await;
    bar.finish_and_clear();
    let done = done?;
    let mut out = std::io::stdout().lock();
    let new = if done.before { "" } else { " (new)" };
    writeln!(out, "{}  {}{new}", done.asset.id, done.asset.name)?;
    for (name, bytes) in &done.files {
        writeln!(out, "  {bytes:>14}  {name}")?;
    }
    if arguments.publish {
        let how = Publication { clear: true, ..Publication::default() };
        let published = api.publish(&done.asset, &how).await?;
        print_urls(&mut out, &published)?;
    } else {
        writeln!(out, "Publish it: headwater publish '{}'", done.asset.id)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Args, Debug, Default)]
pub(super) struct PublishOptions {
    /// For how many days; a hundred years if not given (assets alone)
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=2_500_000))]
    days: Option<u32>,
    /// Let an asset that is stored encrypted go out in the clear, in all protocols
    #[arg(long)]
    clear: bool,
    #[command(flatten)]
    pub(super) server: Server,
}

impl PublishOptions {
    /// Something was said that is about assets alone.
    pub(super) fn is_for_assets(&self) -> bool {
        self.days.is_some() || self.clear || self.server.is_named()
    }
}

/// `headwater publish ASSET`
pub(super) async fn publish(
    config: &Config,
    what: &str,
    locator: Option<Uuid>,
    options: &PublishOptions,
) -> Result<ExitCode, Error> {
    let api = options.server.open(config)?;
    let asset = api.asset(what).await?;
    let how = Publication { locator, days: options.days, clear: options.clear };
    let published = api.publish(&asset, &how).await?;
    let mut out = std::io::stdout().lock();
    let already = if published.before { " already" } else { "" };
    writeln!(out, "{}  {} is published{already}.", asset.id, asset.name)?;
    print_urls(&mut out, &published)?;
    Ok(ExitCode::SUCCESS)
}

fn print_urls(out: &mut impl Write, published: &Published) -> Result<(), Error> {
    let base = match Url::parse(&published.path) {
        Ok(mut url) => {
            // The locator's own part is added for each URL again.
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().pop();
            }
            url.to_string()
        }
        Err(_) => published.path.clone(),
    };
    write!(out, "\n{}", urls::table(&base, published.locator, &published.presentations))?;
    Ok(())
}

/// `headwater unpublish ASSET`
pub(super) async fn unpublish(config: &Config, what: &str, server: &Server) -> Result<ExitCode, Error> {
    let api = server.open(config)?;
    let mut out = std::io::stdout().lock();
    match api.asset(what).await {
        Ok(asset) => {
            let ended = api.unpublish(&asset).await?;
            writeln!(out, "{}  {}: {ended} locators ended; its files are where they were.", asset.id, asset.name)?;
        }
        // A locator's GUID looks like an asset's.
        Err(error) => match Uuid::parse_str(what) {
            Ok(locator) => {
                api.end_locator(locator).await?;
                writeln!(out, "The locator {locator} has ended; the files are where they were.")?;
            }
            Err(_) => return Err(error.into()),
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// `headwater purge`
pub(super) async fn purge(config: &Config, what: Option<&str>, server: &Server) -> Result<ExitCode, Error> {
    let api = server.open(config)?;
    let count = match what {
        None => api.purge(Purge::All).await?,
        Some(what) => match api.asset(what).await {
            Ok(asset) => api.purge(Purge::Asset(&asset)).await?,
            // A locator's GUID looks like an asset's.
            Err(error) => match Uuid::parse_str(what) {
                Ok(locator) => api.purge(Purge::Locator(locator)).await?,
                Err(_) => return Err(error.into()),
            },
        },
    };
    writeln!(std::io::stdout().lock(), "The server has forgotten {count} things; caches in front of it have not.")?;
    Ok(ExitCode::SUCCESS)
}

/// `headwater explain`
pub(super) async fn explain(config: &Config, url: &str, json: bool, server: &Server) -> Result<ExitCode, Error> {
    let text = server.open(config)?.explain(url, json).await?;
    let clean: String = text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    std::io::stdout().lock().write_all(clean.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// `headwater list --assets`
pub(super) async fn list(config: &Config, server: &Server) -> Result<ExitCode, Error> {
    let listed = server.open(config)?.assets().await?;
    let mut out = std::io::stdout().lock();
    if listed.is_empty() {
        eprintln!("There are no assets yet: headwater upload FILE… --asset NAME");
    }
    for entry in listed {
        let encrypted = if entry.asset.encrypted { "  (encrypted in storage)" } else { "" };
        writeln!(out, "{}  {}  {}{encrypted}", entry.asset.id, entry.account, clean(&entry.asset.name))?;
        for path in &entry.paths {
            writeln!(out, "    {}", clean(path))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Args, Debug)]
pub(super) struct DeleteArguments {
    /// Name or id of the asset
    #[arg(value_name = "ASSET")]
    asset: String,
    /// Leave its container with all its files
    #[arg(long)]
    keep_container: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    server: Server,
}

/// `headwater delete`
pub(super) async fn delete(config: &Config, arguments: DeleteArguments) -> Result<ExitCode, Error> {
    let api = arguments.server.open(config)?;
    let asset = api.asset(&arguments.asset).await?;
    if !arguments.yes && !arguments.keep_container && !confirmed(&asset.id, &asset.name)? {
        return Err(Error::NotConfirmed);
    }
    api.delete_asset(&asset, arguments.keep_container).await?;
    let files = if arguments.keep_container { "its files stay" } else { "its files are being removed" };
    writeln!(std::io::stdout().lock(), "{}  {} is deleted; {files}.", asset.id, clean(&asset.name))?;
    Ok(ExitCode::SUCCESS)
}

/// Asks, if there is somebody to ask.
fn confirmed(id: &str, name: &str) -> Result<bool, Error> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("Delete {id} ({}) with all its files? Write yes: ", clean(name));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

/// What was named is, or would be, a folder: a path, not an asset's name.
pub(super) fn is_path(what: &str) -> bool {
    what.contains('/') || what == "." || what == ".." || Path::new(what).exists()
}

/// A server can name things so that they drive a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
