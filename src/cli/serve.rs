//! `headwater serve`: from settings to a running server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Error, films, keys, management, open, urls};
use crate::catalog::{Catalog, DEMO_LOCATOR, PublishedAsset};
use crate::config::{self, Config, LogFormat, LogLevel};
use crate::metrics::{Draining, Endpoints, Sources};
use crate::origin::{self, Origin};
use crate::packager;
use crate::server::{self, Limits, Listener, Streaming, Watching, tls};
use crate::source;
use crate::telemetry::{self, Tracer};
use crate::thumbnails::{self, Kept, Painter};
use crate::time::{MediaTime, Timescale};

/// HTTPS for trying out, where nothing else is set.
pub(super) const TLS_PORT: u16 = 8443;

/// Where the certificate comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Certificate {
    /// `server.certificate` and `server.key`.
    Files,
    /// Made up.
    SelfSigned,
}

/// What to serve, and how.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: Config,
    pub(super) certificate: Certificate,
}

/// Serves until the process is asked to end (SIGINT, SIGTERM).
pub(super) async fn serve(service: Service) -> Result<ExitCode, Error> {
    let config = &service.config;
    telemetry::init(filter(config.log.level), lines(config.log.format));
    // From here on, so that a signal during the start is not lost.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);

    let connections = connections(&config.server);
    if connections < config.server.max_connections {
        let wanted = config.server.max_connections;
        tracing::warn!(
            connections,
            wanted,
            "fewer connections at a time than server.max_connections: raise the limit of open files"
        );
    }
    let demo = demo_folder(config);
    let opened = open::open(config, demo.clone()).await?;
    let catalog = opened.catalog.clone();
    let listeners = listeners(&service).await?;
    let streaming = listeners.first().map_or(Ok(config.server.listen), |listener| listener.tcp.local_addr())?;

    let watched = metrics_listener(config).await?;

    let mut origin = Origin::new(catalog.clone(), settings(&config.origin))
        .with_key_delivery(config.key_base_url())
        .with_playready_header(config.origin.playready_header.into());
    if let Some(painter) = painter(config).await {
        origin = origin.with_thumbnails(painter);
    }
    let origin = Arc::new(origin);
    let api = management::open(config, &opened, streaming, &origin).await?;
    let watch = tokio::spawn(catalog.clone().follow());
    let blobs = open::blobs(&opened).await?;
    let (tracer, tracing) = tracer(config)?.unzip();
    let tracing = tracing.map(tokio::spawn);
    let watching = Watching { access_log: config.log.access, server_timing: config.log.server_timing, tracer };
    let mut handler = Streaming::new(Arc::clone(&origin)).with_blobs(Arc::clone(&blobs)).watched(watching);
    let keys = keys::delivery(config, &catalog)?;
    if let Some(keys) = keys.clone().filter(|_| config.key_delivery.beside_films) {
        handler = handler.with_keys(keys);
    }
    let own = match (keys.clone(), config.key_delivery.listen) {
        (Some(keys), Some(address)) => Some((key_listener(&service, address).await?, keys)),
        _ => None,
    };
    // Whoever reads it may go on at once: everything is open.
    announce(config, &listeners, demo.as_deref(), &catalog).await?;
    if let Some(api) = &api {
        handler = handler.with_admins(api.handler.clone());
    }
    let handler = Arc::new(handler);
    let sources = Arc::new(Sources {
        catalog: catalog.clone(),
        origin,
        streaming: Arc::clone(&handler),
        max_connections: config.server.max_connections,
        storage: Arc::clone(opened.containers.counts()),
        keys,
        draining: Draining::default(),
    });
    let accounts = tokio::spawn(open::keep_accounts(opened, blobs));
    // Those who watch can ask until the last player has gone.
    let (leave, end) = (CancellationToken::new(), CancellationToken::new());
    let watch_metrics = async {
        if let Some(listener) = watched {
            let endpoints = Arc::new(Endpoints::new(Arc::clone(&sources)));
            server::run(vec![listener], endpoints, limits(&config.server), end.clone().cancelled_owned()).await;
        }
    };
    let manage = async {
        if let Some(api) = api {
            let scheme = if api.listener.tls.is_some() { "https" } else { "http" };
            let address = api.listener.tcp.local_addr().map(config::reachable).unwrap_or_default();
            let access = api.access.display();
            tracing::info!(%access, "the management API is at {scheme}://{address}/API/; its keys are in the access file");
            let here = config.metrics.enabled && config.metrics.listen.is_none();
            let handler = Arc::new(Endpoints::before(api.handler, Arc::clone(&sources), here));
            server::run(vec![api.listener], handler, limits(&config.server), end.clone().cancelled_owned()).await;
        }
    };
    let deliver = async {
        if let Some((listener, keys)) = own {
            let scheme = if listener.tls.is_some() { "https" } else { "http" };
            let address = listener.tcp.local_addr().map(config::reachable).unwrap_or_default();
            tracing::info!("keys are delivered at {scheme}://{address}/");
            let handler = Arc::new(server::Keys::new(keys));
            server::run(vec![listener], handler, limits(&config.server), leave.clone().cancelled_owned()).await;
        }
    };
    let stream = async {
        server::run(listeners, handler, limits(&config.server), async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            sources.draining.begin();
            leave.cancel();
        })
        .await;
        end.cancel();
    };
    tokio::join!(stream, manage, watch_metrics, deliver);
    watch.abort();
    accounts.abort();
    if let Some(tracing) = tracing {
        tracing.abort();
    }
    catalog.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Who draws thumbnails, if anybody does.
