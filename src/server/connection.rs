//! One connection, from the handshake to its end.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::activity::Activity;
use super::metered::{Metered, Protocol};
use super::tls::Tls;
use super::watch::{Verdict, Watch};
use super::{Shared, service};

/// Serves a connection until it ends, breaks a rule, or the server stops. What each stage needs is on the heap, so that
/// an idle connection does not carry the room for all of them along: of ten thousand, that is most of the memory.
pub(super) async fn serve(socket: TcpStream, peer: SocketAddr, tls: Option<Tls>, shared: Arc<Shared>) {
    // Answers are written in few large pieces; waiting for more would only delay the last one.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%peer, %error, "the connection was gone at once");
        return;
    }
    let activity = Arc::new(Activity::default());
    let metered = Metered::new(socket, Arc::clone(&activity));
    match tls {
        None => {
            let mut stream = metered;
            let Some(protocol) = open(&shared, peer, stream.sniff()).await else {
                return;
            };
            Box::pin(speak(stream, protocol, peer, false, shared, activity)).await;
        }
        Some(tls) => {
            let Some(stream) = open(&shared, peer, Box::pin(tls.accept(metered))).await else {
                return;
            };
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            Box::pin(speak(stream, protocol, peer, true, shared, activity)).await;
        }
    }
}

/// What comes before the first request, within the time-out for heads.
async fn open<T>(shared: &Shared, peer: SocketAddr, opening: impl Future<Output = io::Result<T>>) -> Option<T> {
    let limited = tokio::time::timeout(shared.limits.head_timeout, opening);
    match shared.drain.run_until_cancelled(limited).await? {
        Ok(Ok(opened)) => Some(opened),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a connection ended before its first request");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a connection brought no request in time");
            None
        }
    }
}

async fn speak<S>(
    stream: S,
    protocol: Protocol,
    peer: SocketAddr,
    secure: bool,
    shared: Arc<Shared>,
    activity: Arc<Activity>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let watch = Watch::new(Arc::clone(&activity), protocol, &shared.limits, Instant::now());
    let service = {
        let shared = Arc::clone(&shared);
        service_fn(move |request| {
            Box::pin(service::answer(request, peer, secure, Arc::clone(&shared), Arc::clone(&activity)))
        })
    };
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // The watcher does this, and knows an idle connection from a slow head.
                .header_read_timeout(None)
                // Not max_buf_size, which would also limit how much is written at once.
                .max_header_size(shared.limits.max_head_bytes)
                .serve_connection(io, service);
            drive(Box::pin(connection), watch, peer, &shared).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(u32::try_from(shared.limits.max_head_bytes).unwrap_or(u32::MAX))
                .max_concurrent_streams(shared.limits.max_streams)
                .serve_connection(io, service);
            drive(Box::pin(connection), watch, peer, &shared).await;
        }
    }
}

async fn drive<C>(mut connection: Pin<Box<C>>, mut watch: Watch, peer: SocketAddr, shared: &Shared)
where
    C: GracefulConnection,
    C::Error: Display,
{
    // Tokens of our own: polling the shared ones would have all connections meet at one lock.
    let (drain, abort) = (shared.drain.child_token(), shared.abort.child_token());
    let (mut drained, mut aborted) = (pin!(drain.cancelled()), pin!(abort.cancelled()));
    let mut look = pin!(tokio::time::sleep(watch.interval()));
    let mut draining = false;
    // By when a connection that was asked to end must have ended.
    let mut deadline: Option<Instant> = None;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended with an error");
                }
                return;
            }
            () = drained.as_mut(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = aborted.as_mut() => return,
            () = look.as_mut() => {
                let now = Instant::now();
                look.as_mut().reset((now + watch.interval()).into());
                if deadline.is_some_and(|deadline| now >= deadline) {
                    return;
                }
                match watch.look(now) {
                    Verdict::Keep => {}
                    Verdict::Idle if deadline.is_none() => {
                        deadline = Some(now + shared.limits.head_timeout);
                        connection.as_mut().graceful_shutdown();
                    }
                    Verdict::Idle => {}
                    verdict @ (Verdict::SlowHead | Verdict::Stalled) => {
                        tracing::debug!(%peer, ?verdict, "a connection is closed");
                        return;
                    }
                }
            }
        }
    }
}
