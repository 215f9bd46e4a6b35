//! From finished media, or from an error, to an HTTP answer.
//!
//! Two stages: [`check`] decides with method, headers and validators alone, so that a 304, a 412 or
//! a preflight never builds a body; what is left is a [`Pending`] answer that takes the body.

mod headers;
mod multipart;

use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RANGE,
    RETRY_AFTER,
};
use hyper::{HeaderMap, Method, Response, StatusCode};

use super::body::{self, ByteStream};
use super::conditional::{self, Verdict};
use super::range::{self, Wanted};
use super::{Body, Error};

pub use super::range::{MAX_RANGES, Parts};
pub use headers::{ALLOWED_METHODS, CachePolicy, Validators, file_type, left_out, streaming_duration};

/// What is known of an answer before its body is.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The media type.
    pub content_type: HeaderValue,
    /// ETag and modification time.
    pub validators: Validators,
    /// How long caches may keep it.
    pub cache: CachePolicy,
    /// How many byte ranges one answer may have.
    pub parts: Parts,
    /// Further headers, e.g. [`streaming_duration`].
    pub extra: Vec<(HeaderName, HeaderValue)>,
}

/// What a request comes to before any body is built.
#[derive(Debug)]
pub enum Checked {
    /// Finished without a body: 304, 412, preflight, 405.
    Answer(Box<Response<Body>>),
    /// A body is wanted.
    Build(Box<Pending>),
}

/// An answer that waits for its body.
#[derive(Debug)]
pub struct Pending {
    head: bool,
    range: Option<String>,
    meta: Meta,
    now: SystemTime,
}

/// Decides what can be decided without the body. `now` is the time of the request.
pub fn check(method: &Method, headers: &HeaderMap, meta: Meta, now: SystemTime) -> Checked {
    if let Some(answer) = method_answer(method, headers, now) {
        return Checked::Answer(Box::new(answer));
    }
    match conditional::evaluate(headers, &meta.validators) {
        Verdict::Failed => Checked::Answer(Box::new(error(method, &Error::PreconditionFailed, now))),
        Verdict::NotModified => {
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            describe(answer.headers_mut(), &meta, now);
            Checked::Answer(Box::new(answer))
        }
        Verdict::Proceed => {
            // RFC 9110 14.2: Range is defined for GET only.
            let range = (*method == Method::GET && conditional::range_applies(headers, &meta.validators))
                .then(|| headers.get(RANGE)?.to_str().ok().map(str::to_owned))
                .flatten();
            Checked::Build(Box::new(Pending { head: *method == Method::HEAD, range, meta, now }))
        }
    }
}

/// Whether the request carries the entity tag of what it asks for, so that the client has had it before.
pub fn names_entity(headers: &HeaderMap, current: &Validators) -> bool {
    conditional::names_entity(headers, current)
}

/// The answer to a method that needs no resource: OPTIONS, or 405 for anything but GET and HEAD.
/// A handler may ask this first, before it looks anything up.
pub fn method_answer(method: &Method, headers: &HeaderMap, now: SystemTime) -> Option<Response<Body>> {
    match *method {
        Method::GET | Method::HEAD => None,
        Method::OPTIONS => Some(headers::preflight(headers)),
        _ => Some(error(method, &Error::MethodNotAllowed, now)),
    }
}

