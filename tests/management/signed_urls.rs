//! SAS locators: uploads, listings and downloads through signed URLs, and when those end.

use std::time::{Duration, Instant};

use headwater::catalog::{Backend, By, NewStorageAccount};
use serde_json::{Value, json};

use crate::site::{Site, at, encode, now};

#[tokio::test(flavor = "multi_thread")]
async fn a_url_allows_what_its_policy_allows() {
    let site = Site::start().await;
    let asset = site.create("Assets", json!({ "Name": "a" })).await;
    // Whoever uploads comes before the files; whoever reads does not.
    assert!(site.sas(&asset, 10.0, 1).await.is(400).message().contains("no files"));
    let write = site.sas(&asset, 10.0, 2).await.is(201);
    let (path, base) = (write.text("Path"), write.text("BaseUri"));
    assert_eq!(path, format!("{base}{}", write.text("ContentAccessComponent")));
    let guid = &write.text("Id")["nb:lid:UUID:".len()..];
    assert!(path.contains("sr=c") && path.contains(&format!("si={guid}")), "{path}");
    site.blob("PUT", &path, "a.mp4", b"some bytes").await.is(201);
    site.blob("GET", &path, "a.mp4", b"").await.is(403);
    site.blob("DELETE", &path, "a.mp4", b"").await.is(403);
    let read = site.sas(&asset, 10.0, 1).await.is(201).text("Path");
    assert_eq!(site.blob("GET", &read, "a.mp4", b"").await.is(200).body, "some bytes");
    site.blob("PUT", &read, "b.mp4", b"x").await.is(403);
    let list = site.sas(&asset, 10.0, 8).await.is(201).text("Path");
    let listing = site.fetch(&format!("{list}&restype=container&comp=list")).await.is(200).body;
    assert!(listing.contains("<Name>a.mp4</Name>"), "{listing}");
    let delete = site.sas(&asset, 10.0, 4).await.is(201).text("Path");
    site.blob("DELETE", &delete, "a.mp4", b"").await.is(202);
    site.blob("GET", &read, "a.mp4", b"").await.is(404);
    assert!(site.sas(&asset, 10.0, 0).await.is(400).message().contains("allows nothing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_ends_with_its_time_and_with_its_locator() {
    let site = Site::start().await;
    let asset = site.create("Assets", json!({ "Name": "a" })).await;
    let brief = site.sas(&asset, 0.05, 2).await.is(201).text("Path");
    site.blob("PUT", &brief, "a.mp4", b"1").await.is(201);
    let start = Instant::now();
    while site.blob("PUT", &brief, "a.mp4", b"2").await.status == 201 {
        assert!(start.elapsed() < Duration::from_secs(20), "the signed URL does not expire");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    site.blob("PUT", &brief, "b.mp4", b"3").await.is(403);

    let policy = site.policy(60.0, 2).await;
    let later = i64::try_from(now().unix_millis).unwrap() + 3_600_000;
    let later = headwater::odata::DateTime::from_milliseconds(later).to_string();
    let body = json!({ "AssetId": asset, "AccessPolicyId": policy, "Type": 1, "StartTime": later });
    let early = site.post("/Locators", body).await.is(201);
    site.blob("PUT", &early.text("Path"), "c.mp4", b"1").await.is(403);
    // Its URL is signed for its times.
    site.merge(&at("Locators", &early.text("Id")), json!({ "StartTime": "2024-05-06T07:08:09" })).await.is(400);

    let locator = site.sas(&asset, 10.0, 2).await.is(201);
    site.blob("PUT", &locator.text("Path"), "d.mp4", b"1").await.is(201);
    site.delete(&at("Locators", &locator.text("Id"))).await.is(204);
    site.blob("PUT", &locator.text("Path"), "d.mp4", b"2").await.is(403);
    let last = site.sas(&asset, 10.0, 2).await.is(201);
    site.delete(&at("Assets", &asset)).await.is(204);
    site.blob("PUT", &last.text("Path"), "d.mp4", b"2").await.is(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_url_is_worth_nothing() {
    let site = Site::start().await;
    let (asset, other) = (site.film("a").await, site.film("b").await);
    let (read, write) = (site.sas(&asset, 10.0, 1).await.is(201), site.sas(&asset, 10.0, 2).await.is(201));
    let (path, name) = (read.text("Path"), "film_90.mp4");
    site.blob("GET", &path, name, b"").await.is(200);
    let container = |asset: &str| asset.replace("nb:cid:UUID:", "asset-");
    let guid = |locator: &str| locator["nb:lid:UUID:".len()..].to_owned();
    let (sig, end) = {
        let begin = path.find("sig=").unwrap() + 4;
        (begin, path[begin..].find('&').map_or(path.len(), |n| begin + n))
    };
    let flipped = if path.as_bytes()[sig] == b'A' { "B" } else { "A" };
    for changed in [
        format!("{}{flipped}{}", &path[..sig], &path[sig + 1..]),
        format!("{}{}", &path[..sig], &path[end..]),
        path.replace("sp=r", "sp=rwdl"),
        path.replace("se=20", "se=21"),
        path.replace(&guid(&read.text("Id")), &guid(&write.text("Id"))),
        path.replace(&container(&asset), &container(&other)),
        path.split_once('?').unwrap().0.to_owned() + "?",
    ] {
        assert_ne!(changed, path);
        let answer = site.blob("GET", &changed, name, b"").await;
        assert!((400..=404).contains(&answer.status) && answer.status != 404, "{changed}: {}", answer.status);
    }
    for name in ["../film_90.mp4", "%2e%2e/film_90.mp4", "..%2ffilm_90.mp4", "/etc/passwd", "a/../../x"] {
        let foreign = format!("{name}/../../{}/film_90.mp4", container(&other));
        for name in [name, foreign.as_str()] {
            let status = site.blob("GET", &path, name, b"").await.status;
            assert!((400..=404).contains(&status), "{name}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_sees_no_signed_url() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let locator = site.sas(&asset, 10.0, 1).await.is(201);
    let bearer = format!("Bearer {}", crate::site::READER);
    let path = at("Locators", &locator.text("Id"));
    let seen = site.ask("GET", &path, &[("Authorization", &bearer)], "").await.is(200);
    assert!(!seen.body.contains("sig="), "{}", seen.body);
    assert_eq!(seen.text("BaseUri"), locator.text("BaseUri"));
    for path in ["/Locators", "/Assets?$expand=Locators"] {
        let seen = site.ask("GET", path, &[("Authorization", &bearer)], "").await.is(200);
        assert!(!seen.body.contains("sig="), "{}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_in_the_account_that_was_named() {
    let site = Site::start().await;
    let mut transaction = site.catalog.begin(By::new("test", now())).await.unwrap();
    for (name, backend) in
        [("second", Backend::Folder { root: site.root.path().join("second") }), ("unsigned", Backend::Memory)]
    {
        let new = NewStorageAccount { name: name.to_owned(), backend, capacity_bytes: None, weight: 1 };
        transaction.create_storage_account(new, None).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let accounts = site.get("/StorageAccounts?$orderby=Name").await.is(200);
    assert_eq!(accounts.names(), ["in-place", "local", "second", "unsigned"]);
    assert_eq!(site.get("/StorageAccounts?$filter=IsDefault").await.is(200).names(), ["local"]);

    let asset = site.post("/Assets", json!({ "Name": "a", "StorageAccountName": "second" })).await.is(201);
    assert_eq!(asset.text("StorageAccountName"), "second");
    let container = asset.text("Id").replace("nb:cid:UUID:", "asset-");
    assert_eq!(asset.text("Uri"), format!("http://{}/second/{container}", site.streaming));
    assert!(site.root.path().join("second").join(&container).is_dir());
    let of_account = format!("/Assets?$filter=StorageAccountName%20eq%20'{}'", encode("second"));
    assert_eq!(site.get(&of_account).await.is(200).names(), ["a"]);

    // Without an address of its own there is no signed URL, and that is said at once.
    let asset = site.post("/Assets", json!({ "Name": "b", "StorageAccountName": "unsigned" })).await.is(201);
    assert_eq!(asset.json()["Uri"], Value::Null);
    let refused = site.sas(&asset.text("Id"), 10.0, 2).await.is(501);
    assert!(refused.message().contains("unsigned"), "{}", refused.message());
    assert_eq!(site.get("/Locators").await.is(200).names(), Vec::<String>::new());
}
