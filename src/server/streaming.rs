//! The public entrance behind the sockets: streaming, signed URLs of local storage accounts, and keys.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::Response;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::http::request::Parts;

use super::access_log::Line;
use super::{Handler, Request, RequestBody};
use crate::blob::{self, Blobs};
use crate::cmcd::Cmcd;
use crate::counters::Gauge;
use crate::key_delivery::{self, KeyDelivery};
use crate::origin::{
    self, Body, Cached, Class, Ended, Form, FormatName, Notes, Object, Origin, Protection, Receipt, Trace, Traffic,
};
use crate::telemetry::{Head, Told, Tracer};

/// Answers requests with an [`Origin`], those of storage accounts with [`Blobs`], and those for keys with
/// [`KeyDelivery`].
pub struct Streaming {
    origin: Arc<Origin>,
    blobs: Option<Arc<Blobs>>,
    keys: Option<Arc<KeyDelivery>>,
    traffic: Arc<Traffic>,
    connections: Gauge,
    watching: Watching,
    admins: Option<Arc<dyn Admins>>,
}

/// Knows who runs the server.
#[async_trait]
pub trait Admins: Send + Sync {
    /// Whether the header `Authorization` is of somebody who may see how answers come about.
    async fn may_see(&self, authorization: &str, client: IpAddr, now: SystemTime) -> bool;
}

/// What somebody who runs the server wants to know of an answer: `?explain`, `?explain=json`, `?explain=timing`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// How it came about, instead of it.
    Explanation(Form),
    /// How long it took, with it.
    Timing,
}

impl Wish {
    fn of(query: &str) -> Option<Wish> {
        let value = query.split('&').find_map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name == "explain").then_some(value),
            None => (pair == "explain").then_some(""),
        })?;
        Some(match value {
            "json" => Wish::Explanation(Form::Json),
            "timing" => Wish::Timing,
            _ => Wish::Explanation(Form::Text),
        })
    }
}

/// What is told of requests beside their answers.
#[derive(Default)]
pub struct Watching {
    /// A line in the log for each.
    pub access_log: bool,
    /// A header with the time of each stage.
    pub server_timing: bool,
    /// Traces for a collector.
    pub tracer: Option<Tracer>,
}

impl Streaming {
    /// Streaming alone.
    pub fn new(origin: Arc<Origin>) -> Streaming {
        let (traffic, connections, watching) = Default::default();
        Streaming { origin, blobs: None, keys: None, traffic, connections, watching, admins: None }
    }

    /// And a blob endpoint.
    pub fn with_blobs(self, blobs: Arc<Blobs>) -> Streaming {
        Streaming { blobs: Some(blobs), ..self }
    }

    /// And key delivery.
    pub fn with_keys(self, keys: Arc<KeyDelivery>) -> Streaming {
        Streaming { keys: Some(keys), ..self }
    }

    /// And watched like this.
    pub fn watched(self, watching: Watching) -> Streaming {
        Streaming { watching, ..self }
    }

    /// And explained to these.
    pub fn with_admins(self, admins: Arc<dyn Admins>) -> Streaming {
        Streaming { admins: Some(admins), ..self }
    }

    /// Numbers of its requests and answers.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Where traces go, if they go somewhere.
    pub fn tracer(&self) -> Option<&Tracer> {
        self.watching.tracer.as_ref()
    }

    /// Open connections.
    pub fn open_connections(&self) -> u64 {
        self.connections.get()
    }

    /// What is wanted beside the answer, by somebody who may. For anybody else the parameter is none.
    async fn wish(&self, request: &Request) -> Option<Wish> {
        let wish = Wish::of(request.head.uri.query()?)?;
        let authorization = request.head.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let admins = self.admins.as_ref()?;
        admins.may_see(authorization, request.peer.ip(), request.now).await.then_some(wish)
    }

    async fn route(&self, request: Request, notes: &Notes, wish: Option<Wish>) -> Response<Body> {
        let Request { head, peer, secure, now, body } = request;
        if let Some(blobs) = self.blobs.as_ref().filter(|blobs| blobs.owns(&head)) {
            notes.set_class(class(FormatName::BLOB, Object::File));
            let body = pieces(body);
            return blobs.handle(blob::Request { head, body, client: peer.ip(), secure, now }).await;
        }
        if let Some(keys) = self.keys.as_ref().filter(|keys| keys.owns(&head)) {
            notes.set_class(class(FormatName::KEY, Object::Key));
            return keys.handle(key_delivery::Request { head, body: pieces(body), peer: peer.ip(), now }).await;
        }
        let (method, uri, headers) = (&head.method, &head.uri, &head.headers);
        let request = origin::Request { method, uri, headers, peer: peer.ip(), now, notes };
        let answer = self.origin.handle(request).await;
        match (wish, notes.trace()) {
            (Some(Wish::Explanation(form)), Some(trace)) => origin::explanation(trace, &request, &answer, form),
            _ => answer,
        }
    }