async fn painter(config: &Config) -> Option<Painter> {
    let settings = &config.thumbnails;
    if !settings.enabled {
        return None;
    }
    let grid = packager::thumbnails::Settings {
        interval_seconds: settings.interval_seconds,
        width: settings.width,
        height: settings.height,
        columns: settings.columns,
        rows: settings.rows,
    };
    let limits = thumbnails::Limits {
        timeout: Duration::from_secs(settings.timeout_seconds),
        at_once: settings.max_running,
        ..thumbnails::Limits::default()
    };
    let folder = config.storage.data_dir().join("thumbnails");
    let kept = (settings.disk_cache_bytes > 0).then(|| Kept::new(folder, settings.disk_cache_bytes));
    match Painter::new(&settings.ffmpeg.to_string_lossy(), grid, limits, kept).await {
        Ok(painter) => {
            tracing::info!(ffmpeg = painter.identity(), "thumbnails are made");
            Some(painter)
        }
        Err(error) => {
            tracing::warn!(%error, "there are no thumbnails");
            None
        }
    }
}

/// Who sends traces, if somebody wants them.
fn tracer(config: &Config) -> Result<Option<(Tracer, impl Future<Output = ()> + Send + use<>)>, Error> {
    let Some(endpoint) = &config.traces.endpoint else { return Ok(None) };
    let made = Tracer::new(endpoint, config.traces.sample_one_in);
    made.map(Some).map_err(|error| Error::Io(std::io::Error::other(error)))
}

/// Where metrics are, if they have an address of their own.
async fn metrics_listener(config: &Config) -> Result<Option<Listener>, Error> {
    let Some(address) = config.metrics.listen.filter(|_| config.metrics.enabled) else { return Ok(None) };
    Ok(Some(Listener { tcp: bind(address).await?, tls: None }))
}

async fn listeners(service: &Service) -> Result<Vec<Listener>, Error> {
    let settings = &service.config.server;
    let mut listeners = vec![Listener { tcp: bind(settings.listen).await?, tls: None }];
    if let Some(address) = settings.tls_listen {
        let tls = certified(service, address)?;
        listeners.push(Listener { tcp: bind(address).await?, tls: Some(tls) });
    }
    Ok(listeners)
}

/// The listener for keys alone.
async fn key_listener(service: &Service, address: SocketAddr) -> Result<Listener, Error> {
    let tls = service.config.key_delivery.tls.then(|| certified(service, address)).transpose()?;
    if tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!(%address, "keys are delivered without TLS: they can be read on their way");
    }
    Ok(Listener { tcp: bind(address).await?, tls })
}

