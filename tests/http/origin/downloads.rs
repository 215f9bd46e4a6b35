//! Stored files as they are.

use std::fs;
use std::time::{Duration, SystemTime};

use super::site::{Site, fixture};

#[tokio::test]
async fn files_are_given_out_unaltered_with_ranges() {
    let site = Site::start().await;
    let film = site.copy_of("progressive-faststart", "film").await;
    let path = film.at("film_144.mp4");
    let stored = fs::read(film.folder.join("film_144.mp4")).unwrap();
    let answer = site.ok(&path).await;
    assert_eq!(answer.body, stored);
    assert_eq!((answer.header("content-type"), answer.header("accept-ranges")), ("video/mp4", "bytes"));
    let etag = answer.header("etag").to_owned();
    let head = site.ask("HEAD", &path, &[]).await;
    assert_eq!((head.header("content-length"), head.header("etag")), (answer.header("content-length"), etag.as_str()));
    assert_eq!(site.ask("GET", &path, &[("If-None-Match", etag.as_str())]).await.status, 304);
    assert_eq!(site.ask("GET", &path, &[("If-Modified-Since", answer.header("last-modified"))]).await.status, 304);

    let one = site.ask("GET", &path, &[("Range", "bytes=1000-1999"), ("If-Range", etag.as_str())]).await;
    assert_eq!((one.status, &one.body[..]), (206, &stored[1000..2000]));
    let tail = site.ask("GET", &path, &[("Range", "bytes=-500")]).await;
    assert_eq!(tail.body, stored[stored.len() - 500..]);
    let open = site.ask("GET", &path, &[("Range", "bytes=80000-")]).await;
    assert_eq!(open.body, stored[80000..]);
    assert_eq!(site.ask("GET", &path, &[("Range", "bytes=99999999-")]).await.status, 416);

    let many = site.ask("GET", &path, &[("Range", "bytes=0-99, 5000-5099, -100")]).await;
    assert!(many.status == 206 && many.is_whole());
    let boundary = many.header("content-type").split_once("boundary=").unwrap().1.to_owned();
    let parts: Vec<&[u8]> = split(&many.body, format!("--{boundary}").as_bytes());
    assert_eq!(parts.len(), 5);
    let ranges = [0..100, 5000..5100, stored.len() - 100..stored.len()];
    for (part, range) in parts[1..4].iter().zip(ranges) {
        let data = split(part, b"\r\n\r\n");
        let head = String::from_utf8_lossy(data[0]).into_owned();
        assert!(head.contains(&format!("Content-Range: bytes {}-{}/{}", range.start, range.end - 1, stored.len())));
        assert!(head.contains("Content-Type: video/mp4"));
        let body = &part[data[0].len() + 4..part.len() - 2];
        assert_eq!(body, &stored[range]);
    }
    assert_eq!(parts[4], b"--\r\n");
}

fn split<'a>(bytes: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let (mut parts, mut from) = (Vec::new(), 0);
    while let Some(at) = bytes[from..].windows(by.len()).position(|w| w == by) {
        parts.push(&bytes[from..from + at]);
        from += at + by.len();
    }
    parts.push(&bytes[from..]);
    parts
}

