//! `upload`, `publish`, `unpublish`, `list` and `delete` with assets, through the API of a running server.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::site::{Server, Site, copy, fixture, paths};

/// A site with a management API of its own.
fn site() -> (Site, Server) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site::new().with("HEADWATER_MANAGEMENT__LISTEN", &port.to_string());
    let server = site.serve(&[]);
    (site, server)
}

/// The asset's id in a command's output.
fn id(output: &str) -> String {
    let id = output.split_whitespace().find(|word| word.starts_with("nb:cid:UUID:"));
    id.unwrap_or_else(|| panic!("no id in {output}")).to_owned()
}

fn container(site: &Site, id: &str) -> PathBuf {
    site.path("data").join("containers").join(format!("asset-{}", &id["nb:cid:UUID:".len()..]))
}

#[test]
fn a_film_is_uploaded_published_and_deleted() {
    let (site, server) = site();
    let film = site.path("film");
    copy(&fixture("films/one-track-per-file"), &film);
    // More than one block.
    let big: Vec<u8> = (0..20_000_000u32).map(|n| (n ^ n >> 7) as u8).collect();
    fs::write(film.join("extra.bin"), &big).unwrap();

    assert!(site.done(&["list", "--assets"]).is_empty());
    let out = site.done(&["upload", film.to_str().unwrap(), "--asset", "My film"]);
    let asset = id(&out);
    assert!(out.contains("(new)") && out.contains("extra.bin") && out.contains("headwater publish"), "{out}");
    for entry in fs::read_dir(&film).unwrap() {
        let entry = entry.unwrap();
        let stored = fs::read(container(&site, &asset).join(entry.file_name())).unwrap();
        assert!(stored == fs::read(entry.path()).unwrap(), "{:?}", entry.file_name());
    }

    let out = site.done(&["publish", "My film"]);
    let urls = paths(&out);
    assert_eq!(urls.len(), 7, "{out}");
    for path in &urls {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    let verified = site.run(&["verify", &server.url(&urls[0]), "--format", "mpd-time-cmaf"]);
    assert_eq!(verified.code, 0, "{}", verified.out);
    assert_eq!(paths(&site.done(&["publish", &asset])), urls, "again, by id: the same URLs");
    let listed = site.done(&["list", "--assets"]);
    assert!(listed.contains(&asset) && listed.contains("My film") && listed.contains("http://"), "{listed}");
    let locator = urls[0].split('/').nth(1).unwrap();
    assert!(site.done(&["list"]).contains(locator), "the other list has it too");

    // Uploading again replaces.
    fs::write(film.join("extra.bin"), "small now").unwrap();
    let out = site.done(&["upload", film.join("extra.bin").to_str().unwrap(), "--asset", "My film"]);
    assert!(!out.contains("(new)") && id(&out) == asset, "{out}");
    assert_eq!(fs::read(container(&site, &asset).join("extra.bin")).unwrap(), b"small now");

    assert!(site.done(&["unpublish", "My film"]).contains("1 locators ended"));
    assert_eq!(server.get(&urls[0]).0, 404);
    let chosen = "0f0e0d0c-1111-4222-8333-00000000000a";
    let out = site.done(&["publish", "My film", "--locator", chosen, "--days", "1"]);
    assert!(out.contains(chosen), "{out}");
    assert_eq!(server.get(&paths(&out)[0]).0, 200);

    let refused = site.run(&["delete", "My film"]);
    assert!(refused.code == 1 && refused.err.contains("--yes"), "{refused:?}");
    assert!(site.done(&["delete", "My film", "--yes"]).contains("deleted"));
    assert_eq!(server.get(&paths(&out)[0]).0, 404);
    let begun = Instant::now();
    while container(&site, &asset).exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the container stays");
        std::thread::sleep(Duration::from_millis(100));
    }
    // No signed URL and no file of an upload is left.
    assert!(site.done(&["list", "--assets"]).is_empty());
}

#[test]
fn an_encrypted_film_is_never_in_the_clear_on_disk_and_plays() {
    let (site, server) = site();
    let film = site.path("film");
    copy(&fixture("films/no-ism"), &film);
    let out = site.done(&["upload", film.to_str().unwrap(), "--asset", "secret", "--encrypt", "--publish"]);
    let asset = id(&out);
    for entry in fs::read_dir(&film).unwrap() {
        let entry = entry.unwrap();
        let plain = fs::read(entry.path()).unwrap();
        let stored = fs::read(container(&site, &asset).join(entry.file_name())).unwrap();
        assert_eq!(stored.len(), plain.len());
        let same = stored.iter().zip(&plain).filter(|(a, b)| a == b).count();
        assert!(same < plain.len() / 50, "{same} of {} bytes are the same", plain.len());
    }
    let urls = paths(&out);
    let verified = site.run(&["verify", &server.url(&urls[0])]);
    assert_eq!(verified.code, 0, "{}", verified.out);
    assert!(site.done(&["list", "--assets"]).contains("encrypted"));
    // Another file later, under the same key; and once more, under a new vector.
    let file = film.join("film_90.mp4");
    let before = fs::read(container(&site, &asset).join("film_90.mp4")).unwrap();
    site.done(&["upload", file.to_str().unwrap(), "--asset", "secret", "--encrypt"]);
    assert_ne!(fs::read(container(&site, &asset).join("film_90.mp4")).unwrap(), before);
    let begun = Instant::now();
    while site.run(&["verify", &server.url(&urls[0]), "--format", "smooth"]).code != 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not play any more");
        std::thread::sleep(Duration::from_millis(300));
    }
    let wrong = site.run(&["upload", file.to_str().unwrap(), "--asset", "secret"]);
    assert!(wrong.code == 1 && wrong.err.contains("encrypted in storage"), "{wrong:?}");
}

#[test]
fn errors_say_what_to_do() {
    let (site, _server) = site();
    let file = fixture("films/no-ism/film_90.mp4");
    let file = file.to_str().unwrap();
    for (arguments, code, says) in [
        (&["publish", "nobody"][..], 1, "list --assets"),
        (&["unpublish", "nobody"], 1, "no asset"),
        (&["delete", "nobody", "--yes"], 1, "no asset"),
        (&["upload", file], 2, "--asset"),
        (&["upload", "/nowhere.mp4", "--asset", "x"], 1, "/nowhere.mp4"),
        (&["upload", file, file, "--asset", "x"], 1, "film_90.mp4"),
        (&["list", "--assets", "--api", "http://127.0.0.1:9"], 1, "headwater serve"),
        (&["list", "--assets", "--api", "nowhere"], 1, "http://"),
        (&["publish", "/tmp", "--days", "3"], 1, "assets"),
    ] {
        let done = site.run(arguments);
        assert!(done.code == code && done.err.contains(says), "{arguments:?}: {done:?}");
    }
    let bad = site.command().args(["list", "--assets"]).env("HEADWATER_API_KEY", "not-the-right-key").output().unwrap();
    let err = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(
        bad.status.code() == Some(1) && err.contains("HEADWATER_API_KEY") && !err.contains("not-the-right"),
        "{err}"
    );
    let elsewhere = Site::new();
    let done = elsewhere.run(&["list", "--assets"]);
    assert!(done.code == 1 && done.err.contains("access"), "{done:?}");
    // Two assets of one name are told apart by their ids.
    for _ in 0..2 {
        site.done(&["upload", file, "--asset", "twin"]);
        let found = site.done(&["list", "--assets"]);
        assert_eq!(found.lines().filter(|line| line.contains("twin")).count(), 1, "the second upload finds the first");
    }
}
