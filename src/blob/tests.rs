//! The endpoint over real sockets: a client of Azure Blob Storage, curl, and what must not work.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;

use super::*;
use crate::secrets::SecretBytes;
use crate::server::{self, Handler, Limits, Listener};
use crate::store::Symlinks;
use crate::store::account::{AccountSettings, Backend, Landing};
use crate::store::sas::Grant;
use crate::store::servers::{Service, moto, python, s3_account, script};

/// A server with the endpoint alone.
struct Endpoint(Arc<Blobs>);

#[async_trait::async_trait]
impl Handler for Endpoint {
    async fn handle(&self, request: server::Request) -> Response<Body> {
        let server::Request { head, peer, secure, now, body, .. } = request;
        let body = stream::try_unfold(body, |mut body| async move {
            Ok(body.next().await.map_err(io::Error::other)?.map(|piece| (piece, body)))
        });
        self.0.handle(Request { head, body: body.boxed(), client: peer.ip(), secure, now }).await
    }

    fn takes_body(&self, head: &Parts) -> bool {
        self.0.owns(head)
    }
}

/// Policies of a test.
#[derive(Default)]
struct Locators(Mutex<HashMap<String, Policy>>);

impl Policies for Locators {
    fn find(&self, account: &str, container: &str, identifier: &str) -> Option<Policy> {
        assert_eq!((account, container), ("films", "asset-1"));
        self.0.lock().unwrap().get(identifier).copied()
    }
}

struct Site {
    root: tempfile::TempDir,
    account: Account,
    locators: Arc<Locators>,
    url: String,
    _end: oneshot::Sender<()>,
}

impl Site {
    async fn start() -> Site {
        let root = tempfile::tempdir().unwrap();
        let keys = vec![SecretBytes::new(vec![9; 32])];
        let backend = Backend::Folder { root: root.path().to_owned(), symlinks: Symlinks::Inside, keys };
        let account = Account::open(AccountSettings { name: "films".to_owned(), recheck: None, backend }).unwrap();
        Site::of(account, root).await
    }

    /// The endpoint before an account that keeps something in `root`.
    async fn of(account: Account, root: tempfile::TempDir) -> Site {
        account.create_container("asset-1").await.unwrap();
        let locators = Arc::new(Locators::default());
        let blobs = Blobs::new([account.clone()], Arc::clone(&locators) as Arc<dyn Policies>);
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", tcp.local_addr().unwrap());
        let (end, ended) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let handler = Arc::new(Endpoint(Arc::new(blobs)));
            server::run(vec![Listener { tcp, tls: None }], handler, Limits::default(), async {
                let _ = ended.await;
            })
            .await;
        });
        Site { root, account, locators, url, _end: end }
    }

    /// The signed URL of the container.
    fn signed(&self, letters: &str, seconds: i64, identifier: Option<&str>) -> String {
        let now = clock::now().unix_millis;
        let grant = Grant {
            permissions: Permissions::parse(letters),
            start: None,
            expiry: UtcTime { unix_millis: now.saturating_add_signed(seconds * 1000) },
            identifier: identifier.map(str::to_owned),
            https_only: false,
        };
        self.account.signed().unwrap().container_url(&self.url, "asset-1", &grant).unwrap()
    }

    fn stored(&self, name: &str) -> PathBuf {
        self.root.path().join("asset-1").join(name)
    }

    /// curl's status and what it got.
    async fn curl(&self, url: &str, arguments: &[&str]) -> (u16, String) {
        let mut command = Command::new("curl");
        command.args(["-s", "-i", "--path-as-is", "--max-time", "60"]).args(arguments).arg(url);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // The last head: before it may stand "100 Continue".
        let last = text.rfind("HTTP/1.1 ").unwrap_or_else(|| panic!("no answer: {output:?}"));
        (text[last + 9..last + 12].parse().unwrap(), text[last..].to_owned())
    }
}

