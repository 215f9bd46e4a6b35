//! Keys on a listener of their own, with films' listener beside it.

use std::sync::Arc;

use headwater::key_delivery::{KeyDelivery, Settings};
use headwater::server::tls::{Certificates, Tls};
use headwater::server::{self, Keys, Limits, Listener};
use headwater::tokens::TokenType;
use tokio::net::TcpListener;

use crate::site::{Answer, OPEN, Site, answer, claims, jwt, material, template, token};

/// A listener for the keys of that site; its address and a client that takes its certificate.
async fn listen(site: &Site, tls: bool) -> (String, reqwest::Client) {
    let certificates = || Certificates::self_signed(&["localhost".to_owned()]).unwrap();
    let settings = tls.then(|| Tls::new(Arc::new(certificates())).unwrap());
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let keys = Arc::new(KeyDelivery::new(site.catalog.clone(), Settings::default()).unwrap());
    let listeners = vec![Listener { tcp, tls: settings }];
    tokio::spawn(server::run(listeners, Arc::new(Keys::new(keys)), Limits::default(), std::future::pending()));
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    (format!("{}://localhost:{port}", if tls { "https" } else { "http" }), client)
}

#[tokio::test]
async fn every_path_and_host_is_key_deliverys() {
    // Films without keys beside them.
    let site = Site::without_keys().await;
    let key = site.key(&[OPEN]).await;
    for tls in [false, true] {
        let (base, client) = listen(&site, tls).await;
        let get = async |target: &str| answer(client.get(format!("{base}{target}"))).await;
        let given = |answer: Answer| assert_eq!((answer.status, answer.body), (200, material(key)));
        given(get(&format!("/?kid={key}")).await);
        given(get(&format!("/HlsHandler.ashx?kid={key}")).await);
        // Hosts as Azure Media Services had them, and any other.
        for host in ["contoso.keydelivery.westeurope.media.azure.net", "keys.example"] {
            let request = client.get(format!("{base}/?KID={key}")).header("host", host);
            given(answer(request).await);
        }
        given(answer(client.post(format!("{base}/?kid={key}")).body("a body of no use")).await);
        let licence = answer(client.get(format!("{base}/ClearKey/?kid={key}"))).await;
        assert_eq!((licence.status, licence.header("content-type")), (200, "application/json"));
        // Nothing else is there: no film, no health check, no file.
        for other in ["/", "/healthz", "/00000000-0000-4000-8000-0000dec0de00/demo.ism/Manifest", "/x.mp4"] {
            assert_eq!(get(other).await.status, 400, "{other}");
        }
        assert_eq!(get(&format!("/?kid={}", uuid::Uuid::nil())).await.status, 404);
    }
}

#[tokio::test]
async fn films_listener_has_no_keys_then() {
    let site = Site::without_keys().await;
    let key = site.key(&[OPEN]).await;
    for target in [format!("/?kid={key}"), format!("/ClearKey/?kid={key}"), "/PlayReady/".to_owned()] {
        let answer = site.get(&target).await;
        assert_ne!(answer.body, material(key), "{target}");
        assert!(!answer.header("content-type").contains("json") && answer.header("cache-control") != "no-store");
    }
}

#[tokio::test]
async fn policies_judge_there_as_beside_films() {
    let site = Site::start().await;
    let key = site.key(&[token(&template(TokenType::Jwt))]).await;
    let (base, client) = listen(&site, false).await;
    let ask = async |token: &str| {
        answer(client.get(format!("{base}/?kid={key}")).header("Authorization", format!("Bearer {token}"))).await
    };
    assert_eq!(ask("a.b.c").await.status, 401);
    assert_eq!(ask(&jwt(&claims(key))).await.body, material(key));
    site.gives(key, &jwt(&claims(key))).await;
}
