//! Why a request gets no key, and what its client is told.

use hyper::StatusCode;

use crate::tokens::Refusal;

/// Why a request gets no key. The text is for the audit log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No key's id, or none that can be read.
    #[error("{0}")]
    BadRequest(&'static str),
    /// A method that is neither GET nor POST.
    #[error("the method is not one of this service")]
    Method,
    /// The body is too long.
    #[error("the body is too long")]
    TooLarge,
    /// The body did not come.
    #[error("the body did not come")]
    NoBody,
    /// This client has asked too often.
    #[error("too many requests")]
    TooMany {
        /// When it may ask again, seconds.
        wait: u64,
    },
    /// The token does not open it.
    #[error("{0}")]
    Token(Refusal),
    /// The client's address is not among those that may.
    #[error("this address may not have it")]
    Address,
    /// The key has no policy, or none of its options delivers in this way.
    #[error("no option of an authorization policy delivers the key in this way")]
    NoOption,
    /// The key is none that players get.
    #[error("keys of this type are never delivered")]
    NotForPlayers,
    /// There is no such key.
    #[error("there is no such key")]
    UnknownKey,
    /// Licences of this system come from a service that is not configured.
    #[error("no licence service is set for this system")]
    NoLicenceService,
    /// The licence service did not answer, or not as it should.
    #[error("the licence service: {0}")]
    LicenceService(String),
    /// The catalogue cannot be read, or the key not be opened.
    #[error("the key cannot be read: {0}")]
    Catalog(String),
}

impl Error {
    /// What the client is told. All refusals of tokens look the same.
    pub(super) fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Error::BadRequest(what) => (StatusCode::BAD_REQUEST, what),
            Error::Method => (StatusCode::METHOD_NOT_ALLOWED, "GET or POST"),
            Error::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
            Error::NoBody => (StatusCode::BAD_REQUEST, "the body did not come"),
            Error::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too many requests"),
            Error::Token(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Error::Address | Error::NoOption | Error::NotForPlayers => (StatusCode::FORBIDDEN, "forbidden"),
            Error::UnknownKey => (StatusCode::NOT_FOUND, "no such key"),
            Error::NoLicenceService => (StatusCode::NOT_IMPLEMENTED, "no licence service is set for this system"),
            Error::LicenceService(_) => (StatusCode::BAD_GATEWAY, "the licence service does not answer"),
            Error::Catalog(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the key cannot be read"),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Token(refusal)
    }
}
