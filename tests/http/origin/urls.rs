//! Which URLs are understood, and what is said of the others.

use std::fs;

use super::site::{Kind, Site, TAGS, fixture, manifest};

/// Spellings of one URL below the presentation.
const SPELLINGS: [&[&str]; 4] = [
    &[
        "Manifest",
        "manifest",
        "MANIFEST",
        "manifest.ism",
        "Manifest()",
        "%4danifest",
        "manifest?a=b&format=mpd-time-csf",
        "manifest?",
        "Manifest.xml?hdnea=st=1~exp=2~acl=/*~hmac=00",
    ],
    &[
        "Manifest(format=mpd-time-csf)",
        "manifest(FORMAT=MPD-time-CSF)",
        "manifest(format=mpd-time-csf).mpd",
        "manifest%28format%3Dmpd-time-csf%29",
        "Manifest(format=mpd-time-csf)?token=(",
        "manifest(format=mpd-time-csf).MPD?x=%zz",
    ],
    &[
        "Manifest(format=m3u8-aapl,audio-only=false)",
        "manifest(audio-only=FALSE,format=m3u8-aapl-v4).m3u8",
        "manifest(Audio-Only=false%2Cformat=m3u8-aapl)",
    ],
    &["manifest(format=m3u8-cmaf)", "Manifest(format=m3u8-aapl-v8).m3u8"],
];

#[tokio::test]
async fn spellings_of_one_url_give_one_answer_and_one_entity_tag() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let mut tags: Vec<String> = Vec::new();
    for spellings in SPELLINGS {
        let first = site.ok(&film.at(&format!("demo.ism/{}", spellings[0]))).await;
        assert!(first.header("etag").starts_with('"') && first.header("etag").len() > 20);
        for spelling in spellings {
            let answer = site.ok(&film.at(&format!("demo.ism/{spelling}"))).await;
            assert_eq!((answer.header("etag"), &answer.body), (first.header("etag"), &first.body), "{spelling}");
        }
        let upper = format!("{}/%64emo.ism/{}", film.base.to_uppercase(), spellings[0]);
        assert_eq!(site.ok(&upper).await.header("etag"), first.header("etag"));
        tags.push(first.header("etag").to_owned());
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), SPELLINGS.len(), "different objects have different tags");
}

#[tokio::test]
async fn times_a_few_ticks_off_attributes_and_foreign_parameters_lead_to_the_same_bytes() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let fragment = site.fragment(&film.at("demo.ism/manifest")).await;
    let first = site.ok(&fragment).await;
    let (before, _) = fragment.rsplit_once('=').unwrap();
    let plain = fragment.replace("QualityLevels(351577)", "QualityLevels(351577,hardwareProfile=1)");
    for same in [
        format!("{before}=9)"),
        format!("{before}=00000)"),
        format!("{before}=0).ts"),
        format!("{before}=0,audioTrack=audio_spa)"),
        format!("{before}=0,audio-only=false)"),
        plain,
    ] {
        let answer = site.ok(&same).await;
        assert_eq!((answer.header("etag"), &answer.body), (first.header("etag"), &first.body), "{same}");
    }
    for other in [format!("{before}=11)"), format!("{before}=20000100)"), format!("{before}=18446744073709551615)")] {
        let answer = site.get(&other).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "MPE_FRAGMENT_TIMESTAMP_NOT_FOUND"), "{other}");
    }
    let wrong = site.get(&format!("{before}=0,audioTrack=nobody)")).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (404, "MPE_EGRESS_TRACK_NOT_FOUND"));
}

