//! A whole service on loopback: streaming, management, and a client of the latter.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use headwater::blob::Blobs;
use headwater::catalog::{AccountContainers, Catalog, OpenAccount, Options};
use headwater::key_delivery::{self, KeyDelivery};
use headwater::keys::{MasterKeySealer, MasterKeys};
use headwater::management::auth::{AccessFile, Auth, Issuer};
use headwater::management::{Delivered, Installation, Management, Settings};
use headwater::metrics::{Draining, Endpoints, Sources};
use headwater::origin::{self, Origin};
use headwater::packager::Dialect;
use headwater::secrets::Secret;
use headwater::server::{self, Handler, Limits, Listener, Streaming, Watching};
use headwater::source;
use headwater::store::Symlinks;
use headwater::telemetry::Tracer;
use headwater::time::UtcTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub const FILM: &str = "no-ism";

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A member of an entity in minimal JSON.
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.body)).to_owned()
    }

    /// The sentence of an error.
    pub fn message(&self) -> String {
        self.json()["odata.error"]["message"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// The names in a set.
    pub fn names(&self) -> Vec<String> {
        let json = self.json();
        let items = json["value"].as_array().unwrap_or_else(|| panic!("no set: {}", self.body));
        items.iter().map(|item| item["Name"].as_str().unwrap_or("null").to_owned()).collect()
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

pub struct Site {
    pub root: tempfile::TempDir,
    pub catalog: Catalog,
    pub management: SocketAddr,
    pub streaming: SocketAddr,
    /// The key that may do everything.
    pub key: String,
    pub draining: Draining,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The key of the access file that only reads.
pub const READER: &str = "a-key-that-only-reads";

pub async fn serve(handler: Arc<dyn Handler>) -> (SocketAddr, JoinHandle<()>) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = Listener { tcp, tls: None };
    (address, tokio::spawn(server::run(vec![listener], handler, Limits::default(), std::future::pending())))
}

pub fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UtcTime { unix_millis: since.as_millis() as u64 }
}

impl Site {
    pub async fn start() -> Site {
        Site::with(Settings { requests_per_second: 10_000, max_body_bytes: 1 << 20 }).await
    }

    pub async fn with(settings: Settings) -> Site {
        Site::with_issuer(settings, None).await
    }

    pub async fn with_issuer(settings: Settings, issuer: Option<Arc<Issuer>>) -> Site {
        Site::watched(settings, issuer, Watching::default()).await
    }

    /// With a collector of traces that is sent one request in a million, and those of clients that trace.
    pub async fn traced(collector: &str) -> Site {
        let (tracer, sending) = Tracer::new(collector, 1_000_000).unwrap();
        let watching = Watching { tracer: Some(tracer), ..Watching::default() };
        let settings = Settings { requests_per_second: 10_000, max_body_bytes: 1 << 20 };
        let mut site = Site::watched(settings, None, watching).await;
        site.tasks.push(tokio::spawn(sending));
        // The first one is that one.
        site.send(site.streaming, "GET", "/healthz", &[("traceparent", "00-x")], "").await.is(200);
        site
    }

    async fn watched(settings: Settings, issuer: Option<Arc<Issuer>>, watching: Watching) -> Site {
        let root = tempfile::tempdir().unwrap();
        let containers = Arc::new(AccountContainers::new(root.path(), Symlinks::Inside, HashMap::new()));
        let master = MasterKeys::from_keys(vec![Secret::new([7; 32])]).unwrap();
        let options = Options {
            containers: containers.clone(),
            sealer: Arc::new(MasterKeySealer::new(&master)),
            ..Options::local(root.path(), now())
        };
        let catalog = Catalog::open(options).await.unwrap();
        let mut accounts = Vec::new();
        for account in catalog.storage_accounts().await.unwrap() {
            accounts.extend(containers.account(&OpenAccount { account, key: None }));
        }
        let blobs = Arc::new(Blobs::new(accounts, Arc::new(catalog.clone())));
        let origin = Origin::new(
            catalog.clone(),
            origin::Settings {
                dialect: Dialect::Modern,
                segments: source::Settings::default(),
                max_age: Duration::from_secs(259_200),
                index_cache_bytes: 64 << 20,
                answer_cache_bytes: 64 << 20,
                in_flight_bytes: 64 << 20,
            },
        );
        let keys = Arc::new(KeyDelivery::new(catalog.clone(), key_delivery::Settings::default()).unwrap());
        let origin = Arc::new(origin);
        // Bound before the API is made, which has to know its address.
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let streaming = tcp.local_addr().unwrap();
        let storage = Arc::clone(containers.counts());
        let path = root.path().join("access");
        let key = AccessFile::open(&path).unwrap().first_writer().unwrap().1;
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str(&format!("read reader {READER}\n"));
        fs::write(&path, text).unwrap();
        let auth = Auth { access: Arc::new(AccessFile::open(&path).unwrap()), issuer };
        let delivered = Delivered { keys: true, ..Delivered::default() };
        let installation = Installation::new(format!("http://{streaming}"), containers).delivering(delivered);
        let installation = installation.streaming(Arc::clone(&origin));
        let api = Arc::new(Management::new(catalog.clone(), Arc::new(installation), auth, settings));
        let handler = Streaming::new(Arc::clone(&origin)).with_blobs(blobs).with_keys(Arc::clone(&keys));
        let handler = Arc::new(handler.watched(watching).with_admins(api.clone()));
        let draining = Draining::default();
        let sources = Arc::new(Sources {
            catalog: catalog.clone(),
            origin,
            streaming: Arc::clone(&handler),
            max_connections: Limits::default().max_connections,
            storage,
            keys: Some(keys),
            draining: draining.clone(),
        });
        let listener = Listener { tcp, tls: None };
        let first = tokio::spawn(server::run(vec![listener], handler, Limits::default(), std::future::pending()));
        let (management, second) = serve(Arc::new(Endpoints::before(api, sources, true))).await;
        let follow = tokio::spawn(catalog.clone().follow());
        Site { root, catalog, management, streaming, key, draining, tasks: vec![first, second, follow] }
    }

    /// Sends a request as it is.
    pub async fn send(
        &self,
        address: SocketAddr,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let body = body.as_ref();
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        if !body.is_empty() || method == "POST" {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut socket = TcpStream::connect(address).await.unwrap();
        // A server that refuses may close before it has read everything; its answer counts.
        let _ = socket.write_all(&[request.as_bytes(), body].concat()).await;
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut bytes));
        let _ = read.await.expect("the server answers and closes");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()));
        Answer { status, headers: lines.filter_map(pair).collect(), body: body.to_owned() }
    }

    /// Asks the API with more headers than every request has.
    pub async fn ask(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        let mut headers = vec![("x-ms-version", "2.19"), ("Authorization", authorization.as_str())];
        headers.retain(|(name, _)| !more.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
        headers.extend(more);
        self.send(self.management, method, &format!("/API{path}"), &headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("Accept", "application/json")], "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let json = [("Accept", "application/json"), ("Content-Type", "application/json")];
        self.ask("POST", path, &json, &body.to_string()).await
    }

    pub async fn merge(&self, path: &str, body: Value) -> Answer {
        self.ask("MERGE", path, &[("Content-Type", "application/json")], &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], "").await
    }

    /// Creates an entity; the answer is its id.
    pub async fn create(&self, set: &str, body: Value) -> String {
        self.post(&format!("/{set}"), body).await.is(201).text("Id")
    }

    /// The folder in which an asset's container is.
    pub fn container(&self, asset: &str) -> PathBuf {
        let guid = asset.strip_prefix("nb:cid:UUID:").unwrap();
        self.root.path().join("containers").join(format!("asset-{guid}"))
    }

    /// A SAS locator of an asset, with a policy of its own.
    pub async fn sas(&self, asset: &str, minutes: f64, permissions: i32) -> Answer {
        let policy = self.policy(minutes, permissions).await;
        let body = json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 1 });
        self.post("/Locators", body).await
    }

    /// A request to a file behind a signed URL: of `https://…/container?…` the one of `container/name?…`.
    pub async fn blob(&self, method: &str, path: &str, name: &str, body: &[u8]) -> Answer {
        let path = path.strip_prefix(&format!("http://{}", self.streaming)).expect("signed URLs lead to this server");
        let (container, query) = path.split_once('?').expect("a signed URL has a query");
        let kind = [("x-ms-blob-type", "BlockBlob"), ("x-ms-version", "2020-12-06")];
        self.send(self.streaming, method, &format!("{container}/{name}?{query}"), &kind, body).await
    }

    /// Puts a film's files into an asset's container by a signed URL, as old clients did.
    pub async fn upload(&self, asset: &str, film: &str) {
        let locator = self.sas(asset, 10.0, 2).await.is(201);
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/films").join(film);
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let (name, bytes) = (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
            self.blob("PUT", &locator.text("Path"), &name, &bytes).await.is(201);
        }
        self.delete(&at("Locators", &locator.text("Id"))).await.is(204);
    }

    /// An asset with a film in it and a record of each file.
    pub async fn film(&self, name: &str) -> String {
        let asset = self.create("Assets", json!({ "Name": name })).await;
        self.upload(&asset, FILM).await;
        self.get(&format!("/CreateFileInfos?assetid='{}'", encode(&asset))).await.is(204);
        asset
    }

    pub async fn policy(&self, minutes: f64, permissions: i32) -> String {
        let body = json!({ "Name": "policy", "DurationInMinutes": minutes, "Permissions": permissions });
        self.create("AccessPolicies", body).await
    }

    /// Asks for a locator; `minutes` from now it begins.
    pub async fn locate(&self, asset: &str, policy: &str, minutes: i64) -> Answer {
        let start = i64::try_from(now().unix_millis).unwrap() + minutes * 60_000;
        let start = headwater::odata::DateTime::from_milliseconds(start).to_string();
        let body = json!({ "AssetId": asset, "AccessPolicyId": policy, "StartTime": start, "Type": 2 });
        self.post("/Locators", body).await
    }

    /// The answer to a streaming URL.
    pub async fn fetch(&self, url: &str) -> Answer {
        let path = url.strip_prefix(&format!("http://{}", self.streaming)).unwrap_or(url);
        self.send(self.streaming, "GET", path, &[], "").await
    }

    /// The status of a streaming URL.
    pub async fn plays(&self, url: &str) -> u16 {
        self.fetch(url).await.status
    }
}

/// The URL of the first segment that an MPD lists; `base` is that of its presentation.
pub fn first_segment(mpd: &str, base: &str) -> String {
    let between = |begin: &str, end: &str| mpd.split(begin).nth(1).unwrap().split(end).next().unwrap().to_owned();
    let (level, media) = (between("QualityLevels(", ")"), between("media=\"", "\""));
    format!("{base}/QualityLevels({level})/{}", media.replace("$Time$", "0"))
}

/// As ids stand in URLs.
pub fn encode(text: &str) -> String {
    headwater::odata::encode_component(text)
}

/// `Set('id')`
pub fn at(set: &str, id: &str) -> String {
    format!("/{set}('{}')", encode(id))
}
