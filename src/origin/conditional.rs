//! Conditional requests (RFC 9110 13).

use hyper::HeaderMap;
use hyper::header::{
    AsHeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::respond::Validators;

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as if there were none.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates the conditions in the order of RFC 9110 13.2.2.
pub fn evaluate(headers: &HeaderMap, current: &Validators) -> Verdict {
    if headers.contains_key(IF_MATCH) {
        if !matches(headers, IF_MATCH, current, Comparison::Strong) {
            return Verdict::Failed;
        }
    } else if let (Some(limit), Some(modified)) = (date(headers, IF_UNMODIFIED_SINCE), current.last_modified)
        && whole_seconds(modified) > limit
    {
        return Verdict::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if matches(headers, IF_NONE_MATCH, current, Comparison::Weak) {
            return Verdict::NotModified;
        }
    } else if let (Some(limit), Some(modified)) = (date(headers, IF_MODIFIED_SINCE), current.last_modified)
        && whole_seconds(modified) <= limit
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether `If-None-Match` names the very entity tag, not just `*`.
pub fn names_entity(headers: &HeaderMap, current: &Validators) -> bool {
    let any = headers.get_all(IF_NONE_MATCH).iter().any(|value| value.as_bytes().trim_ascii() == b"*");
    !any && matches(headers, IF_NONE_MATCH, current, Comparison::Weak)
}

/// Whether a `Range` header counts: there is no `If-Range`, or it names exactly what we have
/// (RFC 9110 13.1.5: strong comparison, or the very same date).
pub fn range_applies(headers: &HeaderMap, current: &Validators) -> bool {
    let Some(value) = headers.get(IF_RANGE) else {
        return true;
    };
    let value = value.as_bytes().trim_ascii();
    if value.starts_with(b"\"") {
        return value == current.etag.as_bytes();
    }
    match (date(headers, IF_RANGE), current.last_modified) {
        (Some(date), Some(modified)) => whole_seconds(modified) == date,
        _ => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

fn matches(headers: &HeaderMap, name: impl AsHeaderName, current: &Validators, how: Comparison) -> bool {
    headers.get_all(name).iter().any(|value| list_matches(value, &current.etag, how))
}

/// Whether `*` or one of the listed entity tags is `ours`. Entity tags may contain commas, so this
/// walks from quote to quote; what is malformed ends the walk.
fn list_matches(list: &HeaderValue, ours: &HeaderValue, how: Comparison) -> bool {
    let mut rest = list.as_bytes().trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        let weak = rest.starts_with(b"W/");
        if weak {
            rest = &rest[2..];
        }
        let [b'"', opaque @ ..] = rest else {
            return false;
        };
        let Some(length) = opaque.iter().position(|&c| c == b'"') else {
            return false;
        };
        let (tag, after) = rest.split_at(length + 2);
        if tag == ours.as_bytes() && !(weak && how == Comparison::Strong) {
            return true;
        }
        rest = after;
    }
}

fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<SystemTime> {
    headers.get(name)?.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok())
}

/// HTTP dates have no fractions (RFC 9110 5.6.7).
pub(super) fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current() -> Validators {
        let modified = UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        Validators::new("a,b", Some(modified))
    }

    fn verdict(headers: &[(&'static str, &'static str)]) -> Verdict {
        let map = headers.iter().map(|&(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect();
        evaluate(&map, &current())
    }

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    #[test]
    fn table() {
        use Verdict::{Failed, NotModified, Proceed};
        let cases: &[(&[(&'static str, &'static str)], Verdict)] = &[
            (&[], Proceed),
            (&[("if-none-match", "\"a,b\"")], NotModified),
            (&[("if-none-match", "W/\"a,b\"")], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"x\", W/\"y\" ,\"a,b\"")], NotModified),
            (&[("if-none-match", "\"a\",\"b\"")], Proceed),
            (&[("if-none-match", "a,b")], Proceed),
            (&[("if-none-match", "\"a,b")], Proceed),
            (&[("if-none-match", "\"x\""), ("if-modified-since", DATE)], Proceed),
            (&[("if-modified-since", DATE)], NotModified),
            (&[("if-modified-since", BEFORE)], Proceed),
            (&[("if-modified-since", "yesterday")], Proceed),
            (&[("if-match", "\"a,b\"")], Proceed),
            (&[("if-match", "*")], Proceed),
            (&[("if-match", "W/\"a,b\"")], Failed),
            (&[("if-match", "\"x\"")], Failed),
            (&[("if-unmodified-since", DATE)], Proceed),
            (&[("if-unmodified-since", BEFORE)], Failed),
            (&[("if-match", "\"a,b\""), ("if-unmodified-since", BEFORE)], Proceed),
        ];
        for (headers, expected) in cases {
            assert_eq!(verdict(headers), *expected, "{headers:?}");
        }
    }

    #[test]
    fn several_header_lines_are_one_list() {
        let mut map = HeaderMap::new();
        map.append(IF_NONE_MATCH, HeaderValue::from_static("\"x\""));
        map.append(IF_NONE_MATCH, HeaderValue::from_static("\"a,b\""));
        assert_eq!(evaluate(&map, &current()), Verdict::NotModified);
    }

    #[test]
    fn if_range() {
        for (value, applies) in [
            ("\"a,b\"", true),
            ("W/\"a,b\"", false),
            ("\"x\"", false),
            (DATE, true),
            (BEFORE, false),
            ("nonsense", false),
        ] {
            let map = HeaderMap::from_iter([(IF_RANGE, HeaderValue::from_static(value))]);
            assert_eq!(range_applies(&map, &current()), applies, "{value}");
        }
        assert!(range_applies(&HeaderMap::new(), &current()));
    }
}
