//! Files that are replaced while many read.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::client::{Answer, ask, ok, segments};
use crate::films::{copy, fixture};
use crate::program::Site;

const FORMATS: [&str; 3] = ["m3u8-cmaf", "m3u8-aapl", "m3u8-aapl-v3"];

/// The bodies that each path may have: those of one revision or of the other, and which entity tag each had.
#[derive(Default)]
pub struct Known {
    bodies: HashMap<String, Vec<Vec<u8>>>,
    tags: Mutex<HashMap<String, Vec<u8>>>,
}

impl Known {
    /// Adds what is served now. Nothing may fail.
    pub async fn learn(&mut self, address: &str, paths: &[String]) {
        for path in paths {
            let body = ok(address, path).await.body;
            let bodies = self.bodies.entry(path.clone()).or_default();
            if !bodies.contains(&body) {
                bodies.push(body);
            }
        }
    }

    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.bodies.keys().cloned().collect();
        paths.sort();
        paths
    }

    /// Of how many paths the revisions differ.
    pub fn differ(&self) -> usize {
        self.bodies.values().filter(|bodies| bodies.len() > 1).count()
    }

    /// Whether what came is right: a body of this path, or the beginning of one if it broke off, and the same one
    /// whenever the tag is the same.
    pub fn judge(&self, path: &str, answer: &Answer) -> Result<(), String> {
        let bodies = &self.bodies[path];
        let length = answer.body.len();
        if !answer.is_whole() {
            return match bodies.iter().any(|body| body.starts_with(&answer.body)) {
                true => Ok(()),
                false => Err(format!("{path}: {length} bytes that begin no body")),
            };
        }
        let Some(body) = bodies.iter().find(|body| **body == answer.body) else {
            return Err(format!("{path}: {length} bytes of no revision"));
        };
        let tag = answer.header("etag").ok_or("no entity tag")?.to_owned();
        let mut tags = self.tags.lock().unwrap();
        let of_tag = tags.entry(tag).or_insert_with(|| body.clone());
        if of_tag == body { Ok(()) } else { Err(format!("{path}: one entity tag for two bodies")) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_that_is_replaced_while_many_read_is_one_film_or_the_other() {
    // With a cache that is too small, so that segments are read again and again.
    let site = Site::new(&[("ORIGIN__SEGMENT_CACHE_BYTES", "200000")]);
    let folder = site.root.path().join("film");
    let revisions = [fixture("films/progressive-faststart"), fixture("films/no-edit-list")];
    let replace_one = |index: usize, name: &str| {
        fs::copy(revisions[index].join(name), folder.join("new.tmp")).unwrap();
        fs::rename(folder.join("new.tmp"), folder.join(name)).unwrap();
    };
    let replace = |index: usize| {
        for name in ["film_144.mp4", "film_90.mp4"] {
            replace_one(index, name);
        }
    };
    copy(&revisions[0], &folder);
    let film = site.publish(&folder);
    let server = site.serve(&[]);
    let mut known = Known::default();
    // In between one file is new and the other old, which is a film too: HLS 3 has the pictures of one and the sound of
    // the other then.
    for (large, small) in [(0, 0), (1, 0), (1, 1), (0, 1)] {
        replace_one(large, "film_144.mp4");
        replace_one(small, "film_90.mp4");
        // Longer than a change goes unnoticed.
        tokio::time::sleep(Duration::from_millis(2200)).await;
        let paths = segments(&server.address, &film, &FORMATS).await;
        known.learn(&server.address, &paths).await;
    }
    assert!(known.differ() > 3, "the revisions have the same bytes");
    let (known, over) = (Arc::new(known), Arc::new(AtomicBool::new(false)));
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..16usize {
        let (known, over, address) = (Arc::clone(&known), Arc::clone(&over), server.address.clone());
        readers.spawn(async move {
            let (paths, mut at, mut counts) = (known.paths(), reader * 7, (0u32, 0u32));
            while !over.load(Ordering::Relaxed) {
                at += 13;
                let path = &paths[at % paths.len()];
                let answer = ask(&address, "GET", path, &[]).await.unwrap();
                match answer.status {
                    200 => {
                        known.judge(path, &answer).unwrap();
                        counts.0 += 1;
                    }
                    // The change was met, or the time belongs to the other revision.
                    404 | 503 => counts.1 += 1,
                    other => panic!("{path}: {other} {}", answer.text()),
                }
            }
            counts
        });
    }
    for round in 0..24 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        tokio::task::block_in_place(|| replace(round % 2));
    }
    over.store(true, Ordering::Relaxed);
    let counts = readers.join_all().await;
    let (right, refused) = counts.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("revision: 24 changes, {right} bodies all right, {refused} times 404 or 503");
    assert!(right > 200, "{right} bodies");
    // At the end everybody has the last one.
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let mut last = Known::default();
    last.learn(&server.address, &segments(&server.address, &film, &FORMATS).await).await;
    for (path, bodies) in &last.bodies {
        let fresh = ok(&server.address, path).await;
        assert_eq!(fresh.body, bodies[0], "{path}");
    }
}
