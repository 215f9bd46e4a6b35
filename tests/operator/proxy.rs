//! A proxy that damages what passes through it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// An answer on its way to the client.
pub struct Passing {
    pub path: String,
    pub head: String,
    pub body: Vec<u8>,
    /// The connection breaks off before the end.
    pub cut: bool,
}

impl Passing {
    /// It answers the first request for that kind of object: a part of its path.
    pub fn is(&self, part: &str) -> bool {
        self.path.contains(part)
    }

    /// Replaces a text that must be there.
    pub fn replace(&mut self, from: &str, to: &str) {
        let text = String::from_utf8(std::mem::take(&mut self.body)).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        self.body = text.replacen(from, to, 1).into_bytes();
    }

    /// Where a box or mark of four letters begins.
    pub fn at(&self, mark: &[u8; 4]) -> usize {
        self.body.windows(4).position(|w| w == mark).expect("the mark is there")
    }
}

/// Starts one before the server at `upstream`; its address.
pub fn start(upstream: &str, damage: impl Fn(&mut Passing) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (upstream, damage) = (upstream.to_owned(), Arc::new(damage));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (upstream, damage) = (upstream.clone(), Arc::clone(&damage));
            std::thread::spawn(move || {
                // A client that has gone is no matter.
                let _ = pass(client.unwrap(), &upstream, &*damage);
            });
        }
    });
    address
}

fn pass(mut client: TcpStream, upstream: &str, damage: &dyn Fn(&mut Passing)) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut server = TcpStream::connect(upstream)?;
    write!(server, "GET {path} HTTP/1.1\r\nHost: {upstream}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let body = answer.split_off(end);
    let mut passing = Passing { path, head: String::from_utf8(answer).unwrap(), body, cut: false };
    damage(&mut passing);
    let own = ["content-length:", "connection:", "etag:"];
    let kept = passing.head.trim_end().lines().filter(|l| !own.iter().any(|o| l.to_ascii_lowercase().starts_with(o)));
    let head: Vec<&str> = kept.collect();
    write!(client, "{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", head.join("\r\n"), passing.body.len())?;
    let end = if passing.cut { passing.body.len() / 2 } else { passing.body.len() };
    client.write_all(&passing.body[..end])
}
