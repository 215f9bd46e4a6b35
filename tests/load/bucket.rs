//! An S3 service on this machine that fails as such services do: in every way but one, which is to answer a conditional
//! request with other bytes than it says.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Files by key, with their tags.
pub type Files = BTreeMap<String, (Arc<[u8]>, String)>;

#[derive(Default)]
struct State {
    files: Mutex<Arc<Files>>,
    /// Of a thousand requests so many meet a fault.
    faults_per_mille: AtomicU32,
    /// Milliseconds before each answer.
    delay: AtomicU64,
    /// Requests for bytes of files, and how many met a fault.
    reads: AtomicU64,
    failed: AtomicU64,
    random: AtomicU64,
    is_over: AtomicBool,
}

pub struct Bucket {
    pub url: String,
    state: Arc<State>,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.state.is_over.store(true, Relaxed);
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// 500, 503 or 429, with the service's way to say so.
    Status(u16),
    /// The connection ends before there is an answer.
    Reset,
    /// It ends in the middle of the body.
    Truncated,
    /// The body comes in pieces, slowly.
    Slow,
    /// Nothing comes for a while.
    Late,
    /// The condition is said to be false.
    Precondition,
    /// The answer carries another tag.
    OtherTag,
    /// The range is ignored.
    Whole,
    /// Fewer bytes than were asked for, and said so.
    Short,
}

const FAULTS: [Fault; 12] = [
    Fault::Status(500),
    Fault::Status(503),
    Fault::Status(503),
    Fault::Status(429),
    Fault::Reset,
    Fault::Truncated,
    Fault::Truncated,
    Fault::Slow,
    Fault::Late,
    Fault::Precondition,
    Fault::OtherTag,
    Fault::Whole,
];

impl Bucket {
    /// One bucket, `films`, with no faults.
    pub fn start(seed: u64) -> Bucket {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State { random: AtomicU64::new(seed | 1), ..State::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.is_over.load(Relaxed) {
                    return;
                }
                let (Ok(client), state) = (client, Arc::clone(&shared)) else { continue };
                // A client that has gone is no matter.
                std::thread::spawn(move || drop(answer(client, &state)));
            }
        });
        Bucket { url, state }
    }

    /// Replaces all files at once.
    pub fn fill(&self, files: Files) {
        *self.state.files.lock().unwrap() = Arc::new(files);
    }

    pub fn set_faults_per_mille(&self, faults: u32) {
        self.state.faults_per_mille.store(faults, Relaxed);
    }

    pub fn set_delay(&self, delay: Duration) {
        self.state.delay.store(delay.as_millis() as u64, Relaxed);
    }

    /// Requests for bytes of files so far.
    pub fn reads(&self) -> u64 {
        self.state.reads.load(Relaxed)
    }

    /// Those that met a fault, listings among them.
    pub fn failed(&self) -> u64 {
        self.state.failed.load(Relaxed)
    }
}

impl State {
    /// xorshift64*.
    fn random(&self, below: u64) -> u64 {
        let step = |mut x: u64| {
            x ^= x >> 12;
            x ^= x << 25;
            x ^= x >> 27;
            x
        };
        let x = self.random.fetch_update(Relaxed, Relaxed, |x| Some(step(x))).unwrap_or(1);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }

    fn fault(&self) -> Option<Fault> {
        if self.random(1000) >= u64::from(self.faults_per_mille.load(Relaxed)) {
            return None;
        }
        self.failed.fetch_add(1, Relaxed);
        let all = FAULTS.len() as u64 + 1;
        Some(FAULTS.get(self.random(all) as usize).copied().unwrap_or(Fault::Short))
    }
}

struct Head<'a> {
    method: &'a str,
    target: &'a str,
    text: &'a str,
}

impl Head<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.text.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(decoded(value))
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap()
}

