//! Headers, conditions and ranges of what is made on the way.

use std::collections::HashMap;

use headwater::packager::Dialect;

use super::site::{Kind, Site, TAGS, copy, fixture, manifest};

/// What an object of a format is sent as.
fn types(tag: &str, kind: Kind) -> &'static [&'static str] {
    match (tag, kind) {
        ("" | "fmp4-v20", Kind::Manifest) => &["text/xml"],
        ("mpd-time-csf" | "mpd-time-cmaf", Kind::Manifest) => &["application/dash+xml"],
        (_, Kind::Manifest | Kind::Playlist) => &["application/vnd.apple.mpegurl"],
        ("m3u8-aapl" | "m3u8-aapl-v3", _) => &["video/mp2t"],
        _ => &["video/mp4", "audio/mp4"],
    }
}

#[tokio::test]
async fn every_kind_of_object_has_its_headers() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let mut tags: HashMap<String, Vec<u8>> = HashMap::new();
    for tag in TAGS {
        let mut seen: Vec<(Kind, bool)> = Vec::new();
        for (path, kind) in site.objects(&film.at(&manifest("demo.ism", tag))).await {
            // One of each kind, of video and of audio, and of the key frames.
            let class = (kind, path.contains("(video"));
            if seen.iter().filter(|s| **s == class).count() >= 2 {
                continue;
            }
            seen.push(class);
            // HEAD first: the entity tag is known without anybody having asked for the body.
            let head = site.ask("HEAD", &path, &[]).await;
            let get = site.ok(&path).await;
            assert!(head.body.is_empty());
            let but_date = |a: &super::site::Answer| {
                let kept = a.headers.iter().filter(|(n, _)| !matches!(n.as_str(), "date" | "expires"));
                kept.cloned().collect::<Vec<_>>()
            };
            let mut expected = but_date(&get);
            if kind == Kind::Segment && head.header("content-length").is_empty() {
                // Nobody had made it; now somebody has.
                expected.retain(|(name, _)| name != "content-length");
                assert_eq!(but_date(&site.ask("HEAD", &path, &[]).await), but_date(&get), "{path}");
            }
            assert_eq!((head.status, but_date(&head)), (200, expected), "{path}");
            assert!(
                types(tag, kind).contains(&get.header("content-type").split(';').next().unwrap()),
                "{path}: {:?}",
                get.headers
            );
            assert_eq!(get.header("cache-control"), "max-age=259200");
            assert_eq!(get.header("access-control-allow-origin"), "*");
            assert!(get.header("access-control-expose-headers").contains("x-ms-streaming-duration"));
            assert_eq!(get.header("x-content-type-options"), "nosniff");
            assert_eq!(get.header("accept-ranges"), "bytes");
            assert!(get.header("last-modified").ends_with(" GMT") && get.header("expires").ends_with(" GMT"));
            let etag = get.header("etag").to_owned();
            assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() == 34, "{etag}");
            if let Some(other) = tags.insert(etag.clone(), get.body.clone()) {
                assert_eq!(other, get.body, "{path}: one tag for two bodies");
            }
            let duration = get.header("x-ms-streaming-duration");
            match kind {
                Kind::Segment => {
                    let (media, millis) = duration.split_once('=').unwrap();
                    assert_eq!(media == "video", path.contains("(video"), "{path}: {duration}");
                    assert!((1..20_000).contains(&millis.parse::<u64>().unwrap()), "{duration}");
                }
                _ => assert_eq!(duration, "", "{path}"),
            }
            for condition in [
                ("If-None-Match", etag.as_str()),
                ("If-None-Match", "*"),
                ("If-Modified-Since", get.header("last-modified")),
            ] {
                for method in ["GET", "HEAD"] {
                    let answer = site.ask(method, &path, &[condition]).await;
                    assert_eq!((answer.status, answer.body.len()), (304, 0), "{path} {condition:?}");
                    assert_eq!((answer.header("etag"), answer.header("content-length")), (etag.as_str(), ""));
                    assert_eq!(answer.header("cache-control"), "max-age=259200");
                }
            }
            for condition in [
                ("If-None-Match", "\"x\""),
                ("If-Match", etag.as_str()),
                ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:01 GMT"),
            ] {
                assert_eq!(site.ask("GET", &path, &[condition]).await.body, get.body, "{condition:?}");
            }
            assert_eq!(site.ask("GET", &path, &[("If-Match", "\"x\"")]).await.status, 412);
        }
    }
}

