//! The life of an asset through the API alone, and what happens at its edges.

use serde_json::json;

use crate::site::{Site, at, encode};

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_is_made_published_and_gone() {
    let site = Site::start().await;
    // A token for the account's key, as old scripts ask for one.
    let form = format!(
        "grant_type=client_credentials&client_id=headwater&client_secret={}&scope=urn%3AWindowsAzureMediaServices",
        encode(&site.key)
    );
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let token = site.send(site.management, "POST", "/v2/OAuth2-13", &kind, &form).await.is(200).text("access_token");
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];

    let asset = site.ask("POST", "/Assets", &headers, r#"{"Name":"film.mp4","Options":"0"}"#).await.is(201);
    let id = asset.text("Id");
    assert_eq!(asset.header("location"), format!("http://{}/API{}", site.management, at("Assets", &id)));
    assert_eq!(asset.header("dataserviceversion"), "3.0;");
    assert_eq!(asset.header("x-ms-request-id"), asset.header("request-id"));
    let container = site.container(&id);
    assert_eq!(asset.text("Uri"), format!("http://{}/local/asset-{}", site.streaming, &id["nb:cid:UUID:".len()..]));
    site.upload(&id, "no-ism").await;

    // Records of the files that are in the container, with sizes, the only MP4 primary.
    assert_eq!(site.get(&format!("{}/Files", at("Assets", &id))).await.is(200).names(), Vec::<String>::new());
    site.get(&format!("/CreateFileInfos?assetid='{}'", encode(&id))).await.is(204);
    let files = site.get(&format!("{}/Files", at("Assets", &id))).await.is(200);
    let first = files.json()["value"][0].clone();
    assert!(first["ContentFileSize"].as_str().unwrap().parse::<u64>().unwrap() > 1000, "{first}");
    assert_eq!(first["MimeType"], "video/mp4");
    // Once more changes nothing.
    site.get(&format!("/CreateFileInfos?assetid='{}'", encode(&id))).await.is(204);
    assert_eq!(site.get(&format!("{}/Files", at("Assets", &id))).await.names(), files.names());

    let policy = site.policy(0.2, 1).await;
    let locator = site.locate(&id, &policy, 0).await.is(201);
    let path = locator.text("Path");
    let guid = locator.text("ContentAccessComponent");
    assert_eq!(path, format!("http://{}/{guid}/", site.streaming));
    assert_eq!(locator.text("Id"), format!("nb:lid:UUID:{guid}"));
    let name = files.names()[0].clone();
    let manifest = format!("{path}film.mp4.ism/Manifest");
    let manifests = [
        manifest.clone(),
        format!("{manifest}(format=mpd-time-cmaf)"),
        format!("{manifest}(format=m3u8-cmaf)"),
        format!("{path}{name}"),
    ];
    for url in &manifests {
        assert_eq!(site.plays(url).await, 200, "{url}");
    }
    // After 12 seconds it has expired.
    let start = std::time::Instant::now();
    while site.plays(&manifest).await == 200 {
        assert!(start.elapsed().as_secs() < 20, "the locator does not expire");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    for url in &manifests {
        assert_eq!(site.plays(url).await, 404, "{url}");
    }
    // A new start brings it back, deleting ends it.
    let start = headwater::odata::DateTime::from_milliseconds(crate::site::now().unix_millis as i64).to_string();
    site.merge(&at("Locators", &locator.text("Id")), json!({ "StartTime": start })).await.is(204);
    assert_eq!(site.plays(&manifest).await, 200);
    site.delete(&at("Locators", &locator.text("Id"))).await.is(204);
    assert_eq!(site.plays(&manifest).await, 404);
    site.get(&at("Locators", &locator.text("Id"))).await.is(404);

    site.delete(&at("Assets", &id)).await.is(204);
    site.get(&at("Assets", &id)).await.is(404);
    // Its container goes soon after.
    let start = std::time::Instant::now();
    while container.exists() {
        assert!(start.elapsed().as_secs() < 20, "{} is still there", container.display());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let left = site.get(&format!("/Files?$filter=ParentAssetId eq '{id}'").replace(' ', "%20")).await;
    assert!(left.is(200).names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sixth_locator_is_one_too_many_and_times_count() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let policy = site.policy(60.0, 1).await;
    let future = site.locate(&asset, &policy, 30).await.is(201);
    let past = site.locate(&asset, &policy, -90).await.is(201);
    let manifest = |path: String| format!("{path}film.ism/Manifest");
    assert_eq!(site.plays(&manifest(future.text("Path"))).await, 404);
    assert_eq!(site.plays(&manifest(past.text("Path"))).await, 404);
    for _ in 0..3 {
        let locator = site.locate(&asset, &policy, -5).await.is(201);
        assert_eq!(site.plays(&manifest(locator.text("Path"))).await, 200);
    }
    let sixth = site.locate(&asset, &policy, 0).await.is(409);
    assert!(sixth.message().contains("delete"), "{}", sixth.message());
    // A client may choose the id, and no other may have it.
    site.delete(&at("Locators", &past.text("Id"))).await.is(204);
    let chosen = "nb:lid:UUID:0011aabb-0000-4000-8000-000000000001";
    let body = json!({ "Id": chosen, "AssetId": asset, "AccessPolicyId": policy, "Type": "2" });
    let locator = site.post("/Locators", body.clone()).await.is(201);
    assert_eq!(locator.text("Id"), chosen);
    site.delete(&at("Locators", &future.text("Id"))).await.is(204);
    site.post("/Locators", body).await.is(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_the_reference_have_their_statuses() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let read = site.policy(60.0, 1).await;
    let write = site.policy(60.0, 2).await;
    let unknown = "nb:cid:UUID:00000000-0000-4000-8000-00000000dead";
    let file = json!({ "Name": "other.mp4", "ParentAssetId": asset });
    let empty = site.create("Assets", json!({})).await;
    for (path, body, status) in [
        ("/AccessPolicies", json!({ "Name": "no duration", "Permissions": 1 }), 500),
        ("/AccessPolicies", json!({ "DurationInMinutes": -1, "Permissions": 1 }), 400),
        ("/AccessPolicies", json!({ "DurationInMinutes": 5, "Permissions": 64 }), 400),
        ("/Assets", json!({ "Options": 3 }), 400),
        ("/Assets", json!({ "Nam": "x" }), 400),
        ("/Assets", json!({ "StorageAccountName": "nobody" }), 404),
        ("/Files", json!({ "Name": "a.mp4", "ParentAssetId": unknown }), 404),
        ("/Files", json!({ "Name": "a b?.mp4", "ParentAssetId": asset }), 400),
        ("/Files", json!({ "ParentAssetId": asset }), 400),
        ("/Files", file.clone(), 201),
        ("/Files", file, 409),
        ("/Locators", json!({ "AssetId": asset, "AccessPolicyId": write, "Type": 2 }), 400),
        ("/Locators", json!({ "AssetId": unknown, "AccessPolicyId": read, "Type": 2 }), 404),
        (
            "/Locators",
            json!({ "AssetId": asset, "AccessPolicyId": "nb:pid:UUID:00000000-0000-4000-8000-00000000dead", "Type": 2 }),
            404,
        ),
        ("/Locators", json!({ "AssetId": asset, "AccessPolicyId": read, "Type": 7 }), 400),
        ("/Locators", json!({ "AssetId": "film", "AccessPolicyId": read, "Type": 2 }), 400),
        ("/Locators", json!({ "AssetId": empty, "AccessPolicyId": read, "Type": 2 }), 400),
        ("/Nothing", json!({}), 404),
        ("/StorageAccounts", json!({ "Name": "x" }), 405),
    ] {
        let answer = site.post(path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        if status >= 400 {
            assert!(answer.message().len() > 20, "{path} {body}: {}", answer.body);
        }
    }
    for (path, body, status) in [
        (at("Assets", &asset), json!({ "Name": "renamed", "AlternateId": "7" }), 204),
        (at("Assets", &asset), json!({ "Options": 1 }), 400),
        (at("Assets", unknown), json!({ "Name": "x" }), 404),
        (at("Assets", "film"), json!({ "Name": "x" }), 404),
        (at("AccessPolicies", &read), json!({ "Permissions": 2 }), 405),
    ] {
        let answer = site.merge(&path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
    }
    let asset = site.get(&at("Assets", &asset)).await;
    assert_eq!((asset.text("Name").as_str(), asset.text("AlternateId").as_str()), ("renamed", "7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_can_be_kept() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let container = site.container(&asset);
    site.delete(&format!("{}?keepcontainer=true", at("Assets", &asset))).await.is(204);
    site.get(&at("Assets", &asset)).await.is(404);
    assert!(container.is_dir());
    let other = site.film("film").await;
    site.delete(&format!("{}?keepcontainer=maybe", at("Assets", &other))).await.is(400);
}
