//! How an answer came about, for people who run the server: written down while the answer is made, by those who make
//! it. Identifiers of keys are in it, keys never are; of URLs only what stands before their queries.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use hyper::{HeaderMap, Method, Response, Uri};
use serde_json::{Map, Value, json};

use super::admission;
use super::error::Error;
use super::load::Loaded;
use super::notes::Notes;
use super::protection::Protected;
use super::respond::{self, CachePolicy};
use super::trace::{Trace, milliseconds};
use super::url::{Encryption, Resource, StreamingUrl};
use super::{Body, Origin, Request};
use crate::catalog::{Delivery, DeliveryPolicy, DeliveryType, Endpoint, Protocols, PublishedAsset};
use crate::media::{Presentation, Track, TrackGroup};
use crate::odata::DateTime;
use crate::packager::filter::Filter;
use crate::packager::{self, Format, Protocol};
use crate::time::{Timescale, UtcTime};

/// How an explanation is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Form {
    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Text => "text/plain; charset=utf-8",
        }
    }
}

impl Origin {
    /// Answers a request that nobody has made, and says how: a GET of `uri`, with these headers.
    pub async fn explain(&self, uri: &Uri, headers: &HeaderMap, now: SystemTime, form: Form) -> String {
        let trace = Arc::new(Trace::new(true));
        let notes = Notes::traced(Arc::clone(&trace));
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let request = Request { method: &Method::GET, uri, headers, peer, now, notes: &notes };
        let answer = self.handle(request).await;
        written(&trace, &request, &answer, form)
    }
}

/// The explanation instead of the `answer` that it is of.
pub fn explanation(trace: &Trace, request: &Request<'_>, answer: &Response<Body>, form: Form) -> Response<Body> {
    let text = written(trace, request, answer, form);
    let method = if *request.method == Method::HEAD { &Method::HEAD } else { &Method::GET };
    respond::plain(method, form.content_type(), text, CachePolicy::NoStore, request.now)
}

fn written(trace: &Trace, request: &Request<'_>, answer: &Response<Body>, form: Form) -> String {
    let mut all = Map::new();
    all.insert("request".to_owned(), json!({ "method": request.method.as_str(), "path": path(request) }));
    let record = trace.record();
    all.extend(record.facts.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let class = request.notes.class();
    let headers = answer.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into()));
    all.insert(
        "answer".to_owned(),
        json!({
            "status": answer.status().as_u16(),
            "bytes": answer.body().remaining(),
            "format": class.format.name(),
            "protection": class.protection.name(),
            "object": class.object.name(),
            "headers": headers.collect::<Map<String, Value>>(),
        }),
    );
    let reads = record.reads.iter().map(|read| {
        let (begin, took) = (milliseconds(read.begin), milliseconds(read.took));
        let mut value = json!({ "operation": read.operation, "file": read.path, "ranges": read.ranges, "bytes": read.bytes,
            "begin": begin, "milliseconds": took });
        if let (Some(error), Value::Object(map)) = (&read.error, &mut value) {
            map.insert("error".to_owned(), error.as_str().into());
        }
        value
    });
    all.insert("storage".to_owned(), reads.collect());
    let stages = record.stages.iter().map(|span| {
        json!({ "stage": span.name, "begin": milliseconds(span.begin), "milliseconds": milliseconds(span.took) })
    });
    all.insert("stages".to_owned(), stages.collect());
    all.insert("milliseconds".to_owned(), milliseconds(trace.elapsed()).into());
    let all = Value::Object(all);
    let mut text = match form {
        Form::Json => serde_json::to_string_pretty(&all).unwrap_or_default(),
        Form::Text => readable(&all),
    };
    text.push('\n');
    text
}

/// The path without a token.
fn path<'a>(request: &Request<'a>) -> &'a str {
    crate::tokens::split_path(request.uri.path()).1
}

/// Lines of names and values; what belongs together is indented, what is alike is one line each.
fn readable(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out.trim_matches('\n').to_owned()
}

fn write(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Object(_) | Value::Array(_) if !is_short(value) => {
                        out.push_str(&format!("{indent}{name}\n"));
                        write(out, value, depth + 1);
                    }
                    _ => out.push_str(&format!("{indent}{name}: {}\n", short(value))),
                }
                if depth == 0 {
                    out.push('\n');
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(members) if members.values().all(is_short) => {
                        let pairs: Vec<String> = members.iter().map(|(k, v)| format!("{k} {}", short(v))).collect();
                        out.push_str(&format!("{indent}- {}\n", pairs.join(", ")));
                    }
                    _ => out.push_str(&format!("{indent}- {}\n", short(item))),
                }
            }
        }
        other => out.push_str(&format!("{indent}{}\n", short(other))),
    }
}

