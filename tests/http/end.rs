//! How a server ends.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Server, read_answer, read_to_end, short};

#[tokio::test]
async fn requests_in_flight_are_finished_and_idle_connections_closed() {
    let server = Server::plain().await;
    let address = server.address;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /text HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_answer(&mut idle).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let begin = Instant::now();
    let ended = server.stop();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(read_to_end(&mut slow).await.ends_with("\r\n\r\nslow"));
    ended.await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert!(TcpStream::connect(address).await.is_err(), "the socket is closed");
}

#[tokio::test]
async fn patience_has_a_limit() {
    let server = Server::start(short(), None).await;
    let mut socket = server.connect().await;
    socket.write_all(b"GET /forever HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begin = Instant::now();
    server.stop().await.unwrap();
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(700) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(read_to_end(&mut socket).await, "");
}
