//! The dialect over the wire: forms, queries, links, headers.

use serde_json::{Value, json};

use crate::site::{Answer, Site, at, encode};

const VERBOSE: (&str, &str) = ("Accept", "application/json;odata=verbose");

/// Times and ids put in words, so that answers can be compared as a whole.
fn plain(site: &Site, answer: &Answer, id: &str) -> String {
    let text = answer.body.replace(&site.management.to_string(), "HOST").replace(&encode(id), "ID").replace(id, "ID");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\"20") {
        let end = rest[at + 1..].find('"').map_or(rest.len(), |n| at + n + 2);
        out.push_str(&rest[..at]);
        out.push_str(if rest[at..end].ends_with("Z\"") { "\"TIME\"" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_policy_word_for_word() {
    let site = Site::start().await;
    let policy = site.policy(300.0, 1).await;
    let path = at("AccessPolicies", &policy);
    let minimal = site.get(&path).await.is(200);
    assert_eq!(minimal.header("content-type"), "application/json;odata=minimalmetadata;streaming=true;charset=utf-8");
    assert_eq!(
        plain(&site, &minimal, &policy),
        r#"{"odata.metadata":"http://HOST/API/$metadata#AccessPolicies/@Element","Id":"ID","Created":"TIME","LastModified":"TIME","Name":"policy","DurationInMinutes":300.0,"Permissions":1}"#
    );
    let verbose = site.ask("GET", &path, &[VERBOSE], "").await.is(200);
    assert_eq!(verbose.header("content-type"), "application/json;odata=verbose;charset=utf-8");
    assert_eq!(
        plain(&site, &verbose, &policy),
        concat!(
            r#"{"d":{"__metadata":{"id":"http://HOST/API/AccessPolicies('ID')","uri":"http://HOST/API/AccessPolicies('ID')","type":"Microsoft.Cloud.Media.Vod.Rest.Data.Models.AccessPolicy"},"#,
            r#""Locators":{"__deferred":{"uri":"http://HOST/API/AccessPolicies('ID')/Locators"}},"#,
            r#""Id":"ID","Created":"TIME","LastModified":"TIME","Name":"policy","DurationInMinutes":300,"Permissions":1}}"#
        )
    );
    let list = site.ask("GET", "/AccessPolicies?$inlinecount=allpages&$select=Name", &[VERBOSE], "").await.is(200);
    assert!(
        list.body.starts_with(r#"{"d":{"results":[{"__metadata":"#)
            && list.body.ends_with(r#""Name":"policy"}],"__count":"1"}}"#),
        "{}",
        list.body
    );
    // Before version 3 JSON alone meant verbose.
    let old = site.ask("GET", &path, &[("Accept", "application/json"), ("MaxDataServiceVersion", "2.0")], "").await;
    assert!(old.body.starts_with(r#"{"d":"#), "{}", old.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries() {
    let site = Site::start().await;
    let mut ids = Vec::new();
    for name in ["delta", "alpha", "charlie", "bravo"] {
        ids.push(site.create("Assets", json!({ "Name": name, "AlternateId": name.len().to_string() })).await);
    }
    site.upload(&ids[1], "no-ism").await;
    site.get(&format!("/CreateFileInfos?assetid='{}'", encode(&ids[1]))).await.is(204);
    for (query, names) in [
        ("", vec!["delta", "alpha", "charlie", "bravo"]),
        ("$orderby=Name", vec!["alpha", "bravo", "charlie", "delta"]),
        ("$orderby=Name desc&$skip=1&$top=2", vec!["charlie", "bravo"]),
        ("$filter=Name eq 'alpha'", vec!["alpha"]),
        ("$filter=startswith(Name,'c') or substringof('av',Name)", vec!["charlie", "bravo"]),
        ("$filter=AlternateId eq '5' and Name ne 'delta'", vec!["alpha", "bravo"]),
        ("$filter=Created gt datetime'2015-01-01T00:00:00' and State eq 0", vec!["delta", "alpha", "charlie", "bravo"]),
        ("$filter=Created lt datetime'2015-01-01T00:00:00'", vec![]),
        ("$filter=Files/any(f: f/ContentFileSize gt 1000)", vec!["alpha"]),
        ("$filter=StorageAccount/IsDefault eq true&$top=1", vec!["delta"]),
    ] {
        let answer = site.get(&format!("/Assets?{}", query.replace(' ', "%20"))).await.is(200);
        assert_eq!(answer.names(), names, "{query}");
    }
    let by_id = site.get(&format!("/Assets?$filter=Id%20eq%20'{}'", encode(&ids[2]))).await.is(200);
    assert_eq!(by_id.names(), ["charlie"]);
    let counted = site.get("/Assets?$inlinecount=allpages&$top=1").await.is(200).json();
    assert_eq!((counted["odata.count"].as_str(), counted["value"].as_array().map(Vec::len)), (Some("4"), Some(1)));
    assert_eq!(site.get("/Assets/$count").await.is(200).body, "4");
    assert_eq!(site.get("/Assets/$count?$filter=Name%20eq%20'alpha'").await.is(200).body, "1");
    let expanded = site
        .get(&format!("{}?$expand=Files,StorageAccount&$select=Name,Files,StorageAccount", at("Assets", &ids[1])))
        .await
        .is(200)
        .json();
    assert_eq!(expanded["StorageAccount"]["Name"], "local");
    assert!(expanded["Files"].as_array().is_some_and(|files| !files.is_empty()), "{expanded}");
    assert_eq!(expanded["Id"], Value::Null);
    let path = at("Assets", &ids[0]);
    assert_eq!(site.get(&format!("{path}/Name")).await.is(200).text("value"), "delta");
    assert_eq!(site.get(&format!("{path}/Name/$value")).await.is(200).body, "delta");
    assert_eq!(site.get(&format!("{path}/State")).await.is(200).json()["value"], 0);
    assert_eq!(site.get(&format!("{path}/StorageAccount/Name")).await.is(200).text("value"), "local");
    for (path, status) in [
        ("/Assets?$filter=Nam%20eq%20'x'", 400),
        ("/Assets?$filter=Name%20eq", 400),
        ("/Assets?$top=x", 400),
        ("/Assets?$foo=1", 400),
        ("/assets", 404),
        ("/Assets('x')", 404),
        ("/Assets('nb:cid:UUID:00000000-0000-4000-8000-00000000dead')/Files", 404),
    ] {
        assert_eq!(site.get(path).await.status, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_sets_come_in_pages() {
    let site = Site::start().await;
    let mut transaction = site.catalog.begin(headwater::catalog::By::new("test", crate::site::now())).await.unwrap();
    for number in 0..1203 {
        let new = headwater::catalog::NewAccessPolicy {
            name: Some(format!("{number:04}")),
            duration_milliseconds: Some(60_000),
            permissions: headwater::catalog::Permissions::READ,
        };
        transaction.create_access_policy(new).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let first = site.get("/AccessPolicies?$select=Name").await.is(200);
    assert_eq!(first.names().len(), 1000);
    let next = first.text("odata.nextLink");
    assert!(next.ends_with("/API/AccessPolicies?$select=Name&$skip=1000"), "{next}");
    let second = site.get(next.split_once("/API").unwrap().1).await.is(200);
    assert_eq!((second.names().len(), second.names().last().cloned()), (203, Some("1202".to_owned())));
    assert_eq!(second.json()["odata.nextLink"], Value::Null);
    let last = site.get("/AccessPolicies?$orderby=Name%20desc&$top=1&$inlinecount=allpages").await.is(200);
    assert_eq!((last.names(), last.text("odata.count")), (vec!["1202".to_owned()], "1203".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_between_entities() {
    let site = Site::start().await;
    let asset = site.create("Assets", json!({ "Name": "a" })).await;
    let body = json!({ "Name": "clear", "AssetDeliveryProtocol": 7, "AssetDeliveryPolicyType": 2, "AssetDeliveryConfiguration": null });
    let policy = site.create("AssetDeliveryPolicies", body).await;
    let links = format!("{}/$links/DeliveryPolicies", at("Assets", &asset));
    let uri = format!("https://media.windows.net/API{}", at("AssetDeliveryPolicies", &policy));
    site.post(&links, json!({ "uri": uri })).await.is(204);
    site.post(&links, json!({ "uri": uri })).await.is(409);
    assert_eq!(
        site.get(&links).await.is(200).json()["value"][0]["url"],
        format!("http://{}/API{}", site.management, at("AssetDeliveryPolicies", &policy))
    );
    assert_eq!(site.get(&format!("{}/DeliveryPolicies", at("Assets", &asset))).await.names(), ["clear"]);
    site.post(&links, json!({ "uri": "Assets('x')" })).await.is(400);
    site.post(&links, json!({ "uri": "AssetDeliveryPolicies('nb:adpid:UUID:00000000-0000-4000-8000-00000000dead')" }))
        .await
        .is(404);
    site.delete(&format!("{links}('{}')", encode(&policy))).await.is(204);
    assert!(site.get(&format!("{}/DeliveryPolicies", at("Assets", &asset))).await.names().is_empty());
    site.delete(&format!("{links}('{}')", encode(&policy))).await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_methods() {
    let site = Site::start().await;
    let asset = site.create("Assets", json!({ "Name": "a" })).await;
    let path = at("Assets", &asset);
    for (version, status) in [("2.19", 200), ("2.0", 200), ("2.20", 400), ("3.0", 400), ("", 400)] {
        assert_eq!(site.ask("GET", &path, &[("x-ms-version", version)], "").await.status, status, "{version}");
    }
    let bearer = format!("Bearer {}", site.key);
    let missing = site.send(site.management, "GET", "/API/Assets", &[("Authorization", &bearer)], "").await.is(400);
    assert!(missing.message().contains("x-ms-version"));
    site.ask("GET", &path, &[("DataServiceVersion", "4.0")], "").await.is(400);
    site.ask("GET", &path, &[("Accept", "application/atom+xml")], "").await.is(406);
    site.ask("POST", "/Assets", &[("Content-Type", "text/plain")], "{}").await.is(415);
    site.ask("BREW", &path, &[], "").await.is(405);
    let echoed = site.ask("GET", &path, &[("x-ms-client-request-id", "mine")], "").await;
    assert_eq!(echoed.header("x-ms-client-request-id"), "mine");
    let head = site.ask("HEAD", &path, &[], "").await.is(200);
    assert!(head.body.is_empty() && head.header("content-length").parse::<u64>().unwrap() > 100);
    for (method, more) in [("PATCH", vec![]), ("PUT", vec![]), ("POST", vec![("X-HTTP-Method", "MERGE")])] {
        let body = format!(r#"{{"Name":"by {method}"}}"#);
        site.ask(method, &path, &more, &body).await.is(204);
        assert_eq!(site.get(&path).await.text("Name"), format!("by {method}"));
    }
    // A change for a state that has passed.
    let tag = site.get(&path).await.header("etag").to_owned();
    site.ask("MERGE", &path, &[("If-Match", &tag)], r#"{"Name":"first"}"#).await.is(204);
    site.ask("MERGE", &path, &[("If-Match", &tag)], r#"{"Name":"second"}"#).await.is(412);
    site.ask("DELETE", &path, &[("If-Match", &tag)], "").await.is(412);
    site.ask("DELETE", &path, &[("If-Match", "*")], "").await.is(204);
    // The root leads to the API, and both spellings are it.
    let moved = site.send(site.management, "GET", "/", &[], "").await.is(301);
    assert_eq!(moved.header("location"), format!("http://{}/API/", site.management));
    let headers = [("Authorization", bearer.as_str()), ("x-ms-version", "2.17")];
    let service = site.send(site.management, "GET", "/api/", &headers, "").await.is(200).json();
    assert!(service["value"].as_array().unwrap().iter().any(|set| set["name"] == "Locators"), "{service}");
    let metadata = site.get("/$metadata").await.is(200);
    assert!(
        metadata.header("content-type").starts_with("application/xml")
            && metadata.body.contains("EntityType Name=\"Asset\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn new_entities_bring_their_links_along() {
    let site = Site::start().await;
    let option =
        json!({ "Name": "open", "KeyDeliveryType": 2, "Restrictions": [{ "Name": "o", "KeyRestrictionType": 0 }] });
    let policy = json!({ "Name": "keys", "Options": [option] });
    let policy = at("ContentKeyAuthorizationPolicies", &site.create("ContentKeyAuthorizationPolicies", policy).await);
    assert_eq!(site.get(&format!("{policy}/Options")).await.is(200).names(), ["open"]);
    let clear = json!({ "Name": "clear", "AssetDeliveryProtocol": 7, "AssetDeliveryPolicyType": 2, "AssetDeliveryConfiguration": null });
    let uri = format!(
        "https://media.windows.net/API{}",
        at("AssetDeliveryPolicies", &site.create("AssetDeliveryPolicies", clear).await)
    );
    let body = json!({
        "Name": "film", "Files": [{ "Name": "a.mp4", "IsPrimary": true }, { "Name": "b.mp4" }],
        "DeliveryPolicies": [{ "__metadata": { "uri": uri } }], "Locators": { "__deferred": { "uri": "x" } }
    });
    let asset = at("Assets", &site.create("Assets", body).await);
    assert_eq!(site.get(&format!("{asset}/Files")).await.is(200).names(), ["a.mp4", "b.mp4"]);
    assert_eq!(site.get(&format!("{asset}/DeliveryPolicies")).await.is(200).names(), ["clear"]);
    let bound = json!({ "Name": "bound", "DeliveryPolicies@odata.bind": [uri] });
    let bound = at("Assets", &site.create("Assets", bound).await);
    assert_eq!(site.get(&format!("{bound}/DeliveryPolicies")).await.is(200).names(), ["clear"]);
    // All or nothing.
    for (body, status) in [
        (json!({ "Name": "no", "Files": [{ "Name": "a.mp4" }, { "Name": "a.mp4" }] }), 409),
        (json!({ "Name": "no", "DeliveryPolicies": [{ "__metadata": { "uri": "Assets('x')" } }] }), 400),
        (json!({ "Name": "no", "Files": [{ "Name": "a.mp4", "Asset": { "Name": "x" } }] }), 400),
        (json!({ "Name": "no", "StorageAccount": { "__metadata": { "uri": "StorageAccounts('local')" } } }), 405),
    ] {
        let answer = site.post("/Assets", body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    assert_eq!(site.get("/Assets?$filter=Name%20eq%20'no'").await.is(200).names(), Vec::<String>::new());
    site.merge(&asset, json!({ "DeliveryPolicies": [{ "__metadata": { "uri": uri } }] })).await.is(400);
}