#[tokio::test]
async fn every_fixture_answers_in_every_format() {
    let site = Site::start().await;
    let mut asked = 0;
    for entry in fs::read_dir(fixture("demo").parent().unwrap().join("films")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let film = site.publish(&folder).await;
        let presentation = if folder.join("film.ism").exists() { "film.ism".to_owned() } else { format!("{name}.ism") };
        for tag in TAGS {
            let path = film.at(&manifest(&presentation, tag));
            if name == "no-common-grid" {
                let answer = site.get(&path).await;
                assert_eq!((answer.status, answer.code().as_str()), (415, "MPE_KEY_FRAME_INTERVAL_TOO_LARGE"));
                continue;
            }
            for (path, kind) in site.objects(&path).await {
                let answer = site.ok(&path).await;
                assert!(!answer.body.is_empty(), "{path}");
                if kind == Kind::Segment {
                    assert!(answer.header("x-ms-streaming-duration").contains('='), "{path}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
}

#[tokio::test]
async fn what_does_not_exist_is_said_with_its_code() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let nobody = "/0123abcd-4567-89ab-cdef-001122334455/demo.ism/manifest";
    assert_eq!(site.get(nobody).await.code(), "MPE_RESOURCE_NOT_FOUND");
    #[rustfmt::skip]
    let cases = [
        ("demo.ism", 404, "MPE_RESOURCE_NOT_FOUND"),
        ("demo.ism/", 400, "MPE_BAD_URL_SYNTAX"),
        ("", 400, "MPE_BAD_URL_SYNTAX"),
        ("Demo.ism/manifest", 404, "MPE_RESOURCE_NOT_FOUND"),
        ("demo.isml/manifest", 404, "MPE_RESOURCE_NOT_FOUND"),
        ("demo/manifest", 400, "MPE_BAD_URL_SYNTAX"),
        ("other.ism/manifest", 404, "MPE_RESOURCE_NOT_FOUND"),
        ("demo.ism/manifest(format=f4m-f4f)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/manifest(format=mpd)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/manifest(format=)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/manifest(format=mpd-time-csf", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/manifest(format=mpd-time-csf,format=mpd-time-csf)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/manifest(formt=mpd-time-csf)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/manifest(format=mpd-time-csf)/x", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/manifest(encryption=cbc)", 403, "MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY"),
        ("demo.ism/manifest(encryption=rot13)", 415, "MPE_ENCRYPTION_NOT_SUPPORTED"),
        ("demo.ism/manifest(filter=small)", 404, "MPE_EGRESS_FILTER_NOT_FOUND"),
        ("demo.ism/manifest(filter=a;b;c;d)", 415, "MPE_FILTER_COMPOSITION_FILTER_COUNT_OVER_LIMIT"),
        ("demo.ism/manifest(format=m3u8-aapl-v3,audioTrack=nobody)", 404, "MPE_EGRESS_TRACK_NOT_FOUND"),
        ("demo.ism/Streams(video)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/QualityLevels(351577)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/QualityLevels(x)/Fragments(video=0)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/QualityLevels(351577)/Fragments(video=x)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/QualityLevels(351577)/Fragments(video=-1)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/QualityLevels(351577)/Fragments(video=99999999999999999999)", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/QualityLevels(351577)/Fragments(Video=0)", 404, "MPE_EGRESS_TRACK_NOT_FOUND"),
        ("demo.ism/QualityLevels(1)/Fragments(video=0)", 404, "MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND"),
        ("demo.ism/QualityLevels(351577)/Fragments(video=5)", 200, ""),
        ("demo.ism/QualityLevels(351577)/Fragments(video=12345)", 404, "MPE_FRAGMENT_TIMESTAMP_NOT_FOUND"),
        ("demo.ism/QualityLevels(351577)/Fragments(video=i)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/QualityLevels(351577)/Manifest(video)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/QualityLevels(351577)/Manifest(video,format=mpd-time-csf)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/QualityLevels(351577)/FragmentInfo(video=0,format=mpd-time-csf)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/QualityLevels(351577)/RawFragments(video=0,format=m3u8-cmaf)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/QualityLevels(351577)/Fragments(video=i,format=m3u8-aapl)", 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED"),
        ("demo.ism/manifest%zz", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/manifest%00", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism/manifest%ff", 400, "MPE_BAD_URL_SYNTAX"),
        ("demo.ism\\manifest", 400, "MPE_BAD_URL_SYNTAX"),
    ];
    for (path, status, code) in cases {
        let path = film.at(path);
        let answer = site.get(&path).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}: {}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert!(!answer.text().contains("format \"\""), "{path}: {}", answer.text());
        // Neither a condition nor HEAD makes an answer of what is none.
        if status != 200 {
            let now = httpdate_now();
            for condition in [("If-None-Match", "*"), ("If-Modified-Since", now.as_str()), ("Range", "bytes=0-1")] {
                assert_eq!(site.ask("GET", &path, &[condition]).await.status, status, "{path} {condition:?}");
            }
            let head = site.ask("HEAD", &path, &[]).await;
            assert_eq!((head.status, head.header("content-length")), (status, answer.header("content-length")));
            assert!(head.body.is_empty());
        }
    }
}

fn httpdate_now() -> String {
    "Fri, 01 Jan 2100 00:00:00 GMT".to_owned()
}

#[tokio::test]
async fn methods_and_monstrous_requests() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let path = film.at("demo.ism/manifest");
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"] {
        let answer = site.ask(method, &path, &[]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, OPTIONS"), "{method}");
    }
    let preflight = [("Origin", "https://a.example"), ("Access-Control-Request-Headers", "range,x-mine")];
    let answer = site.ask("OPTIONS", &path, &preflight).await;
    assert_eq!((answer.status, answer.header("access-control-allow-headers")), (204, "range,x-mine"));
    assert_eq!(site.get(&film.at(&"a".repeat(9000))).await.status, 414);
    let filters = format!("demo.ism/manifest({})", "filter=a,".repeat(600));
    assert_eq!(site.get(&film.at(&filters)).await.status, 400);
    let long = site.exchange(format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)).as_bytes()).await;
    assert!(String::from_utf8_lossy(&long).starts_with("HTTP/1.1 4"));

    // Bytes that no URL has, from a simple generator so that a failure can be repeated.
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    for _ in 0..300 {
        let mut bytes = format!("GET {}/demo.ism/", film.base).into_bytes();
        for _ in 0..seed % 40 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes.push((seed >> 24) as u8);
        }
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        bytes.extend_from_slice(b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = site.exchange(&bytes).await;
        let status = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
        assert!(answer.is_empty() || status.starts_with("HTTP/1.1 4") || status == "HTTP/1.1 200", "{status}");
    }
    site.ok(&path).await;
}

#[tokio::test]
async fn names_of_folders_and_manifests_may_be_anything() {
    let site = Site::start().await;
    for (name, encoded) in [
        ("a film #1 100%", "a%20film%20%231%20100%25"),
        ("Фильм é", "%D0%A4%D0%B8%D0%BB%D1%8C%D0%BC%20%C3%A9"),
        ("a;b,c(d)=e", "a;b,c(d)=e"),
        ("%41", "%2541"),
    ] {
        let film = site.copy_of("no-ism", name).await;
        for tag in TAGS {
            for (path, _) in site.objects(&film.at(&manifest(&format!("{encoded}.ism"), tag))).await {
                site.ok(&path).await;
            }
        }
        // The same name for a server manifest and a download.
        let named = site.copy_of("minimal-ism", &format!("{name} with ism")).await;
        fs::rename(named.folder.join("film.ism"), named.folder.join(format!("{name}.ism"))).unwrap();
        fs::write(named.folder.join(format!("{name}.txt")), "text").unwrap();
        site.ok(&named.at(&format!("{encoded}.ism/manifest"))).await;
        assert_eq!(site.ok(&named.at(&format!("{encoded}.txt"))).await.text(), "text");
        assert_eq!(site.get(&named.at("film.ism/manifest")).await.status, 404);
    }
}

#[tokio::test]
async fn several_server_manifests_in_one_folder_are_several_presentations() {
    let site = Site::start().await;
    let film = site.copy_of("progressive-faststart", "film").await;
    let text = fs::read_to_string(film.folder.join("film.ism")).unwrap();
    let one = text
        .lines()
        .filter(|l| !l.contains("film_144.mp4\" systemBitrate") || !l.contains("<video"))
        .collect::<Vec<_>>();
    fs::write(film.folder.join("small.ism"), one.join("\n")).unwrap();
    fs::write(film.folder.join("same.ISM"), &text).unwrap();
    fs::write(film.folder.join("broken.ism"), "<smil>").unwrap();
    // The form of live streams, of which there are none yet.
    fs::write(film.folder.join("live.isml"), &text).unwrap();
    assert_eq!(site.get(&film.at("live.isml/manifest")).await.status, 404);
    let all = site.ok(&film.at("film.ism/manifest")).await;
    let same = site.ok(&film.at("same.ISM/manifest")).await;
    assert_eq!(all.body, same.body);
    assert_ne!(site.ok(&film.at("small.ism/manifest")).await.body, all.body);
    let broken = site.get(&film.at("broken.ism/manifest")).await;
    assert_eq!((broken.status, broken.code().as_str()), (415, "MPE_INPUT_FORMAT_NOT_SUPPORTED"));
    assert_eq!(site.get(&film.at("film.ism.ism/manifest")).await.status, 404);
    // With a server manifest there, nothing is inferred.
    fs::remove_file(film.folder.join("film.ism")).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1800)).await;
    assert_eq!(site.get(&film.at("film.ism/manifest")).await.status, 404);
}
