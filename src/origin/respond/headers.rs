//! The headers that answers carry.

use std::time::{Duration, SystemTime};

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CACHE_CONTROL, ETAG,
    EXPIRES, HeaderName, HeaderValue, LAST_MODIFIED, SERVER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Response, StatusCode};

use crate::media::LeftOut;
use crate::origin::Body;
use crate::origin::conditional::whole_seconds;

/// The methods of streaming URLs, as `Allow` lists them.
pub const ALLOWED_METHODS: &str = "GET, HEAD, OPTIONS";

const SERVER_NAME: &str = concat!("Headwater/", env!("CARGO_PKG_VERSION"));

/// Headers that scripts in a page may read; without this, players measure nothing.
const EXPOSED: &str = "Accept-Ranges, Content-Length, Content-Range, Date, ETag, Last-Modified, Retry-After, Server, \
                       Server-Timing, x-headwater-left-out, x-ms-streaming-duration";

/// Request headers that players are known to send, for preflights that name none.
const ALLOWED_HEADERS: &str = "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range";

/// Longest list of wanted request headers that a preflight's answer repeats, in bytes.
const MAX_ECHO: usize = 1024;

/// What conditional requests compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The strong entity tag with its quotes.
    pub etag: HeaderValue,
    /// When the newest source file was modified, if known.
    pub last_modified: Option<SystemTime>,
}

impl Validators {
    /// From the text of a strong entity tag without quotes. Characters that a tag cannot hold
    /// (RFC 9110 8.8.3) are left out; make tags from digests and no such question arises.
    pub fn new(tag: &str, last_modified: Option<SystemTime>) -> Validators {
        let quoted: String = std::iter::once('"')
            .chain(tag.chars().filter(|c| c.is_ascii_graphic() && *c != '"'))
            .chain(std::iter::once('"'))
            .collect();
        let etag = HeaderValue::from_str(&quoted).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Validators { etag, last_modified }
    }

    pub(super) fn write(&self, map: &mut HeaderMap, now: SystemTime) {
        map.insert(ETAG, self.etag.clone());
        if let Some(modified) = self.last_modified {
            // Never in the future, whatever the file system says (RFC 9110 8.8.2.1).
            http_date(map, LAST_MODIFIED, whole_seconds(modified.min(now)));
        }
    }
}

/// How long caches may keep an answer. There is no `immutable`: a URL
/// names no revision, and a replaced film keeps its URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// This long, in whole seconds.
    MaxAge(Duration),
    /// Not at all.
    NoStore,
}

impl CachePolicy {
    /// On-demand manifests and all fragments, unless configured otherwise.
    pub const MEDIA: Duration = Duration::from_secs(3 * 24 * 60 * 60);
    /// Answers that say something does not exist.
    pub const NOT_FOUND: Duration = Duration::from_secs(10);

    /// Writes `Cache-Control` and `Expires`, which say the same thing twice for old caches.
    pub(super) fn write(self, map: &mut HeaderMap, now: SystemTime) {
        match self {
            CachePolicy::MaxAge(age) => {
                // RFC 9111 1.2.2: caches understand at least 31 bits.
                let age = age.as_secs().min(i32::MAX as u64);
                super::insert(map, CACHE_CONTROL, &format!("max-age={age}"));
                http_date(map, EXPIRES, now + Duration::from_secs(age));
            }
            CachePolicy::NoStore => {
                map.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
        }
    }
}

/// The headers of every answer, errors too: without CORS a player cannot even read the error.
pub(super) fn common(map: &mut HeaderMap) {
    map.insert(SERVER, HeaderValue::from_static(SERVER_NAME));
    map.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    map.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    map.insert(HeaderName::from_static("timing-allow-origin"), HeaderValue::from_static("*"));
    map.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The answer to OPTIONS, preflight or not.
pub(super) fn preflight(request: &HeaderMap) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let map = answer.headers_mut();
    common(map);
    map.insert(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
    map.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOWED_METHODS));
    // Repeating what is asked lets through headers that some player invents tomorrow.
    let wanted = request.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|value| value.len() <= MAX_ECHO);
    let allowed = wanted.cloned().unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS));
    map.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    map.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    answer
}

