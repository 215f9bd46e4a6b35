//! Clients that stop reading in mid-segment.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::client::{ask, begin, get, ok, segments};
use crate::films::noise;
use crate::program::Site;

/// `HEADWATER_LOAD_STALLED` of them.
fn clients() -> usize {
    std::env::var("HEADWATER_LOAD_STALLED").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

/// What a client may cost beyond the segment that all share, bytes.
const COST: u64 = 64 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_stop_reading_cost_little_and_are_let_go() {
    let Some(folder) = noise() else { return };
    let site = Site::new(&[("SERVER__WRITE_STALL_TIMEOUT_SECONDS", "6"), ("ORIGIN__SEGMENT_CACHE_BYTES", "67108864")]);
    let film = site.publish(folder);
    let server = site.serve(&[]);
    let segment = segments(&server.address, &film, &["m3u8-cmaf"]).await.remove(1);
    let whole = ok(&server.address, &segment).await;
    assert!(whole.body.len() > 4 << 20, "{} bytes are no long segment", whole.body.len());
    for _ in 0..20 {
        ok(&server.address, &segment).await;
    }
    server.until(Duration::from_secs(5), "the connections end", |s| s.descriptors() < 60).await;
    let (memory, open) = (server.rss(), server.descriptors());
    let mut held = Vec::new();
    for _ in 0..clients() {
        held.push(begin(&server.address, &segment, 1000).await.unwrap());
    }
    assert!(server.descriptors() >= open + clients(), "all of them are waited for");
    let cost = server.rss().saturating_sub(memory) / clients() as u64;
    println!("stalled: {} clients cost {} KiB each", clients(), cost >> 10);
    assert!(cost <= COST, "{cost} bytes each");
    // Others are served meanwhile.
    assert_eq!(ok(&server.address, &segment).await.body, whole.body);
    server.until(Duration::from_secs(30), "time-outs free them", |s| s.descriptors() <= open + 2).await;
    let after = server.rss().saturating_sub(memory);
    assert!(after <= clients() as u64 * COST, "{after} bytes are still held");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_slow_readers_hold_counts_and_beyond_the_budget_there_is_503() {
    const BUDGET: u64 = 48 << 20;
    let Some(folder) = noise() else { return };
    let site = Site::new(&[
        ("SERVER__WRITE_STALL_TIMEOUT_SECONDS", "60"),
        ("ORIGIN__SEGMENT_CACHE_BYTES", "0"),
        ("ORIGIN__IN_FLIGHT_BYTES", &BUDGET.to_string()),
    ]);
    let film = site.publish(folder);
    let server = site.serve(&[]);
    let paths = segments(&server.address, &film, &["m3u8-cmaf", "m3u8-aapl"]).await;
    let mut sizes = Vec::new();
    for path in &paths {
        sizes.push(ok(&server.address, path).await.body.len() as u64);
    }
    let largest = *sizes.iter().max().unwrap();
    let large: Vec<&String> = paths.iter().zip(&sizes).filter(|(_, size)| **size > 4 << 20).map(|(p, _)| p).collect();
    let memory = server.rss();
    let (mut held, mut refused) = (Vec::new(), HashSet::new());
    for round in 0..2 {
        for path in &large {
            let (socket, head) = begin(&server.address, path, 1).await.unwrap();
            let head = String::from_utf8_lossy(&head).into_owned();
            if head.starts_with("HTTP/1.1 200") {
                held.push(socket);
            } else {
                assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: "), "{round} {head}");
                refused.insert(path.as_str());
            }
        }
    }
    assert!(!held.is_empty() && !refused.is_empty(), "{} held, {} refused", held.len(), refused.len());
    let grown = server.rss().saturating_sub(memory);
    println!(
        "budget: {} answers of up to {largest} bytes are held, {} refused, memory grew by {} MiB of {}",
        held.len(),
        refused.len(),
        grown >> 20,
        BUDGET >> 20
    );
    // What sockets keep in the kernel is not ours; what the allocator keeps is.
    assert!(grown < 2 * BUDGET, "{grown} bytes");
    // HEAD makes nothing, so it needs no room.
    let head = ask(&server.address, "HEAD", refused.iter().next().unwrap(), &[]).await.unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, None), "{}", head.head);
    // The load goes.
    drop(held);
    let begun = Instant::now();
    for path in refused {
        let answer = get(&server.address, path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.is_whole());
    }
    println!("budget: all that were refused were served {:?} after the load went", begun.elapsed());
}
