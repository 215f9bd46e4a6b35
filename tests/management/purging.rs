//! Purging, while players play.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::site::{READER, Site, encode, first_segment};

/// A published film, its locator's id, and the URL of its first segment.
async fn film(site: &Site, name: &str) -> (String, String, String) {
    let asset = site.film(name).await;
    let policy = site.policy(600.0, 1).await;
    let locator = site.locate(&asset, &policy, -5).await.is(201);
    let base = format!("{}{name}.ism", locator.text("Path"));
    let manifest = format!("{base}/manifest(format=mpd-time-cmaf)");
    let mut text = String::new();
    for _ in 0..100 {
        let answer = site.fetch(&manifest).await;
        if answer.status == 200 {
            text = answer.body;
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (asset, locator.text("Id"), first_segment(&text, &base))
}

async fn purge(site: &Site, query: &str) -> u64 {
    let answer = site.post(&format!("/PurgeCaches{query}"), serde_json::json!({})).await.is(200);
    let value = answer.json()["value"].clone();
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{}", answer.body))
}

/// Whether the answer is in memory, as the server explains it.
async fn is_kept(site: &Site, url: &str) -> bool {
    let answer = site.get(&format!("/Explain?url='{}'", encode(url))).await.is(200);
    let json: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(json["answer"]["status"], 200, "{json}");
    json["answer_cache"] == "hit"
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_purged_is_made_anew_and_nothing_else() {
    let site = Site::start().await;
    let (one, _, first) = film(&site, "one").await;
    let (_, locator, second) = film(&site, "two").await;
    let fill = || async {
        site.fetch(&first).await.is(200);
        site.fetch(&second).await.is(200);
    };
    fill().await;
    assert!(is_kept(&site, &first).await && is_kept(&site, &second).await);
    assert!(purge(&site, &format!("?assetid='{}'", encode(&one))).await >= 3);
    assert!(is_kept(&site, &second).await);
    assert!(!is_kept(&site, &first).await);
    fill().await;
    assert!(purge(&site, &format!("?locatorid='{}'", encode(&locator))).await >= 3);
    assert!(is_kept(&site, &first).await);
    assert!(!is_kept(&site, &second).await);
    fill().await;
    assert!(purge(&site, "").await >= 6);
    assert!(!is_kept(&site, &first).await && !is_kept(&site, &second).await);

    site.ask("GET", "/PurgeCaches", &[], "").await.is(405);
    let both = format!("?assetid='{}'&locatorid='{}'", encode(&one), encode(&locator));
    site.post(&format!("/PurgeCaches{both}"), serde_json::json!({})).await.is(400);
    site.post("/PurgeCaches?assetid='x'", serde_json::json!({})).await.is(400);
    let reader = format!("Bearer {READER}");
    site.ask("POST", "/PurgeCaches", &[("Authorization", reader.as_str())], "").await.is(403);
    site.ask("GET", "/Explain?url='/x'", &[("Authorization", reader.as_str())], "").await.is(200);
    site.get("/Explain?url='http://[bad'").await.is(400);
}

/// A file overwritten in place, of the same size and with its old time, is what no look at a folder can tell. After a
/// purge nobody may see the old bytes, however busy the server is and whatever was being made meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_purge_under_load_no_body_is_old_or_mixed() {
    let site = Arc::new(Site::start().await);
    let (asset, _, url) = film(&site, "busy").await;
    let folder = site.container(&asset);
    let media = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = media.filter(|path| path.extension().is_some_and(|e| e == "mp4")).collect();
    let version = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicBool::new(false));
    // Bodies by version of the files: all of a version have to be the same, and of different ones different.
    let seen: Arc<std::sync::Mutex<Vec<Vec<String>>>> = Arc::new(std::sync::Mutex::new(vec![Vec::new(); 6]));
    let players = (0..12).map(|_| {
        let (site, url, version, done, seen) =
            (Arc::clone(&site), url.clone(), Arc::clone(&version), Arc::clone(&done), Arc::clone(&seen));
        tokio::spawn(async move {
            while !done.load(Relaxed) {
                let before = version.load(Relaxed);
                let answer = site.fetch(&url).await;
                let after = version.load(Relaxed);
                // While files are written nothing is promised; else the body is of the version that was there.
                if before == after && before % 2 == 0 {
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    seen.lock().unwrap()[before / 2].push(answer.body);
                }
            }
        })
    });
    let players: Vec<_> = players.collect();
    for round in 1..=4u8 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        version.fetch_add(1, Relaxed);
        for file in &files {
            overwrite_media(file, round);
        }
        purge(&site, &format!("?assetid='{}'", encode(&asset))).await;
        version.fetch_add(1, Relaxed);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    done.store(true, Relaxed);
    for player in players {
        player.await.unwrap();
    }
    let seen = seen.lock().unwrap();
    let mut different: Vec<&String> = Vec::new();
    for (index, bodies) in seen.iter().enumerate().take(5) {
        assert!(!bodies.is_empty(), "nobody asked in version {index}");
        assert!(bodies.iter().all(|body| body == &bodies[0]), "version {index} has several bodies");
        assert!(!different.contains(&&bodies[0]), "version {index} has the bytes of an earlier one");
        different.push(&bodies[0]);
    }
}

/// Changes the media bytes of an MP4 file in place, and nothing that could tell of it.
fn overwrite_media(path: &std::path::Path, round: u8) {
    use std::os::unix::fs::FileExt;
    let bytes = std::fs::read(path).unwrap();
    let modified: SystemTime = std::fs::metadata(path).unwrap().modified().unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let size = if size == 0 { bytes.len() - at } else { size };
        if &bytes[at + 4..at + 8] == b"mdat" {
            file.write_all_at(&vec![round; size - 8], at as u64 + 8).unwrap();
        }
        at += size.max(8);
    }
    file.set_modified(modified).unwrap();
}
