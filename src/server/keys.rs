//! An entrance for keys alone: on a listener of its own, every path and host is key delivery's.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::Response;
use hyper::http::request::Parts;

use super::streaming::pieces;
use super::{Handler, Request};
use crate::key_delivery::{self, KeyDelivery};
use crate::origin::Body;

/// Answers requests with a [`KeyDelivery`].
pub struct Keys(Arc<KeyDelivery>);

impl Keys {
    /// All requests.
    pub fn new(keys: Arc<KeyDelivery>) -> Keys {
        Keys(keys)
    }
}

#[async_trait]
impl Handler for Keys {
    async fn handle(&self, request: Request) -> Response<Body> {
        let Request { head, peer, now, body, .. } = request;
        self.0.handle(key_delivery::Request { head, body: pieces(body), peer: peer.ip(), now }).await
    }

    fn takes_body(&self, _head: &Parts) -> bool {
        true
    }
}
