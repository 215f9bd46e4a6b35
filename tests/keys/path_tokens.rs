//! Tokens in streaming URLs: who has none gets nothing, and who has one gets all that the manifest names.

use std::path::Path;

use headwater::catalog::{By, LocatorId};
use headwater::time::UtcTime;
use reqwest::Url;
use uuid::Uuid;

use crate::site::{Answer, Site, answer, now};

fn by() -> By {
    By::new("test", UtcTime { unix_millis: now() * 1000 })
}

async fn film(site: &Site) -> Uuid {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    let locator = site.catalog.publish_folder(by(), &demo, None).await.unwrap().locator;
    let mut change = site.catalog.begin(by()).await.unwrap();
    change.demand_path_token(LocatorId(locator), true, None).await.unwrap();
    change.commit().await.unwrap();
    locator
}

async fn get(site: &Site, url: Url) -> Answer {
    answer(site.client.get(url)).await
}

#[tokio::test]
async fn all_that_a_manifest_names_has_its_token() {
    let site = Site::start().await;
    let locator = film(&site).await;
    let keys = site.catalog.path_keys().await.unwrap();
    let token = keys.sign(locator, now() + 300, None).unwrap();
    let path = format!("/{locator}/demo.ism/Manifest(format=m3u8-aapl)");
    let refused = site.get(&path).await;
    assert_eq!(refused.status, 403);
    let url = Url::parse(&site.url(&format!("/token={token}{path}"))).unwrap();
    let master = get(&site, url.clone()).await;
    assert_eq!(master.status, 200);
    assert!(!master.text().contains(&token), "the manifest itself is the same for everybody");
    let max_age: u64 = master.header("cache-control").trim_start_matches("max-age=").parse().unwrap();
    assert!(max_age <= 300, "caches keep it no longer than the token counts");
    let children = |text: &str, base: &Url| -> Vec<Url> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| base.join(line).unwrap()).collect()
    };
    let playlists = children(master.text(), &url);
    assert!(playlists.len() > 1);
    for playlist in &playlists {
        let read = get(&site, playlist.clone()).await;
        assert_eq!(read.status, 200, "{playlist}");
        for segment in children(read.text(), playlist).into_iter().take(2) {
            let with = get(&site, segment.clone()).await;
            assert_eq!(with.status, 200, "{segment}");
            let bare = segment.path().replacen(&format!("/token={token}"), "", 1);
            assert_ne!(bare, segment.path());
            assert_eq!(get(&site, segment.join(&bare).unwrap()).await.status, 403, "{bare}");
        }
    }
    // The entity is the same whatever the token: a cache that leaves the token out of its key holds it once.
    let other = keys.sign(locator, now() + 200, None).unwrap();
    let again = site.get(&format!("/token={other}{path}")).await;
    assert_eq!((again.header("etag"), &again.body), (master.header("etag"), &master.body));
}

#[tokio::test]
async fn a_token_in_the_query_moves_into_the_path() {
    let site = Site::start().await;
    let locator = film(&site).await;
    let token = site.catalog.path_keys().await.unwrap().sign(locator, now() + 300, None).unwrap();
    for (format, query, rest) in
        [("m3u8-aapl", "", ""), ("mpd-time-csf", "a=1&", "?a=1&b"), ("mpd-time-cmaf", "", "?b")]
    {
        let path = format!("/{locator}/demo.ism/Manifest(format={format})");
        let query = format!("{query}token={token}{}", if rest.is_empty() { "" } else { "&b" });
        let url = Url::parse(&site.url(&format!("{path}?{query}"))).unwrap();
        let moved = get(&site, url.clone()).await;
        assert_eq!((moved.status, moved.header("cache-control")), (307, "no-store"));
        assert_eq!(moved.header("access-control-allow-origin"), "*");
        let place = url.join(moved.header("location")).unwrap();
        assert_eq!(place.as_str(), site.url(&format!("/token={token}{path}{rest}")));
        assert_eq!(get(&site, place).await.status, 200);
    }
    // What names nothing else is given as it is.
    let segment = format!("/{locator}/demo.ism/QualityLevels(400000)/Fragments(video=0,format=mpd-time-csf)");
    assert_ne!(site.get(&format!("{segment}?token={token}")).await.status, 403);
    assert_eq!(site.get(&format!("{segment}?token=x")).await.status, 403);
}

#[tokio::test]
async fn wrong_tokens_are_all_refused_alike() {
    let site = Site::start().await;
    let (locator, other) = (film(&site).await, Uuid::new_v4());
    let keys = site.catalog.path_keys().await.unwrap();
    let good = keys.sign(locator, now() + 300, None).unwrap();
    let own = keys.sign(locator, now() + 300, Some("127.0.0.1".parse().unwrap())).unwrap();
    let theirs = keys.sign(locator, now() + 300, Some("192.0.2.1".parse().unwrap())).unwrap();
    let at = |token: &str| format!("/token={token}/{locator}/demo.ism/Manifest");
    assert_eq!(site.get(&at(&good)).await.status, 200);
    assert_eq!(site.get(&at(&own)).await.status, 200);
    let bare = site.get(&format!("/{locator}/demo.ism/Manifest")).await;
    for token in [
        theirs,
        keys.sign(locator, now(), None).unwrap(),
        keys.sign(other, now() + 300, None).unwrap(),
        good.replacen("any", "ip", 1),
        format!("{}A", &good[..good.len() - 1]),
        "x".repeat(4000),
    ] {
        let refused = site.get(&at(&token)).await;
        assert_eq!((refused.status, &refused.body), (403, &bare.body), "{token}");
    }
    // A changed key: the tokens of the last one count on, those of the one before it do not.
    for (times, status) in [(1, 200), (2, 403)] {
        let mut change = site.catalog.begin(by()).await.unwrap();
        change.change_path_key().await.unwrap();
        change.commit().await.unwrap();
        assert_eq!(site.get(&at(&good)).await.status, status, "after {times} changes");
    }
    let mut change = site.catalog.begin(by()).await.unwrap();
    change.demand_path_token(LocatorId(locator), false, None).await.unwrap();
    change.commit().await.unwrap();
    assert_eq!(site.get(&format!("/{locator}/demo.ism/Manifest")).await.status, 200);
    assert_eq!(site.get(&at(&good)).await.status, 200, "a token that nobody wants does no harm");
}
