//! The HTTP client: one GET, its answer whole and bounded.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RANGE};
use url::Url;

use super::{Error, Options};
use crate::secrets::SecretBytes;

/// A connection comes about within this, or not at all.
const CONNECT: Duration = Duration::from_secs(10);
/// For so long a server may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub status: u16,
    /// The media type, without parameters, lower case; empty if not stated.
    pub media_type: String,
    /// Tracks that the format cannot carry, as Headwater names them.
    pub left_out: Option<String>,
    /// The body.
    pub body: Bytes,
    /// Where it came from, after redirections.
    pub url: Url,
    /// From the request to the end of the body.
    pub took: Duration,
}

impl Answer {
    /// What an answer that is an error says, on one line, for a report.
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(600)]).into_owned();
        let first = match self.media_type.as_str() {
            "text/plain" | "" => text.split_whitespace().collect::<Vec<_>>().join(" "),
            _ => String::new(),
        };
        first.chars().take(300).collect()
    }
}

/// A client for one verification.
#[derive(Debug)]
pub(super) struct Client(reqwest::Client);

impl Client {
    pub fn new(options: &Options) -> Result<Client, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let bad = || Error::Header { name: name.clone() };
            let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.append(HeaderName::try_from(name.as_str()).map_err(|_| bad())?, value);
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("headwater-verify/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::limited(5))
            .tls_danger_accept_invalid_certs(options.insecure)
            .build();
        client.map(Client).map_err(|error| Error::Client { problem: chain(error) })
    }

    /// Fetches what is at `url`, all of it or a byte range; the error is a sentence for a report.
    pub async fn get(&self, url: &Url, range: Option<(u64, u64)>, most_bytes: usize) -> Result<Answer, String> {
        let mut request = self.0.get(url.clone());
        if let Some((first, last)) = range {
            request = request.header(RANGE, format!("bytes={first}-{last}"));
        }
        Client::send(request, most_bytes).await
    }

    /// Asks for the key at `url`, with a viewer's token.
    pub async fn key(&self, url: &Url, token: Option<&SecretBytes>, most_bytes: usize) -> Result<Answer, String> {
        let mut request = self.0.get(url.clone());
        if let Some(token) = token {
            // Marked as secret, so that no log has it; and left out when another host is gone on to.
            request = request.bearer_auth(String::from_utf8_lossy(token.expose()));
        }
        Client::send(request, most_bytes).await
    }

    async fn send(request: reqwest::RequestBuilder, most_bytes: usize) -> Result<Answer, String> {
        let begun = Instant::now();
        let mut response = request.send().await.map_err(chain)?;
        let text = |name: HeaderName| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let media_type = text(CONTENT_TYPE).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let left_out = text(HeaderName::from_static("x-headwater-left-out"));
        let (status, url) = (response.status().as_u16(), response.url().clone());
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|e| format!("the answer breaks off: {}", chain(e)))? {
            if body.len() + piece.len() > most_bytes {
                return Err(format!("the answer has more than {most_bytes} bytes"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, media_type, left_out, body: body.freeze(), url, took: begun.elapsed() })
    }
}

/// An error with its causes, without the URL: that stands beside it in the report.
pub(super) fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            let _ = write!(text, ": {more}");
        }
        cause = error.source();
    }
    text
}
