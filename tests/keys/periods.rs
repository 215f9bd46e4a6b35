//! Films with several keys, protected in one step: key delivery has each, for who may have it.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headwater::catalog::{By, DeliveryType, Protection};
use headwater::cipher::{ContentKey, KeyId};
use headwater::protection::{period_key, period_key_id};
use headwater::time::UtcTime;
use headwater::tokens::TokenType;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{OPEN, Site, claims, jwt, material, now, template, token};

fn by() -> By {
    By::new("test", UtcTime { unix_millis: now() * 1000 })
}

fn of_period(key: Uuid, number: u32) -> (Uuid, Vec<u8>) {
    let base = KeyId(*key.as_bytes());
    let id = period_key_id(base, number);
    let made = period_key(&ContentKey::from_slice(&material(key)).unwrap(), base, id);
    (Uuid::from_bytes(id.0), made.expose().to_vec())
}

#[tokio::test]
async fn keys_of_periods_are_given_to_who_may_have_them() {
    let site = Site::start().await;
    let open = site.key(&[OPEN]).await;
    for number in [0, 1, 7, 100_000] {
        let (id, expected) = of_period(open, number);
        let given = site.get(&format!("/?kid={id}")).await;
        assert_eq!((given.status, given.body), (200, expected.clone()), "{number}");
        let kid = URL_SAFE_NO_PAD.encode(id.as_bytes());
        let body = json!({ "kids": [kid], "type": "temporary" }).to_string();
        let licence = crate::site::answer(site.client.post(site.url("/ClearKey/")).body(body)).await;
        let licence: Value = serde_json::from_slice(&licence.body).unwrap();
        assert_eq!(licence["keys"][0]["k"], URL_SAFE_NO_PAD.encode(&expected));
        assert_eq!(licence["keys"][0]["kid"], kid);
    }
    // An identifier that only begins like a key's is none.
    let mut stranger = *of_period(open, 3).0.as_bytes();
    stranger[11] ^= 1;
    assert_eq!(site.get(&format!("/?kid={}", Uuid::from_bytes(stranger))).await.status, 404);

    let guarded = site.key(&[token(&template(TokenType::Jwt))]).await;
    let (first, first_key) = of_period(guarded, 0);
    let (second, second_key) = of_period(guarded, 1);
    assert_eq!(site.get(&format!("/?kid={first}")).await.status, 401);
    // A token for the content key opens all that is made of it; one for a period that alone.
    let (all, one) = (jwt(&claims(guarded)), jwt(&claims(first)));
    for (key, token, expected) in [
        (first, &all, Some(&first_key)),
        (second, &all, Some(&second_key)),
        (guarded, &all, Some(&material(guarded))),
        (first, &one, Some(&first_key)),
        (second, &one, None),
        (guarded, &one, None),
    ] {
        let answer = site.ask(key, token).await;
        match expected {
            Some(expected) => assert_eq!((answer.status, &answer.body), (200, expected)),
            None => assert_eq!(answer.status, 401),
        }
    }
}

fn packets(arguments: &[&str]) -> Option<Vec<String>> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(arguments)
        .args(["-map", "0", "-c", "copy", "-f", "framehash", "-"])
        .output()
        .ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_follows_the_keys_of_a_film() {
    let site = Site::start().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo");
    let film = site.catalog.publish_folder(by(), folder.as_ref(), None).await.unwrap();
    let base = format!("/{}/demo.ism", film.locator);
    let playlist = |text: &str| {
        let uri = text.lines().find(|line| line.starts_with("QualityLevels(") && line.contains("(video")).unwrap();
        format!("{base}/{uri}")
    };
    let main = site.get(&format!("{base}/manifest(format=m3u8-aapl)")).await.text().to_owned();
    let clear_url = site.url(&playlist(&main));
    let Some(clear) = tokio::task::spawn_blocking(move || packets(&["-i", &clear_url])).await.unwrap() else {
        println!("skipped: ffmpeg is not there");
        return;
    };
    let protection = |tracks: &[&str], delivery_type: DeliveryType, lead, rotation| Protection {
        delivery_type,
        template: None,
        key_url: format!("http://{}/", site.address),
        tracks: tracks.iter().map(|name| (*name).to_owned()).collect(),
        clear_lead_seconds: lead,
        rotation_seconds: rotation,
    };
    // Keys by track, that change, after a clear lead: in one step, and played with keys from key delivery.
    let envelope = protection(&["video:360", "video,audio"], DeliveryType::DynamicEnvelopeEncryption, Some(3), Some(4));
    let keys = site.catalog.protect(by(), film.locator, &envelope).await.unwrap();
    assert_eq!(keys.len(), 2);
    let main = site.get(&format!("{base}/manifest(format=m3u8-aapl)")).await.text().to_owned();
    let path = playlist(&main);
    let text = site.get(&path).await.text().to_owned();
    assert!(text.contains("#EXT-X-KEY:METHOD=NONE") && text.matches("METHOD=AES-128").count() > 1, "{text}");
    let url = site.url(&path);
    let played = tokio::task::spawn_blocking(move || packets(&["-i", &url])).await.unwrap().unwrap();
    assert_eq!(played.len(), clear.len());
    assert_eq!(played, clear);
    let elsewhere = site.get(&format!("{base}/manifest(format=mpd-time-cmaf)")).await;
    assert_eq!(elsewhere.status, 403, "{}", elsewhere.text());
    site.catalog.unprotect(by(), film.locator).await.unwrap();

    // A track without a key is no reason to send it in the clear.
    let pictures = protection(&["video"], DeliveryType::DynamicCommonEncryption, None, None);
    site.catalog.protect(by(), film.locator, &pictures).await.unwrap();
    let refused = site.get(&format!("{base}/manifest(format=mpd-time-cmaf)")).await;
    assert!(refused.status == 403 && refused.text().contains("TrackIdentifiers"), "{}", refused.text());
    site.catalog.unprotect(by(), film.locator).await.unwrap();
    for (tracks, lead, rotation) in [
        (&["pictures"][..], None, None),
        (&["video", "VIDEO"], None, None),
        (&[], Some(0), None),
        (&[], None, Some(90_000)),
    ] {
        let wrong = protection(tracks, DeliveryType::DynamicCommonEncryption, lead, rotation);
        assert!(site.catalog.protect(by(), film.locator, &wrong).await.is_err(), "{tracks:?} {lead:?} {rotation:?}");
    }
    let both = protection(&["video", "audio"], DeliveryType::DynamicCommonEncryption, Some(3), Some(4));
    site.catalog.protect(by(), film.locator, &both).await.unwrap();
    let mpd = site.get(&format!("{base}/manifest(format=mpd-time-cmaf)")).await;
    assert_eq!(mpd.status, 200);
    assert!(mpd.text().matches("cenc:default_KID=\"").count() > 2, "{}", mpd.text());
}