fn is_short(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.iter().all(|item| !item.is_object() && !item.is_array()),
        _ => true,
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(short).collect::<Vec<_>>().join("; "),
        Value::Object(members) if members.is_empty() => "none".to_owned(),
        other => other.to_string(),
    }
}

/// Which streaming endpoint was asked.
pub(super) fn endpoint(host: Option<&str>, endpoint: Option<&Endpoint>) -> Value {
    let Some(endpoint) = endpoint else { return json!({ "host": host, "name": null }) };
    let settings = &endpoint.settings;
    json!({
        "host": host,
        "name": settings.name,
        "state": settings.state.name(),
        "scale_units": settings.scale_units,
        "admits": if settings.ip_allow.is_empty() || settings.cdn_enabled { "all addresses" } else { "some addresses" },
    })
}

/// How the URL was read.
pub(super) fn url(url: &StreamingUrl) -> Value {
    let mut value = json!({ "read_as": url.canonical(), "locator": url.locator.to_string() });
    let Value::Object(members) = &mut value else { return value };
    match &url.resource {
        Resource::Download { file } => {
            members.insert("file".to_owned(), file.as_str().into());
        }
        Resource::Stream { presentation, object } => {
            members.insert("presentation".to_owned(), presentation.as_str().into());
            members.insert("object".to_owned(), url.resource.kind().name().into());
            let params = object.params();
            let format = packager::format(params.format_tag());
            members.insert(
                "format".to_owned(),
                match (format, &params.format) {
                    (None, _) => "not known".into(),
                    (Some(_), None) => "none named, so Smooth Streaming".into(),
                    (Some(_), Some(tag)) => tag.as_str().into(),
                },
            );
            members.insert("encryption".to_owned(), params.encryption.map(Encryption::name).into());
            members.insert("filters".to_owned(), params.filters.clone().into());
        }
    }
    value
}

/// What the locator leads to.
pub(super) fn asset(asset: &PublishedAsset, now: UtcTime) -> Value {
    let validity = match asset.validity(now) {
        crate::catalog::Validity::Valid => "valid",
        crate::catalog::Validity::Early => "not valid yet",
        crate::catalog::Validity::Expired => "expired",
    };
    let forever = asset.expiration.unix_millis == u64::MAX;
    json!({
        "id": asset.asset.map(|id| id.to_string()),
        "name": asset.name,
        "stored": asset.options.name(),
        "locator": {
            "is": validity,
            "from": date(asset.start),
            "until": if forever { Value::Null } else { date(asset.expiration).into() },
            "wants_a_token_in_urls": asset.demands_path_token,
        },
        "content_keys": asset.keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>(),
        "filters": asset.filters.iter().map(|filter| filter.name.as_str()).collect::<Vec<_>>(),
    })
}

fn date(time: UtcTime) -> String {
    DateTime::from_milliseconds(i64::try_from(time.unix_millis).unwrap_or(i64::MAX)).to_string()
}

/// Which policies there are, which one counts, and why.
pub(super) fn delivery(
    asset: &PublishedAsset,
    format: &dyn Format,
    encryption: Option<Encryption>,
    decision: &Result<Option<Protected>, Error>,
) -> Value {
    let protocol = admission::flag(format.protocol());
    let shown = |policy: &DeliveryPolicy| {
        let flags = [
            (Protocols::SMOOTH, "Smooth"),
            (Protocols::DASH, "DASH"),
            (Protocols::HLS, "HLS"),
            (Protocols::PROGRESSIVE, "downloads"),
        ];
        let protocols = flags.iter().filter(|(flag, _)| policy.protocols.contains(*flag)).map(|(_, name)| *name);
        json!({
            "policy": policy.id.to_string(),
            "name": policy.name,
            "protocols": protocols.collect::<Vec<_>>(),
            "type": policy.delivery_type.name(),
            "is_for_this_protocol": policy.protocols.intersects(protocol) && policy.delivery_type != DeliveryType::None,
        })
    };
    let why = match (asset.delivery(protocol), encryption) {
        (Delivery::Clear, None) if asset.policies.is_empty() => {
            "no policy is linked, and the files are not encrypted in storage"
        }
        (Delivery::Clear, None) => "the policy for this protocol says so",
        (Delivery::Blocked, _) => "a policy blocks this protocol, or policies are linked and none is for it",
        (Delivery::NoPolicy, _) => "the files are encrypted in storage, and no policy says how they may go out",
        (Delivery::Encrypted(_), None) => "the one policy for this protocol encrypts",
        (Delivery::Conflicting, None) => "several policies are for this protocol, and the URL names no encryption",
        (_, Some(_)) => "the URL names an encryption, and the policy has to be of its type",
    };
    let protocol = match format.protocol() {
        Protocol::Smooth => "Smooth Streaming",
        Protocol::Dash => "MPEG-DASH",
        Protocol::Hls => "HLS",
    };
    let mut value = json!({ "protocol": protocol, "why": why });
    let Value::Object(members) = &mut value else { return value };
    let decided = match decision {
        Ok(None) => "in the clear".to_owned(),
        Ok(Some(protected)) => format!("encrypted: {}", protected.protection.scheme.as_str()),
        Err(error) => format!("not at all: {error}"),
    };
    members.insert("decision".to_owned(), decided.into());
    if let Ok(Some(protected)) = decision {
        let without_query = |url: String| url.split('?').next().unwrap_or_default().to_owned();
        let keys = protected
            .protection
            .keys
            .iter()
            .map(|key| json!({ "key_id": key.id.to_string(), "url": key.url.as_ref().map(|url| without_query(url.of(key.id))) }));
        members.insert("keys".to_owned(), keys.collect());
        let systems = protected.protection.systems.iter().map(|signal| {
            let licence = protected.protection.keys.first().and_then(|key| signal.licence_url(key.id));
            json!({ "system": format!("{:?}", signal.system), "url": licence.map(without_query) })
        });
        members.insert("systems".to_owned(), systems.collect());
    }
    members.insert("policies".to_owned(), asset.policies.iter().map(|policy| shown(policy)).collect());
    value
}

