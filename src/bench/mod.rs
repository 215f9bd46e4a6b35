//! What `headwater bench` measures: how fast a film is served in each format, and what that costs the server's CPU.

mod process;
mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use url::Url;

pub use process::Process;
pub use report::{Report, Row, table};

/// How it is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long each measurement takes.
    pub duration: Duration,
    /// Requests under way at the same time.
    pub connections: usize,
    /// Certificates are not checked.
    pub insecure: bool,
    /// Sent with every request.
    pub headers: reqwest::header::HeaderMap,
}

/// What a measurement came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Answers that came whole.
    pub requests: u64,
    /// Bytes in their bodies.
    pub bytes: u64,
    /// Requests that failed, and why the first of them did.
    pub errors: u64,
    /// See `errors`.
    pub first_error: Option<String>,
    /// From the first request to the last answer, microseconds.
    pub took_us: u64,
    /// Time of the CPU that the server used meanwhile, microseconds; `None` where its process is not known.
    pub cpu_us: Option<u64>,
    /// Half of the answers came within this, microseconds.
    pub p50_us: u64,
    /// All but a hundredth of them did, microseconds.
    pub p99_us: u64,
}

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(reqwest::Error),
    /// Nothing can be had of the film.
    #[error("there is nothing to measure of {film}: no format has segments; 'headwater verify' says why")]
    NothingThere {
        /// Its URL or folder.
        film: String,
    },
    /// The server for the measurement does not start, or its film cannot be published.
    #[error("the server to be measured does not start: {problem}")]
    NoServer {
        /// What it said.
        problem: String,
    },
}

/// Asks for `urls`, each as often as the others, in an order that is not the film's.
///
/// # Errors
/// [`Error::Client`].
pub async fn measure(urls: &[Url], options: &Options, server: Option<&Process>) -> Result<Measured, Error> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("headwater-bench/", env!("CARGO_PKG_VERSION")))
        .default_headers(options.headers.clone())
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(options.connections)
        .tls_danger_accept_invalid_certs(options.insecure)
        .build()
        .map_err(Error::Client)?;
    let (urls, turn): (Arc<[Url]>, Arc<AtomicUsize>) = (urls.into(), Arc::default());
    // Connections are opened, and caches of the operating system filled, before the clock runs.
    let warm = crowd(&client, &urls, &turn, options.connections, options.duration / 5).await;
    if warm.iter().all(|seen| seen.times_us.is_empty()) && warm.iter().any(|seen| seen.errors > 0) {
        return Ok(summed(warm, 0, None));
    }
    let before = server.and_then(Process::cpu_us);
    let begun = Instant::now();
    let seen = crowd(&client, &urls, &turn, options.connections, options.duration).await;
    let took_us = micros(begun.elapsed());
    let after = server.and_then(Process::cpu_us);
    let cpu_us = before.zip(after).map(|(before, after)| after.saturating_sub(before));
    Ok(summed(seen, took_us, cpu_us))
}

/// What one client saw.
#[derive(Debug, Default)]
struct Seen {
    times_us: Vec<u32>,
    bytes: u64,
    errors: u64,
    first_error: Option<String>,
}

/// After so many errors a client gives up: a server that refuses is not asked a million times.
const PATIENCE: u64 = 20;
/// Neighbours in this order are far from each other in a film.
const STRIDE: usize = 7919;

async fn crowd(
    client: &reqwest::Client,
    urls: &Arc<[Url]>,
    turn: &Arc<AtomicUsize>,
    connections: usize,
    duration: Duration,
) -> Vec<Seen> {
    let until = Instant::now() + duration;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (client, urls, turn) = (client.clone(), Arc::clone(urls), Arc::clone(turn));
        clients.spawn(async move {
            let mut seen = Seen::default();
            while Instant::now() < until && seen.errors < PATIENCE {
                let at = turn.fetch_add(1, Ordering::Relaxed).wrapping_mul(STRIDE) % urls.len().max(1);
                let Some(url) = urls.get(at) else { break };
                let begun = Instant::now();
                match fetch(&client, url).await {
                    Ok(bytes) => {
                        seen.bytes += bytes;
                        seen.times_us.push(u32::try_from(micros(begun.elapsed())).unwrap_or(u32::MAX));
                    }
                    Err(problem) => {
                        seen.errors += 1;
                        seen.first_error.get_or_insert(problem);
                    }
                }
            }
            seen
        });
    }
    clients.join_all().await
}

/// Bytes of the body, which is thrown away as it comes.
async fn fetch(client: &reqwest::Client, url: &Url) -> Result<u64, String> {
    let said = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = client.get(url.clone()).send().await.map_err(said)?;
    if !answer.status().is_success() {
        return Err(format!("HTTP {}", answer.status().as_u16()));
    }
    let mut bytes = 0;
    while let Some(piece) = answer.chunk().await.map_err(said)? {
        bytes += piece.len() as u64;
    }
    Ok(bytes)
}

fn summed(seen: Vec<Seen>, took_us: u64, cpu_us: Option<u64>) -> Measured {
    let mut sum = Measured { took_us, cpu_us, ..Measured::default() };
    let mut times: Vec<u32> = Vec::new();
    for one in seen {
        sum.bytes += one.bytes;
        sum.errors += one.errors;
        sum.first_error = sum.first_error.or(one.first_error);
        times.extend(one.times_us);
    }
    times.sort_unstable();
    sum.requests = times.len() as u64;
    let at = |hundredths: usize| {
        let index = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().map_or(0, u64::from)
    };
    (sum.p50_us, sum.p99_us) = (at(50), at(99));
    sum
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_saw_is_added_up() {
        let one = |times_us: Vec<u32>, errors, first_error| Seen { bytes: 10, times_us, errors, first_error };
        let seen = vec![one((1..=98).collect(), 0, None), one(vec![500, 900], 1, Some("HTTP 503".to_owned()))];
        let sum = summed(seen, 7, Some(3));
        assert_eq!((sum.requests, sum.bytes, sum.errors, sum.took_us, sum.cpu_us), (100, 20, 1, 7, Some(3)));
        assert_eq!((sum.p50_us, sum.p99_us, sum.first_error.as_deref()), (51, 900, Some("HTTP 503")));
        assert_eq!(summed(Vec::new(), 0, None), Measured::default());
    }
}