/// `x-ms-streaming-duration: video=6006`: what a media object plays, in
/// milliseconds. `kind` is `video`, `audio` or `text`.
pub fn streaming_duration(kind: &str, milliseconds: u64) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("{kind}={milliseconds}"));
    let value = value.unwrap_or_else(|_| HeaderValue::from(milliseconds));
    (HeaderName::from_static("x-ms-streaming-duration"), value)
}

/// Longest value of `x-headwater-left-out`, bytes: intermediaries refuse answers with long headers.
const MAX_LEFT_OUT: usize = 1024;

/// `x-headwater-left-out: "film_90.mp4";track=1;codec="av01.0.00M.08";why=format`: the stored tracks that a
/// manifest does not list, as a list of strings with parameters (RFC 9651 3.1). Where they do not all fit,
/// the last member is `more;tracks=N`. `None` when nothing is left out.
pub fn left_out(tracks: &[LeftOut]) -> Option<(HeaderName, HeaderValue)> {
    let mut value = String::new();
    for (index, track) in tracks.iter().enumerate() {
        let file = quoted(&track.file);
        let (codec, why) = (quoted(&track.codec), track.why.as_str());
        let member = format!("{file};track={};codec={codec};why={why}", track.track);
        let more = format!("more;tracks={}", tracks.len() - index);
        if value.len() + member.len() + more.len() + 4 > MAX_LEFT_OUT {
            push_member(&mut value, &more);
            break;
        }
        push_member(&mut value, &member);
    }
    let value = HeaderValue::from_str(&value).ok().filter(|value| !value.is_empty())?;
    Some((HeaderName::from_static("x-headwater-left-out"), value))
}

fn push_member(list: &mut String, member: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(member);
}

/// A string of RFC 9651 3.3.3, which has printable ASCII alone: anything else becomes a question mark.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            ' '..='~' => out.push(letter),
            _ => out.push('?'),
        }
    }
    out.push('"');
    out
}

/// The media type of a stored file, by its extension.
pub fn file_type(file: &str) -> HeaderValue {
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    HeaderValue::from_static(match extension.as_str() {
        "mp4" | "m4v" => "video/mp4",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "mp3" => "audio/mpeg",
        "ts" => "video/mp2t",
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "m4s" => "video/iso.segment",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "vtt" => "text/vtt; charset=utf-8",
        "srt" | "txt" => "text/plain; charset=utf-8",
        "ttml" | "dfxp" => "application/ttml+xml",
        "xml" => "text/xml",
        "json" => "application/json",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => "application/octet-stream",
    })
}

fn http_date(map: &mut HeaderMap, name: HeaderName, time: SystemTime) {
    // The formatter panics beyond the year 9999; a file system may say anything.
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let time = time.clamp(SystemTime::UNIX_EPOCH, last);
    super::insert(map, name, &httpdate::fmt_http_date(time));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::WhyLeftOut;

    #[test]
    fn what_is_left_out_fits_a_header_whatever_files_are_called() {
        let track = |file: &str| LeftOut {
            file: file.to_owned(),
            track: 2,
            codec: "av01.0.00M.08".to_owned(),
            why: WhyLeftOut::Format,
        };
        let value = |tracks: &[LeftOut]| left_out(tracks).map(|(_, value)| value.to_str().unwrap().to_owned());
        assert_eq!(value(&[]), None);
        let expected = r#""film.mp4";track=2;codec="av01.0.00M.08";why=format"#;
        assert_eq!(value(&[track("film.mp4")]).as_deref(), Some(expected));
        let odd = value(&[track("a\"\\\r\nx: é.mp4")]).unwrap();
        assert!(odd.starts_with(r#""a\"\\??x: ?.mp4";"#), "{odd}");
        let many: Vec<LeftOut> = (0..100).map(|n| track(&format!("film_{n}.mp4"))).collect();
        let many = value(&many).unwrap();
        assert!(many.len() <= MAX_LEFT_OUT && many.contains(", more;tracks="), "{many}");
        let long = value(&[track(&"x".repeat(5000))]).unwrap();
        assert_eq!(long, "more;tracks=1");
    }
}
