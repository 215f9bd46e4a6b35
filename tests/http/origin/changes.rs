//! Films that change while they are served.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use headwater::catalog::{By, Catalog, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::site::{Answer, Site, copy, fixture, now};

/// Longer than a change may go unnoticed.
const NOTICED: Duration = Duration::from_millis(1800);

fn replace(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join("new.tmp"), bytes).unwrap();
    fs::rename(folder.join("new.tmp"), folder.join(name)).unwrap();
}

#[tokio::test]
async fn a_replaced_film_is_a_new_revision_and_never_a_mixture() {
    let site = Site::with(headwater::packager::Dialect::Modern, 1 << 20).await;
    let film = site.copy_of("progressive-faststart", "film").await;
    // Two films whose segments have the same URLs and different bytes.
    let (first, second) = (fixture("progressive-faststart"), fixture("no-edit-list"));
    let path = film.at("film.ism/manifest");
    let fragment = site.fragment(&path).await;
    let old = (site.ok(&path).await, site.ok(&fragment).await);
    let mut bodies: Vec<Vec<u8>> = vec![old.1.body.clone()];
    for round in 0..6 {
        let from = if round % 2 == 0 { &second } else { &first };
        for name in ["film_144.mp4", "film_90.mp4"] {
            replace(&film.folder, name, &fs::read(from.join(name)).unwrap());
        }
        // At once: the new bytes, or an error that says to ask again; not the old index over new bytes.
        for _ in 0..20 {
            let answer = site.get(&fragment).await;
            if answer.status == 200 && !bodies.contains(&answer.body) {
                bodies.push(answer.body);
            } else {
                assert!(matches!(answer.status, 200 | 503 | 404), "{}", answer.text());
            }
        }
    }
    assert!(bodies.len() <= 2, "{} different bodies of two films", bodies.len());
    tokio::time::sleep(NOTICED).await;
    for name in ["film_144.mp4", "film_90.mp4"] {
        replace(&film.folder, name, &fs::read(second.join(name)).unwrap());
    }
    tokio::time::sleep(NOTICED).await;
    let new = (site.ok(&path).await, site.get(&fragment).await);
    assert_ne!(old.0.header("etag"), new.0.header("etag"));
    assert_ne!(old.1.header("etag"), new.1.header("etag"));
    let changed = site.ask("GET", &path, &[("If-None-Match", old.0.header("etag"))]).await;
    assert_eq!((changed.status, changed.body), (200, new.0.body));
}

#[tokio::test]
async fn what_the_server_manifest_names_and_says_is_noticed() {
    let site = Site::start().await;
    let film = site.copy_of("one-track-per-file", "film").await;
    let path = film.at("film.ism/manifest");
    let first = site.ok(&path).await;
    let ism = fs::read_to_string(film.folder.join("film.ism")).unwrap();
    // Edited.
    let kept: Vec<&str> = ism.split_inclusive("</video>").collect();
    let edited = if kept.len() > 2 { kept[1..].concat() } else { ism.clone() };
    let edited =
        format!("{}{edited}", if edited.starts_with("<?xml") { "" } else { ism.split_once("<video").unwrap().0 });
    fs::write(film.folder.join("film.ism"), &edited).unwrap();
    tokio::time::sleep(NOTICED).await;
    let second = site.get(&path).await;
    assert_ne!(second.header("etag"), first.header("etag"));
    // A condition by date notices the edit as well.
    if second.status == 200 {
        let date = first.header("last-modified");
        assert_eq!(site.ask("GET", &path, &[("If-Modified-Since", date)]).await.status, 200);
    }
    // Broken, mended.
    fs::write(film.folder.join("film.ism"), "<smil>").unwrap();
    tokio::time::sleep(NOTICED).await;
    assert_eq!(site.get(&path).await.code(), "MPE_INPUT_FORMAT_NOT_SUPPORTED");
    fs::write(film.folder.join("film.ism"), &ism).unwrap();
    tokio::time::sleep(NOTICED).await;
    assert_eq!(site.ok(&path).await.body, first.body);
}

#[tokio::test]
async fn a_client_manifest_that_comes_or_changes_makes_a_new_revision() {
    let site = Site::start().await;
    let film = site.copy_of("video-only", "film").await;
    let ism = "<smil><head><meta name='clientManifestRelativePath' content='film.ismc'/></head><body><switch>\
               <video src='film_144.mp4'/></switch></body></smil>";
    fs::write(film.folder.join("film.ism"), ism).unwrap();
    let path = film.at("film.ism/manifest");
    let mut seen = vec![site.ok(&path).await];
    for name in ["one", "two"] {
        let ismc = format!(
            "<SmoothStreamingMedia><StreamIndex Type='video' Name='{name}'><QualityLevel Bitrate='1'/></StreamIndex></SmoothStreamingMedia>"
        );
        fs::write(film.folder.join("film.ismc"), ismc).unwrap();
        tokio::time::sleep(NOTICED).await;
        let answer = site.ok(&path).await;
        assert!(answer.text().contains(&format!("Fragments({name}=")), "{}", answer.text());
        assert!(seen.iter().all(|s| s.header("etag") != answer.header("etag")));
        seen.push(answer);
    }
}

