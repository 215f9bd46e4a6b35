//! HTTP/1.1 as bytes.

use tokio::io::AsyncWriteExt;

use crate::support::{Server, field, read_answer};

const LOCATOR: &str = "0123abcd-4567-89ab-cdef-001122334455";

#[tokio::test]
async fn connections_are_kept_and_requests_pipelined() {
    let server = Server::plain().await;
    let mut socket = server.connect().await;
    for _ in 0..3 {
        socket.write_all(b"GET /text HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(read_answer(&mut socket).await.ends_with("\r\n\r\n0123456789"));
    }
    let two = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answers = server.exchange(two).await;
    let (slow, text) = (answers.find("\r\n\r\nslow").unwrap(), answers.find("\r\n\r\n0123456789").unwrap());
    assert!(slow < text);
}

#[tokio::test]
async fn head_promises_what_get_gives() {
    let server = Server::plain().await;
    for path in ["/text", "/stream", "/nothing", "/big"] {
        let head = server.exchange(&format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        let get = server.exchange(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert!(head.ends_with("\r\n\r\n"), "{path}: {head}");
        assert_eq!(field(&head, "content-length"), field(&get, "content-length"), "{path}");
        let body = get.split_once("\r\n\r\n").unwrap().1;
        if path != "/big" {
            assert_eq!(body.len().to_string(), field(&head, "content-length"), "{path}");
        }
        assert_eq!(field(&head, "access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn statuses() {
    let server = Server::plain().await;
    let long = format!("GET /{LOCATOR}/{}", "a".repeat(9000));
    for (line, status) in [
        ("POST /text", "405 Method Not Allowed"),
        ("OPTIONS /text", "204 No Content"),
        ("OPTIONS *", "204 No Content"),
        ("GET /favicon.ico", "404 Not Found"),
        (&format!("GET /{LOCATOR}/film.ism/Streams(x)"), "400 Bad Request"),
        (&format!("GET /{LOCATOR}/film%zz"), "400 Bad Request"),
        (&format!("GET /{LOCATOR}/film.ism/manifest(format=m3u8-aapl).m3u8?x=("), "200 OK"),
        (&long, "414 URI Too Long"),
        ("GET /panic", "500 Internal Server Error"),
        ("GET /text", "200 OK"),
    ] {
        let answer = server.exchange(&format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{line}: {answer}");
        assert_eq!(field(&answer, "access-control-allow-origin"), "*", "{line}");
        assert!(field(&answer, "server").starts_with("Headwater/"), "{line}");
    }
}

#[tokio::test]
async fn the_body_of_a_request_is_put_aside() {
    let server = Server::plain().await;
    let body = "x".repeat(100_000);
    let post = format!("POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let next = "GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answers = server.exchange(&format!("{post}{next}")).await;
    assert!(answers.starts_with("HTTP/1.1 405 ") && answers.ends_with("0123456789"), "{answers}");
}

#[tokio::test]
async fn ranges_and_conditions() {
    let server = Server::plain().await;
    let ask = |header: &str| format!("GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n");
    let answer = server.exchange(&ask("Range: bytes=-3")).await;
    assert!(answer.starts_with("HTTP/1.1 206 ") && answer.ends_with("\r\n\r\n789"), "{answer}");
    let answer = server.exchange(&ask("Range: bytes=0-0,9-9")).await;
    assert!(field(&answer, "content-type").starts_with("multipart/byteranges; boundary="), "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(body.len().to_string(), field(&answer, "content-length"));
    let answer = server.exchange(&ask("Range: bytes=10-")).await;
    assert!(answer.starts_with("HTTP/1.1 416 ") && field(&answer, "content-range") == "bytes */10", "{answer}");
    let answer = server.exchange(&ask("If-None-Match: \"tag\"")).await;
    assert!(answer.starts_with("HTTP/1.1 304 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(field(&answer, "content-length"), "");
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_the_connection() {
    let server = Server::plain().await;
    let answer = server.exchange("GET /short HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(field(&answer, "content-length"), "100");
    assert!(answer.ends_with("\r\n\r\ntoo little"), "{answer}");
    assert!(server.exchange("GET /text HTTP/1.0\r\n\r\n").await.ends_with("0123456789"));
}
