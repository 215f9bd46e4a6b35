//! The public entrance behind the sockets: streaming, and signed URLs of local storage accounts.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use hyper::Response;
use hyper::http::request::Parts;

use super::{Handler, Request};
use crate::blob::{self, Blobs};
use crate::origin::{self, Body, Origin};

/// Answers requests with an [`Origin`], and those of storage accounts with [`Blobs`].
pub struct Streaming {
    origin: Arc<Origin>,
    blobs: Option<Arc<Blobs>>,
}

impl Streaming {
    /// Streaming alone.
    pub fn new(origin: Arc<Origin>) -> Streaming {
        Streaming { origin, blobs: None }
    }

    /// And a blob endpoint.
    pub fn with_blobs(self, blobs: Arc<Blobs>) -> Streaming {
        Streaming { blobs: Some(blobs), ..self }
    }
}

#[async_trait]
impl Handler for Streaming {
    async fn handle(&self, request: Request) -> Response<Body> {
        let Request { head, peer, secure, now, body } = request;
        if let Some(blobs) = self.blobs.as_ref().filter(|blobs| blobs.owns(&head)) {
            let body = stream::try_unfold(body, |mut body| async move {
                let piece = body.next().await.map_err(io::Error::other)?;
                Ok(piece.map(|piece| (piece, body)))
            });
            return blobs.handle(blob::Request { head, body: body.boxed(), client: peer.ip(), secure, now }).await;
        }
        let (method, uri, headers) = (&head.method, &head.uri, &head.headers);
        self.origin.handle(origin::Request { method, uri, headers, peer: peer.ip(), now }).await
    }

    fn takes_body(&self, head: &Parts) -> bool {
        self.blobs.as_ref().is_some_and(|blobs| blobs.owns(head))
    }
}
