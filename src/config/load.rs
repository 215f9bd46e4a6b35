//! From file and environment to settings, or to an error that names the key and how to mend it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is not TOML, has a key that does not exist or a value of the wrong kind.
    #[error("in the configuration {}:\n{source}\nconfig.toml in the repository explains every key", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        source: Box<toml::de::Error>,
    },
    /// An environment variable sets a key that does not exist or a value of the wrong kind.
    #[error(
        "the environment variable {name}: {problem}; it has to be HEADWATER_<SECTION>__<KEY> as in config.toml, for instance HEADWATER_SERVER__LISTEN=0.0.0.0:8080"
    )]
    Environment {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value that cannot work.
    #[error("{key} = {value}{}: {must}", place(*line))]
    Value {
        /// Section and key.
        key: &'static str,
        /// What it is.
        value: String,
        /// Where in the file, if it stands there.
        line: Option<usize>,
        /// What it has to be.
        must: &'static str,
    },
}

fn place(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line} of the configuration)")).unwrap_or_default()
}

const PREFIX: &str = "HEADWATER_";

/// Settings from `file`, if there is one, and variables like `HEADWATER_SERVER__LISTEN`, which override it.
/// Relative paths in the file count from the folder that the file is in.
///
/// # Errors
/// [`ConfigError`], naming the key and the line.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut text = String::new();
    let mut table = Table::new();
    if let Some(path) = file {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let malformed = |source| ConfigError::Malformed { path: path.to_owned(), source: Box::new(source) };
        text = std::fs::read_to_string(path).map_err(unreadable)?;
        // Once as settings, for errors with a line; once as a table, to lay the environment over it.
        toml::from_str::<Config>(&text).map_err(malformed)?;
        table = text.parse().map_err(malformed)?;
        anchor_paths(&mut table, path.parent().unwrap_or(Path::new("")));
    }
    for (name, value) in environment {
        if let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) {
            let value = environment_value(&name, &section.to_lowercase(), &key.to_lowercase(), value)?;
            let section = table.entry(section.to_lowercase()).or_insert_with(|| Table::new().into());
            if let Some(section) = section.as_table_mut() {
                section.insert(key.to_lowercase(), value);
            }
        }
    }
    let config = Config::deserialize(table).map_err(|source| ConfigError::Malformed {
        path: file.unwrap_or(Path::new("")).to_owned(),
        source: Box::new(source),
    })?;
    check(&config, &text)?;
    Ok(config)
}

