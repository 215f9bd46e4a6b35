//! Clients that do not do their part.

use std::time::{Duration, Instant};

use headwater::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, read_answer, read_to_end, short};

#[tokio::test]
async fn slow_heads_and_silence_end_at_the_time_out() {
    let server = Server::start(short(), None).await;
    for head in ["", "P", "PRI * HTTP/2.0\r\n", "GET /text HTTP/1.1\r\nHost:"] {
        let begin = Instant::now();
        let mut socket = server.connect().await;
        socket.write_all(head.as_bytes()).await.unwrap();
        read_to_end(&mut socket).await;
        let took = begin.elapsed();
        assert!(took >= Duration::from_millis(150) && took < Duration::from_secs(2), "{head:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_ends_too() {
    let server = Server::start(short(), None).await;
    let mut socket = server.connect().await;
    let begin = Instant::now();
    for byte in b"GET /text HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        if socket.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    read_to_end(&mut socket).await;
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_idle_connection_lives_longer_than_a_slow_head() {
    let server = Server::start(short(), None).await;
    let mut socket = server.connect().await;
    let request = b"GET /text HTTP/1.1\r\nHost: x\r\n\r\n";
    socket.write_all(request).await.unwrap();
    read_answer(&mut socket).await;
    tokio::time::sleep(Duration::from_millis(350)).await;
    socket.write_all(request).await.unwrap();
    read_answer(&mut socket).await;
    let begin = Instant::now();
    assert_eq!(read_to_end(&mut socket).await, "");
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_reader_that_stalls_is_closed_and_one_that_waits_for_storage_is_not() {
    let server = Server::start(short(), None).await;
    let mut socket = server.connect().await;
    socket.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes).await;
    assert!(bytes.len() < 64 << 20, "cut off after {} bytes", bytes.len());

    let patient = Limits { stall_timeout: Duration::from_millis(50), ..short() };
    let server = Server::start(patient, None).await;
    let answer = server.exchange("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nabcdef"), "{answer}");
}

#[tokio::test]
async fn heads_that_are_too_large_get_431() {
    let server = Server::plain().await;
    let request = format!("GET /text HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(17_000));
    let answer = server.exchange(&request).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = Server::start(Limits { max_connections: 1, ..short() }, None).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /text HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_answer(&mut first).await;
    let begin = Instant::now();
    let answer = server.exchange("GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("0123456789"));
    assert!(begin.elapsed() >= Duration::from_millis(300), "until the first was idle for too long");
}

/// Runs [`with_few_descriptors`] in a process of its own: descriptors are counted per process.
#[test]
fn running_out_of_descriptors_is_survived() {
    let this = std::env::current_exe().unwrap();
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" --ignored --exact limits::with_few_descriptors"])
        .arg(this)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "meant for a process with few file descriptors"]
async fn with_few_descriptors() {
    let server = Server::plain().await;
    let mut held = Vec::new();
    while let Ok(socket) = tokio::net::TcpStream::connect(server.address).await {
        held.push(socket);
        assert!(held.len() < 1000, "descriptors are not scarce here");
    }
    // The accept loop meets the same error now and goes on.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = server.exchange("GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("0123456789"), "{answer}");
}
