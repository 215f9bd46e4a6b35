//! Clients that go away while their segment is being made, and many that want the same one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{get, ok, segments};
use crate::films::fixture;
use crate::soak::stored;

/// Asks and leaves.
async fn ask_and_leave(address: &str, path: &str, stay: Duration) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    tokio::time::sleep(stay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_left_behind_is_there_for_the_next() {
    let stored = stored(&[("ORIGIN__SEGMENT_CACHE_BYTES", "8388608")], &fixture("demo"), 1);
    let (server, film) = stored.serve();
    let paths = segments(&server.address, &film, &["m3u8-cmaf"]).await;
    let cold = paths.iter().find(|path| path.contains("(video=0")).unwrap();
    stored.bucket.set_delay(Duration::from_millis(800));
    let before = stored.bucket.reads();
    for _ in 0..10 {
        ask_and_leave(&server.address, cold, Duration::from_millis(30)).await;
    }
    let answer = ok(&server.address, cold).await;
    assert!(!answer.body.is_empty());
    assert_eq!(stored.bucket.reads() - before, 1, "the work of those who left was shared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_misses_are_one_read() {
    let stored = stored(&[("ORIGIN__SEGMENT_CACHE_BYTES", "8388608")], &fixture("demo"), 2);
    let (server, film) = stored.serve();
    let paths = segments(&server.address, &film, &["m3u8-cmaf", "m3u8-aapl"]).await;
    stored.bucket.set_delay(Duration::from_millis(300));
    for path in paths.iter().filter(|path| path.contains("(video=0")).take(2) {
        let before = stored.bucket.reads();
        let path: Arc<str> = path.as_str().into();
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (address, path) = (server.address.clone(), Arc::clone(&path));
            asked.spawn(async move { ok(&address, &path).await.body });
        }
        let bodies = asked.join_all().await;
        assert!(bodies.iter().all(|body| *body == bodies[0]));
        assert_eq!(stored.bucket.reads() - before, 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_of_those_who_left_comes_back() {
    // Room for one segment at a time and no more.
    let settings = [("ORIGIN__SEGMENT_CACHE_BYTES", "0"), ("ORIGIN__IN_FLIGHT_BYTES", "65536")];
    let stored = stored(&settings, &fixture("demo"), 3);
    let (server, film) = stored.serve();
    let paths = segments(&server.address, &film, &["m3u8-cmaf"]).await;
    let media: Vec<&String> = paths.iter().filter(|path| path.contains("(video=")).collect();
    stored.bucket.set_delay(Duration::from_millis(500));
    let mut left = tokio::task::JoinSet::new();
    for path in media.iter().take(20) {
        let (address, path) = (server.address.clone(), (*path).clone());
        left.spawn(async move { ask_and_leave(&address, &path, Duration::from_millis(100)).await });
    }
    left.join_all().await;
    // Those that still wait for room give up within two seconds.
    tokio::time::sleep(Duration::from_secs(4)).await;
    stored.bucket.set_delay(Duration::ZERO);
    let begun = Instant::now();
    for path in &media {
        let answer = get(&server.address, path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    println!("cancelled: {} segments in {:?} after 20 clients had left", media.len(), begun.elapsed());
}