fn answer(mut client: TcpStream, state: &State) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut words = text.split(' ');
    let head = Head { method: words.next().unwrap_or(""), target: words.next().unwrap_or(""), text: &text };
    std::thread::sleep(Duration::from_millis(state.delay.load(Relaxed)));
    let files = Arc::clone(&state.files.lock().unwrap());
    let path = decoded(head.target.split('?').next().unwrap_or("")).trim_start_matches('/').to_owned();
    let fault = state.fault();
    match fault {
        Some(Fault::Status(status)) => {
            let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
            return send(&mut client, status, "", body.as_bytes(), fault, state);
        }
        Some(Fault::Reset) => return Ok(()),
        Some(Fault::Late) => std::thread::sleep(Duration::from_millis(500 + state.random(1000))),
        _ => {}
    }
    let Some(key) = path.strip_prefix("films/").filter(|key| !key.is_empty()) else {
        let list = listing(&files, &head);
        return send(&mut client, 200, "Content-Type: application/xml\r\n", list.as_bytes(), fault, state);
    };
    let Some((bytes, tag)) = files.get(key) else {
        return send(&mut client, 404, "", b"<Error><Code>NoSuchKey</Code></Error>", fault, state);
    };
    let condition = head.header("if-match").map(|tag| tag.trim_matches('"'));
    let is_false = condition.is_some_and(|wanted| wanted != tag.as_str());
    if is_false || (condition.is_some() && matches!(fault, Some(Fault::Precondition))) {
        return send(&mut client, 412, "", b"<Error><Code>PreconditionFailed</Code></Error>", fault, state);
    }
    let tag = if matches!(fault, Some(Fault::OtherTag)) { "0".repeat(32) } else { tag.clone() };
    let common = format!("ETag: \"{tag}\"\r\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n");
    if head.method == "HEAD" {
        let head = format!("HTTP/1.1 200 OK\r\n{common}Content-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
        return client.write_all(head.as_bytes());
    }
    state.reads.fetch_add(1, Relaxed);
    let range = head.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let range = range.and_then(|(from, to)| Some((from.parse().ok()?, to.parse::<usize>().ok()?)));
    match range.filter(|_| !matches!(fault, Some(Fault::Whole))) {
        Some((from, last)) if from < bytes.len() => {
            let last = last.min(bytes.len() - 1);
            let last = if matches!(fault, Some(Fault::Short)) { from + (last - from) / 2 } else { last };
            let headers = format!("{common}Content-Range: bytes {from}-{last}/{}\r\n", bytes.len());
            send(&mut client, 206, &headers, &bytes[from..=last], fault, state)
        }
        Some(_) => send(&mut client, 416, &common, b"", fault, state),
        None => send(&mut client, 200, &common, bytes, fault, state),
    }
}

fn send(
    client: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &[u8],
    fault: Option<Fault>,
    state: &State,
) -> io::Result<()> {
    let length = body.len();
    write!(client, "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
    match fault {
        Some(Fault::Truncated) => client.write_all(&body[..state.random(length.max(1) as u64) as usize]),
        Some(Fault::Slow) => {
            for piece in body.chunks(length / 8 + 1) {
                client.write_all(piece)?;
                client.flush()?;
                std::thread::sleep(Duration::from_millis(state.random(80)));
            }
            Ok(())
        }
        _ => client.write_all(body),
    }
}

/// ListObjectsV2, in one page.
fn listing(files: &Files, head: &Head<'_>) -> String {
    let prefix = head.parameter("prefix").unwrap_or_default();
    let delimiter = head.parameter("delimiter");
    let (mut contents, mut folders) = (String::new(), std::collections::BTreeSet::new());
    for (key, (bytes, tag)) in files.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        if let Some((folder, _)) = delimiter.as_ref().and_then(|d| key[prefix.len()..].split_once(d.as_str())) {
            folders.insert(format!("{prefix}{folder}/"));
            continue;
        }
        contents.push_str(&format!(
            "<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified>\
             <ETag>&quot;{tag}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            bytes.len()
        ));
    }
    let folders: String =
        folders.iter().map(|f| format!("<CommonPrefixes><Prefix>{f}</Prefix></CommonPrefixes>")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>films</Name><Prefix>{prefix}</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>\
         {contents}{folders}</ListBucketResult>"
    )
}