fn anchor_paths(table: &mut Table, folder: &Path) {
    for (section, key) in [
        ("server", "certificate"),
        ("server", "key"),
        ("storage", "data_dir"),
        ("storage", "demo_folder"),
        ("keys", "master_key_file"),
        ("catalog", "database"),
        ("management", "access_file"),
        ("management", "jwks"),
    ] {
        anchor(table.get_mut(section).and_then(|s| s.get_mut(key)), folder);
    }
    if let Some(Value::Array(accounts)) = table.get_mut("storage_account") {
        for account in accounts {
            for key in ["path", "secret_file"] {
                anchor(account.get_mut(key), folder);
            }
        }
    }
    for section in ["licence_service", "key_service"] {
        if let Some(Value::Array(services)) = table.get_mut(section) {
            services.iter_mut().for_each(|service| anchor(service.get_mut("secret_file"), folder));
        }
    }
    // A bare name is looked for among the programs.
    if let Some(Value::String(path)) = table.get_mut("thumbnails").and_then(|s| s.get_mut("ffmpeg"))
        && path.contains('/')
    {
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}

fn anchor(path: Option<&mut Value>, folder: &Path) {
    if let Some(Value::String(path)) = path
        && !path.is_empty()
        && !path.contains("://")
    {
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}

/// The variable's value in the type that its key wants.
fn environment_value(name: &str, section: &str, key: &str, text: String) -> Result<Value, ConfigError> {
    let fits = |value: &Value| {
        let table =
            Table::from_iter([(section.to_owned(), Table::from_iter([(key.to_owned(), value.clone())]).into())]);
        Config::deserialize(table).map(drop)
    };
    let literal = text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<bool>().map(Value::from));
    if let Ok(value) = literal
        && fits(&value).is_ok()
    {
        return Ok(value);
    }
    let value = Value::String(text);
    match fits(&value) {
        Ok(()) => Ok(value),
        Err(error) => Err(ConfigError::Environment { name: name.to_owned(), problem: error.message().to_owned() }),
    }
}

fn check(config: &Config, text: &str) -> Result<(), ConfigError> {
    let wrong =
        |key: &'static str, value: String, must| Err(ConfigError::Value { key, value, line: line_of(text, key), must });
    let (server, origin) = (&config.server, &config.origin);
    if config.keys.places() > 1 {
        let must = "name one place of the master key: master_key_file, master_key_env or master_key_command";
        return wrong("keys.master_key_file", "…".to_owned(), must);
    }
    let mut names: Vec<&str> = config.storage_account.iter().map(|account| account.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return wrong("storage_account.name", twice[0].to_owned(), "every storage account needs a name of its own");
    }
    let mut names: Vec<&str> = config.key_service.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    if names.first().is_some_and(|name| name.is_empty()) || names.windows(2).any(|pair| pair[0] == pair[1]) {
        let name = names.first().map(|name| (*name).to_owned()).unwrap_or_default();
        return wrong("key_service.name", name, "every key service needs a name of its own");
    }
    let positive = [
        ("server.header_timeout_seconds", server.header_timeout_seconds),
        ("server.idle_timeout_seconds", server.idle_timeout_seconds),
        ("server.write_stall_timeout_seconds", server.write_stall_timeout_seconds),
        ("server.max_connections", server.max_connections as u64),
        ("origin.fragments_per_ts_segment", u64::from(origin.fragments_per_ts_segment)),
        ("origin.target_segment_milliseconds", origin.target_segment_milliseconds),
        ("thumbnails.interval_seconds", u64::from(config.thumbnails.interval_seconds)),
        ("thumbnails.timeout_seconds", config.thumbnails.timeout_seconds),
        ("thumbnails.max_running", config.thumbnails.max_running as u64),
        ("management.requests_per_second", u64::from(config.management.requests_per_second)),
        ("management.max_body_bytes", config.management.max_body_bytes as u64),
    ];
    for (key, value) in positive {
        if value == 0 {
            return wrong(key, "0".to_owned(), "it has to be 1 or more");
        }
    }
    let thumbnails = &config.thumbnails;
    let sizes = [
        ("thumbnails.width", thumbnails.width, 16..=1920, "it has to be from 16 to 1920"),
        ("thumbnails.height", thumbnails.height, 16..=1920, "it has to be from 16 to 1920"),
        ("thumbnails.columns", thumbnails.columns, 1..=10, "it has to be from 1 to 10"),
        ("thumbnails.rows", thumbnails.rows, 1..=10, "it has to be from 1 to 10"),
    ];
    for (key, value, range, must) in sizes {
        if !range.contains(&value) {
            return wrong(key, value.to_string(), must);
        }
    }
    if thumbnails.width * thumbnails.columns > 8192 || thumbnails.height * thumbnails.rows > 8192 {
        let must = "a sheet of so many may not be wider or higher than 8192 pixels";
        return wrong("thumbnails.width", thumbnails.width.to_string(), must);
    }
    let (target, max) = (origin.target_segment_milliseconds, origin.max_segment_milliseconds);
    if max < target {
        let must = "it may not be less than origin.target_segment_milliseconds";
        return wrong("origin.max_segment_milliseconds", max.to_string(), must);
    }
    if max > 600_000 {
        return wrong(
            "origin.max_segment_milliseconds",
            max.to_string(),
            "no player takes segments of more than 10 minutes (600000)",
        );
    }
    if server.certificate.is_some() != server.key.is_some() {
        return match &server.certificate {
            Some(path) => {
                wrong("server.certificate", path.display().to_string(), "server.key has to name its private key")
            }
            None => wrong("server.key", "(a file)".to_owned(), "server.certificate has to name its certificate"),
        };
    }
    let management = &config.management;
    let outside = [management.issuer.is_some(), management.audience.is_some(), management.jwks.is_some()];
    if outside.contains(&true) && outside.contains(&false) {
        let must = "management.issuer, management.audience and management.jwks belong together; set all three";
        return wrong("management.issuer", management.issuer.clone().unwrap_or_default(), must);
    }
    if management.tls && server.certificate.is_none() {
        let must = "server.certificate and server.key have to be set";
        return wrong("management.tls", "true".to_owned(), must);
    }
    let keys = &config.key_delivery;
    if keys.tls && (server.certificate.is_none() || keys.listen.is_none()) {
        let must = "key_delivery.listen, server.certificate and server.key have to be set";
        return wrong("key_delivery.tls", "true".to_owned(), must);
    }
    if !keys.beside_films && keys.listen.is_none() {
        let must = "key_delivery.listen has to say where keys are delivered instead";
        return wrong("key_delivery.beside_films", "false".to_owned(), must);
    }
    if let Some(url) = keys.public_base_url.as_ref().filter(|url| !is_web_address(url)) {
        let must = "it has to be an address that begins with http:// or https://, without '?' and '#'";
        return wrong("key_delivery.public_base_url", url.clone(), must);
    }
    match &origin.public_base_url {
        Some(url) if !is_web_address(url) => {
            let must = "it has to be an address that begins with http:// or https://, without '?' and '#'";
            wrong("origin.public_base_url", url.clone(), must)
        }
        _ => Ok(()),
    }
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.query().is_none() && u.fragment().is_none())
}

