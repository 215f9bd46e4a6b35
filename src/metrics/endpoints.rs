//! `/metrics`, `/healthz` and `/readyz`, before another handler or alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::sheet::CONTENT_TYPE;
use super::{Sources, numbers};
use crate::origin::respond::{self, CachePolicy};
use crate::origin::{Body, Error};
use crate::server::{Handler, Request};

/// How long the database may take to answer whether it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers whoever watches the server; passes on what is none of theirs.
pub struct Endpoints {
    sources: Arc<Sources>,
    /// `/metrics` is here.
    metrics: bool,
    inner: Option<Arc<dyn Handler>>,
}

impl Endpoints {
    /// Alone at an address.
    pub fn new(sources: Arc<Sources>) -> Endpoints {
        Endpoints { sources, metrics: true, inner: None }
    }

    /// In front of another handler; with `/metrics`, or without where it has an address of its own.
    pub fn before(inner: Arc<dyn Handler>, sources: Arc<Sources>, metrics: bool) -> Endpoints {
        Endpoints { sources, metrics, inner: Some(inner) }
    }

    fn owns(&self, path: &str) -> bool {
        matches!(path, "/healthz" | "/readyz") || (path == "/metrics" && self.metrics)
    }

    /// Whether requests should be sent here, and if not, why.
    async fn ready(&self) -> Result<(), &'static str> {
        if self.sources.draining.has_begun() {
            return Err("the server is about to end\n");
        }
        match tokio::time::timeout(PATIENCE, self.sources.catalog.version()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready: the catalogue's database does not answer");
                Err("the catalogue's database does not answer\n")
            }
            Err(_) => Err("the catalogue's database takes too long to answer\n"),
        }
    }

    async fn answer(&self, request: &Request) -> Response<Body> {
        let (method, now) = (&request.head.method, request.now);
        if !matches!(*method, Method::GET | Method::HEAD) {
            return respond::error(method, &Error::MethodNotAllowed, now);
        }
        let text = |text: String, kind| respond::plain(method, kind, text, CachePolicy::NoStore, now);
        const PLAIN: &str = "text/plain; charset=utf-8";
        match request.head.uri.path() {
            "/metrics" => match numbers::scrape(&self.sources) {
                Ok(scraped) => text(scraped, CONTENT_TYPE),
                Err(_) => respond::error(method, &Error::Internal, now),
            },
            "/healthz" => text("ok\n".to_owned(), PLAIN),
            _ => match self.ready().await {
                Ok(()) => text("ready\n".to_owned(), PLAIN),
                Err(why) => {
                    let mut answer = text(why.to_owned(), PLAIN);
                    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
                    answer
                }
            },
        }
    }
}

#[async_trait]
impl Handler for Endpoints {
    async fn handle(&self, request: Request) -> Response<Body> {
        if self.owns(request.head.uri.path()) {
            let mut answer = self.answer(&request).await;
            let nosniff = HeaderValue::from_static("nosniff");
            answer.headers_mut().insert(HeaderName::from_static("x-content-type-options"), nosniff);
            return answer;
        }
        match &self.inner {
            Some(inner) => inner.handle(request).await,
            None => {
                let nothing = "there is /metrics, /healthz and /readyz here\n";
                let (method, now) = (&request.head.method, request.now);
                let kind = "text/plain; charset=utf-8";
                let mut answer = respond::plain(method, kind, nothing, CachePolicy::NoStore, now);
                *answer.status_mut() = StatusCode::NOT_FOUND;
                answer
            }
        }
    }

    fn takes_body(&self, head: &Parts) -> bool {
        !self.owns(head.uri.path()) && self.inner.as_ref().is_some_and(|inner| inner.takes_body(head))
    }
}
