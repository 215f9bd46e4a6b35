//! One request: from hyper to the handler and back, whatever the handler does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::EXPECT;
use hyper::{Request as HyperRequest, Response};

use super::activity::{Activity, Watched, Working};
use super::{Request, RequestBody, Shared};
use crate::origin::{Error, respond};

/// How much of an unwanted request body is read, in bytes, and for how long. Closing on a client
/// that is still sending would make it miss the answer.
const MAX_DRAIN: usize = 256 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn answer(
    request: HyperRequest<Incoming>,
    peer: SocketAddr,
    secure: bool,
    shared: Arc<Shared>,
    activity: Arc<Activity>,
) -> Result<Response<Watched>, Infallible> {
    let _working = Working::new(&activity);
    let now = SystemTime::now();
    let (head, body) = request.into_parts();
    let method = head.method.clone();
    let body = if shared.handler.takes_body(&head) {
        RequestBody::new(body, shared.limits.stall_timeout)
    } else {
        // A client that waits for "100 Continue" has not sent its body and need not.
        if !body.is_end_stream() && !head.headers.contains_key(EXPECT) {
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain(body)).await;
        }
        RequestBody::default()
    };
    let target = head.uri.clone();
    // The handler's state is behind shared references; a panic leaves nothing half done that
    // another request could see without going through a lock that is poisoned.
    let handled = AssertUnwindSafe(async { shared.handler.handle(Request { head, peer, secure, now, body }).await });
    let answer = match handled.catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::error!(path = target.path(), "a request handler panicked");
            respond::error(&method, &Error::Internal, now)
        }
    };
    Ok(answer.map(|body| Watched::new(body, &activity)))
}

async fn drain(mut body: Incoming) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, |data| data.len());
        if seen > MAX_DRAIN {
            return;
        }
    }
}