#[tokio::test]
async fn only_what_may_be_given_out_is() {
    let site = Site::start().await;
    let film = site.copy_of("fragmented-ismv", "film").await;
    fs::write(site.root.path().join("secret.txt"), "secret").unwrap();
    fs::create_dir(film.folder.join("sub")).unwrap();
    fs::create_dir(film.folder.join("folder.mp4")).unwrap();
    for name in
        ["film.ismc", "film.isml", "film.ismx", "film.mpi", "film.ISMV", ".hidden", ".hidden.mp4", "sub/film.mp4"]
    {
        fs::write(film.folder.join(name), "secret").unwrap();
    }
    for name in ["poster.jpg", "subtitles.vtt", "notes.TXT", "noextension", "film.ism.bak.txt"] {
        fs::write(film.folder.join(name), name).unwrap();
    }
    rustix_fifo(&film.folder.join("pipe.mp4"));
    std::os::unix::fs::symlink(site.root.path().join("secret.txt"), film.folder.join("out.txt")).unwrap();
    std::os::unix::fs::symlink("/etc", film.folder.join("etc")).unwrap();
    std::os::unix::fs::symlink("poster.jpg", film.folder.join("inside.jpg")).unwrap();
    std::os::unix::fs::symlink("loop.mp4", film.folder.join("loop.mp4")).unwrap();

    for (name, media_type) in [
        ("poster.jpg", "image/jpeg"),
        ("inside.jpg", "image/jpeg"),
        ("subtitles.vtt", "text/vtt; charset=utf-8"),
        ("notes.TXT", "text/plain; charset=utf-8"),
        ("noextension", "application/octet-stream"),
        ("film.ism.bak.txt", "text/plain; charset=utf-8"),
    ] {
        let answer = site.ok(&film.at(name)).await;
        assert_eq!(answer.header("content-type"), media_type);
    }
    for name in [
        "film.ism",
        "film.ismc",
        "film.isml",
        "film.ismx",
        "film.mpi",
        "film.ISMV",
        "film_144.ismv",
        "film_eng.isma",
        "film%2Eism",
        ".hidden",
        "%2ehidden.mp4",
        "..",
        ".",
        "%2e%2e",
        "folder.mp4",
        "pipe.mp4",
        "nothing.mp4",
        "Poster.jpg",
        "etc",
        "loop.mp4",
        "out.txt",
        "sub",
    ] {
        let answer = site.get(&film.at(name)).await;
        let status = if matches!(name, "out.txt" | "loop.mp4" | "etc") { 403..=500 } else { 404..=404 };
        assert!(status.contains(&answer.status), "{name}: {}", answer.text());
        assert!(
            !answer.text().contains("secret\n") && !answer.text().contains(site.root.path().to_str().unwrap()),
            "{}",
            answer.text()
        );
    }
    for path in [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "sub/film.mp4",
        "sub%2ffilm.mp4",
        "sub/../../secret.txt",
        "..%5csecret.txt",
        "film.ism/../../secret.txt",
        "etc/passwd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "film.ism/%2e%2e/poster.jpg",
        "....//secret.txt",
        "%252e%252e/secret.txt",
        "poster.jpg%00.ism",
    ] {
        let answer = site.get(&film.at(path)).await;
        assert!((400..=404).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("root:"));
    }
    // What a link leads to outside is no part of a film either.
    fs::rename(film.folder.join("film_90.ismv"), site.root.path().join("film_90.ismv")).unwrap();
    std::os::unix::fs::symlink(site.root.path().join("film_90.ismv"), film.folder.join("film_90.ismv")).unwrap();
    let answer = site.get(&film.at("film.ism/manifest")).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "MPE_STORAGE_RESOURCE_NOT_FOUND"));
}

fn rustix_fifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[tokio::test]
async fn a_time_in_the_future_is_not_sent() {
    let site = Site::start().await;
    let film = site.copy_of("minimal-ism", "film").await;
    let file = fs::File::options().write(true).open(film.folder.join("film_144.mp4")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(400 * 24 * 3600)).unwrap();
    for path in ["film_144.mp4", "film.ism/manifest"] {
        let answer = site.ok(&film.at(path)).await;
        assert_eq!(answer.header("last-modified"), answer.header("date"), "{path}");
        let again = site.ask("GET", &film.at(path), &[("If-Modified-Since", answer.header("last-modified"))]).await;
        assert_eq!(again.status, 200);
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_refused_and_harms_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::start().await;
    let (film, good) = (site.copy_of("minimal-ism", "film").await, site.publish(&fixture("video-only")).await);
    fs::set_permissions(film.folder.join("film_144.mp4"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(film.folder.join("film_144.mp4")).is_ok() {
        return; // The superuser may read everything.
    }
    for path in ["film_144.mp4", "film.ism/manifest"] {
        let answer = site.get(&film.at(path)).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "MPE_STORAGE_AUTHENTICATION_FAILURE"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    site.ok(&good.at("film.ism/manifest")).await;
    fs::set_permissions(film.folder.join("film_144.mp4"), fs::Permissions::from_mode(0o644)).unwrap();
    tokio::time::sleep(Duration::from_millis(1800)).await;
    site.ok(&film.at("film.ism/manifest")).await;
}
