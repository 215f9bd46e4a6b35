//! The streaming entrance behind the sockets.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::Response;

use super::{Handler, Request};
use crate::origin::{self, Body, Origin};

/// Answers requests with an [`Origin`].
pub struct Streaming(pub Arc<Origin>);

#[async_trait]
impl Handler for Streaming {
    async fn handle(&self, request: Request) -> Response<Body> {
        let head = &request.head;
        self.0
            .handle(origin::Request {
                method: &head.method,
                uri: &head.uri,
                headers: &head.headers,
                peer: request.peer.ip(),
                now: request.now,
            })
            .await
    }
}