#[tokio::test]
async fn ranges_of_segments_and_manifests() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    for path in [site.fragment(&film.at("demo.ism/manifest")).await, film.at("demo.ism/manifest(format=m3u8-cmaf)")] {
        let whole = site.ok(&path).await;
        let (body, length) = (&whole.body, whole.body.len());
        let etag = whole.header("etag").to_owned();
        for (range, from, to) in [
            ("bytes=0-0", 0, 1),
            ("bytes=10-19", 10, 20),
            ("bytes=-7", length - 7, length),
            ("bytes=100-", 100, length),
            ("bytes=0-99999999999", 0, length),
            ("bytes=-99999999999", 0, length),
        ] {
            let answer = site.ask("GET", &path, &[("Range", range)]).await;
            assert_eq!((answer.status, &answer.body[..]), (206, &body[from..to]), "{range}");
            assert_eq!(answer.header("content-range"), format!("bytes {from}-{}/{length}", to - 1));
            assert_eq!(
                (answer.header("etag"), answer.header("content-type")),
                (etag.as_str(), whole.header("content-type"))
            );
            assert_eq!(site.ask("GET", &path, &[("Range", range), ("If-Range", etag.as_str())]).await.status, 206);
            let date = whole.header("last-modified");
            assert_eq!(site.ask("GET", &path, &[("Range", range), ("If-Range", date)]).await.status, 206);
            for other in ["\"x\"", "Thu, 01 Jan 1970 00:00:01 GMT"] {
                let answer = site.ask("GET", &path, &[("Range", range), ("If-Range", other)]).await;
                assert_eq!((answer.status, &answer.body), (200, body), "{other}");
            }
            assert_eq!(site.ask("GET", &path, &[("Range", range), ("If-None-Match", etag.as_str())]).await.status, 304);
            assert_eq!(site.ask("HEAD", &path, &[("Range", range)]).await.header("content-length"), length.to_string());
        }
        for range in ["bytes=0-1,5-6", "bytes=5-1", "lines=1-2", "bytes=", "nonsense"] {
            assert_eq!(site.ask("GET", &path, &[("Range", range)]).await.body.len(), length, "{range}");
        }
        let beyond = format!("bytes={length}-");
        let answer = site.ask("GET", &path, &[("Range", beyond.as_str())]).await;
        assert_eq!((answer.status, answer.code().as_str()), (416, "MPE_STORAGE_INVALID_RANGE"));
        assert_eq!(answer.header("content-range"), format!("bytes */{length}"));
    }
}

#[tokio::test]
async fn the_nouns_of_smooth_are_parts_of_the_fragment() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let fragment = site.fragment(&film.at("demo.ism/manifest")).await;
    let of = |noun: &str| fragment.replace("Fragments(", &format!("{noun}("));
    let whole = site.ok(&fragment).await;
    let info = site.ok(&of("FragmentInfo")).await;
    let raw = site.ok(&of("RawFragments")).await;
    let keys = site.ok(&of("KeyFrames")).await;
    assert_eq!(whole.body[..info.body.len()], info.body);
    assert_eq!(whole.body[info.body.len() + 8..], raw.body);
    assert!(keys.body.len() < whole.body.len() && keys.body.len() > 1000);
    assert_eq!(site.ok(&of("fragmentINFO")).await.header("etag"), info.header("etag"));
    let tags = [&whole, &info, &raw, &keys].map(|a| a.header("etag").to_owned());
    assert!((0..4).all(|i| !tags[i + 1..].contains(&tags[i])), "{tags:?}");
}

#[tokio::test]
async fn copies_that_kept_their_times_are_the_same_on_every_node() {
    let (one, other) = (Site::start().await, Site::start().await);
    for name in ["demo", "fragmented-ismv", "no-ism"] {
        let film = one.copy_of(name, name).await;
        let folder = other.root.path().join(name);
        copy(&film.folder, &folder);
        other.publish_as(&folder, film.base.trim_start_matches('/').parse().ok()).await;
        let presentation = match name {
            "fragmented-ismv" => "film.ism".to_owned(),
            _ => format!("{name}.ism"),
        };
        for tag in TAGS {
            for (path, _) in one.objects(&film.at(&manifest(&presentation, tag))).await {
                let (a, b) = (one.ok(&path).await, other.ok(&path).await);
                assert_eq!((a.header("etag"), &a.body), (b.header("etag"), &b.body), "{path}");
                assert_eq!(a.header("last-modified"), b.header("last-modified"));
            }
        }
    }
}

#[tokio::test]
async fn dialects_have_tags_of_their_own() {
    let (modern, ams) = (Site::start().await, Site::with(Dialect::Ams, 1 << 20).await);
    let path = "demo.ism/manifest(format=m3u8-cmaf)";
    let film = modern.publish(&fixture("demo")).await;
    let old = ams.publish(&fixture("demo")).await;
    assert_ne!(modern.ok(&film.at(path)).await.header("etag"), ams.ok(&old.at(path)).await.header("etag"));
}

#[tokio::test]
async fn health_and_the_root_answer() {
    let site = Site::start().await;
    assert_eq!(site.ok("/healthz").await.text(), "ok\n");
    assert!(site.ok("/").await.text().starts_with("Headwater "));
    assert_eq!(site.get("/favicon.ico").await.status, 404);
}
