//! Answers: never cached, readable by pages of any origin.

use std::time::SystemTime;

use bytes::Bytes;
use hyper::header::{ACCESS_CONTROL_ALLOW_METHODS, ALLOW, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Response, StatusCode};

use super::error::Error;
use crate::origin::Body;
use crate::origin::respond::{self, CachePolicy};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");

/// What a page's script asks before it sends a token.
pub(super) fn preflight(headers: &HeaderMap, now: SystemTime) -> Response<Body> {
    let answer = respond::method_answer(&Method::OPTIONS, headers, now);
    let mut answer = answer.unwrap_or_else(|| Response::new(Body::empty()));
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.headers_mut().insert(ALLOW, METHODS);
    answer
}

/// A key or a licence.
pub(super) fn given(content_type: &'static str, body: Bytes, now: SystemTime) -> Response<Body> {
    let mut answer = respond::plain(&Method::POST, content_type, body, CachePolicy::NoStore, now);
    // For caches that know no better.
    answer.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

/// A refusal: the status, and the same few words for all of its kind.
pub(super) fn refused(error: &Error, now: SystemTime) -> Response<Body> {
    let (status, text) = error.answer();
    let mut answer = given("text/plain; charset=utf-8", Bytes::from(format!("{text}\n")), now);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    match error {
        Error::TooMany { wait } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*wait));
        }
        Error::Method => {
            headers.insert(ALLOW, METHODS);
        }
        _ if status == StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    answer
}
