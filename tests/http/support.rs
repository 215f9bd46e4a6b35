//! A server on loopback, and clients that see every byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use headwater::origin::respond::{self, CachePolicy, Checked, Meta, Parts, Validators};
use headwater::origin::url::StreamingUrl;
use headwater::origin::{Body, Error};
use headwater::server::tls::Tls;
use headwater::server::{self, Handler, Limits, Listener, Request};
use hyper::Response;
use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const TEXT: &[u8] = b"0123456789";

/// Answers a few paths in the ways a streaming origin does.
struct Fixture;

#[async_trait]
impl Handler for Fixture {
    async fn handle(&self, request: Request) -> Response<Body> {
        let (method, now) = (&request.head.method, request.now);
        if let Some(answer) = respond::method_answer(method, &request.head.headers, now) {
            return answer;
        }
        let meta = Meta {
            content_type: HeaderValue::from_static("video/mp4"),
            validators: Validators::new("tag", None),
            cache: CachePolicy::MaxAge(CachePolicy::MEDIA),
            parts: Parts::Many,
            extra: Vec::new(),
        };
        let pending = match respond::check(method, &request.head.headers, meta, now) {
            Checked::Answer(answer) => return *answer,
            Checked::Build(pending) => pending,
        };
        match request.head.uri.path() {
            "/text" => pending.finish(vec![Bytes::from_static(TEXT)]),
            "/peer" => pending.finish(vec![format!("{} {}", request.peer.ip(), request.secure).into()]),
            "/big" => pending.finish(vec![Bytes::from_static(&[7; 1 << 20]); 64]),
            "/stream" => pending.finish_stream(6, |_| {
                let parts = futures_util::stream::iter(["ab", "cd", "ef"]).then(|part| async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok(Bytes::from_static(part.as_bytes()))
                });
                Box::pin(parts)
            }),
            "/short" => pending.finish_stream(100, |_| {
                let parts = futures_util::stream::iter([&b"too little"[..], b""]).then(|part| async move {
                    if part.is_empty() {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    Ok(Bytes::from_static(part))
                });
                Box::pin(parts)
            }),
            "/slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                pending.finish(vec![Bytes::from_static(b"slow")])
            }
            "/forever" => std::future::pending().await,
            "/panic" => panic!("as asked"),
            path => match StreamingUrl::parse(path) {
                Ok(url) => pending.finish(vec![url.canonical().into()]),
                Err(error) => respond::error(method, &Error::from(error), now),
            },
        }
    }
}

pub struct Server {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Server {
    pub async fn start(limits: Limits, tls: Option<Tls>) -> Server {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let ended = tokio::spawn(server::run(vec![Listener { tcp, tls }], Arc::new(Fixture), limits, shutdown));
        Server { address, stop, ended }
    }

    pub async fn plain() -> Server {
        Server::start(Limits::default(), None).await
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything the server sends until it closes, after `request` was sent.
    pub async fn exchange(&self, request: &str) -> String {
        let mut socket = self.connect().await;
        socket.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut socket).await
    }

    /// Begins the shutdown; the handle is done when the server is.
    pub fn stop(self) -> JoinHandle<()> {
        let _ = self.stop.send(());
        self.ended
    }
}

/// Limits short enough for tests.
pub fn short() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(600),
        stall_timeout: Duration::from_millis(400),
        drain_timeout: Duration::from_millis(800),
        ..Limits::default()
    }
}

pub async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut bytes));
    // A reset after the answer is an end as well.
    let _ = read.await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer with a Content-Length and leaves the connection open.
pub async fn read_answer(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = field(head, "content-length").parse().unwrap();
            if body.len() >= length {
                return text;
            }
        }
        let byte = tokio::time::timeout(Duration::from_secs(20), socket.read_u8()).await;
        bytes.push(byte.expect("the server answers").expect("the connection stays open"));
    }
}

/// A header's value in an answer's text.
pub fn field<'a>(answer: &'a str, name: &str) -> &'a str {
    let lines = answer.split("\r\n\r\n").next().unwrap_or("").lines();
    lines
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value)
}
