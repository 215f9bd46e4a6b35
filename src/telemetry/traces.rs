//! Traces for a collector of OpenTelemetry: one span for a request and one for each of its stages, sent as OTLP over
//! HTTP in JSON (OTLP 1.x, "OTLP/HTTP"; names of attributes by its semantic conventions).
//!
//! Of most requests there is none. What cannot be sent is dropped and counted: no request waits for a collector.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout_at};

use crate::counters::Counter;
use crate::origin::{Class, Trace};
use crate::tokens;

/// Requests that wait to be sent.
const QUEUE: usize = 1024;
/// Requests in one message, and how long the first of them waits for others.
const BATCH: usize = 128;
const GATHER: Duration = Duration::from_secs(2);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest path that is sent, bytes.
const MAX_PATH: usize = 1024;

/// `SPAN_KIND_INTERNAL`, `SPAN_KIND_SERVER` and `SPAN_KIND_CLIENT`; `STATUS_CODE_ERROR`.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;

/// Where traces go.
pub struct Tracer {
    sender: Sender<Value>,
    every: u64,
    seen: AtomicU64,
    counts: Arc<Counts>,
}

/// What became of traces.
#[derive(Debug, Default)]
pub struct Counts {
    /// Taken by the collector.
    pub sent: Counter,
    /// Lost: the queue was full, or the collector did not take them.
    pub dropped: Counter,
}

/// Where a request's trace belongs: in one that the client has begun, or in one of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    trace: [u8; 16],
    parent: Option<[u8; 8]>,
}

/// What is told of a request beside its trace.
#[derive(Debug)]
pub struct Told<'a> {
    /// Its head.
    pub head: &'a Head,
    /// Who asked.
    pub client: IpAddr,
    /// What the answer is.
    pub class: Class,
    /// Its status.
    pub status: u16,
    /// When the request came.
    pub begun: SystemTime,
}

/// What is kept of a request's head.
#[derive(Debug)]
pub struct Head {
    method: String,
    path: String,
}

impl Head {
    /// Of a request; without a token in its path, and without its query.
    pub fn of(head: &Parts) -> Head {
        let path = tokens::split_path(head.uri.path()).1;
        let path = path.get(..path.floor_char_boundary(MAX_PATH)).unwrap_or_default().to_owned();
        Head { method: head.method.to_string(), path }
    }
}

impl Tracer {
    /// Sends to the collector at `endpoint` (`http://host:4318`): one of `every` requests, and those whose client
    /// traces them. What is returned beside it does the sending, for as long as it is polled.
    ///
    /// # Errors
    /// When no client of HTTP can be made on this machine.
    pub fn new(
        endpoint: &str,
        every: u64,
    ) -> Result<(Tracer, impl Future<Output = ()> + Send + use<>), reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let (sender, receiver) = channel(QUEUE);
        let counts: Arc<Counts> = Arc::default();
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let tracer = Tracer { sender, every: every.max(1), seen: AtomicU64::new(0), counts: Arc::clone(&counts) };
        Ok((tracer, send(http, url, receiver, counts)))
    }

    /// What became of traces.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether this request is traced, and where its trace belongs. The client decides if it says so (W3C Trace
    /// Context, `traceparent`).
    pub fn place(&self, head: &Parts) -> Option<Place> {
        let header = head.headers.get("traceparent").and_then(|value| value.to_str().ok());
        match header.and_then(parent) {
            Some((place, sampled)) => sampled.then_some(place),
            None => {
                let chosen = self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every);
                chosen.then(|| Some(Place { trace: random()?, parent: None })).flatten()
            }
        }
    }

    /// Takes a finished trace.
    pub fn take(&self, place: Place, told: &Told<'_>, trace: &Trace) {
        let Some(spans) = spans(place, told, trace) else { return };
        if self.sender.try_send(spans).is_err() {
            self.counts.dropped.increment();
        }
    }
}

