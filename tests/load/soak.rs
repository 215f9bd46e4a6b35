//! A long time with a store that fails: no wrong byte, and no more memory at the end than at the beginning.
//!
//! Twenty seconds; `HEADWATER_SOAK_SECONDS=1800` for half an hour, `HEADWATER_SOAK_SEED` for other faults.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::bucket::{Bucket, Files};
use crate::client::{ask, segments};
use crate::films::fixture;
use crate::program::{Server, Site};
use crate::revision::Known;

const ASSET: &str = "11111111-aaaa-4bbb-8ccc-000000000001";
const LOCATOR: &str = "0f0e0d0c-1111-4222-8333-000000000001";

/// A film in a bucket, and a place for a server.
pub struct Stored {
    pub bucket: Bucket,
    site: Site,
    name: String,
}

/// The files of a folder as the bucket has them; `mark` makes other tags.
fn files(folder: &Path, mark: &str) -> Files {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        let tag =
            format!("{:08x}{mark}", bytes.iter().fold(bytes.len() as u32, |h, b| h.rotate_left(5) ^ u32::from(*b)));
        (format!("asset-{ASSET}/{name}"), (bytes.into(), tag))
    };
    files.map(file).collect()
}

/// Imports a film from a bucket of its own.
pub fn stored(settings: &[(&str, &str)], film: &Path, seed: u64) -> Stored {
    let bucket = Bucket::start(seed);
    bucket.fill(files(film, "a"));
    let site = Site::new(settings);
    fs::write(site.root.path().join("secret"), "secret").unwrap();
    let account = format!(
        "[[storage_account]]\nname = \"films\"\nkind = \"s3\"\nendpoint = \"{}\"\nbucket = \"films\"\n\
         access_key_id = \"id\"\nsecret_file = \"secret\"\nrecheck_seconds = 1\n",
        bucket.url
    );
    fs::write(site.root.path().join("config.toml"), account).unwrap();
    fs::write(site.root.path().join("locators.csv"), format!("LocatorId,AssetId\n{LOCATOR},{ASSET}\n")).unwrap();
    let at = |name: &str| site.root.path().join(name).to_str().unwrap().to_owned();
    let (config, locators) = (at("config.toml"), at("locators.csv"));
    site.run(&["--config", &config, "import", "films", "--locators", &locators, "--no-inspect"]);
    let ism = fs::read_dir(film).unwrap().filter_map(|e| e.unwrap().file_name().into_string().ok());
    let name = ism.into_iter().find(|name| name.ends_with(".ism")).expect("a server manifest");
    Stored { bucket, site, name }
}

impl Stored {
    /// The server, and the film's path.
    pub fn serve(&self) -> (Server, String) {
        let config = self.site.root.path().join("config.toml");
        let server = self.site.serve(&["--config", config.to_str().unwrap()]);
        (server, format!("/{LOCATOR}/{}", self.name))
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// What the clients saw.
#[derive(Default)]
struct Counts {
    right: AtomicU64,
    broken_off: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_makes_no_wrong_byte() {
    let (seconds, seed) = (number("HEADWATER_SOAK_SECONDS", 20), number("HEADWATER_SOAK_SEED", 20));
    let revisions = [fixture("films/progressive-faststart"), fixture("films/no-edit-list")];
    // Small caches, so that nearly everything is read again.
    let settings = [
        ("ORIGIN__SEGMENT_CACHE_BYTES", "262144"),
        ("ORIGIN__INDEX_CACHE_BYTES", "4194304"),
        ("ORIGIN__IN_FLIGHT_BYTES", "33554432"),
        ("LOG__LEVEL", "error"),
    ];
    let stored = stored(&settings, &revisions[0], seed);
    let (mut server, film) = stored.serve();
    let mut known = Known::default();
    for folder in [&revisions[0], &revisions[1]] {
        stored.bucket.fill(files(folder, "a"));
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let paths = segments(&server.address, &film, &["m3u8-cmaf", "m3u8-aapl", "m3u8-aapl-v3"]).await;
        known.learn(&server.address, &paths).await;
    }
    assert!(known.differ() > 3, "the revisions have the same bytes");
    stored.bucket.set_faults_per_mille(120);
    let (known, counts) = (Arc::new(known), Arc::new(Counts::default()));
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..12usize {
        let (known, counts, over, address) =
            (Arc::clone(&known), Arc::clone(&counts), Arc::clone(&over), server.address.clone());
        readers.spawn(async move {
            let (paths, mut at) = (known.paths(), reader * 5);
            while !over.load(Relaxed) {
                at += 11;
                let path = &paths[at % paths.len()];
                if at % 17 == 0 {
                    // Some go away.
                    let asked = ask(&address, "GET", path, &[]);
                    let _ = tokio::time::timeout(Duration::from_millis(at as u64 % 50), asked).await;
                    continue;
                }
                let answer = ask(&address, "GET", path, &[]).await.unwrap();
                counts.bytes.fetch_add(answer.body.len() as u64, Relaxed);
                let counted = match answer.status {
                    200 => {
                        known.judge(path, &answer).unwrap();
                        if answer.is_whole() { &counts.right } else { &counts.broken_off }
                    }
                    404 | 500..=504 => &counts.refused,
                    other => panic!("{path}: {other} {}", answer.text()),
                };
                counted.fetch_add(1, Relaxed);
            }
        });
    }
    let begun = Instant::now();
    let (mut memory, mut turn) = (Vec::new(), 0usize);
    while begun.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        memory.push(server.rss());
        assert!(server.is_running());
        // The film changes, or only its tags do.
        if memory.len() % 9 == 0 {
            turn += 1;
            stored.bucket.fill(files(&revisions[turn / 2 % 2], ["a", "b"][turn % 2]));
        }
        while let Some(ended) = readers.try_join_next() {
            ended.unwrap();
        }
    }
    over.store(true, Relaxed);
    readers.join_all().await;
    let part = (memory.len() / 4).max(1);
    let highest = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
    // After the first quarter everything has been used.
    let (early, late) = (highest(&memory[part..2 * part]), highest(&memory[memory.len() - part..]));
    let of = |count: &AtomicU64| count.load(Relaxed);
    println!(
        "soak: {seconds} s, seed {seed}: {} bodies right, {} broken off and right so far, {} refused, {} MB; {} of the \
         store's {} reads failed; {turn} changes; {} MB resident early, {} MB late",
        of(&counts.right),
        of(&counts.broken_off),
        of(&counts.refused),
        of(&counts.bytes) / 1_000_000,
        stored.bucket.failed(),
        stored.bucket.reads(),
        early / 1_000_000,
        late / 1_000_000
    );
    assert!(of(&counts.right) > 10 * seconds, "hardly anything was served");
    assert!(stored.bucket.failed() > seconds, "hardly anything failed");
    assert!(late <= early + early / 4 + (8 << 20), "memory grows: {early}, then {late} bytes");
    // The store is well again, and so is the film.
    stored.bucket.set_faults_per_mille(0);
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let paths = segments(&server.address, &film, &["m3u8-cmaf"]).await;
    for path in paths {
        let answer = crate::client::ok(&server.address, &path).await;
        known.judge(&path, &answer).unwrap();
    }
}
