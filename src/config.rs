//! What an operator sets: `config.toml`, then the environment, then the command line.
//!
//! What belongs to one film is not configuration. Every key has a default; `config.toml` at the top of
//! the repository explains each of them, and a test holds the two together.

mod key_delivery;
mod key_service;
mod load;
mod secret;
mod storage;
mod watching;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use key_delivery::{KeyDelivery, LicenceForm, LicenceService, LicenceSystem, PlayReadyHeader};
pub use key_service::KeyService;
pub use load::{ConfigError, load};
pub use secret::SecretPlaces;
pub use storage::{Keys, StorageAccount, StorageError, StorageKind};
pub use watching::{Log, Metrics, Traces};

use crate::catalog::Placement;

/// All settings.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Sockets and time-outs.
    pub server: Server,
    /// How films are cut, written and cached.
    pub origin: Origin,
    /// Where things are.
    pub storage: Storage,
    /// What is published, and how it is kept.
    pub catalog: Catalog,
    /// Thumbnails, drawn by ffmpeg.
    pub thumbnails: Thumbnails,
    /// Where containers of assets are.
    pub storage_account: Vec<StorageAccount>,
    /// Where the master key comes from.
    pub keys: Keys,
    /// The management API.
    pub management: Management,
    /// How players get keys.
    pub key_delivery: KeyDelivery,
    /// Who writes licences.
    pub licence_service: Vec<LicenceService>,
    /// Who gives us keys.
    pub key_service: Vec<KeyService>,
    /// Numbers for those who watch the server.
    pub metrics: Metrics,
    /// Traces for a collector.
    pub traces: Traces,
    /// What is written to standard error.
    pub log: Log,
}

/// `[server]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address of the plain HTTP listener.
    pub listen: SocketAddr,
    /// Address of the HTTPS listener; needs `certificate` and `key`, or `--tls-self-signed`.
    pub tls_listen: Option<SocketAddr>,
    /// PEM file with the certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    pub key: Option<PathBuf>,
    /// How long a client may take to send a request's header, seconds.
    pub header_timeout_seconds: u64,
    /// How long a connection may lie idle, seconds.
    pub idle_timeout_seconds: u64,
    /// How long a client may take no byte of an answer, seconds.
    pub write_stall_timeout_seconds: u64,
    /// The most connections at a time.
    pub max_connections: usize,
    /// How long requests under way may take to finish when the program is asked to end, seconds.
    pub shutdown_seconds: u64,
}

/// `[origin]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Origin {
    /// Which of two forms to write where old and new players differ.
    pub dialect: Dialect,
    /// A segment is the fewest whole groups of pictures that last this long, milliseconds.
    pub target_segment_milliseconds: u64,
    /// Films whose segments would be longer are refused, milliseconds.
    pub max_segment_milliseconds: u64,
    /// How many segments make one transport-stream segment, unless the server manifest says.
    pub fragments_per_ts_segment: u32,
    /// `Cache-Control: max-age` of finished films, seconds.
    pub cache_max_age_seconds: u64,
    /// Memory for indexes of films, bytes.
    pub index_cache_bytes: u64,
    /// Memory for finished segments, bytes.
    pub segment_cache_bytes: u64,
    /// Memory for segments beyond those, which are being made or sent, bytes.
    pub in_flight_bytes: u64,
    /// What printed URLs begin with.
    pub public_base_url: Option<String>,
    /// The version of PlayReady's headers where a policy does not need a later one.
    pub playready_header: PlayReadyHeader,
}

/// `[storage]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Headwater's own folder.
    pub data_dir: Option<PathBuf>,
    /// The folder of the demo film; an empty path for none.
    pub demo_folder: Option<PathBuf>,
    /// Serve symbolic links that lead out of a published folder.
    pub follow_symlinks: bool,
}

/// `[catalog]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Catalog {
    /// A PostgreSQL address, or a file for SQLite.
    pub database: Option<DatabaseAddress>,
    /// How new assets are spread over storage accounts.
    pub placement: Placement,
}

/// Where the catalogue is kept. May hold a password, so it does not print itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseAddress(String);

impl DatabaseAddress {
    /// The address with all that is in it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseAddress(…)")
    }
}

/// `[thumbnails]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thumbnails {
    /// Make them, if there is an ffmpeg.
    pub enabled: bool,
    /// Name or path of the program.
    pub ffmpeg: PathBuf,
    /// Time from one thumbnail to the next, seconds.
    pub interval_seconds: u32,
    /// The most that a thumbnail is wide, pixels.
    pub width: u32,
    /// The most that a thumbnail is high, pixels.
    pub height: u32,
    /// Thumbnails beside each other in a sheet.
    pub columns: u32,
    /// Thumbnails above each other in a sheet.
    pub rows: u32,
    /// How long drawing a sheet may take, seconds.
    pub timeout_seconds: u64,
    /// The most programs that draw at the same time.
    pub max_running: usize,
    /// Sheets kept on disk, bytes.
    pub disk_cache_bytes: u64,
}

