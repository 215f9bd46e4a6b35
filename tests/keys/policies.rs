//! Who has a key: open, restricted, not at all.

use headwater::catalog::{ContentKeyType, KeyDeliveryType};
use headwater::key_delivery::{Addresses, Settings};
use headwater::tokens::TokenType;
use uuid::Uuid;

use crate::site::{OPEN, Site, answer, claims, from, jwt, material, template, token};

#[tokio::test]
async fn an_open_key_is_sixteen_bytes_and_never_cached() {
    let site = Site::start().await;
    let key = site.key(&[OPEN]).await;
    let simple = key.simple().to_string().to_uppercase();
    for target in [format!("/?kid={key}"), format!("/?KID={simple}"), format!("/HlsHandler.ashx?kid={key}")] {
        let given = site.get(&target).await;
        assert_eq!((given.status, &given.body), (200, &material(key)), "{target}");
        assert_eq!(given.header("content-type"), "application/octet-stream");
        assert_eq!(given.header("cache-control"), "no-store");
        assert_eq!(given.header("access-control-allow-origin"), "*");
        assert_eq!(given.header("content-length"), "16");
    }
    // As clients of the service did it: POST without a body.
    let post = answer(site.client.post(site.url(&format!("/?kid={key}"))).header("content-length", "0")).await;
    assert_eq!((post.status, post.body), (200, material(key)));
    // Behind its host names every path is key delivery's.
    let host = "contoso.keydelivery.westeurope.media.azure.net";
    let named = answer(site.client.get(site.url(&format!("/?kid={key}"))).header("host", host)).await;
    assert_eq!(named.status, 200);
    let other = answer(site.client.get(site.url("/healthz")).header("host", host)).await;
    assert_eq!((other.status, other.text()), (400, "no such service\n"));
    // And without a key, the front page is streaming's.
    assert_eq!(site.get("/healthz").await.text(), "ok\n");
    assert!(site.get("/").await.text().starts_with("Headwater"));
}

#[tokio::test]
async fn requests_that_ask_for_nothing_are_told_so() {
    let site = Site::start().await;
    let key = site.key(&[OPEN]).await;
    let status = async |target: &str| site.get(target).await.status;
    assert_eq!(status("/?kid=").await, 400);
    assert_eq!(status("/?kid=1234").await, 400);
    assert_eq!(status(&format!("/?kid={key}&kid={}", Uuid::nil())).await, 400);
    assert_eq!(status(&format!("/?kid={}", Uuid::nil())).await, 404);
    let put = answer(site.client.put(site.url(&format!("/?kid={key}"))).body("x")).await;
    assert_eq!((put.status, put.header("allow")), (405, "GET, POST, OPTIONS"));
    let head = answer(site.client.head(site.url(&format!("/?kid={key}")))).await;
    assert_eq!(head.status, 405);
    let long = answer(site.client.post(site.url("/ClearKey/")).body(vec![b' '; 200 << 10])).await;
    assert_eq!(long.status, 413);
}

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let site = Site::start().await;
    let request = site.client.request(reqwest::Method::OPTIONS, site.url(&format!("/?kid={}", Uuid::nil())));
    let request = request.header("origin", "https://player.example").header("access-control-request-method", "POST");
    let preflight = answer(request.header("access-control-request-headers", "authorization,x-own")).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert_eq!(preflight.header("access-control-allow-methods"), "GET, POST, OPTIONS");
    assert!(preflight.header("access-control-allow-headers").contains("authorization"));
    let refused = site.get(&format!("/?kid={}", Uuid::nil())).await;
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    assert_eq!(refused.header("cache-control"), "no-store");
}

