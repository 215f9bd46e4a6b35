//! HTTP/2 with prior knowledge.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::support::{Server, short};

fn client() -> Client<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

async fn ask(server: &Server, method: Method, path: &str) -> (StatusCode, String, Bytes) {
    let uri = format!("http://{}{path}", server.address);
    let request = Request::builder().method(method).uri(uri).body(Empty::new()).unwrap();
    let answer = client().request(request).await.unwrap();
    let length = answer.headers().get("content-length").map_or("", |v| v.to_str().unwrap()).to_owned();
    let status = answer.status();
    (status, length, answer.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn answers_are_the_same_as_over_http1() {
    let server = Server::plain().await;
    let (status, length, body) = ask(&server, Method::GET, "/text").await;
    assert_eq!((status.as_u16(), length.as_str(), &body[..]), (200, "10", &b"0123456789"[..]));
    let (status, length, body) = ask(&server, Method::HEAD, "/text").await;
    assert_eq!((status.as_u16(), length.as_str(), body.len()), (200, "10", 0));
    let (_, length, body) = ask(&server, Method::GET, "/big").await;
    assert_eq!((length.as_str(), body.len()), ("67108864", 64 << 20));
    assert_eq!(ask(&server, Method::GET, "/panic").await.0, 500);
    assert_eq!(ask(&server, Method::GET, "/nothing").await.0, 404);
    assert_eq!(ask(&server, Method::POST, "/text").await.0, 405);
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_closed() {
    let server = Server::start(short(), None).await;
    let request = Request::get(format!("http://{}/big", server.address)).body(Empty::new()).unwrap();
    let answer = client().request(request).await.unwrap();
    // Nothing is read, so the windows fill up although the socket itself stays open.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert!(answer.into_body().collect().await.is_err());
}
