//! Headers and bodies that clients of Azure Blob Storage expect.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, CONTENT_TYPE,
    ETAG, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION,
};
use hyper::{HeaderMap, Method, Response, StatusCode};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Error;
use crate::clock;
use crate::origin::Body;
use crate::store::ObjectInfo;
use crate::xml::{Layout, Writer};

const VERSION: HeaderName = HeaderName::from_static("x-ms-version");

/// The newest service version whose answers ours are like.
const OUR_VERSION: HeaderValue = HeaderValue::from_static("2020-12-06");

/// Headers that scripts in a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Length, Content-MD5, Content-Range, Date, ETag, Last-Modified, x-ms-blob-type, \
     x-ms-error-code, x-ms-request-id, x-ms-request-server-encrypted, x-ms-version",
);

/// The version that the client asked for, which the answer states again.
pub(super) fn version(headers: &HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| value.len() == 10 && value.as_bytes().iter().all(u8::is_ascii_graphic);
    headers.get(&VERSION).filter(sane).cloned().unwrap_or(OUR_VERSION)
}

/// What every answer has.
pub(super) fn common(headers: &mut HeaderMap, version: HeaderValue) {
    headers.insert(VERSION, version);
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert("x-ms-request-id", id);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// What a page's script asks before it uploads.
pub(super) fn preflight(request: &HeaderMap) -> Response<Body> {
    let mut answer = empty(StatusCode::OK);
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, PUT, DELETE, OPTIONS"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|wanted| wanted.len() <= 1024) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    answer
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// A file that was written.
pub(super) fn created(info: &ObjectInfo) -> Response<Body> {
    let mut answer = empty(StatusCode::CREATED);
    let headers = answer.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", tag(info))) {
        headers.insert(ETAG, tag);
    }
    if let Ok(time) = HeaderValue::from_str(&http_date(info)) {
        headers.insert(LAST_MODIFIED, time);
    }
    headers.insert("x-ms-request-server-encrypted", HeaderValue::from_static("false"));
    answer
}

/// An XML document.
pub(super) fn document(status: StatusCode, text: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    answer
}

/// An error: the service's code in a header and in the body, and a sentence for people.
pub(super) fn refused(method: &Method, error: &Error) -> Response<Body> {
    let (status, code) = error.answer();
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        tracing::warn!(%error, "a blob request failed");
    }
    let mut xml = Writer::new(Layout::Compact);
    xml.declaration();
    xml.open("Error", &[]);
    xml.element("Code", &[], code);
    xml.element("Message", &[], &error.to_string());
    xml.close();
    let mut answer = match *method {
        Method::HEAD => empty(status),
        _ => document(status, xml.finish()),
    };
    answer.headers_mut().insert("x-ms-error-code", HeaderValue::from_static(code));
    answer
}

/// Headers of a file.
pub(super) fn blob_headers() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (HeaderName::from_static("x-ms-blob-type"), HeaderValue::from_static("BlockBlob")),
        (HeaderName::from_static("x-ms-lease-status"), HeaderValue::from_static("unlocked")),
        (HeaderName::from_static("x-ms-lease-state"), HeaderValue::from_static("available")),
        (HeaderName::from_static("x-ms-server-encrypted"), HeaderValue::from_static("false")),
    ]
}

/// The digits of a file's entity tag, in the form of the service.
pub(super) fn tag(info: &ObjectInfo) -> String {
    let mut digest = Sha256::new();
    digest.update(info.size.to_be_bytes());
    digest.update(info.modified.unix_millis.to_be_bytes());
    digest.update(info.etag.as_deref().unwrap_or_default().as_bytes());
    digest.update(info.path.as_bytes());
    let digits: String = digest.finalize()[..8].iter().map(|b| format!("{b:02X}")).collect();
    format!("0x{digits}")
}

/// The file is to be had at `url`, for a while.
pub(super) fn elsewhere(url: &str) -> Result<Response<Body>, Error> {
    let location = HeaderValue::from_str(url).map_err(|_| Error::Unsupported("files whose names fit no URL"))?;
    let mut answer = empty(StatusCode::TEMPORARY_REDIRECT);
    answer.headers_mut().insert(LOCATION, location);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// When a file was written, for `Last-Modified`.
pub(super) fn http_date(info: &ObjectInfo) -> String {
    httpdate::fmt_http_date(clock::system_time(info.modified))
}