/// The answer for an error: a readable body, and caching that suits it.
pub fn error(method: &Method, error: &Error, now: SystemTime) -> Response<Body> {
    let status = error.answer().status;
    let text = error.body();
    let length = text.len() as u64;
    let body = if *method == Method::HEAD { Body::empty() } else { Body::from(text) };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let map = answer.headers_mut();
    headers::common(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    map.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let cache = match status {
        // Long enough to take the weight off a missing file, short enough for one that comes.
        StatusCode::NOT_FOUND | StatusCode::GONE => CachePolicy::MaxAge(CachePolicy::NOT_FOUND),
        _ => CachePolicy::NoStore,
    };
    cache.write(map, now);
    if let Error::RangeNotSatisfiable { length } = error {
        insert(map, CONTENT_RANGE, &format!("bytes */{length}"));
    }
    if *error == Error::MethodNotAllowed {
        map.insert(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
    }
    if let Some(wait) = error.retry_after() {
        map.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    answer
}

/// A small answer outside the streaming grammar: health, cross-domain policies.
pub fn plain(
    method: &Method,
    content_type: &'static str,
    body: impl Into<Bytes>,
    cache: CachePolicy,
    now: SystemTime,
) -> Response<Body> {
    let body: Bytes = body.into();
    let length = body.len() as u64;
    let mut answer = Response::new(if *method == Method::HEAD { Body::empty() } else { Body::from(body) });
    let map = answer.headers_mut();
    headers::common(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    map.insert(CONTENT_LENGTH, HeaderValue::from(length));
    cache.write(map, now);
    answer
}

/// To another URL of the same thing, for this once. `location` is relative and percent-encoded.
pub fn redirect(location: &str, now: SystemTime) -> Response<Body> {
    let mut answer = plain(&Method::HEAD, "text/plain", Bytes::new(), CachePolicy::NoStore, now);
    *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    insert(answer.headers_mut(), LOCATION, location);
    answer
}

impl Pending {
    /// Whether the request is HEAD, so that its body's length is all that is needed.
    pub fn is_head(&self) -> bool {
        self.head
    }

    /// Says the media type, where only the body's maker knows it.
    pub fn set_content_type(&mut self, content_type: HeaderValue) {
        self.meta.content_type = content_type;
    }

    /// Adds a header that became known while the body was built, e.g. `Server-Timing`.
    pub fn add_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.meta.extra.push((name, value));
    }

    /// Answers HEAD with the length that GET's body would have, in bytes; `None` where only making it would tell
    /// (RFC 9110 9.3.2).
    pub fn head(self, length: Option<u64>) -> Response<Body> {
        let mut answer = self.answer(StatusCode::OK, Body::empty());
        if let Some(length) = length {
            answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        answer
    }

    /// Answers with a body in memory, or the part of it that the request wants.
    pub fn finish(self, pieces: Vec<Bytes>) -> Response<Body> {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.respond(length, |range| Body::from_pieces(body::cut(&pieces, range)))
    }

    /// Answers with `length` bytes from storage. `open` gives the stream of a byte range and is
    /// called once per range that is sent; it should not begin to read before it is polled.
    pub fn finish_stream(self, length: u64, open: impl FnMut(Range<u64>) -> ByteStream) -> Response<Body> {
        let mut open = open;
        self.respond(length, |range| {
            let bytes = range.end - range.start;
            Body::from_stream(open(range), bytes)
        })
    }

    fn respond(self, length: u64, mut part: impl FnMut(Range<u64>) -> Body) -> Response<Body> {
        if self.head {
            return self.head(Some(length));
        }
        let wanted = match &self.range {
            Some(header) => range::parse(header, length, self.meta.parts),
            None => Wanted::Whole,
        };
        match wanted {
            Wanted::Whole => {
                let mut answer = self.answer(StatusCode::OK, part(0..length));
                answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
                answer
            }
            Wanted::Unsatisfiable => error(&Method::GET, &Error::RangeNotSatisfiable { length }, self.now),
            Wanted::Ranges(ranges) => match ranges.as_slice() {
                [only] => {
                    let bytes = only.end - only.start;
                    let mut answer = self.answer(StatusCode::PARTIAL_CONTENT, part(only.clone()));
                    let map = answer.headers_mut();
                    map.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
                    insert(map, CONTENT_RANGE, &content_range(only, length));
                    answer
                }
                _ => self.multipart(&ranges, length, part),
            },
        }
    }

    fn multipart(self, ranges: &[Range<u64>], length: u64, mut part: impl FnMut(Range<u64>) -> Body) -> Response<Body> {
        let boundary = multipart::boundary(&self.meta.validators, ranges);
        let mut total = 0u64;
        let mut bodies: Vec<Body> = Vec::with_capacity(ranges.len() * 2 + 1);
        let mut push = |body: Body| {
            total += body.remaining();
            bodies.push(body);
        };
        for (i, range) in ranges.iter().enumerate() {
            push(multipart::part_head(i, &boundary, &self.meta.content_type, &content_range(range, length)).into());
            push(part(range.clone()));
        }
        push(multipart::end(&boundary).into());
        let stream = futures_util::stream::iter(bodies).flat_map(multipart::into_stream);
        let mut answer = self.answer(StatusCode::PARTIAL_CONTENT, Body::from_stream(Box::pin(stream), total));
        let map = answer.headers_mut();
        map.insert(CONTENT_LENGTH, HeaderValue::from(total));
        insert(map, CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
        answer
    }

    fn answer(self, status: StatusCode, body: Body) -> Response<Body> {
        let mut answer = Response::new(body);
        *answer.status_mut() = status;
        let map = answer.headers_mut();
        describe(map, &self.meta, self.now);
        map.insert(CONTENT_TYPE, self.meta.content_type);
        map.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        answer
    }
}

/// The headers that 200, 206 and 304 share (RFC 9110 15.4.5).
fn describe(map: &mut HeaderMap, meta: &Meta, now: SystemTime) {
    headers::common(map);
    meta.validators.write(map, now);
    meta.cache.write(map, now);
    for (name, value) in &meta.extra {
        map.append(name.clone(), value.clone());
    }
}

fn content_range(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1))
}

/// For values that are digits and plain words by construction.
fn insert(map: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        map.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
