//! What `headwater verify` reports: a film fetched over HTTP as players do, in every format, and held against
//! what its manifests say, segment by segment.

mod address;
mod check;
mod client;
mod dash;
mod encryption;
mod format;
mod fragment;
mod hls;
mod keys;
mod listed;
mod listing;
mod playlist;
mod read_any;
mod report;
mod segments;
mod smooth;
mod text;
mod transport;

#[cfg(test)]
mod hostile_tests;

use std::collections::BTreeMap;
use std::sync::Mutex;

pub use address::Address;
pub use listed::{Listed, listed};
#[doc(hidden)]
pub use read_any::read_any;
pub use report::{Code, Finding, FormatReport, Report, Severity, StreamKind, StreamReport};
pub use text::{Paint, text};

use client::{Answer, Client};
use url::Url;

use crate::packager::{self, FORMATS, Format};
use crate::secrets::SecretBytes;
use crate::time::{MediaTime, Timescale};

/// How thoroughly it is done.
#[derive(Clone)]
pub struct Options {
    /// Tags of `format=` (empty for Smooth); all formats if there are none.
    pub formats: Vec<String>,
    /// At most so many segments of each track, evenly spread, the first and the last among them; `None` for all.
    pub sample: Option<usize>,
    /// Requests under way at the same time.
    pub parallel: usize,
    /// Certificates are not checked.
    pub insecure: bool,
    /// Sent with every request.
    pub headers: Vec<(String, String)>,
    /// A viewer's token, sent to where keys are and nowhere else; UTF-8.
    pub token: Option<SecretBytes>,
}

impl Default for Options {
    fn default() -> Options {
        Options { formats: Vec::new(), sample: None, parallel: 4, insecure: false, headers: Vec::new(), token: None }
    }
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No URL of HTTP.
    #[error("{url:?} is no URL of a film: {problem}")]
    NoUrl {
        /// What was given, without its query.
        url: String,
        /// Why not.
        problem: String,
    },
    /// A URL of something else.
    #[error(
        "{url} leads to no film: a film's URL is http://HOST/LOCATOR/NAME.ism, as 'headwater publish' and 'headwater list' print it"
    )]
    NoFilm {
        /// What was given, without its query.
        url: String,
    },
    /// No such format.
    #[error("there is no format {tag:?}; there are {}", tags())]
    NoFormat {
        /// What was asked for.
        tag: String,
    },
    /// A header that HTTP does not allow.
    #[error("the header {name:?} cannot be sent: write it as NAME: VALUE, in ASCII")]
    Header {
        /// Its name.
        name: String,
    },
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {problem}")]
    Client {
        /// Why not.
        problem: String,
    },
}

