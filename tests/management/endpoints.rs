//! Streaming endpoints and their operations.

use std::time::Duration;

use serde_json::json;

use crate::site::{Answer, Site, at, encode};

/// Waits for an operation as the client library does.
async fn finished(site: &Site, begun: Answer) -> String {
    let id = begun.is(202).header("operation-id").to_owned();
    for _ in 0..100 {
        let state = site.get(&at("Operations", &id)).await.is(200).text("State");
        if state != "InProgress" {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("operation {id} does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_running_endpoint_answers() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let policy = site.policy(60.0, 1).await;
    let path = site.locate(&asset, &policy, 0).await.is(201).text("Path");
    let manifest = format!("{path}film.ism/Manifest");
    let endpoint = site.get("/StreamingEndpoints").await.is(200).json()["value"][0].clone();
    assert_eq!(endpoint["State"], "Running", "{endpoint}");
    let endpoint = at("StreamingEndpoints", endpoint["Id"].as_str().unwrap());
    assert_eq!(site.plays(&manifest).await, 200);
    assert_eq!(finished(&site, site.post(&format!("{endpoint}/Stop"), json!({})).await).await, "Succeeded");
    assert_eq!(site.get(&endpoint).await.text("State"), "Stopped");
    assert_ne!(site.plays(&manifest).await, 200);
    site.post(&format!("{endpoint}/Stop"), json!({})).await.is(409);
    assert_eq!(finished(&site, site.post(&format!("{endpoint}/Start"), json!({})).await).await, "Succeeded");
    assert_eq!(site.plays(&manifest).await, 200);
    assert_eq!(
        finished(&site, site.post(&format!("{endpoint}/Scale"), json!({ "scaleUnits": 2 })).await).await,
        "Succeeded"
    );
    assert_eq!(site.get(&endpoint).await.json()["ScaleUnits"], 2);
    site.post(&format!("{endpoint}/Scale"), json!({})).await.is(400);
    site.delete(&endpoint).await.is(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_come_back_as_they_were_sent() {
    let site = Site::start().await;
    let body = json!({
        "Name": "se1", "Description": "second", "ScaleUnits": 0, "CustomHostNames": ["films.example"],
        "AccessControl": { "Akamai": null, "IP": { "Allow": [{ "Name": "office", "Address": "192.0.2.0", "SubnetPrefixLength": 24 }] } },
        "CacheControl": { "MaxAge": "1800" }, "CdnEnabled": false,
        "CrossSiteAccessPolicies": { "ClientAccessPolicy": "<access-policy/>", "CrossDomainPolicy": null }
    });
    let made = site.post("/StreamingEndpoints", body.clone()).await.is(201).json();
    for member in [
        "Name",
        "Description",
        "ScaleUnits",
        "CustomHostNames",
        "AccessControl",
        "CacheControl",
        "CrossSiteAccessPolicies",
    ] {
        assert_eq!(made[member], body[member], "{member}");
    }
    assert_eq!(made["State"], "Stopped");
    let path = at("StreamingEndpoints", made["Id"].as_str().unwrap());
    site.merge(&path, json!({ "CacheControl": null, "AccessControl": null, "Description": "changed" })).await.is(204);
    let changed = site.get(&path).await.json();
    assert_eq!(
        (&changed["CacheControl"], &changed["AccessControl"], &changed["Description"]),
        (&json!(null), &json!(null), &json!("changed"))
    );
    assert_eq!(changed["CustomHostNames"], body["CustomHostNames"]);
    site.merge(&path, json!({ "Name": "other" })).await.is(400);
    site.merge(&path, json!({ "CrossSiteAccessPolicies": { "ClientAccessPolicy": "<access-policy" } })).await.is(400);
    site.delete(&path).await.is(204);
    site.get(&format!("/Operations('{}')", encode("nb:opid:UUID:00000000-0000-4000-8000-00000000dead"))).await.is(404);
}
