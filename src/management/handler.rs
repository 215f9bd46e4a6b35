//! The API behind the sockets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::address::split_root;
use super::answer::Answer;
use super::auth::{self, Auth, Principal};
use super::call::Call;
use super::context::Context;
use super::error::Error;
use super::installation::Installation;
use super::service;
use super::throttle::Throttle;
use crate::catalog::{By, Catalog};
use crate::clock;
use crate::odata::json::Form;
use crate::origin::Body;
use crate::server::{Admins, Handler, Request};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Failed sign-ins of one address in a second.
const FAILURES_PER_SECOND: u32 = 5;

/// The most bytes of a form that asks for a token.
const MAX_FORM: usize = 16 * 1024;

/// What can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests of one caller in a second; twice as many at once.
    pub requests_per_second: u32,
    /// The most bytes of a body.
    pub max_body_bytes: usize,
}

/// Answers the requests of the management listener.
pub struct Management {
    catalog: Catalog,
    installation: Arc<Installation>,
    auth: Auth,
    settings: Settings,
    callers: Throttle,
    failures: Throttle,
}

impl Management {
    /// Over a catalogue.
    pub fn new(catalog: Catalog, installation: Arc<Installation>, auth: Auth, settings: Settings) -> Management {
        let callers = Throttle::new(settings.requests_per_second);
        Management { catalog, installation, auth, settings, callers, failures: Throttle::new(FAILURES_PER_SECOND) }
    }

    async fn answer(&self, request: Request) -> Result<Answer, Error> {
        let now = clock::utc(request.now);
        let Request { head, peer, secure, body, .. } = request;
        let path = head.uri.path().to_owned();
        let peer = peer.ip().to_string();
        if !self.failures.has_room(&peer, Instant::now()) {
            return Err(Error::Throttled { per_second: FAILURES_PER_SECOND });
        }
        if auth::is_token_endpoint(&path) {
            if head.method != Method::POST {
                let instead = "a token is asked for by POST";
                return Err(Error::Method { method: head.method.to_string(), instead });
            }
            let form = body.whole(MAX_FORM).await?;
            let answer = auth::grant(&self.auth, &path, &form, basic(&head.headers), now);
            if answer.status != StatusCode::OK {
                self.failures.admits(&peer, Instant::now());
            }
            return Ok(answer);
        }
        let Some((prefix, rest)) = split_root(&path) else {
            // As the global root did: the API is elsewhere.
            let api = format!("{}/API/", origin(&head, secure));
            let moved = Answer::empty(StatusCode::MOVED_PERMANENTLY).with("Location", api);
            return if path == "/" { Ok(moved) } else { Err(Error::NotFound { what: "resource", key: path }) };
        };
        let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
        let Principal { name, role } = match self.auth.principal(authorization, now).await {
            Ok(principal) => principal,
            Err(error) => {
                self.failures.admits(&peer, Instant::now());
                return Err(error);
            }
        };
        if !self.callers.admits(&name, Instant::now()) {
            return Err(Error::Throttled { per_second: self.settings.requests_per_second });
        }
        let call = Call {
            method: head.method.to_string(),
            path: rest.to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: headers(&head.headers),
            body: Bytes::new(),
        };
        call.check_versions()?;
        let body = body.whole(self.settings.max_body_bytes).await?;
        let root = format!("{}{prefix}", origin(&head, secure));
        let by = By::new(name, now);
        let context = Context::new(self.catalog.clone(), Arc::clone(&self.installation), by, role, root);
        let call = Call { body, ..call };
        let served = tokio::time::timeout(PATIENCE, service::serve(&context, &call)).await;
        served.map_err(|_| Error::Slow { seconds: PATIENCE.as_secs() })
    }
}

#[async_trait]
impl Admins for Management {
    async fn may_see(&self, authorization: &str, client: IpAddr, now: SystemTime) -> bool {
        // A wrong key counts as a failed sign-in, wherever it is tried.
        let client = client.to_string();
        if !self.failures.has_room(&client, Instant::now()) {
            return false;
        }
        let may = self.auth.principal(Some(authorization), clock::utc(now)).await.is_ok();
        if !may {
            self.failures.admits(&client, Instant::now());
        }
        may
    }
}

#[async_trait]
impl Handler for Management {
    fn takes_body(&self, _head: &Parts) -> bool {
        true
    }

    async fn handle(&self, request: Request) -> Response<Body> {
        let client_id = request.head.headers.get("x-ms-client-request-id").cloned();
        let is_head = request.head.method == Method::HEAD;
        let accept = request.head.headers.get("accept").and_then(|value| value.to_str().ok());
        let form = Form::accepted(accept.unwrap_or_default(), false).unwrap_or_default();
        let answer = self.answer(request).await.unwrap_or_else(|error| Answer::error(form, &error));
        respond(answer, client_id, is_head)
    }
}

/// With the headers that every answer has (object model §1.1).
fn respond(answer: Answer, client_id: Option<HeaderValue>, is_head: bool) -> Response<Body> {
    let length = answer.body.len();
    let body = if is_head { Body::empty() } else { Body::from_pieces([Bytes::from(answer.body)]) };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    let map = response.headers_mut();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(HeaderName::from_static(name), value);
        }
    };
    let id = uuid::Uuid::new_v4().to_string();
    set("request-id", id.clone());
    set("x-ms-request-id", id);
    set("dataserviceversion", "3.0;".to_owned());
    // Answers may hold signed URLs and keys.
    set("cache-control", "no-cache, no-store".to_owned());
    set("x-content-type-options", "nosniff".to_owned());
    set("server", concat!("Headwater/", env!("CARGO_PKG_VERSION")).to_owned());
    if answer.status != StatusCode::NO_CONTENT {
        set("content-length", length.to_string());
    }
    if let Some(kind) = answer.content_type {
        set("content-type", kind);
    }
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            map.insert(name, value);
        }
    }
    if let Some(id) = client_id.filter(|id| id.len() <= 200) {
        map.insert(HeaderName::from_static("x-ms-client-request-id"), id);
    }
    response
}

/// Scheme and host as the client sees them.
fn origin(head: &Parts, secure: bool) -> String {
    let host = head.uri.authority().map(|authority| authority.as_str().to_owned());
    let header = || head.headers.get("host").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    let host = host.or_else(header).filter(|host| !host.is_empty() && host.len() < 300 && host.chars().all(is_host));
    format!("{}://{}", if secure { "https" } else { "http" }, host.as_deref().unwrap_or("localhost"))
}

/// What is text; nothing else has a meaning here.
fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

/// Name and password of `Authorization: Basic` (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}
