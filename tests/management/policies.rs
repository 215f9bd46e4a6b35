//! Delivery policies, as they decide who gets what.

use serde_json::json;

use crate::site::{Site, at};

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_opens_its_protocols_and_closes_the_others() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let body = json!({ "Name": "dash alone", "AssetDeliveryProtocol": 2, "AssetDeliveryPolicyType": 2, "AssetDeliveryConfiguration": null });
    let policy = site.create("AssetDeliveryPolicies", body).await;
    let links = format!("{}/$links/DeliveryPolicies", at("Assets", &asset));
    site.post(&links, json!({ "uri": &at("AssetDeliveryPolicies", &policy)[1..] })).await.is(204);
    let access = site.policy(60.0, 1).await;
    let locator = site.locate(&asset, &access, 0).await.is(201);
    let manifest = format!("{}film.ism/Manifest", locator.text("Path"));
    assert_eq!(site.plays(&format!("{manifest}(format=mpd-time-cmaf)")).await, 200);
    assert_ne!(site.plays(&format!("{manifest}(format=m3u8-cmaf)")).await, 200);
    assert_ne!(site.plays(&manifest).await, 200);
    // Policies stay as they are while the film is published.
    site.delete(&format!("{links}('{}')", headwater::odata::encode_component(&policy))).await.is(409);
    site.delete(&at("Locators", &locator.text("Id"))).await.is(204);
    site.delete(&format!("{links}('{}')", headwater::odata::encode_component(&policy))).await.is(204);
    site.delete(&at("AssetDeliveryPolicies", &policy)).await.is(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_come_back_as_text() {
    let site = Site::start().await;
    let body = json!({
        "Name": "env", "AssetDeliveryProtocol": 4, "AssetDeliveryPolicyType": 3,
        "AssetDeliveryConfiguration": "[{\"Key\":2,\"Value\":\"https:\\/\\/keys.example\\/\"}]"
    });
    let policy = site.post("/AssetDeliveryPolicies", body).await.is(201);
    assert_eq!(policy.text("AssetDeliveryConfiguration"), r#"[{"Key":2,"Value":"https://keys.example/"}]"#);
    for wrong in [r#"{"Key":2}"#, r#"[{"Key":99,"Value":"x"}]"#, "x"] {
        let body =
            json!({ "AssetDeliveryProtocol": 4, "AssetDeliveryPolicyType": 3, "AssetDeliveryConfiguration": wrong });
        site.post("/AssetDeliveryPolicies", body).await.is(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_protocol_is_refused() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let links = format!("{}/$links/DeliveryPolicies", at("Assets", &asset));
    // Smooth and DASH in the clear, HLS blocked.
    for (protocols, kind) in [(3, 2), (4, 1)] {
        let body = json!({ "AssetDeliveryProtocol": protocols, "AssetDeliveryPolicyType": kind, "AssetDeliveryConfiguration": null });
        let policy = site.create("AssetDeliveryPolicies", body).await;
        site.post(&links, json!({ "uri": &at("AssetDeliveryPolicies", &policy)[1..] })).await.is(204);
    }
    let access = site.policy(60.0, 1).await;
    let manifest = format!("{}film.ism/Manifest", site.locate(&asset, &access, 0).await.is(201).text("Path"));
    assert_eq!(site.plays(&manifest).await, 200);
    assert_eq!(site.plays(&format!("{manifest}(format=mpd-time-csf)")).await, 200);
    for format in ["m3u8-aapl", "m3u8-aapl-v3", "m3u8-cmaf"] {
        assert_eq!(site.plays(&format!("{manifest}(format={format})")).await, 403, "{format}");
    }
}