/// HTTPS with the certificate of the settings.
fn certified(service: &Service, address: SocketAddr) -> Result<tls::Tls, Error> {
    let settings = &service.config.server;
    let certificates = match (service.certificate, &settings.certificate, &settings.key) {
        (Certificate::SelfSigned, _, _) => tls::Certificates::self_signed(&own_names(address))?,
        (Certificate::Files, Some(certificate), Some(key)) => tls::Certificates::from_files(certificate, key)?,
        (Certificate::Files, _, _) => return Err(Error::NoCertificate),
    };
    Ok(tls::Tls::new(Arc::new(certificates))?)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

fn own_names(address: SocketAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.ip().is_unspecified() && !address.ip().is_loopback() {
        names.push(address.ip().to_string());
    }
    names
}

/// Prints where to play what.
async fn announce(
    config: &Config,
    listeners: &[Listener],
    demo: Option<&Path>,
    catalog: &Catalog,
) -> Result<(), Error> {
    let mut config = config.clone();
    let mut out = String::from("Headwater serves on");
    for listener in listeners {
        let address = listener.tcp.local_addr()?;
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        out.push_str(&format!(" {scheme}://{}", config::reachable(address)));
        if listener.tls.is_none() {
            // The port that was really given: 0 asks for any.
            config.server.listen = address;
        }
    }
    out.push_str("\n\n");
    if let Some(folder) = demo {
        let asset = PublishedAsset::folder(DEMO_LOCATOR, folder, films::symlinks(&config));
        match films::presentations(&asset).await {
            Ok(names) if !names.is_empty() => {
                out.push_str("The demo film. VLC and ffplay play DASH and HLS, Shaka Player and hls.js too; dash.js plays DASH and Smooth:\n\n");
                out.push_str(&urls::table(&config.base_url(), DEMO_LOCATOR, &names));
                out.push('\n');
            }
            Ok(_) => tracing::warn!(folder = %folder.display(), "there is no film in storage.demo_folder"),
            Err(error) => tracing::warn!(%error, "the demo film cannot be served"),
        }
    } else {
        out.push_str("There is no demo film here; storage.demo_folder can name one.\n\n");
    }
    let films = catalog.snapshot().streaming();
    out.push_str(&match films {
        0 => "Publish a film of your own: headwater publish FOLDER\n".to_owned(),
        1 => "1 film of yours is published; headwater list shows it.\n".to_owned(),
        films => format!("{films} films of yours are published; headwater list shows them.\n"),
    });
    // A closed standard output (a service manager's) is no reason not to serve.
    let _ = std::io::stdout().write_all(out.as_bytes());
    Ok(())
}

/// The demo film's folder: as set, or `fixtures/demo` of the repository that the working directory or the
/// program is in, or where a package would put it.
fn demo_folder(config: &Config) -> Option<PathBuf> {
    if let Some(folder) = &config.storage.demo_folder {
        return (!folder.as_os_str().is_empty()).then(|| folder.clone());
    }
    let program = std::env::current_exe().ok();
    let above = program.iter().flat_map(|p| p.ancestors().skip(1).take(4));
    let places = std::iter::once(Path::new("")).chain(above);
    places
        .flat_map(|place| [place.join("fixtures/demo"), place.join("share/headwater/demo")])
        .find_map(|folder| folder.is_dir().then(|| folder.canonicalize().ok()).flatten())
}

fn settings(settings: &config::Origin) -> origin::Settings {
    origin::Settings {
        dialect: settings.dialect.into(),
        segments: segments(settings),
        max_age: Duration::from_secs(settings.cache_max_age_seconds),
        index_cache_bytes: settings.index_cache_bytes,
        answer_cache_bytes: settings.segment_cache_bytes,
        in_flight_bytes: settings.in_flight_bytes,
    }
}

/// How segments are cut.
pub(super) fn segments(settings: &config::Origin) -> source::Settings {
    let milliseconds = |n: u64| MediaTime::new(i64::try_from(n).unwrap_or(i64::MAX), Timescale::MILLISECONDS);
    source::Settings {
        target_segment: milliseconds(settings.target_segment_milliseconds),
        max_segment: milliseconds(settings.max_segment_milliseconds),
        fragments_per_ts_segment: settings.fragments_per_ts_segment,
    }
}

/// Connections at a time: as many as are set, if there are descriptors for them.
fn connections(settings: &config::Server) -> usize {
    server::descriptors::connections(settings.max_connections, server::descriptors::raise_limit())
}

fn limits(settings: &config::Server) -> Limits {
    Limits {
        head_timeout: Duration::from_secs(settings.header_timeout_seconds),
        idle_timeout: Duration::from_secs(settings.idle_timeout_seconds),
        stall_timeout: Duration::from_secs(settings.write_stall_timeout_seconds),
        drain_timeout: Duration::from_secs(settings.shutdown_seconds),
        max_connections: connections(settings),
        ..Limits::default()
    }
}

fn filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "info,headwater=debug",
        LogLevel::Trace => "trace",
    }
}

fn lines(format: LogFormat) -> telemetry::Lines {
    match format {
        LogFormat::Text => telemetry::Lines::Text,
        LogFormat::Json => telemetry::Lines::Json,
    }
}
