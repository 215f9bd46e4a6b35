//! Filters of the account and of assets.

use serde_json::{Value, json};

use crate::site::{Site, at};

fn mobile() -> Value {
    json!({
        "Name": "Mobile",
        "PresentationTimeRange": { "StartTimestamp": "0", "EndTimestamp": "9223372036854775807", "PresentationWindowDuration": "12000000000", "LiveBackoffDuration": "0", "Timescale": "10000000" },
        "FirstQuality": { "Bitrate": 1_200_000 },
        "Tracks": [{ "PropertyConditions": [
            { "Property": "Type", "Value": "video", "Operator": "Equal" },
            { "Property": "Bitrate", "Value": "550000-1350000", "Operator": "Equal" }] }]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_come_back_as_they_were_sent() {
    let site = Site::start().await;
    let made = site.post("/Filters", mobile()).await.is(201).json();
    let mut expected = mobile();
    expected["PresentationTimeRange"]["ForceEndTimestamp"] = json!(false);
    for member in ["Name", "PresentationTimeRange", "FirstQuality", "Tracks"] {
        assert_eq!(made[member], expected[member], "{member}");
    }
    site.post("/Filters", mobile()).await.is(409);
    site.merge("/Filters('Mobile')", json!({ "FirstQuality": null })).await.is(204);
    assert_eq!(site.get("/Filters('Mobile')").await.json()["FirstQuality"], Value::Null);
    assert_eq!(site.get("/Filters").await.names(), ["Mobile"]);
    site.delete("/Filters('Mobile')").await.is(204);
    site.get("/Filters('Mobile')").await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_of_an_asset_are_its_own() {
    let site = Site::start().await;
    let asset = site.create("Assets", json!({ "Name": "a" })).await;
    let mut body = mobile();
    body["ParentAssetId"] = json!(asset);
    let filter = site.create("AssetFilters", body).await;
    assert_eq!(filter, format!("{asset}__###__Mobile"));
    assert_eq!(site.get(&format!("{}/AssetFilters", at("Assets", &asset))).await.names(), ["Mobile"]);
    site.merge(&at("AssetFilters", &filter), json!({ "Tracks": [] })).await.is(204);
    assert_eq!(site.get(&at("AssetFilters", &filter)).await.json()["Tracks"], json!([]));
    for (member, value) in [("Property", "Colour"), ("Operator", "Like"), ("Value", "much")] {
        let mut wrong = mobile();
        wrong["Tracks"][0]["PropertyConditions"][1][member] = json!(value);
        site.post("/Filters", wrong).await.is(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_narrows_its_own_film_and_no_other() {
    let site = Site::start().await;
    let (film, other) = (site.film("film").await, site.film("other").await);
    let body = json!({
        "Name": "Low", "ParentAssetId": film, "PresentationTimeRange": null, "FirstQuality": null,
        "Tracks": [
            { "PropertyConditions": [
                { "Property": "Type", "Value": "video", "Operator": "Equal" },
                { "Property": "Name", "Value": "video", "Operator": "NotEqual" }] },
            { "PropertyConditions": [{ "Property": "Type", "Value": "audio", "Operator": "Equal" }] }]
    });
    site.create("AssetFilters", body).await;
    site.post("/Filters", json!({ "Name": "All", "PresentationTimeRange": null, "Tracks": [] })).await.is(201);
    let policy = site.policy(60.0, 1).await;
    let own = format!("{}film.ism/Manifest", site.locate(&film, &policy, 0).await.is(201).text("Path"));
    let foreign = format!("{}other.ism/Manifest", site.locate(&other, &policy, 0).await.is(201).text("Path"));
    let has_video = |manifest: &str| manifest.contains("Type=\"video\"");
    assert!(has_video(&site.fetch(&own).await.is(200).body));
    let narrowed = site.fetch(&format!("{own}(filter=Low)")).await.is(200).body;
    assert!(!has_video(&narrowed) && narrowed.contains("Type=\"audio\""), "{narrowed}");
    assert!(has_video(&site.fetch(&format!("{foreign}(filter=All)")).await.is(200).body));
    let refused = site.fetch(&format!("{foreign}(filter=Low)")).await.is(404);
    assert!(refused.body.contains("MPE_EGRESS_FILTER_NOT_FOUND"), "{}", refused.body);
    // A change of the filter counts at once.
    let id = format!("{film}__###__Low");
    site.merge(&at("AssetFilters", &id), json!({ "Tracks": [] })).await.is(204);
    assert!(has_video(&site.fetch(&format!("{own}(filter=Low)")).await.is(200).body));
    site.delete(&at("AssetFilters", &id)).await.is(204);
    site.fetch(&format!("{own}(filter=Low)")).await.is(404);
}