#[tokio::test]
async fn files_that_go_or_are_cut_end_in_errors() {
    let site = Site::with(headwater::packager::Dialect::Modern, 0).await;
    let (film, good) =
        (site.copy_of("progressive-faststart", "film").await, site.publish(&fixture("minimal-ism")).await);
    let path = film.at("film.ism/manifest");
    let fragment = site.fragment(&path).await;
    let whole = site.ok(&fragment).await;
    let file = film.folder.join("film_144.mp4");
    let bytes = fs::read(&file).unwrap();

    // Cut: at once an error, then one that says what to do.
    fs::File::options().write(true).open(&file).unwrap().set_len(20_000).unwrap();
    let answer = site.get(&fragment).await;
    assert!(matches!(answer.status, 415 | 503), "{}", answer.text());
    tokio::time::sleep(NOTICED).await;
    let answer = site.get(&path).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "MPE_INPUT_FORMAT_NOT_SUPPORTED"), "{}", answer.text());
    assert!(answer.text().contains("film_144.mp4") && answer.text().contains("copy it again"), "{}", answer.text());
    site.ok(&good.at("film.ism/manifest")).await;

    // Mended: the same film, and it is served again.
    fs::write(&file, &bytes).unwrap();
    tokio::time::sleep(NOTICED).await;
    assert_eq!(site.ok(&fragment).await.body, whole.body);

    // Damaged inside.
    fs::File::options().write(true).open(&file).unwrap().write_all_at(&[0xff; 64], 40).unwrap();
    tokio::time::sleep(NOTICED).await;
    let answer = site.get(&path).await;
    assert!(matches!(answer.status, 200 | 415), "{}", answer.text());
    site.ok(&good.at("film.ism/manifest")).await;

    // Gone.
    fs::remove_file(&file).unwrap();
    tokio::time::sleep(NOTICED).await;
    let answer = site.get(&path).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "MPE_STORAGE_RESOURCE_NOT_FOUND"));
    assert!(!answer.text().contains(site.root.path().to_str().unwrap()));
    // A folder and a pipe of its name are not the file.
    fs::create_dir(&file).unwrap();
    tokio::time::sleep(NOTICED).await;
    assert_eq!(site.get(&path).await.status, 404);
    fs::remove_dir(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    tokio::time::sleep(NOTICED).await;
    assert_eq!(site.get(&path).await.status, 404);
    fs::remove_file(&file).unwrap();
    fs::write(&file, &bytes).unwrap();
    tokio::time::sleep(NOTICED).await;
    site.ok(&path).await;

    // The whole folder.
    fs::rename(&film.folder, film.folder.with_extension("away")).unwrap();
    tokio::time::sleep(NOTICED).await;
    for path in [&path, &fragment, &film.at("film_90.mp4")] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
        assert!(!answer.text().contains(site.root.path().to_str().unwrap()), "{}", answer.text());
    }
    fs::create_dir(&film.folder).unwrap();
    tokio::time::sleep(NOTICED).await;
    assert_eq!(site.get(&path).await.code(), "MPE_RESOURCE_NOT_FOUND");
    site.ok(&good.at("film.ism/manifest")).await;
}

#[tokio::test]
async fn a_file_cut_during_a_download_ends_the_connection() {
    let site = Site::start().await;
    let film = site.copy_of("minimal-ism", "film").await;
    let file = film.folder.join("large.mp4");
    let bytes: Vec<u8> = (0..64u32 << 20).map(|i| (i >> 10) as u8).collect();
    for replaced in [false, true] {
        fs::write(&file, &bytes).unwrap();
        let mut socket = TcpStream::connect(site.address).await.unwrap();
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", film.at("large.mp4"));
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut got = vec![0; 1 << 20];
        socket.read_exact(&mut got).await.unwrap();
        if replaced {
            // Over the old bytes, in place, so that the open file has them.
            fs::File::options().write(true).open(&file).unwrap().write_all_at(&vec![0xee; 64 << 20], 0).unwrap();
        } else {
            fs::File::options().write(true).open(&file).unwrap().set_len(2 << 20).unwrap();
        }
        let _ = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut got)).await.unwrap();
        let head = got.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let body = &got[head..];
        assert!(body.len() < bytes.len(), "replaced: {replaced}");
        assert!(body == &bytes[..body.len()], "replaced: {replaced}");
    }
}

#[tokio::test]
async fn publishing_and_withdrawing_take_effect_while_running() {
    let site = Site::start().await;
    let folder = site.root.path().join("film");
    copy(&fixture("no-ism"), &folder);
    // Another process, as `headwater publish` is.
    let other = Catalog::open(Options::local(&site.root.path().join("data"), now())).await.unwrap();
    let entry = other.publish_folder(By::new("test", now()), &folder, None).await.unwrap();
    let path = format!("/{}/film.ism/manifest", entry.locator);
    let within = |status: u16| {
        let (site, path) = (&site, &path);
        async move {
            for _ in 0..40 {
                if site.get(path).await.status == status {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("no {status} within two seconds");
        }
    };
    within(200).await;
    other.unpublish(By::new("test", now()), &entry.locator.to_string()).await.unwrap();
    within(404).await;
}

#[tokio::test]
async fn files_that_come_and_go_change_an_inferred_film() {
    let site = Site::start().await;
    let film = site.copy_of("no-ism", "film").await;
    let path = film.at("film.ism/manifest");
    let both = site.ok(&path).await;
    fs::rename(film.folder.join("film_144.mp4"), film.folder.join("film_144.away")).unwrap();
    tokio::time::sleep(NOTICED).await;
    let one = site.ok(&path).await;
    assert_ne!((one.header("etag"), &one.body), (both.header("etag"), &both.body));
    fs::rename(film.folder.join("film_144.away"), film.folder.join("film_144.mp4")).unwrap();
    tokio::time::sleep(NOTICED).await;
    let again: Answer = site.ok(&path).await;
    assert_eq!((again.header("etag"), &again.body), (both.header("etag"), &both.body));
}
