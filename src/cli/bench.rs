//! `headwater bench`: of a film that is served somewhere, or of a folder, for which a server is started.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use clap::{Args, ValueEnum};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::protect::Scheme;
use super::{Error, progress};
use crate::bench::{self, Options, Process, Report, Row};
use crate::config::{Config, LogLevel};
use crate::verify::{self, Address};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The film's folder, or its URL on a running server
    ///
    /// For a folder a server of its own is started on this machine, with the settings of [origin], and stopped.
    #[arg(value_name = "FOLDER|URL")]
    film: String,
    /// Only this format, as in URLs: smooth, mpd-time-csf, m3u8-cmaf, …; may be given several times
    #[arg(long = "format", value_name = "TAG")]
    formats: Vec<String>,
    /// Of a folder: only in this protection; may be given several times
    #[arg(long = "protection", value_enum)]
    protections: Vec<Protection>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Requests under way at the same time
    #[arg(long, value_name = "REQUESTS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Of a URL: the server's process on this machine, if it is not the one that listens there
    #[arg(long, value_name = "NUMBER")]
    pid: Option<u32>,
    /// Send this with every request; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Accept any certificate, as of a server started with --tls-self-signed
    #[arg(long)]
    insecure: bool,
    /// Write the figures as JSON
    #[arg(long)]
    json: bool,
}

/// What is measured of a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Protection {
    /// As it is
    Clear,
    /// AES-128 over whole segments
    #[value(name = "aes-128")]
    Aes128,
    /// Common encryption (CTR)
    Cenc,
    /// Common encryption with pattern, and SAMPLE-AES
    Cbcs,
}

