//! More connections than there are descriptors.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{exchange, ok, segments};
use crate::films::fixture;
use crate::program::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_ends_and_the_server_goes_on() {
    let site = Site::new(&[("SERVER__HEADER_TIMEOUT_SECONDS", "60")]);
    let film = site.publish(&fixture("demo"));
    let mut server = site.serve_with_descriptors(96);
    let paths = segments(&server.address, &film, &["m3u8-cmaf"]).await;
    let whole = ok(&server.address, &paths[0]).await;
    // A client that was there first.
    let mut early = TcpStream::connect(&server.address).await.unwrap();
    assert_eq!(exchange(&mut early, &paths[1]).await.unwrap().status, 200);
    let mut flood = Vec::new();
    for _ in 0..400 {
        match tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(&server.address)).await {
            Ok(Ok(socket)) => flood.push(socket),
            // The kernel's queue is full: nothing more can be done to it.
            _ => break,
        }
    }
    assert!(flood.len() > 96, "{} connections are no flood", flood.len());
    // It neither spins nor ends.
    let before = server.cpu();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let spent = server.cpu() - before;
    assert!(spent < Duration::from_millis(500), "{spent:?} of the CPU in 2 s");
    assert!(server.is_running() && server.descriptors() <= 96);
    println!("flood: {} connections; {} descriptors, {spent:?} of the CPU in 2 s", flood.len(), server.descriptors());
    // Who was there first is served, from files that are opened now.
    for path in &paths {
        assert_eq!(exchange(&mut early, path).await.unwrap().status, 200, "{path}");
    }
    drop(early);
    drop(flood);
    let again = tokio::time::timeout(Duration::from_secs(10), ok(&server.address, &paths[0])).await;
    assert_eq!(again.expect("served again at once").body, whole.body);
    for path in &paths {
        ok(&server.address, path).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_leave_descriptors_for_films() {
    let site = Site::new(&[("SERVER__HEADER_TIMEOUT_SECONDS", "60"), ("ORIGIN__SEGMENT_CACHE_BYTES", "0")]);
    let film = site.publish(&fixture("demo"));
    let server = site.serve_with_descriptors(96);
    let paths = segments(&server.address, &film, &["m3u8-cmaf"]).await;
    // As many as are accepted, each with a segment that is read anew.
    let mut open = Vec::new();
    for index in 0..56 {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", paths[index % paths.len()]);
        socket.write_all(request.as_bytes()).await.unwrap();
        open.push(socket);
    }
    for socket in &mut open {
        let mut status = [0; 15];
        socket.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200 OK");
    }
}
