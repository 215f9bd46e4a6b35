//! Answers before they are HTTP: a `$batch` puts many of them into one.

use hyper::StatusCode;

use super::error::Error;
use crate::odata::json::{self, Form};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Names and values, besides those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The content type of the body.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Nothing but a status.
    pub fn empty(status: StatusCode) -> Answer {
        Answer { status, headers: Vec::new(), content_type: None, body: Vec::new() }
    }

    /// JSON of that form.
    pub fn json(status: StatusCode, form: Form, text: String) -> Answer {
        Answer::text(status, form.content_type(), text)
    }

    /// A text of any kind.
    pub fn text(status: StatusCode, content_type: &str, text: String) -> Answer {
        Answer { content_type: Some(content_type.to_owned()), body: text.into_bytes(), ..Answer::empty(status) }
    }

    /// With another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Answer {
        Answer { status, ..self }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer to a request that is not carried out.
    pub fn error(form: Form, error: &Error) -> Answer {
        let status = error.status();
        // Others are the client's to mend, or ours to have said before.
        if matches!(error, Error::Catalog(_) | Error::Slow { .. }) && status.is_server_error() {
            tracing::error!(target: "headwater::management", %status, %error, "a management request failed");
        }
        let answer = Answer::json(status, form, json::error(form, "", &error.public_message()));
        match error {
            Error::Unauthorized => answer.with("WWW-Authenticate", "Bearer"),
            Error::Throttled { .. } => answer.with("Retry-After", "1"),
            Error::Method { .. } => answer.with("Allow", "GET, HEAD, POST, PUT, PATCH, MERGE, DELETE"),
            _ => answer,
        }
    }
}
