//! Asking over HTTP.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url, redirect};

use super::Error;
use super::exchange::{Given, Order};
use crate::keys::ProtectionCertificate;
use crate::keys::cpix::MAX_DOCUMENT;
use crate::secrets::SecretBytes;

/// The version that is spoken.
const SPEKE_VERSION: &str = "2.0";
const VERSION: HeaderName = HeaderName::from_static("x-speke-version");
const USER_AGENT: HeaderName = HeaderName::from_static("x-speke-user-agent");
const AGENT: &str = concat!("headwater/", env!("CARGO_PKG_VERSION"));
/// How long a connection may take to come about, and an answer altogether.
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(30);
/// The most bytes of a refusal that are shown.
const MAX_REASON: usize = 200;

/// A header with a credential.
#[derive(Clone)]
pub struct Credential {
    /// Its name.
    pub header: HeaderName,
    /// Its value.
    pub value: SecretBytes,
}

/// A key service.
#[derive(Clone)]
pub struct KeyService {
    /// Where documents are sent to.
    pub url: Url,
    /// Who we are to it.
    pub credential: Option<Credential>,
}

impl fmt::Debug for KeyService {
    /// Of the URL the host alone: the rest may hold a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyService({})", self.host())
    }
}

impl KeyService {
    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Asks for keys; encrypted for `certificate`, if it is given.
    ///
    /// # Errors
    /// [`Error::Service`] when there is no answer or a refusal; [`Error::Answer`] and [`Error::Document`] when it is
    /// not what was asked for.
    pub async fn ask(&self, order: &Order, certificate: Option<&ProtectionCertificate>) -> Result<Given, Error> {
        let failed = |problem: String| Error::Service { service: self.host().to_owned(), problem };
        // A redirect would take the credential to who knows whom.
        let client = Client::builder().redirect(redirect::Policy::none()).connect_timeout(CONNECT).timeout(WHOLE);
        let client = client.user_agent(AGENT).build().map_err(|error| failed(error.to_string()))?;
        let document = order.document(certificate.map(ProtectionCertificate::der));
        let mut request = client.post(self.url.clone()).header(CONTENT_TYPE, "application/xml");
        request = request.header(VERSION, SPEKE_VERSION).header(USER_AGENT, AGENT);
        if let Some(credential) = &self.credential {
            let mut value = HeaderValue::from_bytes(credential.value.expose())
                .map_err(|_| failed("its credential cannot stand in a header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(credential.header.clone(), value);
        }
        let answer = request.body(document).send().await.map_err(|error| failed(reason(&error)))?;
        let status = answer.status();
        let version = answer.headers().get(VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = body(answer).await.map_err(failed)?;
        if !status.is_success() {
            let said: String = String::from_utf8_lossy(&body).chars().take(MAX_REASON).collect();
            let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let said = if said.trim().is_empty() { String::new() } else { format!(": {}", said.trim()) };
            return Err(failed(format!("it answers with status {}{said}", status.as_u16())));
        }
        if let Some(version) = version.filter(|version| version != SPEKE_VERSION) {
            return Err(failed(format!("it speaks version {version:?} of SPEKE; {SPEKE_VERSION} was asked for")));
        }
        order.check(&body, certificate)
    }
}

async fn body(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + piece.len() > MAX_DOCUMENT {
            return Err(format!("it answers more than {MAX_DOCUMENT} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// What went wrong, without the URL, which may hold a credential.
fn reason(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "no connection comes about"
    } else {
        "the exchange broke off"
    };
    kind.to_owned()
}
