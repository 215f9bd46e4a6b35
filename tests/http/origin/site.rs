//! A server with published films, and a client that sends any bytes as a URL.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use headwater::catalog::{By, Catalog, Options};
use headwater::keys::{MasterKeySealer, MasterKeys};
use headwater::origin::{Origin, Settings};
use headwater::packager::Dialect;
use headwater::secrets::Secret;
use headwater::server::{self, Limits, Listener, Streaming};
use headwater::source;
use headwater::thumbnails::Painter;
use headwater::time::UtcTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The formats' tags, Smooth first.
pub const TAGS: [&str; 7] = ["", "fmp4-v20", "mpd-time-csf", "mpd-time-cmaf", "m3u8-aapl", "m3u8-aapl-v3", "m3u8-cmaf"];

/// An answer, whole or as much of it as came.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()));
        Answer { status, headers: lines.filter_map(pair).collect(), body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `MPE_…` code of an error.
    pub fn code(&self) -> String {
        let line = self.text().lines().nth(1).unwrap_or_default().to_owned();
        line.split(' ').next().filter(|code| code.starts_with("MPE_")).unwrap_or_default().to_owned()
    }

    /// The promised length came.
    pub fn is_whole(&self) -> bool {
        self.header("content-length").parse() == Ok(self.body.len())
    }
}

pub fn now() -> UtcTime {
    let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    UtcTime { unix_millis: millis as u64 }
}

pub struct Site {
    pub address: SocketAddr,
    pub root: tempfile::TempDir,
    pub catalog: Catalog,
    watch: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    pub ended: Option<JoinHandle<()>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// A published folder.
#[derive(Clone, Debug)]
pub struct Film {
    pub folder: PathBuf,
    /// `/LOCATOR`
    pub base: String,
}

impl Film {
    pub fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }
}

pub fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    if name == "demo" { fixtures.join("demo") } else { fixtures.join("films").join(name) }
}

/// Copies the files of a folder, with their times.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), &target).unwrap();
        let time = entry.metadata().unwrap().modified().unwrap();
        fs::File::options().write(true).open(&target).unwrap().set_modified(time).unwrap();
    }
}

impl Site {
    pub async fn start() -> Site {
        Site::with(Dialect::Modern, 64 << 20).await
    }

    pub async fn with(dialect: Dialect, answer_cache_bytes: u64) -> Site {
        Site::drawing(dialect, answer_cache_bytes, None).await
    }

    /// With thumbnails.
    pub async fn drawing(dialect: Dialect, answer_cache_bytes: u64, painter: Option<Painter>) -> Site {
        let root = tempfile::tempdir().unwrap();
        let master = MasterKeys::from_keys(vec![Secret::new([7; 32])]).unwrap();
        let sealer = Arc::new(MasterKeySealer::new(&master));
        let options = Options { sealer, ..Options::local(&root.path().join("data"), now()) };
        let catalog = Catalog::open(options).await.unwrap();
        let origin = Origin::new(
            catalog.clone(),
            Settings {
                dialect,
                segments: source::Settings::default(),
                max_age: Duration::from_secs(259_200),
                index_cache_bytes: 64 << 20,
                answer_cache_bytes,
                in_flight_bytes: 64 << 20,
            },
        );
        let origin = match painter {
            Some(painter) => origin.with_thumbnails(painter),
            None => origin,
        };
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let handler = Arc::new(Streaming::new(Arc::new(origin)));
        let listener = Listener { tcp, tls: None };
        let ended = tokio::spawn(server::run(vec![listener], handler, Limits::default(), shutdown));
        let watch = tokio::spawn(catalog.clone().follow());
        Site { address, root, catalog, watch, stop: Some(stop), ended: Some(ended) }
    }

    /// Publishes a folder where it is.
    pub async fn publish(&self, folder: &Path) -> Film {
        self.publish_as(folder, None).await
    }

    pub async fn publish_as(&self, folder: &Path, locator: Option<uuid::Uuid>) -> Film {
        let entry = self.catalog.publish_folder(By::new("test", now()), folder, locator).await.unwrap();
        Film { folder: entry.container.into(), base: format!("/{}", entry.locator) }
    }

