//! Where the public keys of an outside issuer come from (JWKS, RFC 7517): a file, which is read again when it
//! changes; or an address, which is asked again from time to time, and when a token names a key that is not known.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jsonwebtoken::jwk::JwkSet;
use reqwest::{Client, redirect};
use url::{Host, Url};

use super::issuer::IssuerError;

/// The longest set of keys, bytes.
const MAX_BYTES: usize = 1 << 20;
/// How often a file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long fetched keys count as new.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// The least time from one fetch to the next: tokens with made-up key names are cheap.
const PACE: Duration = Duration::from_secs(30);
/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A set of keys that may change.
pub(super) enum KeySource {
    /// In a file.
    File(File),
    /// At an address.
    Web(Web),
}

impl KeySource {
    /// `place` is the path of a file, or an address that begins with `https://` (on this machine `http://` too).
    /// A file is read at once.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub(super) fn open(place: &str) -> Result<KeySource, IssuerError> {
        match place.contains("://") {
            true => Ok(KeySource::Web(Web::new(place, PACE)?)),
            false => Ok(KeySource::File(File::open(Path::new(place))?)),
        }
    }

    /// The keys; `anew` if those that were given last were not enough. `None` if there are none.
    pub(super) async fn keys(&self, anew: bool) -> Option<Arc<JwkSet>> {
        match self {
            KeySource::File(file) => Some(file.keys()),
            KeySource::Web(web) => web.keys(anew).await,
        }
    }
}

/// A file with keys.
pub(super) struct File {
    path: PathBuf,
    known: Mutex<(Instant, Option<SystemTime>, Arc<JwkSet>)>,
}

impl File {
    fn open(path: &Path) -> Result<File, IssuerError> {
        let modified = modified(path);
        let keys = Arc::new(read(path)?);
        Ok(File { path: path.to_owned(), known: Mutex::new((Instant::now(), modified, keys)) })
    }

    fn keys(&self) -> Arc<JwkSet> {
        // A poisoned lock holds keys that are still keys.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.elapsed() >= LOOK_EVERY {
            let now = modified(&self.path);
            if now != known.1 {
                match read(&self.path) {
                    Ok(read) => known.2 = Arc::new(read),
                    Err(error) => tracing::error!(%error, "the issuer's keys stay as they were"),
                }
            }
            (known.0, known.1) = (Instant::now(), now);
        }
        Arc::clone(&known.2)
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn read(path: &Path) -> Result<JwkSet, IssuerError> {
    let failed = |source| IssuerError::Io { path: path.to_owned(), source };
    let wrong = |problem: String| IssuerError::NoKeys { place: path.display().to_string(), problem };
    if fs::metadata(path).map_err(failed)?.len() > MAX_BYTES as u64 {
        return Err(wrong(format!("it is longer than {MAX_BYTES} bytes")));
    }
    parse(&fs::read(path).map_err(failed)?).map_err(wrong)
}

fn parse(bytes: &[u8]) -> Result<JwkSet, String> {
    let keys: JwkSet = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if keys.keys.is_empty() { Err("it has no keys".to_owned()) } else { Ok(keys) }
}

/// Keys at an address.
pub(super) struct Web {
    url: Url,
    client: Client,
    pace: Duration,
    known: Mutex<Option<(Arc<JwkSet>, Instant)>>,
    /// When it was last fetched. Held while fetching, so that one fetch serves all who wait.
    tried: tokio::sync::Mutex<Option<Instant>>,
}

impl Web {
    fn new(address: &str, pace: Duration) -> Result<Web, IssuerError> {
        let wrong = |problem: &str| IssuerError::Address { address: address.to_owned(), problem: problem.to_owned() };
        let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        let local = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(wrong("it has to begin with https://"));
        }
        // Whoever could send us elsewhere could choose the keys.
        let client = Client::builder().redirect(redirect::Policy::none()).timeout(PATIENCE).build();
        let client = client.map_err(|error| wrong(&error.to_string()))?;
        Ok(Web { url, client, pace, known: Mutex::default(), tried: tokio::sync::Mutex::default() })
    }

    fn known(&self) -> Option<(Arc<JwkSet>, Instant)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn keys(&self, anew: bool) -> Option<Arc<JwkSet>> {
        let before = self.known();
        if let Some((keys, at)) = &before
            && !anew
            && at.elapsed() < FRESH
        {
            return Some(Arc::clone(keys));
        }
        let mut tried = self.tried.lock().await;
        let another_fetched = self.known().map(|(_, at)| at) != before.map(|(_, at)| at);
        if !another_fetched && tried.is_none_or(|at| at.elapsed() >= self.pace) {
            let fetched = self.fetch().await;
            *tried = Some(Instant::now());
            match fetched {
                Ok(keys) => {
                    let known = Some((Arc::new(keys), Instant::now()));
                    *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
                }
                Err(problem) => {
                    tracing::warn!(problem, url = %self.url, "the issuer's keys (management.jwks) cannot be fetched");
                }
            }
        }
        self.known().map(|(keys, _)| keys)
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let mut answer = self.client.get(self.url.clone()).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(format!("the answer has status {}", answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > MAX_BYTES {
                return Err(format!("the answer is longer than {MAX_BYTES} bytes"));
            }
            body.extend_from_slice(&piece);
        }
        parse(&body)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each request with the next of these texts, the last one again and again; counts them.
    async fn issuer(texts: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let asked = Arc::clone(&count);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                let _ = socket.read(&mut head).await;
                let text = texts[asked.fetch_add(1, Ordering::SeqCst).min(texts.len() - 1)];
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ";
                let _ = socket.write_all(format!("{head}{}\r\n\r\n{text}", text.len()).as_bytes()).await;
            }
        });
        (format!("http://{address}/keys"), count)
    }

    const ONE: &str = r#"{"keys":[{"kty":"oct","kid":"one","k":"AAAA"}]}"#;
    const TWO: &str = r#"{"keys":[{"kty":"oct","kid":"one","k":"AAAA"},{"kty":"oct","kid":"two","k":"AAAA"}]}"#;

    #[tokio::test]
    async fn keys_are_fetched_once_and_again_when_one_is_missing() {
        let (address, count) = issuer(&[ONE, "nonsense", TWO]).await;
        let web = Web::new(&address, Duration::ZERO).unwrap();
        for _ in 0..3 {
            assert_eq!(web.keys(false).await.unwrap().keys.len(), 1);
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        // An answer that is none leaves them as they were.
        assert_eq!(web.keys(true).await.unwrap().keys.len(), 1);
        assert!(web.keys(true).await.unwrap().find("two").is_some());
        assert_eq!(count.load(Ordering::SeqCst), 3);
        // Made-up names of keys do not make us ask without end.
        let (address, count) = issuer(&[ONE]).await;
        let web = Web::new(&address, PACE).unwrap();
        for _ in 0..10 {
            assert_eq!(web.keys(true).await.unwrap().keys.len(), 1);
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn addresses_are_https() {
        for address in ["http://login.example/keys", "ftp://login.example/keys", "https://", "file:///etc/keys"] {
            assert!(KeySource::open(address).is_err(), "{address}");
        }
        assert!(KeySource::open("https://login.example/keys").is_ok());
        let nobody = Web::new("http://127.0.0.1:9/keys", Duration::ZERO).unwrap();
        assert!(nobody.keys(false).await.is_none());
    }
}