/// The line in which `section.key` is set.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (section, key) = key.split_once('.')?;
    let mut current = String::new();
    text.lines().enumerate().find_map(|(index, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            current = line.trim_matches(['[', ']', ' ']).to_owned();
        }
        let set = line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
        (current == section && set).then_some(index + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path), environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = with(
            "[server]\nlisten = \"127.0.0.1:1\"\n[origin]\ndialect = \"ams\"\n",
            &[
                ("HEADWATER_SERVER__LISTEN", "127.0.0.1:2"),
                ("HEADWATER_SERVER__MAX_CONNECTIONS", "7"),
                ("HEADWATER_STORAGE__FOLLOW_SYMLINKS", "true"),
                ("HEADWATER_STORAGE__DATA_DIR", "123"),
                ("HEADWATER_SERVICE_HOST", "set by an orchestrator"),
                ("HOME", "/root"),
            ],
        )
        .unwrap();
        assert_eq!(config.server.listen.port(), 2);
        assert_eq!(config.server.max_connections, 7);
        assert_eq!(config.origin.dialect, crate::config::Dialect::Ams);
        assert!(config.storage.follow_symlinks);
        assert_eq!(config.storage.data_dir, Some("123".into()));
    }

    #[test]
    fn errors_name_the_key_and_the_place() {
        let table: [(&str, &[(&str, &str)], &[&str]); 15] = [
            ("[thumbnails]\ncolumns = 11\n", &[], &["thumbnails.columns = 11", "line 2", "1 to 10"]),
            ("[thumbnails]\nwidth = 1900\n", &[], &["thumbnails.width", "8192 pixels"]),
            ("[origin]\npublic_base_url = \"cdn.example\"\n", &[], &["origin.public_base_url", "line 2", "https://"]),
            ("[server]\nlistenn = 1\n", &[], &["c.toml", "line 2", "listenn", "listen"]),
            ("[server]\nlisten = \"nonsense\"\n", &[], &["line 2", "listen"]),
            ("[origin]\ndialect = \"old\"\n", &[], &["line 2", "modern", "ams"]),
            ("[server\n", &[], &["line 1"]),
            ("[key_delivery]\nbeside_films = false\n", &[], &["key_delivery.beside_films", "key_delivery.listen"]),
            ("[key_delivery]\ntls = true\n", &[], &["key_delivery.tls", "server.certificate"]),
            ("[origin]\nplayready_header = \"5\"\n", &[], &["line 2", "4.0", "4.3"]),
            ("\n[server]\nmax_connections = 0\n", &[], &["server.max_connections = 0", "line 3", "1 or more"]),
            ("[origin]\nmax_segment_milliseconds = 5\n", &[], &["origin.max_segment_milliseconds = 5", "line 2"]),
            ("[server]\ncertificate = \"a.pem\"\n", &[], &["server.certificate", "server.key"]),
            ("", &[("HEADWATER_SERVER__LISTENN", "x")], &["HEADWATER_SERVER__LISTENN", "listenn"]),
            ("", &[("HEADWATER_SERVER__MAX_CONNECTIONS", "many")], &["HEADWATER_SERVER__MAX_CONNECTIONS", "many"]),
        ];
        for (text, environment, words) in table {
            let error = with(text, environment).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{word:?} is not in: {error}");
            }
        }
    }

    #[test]
    fn paths_count_from_the_files_folder() {
        let config = with("[storage]\ndata_dir = \"here\"\ndemo_folder = \"\"\n", &[]).unwrap();
        assert!(config.storage.data_dir.unwrap().is_absolute());
        assert_eq!(config.storage.demo_folder, Some("".into()));
    }

    #[test]
    fn a_missing_file_is_an_error_and_none_is_not() {
        assert!(matches!(load(Some(Path::new("/nowhere/c.toml")), []), Err(ConfigError::Unreadable { .. })));
        assert_eq!(load(None, []).unwrap(), Config::default());
    }
}