/// What of the film the answer is made of: each track, whether it stays, and who removed it.
pub(super) fn film(
    loaded: &Loaded,
    film: &Presentation,
    format: &dyn Format,
    filters: (&[String], &[Filter]),
    protected: Option<&Protected>,
) -> Value {
    let whole = &loaded.presentation;
    let tracks = whole.groups.iter().flat_map(|group| group.tracks.iter().map(move |track| (group, track)));
    let tracks = tracks.map(|(group, track)| {
        let removed = removed(film, format, filters, protected, group, track);
        json!({
            "track": group.name,
            "kind": group.kind.as_str(),
            "language": group.language.0,
            "codec": track.codec.rfc6381(),
            "bitrate": track.bitrate,
            "file": whole.file(track.file).name,
            "stays": removed.is_empty(),
            "removed_by": removed,
        })
    });
    let unread = whole.left_out.iter().map(|left_out| {
        json!({ "file": left_out.file, "track": left_out.track, "codec": left_out.codec, "why": left_out.why.as_str() })
    });
    let (first, end) = film.groups.first().map_or((0, 0), |group| {
        let at = |index| group.boundary_time(index).round(Timescale::MILLISECONDS);
        (at(0), at(group.segment_count()))
    });
    json!({
        "revision": whole.revision.to_string(),
        "files": whole.files.iter().map(|file| format!("{} ({} bytes)", file.name, file.size)).collect::<Vec<_>>(),
        "milliseconds": { "from": first, "to": end },
        "segments": film.groups.first().map_or(0, TrackGroup::segment_count),
        "tracks": tracks.collect::<Vec<_>>(),
        "not_read": unread.collect::<Vec<_>>(),
    })
}

fn removed(
    film: &Presentation,
    format: &dyn Format,
    (names, filters): (&[String], &[Filter]),
    protected: Option<&Protected>,
    group: &TrackGroup,
    track: &Track,
) -> Vec<String> {
    let refuses =
        |filter: &Filter| !filter.tracks.is_empty() && !filter.tracks.iter().any(|rule| rule.accepts(group, track));
    let named = names.iter().zip(filters).filter(|(_, filter)| refuses(filter));
    let mut removed: Vec<String> = named.map(|(name, _)| format!("filter {name}")).collect();
    if !format.carries(&*track.codec) {
        removed.push("the format, which cannot carry this codec".to_owned());
    }
    let is_left = film
        .groups
        .iter()
        .any(|left| left.name == group.name && left.tracks.iter().any(|t| t.bitrate == track.bitrate));
    if removed.is_empty() && !is_left {
        let scheme = protected.map(|protected| protected.protection.scheme.as_str());
        removed.push(scheme.map_or("the time range of the filters".to_owned(), |scheme| {
            format!("{scheme}, which cannot encrypt this codec in this format, or the time range of the filters")
        }));
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_readable() {
        let value = json!({ "a": 1, "b": { "c": "text", "d": [] , "e": [1, 2] }, "f": [{ "g": 1, "h": null }] });
        assert_eq!(readable(&value), "a: 1\n\nb\n  c: text\n  d: none\n  e: 1; 2\n\nf\n  - g 1, h none");
    }
}