    /// Counts the answer, and has its body counted as it goes.
    fn count(&self, answer: Response<Body>, class: Class, line: Option<Box<Line>>, begun: Instant) -> Response<Body> {
        let status = answer.status();
        self.traffic.answered(class, status, begun.elapsed());
        let then = line.map(|mut line| {
            line.answered(class, status);
            line as Box<dyn Ended>
        });
        answer.map(|body| {
            let whole = body.remaining();
            body.with_receipt(Receipt::new(&self.traffic, class, status, whole, then))
        })
    }
}

#[async_trait]
impl Handler for Streaming {
    async fn handle(&self, request: Request) -> Response<Body> {
        let begun = Instant::now();
        let _working = self.traffic.working.enter();
        let cmcd = cmcd(&request.head);
        if let Some(cmcd) = &cmcd {
            self.traffic.players.count(cmcd);
        }
        let client = request.peer.ip();
        let line = self.watching.access_log.then(|| Box::new(Line::new(&request.head, client, cmcd, begun)));
        let wish = self.wish(&request).await;
        let tracer = self.watching.tracer.as_ref();
        let place = tracer.and_then(|tracer| tracer.place(&request.head));
        let traced = place.map(|place| (place, Head::of(&request.head), request.now));
        let notes = match (wish, self.watching.server_timing || traced.is_some()) {
            (None, false) => Notes::default(),
            _ => Notes::traced(Arc::new(Trace::new(matches!(wish, Some(Wish::Explanation(_)))))),
        };
        let mut answer = self.route(request, &notes, wish).await;
        if let Some(trace) = notes.trace().filter(|_| self.watching.server_timing || wish == Some(Wish::Timing)) {
            time(&mut answer, trace);
        }
        let class = notes.class();
        if let (Some(tracer), Some((place, head, begun)), Some(trace)) = (tracer, traced, notes.trace()) {
            let told = Told { head: &head, client, class, status: answer.status().as_u16(), begun };
            tracer.take(place, &told, trace);
        }
        self.count(answer, class, line, begun)
    }

    fn takes_body(&self, head: &Parts) -> bool {
        self.blobs.as_ref().is_some_and(|blobs| blobs.owns(head))
            || self.keys.as_ref().is_some_and(|keys| keys.owns(head))
    }

    fn connections(&self) -> Option<&Gauge> {
        Some(&self.connections)
    }
}

fn class(format: FormatName, object: Object) -> Class {
    Class { format, object, protection: Protection::None, cached: Cached::Never }
}

/// Says how long the stages took, to scripts of other origins too (W3C Resource Timing).
fn time(answer: &mut Response<Body>, trace: &Trace) {
    if let Ok(value) = HeaderValue::from_str(&trace.server_timing()) {
        let headers = answer.headers_mut();
        headers.insert(HeaderName::from_static("server-timing"), value);
        headers.insert(HeaderName::from_static("timing-allow-origin"), HeaderValue::from_static("*"));
    }
}

/// What the player says of itself, in the query or else in headers (CTA-5004 §2).
fn cmcd(head: &Parts) -> Option<Cmcd> {
    static HEADERS: [HeaderName; 4] = [
        HeaderName::from_static("cmcd-request"),
        HeaderName::from_static("cmcd-object"),
        HeaderName::from_static("cmcd-status"),
        HeaderName::from_static("cmcd-session"),
    ];
    let from_headers = || {
        let values = HEADERS.iter().filter_map(|name| head.headers.get(name)?.to_str().ok());
        Cmcd::from_headers(values)
    };
    head.uri.query().and_then(Cmcd::from_query).or_else(from_headers)
}

/// A body as it comes.
pub(super) fn pieces(body: RequestBody) -> BoxStream<'static, io::Result<Bytes>> {
    let pieces = stream::try_unfold(body, |mut body| async move {
        let piece = body.next().await.map_err(io::Error::other)?;
        Ok(piece.map(|piece| (piece, body)))
    });
    pieces.boxed()
}
