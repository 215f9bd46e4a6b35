//! TLS: certificates from files that are read again when they change, or self-signed ones.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How often certificate files are looked at.
pub const WATCH_EVERY: Duration = Duration::from_secs(5);

/// Longest certificate or key file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("{}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {error}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with its text.
        error: rustls::pki_types::pem::Error,
    },
    /// The key does not belong to the certificate, or is of an unknown kind.
    #[error("certificate and key: {0}")]
    Pair(rustls::Error),
    /// A self-signed certificate could not be made.
    #[error("self-signed certificate: {0}")]
    SelfSigned(rcgen::Error),
}

/// TLS for a listener. Clones share the certificates.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
}

impl Tls {
    /// TLS 1.2 and 1.3 with these certificates, offering HTTP/2 and HTTP/1.1 by ALPN.
    ///
    /// # Errors
    /// [`Error::Pair`] if the cryptographic provider and these protocol versions do not go together.
    pub fn new(certificates: Arc<Certificates>) -> Result<Tls, Error> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Certificates>::clone(&certificates);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(Error::Pair)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), certificates })
    }

    /// The certificates, e.g. to reload them at once.
    pub fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.certificates)
    }

    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.certificates).finish()
    }
}

/// The certificate chain and key in use. `Debug` shows where they come from and no more.
pub struct Certificates {
    current: ArcSwap<CertifiedKey>,
    files: Option<Files>,
    /// Digest of the file contents last looked at, good or bad.
    seen: AtomicU64,
}

#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificates {
    /// From PEM files: the certificate with its chain, and its private key.
    ///
    /// # Errors
    /// Any [`Error`] about the files.
    pub fn from_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Certificates, Error> {
        let files = Files { certificate: certificate.into(), key: key.into() };
        let text = files.read()?;
        let current = ArcSwap::from_pointee(files.parse(&text)?);
        Ok(Certificates { current, files: Some(files), seen: AtomicU64::new(digest(&text)) })
    }

    /// A certificate for trying out, which no client trusts by itself, for these DNS names and IP
    /// addresses.
    ///
    /// # Errors
    /// [`Error::SelfSigned`] if a name cannot stand in a certificate.
    pub fn self_signed(names: &[String]) -> Result<Certificates, Error> {
        let made = rcgen::generate_simple_self_signed(names).map_err(Error::SelfSigned)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let pair = CertifiedKey::from_der(vec![made.cert.der().clone()], key, &provider()).map_err(Error::Pair)?;
        Ok(Certificates { current: ArcSwap::from_pointee(pair), files: None, seen: AtomicU64::new(0) })
    }

    /// The certificate in use, DER.
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.current.load().cert.first().cloned()
    }

    /// Reads the files again and takes them if they changed. Returns whether they were taken. A
    /// broken or half-written pair is reported once and the old one stays.
    ///
    /// # Errors
    /// Any [`Error`] about changed files.
    pub fn reload(&self) -> Result<bool, Error> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        // Contents, not times: links that are switched and copies that keep their time count too.
        let text = files.read()?;
        let digest = digest(&text);
        if self.seen.swap(digest, Ordering::Relaxed) == digest {
            return Ok(false);
        }
        self.current.store(Arc::new(files.parse(&text)?));
        Ok(true)
    }

    /// Looks at the files for ever. For self-signed certificates it never returns either.
    pub async fn watch(self: Arc<Certificates>, every: Duration) {
        if self.files.is_none() {
            return std::future::pending().await;
        }
        let mut unreadable = false;
        loop {
            tokio::time::sleep(every).await;
            let this = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || this.reload()).await {
                Ok(Ok(true)) => {
                    tracing::info!(certificates = ?self, "took changed certificate files")
                }
                Ok(Ok(false)) => unreadable = false,
                Ok(Err(error @ Error::Read { .. })) => {
                    if !std::mem::replace(&mut unreadable, true) {
                        tracing::error!(%error, "cannot look at the certificate files; the old ones stay");
                    }
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "changed certificate files are no good; the old ones stay")
                }
                Err(error) => tracing::error!(%error, "looking at the certificate files failed"),
            }
        }
    }
}

impl Files {
    fn read(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        Ok((read(&self.certificate)?, read(&self.key)?))
    }

    fn parse(&self, (certificate, key): &(Vec<u8>, Vec<u8>)) -> Result<CertifiedKey, Error> {
        let pem = |path: &Path| {
            let path = path.to_owned();
            move |error| Error::Pem { path, error }
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().map_err(pem(&self.certificate))?;
        if chain.is_empty() {
            return Err(pem(&self.certificate)(rustls::pki_types::pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(pem(&self.key))?;
        CertifiedKey::from_der(chain, key, &provider()).map_err(Error::Pair)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.files {
            Some(files) => f.debug_tuple("Certificates").field(&files.certificate).finish(),
            None => f.write_str("Certificates(self-signed)"),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    use io::Read;
    let fail = |error| Error::Read { path: path.to_owned(), error };
    let mut text = Vec::new();
    std::fs::File::open(path).map_err(fail)?.take(MAX_FILE).read_to_end(&mut text).map_err(fail)?;
    Ok(text)
}

fn digest(text: &(Vec<u8>, Vec<u8>)) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    #[test]
    fn changed_files_are_taken_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair(folder.path(), "one.example");
        let certificates = Certificates::from_files(&certificate, &key).unwrap();
        let first = certificates.certificate();
        assert!(!certificates.reload().unwrap());

        std::fs::write(&certificate, "nonsense").unwrap();
        assert!(matches!(certificates.reload(), Err(Error::Pem { .. })));
        assert!(!certificates.reload().unwrap(), "the same nonsense is reported once");
        assert_eq!(certificates.certificate(), first);

        let other = tempfile::tempdir().unwrap();
        let (foreign, _) = pair(other.path(), "two.example");
        std::fs::copy(&foreign, &certificate).unwrap();
        assert!(matches!(certificates.reload(), Err(Error::Pair(_))), "a key of another certificate");
        assert_eq!(certificates.certificate(), first);

        pair(folder.path(), "three.example");
        assert!(certificates.reload().unwrap());
        assert_ne!(certificates.certificate(), first);

        std::fs::remove_file(&key).unwrap();
        assert!(matches!(certificates.reload(), Err(Error::Read { .. })));
    }

    #[test]
    fn self_signed() {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let tls = Tls::new(Arc::new(Certificates::self_signed(&names).unwrap())).unwrap();
        assert_eq!(format!("{tls:?}"), "Tls(Certificates(self-signed))");
    }
}