/// `traceparent` (W3C Trace Context 3.2): where it puts the request, and whether the client samples it.
fn parent(header: &str) -> Option<(Place, bool)> {
    let mut parts = header.trim().split('-');
    let version: [u8; 1] = from_hex(parts.next()?)?;
    let (trace, span, flags): ([u8; 16], [u8; 8], [u8; 1]) =
        (from_hex(parts.next()?)?, from_hex(parts.next()?)?, from_hex(parts.next()?)?);
    // Later versions may have more parts.
    let whole = version != [0xff] && (version != [0] || parts.next().is_none());
    let valid = whole && trace != [0; 16] && span != [0; 8];
    valid.then_some((Place { trace, parent: Some(span) }, flags[0] & 1 == 1))
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.len() == 2 * N && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate().filter(|_| digits) {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    digits.then_some(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// The spans of a request, as a list.
fn spans(place: Place, told: &Told<'_>, trace: &Trace) -> Option<Value> {
    let record = trace.record();
    let begun = told.begun.duration_since(UNIX_EPOCH).ok()?;
    let whole: [u8; 8] = random()?;
    let trace_id = hex(&place.trace);
    let span = |id: [u8; 8], parent: Option<[u8; 8]>, name: String, kind: u8, (begin, took): (Duration, Duration)| {
        json!({
            "traceId": trace_id,
            "spanId": hex(&id),
            "parentSpanId": parent.map_or(String::new(), |parent| hex(&parent)),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": (begun + begin).as_nanos().to_string(),
            "endTimeUnixNano": (begun + begin + took).as_nanos().to_string(),
        })
    };
    let name = format!("{} {}", told.head.method, told.class.object.name());
    let mut request = span(whole, place.parent, name, SERVER, (Duration::ZERO, trace.elapsed()));
    request["attributes"] = attributes(&[
        ("http.request.method", told.head.method.as_str().into()),
        ("http.response.status_code", told.status.into()),
        ("url.path", told.head.path.as_str().into()),
        ("client.address", told.client.to_string().into()),
        ("headwater.format", told.class.format.name().into()),
        ("headwater.protection", told.class.protection.name().into()),
        ("headwater.cache", told.class.cached.name().into()),
    ]);
    if told.status >= 500 {
        request["status"] = json!({ "code": ERROR });
    }
    let mut all = vec![request];
    for stage in &record.stages {
        all.push(span(random()?, Some(whole), stage.name.to_owned(), INTERNAL, (stage.begin, stage.took)));
    }
    for read in &record.reads {
        let name = format!("storage {}", read.operation);
        let mut span = span(random()?, Some(whole), name, CLIENT, (read.begin, read.took));
        span["attributes"] = attributes(&[
            ("headwater.storage.ranges", read.ranges.into()),
            ("headwater.storage.bytes", read.bytes.into()),
        ]);
        if let Some(error) = &read.error {
            span["status"] = json!({ "code": ERROR, "message": error });
        }
        all.push(span);
    }
    Some(Value::Array(all))
}

/// Attributes as OTLP has them; 64-bit integers are texts in JSON.
fn attributes(pairs: &[(&str, Value)]) -> Value {
    let one = |(key, value): &(&str, Value)| {
        let value = match value {
            Value::Number(number) => json!({ "intValue": number.to_string() }),
            other => json!({ "stringValue": other }),
        };
        json!({ "key": key, "value": value })
    };
    pairs.iter().map(one).collect()
}

fn message(spans: Vec<Value>) -> Value {
    let resource = attributes(&[
        ("service.name", "headwater".into()),
        ("service.version", env!("CARGO_PKG_VERSION").into()),
        ("process.pid", std::process::id().into()),
    ]);
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": { "name": "headwater" }, "spans": spans }],
    }] })
}

/// Gathers and sends until there is nobody left who traces.
async fn send(http: reqwest::Client, url: String, mut receiver: Receiver<Value>, counts: Arc<Counts>) {
    let mut failing = false;
    while let Some(first) = receiver.recv().await {
        let until = Instant::now() + GATHER;
        let mut requests = vec![first];
        while requests.len() < BATCH {
            match timeout_at(until, receiver.recv()).await {
                Ok(Some(next)) => requests.push(next),
                _ => break,
            }
        }
        let count = requests.len() as u64;
        let spans = requests.into_iter().flat_map(|spans| if let Value::Array(spans) = spans { spans } else { vec![] });
        let body = message(spans.collect()).to_string();
        let sent = http.post(&url).header("content-type", "application/json").body(body).send().await;
        let problem = match sent.and_then(reqwest::Response::error_for_status) {
            Ok(_) => None,
            // What is wrong, without the address, which may hold a secret.
            Err(error) => Some(error.without_url().to_string()),
        };
        match &problem {
            None => counts.sent.add(count),
            Some(problem) => {
                counts.dropped.add(count);
                if !failing {
                    tracing::warn!(problem, "the collector does not take traces; they are dropped until it does");
                }
            }
        }
        failing = problem.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (place, sampled) = parent(good).unwrap();
        assert!(sampled && hex(&place.trace).starts_with("4bf92f") && place.parent.map(|id| id[1]) == Some(0xf0));
        assert!(!parent(&good.replace("-01", "-00")).unwrap().1);
        assert!(parent(&format!("cc{}-more", &good[2..])).is_some());
        for bad in [
            "",
            "00",
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}-more"),
            &format!("ff{}", &good[2..]),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-ä-ö-ü",
        ] {
            assert_eq!(parent(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn one_of_many_is_chosen_and_a_full_queue_drops() {
        let (tracer, sending) = Tracer::new("http://127.0.0.1:9", 10).unwrap();
        let head = || hyper::Request::get("/a").body(()).unwrap().into_parts().0;
        let chosen = (0..100).filter(|_| tracer.place(&head()).is_some()).count();
        assert_eq!(chosen, 10);
        let place = tracer.place(&head()).unwrap();
        let (kept, class) = (Head::of(&head()), Class::default());
        let client = IpAddr::from([127, 0, 0, 1]);
        let told = Told { head: &kept, client, class, status: 503, begun: SystemTime::now() };
        for _ in 0..QUEUE + 5 {
            tracer.take(place, &told, &Trace::new(false));
        }
        assert_eq!(tracer.counts().dropped.get(), 5);
        drop(sending);
    }
}
