//! Requests of the management API: JSON over HTTP, a token, and errors as sentences.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde_json::Value;
use url::Url;

use super::Error;
use crate::secrets::SecretBytes;

const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(120);
/// The largest answer: a thousand entities have a hundredth of it.
const MOST_BYTES: usize = 64 << 20;
/// What stands as it is in a part of a path or query.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What says who we are: a key of the access file, or a token.
pub struct Token(SecretBytes);

impl Token {
    /// From its text.
    pub fn new(text: &str) -> Token {
        Token(SecretBytes::new(text.trim().as_bytes().to_vec()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A management API.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    /// For storage, whose business our key is not.
    storage: reqwest::Client,
    /// Ends with `/API/`.
    root: Url,
}

impl Api {
    /// The API at `url`, with or without `/API/` at its end.
    ///
    /// # Errors
    /// [`Error::NoUrl`], [`Error::Unauthorized`] for a token that no header can hold.
    pub fn new(url: &str, token: &Token, insecure: bool) -> Result<Api, Error> {
        let no_url = || Error::NoUrl { url: url.chars().take(200).collect() };
        let mut root = Url::parse(url).map_err(|_| no_url())?;
        if !matches!(root.scheme(), "http" | "https") || root.host().is_none() {
            return Err(no_url());
        }
        let path = root.path().trim_end_matches('/');
        let has_root = path.to_ascii_lowercase().ends_with("/api");
        root.set_path(&if has_root { format!("{path}/") } else { format!("{path}/API/") });
        root.set_query(None);

        let text = std::str::from_utf8(token.0.expose()).unwrap_or_default();
        let unusable = |_| Error::Unauthorized { url: root.to_string(), problem: "it is no text of ASCII".to_owned() };
        let mut bearer = HeaderValue::from_str(&format!("Bearer {text}")).map_err(unusable)?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json;odata=minimalmetadata"));
        headers.insert("x-ms-version", HeaderValue::from_static("2.19"));
        headers.insert("dataserviceversion", HeaderValue::from_static("3.0"));
        headers.insert("maxdataserviceversion", HeaderValue::from_static("3.0"));
        let client = |headers: HeaderMap| {
            let client = reqwest::Client::builder()
                .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
                .default_headers(headers)
                .connect_timeout(CONNECT)
                .read_timeout(SILENCE)
                .redirect(reqwest::redirect::Policy::none())
                .tls_danger_accept_invalid_certs(insecure)
                .build();
            client.map_err(|error| Error::Client { problem: chain(error) })
        };
        Ok(Api { http: client(headers)?, storage: client(HeaderMap::new())?, root })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.root.as_str()
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(super) async fn merge(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        self.send(Method::DELETE, path, None).await.map(drop)
    }

    /// All entities of a set, page by page.
    pub(super) async fn all(&self, path: &str) -> Result<Vec<Value>, Error> {
        let (mut all, mut next) = (Vec::new(), path.to_owned());
        loop {
            let mut page = self.get(&next).await?;
            let strange = || self.strange("there is no list in it");
            match page.get_mut("value").map(Value::take) {
                Some(Value::Array(entities)) => all.extend(entities),
                _ => return Err(strange()),
            }
            match page.get("odata.nextLink").and_then(Value::as_str) {
                // An address of the service itself, as it sees it: what counts is what stands behind the root.
                Some(link) => match link.to_ascii_lowercase().find("/api/") {
                    Some(at) => next = link[at + "/api/".len()..].to_owned(),
                    None => next = link.to_owned(),
                },
                None => return Ok(all),
            }
        }
    }

    /// An answer that is a text.
    pub(super) async fn get_text(&self, path: &str) -> Result<String, Error> {
        let body = self.exchange(Method::GET, path, None).await?;
        String::from_utf8(body).map_err(|_| self.strange("it is no text"))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let body = self.exchange(method, path, body).await?;
        match serde_json::from_slice(&body) {
            Ok(value) => Ok(value),
            Err(_) if body.is_empty() => Ok(Value::Null),
            Err(_) => Err(self.strange("it is no JSON")),
        }
    }

    /// The body of an answer that is none of an error.
    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Vec<u8>, Error> {
        let url = self.root.join(path).map_err(|error| self.strange(&error.to_string()))?;
        if url.host() != self.root.host() || url.port() != self.root.port() {
            return Err(self.strange("it leads to another server"));
        }
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json;odata=minimalmetadata");
            request = request.header(CONTENT_TYPE, json).body(body.to_string());
        }
        let unreachable = |error| Error::Unreachable { url: self.root.to_string(), problem: chain(error) };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = whole(&mut response).await.map_err(unreachable)?.ok_or_else(|| self.strange("it is too long"))?;
        if !(200..300).contains(&status) {
            let parsed: Option<Value> = serde_json::from_slice(&body).ok();
            let problem = parsed.as_ref().and_then(message).map_or_else(|| first_words(&body), str::to_owned);
            return Err(match status {
                401 => Error::Unauthorized { url: self.root.to_string(), problem },
                _ => Error::Refused { status, problem },
            });
        }
        Ok(body)
    }

    pub(super) fn strange(&self, problem: &str) -> Error {
        Error::Strange { url: self.root.to_string(), problem: problem.to_owned() }
    }

    /// A property that is a text.
    pub(super) fn text(&self, entity: &Value, name: &str) -> Result<String, Error> {
        let missing = || self.strange(&format!("{name} is missing"));
        entity.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(missing)
    }

    pub(super) fn storage(&self) -> &reqwest::Client {
        &self.storage
    }
}

async fn whole(response: &mut Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > MOST_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body))
}

/// What an error's body says.
fn message(body: &Value) -> Option<&str> {
    let error = body.get("odata.error").or(body.get("error"))?;
    error.get("message")?.get("value")?.as_str()
}

pub(super) fn first_words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(600)]).into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

/// An id or name as it stands in the path or query of a request, in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", encoded(&text.replace('\'', "''")))
}

/// Percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// An error with its causes, without the URL: that may hold a signature.
pub(super) fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_behind_any_way_to_write_it() {
        let token = Token::new("k");
        for (url, root) in [
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081/API/"),
            ("http://127.0.0.1:8081/API/", "http://127.0.0.1:8081/API/"),
            ("https://host/headwater/api?x=1", "https://host/headwater/api/"),
        ] {
            assert_eq!(Api::new(url, &token, false).unwrap().url(), root);
        }
        for bad in ["", "host:80", "file:///etc", "8081"] {
            assert!(matches!(Api::new(bad, &token, false), Err(Error::NoUrl { .. })), "{bad}");
        }
        let bad = Api::new("http://host", &Token::new("two\nlines"), false).unwrap_err();
        assert!(!bad.to_string().contains("lines"));
    }

    #[test]
    fn names_are_quoted_for_the_service_and_for_urls() {
        assert_eq!(quoted("it's"), "'it%27%27s'");
        assert_eq!(quoted("nb:cid:UUID:1"), "'nb%3Acid%3AUUID%3A1'");
        assert_eq!(format!("{:?}", Token::new("secret")), "Token(…)");
    }
}