fn with_name(signed: &str, name: &str) -> String {
    signed.replacen("asset-1?", &format!("asset-1/{name}?"), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_azure_uploads_lists_reads_and_deletes() {
    let Some(python) = python() else { return };
    let site = Site::start().await;
    let work = tempfile::tempdir().unwrap();
    let film = work.path().join("film.mp4");
    let bytes: Vec<u8> = (0..777_777u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&film, &bytes).unwrap();
    let (url, film_path) = (site.signed("racwdl", 600, None), film.to_str().unwrap().to_owned());
    let run = move || script(&python, "azure_client.py", &[&url, &film_path]);
    tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(std::fs::read(site.stored("film.mp4")).unwrap(), bytes);
    assert_eq!(std::fs::read(site.stored("a b/ü #1.ism")).unwrap(), b"<smil/>");
    assert!(!site.stored("blocks.bin").exists());
    assert!(!site.root.path().join("other").exists());
}

/// An account of S3, with what lands for it in a folder of its own.
async fn bucket(service: &Service) -> Site {
    let root = tempfile::tempdir().unwrap();
    let landing = Landing { folder: root.path().to_owned(), keys: vec![SecretBytes::new(vec![9; 32])] };
    Site::of(s3_account(service, "some/where", Some(landing)), root).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_azure_works_on_s3() {
    let (Some(python), Some(service)) = (python(), moto()) else { return };
    let site = bucket(&service).await;
    let work = tempfile::tempdir().unwrap();
    let film = work.path().join("film.mp4");
    // More than one part.
    let bytes: Vec<u8> = (0..20_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&film, &bytes).unwrap();
    let (url, film_path) = (site.signed("racwdl", 600, None), film.to_str().unwrap().to_owned());
    let run = move || script(&python, "azure_client.py", &[&url, &film_path]);
    tokio::task::spawn_blocking(run).await.unwrap();
    let files = site.account.container("asset-1").unwrap();
    let info = files.head("film.mp4").await.unwrap();
    assert_eq!(info.size, 20_000_000);
    assert!(files.read(&info, 0..20_000_000).await.unwrap() == bytes);
    let names: Vec<String> = files.list("").await.unwrap().into_iter().map(|info| info.path).collect();
    assert_eq!(names, ["a b/ü #1.ism", "empty.vtt", "film.mp4"]);
    // Nothing stays where it landed.
    assert_eq!(std::fs::read_dir(site.root.path().join(".uploads")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(site.root.path().join("asset-1")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_sent_to_s3_with_a_presigned_url() {
    let Some(service) = moto() else { return };
    let site = bucket(&service).await;
    let work = tempfile::tempdir().unwrap();
    let film = work.path().join("film.mp4");
    std::fs::write(&film, vec![7u8; 300_000]).unwrap();
    let url = with_name(&site.signed("rw", 600, None), "film.mp4");
    let (status, answer) = site.curl(&url, &["-T", film.to_str().unwrap(), "-H", "x-ms-blob-type: BlockBlob"]).await;
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = site.curl(&url, &[]).await;
    assert_eq!(status, 307);
    let location =
        answer.lines().find_map(|line| line.to_lowercase().starts_with("location: ").then(|| line[10..].trim()));
    let location = location.unwrap();
    assert!(location.starts_with(&service.url) && location.contains("X-Amz-Signature="), "{location}");
    let (status, answer) = site.curl(&url, &["-L", "-r", "10-13"]).await;
    assert_eq!(status, 206);
    assert!(answer.ends_with("\u{7}\u{7}\u{7}\u{7}"), "{answer}");
    // What a client of Azure asks for in a header of its own is answered here.
    let (status, answer) = site.curl(&url, &["-H", "x-ms-range: bytes=10-13"]).await;
    assert_eq!(status, 206);
    assert!(answer.ends_with("\u{7}\u{7}\u{7}\u{7}"), "{answer}");
    // Who may not read is sent nowhere.
    let (status, answer) = site.curl(&with_name(&site.signed("w", 600, None), "film.mp4"), &[]).await;
    assert!(status == 403 && !answer.contains("X-Amz"), "{answer}");
    let (status, _) = site.curl(&with_name(&site.signed("r", -1, None), "film.mp4"), &[]).await;
    assert_eq!(status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_uploads_and_reads_ranges() {
    let site = Site::start().await;
    let work = tempfile::tempdir().unwrap();
    let film = work.path().join("film.mp4");
    std::fs::write(&film, vec![7u8; 300_000]).unwrap();
    let film = film.to_str().unwrap();
    let url = with_name(&site.signed("rwdl", 600, None), "film.mp4");
    let (status, answer) = site.curl(&url, &["-T", film, "-H", "x-ms-blob-type: BlockBlob"]).await;
    assert_eq!(status, 201, "{answer}");
    assert!(answer.to_lowercase().contains("etag: \"0x"), "{answer}");
    assert_eq!(std::fs::metadata(site.stored("film.mp4")).unwrap().len(), 300_000);
    let (status, answer) = site.curl(&url, &["-r", "10-13"]).await;
    assert_eq!(status, 206);
    assert!(answer.contains("10-13/300000") && answer.ends_with("\u{7}\u{7}\u{7}\u{7}"), "{answer}");
    // A wrong MD5 changes nothing.
    let wrong = ["-T", film, "-H", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="];
    let (status, answer) = site.curl(&with_name(&site.signed("rw", 600, None), "b.mp4"), &wrong).await;
    assert_eq!(status, 400);
    assert!(answer.contains("<Code>Md5Mismatch</Code>"), "{answer}");
    assert!(!site.stored("b.mp4").exists());
    let (status, _) = site.curl(&url, &["-X", "DELETE"]).await;
    assert_eq!(status, 202);
    assert!(!site.stored("film.mp4").exists());
    // Scripts in pages may upload.
    let preflight = ["-X", "OPTIONS", "-H", "Origin: https://x", "-H", "Access-Control-Request-Method: PUT"];
    let (status, answer) = site.curl(&url, &preflight).await;
    assert_eq!(status, 200);
    assert!(answer.to_lowercase().contains("access-control-allow-methods: get, head, put"), "{answer}");
    let left = std::fs::read_dir(site.root.path().join(".uploads")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_url_does_not_allow_is_refused() {
    let site = Site::start().await;
    std::fs::write(site.stored("a.mp4"), b"film").unwrap();
    std::fs::create_dir(site.root.path().join("asset-2")).unwrap();
    std::fs::write(site.root.path().join("asset-2/a.mp4"), b"other").unwrap();
    let body = ["-X", "PUT", "-d", "x"];
    let read = with_name(&site.signed("r", 600, None), "a.mp4");
    assert_eq!(site.curl(&read, &[]).await.0, 200);
    let cases: [(&str, String, &[&str], u16, &str); 12] = [
        ("writing with r", read.clone(), &body, 403, "AuthorizationPermissionMismatch"),
        ("deleting with r", read.clone(), &["-X", "DELETE"], 403, "AuthorizationPermissionMismatch"),
        (
            "listing with r",
            format!("{}&restype=container&comp=list", site.signed("r", 600, None)),
            &[],
            403,
            "AuthorizationPermissionMismatch",
        ),
        (
            "reading with w",
            with_name(&site.signed("w", 600, None), "a.mp4"),
            &[],
            403,
            "AuthorizationPermissionMismatch",
        ),
        (
            "overwriting with c",
            with_name(&site.signed("c", 600, None), "a.mp4"),
            &body,
            403,
            "AuthorizationPermissionMismatch",
        ),
        ("after its end", with_name(&site.signed("r", -1, None), "a.mp4"), &[], 403, "AuthenticationFailed"),
        ("another container", read.replace("asset-1", "asset-2"), &[], 403, "AuthenticationFailed"),
        ("more rights", read.replace("sp=r", "sp=rw"), &[], 403, "AuthenticationFailed"),
        ("no signature", read.split('?').next().unwrap().to_owned(), &[], 401, "NoAuthenticationInformation"),
        (
            "an unknown locator",
            with_name(&site.signed("r", 600, Some("gone")), "a.mp4"),
            &[],
            403,
            "AuthenticationFailed",
        ),
        (
            "out of the container",
            with_name(&site.signed("r", 600, None), "..%2fasset-2%2fa.mp4"),
            &[],
            400,
            "InvalidUri",
        ),
        (
            "page blobs",
            with_name(&site.signed("w", 600, None), "p"),
            &["-X", "PUT", "-d", "x", "-H", "x-ms-blob-type: PageBlob"],
            501,
            "NotImplemented",
        ),
    ];
    for (what, url, arguments, status, code) in cases {
        let (got, answer) = site.curl(&url, arguments).await;
        assert_eq!(got, status, "{what}: {answer}");
        assert!(answer.contains(code), "{what}: {answer}");
        assert!(!answer.contains("other"), "{what}: {answer}");
    }
    assert_eq!(std::fs::read(site.stored("a.mp4")).unwrap(), b"film");
    // A locator, until it is withdrawn, gives what it allows and never more than the URL says.
    let policy = Policy { start: None, expiry: None, permissions: Permissions::parse("rl") };
    site.locators.0.lock().unwrap().insert("mine".to_owned(), policy);
    let url = with_name(&site.signed("", 600, Some("mine")), "a.mp4");
    assert_eq!(site.curl(&url, &[]).await.0, 200);
    assert_eq!(site.curl(&with_name(&site.signed("rw", 600, Some("mine")), "a.mp4"), &body).await.0, 403);
    site.locators.0.lock().unwrap().clear();
    assert_eq!(site.curl(&url, &[]).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_leaves_nothing() {
    use tokio::io::AsyncWriteExt;
    let site = Site::start().await;
    let url = with_name(&site.signed("w", 600, None), "half.mp4");
    let (host, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!("PUT /{target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nonly this");
    socket.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!site.stored("half.mp4").exists());
    drop(socket);
    let uploads: &Path = &site.root.path().join(".uploads");
    for _ in 0..50 {
        if std::fs::read_dir(uploads).unwrap().count() == 0 {
            assert!(!site.stored("half.mp4").exists());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("half an upload is left over");
}
