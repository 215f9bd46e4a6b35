use futures_util::stream;
use http_body_util::BodyExt;
use std::time::{Duration, UNIX_EPOCH};

use super::*;

const NOW: Duration = Duration::from_secs(1_000_000_000); // Sun, 09 Sep 2001 01:46:40 GMT

fn now() -> SystemTime {
    UNIX_EPOCH + NOW
}

fn meta() -> Meta {
    Meta {
        content_type: HeaderValue::from_static("video/mp4"),
        validators: Validators::new("tag", Some(UNIX_EPOCH + Duration::from_millis(784_111_777_900))),
        cache: CachePolicy::MaxAge(CachePolicy::MEDIA),
        parts: Parts::Many,
        extra: vec![streaming_duration("video", 6006)],
    }
}

fn pieces() -> Vec<Bytes> {
    vec![Bytes::from_static(b"0123"), Bytes::from_static(b"456789")]
}

fn ask(method: Method, request: &[(HeaderName, &str)]) -> Response<Body> {
    let headers = request.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect();
    match check(&method, &headers, meta(), now()) {
        Checked::Answer(answer) => *answer,
        Checked::Build(pending) => pending.finish(pieces()),
    }
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn get_and_head_differ_in_the_body_only() {
    let get = ask(Method::GET, &[]);
    let head = ask(Method::HEAD, &[]);
    assert_eq!(get.status(), 200);
    assert_eq!(get.headers(), head.headers());
    for (name, value) in [
        ("content-type", "video/mp4"),
        ("content-length", "10"),
        ("etag", "\"tag\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("cache-control", "max-age=259200"),
        ("expires", "Wed, 12 Sep 2001 01:46:40 GMT"),
        ("accept-ranges", "bytes"),
        ("x-ms-streaming-duration", "video=6006"),
        ("access-control-allow-origin", "*"),
        ("timing-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(header(&get, name), value, "{name}");
    }
    assert!(header(&get, "server").starts_with("Headwater/"));
    assert_eq!(text(get).await, "0123456789");
    assert_eq!(text(head).await, "");
}

#[tokio::test]
async fn a_304_needs_no_body() {
    let answer = ask(Method::GET, &[(hyper::header::IF_NONE_MATCH, "W/\"tag\"")]);
    assert_eq!(answer.status(), 304);
    assert_eq!(header(&answer, "etag"), "\"tag\"");
    assert_eq!(header(&answer, "cache-control"), "max-age=259200");
    assert_eq!(header(&answer, "content-type"), "");
    assert_eq!(ask(Method::HEAD, &[(hyper::header::IF_MATCH, "\"x\"")]).status(), 412);
}

#[tokio::test]
async fn ranges() {
    let answer = ask(Method::GET, &[(RANGE, "bytes=2-5")]);
    assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (206, "bytes 2-5/10"));
    assert_eq!(header(&answer, "content-length"), "4");
    assert_eq!(text(answer).await, "2345");

    let answer = ask(Method::GET, &[(RANGE, "bytes=2-5"), (hyper::header::IF_RANGE, "\"old\"")]);
    assert_eq!((answer.status().as_u16(), text(answer).await.as_str()), (200, "0123456789"));

    let answer = ask(Method::GET, &[(RANGE, "bytes=10-")]);
    assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (416, "bytes */10"));
    assert!(text(answer).await.contains("MPE_STORAGE_INVALID_RANGE"));

    let answer = ask(Method::HEAD, &[(RANGE, "bytes=2-5")]);
    assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "10"));
}

#[tokio::test]
async fn several_ranges_make_a_multipart_body() {
    let answer = ask(Method::GET, &[(RANGE, "bytes=0-1,-2")]);
    assert_eq!(answer.status(), 206);
    let boundary = header(&answer, "content-type").strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
    let length: usize = header(&answer, "content-length").parse().unwrap();
    let body = text(answer).await;
    assert_eq!(body.len(), length);
    assert_eq!(
        body,
        format!(
            "--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes 8-9/10\r\n\r\n89\
             \r\n--{boundary}--\r\n"
        )
    );
}

#[tokio::test]
async fn a_download_opens_only_what_is_sent() {
    let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=3-4,8-"))]);
    let Checked::Build(pending) = check(&Method::GET, &headers, meta(), now()) else { panic!() };
    let mut opened = Vec::new();
    let answer = pending.finish_stream(10, |range| {
        opened.push(range.clone());
        let bytes = Bytes::from_static(&b"0123456789"[range.start as usize..range.end as usize]);
        Box::pin(stream::iter([Ok(bytes)]))
    });
    assert_eq!(opened, [3..5, 8..10]);
    let body = text(answer).await;
    assert!(body.contains("\r\n\r\n34\r\n--") && body.contains("\r\n\r\n89\r\n--"), "{body}");

    let Checked::Build(pending) = check(&Method::HEAD, &headers, meta(), now()) else { panic!() };
    assert!(pending.is_head());
    let answer = pending.finish_stream(10, |_| panic!("HEAD reads nothing"));
    assert_eq!(header(&answer, "content-length"), "10");
}

#[tokio::test]
async fn methods() {
    let answer = ask(Method::OPTIONS, &[(hyper::header::ACCESS_CONTROL_REQUEST_HEADERS, "range,x-new")]);
    assert_eq!(answer.status(), 204);
    assert_eq!(header(&answer, "access-control-allow-headers"), "range,x-new");
    assert_eq!(header(&answer, "access-control-allow-methods"), "GET, HEAD, OPTIONS");
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    let answer = ask(Method::POST, &[]);
    assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, "GET, HEAD, OPTIONS"));
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
}

#[tokio::test]
async fn errors_are_readable_and_cached_as_they_should() {
    let missing = Error::FileNotFound { file: "x.mp4".into() };
    let answer = error(&Method::GET, &missing, now());
    assert_eq!(header(&answer, "cache-control"), "max-age=10");
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    let length = header(&answer, "content-length").to_owned();
    assert_eq!(text(answer).await.len().to_string(), length);
    let head = error(&Method::HEAD, &missing, now());
    assert_eq!((header(&head, "content-length"), head.body().remaining()), (length.as_str(), 0));
    let busy = error(&Method::GET, &Error::Overloaded { retry_after: Duration::from_secs(2) }, now());
    assert_eq!((busy.status().as_u16(), header(&busy, "retry-after")), (503, "2"));
    assert_eq!(header(&busy, "cache-control"), "no-store");
}

#[test]
fn odd_tags_and_dates_do_no_harm() {
    assert_eq!(Validators::new("a\"b\r\nc é", None).etag, "\"abc\"");
    let far = Validators::new("x", Some(UNIX_EPOCH + Duration::from_secs(1 << 40)));
    let mut map = HeaderMap::new();
    far.write(&mut map, now());
    assert!(map.contains_key("last-modified"));
}
