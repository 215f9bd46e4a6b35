//! TLS.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use headwater::server::Limits;
use headwater::server::tls::{Certificates, Tls};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Server, short};

fn write_pair(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

async fn connect(
    server: &Server,
    trusted: CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

#[tokio::test]
async fn alpn_chooses_the_protocol() {
    let certificates = Arc::new(Certificates::self_signed(&["localhost".to_owned()]).unwrap());
    let trusted = certificates.certificate().unwrap();
    let server = Server::start(Limits::default(), Some(Tls::new(certificates).unwrap())).await;

    let stream = connect(&server, trusted.clone(), &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/peer").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "127.0.0.1 true");

    for alpn in [&["http/1.1"][..], &[]] {
        let stream = connect(&server, trusted.clone(), alpn).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/text").header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.version(), hyper::Version::HTTP_11);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "0123456789");
    }
}

#[tokio::test]
async fn changed_certificates_are_served_to_new_connections() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path());
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let certificates = Arc::new(Certificates::from_files(certificate, key).unwrap());
    let old = certificates.certificate().unwrap();
    let tls = Tls::new(Arc::clone(&certificates)).unwrap();
    let server = Server::start(Limits::default(), Some(tls)).await;
    connect(&server, old.clone(), &[]).await.unwrap();

    std::fs::write(folder.path().join("cert.pem"), "half writ").unwrap();
    certificates.reload().unwrap_err();
    connect(&server, old.clone(), &[]).await.unwrap();

    write_pair(folder.path());
    assert!(certificates.reload().unwrap());
    let new = certificates.certificate().unwrap();
    connect(&server, old, &[]).await.unwrap_err();
    connect(&server, new, &[]).await.unwrap();
}

#[tokio::test]
async fn what_is_no_handshake_is_closed() {
    let certificates = Arc::new(Certificates::self_signed(&["localhost".to_owned()]).unwrap());
    let server = Server::start(short(), Some(Tls::new(certificates).unwrap())).await;
    assert!(!server.exchange("GET /text HTTP/1.1\r\nHost: x\r\n\r\n").await.contains("HTTP/1.1"));
    assert_eq!(server.exchange("").await, "");
}
