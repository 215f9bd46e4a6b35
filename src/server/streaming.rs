//! The public entrance behind the sockets: streaming, signed URLs of local storage accounts, and keys.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::Response;
use hyper::http::request::Parts;

use super::{Handler, Request, RequestBody};
use crate::blob::{self, Blobs};
use crate::key_delivery::{self, KeyDelivery};
use crate::origin::{self, Body, Origin};

/// Answers requests with an [`Origin`], those of storage accounts with [`Blobs`], and those for keys with
/// [`KeyDelivery`].
pub struct Streaming {
    origin: Arc<Origin>,
    blobs: Option<Arc<Blobs>>,
    keys: Option<Arc<KeyDelivery>>,
}

impl Streaming {
    /// Streaming alone.
    pub fn new(origin: Arc<Origin>) -> Streaming {
        Streaming { origin, blobs: None, keys: None }
    }

    /// And a blob endpoint.
    pub fn with_blobs(self, blobs: Arc<Blobs>) -> Streaming {
        Streaming { blobs: Some(blobs), ..self }
    }

    /// And key delivery.
    pub fn with_keys(self, keys: Arc<KeyDelivery>) -> Streaming {
        Streaming { keys: Some(keys), ..self }
    }
}

#[async_trait]
impl Handler for Streaming {
    async fn handle(&self, request: Request) -> Response<Body> {
        let Request { head, peer, secure, now, body } = request;
        if let Some(blobs) = self.blobs.as_ref().filter(|blobs| blobs.owns(&head)) {
            let body = pieces(body);
            return blobs.handle(blob::Request { head, body, client: peer.ip(), secure, now }).await;
        }
        if let Some(keys) = self.keys.as_ref().filter(|keys| keys.owns(&head)) {
            return keys.handle(key_delivery::Request { head, body: pieces(body), peer: peer.ip(), now }).await;
        }
        let (method, uri, headers) = (&head.method, &head.uri, &head.headers);
        self.origin.handle(origin::Request { method, uri, headers, peer: peer.ip(), now }).await
    }

    fn takes_body(&self, head: &Parts) -> bool {
        self.blobs.as_ref().is_some_and(|blobs| blobs.owns(head))
            || self.keys.as_ref().is_some_and(|keys| keys.owns(head))
    }
}

/// A body as it comes.
pub(super) fn pieces(body: RequestBody) -> BoxStream<'static, io::Result<Bytes>> {
    let pieces = stream::try_unfold(body, |mut body| async move {
        let piece = body.next().await.map_err(io::Error::other)?;
        Ok(piece.map(|piece| (piece, body)))
    });
    pieces.boxed()
}
