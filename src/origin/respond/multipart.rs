//! `multipart/byteranges` (RFC 9110 14.6).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::BodyExt;
use hyper::header::HeaderValue;

use super::Validators;
use crate::origin::Body;

/// A boundary that is a function of the request, so that two nodes give the same bytes.
pub(super) fn boundary(validators: &Validators, ranges: &[Range<u64>]) -> String {
    let mut hasher = DefaultHasher::new();
    validators.etag.as_bytes().hash(&mut hasher);
    ranges.hash(&mut hasher);
    let first = hasher.finish();
    b"headwater".hash(&mut hasher);
    format!("headwater-{first:016x}{:016x}", hasher.finish())
}

/// What stands before part number `index`.
pub(super) fn part_head(index: usize, boundary: &str, content_type: &HeaderValue, content_range: &str) -> Bytes {
    let mut head = Vec::with_capacity(160);
    // The line break before a boundary belongs to the boundary (RFC 2046 5.1.1).
    head.extend_from_slice(if index == 0 { b"--" } else { b"\r\n--" });
    head.extend_from_slice(boundary.as_bytes());
    head.extend_from_slice(b"\r\nContent-Type: ");
    head.extend_from_slice(content_type.as_bytes());
    head.extend_from_slice(b"\r\nContent-Range: ");
    head.extend_from_slice(content_range.as_bytes());
    head.extend_from_slice(b"\r\n\r\n");
    Bytes::from(head)
}

/// What stands after the last part.
pub(super) fn end(boundary: &str) -> Bytes {
    Bytes::from(format!("\r\n--{boundary}--\r\n"))
}

pub(super) fn into_stream(body: Body) -> impl Stream<Item = io::Result<Bytes>> {
    body.into_data_stream()
}
