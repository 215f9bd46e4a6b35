//! The accept loop, which survives whatever the operating system says.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Listener, Shared, connection};
use crate::counters::Gauge;

/// How long to leave the kernel alone when it has no descriptors or memory left.
const BREATHER: Duration = Duration::from_millis(50);

/// How often such trouble is logged.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Accepts until the server drains.
pub(super) async fn accept(listener: Listener, shared: Arc<Shared>) {
    let Listener { tcp, tls } = listener;
    if let Some(tls) = &tls {
        let certificates = tls.certificates();
        let drain = shared.drain.clone();
        shared.tasks.spawn(async move {
            drain.run_until_cancelled(certificates.watch(super::tls::WATCH_EVERY)).await;
        });
    }
    let mut last_log: Option<Instant> = None;
    loop {
        let permit = tokio::select! {
            () = shared.drain.cancelled() => return,
            permit = Arc::clone(&shared.permits).acquire_owned() => permit,
        };
        // The semaphore is never closed.
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            () = shared.drain.cancelled() => return,
            accepted = tcp.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                let connection = Box::pin(connection::serve(socket, peer, tls.clone(), Arc::clone(&shared)));
                let handler = Arc::clone(&shared.handler);
                shared.tasks.spawn(async move {
                    let _open = handler.connections().map(Gauge::enter);
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if last_log.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
                    tracing::error!(%error, "accepting connections fails; going on");
                    last_log = Some(Instant::now());
                }
                tokio::select! {
                    () = shared.drain.cancelled() => return,
                    () = tokio::time::sleep(BREATHER) => {}
                }
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted (accept(2)); the next one may be
/// fine, so there is nothing to wait for.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
