//! `?explain`: how an answer comes about, for those who may know.

use serde_json::json;

use crate::site::{Answer, READER, Site, at, first_segment};
use crate::storage_encryption::{GUID, id, key_body};

/// A published film's URL up to its presentation.
async fn film(site: &Site) -> (String, String) {
    let asset = site.film("Explained").await;
    let base = publish(site, &asset).await;
    (asset, base)
}

async fn publish(site: &Site, asset: &str) -> String {
    let policy = site.policy(600.0, 1).await;
    let path = site.locate(asset, &policy, -5).await.is(201).text("Path");
    format!("{path}Explained.ism")
}

async fn ask(site: &Site, url: &str, key: &str) -> Answer {
    let path = url.strip_prefix(&format!("http://{}", site.streaming)).unwrap();
    let bearer = format!("Bearer {key}");
    site.send(site.streaming, "GET", path, &[("Authorization", bearer.as_str())], "").await
}

/// Asks until the server has heard of it.
async fn settled(site: &Site, url: &str, status: u16) {
    for _ in 0..100 {
        if site.plays(url).await == status {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{url} never becomes {status}");
}

#[tokio::test]
async fn only_those_who_may_see_are_told() {
    let site = Site::start().await;
    let (_, base) = film(&site).await;
    let manifest = format!("{base}/manifest(format=mpd-time-cmaf)");
    settled(&site, &manifest, 200).await;
    let plain = site.fetch(&manifest).await.is(200);
    for query in ["?explain", "?explain=json", "?a=b&explain=timing"] {
        let url = format!("{manifest}{query}");
        let without = site.fetch(&url).await.is(200);
        assert_eq!((&without.body, without.header("server-timing")), (&plain.body, ""), "{query}");
        let wrong = ask(&site, &url, "a-wrong-key-of-sixteen").await.is(200);
        assert_eq!((&wrong.body, wrong.header("server-timing")), (&plain.body, ""), "{query}");
    }
    let timed = ask(&site, &format!("{manifest}?explain=timing"), READER).await.is(200);
    assert_eq!(timed.body, plain.body);
    let timing = timed.header("server-timing");
    assert!(timing.contains("index;dur=") && timing.contains("total;dur="), "{timing}");
    let text = ask(&site, &format!("{manifest}?explain"), READER).await.is(200);
    assert!(text.header("content-type").starts_with("text/plain") && text.header("cache-control").contains("no-store"));
    assert!(text.body.contains("read_as: /") && text.body.contains("decision: in the clear"), "{}", text.body);
}

#[tokio::test]
async fn the_way_of_an_answer_is_told() {
    let site = Site::start().await;
    let (asset, base) = film(&site).await;
    let rules = json!([{ "PropertyConditions": [{ "Property": "Type", "Value": "audio", "Operator": "Equal" }] }]);
    site.post("/Filters", json!({ "Name": "sound", "Tracks": rules })).await.is(201);
    let manifest = format!("{base}/manifest(format=mpd-time-cmaf,filter=sound)");
    settled(&site, &manifest, 200).await;
    let json = ask(&site, &format!("{manifest}?explain=json"), &site.key).await.is(200).json();
    assert_eq!(json["url"]["filters"], json!(["sound"]));
    assert_eq!((&json["url"]["format"], &json["url"]["object"]), (&json!("mpd-time-cmaf"), &json!("manifest")));
    assert_eq!((&json["asset"]["id"], &json["asset"]["locator"]["is"]), (&json!(asset), &json!("valid")));
    assert_eq!(json["delivery"]["decision"], "in the clear");
    let tracks = json["film"]["tracks"].as_array().unwrap();
    let stays =
        |kind: &str| tracks.iter().filter(|t| t["kind"] == kind).map(|t| t["stays"] == true).collect::<Vec<_>>();
    assert!(!stays("video").is_empty() && stays("video").iter().all(|stays| !stays), "{json}");
    assert!(!stays("audio").is_empty() && stays("audio").iter().all(|stays| *stays), "{json}");
    let removed = tracks.iter().find(|t| t["kind"] == "video").unwrap();
    assert_eq!(removed["removed_by"], json!(["filter sound"]));
    assert_eq!((&json["index_cache"], &json["answer_cache"]), (&json!(true), &json!("hit")));
    assert_eq!((&json["answer"]["status"], &json["known_path"]), (&json!(200), &json!(false)));

    // A segment that nobody has asked for is read from storage; then it is at hand.
    let text = site.fetch(&format!("{base}/manifest(format=mpd-time-cmaf)")).await.is(200).body;
    let segment = first_segment(&text, &base);
    let first = ask(&site, &format!("{segment}?explain=json"), &site.key).await.is(200).json();
    let read = first["storage"].as_array().unwrap().iter().find(|read| read["operation"] == "read").unwrap();
    assert!(read["bytes"].as_u64().unwrap() > 1000 && read["file"].as_str().unwrap().ends_with(".mp4"), "{first}");
    assert_eq!(first["answer_cache"], "miss");
    let stages: Vec<&str> = first["stages"].as_array().unwrap().iter().filter_map(|s| s["stage"].as_str()).collect();
    assert!(["index", "plan", "build"].iter().all(|stage| stages.contains(stage)), "{stages:?}");
    let second = ask(&site, &format!("{segment}?explain=json"), &site.key).await.is(200).json();
    assert_eq!(second["answer_cache"], "hit");
    assert!(second["storage"].as_array().unwrap().iter().all(|read| read["operation"] == "list"), "{second}");
    site.fetch(&segment).await.is(200);
    let third = ask(&site, &format!("{segment}?explain=json"), &site.key).await.is(200).json();
    assert_eq!(third["known_path"], true);
    assert_eq!(third["answer"]["bytes"], first["answer"]["bytes"]);

    let missing = format!("{base}/manifest(format=mpd-time-cmaf,filter=none)?explain=json");
    let json = ask(&site, &missing, &site.key).await.is(200).json();
    assert_eq!(json["answer"]["status"], 404, "{json}");
    assert!(json["error"].as_str().unwrap().contains("none"), "{json}");
}

#[tokio::test]
async fn identifiers_of_keys_are_told_and_keys_are_not() {
    let site = Site::start().await;
    let asset = site.film("Explained").await;
    let key = *b"0123456789abcdef";
    site.post("/ContentKeys", key_body(&site, 4, &key).await).await.is(201);
    let body = json!({ "Name": "envelope", "AssetDeliveryProtocol": 7, "AssetDeliveryPolicyType": 3,
        "AssetDeliveryConfiguration": r#"[{"Key":2,"Value":"https://keys.example/?sig=a-secret"}]"# });
    let policy = site.create("AssetDeliveryPolicies", body).await;
    for (set, id) in [("ContentKeys", id()), ("AssetDeliveryPolicies", policy)] {
        let linked = json!({ "uri": &at(set, &id)[1..] });
        let link = if set == "ContentKeys" { "ContentKeys" } else { "DeliveryPolicies" };
        site.post(&format!("{}/$links/{link}", at("Assets", &asset)), linked).await.is(204);
    }
    let base = publish(&site, &asset).await;
    let manifest = format!("{base}/manifest(format=m3u8-aapl,encryption=cbc)");
    settled(&site, &manifest, 200).await;
    let text = ask(&site, &format!("{manifest}?explain=json"), READER).await.is(200);
    let json = text.json();
    assert_eq!(json["delivery"]["decision"], "encrypted: cbc");
    assert!(text.body.contains(GUID) && json["delivery"]["keys"][0]["key_id"] == GUID, "{}", text.body);
    assert_eq!(json["delivery"]["keys"][0]["url"], "https://keys.example/");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in ["0123456789abcdef", hex.as_str(), "a-secret", READER] {
        assert!(!text.body.contains(secret), "{secret} in {}", text.body);
    }
}
