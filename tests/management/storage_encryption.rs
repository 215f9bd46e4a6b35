//! A film that the client encrypts before it is uploaded (object model §12.3), and content keys on their way in
//! and out.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headwater::cipher::{StorageCipher, StorageKey, key_checksum};
use headwater::keys::{ProtectionCertificate, wrap_for};
use serde_json::{Value, json};

use crate::site::{Site, at, encode};

pub const GUID: &str = "00112233-4455-6677-8899-aabbccddeeff";
const GUID_BYTES: [u8; 16] =
    [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];

pub fn id() -> String {
    format!("nb:kid:UUID:{GUID}")
}

/// The thumbprint and the certificate, as clients ask for them.
async fn certificate(site: &Site, kind: u32) -> (String, Vec<u8>) {
    let thumbprint = site.get(&format!("/GetProtectionKeyId?contentKeyType={kind}")).await.is(200).text("value");
    let answer = site.get(&format!("/GetProtectionKey?ProtectionKeyId='{thumbprint}'")).await.is(200);
    (thumbprint, STANDARD.decode(answer.text("value")).unwrap())
}

pub async fn key_body(site: &Site, kind: u32, key: &[u8]) -> Value {
    let (thumbprint, certificate) = certificate(site, kind).await;
    let checksum = key_checksum(key, &GUID_BYTES).unwrap();
    json!({
        "Name": "a key", "Id": id(), "ContentKeyType": kind.to_string(), "ProtectionKeyType": "0",
        "ProtectionKeyId": thumbprint, "EncryptedContentKey": STANDARD.encode(wrap_for(&certificate, key).unwrap()),
        "Checksum": STANDARD.encode(checksum)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go_wrapped() {
    let site = Site::start().await;
    let (thumbprint, first) = certificate(&site, 4).await;
    assert_eq!((thumbprint.len(), certificate(&site, 1).await), (40, (thumbprint, first)));
    site.get("/GetProtectionKey?ProtectionKeyId='00'").await.is(404);
    let key = *b"0123456789abcdef";
    let body = key_body(&site, 4, &key).await;
    for (member, value) in [
        ("Checksum", json!("AAAAAAAAAAA=")),
        ("EncryptedContentKey", json!("AAAA")),
        ("ProtectionKeyId", json!("00")),
        ("ContentKeyType", json!(9)),
        ("Id", json!("nb:cid:UUID:00112233-4455-6677-8899-aabbccddeeff")),
        ("Id", Value::Null),
    ] {
        let mut wrong = body.clone();
        wrong[member] = value.clone();
        assert_eq!(site.post("/ContentKeys", wrong).await.status, 400, "{member} {value}");
    }
    let made = site.post("/ContentKeys", body.clone()).await.is(201);
    assert_eq!((made.text("Id"), made.text("Checksum")), (id(), body["Checksum"].as_str().unwrap().to_owned()));
    assert_eq!(made.json()["AuthorizationPolicyId"], Value::Null);
    assert!(!made.body.contains(&STANDARD.encode(key)));
    site.post("/ContentKeys", body).await.is(409);

    let clear = site.get(&format!("/RebindContentKey?id='{}'&x509Certificate=''", encode(&id()))).await.is(200);
    assert_eq!(clear.text("value"), STANDARD.encode(key));
    let own = ProtectionCertificate::generate("a client").unwrap();
    let der = encode(&STANDARD.encode(own.der()));
    let wrapped = site.get(&format!("/RebindContentKey?id='{}'&x509Certificate='{der}'", encode(&id()))).await.is(200);
    let opened = own.unwrap(&STANDARD.decode(wrapped.text("value")).unwrap()).unwrap();
    assert_eq!(opened.expose(), key);
    site.get(&format!("/RebindContentKey?id='{}'&x509Certificate='AAAA'", encode(&id()))).await.is(400);

    let policy = site.create("ContentKeyAuthorizationPolicies", json!({ "Name": "open" })).await;
    let path = at("ContentKeys", &id());
    site.ask("PUT", &path, &[], &json!({ "AuthorizationPolicyId": policy }).to_string()).await.is(204);
    assert_eq!(site.get(&path).await.text("AuthorizationPolicyId"), policy);
    assert_eq!(site.get(&format!("{path}/AuthorizationPolicy")).await.is(200).text("Name"), "open");

    // Whoever has the policy's leave gets the key at the URL that the API tells.
    let ask =
        async |kind: u32| site.post(&format!("{path}/GetKeyDeliveryUrl"), json!({ "keyDeliveryType": kind })).await;
    let url = ask(2).await.is(200).text("value");
    assert_eq!(url, format!("http://{}/?KID={GUID}", site.streaming));
    assert_ne!(site.plays(&url).await, 200, "the policy has no option");
    let option =
        json!({ "Name": "o", "KeyDeliveryType": 2, "Restrictions": [{ "Name": "o", "KeyRestrictionType": 0 }] });
    let option =
        at("ContentKeyAuthorizationPolicyOptions", &site.create("ContentKeyAuthorizationPolicyOptions", option).await);
    let links = format!("{}/$links/Options", at("ContentKeyAuthorizationPolicies", &policy));
    site.post(&links, json!({ "uri": &option[1..] })).await.is(204);
    assert_eq!(site.fetch(&url).await.is(200).body.as_bytes(), key);
    for (kind, status) in [(1, 501), (3, 501), (0, 400), (9, 400)] {
        ask(kind).await.is(status);
    }

    let asset = site.create("Assets", json!({})).await;
    let links = format!("{}/$links/ContentKeys", at("Assets", &asset));
    site.post(&links, json!({ "uri": &path[1..] })).await.is(204);
    site.post(&links, json!({ "uri": &path[1..] })).await.is(409);
    site.delete(&path).await.is(409);
    site.delete(&format!("{links}('{}')", encode(&id()))).await.is(204);
    site.delete(&path).await.is(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_film_plays_when_a_policy_lets_it() {
    let site = Site::start().await;
    let key: Vec<u8> = (0..32).collect();
    let asset = site.create("Assets", json!({ "Name": "film", "Options": 1 })).await;
    site.post("/ContentKeys", key_body(&site, 1, &key).await).await.is(201);
    let links = format!("{}/$links/ContentKeys", at("Assets", &asset));
    site.post(&links, json!({ "uri": &at("ContentKeys", &id())[1..] })).await.is(204);
    let upload = site.sas(&asset, 10.0, 2).await.is(201);
    let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/films/no-ism");
    for (number, entry) in fs::read_dir(films).unwrap().enumerate() {
        let entry = entry.unwrap();
        let (name, mut bytes) = (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        let vector = u64::MAX - number as u64;
        StorageCipher::new(StorageKey::from_slice(&key).unwrap(), vector).apply(0, &mut bytes);
        site.blob("PUT", &upload.text("Path"), &name, &bytes).await.is(201);
        let body = json!({
            "Name": name, "ParentAssetId": asset, "ContentFileSize": bytes.len().to_string(), "IsEncrypted": true,
            "EncryptionScheme": "StorageEncryption", "EncryptionVersion": "1.0", "EncryptionKeyId": id(),
            "InitializationVector": vector.to_string()
        });
        let file = site.post("/Files", body).await.is(201);
        assert_eq!(file.text("InitializationVector"), vector.to_string());
    }
    site.delete(&at("Locators", &upload.text("Id"))).await.is(204);
    let read = site.policy(60.0, 1).await;
    assert!(site.locate(&asset, &read, 0).await.is(400).message().contains("delivery policy"));
    let body = json!({ "Name": "clear", "AssetDeliveryProtocol": 7, "AssetDeliveryPolicyType": 2, "AssetDeliveryConfiguration": null });
    let policy = site.create("AssetDeliveryPolicies", body).await;
    let links = format!("{}/$links/DeliveryPolicies", at("Assets", &asset));
    site.post(&links, json!({ "uri": &at("AssetDeliveryPolicies", &policy)[1..] })).await.is(204);
    let path = site.locate(&asset, &read, 0).await.is(201).text("Path");
    let clear = site.film("clear").await;
    let other = site.locate(&clear, &read, 0).await.is(201).text("Path");
    // The same as of the film that is not encrypted, to the byte.
    for format in ["", "(format=mpd-time-cmaf)", "(format=m3u8-aapl)"] {
        let encrypted = site.fetch(&format!("{path}film.ism/Manifest{format}")).await.is(200).body;
        let plain = site.fetch(&format!("{other}clear.ism/Manifest{format}")).await.is(200).body;
        assert_eq!(encrypted.replace("film.ism", "clear.ism"), plain, "{format}");
    }
    let manifest = site.fetch(&format!("{path}film.ism/Manifest")).await.is(200).body;
    let level = manifest.split_once("<QualityLevel").and_then(|(_, rest)| rest.split_once("Bitrate=\"")).unwrap().1;
    let segment = format!("film.ism/QualityLevels({})/Fragments(video=0)", level.split('"').next().unwrap());
    let encrypted = site.fetch(&format!("{path}{segment}")).await.is(200).body;
    assert_eq!(encrypted, site.fetch(&format!("{other}{}", segment.replace("film.", "clear."))).await.is(200).body);
}
