//! Numbers, health and readiness, as whoever watches a server asks for them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::site::{Site, first_segment};

/// The samples of a scrape: name with labels, and value.
fn samples(text: &str) -> Vec<(&str, f64)> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').map(|(name, value)| (name, value.parse().unwrap())).unwrap()).collect()
}

/// The value of the sample of that name that has all these labels.
#[track_caller]
fn value(text: &str, name: &str, labels: &[&str]) -> f64 {
    let fits = |sample: &str| {
        let (own, rest) = sample.split_once('{').unwrap_or((sample, ""));
        own == name && labels.iter().all(|label| rest.contains(label))
    };
    let found = samples(text).into_iter().filter(|(sample, _)| fits(sample));
    let found: Vec<f64> = found.map(|(_, value)| value).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?} in\n{text}");
    found[0]
}

async fn scrape(site: &Site) -> String {
    let answer = site.send(site.management, "GET", "/metrics", &[], "").await.is(200);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    answer.body
}

/// A published film's manifest and one of its segments.
async fn film(site: &Site) -> (String, String) {
    let asset = site.film("Watched film").await;
    let policy = site.policy(600.0, 1).await;
    let path = site.locate(&asset, &policy, -5).await.is(201).text("Path");
    let manifest = format!("{path}Watched%20film.ism/manifest(format=mpd-time-cmaf)");
    for _ in 0..100 {
        if site.plays(&manifest).await == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let text = site.fetch(&manifest).await.is(200).body;
    (manifest, first_segment(&text, &format!("{path}Watched%20film.ism")))
}

#[tokio::test]
async fn requests_caches_and_storage_are_counted() {
    let site = Site::start().await;
    let (manifest, segment) = film(&site).await;
    let before = scrape(&site).await;
    let body = site.fetch(&segment).await.is(200);
    let length: f64 = body.header("content-length").parse().unwrap();
    site.fetch(&segment).await.is(200);
    site.fetch(&segment).await.is(200);
    site.fetch(&segment.replace("=0,", "=12345,")).await.is(404);
    site.fetch("/nonsense").await;
    let after = scrape(&site).await;
    let ok = ["format=\"mpd-time-cmaf\"", "protection=\"none\"", "status=\"200\""];
    let requests = |text: &str| value(text, "headwater_requests_total", &ok);
    assert_eq!(requests(&after) - requests(&before), 3.0);
    let bytes = |text: &str| value(text, "headwater_response_bytes_total", &ok);
    assert_eq!(bytes(&after) - bytes(&before), 3.0 * length);
    assert_eq!(value(&after, "headwater_requests_total", &["format=\"mpd-time-cmaf\"", "status=\"404\""]), 1.0);
    let count = |cache: &str| {
        let labels = ["object=\"segment\"", cache];
        value(&after, "headwater_request_duration_seconds_count", &labels)
    };
    assert_eq!((count("cache=\"miss\""), count("cache=\"hit\"")), (1.0, 2.0));
    let hits = |text: &str, layer: &str| value(text, "headwater_cache_hits_total", &[layer]);
    assert_eq!(hits(&after, "layer=\"path\"") - hits(&before, "layer=\"path\""), 2.0);
    assert_eq!(hits(&after, "layer=\"answer\"") - hits(&before, "layer=\"answer\""), 2.0);
    let read = ["backend=\"folder\"", "operation=\"read\""];
    let stored = |text: &str| value(text, "headwater_storage_bytes_total", &read);
    assert!(stored(&after) > stored(&before) && stored(&after) - stored(&before) <= 2.0 * length + 1e6);
    assert!(value(&after, "headwater_storage_duration_seconds_count", &read) >= 1.0);
    assert_eq!(value(&after, "headwater_locators", &[]), 1.0);
    assert_eq!(value(&after, "headwater_requests_working", &[]), 0.0);
    assert!(value(&after, "headwater_connections_max", &[]) == 20_000.0);
    assert!(value(&after, "process_resident_memory_bytes", &[]) > 1e6);
    let upload = ["format=\"blob\"", "status=\"201\""];
    assert!(value(&after, "headwater_requests_total", &upload) >= 1.0, "uploads of the film");
    // A name of a film is nowhere, nor is its locator.
    let locator = manifest.split('/').nth(3).unwrap();
    assert!(!after.contains("Watched") && !after.contains(locator));
}

#[tokio::test]
async fn what_players_say_is_counted_and_changes_nothing() {
    let site = Site::start().await;
    let (_, segment) = film(&site).await;
    let plain = site.fetch(&segment).await.is(200);
    let said = "?CMCD=bl%3D2300%2Cbr%3D3200%2Cbs%2Cmtp%3D25400%2Cot%3Dv%2Csid%3D%226e2fb550%22";
    let with = site.fetch(&format!("{segment}{said}")).await.is(200);
    assert_eq!((with.header("etag"), &with.body), (plain.header("etag"), &plain.body));
    let path = segment.strip_prefix(&format!("http://{}", site.streaming)).unwrap();
    let headers = [("CMCD-Request", "bl=900,mtp=1200"), ("CMCD-Object", "ot=v"), ("CMCD-Status", "bs")];
    site.send(site.streaming, "GET", path, &headers, "").await.is(200);
    let hostile = format!("?CMCD={}", "%22,=".repeat(500));
    site.fetch(&format!("{segment}{hostile}")).await.is(200);
    let text = scrape(&site).await;
    assert_eq!(value(&text, "headwater_cmcd_requests_total", &["object_type=\"v\""]), 2.0);
    assert_eq!(value(&text, "headwater_cmcd_buffer_starvations_total", &[]), 2.0);
    assert_eq!(value(&text, "headwater_cmcd_throughput_bits_per_second_sum", &[]), 26_600_000.0);
    assert_eq!(value(&text, "headwater_cmcd_buffer_seconds_sum", &[]), 3.2);
    assert_eq!(value(&text, "headwater_cache_misses_total", &["layer=\"answer\""]), 2.0, "one segment, one manifest");
}

#[tokio::test]
async fn a_server_that_ends_or_has_no_database_is_not_ready() {
    let site = Site::start().await;
    let ask = |path: &'static str| site.send(site.management, "GET", path, &[], "");
    assert_eq!(ask("/healthz").await.is(200).body, "ok\n");
    assert_eq!(ask("/readyz").await.is(200).body, "ready\n");
    site.send(site.management, "POST", "/metrics", &[], "x").await.is(405);
    site.send(site.management, "HEAD", "/metrics", &[], "").await.is(200);
    // The API is where it was, and wants its key as ever.
    ask("/API/Assets").await.is(401);
    site.draining.begin();
    let answer = ask("/readyz").await.is(503);
    assert!(answer.body.contains("about to end") && !answer.header("retry-after").is_empty());
    ask("/healthz").await.is(200);

    let other = Site::start().await;
    other.catalog.close().await;
    let answer = other.send(other.management, "GET", "/readyz", &[], "").await.is(503);
    assert!(answer.body.contains("database"), "{}", answer.body);
}

/// Names of metrics in a text, without the endings of samples.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("headwater_") || word.starts_with("process_"));
    let family = |word: &str| {
        let ends = ["_total", "_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    };
    ours.map(family).collect()
}

#[tokio::test]
async fn the_documents_name_the_metrics_that_there_are() {
    let site = Site::start().await;
    film(&site).await;
    let text = scrape(&site).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<String> = types.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let read = |path: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let page = read("docs/operations.md");
    let table: String =
        page.lines().filter(|line| line.starts_with("| `headwater_") || line.starts_with("| `process_")).collect();
    let mut listed = names(&table);
    // Only where there is a collector.
    assert!(listed.remove("headwater_traces"));
    assert_eq!(listed, there, "left: docs/operations.md, right: /metrics");
    let dashboard: serde_json::Value = serde_json::from_str(&read("docs/grafana-dashboard.json")).unwrap();
    let asked = names(&dashboard.to_string());
    assert!(asked.len() > 15 && asked.is_subset(&there), "not there: {:?}", asked.difference(&there));
}
