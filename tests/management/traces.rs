//! Traces for a collector of OpenTelemetry.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use headwater::origin::Body;
use headwater::server::{Handler, Request};
use hyper::Response;
use hyper::http::request::Parts;
use serde_json::Value;

use crate::site::{Site, serve};

/// Takes what is sent to it.
#[derive(Default)]
struct Collector(Mutex<Vec<(String, Value)>>);

#[async_trait]
impl Handler for Collector {
    async fn handle(&self, request: Request) -> Response<Body> {
        let path = request.head.uri.path().to_owned();
        let body = request.body.whole(1 << 20).await.unwrap();
        self.0.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
        Response::new(Body::empty())
    }

    fn takes_body(&self, _: &Parts) -> bool {
        true
    }
}

impl Collector {
    /// All spans by now.
    fn spans(&self) -> Vec<Value> {
        let messages = self.0.lock().unwrap();
        let spans = messages.iter().flat_map(|(path, message)| {
            assert_eq!(path, "/v1/traces");
            let resource = &message["resourceSpans"][0];
            assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "headwater");
            resource["scopeSpans"][0]["spans"].as_array().unwrap().clone()
        });
        spans.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_a_traced_client_is_in_its_trace() {
    let collector = Arc::new(Collector::default());
    let (address, task) = serve(collector.clone()).await;
    let site = Site::traced(&format!("http://{address}/")).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let token = "/00000000-0000-4000-8000-000000000000/film.ism/manifest?token=secret";
    let headers = [("traceparent", traceparent)];
    site.send(site.streaming, "GET", token, &headers, "").await.is(404);
    let not_sampled = traceparent.replace("-01", "-00");
    site.send(site.streaming, "GET", "/healthz", &[("traceparent", not_sampled.as_str())], "").await.is(200);
    let mut spans = Vec::new();
    for _ in 0..100 {
        spans = collector.spans();
        // The first request of all was chosen by the server.
        spans.retain(|span| span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736");
        if !spans.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let request = spans.iter().find(|span| span["kind"] == 2).expect("a span of the server");
    assert_eq!(request["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(request["name"], "GET manifest");
    let times = |name: &str| request[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(times("endTimeUnixNano") > times("startTimeUnixNano"));
    let text = request["attributes"].to_string();
    assert!(text.contains("http.response.status_code") && text.contains("404") && !text.contains("secret"), "{text}");
    let servers = collector.spans().iter().filter(|span| span["kind"] == 2).count();
    assert_eq!(servers, 2, "that one, and the first of all");
    task.abort();
}