/// `[management]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Management {
    /// Whether there is a management API.
    pub enabled: bool,
    /// Its address; without one [`Management::LISTEN`], if that is free.
    pub listen: Option<SocketAddr>,
    /// Whether it speaks TLS, with the certificate and key of `[server]`.
    pub tls: bool,
    /// Who may use it.
    pub access_file: Option<PathBuf>,
    /// Requests of one caller in a second.
    pub requests_per_second: u32,
    /// The most bytes of a request's body.
    pub max_body_bytes: usize,
    /// `iss` of tokens of an outside issuer.
    pub issuer: Option<String>,
    /// `aud` of them.
    pub audience: Option<String>,
    /// File or address of the issuer's public keys.
    pub jwks: Option<String>,
}

/// `log.level`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what makes a request or the service fail.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what happens to the service as a whole.
    #[default]
    Info,
    /// And what happens in a request.
    Debug,
    /// Everything.
    Trace,
}

/// `log.format`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line each.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `origin.dialect`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// What today's players want.
    #[default]
    Modern,
    /// Azure Media Services' own form.
    Ams,
}

impl From<Dialect> for crate::packager::Dialect {
    fn from(dialect: Dialect) -> crate::packager::Dialect {
        match dialect {
            Dialect::Modern => crate::packager::Dialect::Modern,
            Dialect::Ams => crate::packager::Dialect::Ams,
        }
    }
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            tls_listen: None,
            certificate: None,
            key: None,
            header_timeout_seconds: 10,
            idle_timeout_seconds: 60,
            write_stall_timeout_seconds: 30,
            max_connections: 20_000,
            shutdown_seconds: 30,
        }
    }
}

impl Default for Management {
    fn default() -> Management {
        Management {
            enabled: true,
            listen: None,
            tls: false,
            access_file: None,
            requests_per_second: 100,
            max_body_bytes: 4 << 20,
            issuer: None,
            audience: None,
            jwks: None,
        }
    }
}

impl Management {
    /// Where the management API is if nothing is said: on this machine alone.
    pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
}

impl Default for Origin {
    fn default() -> Origin {
        Origin {
            dialect: Dialect::Modern,
            target_segment_milliseconds: 2000,
            max_segment_milliseconds: 20_000,
            fragments_per_ts_segment: 3,
            cache_max_age_seconds: 259_200,
            index_cache_bytes: 128 << 20,
            segment_cache_bytes: 256 << 20,
            in_flight_bytes: 512 << 20,
            public_base_url: None,
            playready_header: PlayReadyHeader::default(),
        }
    }
}

impl Default for Thumbnails {
    fn default() -> Thumbnails {
        Thumbnails {
            enabled: true,
            ffmpeg: PathBuf::from("ffmpeg"),
            interval_seconds: 5,
            width: 160,
            height: 90,
            columns: 5,
            rows: 5,
            timeout_seconds: 20,
            max_running: 2,
            disk_cache_bytes: 1 << 30,
        }
    }
}

impl Config {
    /// What URLs of this server begin with, without a slash at the end: `origin.public_base_url`, or the
    /// plain listener as this machine reaches it.
    pub fn base_url(&self) -> String {
        match &self.origin.public_base_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", reachable(self.server.listen)),
        }
    }

    /// What URLs of keys begin with, likewise: `key_delivery.public_base_url`; where keys have a listener that is
    /// the only one for them, that; else [`Config::base_url`].
    pub fn key_base_url(&self) -> String {
        let settings = &self.key_delivery;
        match (&settings.public_base_url, settings.listen) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(listen)) if !settings.beside_films => {
                format!("{}://{}", if settings.tls { "https" } else { "http" }, reachable(listen))
            }
            _ => self.base_url(),
        }
    }
}

/// An address as a program on this machine connects to it: a wildcard is no address to connect to.
pub fn reachable(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() { format!("localhost:{}", listen.port()) } else { listen.to_string() }
}

