//! Sockets: accepting, TLS, HTTP/1.1 and HTTP/2, time-outs and a graceful end.
//!
//! The caller owns the listeners and says when it is over. What is answered is the [`Handler`]'s
//! business; here nobody knows a URL. Every connection is watched (see `watch`): hyper itself closes
//! neither a silent one nor one whose reader has stalled.

mod accept;
mod access_log;
mod activity;
mod body;
mod connection;
pub mod descriptors;
mod keys;
mod metered;
mod service;
mod streaming;
pub mod tls;
mod watch;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hyper::Response;
use hyper::http::request::Parts;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use access_log::ACCESS;
pub use body::{BodyError, RequestBody};
pub use keys::Keys;
pub use streaming::{Admins, Streaming, Watching};

use crate::counters::Gauge;
use crate::origin::Body;

/// Answers requests.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The answer to one request. When the client goes away the future is dropped; a panic is
    /// answered with 500.
    async fn handle(&self, request: Request) -> Response<Body>;

    /// Whether the body of such a request is wanted. Others are read to their end and dropped, because
    /// closing on a client that is still sending would make it miss the answer.
    fn takes_body(&self, _head: &Parts) -> bool {
        false
    }

    /// Where the connections are counted through which such requests come.
    fn connections(&self) -> Option<&Gauge> {
        None
    }
}

/// A request as a handler sees it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// Method, target, version and headers.
    pub head: Parts,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// When it arrived. The only clock that handlers look at.
    pub now: SystemTime,
    /// The body, if the handler takes it; else nothing.
    pub body: RequestBody,
}

/// A socket to accept on.
#[derive(Debug)]
pub struct Listener {
    /// The bound socket.
    pub tcp: TcpListener,
    /// TLS, or plain HTTP without.
    pub tls: Option<tls::Tls>,
}

/// How long and how much a client may.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the first byte of a request to the end of its head, and for the TLS handshake.
    pub head_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Duration,
    /// How long an answer may make no progress because the client does not read. Waiting for
    /// storage does not count.
    pub stall_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub drain_timeout: Duration,
    /// Connections at the same time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Bytes in a request's head; more is answered with 431.
    pub max_head_bytes: usize,
    /// Requests at the same time on one HTTP/2 connection.
    pub max_streams: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            max_connections: 20_000,
            max_head_bytes: 16 * 1024,
            max_streams: 100,
        }
    }
}

/// What all connections share.
struct Shared {
    handler: Arc<dyn Handler>,
    limits: Limits,
    permits: Arc<Semaphore>,
    /// Cancelled when no new requests are wanted.
    drain: CancellationToken,
    /// Cancelled when patience is over. Parent of `drain`.
    abort: CancellationToken,
    tasks: TaskTracker,
}

/// Serves until `shutdown` is done, then lets requests in flight finish within
/// [`Limits::drain_timeout`]. Dropping the future ends everything at once.
pub async fn run(
    listeners: Vec<Listener>,
    handler: Arc<dyn Handler>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let abort = CancellationToken::new();
    let _end_with_this_future = abort.clone().drop_guard();
    let shared = Arc::new(Shared {
        handler,
        permits: Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS))),
        limits,
        drain: abort.child_token(),
        abort: abort.clone(),
        tasks: TaskTracker::new(),
    });
    for listener in listeners {
        shared.tasks.spawn(accept::accept(listener, Arc::clone(&shared)));
    }
    shutdown.await;
    tracing::info!("shutting down: no new connections, waiting for requests in flight");
    shared.drain.cancel();
    shared.tasks.close();
    if tokio::time::timeout(shared.limits.drain_timeout, shared.tasks.wait()).await.is_err() {
        tracing::warn!(connections = shared.tasks.len(), "requests still in flight are cut off");
        abort.cancel();
        shared.tasks.wait().await;
    }
}