#[tokio::test]
async fn all_restrictions_of_any_option_have_to_be_met() {
    let site = Site::start().await;
    let jwts = token(&template(TokenType::Jwt));
    let both = site.key(&[from("127.0.0.0/8"), jwts.clone()]).await;
    assert_eq!(site.get(&format!("/?kid={both}")).await.status, 401);
    site.gives(both, &jwt(&claims(both))).await;
    let elsewhere = site.key(&[from("192.0.2.0/24, 2001:db8::/32"), jwts.clone()]).await;
    let refused = site.ask(elsewhere, &jwt(&claims(elsewhere))).await;
    assert_eq!((refused.status, refused.text()), (403, "forbidden\n"));
    // One option from here, one with a token from anywhere.
    let options: [(KeyDeliveryType, &[_]); 2] = [
        (KeyDeliveryType::BaselineHttp, &[from("192.0.2.0/24")]),
        (KeyDeliveryType::BaselineHttp, std::slice::from_ref(&jwts)),
    ];
    let either = site.key_of(ContentKeyType::EnvelopeEncryption, &options).await;
    assert_eq!(site.get(&format!("/?kid={either}")).await.status, 401);
    site.gives(either, &jwt(&claims(either))).await;
}

#[tokio::test]
async fn keys_that_players_do_not_get_stay_here() {
    let site = Site::start().await;
    let open: [(KeyDeliveryType, &[_]); 1] = [(KeyDeliveryType::BaselineHttp, &[OPEN])];
    for kind in [
        ContentKeyType::StorageEncryption,
        ContentKeyType::ConfigurationEncryption,
        ContentKeyType::FairPlayASk,
        ContentKeyType::FairPlayPfxPassword,
        ContentKeyType::UrlEncryption,
    ] {
        let key = site.key_of(kind, &open).await;
        assert_eq!(site.get(&format!("/?kid={key}")).await.status, 403, "{kind:?}");
    }
    // Without an option, or with one for licences alone.
    let none = site.key_of(ContentKeyType::EnvelopeEncryption, &[]).await;
    assert_eq!(site.get(&format!("/?kid={none}")).await.status, 403);
    let widevine: [(KeyDeliveryType, &[_]); 1] = [(KeyDeliveryType::Widevine, &[OPEN])];
    let licences = site.key_of(ContentKeyType::CommonEncryption, &widevine).await;
    assert_eq!(site.get(&format!("/?kid={licences}")).await.status, 403);
    assert_eq!(site.get(&format!("/ClearKey/?kid={licences}")).await.status, 403);
}

#[tokio::test]
async fn a_change_of_the_policy_counts_at_once() {
    let site = Site::start().await;
    let key = site.key(&[OPEN]).await;
    assert_eq!(site.get(&format!("/?kid={key}")).await.status, 200);
    let now = headwater::time::UtcTime { unix_millis: crate::site::now() * 1000 };
    let mut change = site.catalog.begin(headwater::catalog::By::new("test", now)).await.unwrap();
    let update = headwater::catalog::ContentKeyUpdate {
        authorization_policy_id: Some(None),
        ..headwater::catalog::ContentKeyUpdate::default()
    };
    change.update_content_key(headwater::catalog::ContentKeyId(key), update, None).await.unwrap();
    change.commit().await.unwrap();
    assert_eq!(site.get(&format!("/?kid={key}")).await.status, 403);
}

#[tokio::test]
async fn addresses_can_be_kept_out_altogether_and_proxies_are_believed() {
    let settings = Settings {
        allow: Addresses::parse("198.51.100.0/24").unwrap(),
        trusted_proxies: Addresses::parse("127.0.0.1").unwrap(),
        ..Settings::default()
    };
    let site = Site::with(settings).await;
    let key = site.key(&[from("198.51.100.7")]).await;
    let target = format!("/?kid={key}");
    let ask = async |forwarded: &str| {
        answer(site.client.get(site.url(&target)).header("x-forwarded-for", forwarded)).await.status
    };
    assert_eq!(site.get(&target).await.status, 403);
    assert_eq!(ask("198.51.100.7").await, 200);
    assert_eq!(ask("198.51.100.8").await, 403);
    assert_eq!(ask("198.51.100.7, 203.0.113.1").await, 403, "what a client says itself");
}