/// All tags, as people name them.
fn tags() -> String {
    let tag = |format: &&dyn Format| format.tags().first().copied().filter(|t| !t.is_empty()).unwrap_or("smooth");
    FORMATS.iter().map(tag).collect::<Vec<_>>().join(", ")
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A format begins.
    Format(&'a str),
    /// So many more requests are to come.
    Expected(u64),
    /// A request has been answered, with so many bytes.
    Fetched(u64),
}

/// Fetches and checks a film.
///
/// # Errors
/// [`Error`] when it cannot even begin; whatever is wrong with the film or the server is in the report.
pub async fn film(
    address: &Address,
    options: &Options,
    progress: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Report, Error> {
    let wanted = formats(options)?;
    let job =
        Job { client: Client::new(options)?, options, progress, keys: keys::Keys::default(), seen: Mutex::default() };
    let (mut formats, mut lengths, mut known) = (Vec::new(), BTreeMap::new(), check::Known::default());
    for format in wanted {
        let done = format::verify(&job, address, format, &mut known).await;
        for (name, length, codec) in done.measured {
            lengths.entry(name).or_insert_with(Vec::new).push((done.report.title(), length, codec));
        }
        formats.push(done.report);
    }
    let mut findings = compared(&lengths);
    if formats.iter().all(|format| format.streams.is_empty()) {
        findings.push(Finding::new(Code::NothingPlays, "the film cannot be had in any format"));
    }
    let seen = job.seen.into_inner().unwrap_or_default();
    Ok(Report {
        url: address.film(),
        formats,
        findings,
        requests: seen.requests,
        bytes: seen.bytes,
        slowest_us: seen.slowest_us,
        slowest_url: seen.slowest_url,
    })
}

fn formats(options: &Options) -> Result<Vec<&'static dyn Format>, Error> {
    if options.formats.is_empty() {
        return Ok(FORMATS.to_vec());
    }
    let format = |tag: &String| {
        let tag = tag.to_ascii_lowercase();
        let known = if tag == "smooth" { "" } else { tag.as_str() };
        packager::format(known).ok_or(Error::NoFormat { tag })
    };
    options.formats.iter().map(format).collect()
}

/// Later of two times, either of which may be missing.
trait MaxByTime {
    fn max_by_time(self, other: Self) -> Self;
}

impl MaxByTime for Option<MediaTime> {
    fn max_by_time(self, other: Option<MediaTime>) -> Option<MediaTime> {
        match (self, other) {
            (Some(a), Some(b)) => Some(if a.compare(b).is_lt() { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

/// What formats may differ by in the length of a track: HLS rounds to microseconds, DASH to milliseconds.
const SAME_LENGTH: MediaTime = MediaTime::new(10, Timescale::MILLISECONDS);

/// Lengths, and codecs in the words of one format, of each track.
type Measured = BTreeMap<String, Vec<(String, MediaTime, Option<String>)>>;

/// A track is as long in all formats, and of the same codec.
fn compared(tracks: &Measured) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, formats) in tracks {
        let Some((first, length, _)) = formats.first() else { continue };
        let micros = |time: &MediaTime| time.round(MICROSECONDS);
        for (format, other, _) in &formats[1..] {
            if (micros(length) - micros(other)).abs() > SAME_LENGTH.round(MICROSECONDS) {
                let (a, b) = (length.seconds(3), other.seconds(3));
                let message = format!("the track lasts {a} s in {first}, and {b} s in {format}");
                found.push(Finding::new(Code::FormatsDiffer, message).of(name));
            }
        }
        // Other families are other ways to say the same (hvc1 and hev1), profiles and levels are not.
        let avc =
            |codec: &&(String, MediaTime, Option<String>)| codec.2.as_deref().is_some_and(|c| c.starts_with("avc1."));
        let mut stated = formats.iter().filter(avc);
        if let Some((first, _, codec)) = stated.next()
            && let Some((format, _, other)) = stated.find(|(_, _, other)| other != codec)
        {
            let text = |codec: &Option<String>| codec.clone().unwrap_or_default();
            let message = format!("{} in {first}, and {} in {format}", text(codec), text(other));
            found.push(Finding::new(Code::FormatsDiffer, message).of(name));
        }
    }
    found
}

const MICROSECONDS: Timescale = Timescale::new(1_000_000).unwrap();

/// One verification.
struct Job<'a> {
    client: Client,
    options: &'a Options,
    progress: &'a (dyn Fn(Event<'_>) + Sync),
    keys: keys::Keys,
    seen: Mutex<Seen>,
}

/// What was asked of the server.
#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    bytes: u64,
    slowest_us: u64,
    slowest_url: String,
}

/// What an answer must be.
struct Expected {
    media_types: &'static [&'static str],
    most_bytes: usize,
}

impl Job<'_> {
    /// Fetches; what is wrong with the answer as such goes to `findings`. `None` where there is nothing to read.
    async fn get(
        &self,
        url: &Url,
        range: Option<(u64, u64)>,
        expected: &Expected,
        findings: &mut Vec<Finding>,
    ) -> Option<Answer> {
        let answer = self.client.get(url, range, expected.most_bytes).await;
        (self.progress)(Event::Fetched(answer.as_ref().map_or(0, |a| a.body.len() as u64)));
        if let Ok(mut seen) = self.seen.lock() {
            seen.requests += 1;
            if let Ok(answer) = &answer {
                seen.bytes += answer.body.len() as u64;
                let took = u64::try_from(answer.took.as_micros()).unwrap_or(u64::MAX);
                if took > seen.slowest_us {
                    (seen.slowest_us, seen.slowest_url) = (took, url.as_str().to_owned());
                }
            }
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => {
                findings.push(Finding::new(Code::Unreachable, problem).at(url));
                return None;
            }
        };
        if answer.status != 200 && !(answer.status == 206 && range.is_some()) {
            let complaint = answer.complaint();
            let message = if complaint.is_empty() { format!("HTTP {}", answer.status) } else { complaint };
            findings.push(Finding::new(Code::Status, message).at(url));
            return None;
        }
        let is = answer.media_type.as_str();
        let fits = |wanted: &str| is == wanted || (wanted.ends_with('/') && is.starts_with(wanted));
        if !expected.media_types.iter().any(|wanted| fits(wanted)) {
            let wanted = expected.media_types.first().copied().unwrap_or_default();
            let is = if is.is_empty() { "missing" } else { is };
            let message = format!("Content-Type is {is}, players expect {wanted}");
            findings.push(Finding::new(Code::ContentType, message).at(url));
        }
        if range.is_some() && answer.status == 200 {
            findings.push(Finding::new(Code::Status, "the server ignores the byte range").at(url));
            return None;
        }
        Some(answer)
    }
}
