//! Licences of `org.w3.clearkey`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headwater::catalog::{ContentKeyType, KeyDeliveryType};
use headwater::tokens::{TokenType, VerificationKey};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{OPEN, Restriction, Site, answer, claims, jwt, material, template, token};

async fn common(site: &Site, restrictions: &[Restriction]) -> Uuid {
    site.key_of(ContentKeyType::CommonEncryption, &[(KeyDeliveryType::BaselineHttp, restrictions)]).await
}

fn id(key: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(key.as_bytes())
}

#[tokio::test]
async fn a_licence_holds_the_keys_that_were_asked_for() {
    let site = Site::start().await;
    let (sound, picture) = (common(&site, &[OPEN]).await, common(&site, &[OPEN]).await);
    let request = json!({ "kids": [id(sound), id(picture)], "type": "temporary" });
    for path in ["/ClearKey/", "/clearkey", "/ClearKey/?kid=00000000-0000-0000-0000-000000000000"] {
        let licence = answer(site.client.post(site.url(path)).body(request.to_string())).await;
        assert_eq!((licence.status, licence.header("content-type")), (200, "application/json"), "{path}");
        assert_eq!(licence.header("cache-control"), "no-store");
        let key = |key| json!({ "kty": "oct", "kid": id(key), "k": URL_SAFE_NO_PAD.encode(material(key)) });
        let expected = json!({ "keys": [key(sound), key(picture)], "type": "temporary" });
        assert_eq!(serde_json::from_slice::<Value>(&licence.body).unwrap(), expected);
    }
    let one = site.get(&format!("/ClearKey/?kid={sound}")).await;
    let read: Value = serde_json::from_slice(&one.body).unwrap();
    assert_eq!(read["keys"][0]["k"], json!(URL_SAFE_NO_PAD.encode(material(sound))));
    assert_eq!(read["keys"].as_array().unwrap().len(), 1);
    for bad in ["", "{}", "[]", "{\"kids\":[]}", "{\"kids\":[\"AAAA\"]}"] {
        assert_eq!(answer(site.client.post(site.url("/ClearKey/")).body(bad)).await.status, 400, "{bad}");
    }
}

/// What Chromium 156 sent (`message` of type `license-request`) for a `pssh` box of the common system with two keys.
/// Challenges of PlayReady and Widevine cannot be recorded with an open client: they hold a certificate of the device,
/// and open browsers come without those modules. `tests/keys/licences.rs` has them built field by field.
const OF_CHROMIUM: &str = r#"{"kids":["ABEiM0RVZneImaq7zN3u_w","8PHy8_T19vf4-fr7_P3-_w"],"type":"temporary"}"#;

#[tokio::test]
async fn a_request_that_chromium_made_is_answered() {
    let site = Site::start().await;
    let ids = ["00112233-4455-6677-8899-aabbccddeeff", "f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff"];
    let ids = ids.map(|id| id.parse::<Uuid>().unwrap());
    for id in ids {
        let options = (KeyDeliveryType::BaselineHttp, &[OPEN][..]);
        site.key_with_id(id, ContentKeyType::CommonEncryption, &[options]).await;
    }
    let licence = answer(site.client.post(site.url("/ClearKey/")).body(OF_CHROMIUM)).await;
    let read: Value = serde_json::from_slice(&licence.body).unwrap();
    let key = |key: Uuid| json!({ "kty": "oct", "kid": id(key), "k": URL_SAFE_NO_PAD.encode(material(key)) });
    assert_eq!(read, json!({ "keys": ids.map(key), "type": "temporary" }));
}

#[tokio::test]
async fn of_several_keys_those_come_that_may() {
    let site = Site::start().await;
    let free = common(&site, &[OPEN]).await;
    let paid = common(&site, &[token(&template(TokenType::Jwt))]).await;
    let ask = async |kids: &[Uuid], token: Option<&str>| {
        let request = json!({ "kids": kids.iter().map(|key| id(*key)).collect::<Vec<_>>() });
        let mut sent = site.client.post(site.url("/ClearKey/")).body(request.to_string());
        if let Some(token) = token {
            sent = sent.header("Authorization", format!("Bearer {token}"));
        }
        let answer = answer(sent).await;
        let keys = serde_json::from_slice::<Value>(&answer.body).ok();
        (answer.status, keys.map_or(0, |licence| licence["keys"].as_array().unwrap().len()))
    };
    assert_eq!(ask(&[free, paid], None).await, (200, 1));
    assert_eq!(ask(&[paid], None).await, (401, 0));
    assert_eq!(ask(&[paid, Uuid::nil()], None).await, (401, 0));
    assert_eq!(ask(&[free, paid, Uuid::nil()], Some(&jwt(&claims(paid)))).await, (200, 2));
}

#[tokio::test]
async fn a_licence_with_several_keys_costs_one_use() {
    let site = Site::start().await;
    let mut restriction = template(TokenType::Jwt);
    restriction.required_claims.clear();
    assert!(matches!(restriction.primary, Some(VerificationKey::Symmetric(_))));
    let keys = [common(&site, &[token(&restriction)]).await, common(&site, &[token(&restriction)]).await];
    let mut once = claims(keys[0]);
    once["urn:microsoft:azure:mediaservices:maxuses"] = json!("1");
    let token = jwt(&once);
    let request = json!({ "kids": keys.map(id) }).to_string();
    for (status, count) in [(200, 2), (401, 0)] {
        let sent = site.client.post(site.url("/ClearKey/")).body(request.clone()).bearer_auth(&token);
        let answer = answer(sent).await;
        let keys = serde_json::from_slice::<Value>(&answer.body).map_or(0, |l| l["keys"].as_array().unwrap().len());
        assert_eq!((answer.status, keys), (status, count));
    }
}