impl Storage {
    /// Headwater's own folder: `storage.data_dir`, or by the XDG base directory rules
    /// `$XDG_DATA_HOME/headwater`, by default `~/.local/share/headwater`; without a home, `data` in the
    /// working directory.
    pub fn data_dir(&self) -> PathBuf {
        let from_environment = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        self.data_dir
            .clone()
            .or_else(|| from_environment("XDG_DATA_HOME").map(|p| p.join("headwater")))
            .or_else(|| from_environment("HOME").map(|p| p.join(".local/share/headwater")))
            .unwrap_or_else(|| PathBuf::from("data"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../config.toml");

    /// A value for every key; without `..`, so that a new key cannot be forgotten here.
    fn everything() -> Config {
        let path = || Some(PathBuf::from("/x"));
        let text = || Some("x".to_owned());
        Config {
            server: Server { tls_listen: "[::]:1".parse().ok(), certificate: path(), key: path(), ..Server::default() },
            origin: Origin { public_base_url: Some("https://x/".to_owned()), ..Origin::default() },
            storage: Storage { data_dir: path(), demo_folder: path(), follow_symlinks: true },
            catalog: Catalog { database: Some(DatabaseAddress("x".to_owned())), ..Catalog::default() },
            thumbnails: Thumbnails::default(),
            storage_account: vec![StorageAccount {
                name: text().unwrap(),
                kind: StorageKind::S3,
                default: true,
                path: path(),
                account: text(),
                endpoint: text(),
                bucket: text(),
                prefix: text(),
                region: text(),
                access_key_id: text(),
                secret_file: path(),
                secret_env: text(),
                recheck_seconds: Some(1),
            }],
            keys: Keys { master_key_file: path(), master_key_env: text(), master_key_command: Some(vec!["x".into()]) },
            management: Management {
                listen: "[::]:1".parse().ok(),
                access_file: path(),
                issuer: Some("x".to_owned()),
                audience: Some("x".to_owned()),
                jwks: text(),
                ..Management::default()
            },
            key_delivery: KeyDelivery {
                listen: "[::]:1".parse().ok(),
                public_base_url: text(),
                ..KeyDelivery::default()
            },
            licence_service: vec![LicenceService {
                system: LicenceSystem::Widevine,
                url: text().unwrap(),
                form: LicenceForm::Json,
                header: text(),
                secret_file: path(),
                secret_env: text(),
                secret_command: Some(vec!["x".into()]),
            }],
            key_service: vec![KeyService {
                name: text().unwrap(),
                url: text().unwrap(),
                systems: vec![LicenceSystem::Widevine],
                encrypted: false,
                playready_licences: text(),
                widevine_licences: text(),
                fairplay_licences: text(),
                header: text(),
                secret_file: path(),
                secret_env: text(),
                secret_command: Some(vec!["x".into()]),
            }],
            metrics: Metrics { listen: "[::]:1".parse().ok(), ..Metrics::default() },
            traces: Traces { endpoint: text(), ..Traces::default() },
            log: Log::default(),
        }
    }

    #[test]
    fn config_toml_states_the_defaults() {
        assert_eq!(toml::from_str::<Config>(FILE).unwrap(), Config::default());
    }

    #[test]
    fn config_toml_explains_every_key() {
        let keys = toml::Table::try_from(everything()).unwrap();
        for (section, values) in &keys {
            // Of sections that may be there several times one is shown.
            let header = if values.is_array() { format!("[[{section}]]\n") } else { format!("[{section}]\n") };
            let values = values.as_array().map_or(values, |several| &several[0]);
            let text = FILE.split_once(&header).unwrap_or_else(|| panic!("no {header}")).1;
            let text = text.split("\n[").next().unwrap().split("\n# [[").next().unwrap();
            for key in values.as_table().unwrap().keys() {
                let lines: Vec<&str> = text.lines().collect();
                let is_key = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{key} = "));
                let at = lines.iter().position(is_key).unwrap_or_else(|| panic!("{section}.{key} is missing"));
                assert!(at > 0 && lines[at - 1].starts_with("# "), "{section}.{key} has no explanation above it");
            }
        }
        // And nothing else: every line with a key, commented out or not, is a key of ours.
        let active: String = FILE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.split(' ').nth(1) == Some("=") || rest.starts_with("[[") => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        toml::from_str::<Config>(&active).unwrap();
    }

    #[test]
    fn printed_urls_can_be_opened_from_this_machine() {
        let mut config = Config::default();
        assert_eq!(config.base_url(), "http://localhost:8080");
        config.server.listen = "192.0.2.1:80".parse().unwrap();
        assert_eq!(config.base_url(), "http://192.0.2.1:80");
        config.origin.public_base_url = Some("https://cdn.example/x/".to_owned());
        assert_eq!(config.base_url(), "https://cdn.example/x");
        assert_eq!(config.key_base_url(), "https://cdn.example/x");
        config.key_delivery.listen = "0.0.0.0:8090".parse().ok();
        assert_eq!(config.key_base_url(), "https://cdn.example/x");
        (config.key_delivery.beside_films, config.key_delivery.tls) = (false, true);
        assert_eq!(config.key_base_url(), "https://localhost:8090");
        config.key_delivery.public_base_url = Some("https://keys.example/".to_owned());
        assert_eq!(config.key_base_url(), "https://keys.example");
    }
}