impl Protection {
    fn scheme(self) -> Option<Scheme> {
        match self {
            Protection::Clear => None,
            Protection::Aes128 => Some(Scheme::Aes128),
            Protection::Cenc => Some(Scheme::Cenc),
            Protection::Cbcs => Some(Scheme::Cbcs),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as NAME: VALUE")?;
    let name = HeaderName::try_from(name.trim()).map_err(|error| error.to_string())?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Runs it; 3 if some requests failed.
pub(super) async fn bench(config: &Config, arguments: Arguments) -> Result<ExitCode, Error> {
    let is_url = arguments.film.starts_with("http://") || arguments.film.starts_with("https://");
    let rows = match is_url {
        true => of_url(&arguments).await?,
        false => of_folder(config, Path::new(&arguments.film), &arguments).await?,
    };
    let report = Report {
        film: without_query(&arguments.film),
        connections: usize::from(arguments.connections),
        seconds: arguments.seconds,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        rows,
    };
    let failed = report.rows.iter().any(|row| row.errors > 0);
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(bench::table(&report).as_bytes())?;
    }
    Ok(if failed { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// A query may be a secret.
fn without_query(film: &str) -> String {
    film.split('?').next().unwrap_or_default().to_owned()
}

impl Arguments {
    fn options(&self) -> Options {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        Options {
            duration: Duration::from_secs(self.seconds),
            connections: usize::from(self.connections),
            insecure: self.insecure,
            headers,
        }
    }

    fn listing(&self) -> verify::Options {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        verify::Options {
            formats: self.formats.clone(),
            insecure: self.insecure,
            headers: self.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            ..verify::Options::default()
        }
    }

    fn nothing_there(&self) -> bench::Error {
        bench::Error::NothingThere { film: without_query(&self.film) }
    }
}

async fn of_url(arguments: &Arguments) -> Result<Vec<Row>, Error> {
    let address = Address::parse(&arguments.film)?;
    let listed = verify::listed(&address, &arguments.listing()).await?;
    if listed.is_empty() {
        return Err(arguments.nothing_there().into());
    }
    let url = Url::parse(&address.film()).ok();
    let is_here = |url: &Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let port = url.filter(is_here).and_then(|url| url.port_or_known_default());
    let server = arguments.pid.map(Process::new).or_else(|| port.and_then(Process::listening_on));
    let bar = progress::steps();
    bar.inc_length(listed.len() as u64);
    let mut rows = Vec::new();
    for format in listed {
        bar.set_message(format.title.clone());
        let measured = bench::measure(&format.segments, &arguments.options(), server.as_ref()).await?;
        rows.push(Row::new(&format.title, "as published", "asked", format.segments.len(), measured));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(rows)
}

async fn of_folder(config: &Config, folder: &Path, arguments: &Arguments) -> Result<Vec<Row>, Error> {
    let home = Home::new(config, folder)?;
    let protections = match arguments.protections.as_slice() {
        [] => Protection::value_variants(),
        some => some,
    };
    let bar = progress::steps();
    let (mut rows, mut was_protected) = (Vec::new(), false);
    for protection in protections {
        let name = protection.name();
        let film = home.folder.clone();
        if was_protected {
            drop(home.run(&["unprotect", &film])?);
        }
        was_protected = protection.scheme().is_some();
        if was_protected {
            drop(home.run(&["protect", &film, "--with", &name])?);
        }
        // Made anew each time; then one out of the cache.
        for (work, cache_bytes) in [("made", 0), ("kept", config.origin.segment_cache_bytes)] {
            let server = home.serve(cache_bytes)?;
            let address = Address::parse(&format!("{}{}", server.base, home.path))?;
            let listed = verify::listed(&address, &arguments.listing()).await?;
            bar.inc_length(listed.len() as u64);
            for format in listed {
                bar.set_message(format!("{} {name} {work}", format.title));
                let urls = if work == "kept" { vec![format.typical] } else { format.segments };
                let measured = bench::measure(&urls, &arguments.options(), Some(&server.process())).await?;
                rows.push(Row::new(&format.title, &name, work, urls.len(), measured));
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    if rows.is_empty() { Err(arguments.nothing_there().into()) } else { Ok(rows) }
}

/// A data folder for the measurement alone, in which the film is published. It goes with this value.
struct Home {
    place: PathBuf,
    settings: Config,
    /// The film, as commands name it.
    folder: String,
    /// The path of its URL.
    path: String,
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.place) {
            tracing::warn!(%error, place = %self.place.display(), "a folder for measuring is left behind");
        }
    }
}

impl Home {
    fn new(config: &Config, folder: &Path) -> Result<Home, Error> {
        let place = std::env::temp_dir().join(format!("headwater-bench-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&place)?;
        let mut settings = Config { origin: config.origin.clone(), ..Config::default() };
        settings.origin.public_base_url = None;
        settings.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        settings.storage.data_dir = Some(place.join("data"));
        settings.storage.demo_folder = Some(PathBuf::new());
        settings.storage.follow_symlinks = config.storage.follow_symlinks;
        settings.management.enabled = false;
        settings.thumbnails.enabled = false;
        settings.log.level = LogLevel::Error;
        let mut home = Home { place, settings, folder: String::new(), path: String::new() };
        let unreadable = |source| Error::Read { path: folder.to_owned(), source };
        home.folder = folder.canonicalize().map_err(unreadable)?.to_string_lossy().into_owned();
        home.write_settings()?;
        let said = home.run(&["publish", &home.folder])?;
        let url = said.split_whitespace().find(|word| word.starts_with("http://")).and_then(|url| Url::parse(url).ok());
        let problem = || bench::Error::NoServer { problem: said.clone() };
        let url = url.ok_or_else(problem)?;
        home.path = url.path().rsplit_once('/').map(|(film, _)| film.to_owned()).ok_or_else(problem)?;
        Ok(home)
    }

    fn file(&self) -> PathBuf {
        self.place.join("config.toml")
    }

    fn write_settings(&self) -> Result<(), Error> {
        let text = toml::to_string(&self.settings).map_err(std::io::Error::other)?;
        Ok(std::fs::write(self.file(), text)?)
    }

    /// This program, with the settings of the measurement and none of the environment's.
    fn command(&self) -> Result<Command, Error> {
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
            command.env_remove(name);
        }
        command.arg("--config").arg(self.file()).stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command that must succeed; what it writes.
    fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let output = self.command()?.args(arguments).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if !output.status.success() {
            return Err(bench::Error::NoServer { problem: text(&output.stderr) }.into());
        }
        Ok(text(&output.stdout))
    }

    fn serve(&self, segment_cache_bytes: u64) -> Result<Server, Error> {
        let mut command = self.command()?;
        command.arg("serve").env("HEADWATER_ORIGIN__SEGMENT_CACHE_BYTES", segment_cache_bytes.to_string());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut server = Server { child, base: String::new() };
        let Some(said) = server.child.stdout.take() else { return Err(server.problem()) };
        let mut said = BufReader::new(said);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let Some(base) = line.split_whitespace().find(|word| word.starts_with("http://")) else {
            return Err(server.problem());
        };
        server.base = base.to_owned();
        // What it says later is read too, or it would wait for its reader.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Ok(server)
    }
}

/// The server that is measured.
struct Server {
    child: Child,
    /// `http://host:port`
    base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or ends now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// What it says of why it does not serve.
    fn problem(&mut self) -> Error {
        let _ = self.child.kill();
        let mut text = String::new();
        if let Some(errors) = self.child.stderr.take() {
            let _ = errors.take(1 << 16).read_to_string(&mut text);
        }
        bench::Error::NoServer { problem: text.trim().to_owned() }.into()
    }
}
