//! Ten thousand of something.

use std::fs;
use std::time::SystemTime;

use headwater::catalog::{By, Catalog, Options};
use headwater::time::UtcTime;
use tokio::net::TcpStream;

use crate::client::{exchange, ok};
use crate::films::fixture;
use crate::program::{Site, own_descriptors};

/// What an idle connection costs at the most: 150 MB for ten thousand, with the program itself (issue of record:
/// "10,000 idle keep-alive connections").
const IDLE_MEMORY: u64 = 150_000_000;
const IDLE: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections() {
    // This process has one end of each connection, and the server, with the same limit, the other.
    let needed = IDLE as u64 + 1200;
    if own_descriptors() < needed {
        println!("skipped: 'ulimit -n' is {}, {needed} are needed", own_descriptors());
        return;
    }
    let site = Site::new(&[("SERVER__IDLE_TIMEOUT_SECONDS", "600")]);
    let film = site.publish(&fixture("films/no-ism"));
    let server = site.serve(&[]);
    let manifest = format!("{film}/manifest(format=m3u8-cmaf)");
    ok(&server.address, &manifest).await;
    let started = server.rss();
    let mut held = Vec::with_capacity(IDLE);
    while held.len() < IDLE {
        // Some at a time, so that the kernel's queue suffices.
        let batch = (0..100).map(|_| async {
            let mut socket = TcpStream::connect(&server.address).await.unwrap();
            let answer = exchange(&mut socket, &manifest).await.unwrap();
            assert_eq!(answer.status, 200);
            socket
        });
        held.extend(futures_util::future::join_all(batch).await);
    }
    let memory = server.rss();
    let each = memory.saturating_sub(started) / IDLE as u64;
    println!("idle: {IDLE} connections, {} MB resident, {each} bytes each", memory / 1_000_000);
    assert!(memory <= IDLE_MEMORY, "{memory} bytes");
    // They are alive.
    for socket in held.iter_mut().step_by(1000) {
        assert_eq!(exchange(socket, &manifest).await.unwrap().status, 200);
    }
}

/// `HEADWATER_LOAD_FILMS`: the record is for 10,000, which take some minutes to publish.
fn films() -> usize {
    std::env::var("HEADWATER_LOAD_FILMS").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_films_published_and_a_hundred_in_use() {
    const IN_USE: usize = 100;
    let (index_cache, segment_cache) = (64u64 << 20, 32u64 << 20);
    let site = Site::new(&[
        ("ORIGIN__INDEX_CACHE_BYTES", &index_cache.to_string()),
        ("ORIGIN__SEGMENT_CACHE_BYTES", &segment_cache.to_string()),
    ]);
    let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let now = UtcTime { unix_millis: millis as u64 };
    let catalog = Catalog::open(Options::local(&site.data(), now)).await.unwrap();
    let mut urls = Vec::new();
    for index in 0..films() {
        let folder = site.root.path().join(format!("film-{index:05}"));
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(fixture("films/no-ism")).unwrap() {
            let path = entry.unwrap().path();
            // One copy for all of them.
            let first = site.root.path().join(path.file_name().unwrap());
            if !first.exists() {
                fs::copy(&path, &first).unwrap();
            }
            fs::hard_link(&first, folder.join(path.file_name().unwrap())).unwrap();
        }
        let entry = catalog.publish_folder(By::new("test", now), &folder, None).await.unwrap();
        urls.push(format!("/{}/film-{index:05}.ism", entry.locator));
    }
    catalog.close().await;
    let server = site.serve(&[]);
    let started = server.rss();
    let stride = (urls.len() / IN_USE).max(1);
    for url in urls.iter().step_by(stride).take(IN_USE) {
        for format in ["m3u8-cmaf", "mpd-time-csf"] {
            ok(&server.address, &format!("{url}/manifest(format={format})")).await;
        }
        let playlist = format!("{url}/manifest(format=m3u8-cmaf)");
        for segment in crate::client::segments(&server.address, url, &["m3u8-cmaf"]).await.into_iter().take(4) {
            ok(&server.address, &segment).await;
        }
        ok(&server.address, &playlist).await;
    }
    let memory = server.rss();
    let (mb, published) = (1_000_000, urls.len());
    println!(
        "films: {published} published, {} MB resident at the start, {} MB with {IN_USE} in use",
        started / mb,
        memory / mb
    );
    assert!(memory <= 300_000_000 + index_cache + segment_cache, "{memory} bytes");
}
