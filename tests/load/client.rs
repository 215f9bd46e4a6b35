//! A client that sends one request a connection and keeps what came, whole or not.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// No answer of a test takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// As many bytes as were promised.
    pub fn is_whole(&self) -> bool {
        self.header("content-length").and_then(|n| n.parse().ok()) == Some(self.body.len())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request; the error is that of a connection which brought no head.
pub async fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        socket.write_all(format!("{request}\r\n").as_bytes()).await?;
        let mut bytes = Vec::new();
        // What breaks off is judged by what it is.
        let _ = socket.read_to_end(&mut bytes).await;
        Ok::<_, io::Error>(bytes)
    };
    let mut bytes = tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head, body })
}

/// Sends a request on a connection that stays open, and reads the answer.
pub async fn exchange(socket: &mut TcpStream, path: &str) -> io::Result<Answer> {
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
    let reading = async {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(socket.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&bytes).into_owned();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").and_then(|n| n.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        answer.body = vec![0; length];
        socket.read_exact(&mut answer.body).await?;
        Ok(answer)
    };
    tokio::time::timeout(PATIENCE, reading).await.map_err(|_| io::ErrorKind::TimedOut)?
}

pub async fn get(address: &str, path: &str) -> Answer {
    ask(address, "GET", path, &[]).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A GET that has to succeed.
pub async fn ok(address: &str, path: &str) -> Answer {
    let answer = get(address, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert!(answer.is_whole(), "{path}");
    answer
}

/// Asks on a connection that takes little at a time, and reads as far as the head goes, and `more` bytes.
pub async fn begin(address: &str, path: &str, more: usize) -> io::Result<(TcpStream, Vec<u8>)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut socket = socket.connect(address.parse().unwrap()).await?;
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
    let mut seen = Vec::new();
    let reading = async {
        loop {
            seen.push(socket.read_u8().await?);
            if seen.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let mut piece = vec![0; more];
        socket.read_exact(&mut piece).await
    };
    tokio::time::timeout(PATIENCE, reading).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok((socket, seen))
}

/// Segments and initialization segments of a film in the formats of HLS, as paths.
pub async fn segments(address: &str, film: &str, formats: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for format in formats {
        let manifest = ok(address, &format!("{film}/manifest(format={format})")).await.text();
        let mut playlists: Vec<String> =
            manifest.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(str::to_owned).collect();
        playlists.extend(manifest.lines().filter(|l| l.starts_with("#EXT-X-MEDIA:")).filter_map(quoted_uri));
        for playlist in playlists {
            let path = format!("{film}/{playlist}");
            let folder = path.rsplit_once('/').unwrap().0;
            let text = ok(address, &path).await.text();
            let lines = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(str::to_owned);
            let maps = text.lines().filter(|l| l.starts_with("#EXT-X-MAP:")).filter_map(quoted_uri);
            found.extend(lines.chain(maps).map(|url| format!("{folder}/{url}")));
        }
    }
    found.sort();
    found.dedup();
    assert!(!found.is_empty(), "{film} has no segments");
    found
}

fn quoted_uri(line: &str) -> Option<String> {
    Some(line.split_once("URI=\"")?.1.split_once('"')?.0.to_owned())
}