    /// Publishes a copy of a fixture that the test may change.
    pub async fn copy_of(&self, fixture_name: &str, name: &str) -> Film {
        let folder = self.root.path().join(name);
        copy(&fixture(fixture_name), &folder);
        self.publish(&folder).await
    }

    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Sends these bytes and returns all that comes.
    pub async fn exchange(&self, request: &[u8]) -> Vec<u8> {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let _ = socket.write_all(request).await;
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut bytes));
        let _ = read.await.expect("the server answers and closes");
        bytes
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        request.push_str("\r\n");
        Answer::parse(&self.exchange(request.as_bytes()).await)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// A GET that has to succeed.
    pub async fn ok(&self, path: &str) -> Answer {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.is_whole(), "{path}");
        answer
    }

    /// All that the manifest of `format` leads to, first segments only: path and what it is.
    pub async fn objects(&self, manifest: &str) -> Vec<(String, Kind)> {
        let answer = self.ok(manifest).await;
        let folder = manifest.rsplit_once('/').unwrap().0;
        let text = answer.text();
        let mut objects = vec![(manifest.to_owned(), Kind::Manifest)];
        if text.starts_with("#EXTM3U") {
            for playlist in uris(&text) {
                let path = format!("{folder}/{playlist}");
                let folder = path.rsplit_once('/').unwrap().0.to_owned();
                let text = self.ok(&path).await.text();
                if let Some(init) = text.lines().find_map(|l| l.strip_prefix("#EXT-X-MAP:")) {
                    objects.push((format!("{folder}/{}", quoted(init, "URI")), Kind::Init));
                }
                for segment in text.lines().filter(|l| !l.starts_with('#')).take(2) {
                    objects.push((format!("{folder}/{segment}"), Kind::Segment));
                }
                objects.push((path, Kind::Playlist));
            }
        } else if text.contains("<MPD") {
            for set in text.split("<AdaptationSet").skip(1) {
                let time = first_time(set, "<S ").to_owned();
                for representation in set.split("<Representation").skip(1) {
                    let bandwidth = quoted(representation, "bandwidth");
                    let fill = |template: &str| {
                        let url = template.replace("$Bandwidth$", bandwidth).replace("$Time$", &time);
                        let base = representation.split_once("<BaseURL>").map_or("", |(_, rest)| rest);
                        format!("{folder}/{}{url}", base.split('<').next().unwrap_or_default())
                    };
                    objects.push((fill(quoted(set, "initialization")), Kind::Init));
                    objects.push((fill(quoted(set, "media")), Kind::Segment));
                }
            }
        } else {
            for stream in text.split("<StreamIndex").skip(1) {
                let time = first_time(stream, "<c ");
                for level in stream.split("<QualityLevel").skip(1) {
                    let url = quoted(stream, "Url").replace("{bitrate}", quoted(level, "Bitrate"));
                    objects.push((format!("{folder}/{}", url.replace("{start time}", time)), Kind::Segment));
                }
            }
        }
        objects
    }

    /// The first segment of the highest video quality, Smooth.
    pub async fn fragment(&self, manifest: &str) -> String {
        let objects = self.objects(manifest).await;
        let video = |(path, kind): &&(String, Kind)| *kind == Kind::Segment && path.contains("(video=");
        objects.iter().find(video).expect("a film with video").0.clone()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Manifest,
    Playlist,
    Init,
    Segment,
}

pub fn manifest(presentation: &str, tag: &str) -> String {
    if tag.is_empty() { format!("{presentation}/manifest") } else { format!("{presentation}/manifest(format={tag})") }
}

/// The value of `name="…"`.
pub fn quoted<'a>(text: &'a str, name: &str) -> &'a str {
    let start = text.find(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name} in {text}")) + name.len() + 2;
    text[start..].split('"').next().unwrap()
}

/// The time of the first of these elements; without one it is zero.
fn first_time<'a>(text: &'a str, element: &str) -> &'a str {
    let first = text.split_once(element).unwrap().1.split('>').next().unwrap();
    if first.contains("t=\"") { quoted(first, "t") } else { "0" }
}

/// Playlists of a multivariant playlist, each once.
fn uris(text: &str) -> Vec<String> {
    let mut uris: Vec<String> = Vec::new();
    for line in text.lines() {
        let uri = match line {
            _ if line.starts_with("#EXT-X-SESSION-KEY") => continue,
            _ if line.starts_with("#EXT-X-") && line.contains("URI=\"") => quoted(line, "URI"),
            _ if line.starts_with('#') || line.is_empty() => continue,
            _ => line,
        };
        if !uris.iter().any(|u| u == uri) {
            uris.push(uri.to_owned());
        }
    }
    uris
}
