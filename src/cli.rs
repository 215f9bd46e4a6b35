//! The command line.
//!
//! Results go to standard output, everything else to standard error. An error is one readable paragraph.

mod assets;
mod bench;
mod cpix;
mod films;
mod import;
mod keys;
mod management;
mod open;
mod progress;
mod protect;
mod serve;
mod speke;
mod urls;
mod verify;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use uuid::Uuid;

use crate::config::{self, Config, ConfigError, Dialect};
use crate::{catalog, inspect, server, store};

const EXAMPLES: &str = "\
Examples:
  headwater                                     serve, with the demo film, on port 8080
  headwater publish /srv/films/sintel           publish a folder and print its URLs
  headwater upload *.mp4 --asset sintel --publish   or bring it to a running server
  headwater inspect /srv/films/sintel           will it stream, and what would make it better?
  headwater verify http://host/LOCATOR/film.ism does it stream? fetch all of it, in every format
  headwater import /mnt/account --locators l.csv  take over assets and URLs of Azure Media Services
  headwater serve --config config.toml          serve with settings
  HEADWATER_SERVER__LISTEN=127.0.0.1:9000 headwater

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 'inspect', 'verify' or 'import' found\nwhat keeps a film from streaming.";

/// A streaming origin: MP4 files in a folder become Smooth Streaming, MPEG-DASH and HLS as they are asked for.
#[derive(Parser, Debug)]
#[command(name = "headwater", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
    /// Settings (TOML); without it every setting has its default. config.toml in the repository explains them
    #[arg(long, global = true, env = "HEADWATER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve what is published (what 'headwater' alone does)
    Serve(Serve),
    /// Publish a film and print its URLs: a folder where it is, or an asset of a running server
    ///
    /// A folder is published in place: nothing is copied or rewritten. It holds an .ism and the files it names, or
    /// MP4 files alone. A running server serves it within a second. Whatever else is named is an asset ('headwater
    /// upload' makes them), by its name or id, and the server's management API is asked. Publishing again prints the
    /// same URLs.
    Publish {
        /// The film's folder, or an asset's name or id
        #[arg(value_name = "FOLDER|ASSET")]
        what: String,
        /// The GUID that its URLs begin with, for URLs that exist already; a new one if not given
        #[arg(long, value_name = "GUID")]
        locator: Option<Uuid>,
        #[command(flatten)]
        options: assets::PublishOptions,
    },
    /// Stop serving a film; its files stay where they are
    ///
    /// Its URLs end. 'publish --locator' with the same GUID brings them back.
    Unpublish {
        /// The film's folder, its locator, or an asset's name or id
        #[arg(value_name = "FOLDER|LOCATOR|ASSET")]
        film: String,
        #[command(flatten)]
        server: assets::Server,
    },
    /// List what is published, or with --assets all assets of a running server
    List {
        /// All assets, published or not, by the management API
        #[arg(long)]
        assets: bool,
        #[command(flatten)]
        server: assets::Server,
    },
    /// Upload files into an asset of a running server
    ///
    /// Through the management API and a signed URL, as clients of Azure Media Services do, so the server may be
    /// elsewhere and its storage an Azure account. Uploading again replaces files.
    Upload(assets::UploadArguments),
    /// Delete an asset of a running server, with its locators and its files
    Delete(assets::DeleteArguments),
    /// Have a running server forget what it holds in memory: of an asset, of a locator, or all
    ///
    /// Indexes of films, manifests and segments are made anew from storage when they are asked for again. Caches in
    /// front of the server, and other servers, are not told.
    Purge {
        /// An asset's name or id, or a locator; everything if not given
        #[arg(value_name = "ASSET|LOCATOR")]
        what: Option<String>,
        #[command(flatten)]
        server: assets::Server,
    },
    /// Say how a running server comes to the answer of a streaming URL
    ///
    /// How it reads the URL, which asset and policy it finds and why, what filters do with each track, what is in
    /// its caches, what it reads from storage, and how long all that takes.
    Explain {
        /// The URL, or its path
        #[arg(value_name = "URL")]
        url: String,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: assets::Server,
    },
    /// Encrypt a published film on its way out, with a key that players get from the server
    ///
    /// Its files and URLs stay as they are. Without an issuer everybody may have the key; with one it takes a
    /// token (JSON Web Token, HS256) with the key's id. docs/protection.md has more.
    Protect {
        /// The film's folder or its locator
        #[arg(value_name = "FOLDER|LOCATOR")]
        film: String,
        /// How
        #[arg(long, value_enum, default_value = "aes-128")]
        with: protect::Scheme,
        #[command(flatten)]
        keys: protect::Keys,
        #[command(flatten)]
        issuer: protect::MaybeIssuer,
    },
    /// Send a film in the clear again
    Unprotect {
        /// The film's folder or its locator
        #[arg(value_name = "FOLDER|LOCATOR")]
        film: String,
    },
    /// Make a token that opens the key of a protected film
    Token {
        /// The key's id, as 'protect' prints it
        #[arg(value_name = "KEY")]
        key: Uuid,
        #[command(flatten)]
        issuer: protect::Issuer,
        /// For how long
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// Have a film want a token in its URLs, and print what URLs with one begin with
    UrlToken {
        /// The film's folder or its locator
        #[arg(value_name = "FOLDER|LOCATOR")]
        film: String,
        /// For how long
        #[arg(long, default_value_t = 60)]
        minutes: u32,
        /// For this client alone
        #[arg(long, value_name = "IP")]
        address: Option<std::net::IpAddr>,
        /// Want none any more
        #[arg(long)]
        off: bool,
    },
    /// Exchange content keys with other systems (CPIX)
    #[command(subcommand)]
    Keys(cpix::Keys),
    /// Say what is in a folder or file, how it would stream, and what would make it better
    ///
    /// docs/inspect.md explains each finding.
    Inspect {
        /// A film's folder or one of its files
        #[arg(value_name = "FOLDER|FILE")]
        path: PathBuf,
        /// Write the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Take an existing storage account of Azure Media Services, or a copy of one, into the catalogue
    ///
    /// Containers (asset-GUID, or with an .ism) become assets with their old ids, their files become file records;
    /// no byte of media is moved or changed. With a table of old locators the old URLs play at once. Run again, it
    /// takes in what is new. docs/import.md goes through it.
    Import(import::Arguments),
    /// Fetch a published film as players do, in every format, and check every segment
    ///
    /// Checked: status and type of each answer, times against the manifest, gaps and overlaps, codecs against
    /// initialization segments, and lengths across formats. docs/verify.md explains each finding.
    Verify(verify::Arguments),
    /// Measure how fast a film is served, and what that costs the CPU, by format and protection
    ///
    /// docs/operations.md says what the figures mean. Nothing else should be busy on the machine.
    Bench(bench::Arguments),
}

#[derive(Args, PartialEq, Eq, Debug, Default)]
struct Serve {
    /// Address and port of plain HTTP (server.listen)
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Also serve HTTPS with a certificate made up for trying out; players will warn of it
    #[arg(long)]
    tls_self_signed: bool,
    /// How manifests are written where old and new players differ (origin.dialect)
    #[arg(long)]
    dialect: Option<Dialect>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Settings that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// Storage accounts that cannot be opened.
    #[error(transparent)]
    Storage(#[from] config::StorageError),
    /// No master key.
    #[error(transparent)]
    Keys(#[from] crate::keys::Error),
    /// Files that cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Certificates that cannot be used.
    #[error("no HTTPS: {0}")]
    Tls(#[from] server::tls::Error),
    /// Who may use the management API.
    #[error(transparent)]
    Access(#[from] crate::management::auth::AccessError),
    /// Tokens of an outside issuer.
    #[error(transparent)]
    Issuer(#[from] crate::management::auth::IssuerError),
    /// What cannot be inspected.
    #[error(transparent)]
    Inspect(#[from] inspect::Error),
    /// What cannot be verified.
    #[error(transparent)]
    Verify(#[from] crate::verify::Error),
    /// What cannot be measured.
    #[error(transparent)]
    Bench(#[from] crate::bench::Error),
    /// What cannot be imported.
    #[error(transparent)]
    Import(#[from] crate::import::Error),
    /// What a server said, or that none answers.
    #[error(transparent)]
    Client(#[from] crate::client::Error),
    /// No key for the management API.
    #[error("there is no key for the management API: {}: {problem}; set HEADWATER_API_KEY, or run this as the server's user and with its configuration", path.display())]
    NoKey {
        /// The access file.
        path: PathBuf,
        /// Why it does not do.
        problem: String,
    },
    /// Options of assets with a folder.
    #[error("{folder} is a folder, which is published in place: --days and --clear are for assets")]
    FolderOptions {
        /// Which one.
        folder: String,
    },
    /// Nobody said yes.
    #[error("nothing was deleted: say --yes to delete the asset with its files, or --keep-container to leave them")]
    NotConfirmed,
    /// Neither an account nor a folder.
    #[error(
        "{from:?} is neither a storage account ({names}) nor a folder; add a [[storage_account]] of that name to the configuration"
    )]
    NoAccount {
        /// What was named.
        from: String,
        /// Which ones there are.
        names: String,
    },
    /// A folder needs a name as a storage account.
    #[error(
        "{name:?} cannot be the name of the new storage account: choose one with --account, of 3 to 63 lower-case letters, digits and hyphens, that no other account has"
    )]
    AccountName {
        /// What it would be.
        name: String,
    },
    /// A file that was named cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Without a certificate there is no HTTPS.
    #[error(
        "server.tls_listen is set, but there is no certificate: set server.certificate and server.key, or try it out with --tls-self-signed"
    )]
    NoCertificate,
    /// The folder holds no film.
    #[error("{} holds neither an .ism nor MP4 files at its top; name the folder that the film's files are in", folder.display())]
    NoFilm {
        /// What was named.
        folder: PathBuf,
    },
    /// Nothing is published there.
    #[error("{film} is not published; 'headwater list' shows what is, 'headwater publish FOLDER' publishes")]
    NotPublished {
        /// What was named.
        film: String,
    },
    /// A key that is not handed out.
    #[error("the key {key} is not one for players, and stays here")]
    KeyStays {
        /// Which one.
        key: Uuid,
    },
    /// No key service is meant.
    #[error("name a key service with --service ({names}); [[key_service]] in the configuration says which there are")]
    NoKeyService {
        /// Which ones there are.
        names: String,
    },
    /// What a key service said.
    #[error(transparent)]
    KeyService(#[from] crate::speke::Error),
    /// A key for tokens cannot be read or made.
    #[error("the key for tokens in {}: {problem}", path.display())]
    TokenKey {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The address is taken, not of this machine, or forbidden.
    #[error("cannot listen on {address}: {source}; choose another with --listen or server.listen")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Standard output is closed, or the operating system refuses threads or signals.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Runs the program with the arguments and the environment of the process.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse().consistent().unwrap_or_else(|error| error.exit());
    match execute(arguments) {
        Ok(code) => code,
        // The reader of our output has seen enough, as in `headwater list | head`.
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headwater: {error}");
            ExitCode::from(if matches!(error, Error::Config(_)) { 2 } else { 1 })
        }
    }
}

fn execute(arguments: Arguments) -> Result<ExitCode, Error> {
    let config = config::load(arguments.config.as_deref(), environment())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(options) => runtime.block_on(serve::serve(options.over(config))),
        Command::Publish { what, locator, options } => {
            if options.server.is_named() || !assets::is_path(&what) {
                return runtime.block_on(assets::publish(&config, &what, locator, &options));
            }
            if options.is_for_assets() {
                return Err(Error::FolderOptions { folder: what });
            }
            runtime.block_on(films::publish(&config, Path::new(&what), locator))
        }
        Command::Unpublish { film, server } => {
            // What is published where it is, and any locator, is in the catalogue that is at hand.
            let here = assets::is_path(&film) || Uuid::parse_str(&film).is_ok();
            match here && !server.is_named() {
                true => runtime.block_on(films::unpublish(&config, &film)),
                false => runtime.block_on(assets::unpublish(&config, &film, &server)),
            }
        }
        Command::List { assets, server } => match assets || server.is_named() {
            true => runtime.block_on(assets::list(&config, &server)),
            false => runtime.block_on(films::list(&config)),
        },
        Command::Purge { what, server } => runtime.block_on(assets::purge(&config, what.as_deref(), &server)),
        Command::Explain { url, json, server } => runtime.block_on(assets::explain(&config, &url, json, &server)),
        Command::Upload(arguments) => runtime.block_on(assets::upload(&config, arguments)),
        Command::Delete(arguments) => runtime.block_on(assets::delete(&config, arguments)),
        Command::Import(arguments) => runtime.block_on(import::import(&config, arguments)),
        Command::Verify(arguments) => runtime.block_on(verify::verify(arguments)),
        Command::Bench(arguments) => runtime.block_on(bench::bench(&config, arguments)),
        Command::Protect { film, with, keys, issuer } => {
            runtime.block_on(protect::protect(&config, &film, with, keys, issuer.whole()))
        }
        Command::Unprotect { film } => runtime.block_on(protect::unprotect(&config, &film)),
        Command::Token { key, issuer, minutes } => protect::token(key, &issuer, minutes),
        Command::UrlToken { film, minutes, address, off } => {
            runtime.block_on(protect::url_token(&config, &film, minutes, address, off))
        }
        Command::Keys(what) => runtime.block_on(cpix::run(&config, what)),
        Command::Inspect { path, json } => runtime.block_on(films::inspect(&config, &path, json)),
    }
}

/// Variables that are text; ours always are.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl Arguments {
    /// Options of `serve` belong behind it, and to no other command.
    fn consistent(self) -> Result<Arguments, clap::Error> {
        if self.command.is_some() && self.serve != Serve::default() {
            let message = "--listen, --tls-self-signed and --dialect belong behind 'serve'";
            return Err(Arguments::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(self)
    }
}

impl Serve {
    /// The settings with what the command line says laid over them.
    fn over(self, mut config: Config) -> serve::Service {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(dialect) = self.dialect {
            config.origin.dialect = dialect;
        }
        if self.tls_self_signed && config.server.tls_listen.is_none() {
            config.server.tls_listen = Some(SocketAddr::new(config.server.listen.ip(), serve::TLS_PORT));
        }
        let certificate = if self.tls_self_signed { serve::Certificate::SelfSigned } else { serve::Certificate::Files };
        serve::Service { config, certificate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(arguments)?.consistent()
    }

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serve_is_what_happens_without_a_command() {
        let alone = Arguments::try_parse_from(["headwater", "--listen", "127.0.0.1:1"]).unwrap();
        assert!(alone.command.is_none() && alone.serve.listen.is_some());
        let named =
            Arguments::try_parse_from(["headwater", "serve", "--tls-self-signed", "--config", "x.toml"]).unwrap();
        assert!(named.config.is_some());
        let Some(Command::Serve(serve)) = named.command else { panic!("not serve") };
        let service = serve.over(Config::default());
        assert_eq!(service.config.server.tls_listen, "0.0.0.0:8443".parse().ok());
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arguments in [&["headwater", "publish"][..], &["headwater", "fly"], &["headwater", "--dialect", "old"]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
        assert!(parse(&["headwater", "--listen", "127.0.0.1:1", "list"]).is_err());
        assert!(parse(&["headwater", "--config", "x.toml", "list"]).is_ok());
    }
}
