//! Tokens, roles, limits.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use headwater::management::Settings;
use headwater::management::auth::Issuer;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::site::{READER, Site, at, encode};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_key() {
    let site = Site::start().await;
    let mut bodies = Vec::new();
    for authorization in ["", "Bearer", "Bearer x", "Basic aGVhZHdhdGVyOng=", "Bearer eyJhbGciOiJub25lIn0.e30."] {
        let answer = site.ask("GET", "/Assets", &[("Authorization", authorization)], "").await.is(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "every failure is the same");
    let ask = async |form: &str| site.send(site.management, "POST", "/oauth2/token", &[], form).await;
    let unknown = ask("grant_type=client_credentials&client_id=nobody&client_secret=x").await.is(401);
    let wrong = ask("grant_type=client_credentials&client_id=headwater&client_secret=x").await.is(401);
    assert_eq!(unknown.body, wrong.body);
    ask("grant_type=password&client_id=headwater&client_secret=x").await.is(400);
    // An address that fails again and again has to wait; a good key would have to as well.
    let attempts = (0..60).map(|_| ask("grant_type=client_credentials&client_id=headwater&client_secret=x"));
    let statuses: Vec<u16> = join_all(attempts).await.iter().map(|answer| answer.status).collect();
    assert!(statuses.contains(&503), "{statuses:?}");
    let throttled = site.get("/Assets").await.is(503);
    assert_eq!(throttled.header("retry-after"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_both_forms_are_good() {
    let site = Site::start().await;
    let form = format!("grant_type=client_credentials&client_id=headwater&client_secret={}", encode(&site.key));
    for path in ["/oauth2/token", "/v2/OAuth2-13", "/tenant/oauth2/token"] {
        let answer = site.send(site.management, "POST", path, &[], &form).await.is(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let bearer = format!("Bearer {}", answer.text("access_token"));
        site.ask("GET", "/Assets", &[("Authorization", &bearer)], "").await.is(200);
        assert!(!answer.body.contains(&site.key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_changes_nothing() {
    let site = Site::start().await;
    let asset = site.film("film").await;
    let bearer = format!("Bearer {READER}");
    let reader = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    site.ask("GET", "/Assets", &reader, "").await.is(200);
    let infos = format!("/CreateFileInfos?assetid='{}'", encode(&asset));
    let path = at("Assets", &asset);
    for (method, path, body) in [
        ("POST", "/Assets", "{}"),
        ("MERGE", path.as_str(), "{}"),
        ("DELETE", path.as_str(), ""),
        ("POST", "/Assets?$top=1", "{}"),
        ("GET", infos.as_str(), ""),
        ("GET", "/RebindContentKey?id='nb:kid:UUID:00112233-4455-6677-8899-aabbccddeeff'", ""),
    ] {
        let answer = site.ask(method, path, &reader, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    }
    let set = "--b\r\nContent-Type: application/http\r\n\r\nDELETE ".to_owned()
        + &path[1..]
        + " HTTP/1.1\r\n\r\n\r\n--b--\r\n";
    let batch = [("Authorization", bearer.as_str()), ("Content-Type", "multipart/mixed; boundary=b")];
    let answer = site.ask("POST", "/$batch", &batch, &set).await.is(202);
    assert!(answer.body.contains("HTTP/1.1 403"), "{}", answer.body);
    site.get(&path).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_limited_in_number_and_size() {
    let site = Site::with(Settings { requests_per_second: 5, max_body_bytes: 1000 }).await;
    let long = json!({ "Name": "x".repeat(2000) });
    site.post("/Assets", long).await.is(413);
    let answers = join_all((0..60).map(|_| site.get("/Assets?$top=1"))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_in_the_audit_log_with_the_name_of_who_made_them() {
    let site = Site::start().await;
    let before = site.catalog.version().await.unwrap();
    let asset = site.create("Assets", json!({ "Name": "a" })).await;
    let changes = site.catalog.changes(before, 10).await.unwrap();
    assert!(
        changes.iter().any(|change| change.actor == "headwater" && change.action == "create" && change.id == asset),
        "{changes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_an_outside_issuer_have_its_roles() {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
    let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k", "x": x, "y": y }] });
    // The issuer, as far as we know it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    let text = keys.to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
            let _ = socket.write_all((head + &text).as_bytes()).await;
        }
    });
    let issuer = Issuer::open("https://login.example/".to_owned(), "headwater".to_owned(), &address).unwrap();
    let settings = Settings { requests_per_second: 10_000, max_body_bytes: 1 << 20 };
    let site = Site::with_issuer(settings, Some(Arc::new(issuer))).await;
    let token = |role: &str, audience: &str, seconds: i64| {
        let expiry = i64::try_from(crate::site::now().unix_millis / 1000).unwrap() + seconds;
        let claims = json!({ "iss": "https://login.example/", "aud": audience, "sub": "a user", "exp": expiry, "roles": [role] });
        let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::ES256) };
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(pkcs8.as_ref())).unwrap();
        format!("Bearer {token}")
    };
    for (authorization, read, write) in [
        (token("Headwater.Write", "headwater", 600), 200, 201),
        (token("Headwater.Read", "headwater", 600), 200, 403),
        (token("Headwater.Write", "another", 600), 401, 401),
        (token("Headwater.Write", "headwater", -600), 401, 401),
        (token("Nothing", "headwater", 600), 401, 401),
    ] {
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        site.ask("GET", "/Assets", &headers, "").await.is(read);
        site.ask("POST", "/Assets", &headers, r#"{"Name":"a"}"#).await.is(write);
    }
    let changes = site.catalog.changes(headwater::catalog::Version(0), 1000).await.unwrap();
    assert!(changes.iter().any(|change| change.actor == "a user"), "{changes:?}");
}
