//! What can be wrong with a request, and the one table from there to a status (object model §13.1).

use hyper::StatusCode;

use crate::catalog::{self, ErrorKind};
use crate::odata;
use crate::server::BodyError;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its text.
    #[error(transparent)]
    OData(#[from] odata::Error),
    /// What the catalogue refuses.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// Its body.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Without a valid token.
    #[error(
        "this needs a valid token: send 'Authorization: Bearer …' with one from /oauth2/token or a key of the access file"
    )]
    Unauthorized,
    /// With a token that only reads.
    #[error("this token may only read; changes need one of the role 'write'")]
    ReadOnly,
    /// Too much in too short a time.
    #[error("more than {per_second} requests per second can be throttled; wait and try again")]
    Throttled {
        /// How many there may be.
        per_second: u32,
    },
    /// `x-ms-version`.
    #[error("the header x-ms-version is {found}; it has to be one of 2.0 to 2.19")]
    ApiVersion {
        /// `missing` or what it says.
        found: String,
    },
    /// `DataServiceVersion` or `MaxDataServiceVersion`.
    #[error("the header {header} is {found:?}; this service speaks OData versions 1.0 to 3.0")]
    DataServiceVersion {
        /// Which of them.
        header: &'static str,
        /// What it says.
        found: String,
    },
    /// No form of answer that the client takes.
    #[error("only JSON can be answered here; send 'Accept: application/json' or 'application/json;odata=verbose'")]
    NotAcceptable,
    /// A body of another kind.
    #[error("the body has to be JSON with 'Content-Type: application/json'")]
    NotJson,
    /// Not a method of this resource.
    #[error("{method} is not possible here; {instead}")]
    Method {
        /// Which one.
        method: String,
        /// What is.
        instead: &'static str,
    },
    /// The entity that the path goes through does not exist.
    #[error("there is no {what} '{key}'; it may have been deleted, or the id may be of another kind")]
    NotFound {
        /// The type's name.
        what: &'static str,
        /// The key as given, shortened.
        key: String,
    },
    /// A property that is needed.
    #[error("{property} is missing; {how}")]
    Missing {
        /// Which one.
        property: &'static str,
        /// What it has to be.
        how: &'static str,
    },
    /// A property that is fixed when the entity is created.
    #[error("{property} cannot be changed once the {what} exists; create another")]
    Fixed {
        /// Which one.
        property: &'static str,
        /// The type's name.
        what: &'static str,
    },
    /// A value that means nothing.
    #[error("{property} cannot be {found}; {how}")]
    Value {
        /// Of which property.
        property: &'static str,
        /// What it is, shortened.
        found: String,
        /// What it has to be.
        how: &'static str,
    },
    /// An address that leads to no entity of the wanted kind.
    #[error("'{address}' is not the address of an entity of {set}; it has to be like {set}('id')")]
    Address {
        /// What was given, shortened.
        address: String,
        /// The wanted set.
        set: &'static str,
    },
    /// Something that this installation is not set up for.
    #[error("{what}")]
    NotSetUp {
        /// What is missing and how it is set.
        what: &'static str,
    },
    /// Containers of an account cannot be signed for.
    #[error("there can be no SAS locator: {problem}")]
    NoSignature {
        /// Why.
        problem: String,
    },
    /// More related entities than one answer may hold.
    #[error("this answer would hold more than {limit} related entities; ask for fewer with $top, or follow the links")]
    Expanded {
        /// How many there may be.
        limit: usize,
    },
    /// The entity is not what `If-Match` says.
    #[error("the entity is not {found} any more; read it again and repeat the change")]
    Stale {
        /// The tag.
        found: String,
    },
    /// The container cannot be looked at.
    #[error("the asset's container cannot be read: {problem}")]
    Container {
        /// What storage says.
        problem: String,
    },
    /// A request of a change set failed, and so all of it.
    #[error("request {number} of the change set: {source}; none of its requests was carried out")]
    InChangeSet {
        /// Which one, from 1.
        number: usize,
        /// Why.
        source: Box<Error>,
    },
    /// The work took too long.
    #[error("the request took longer than {seconds} s; ask for less at a time")]
    Slow {
        /// How long it may take.
        seconds: u64,
    },
}

impl Error {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::OData(odata::Error::NoResource { .. }) | Error::NotFound { .. } => StatusCode::NOT_FOUND,
            Error::OData(odata::Error::TooLarge { what, .. }) if *what == "the $batch" => StatusCode::PAYLOAD_TOO_LARGE,
            Error::OData(_)
            | Error::ApiVersion { .. }
            | Error::DataServiceVersion { .. }
            | Error::Missing { .. }
            | Error::Fixed { .. }
            | Error::Value { .. }
            | Error::Address { .. }
            | Error::Expanded { .. } => StatusCode::BAD_REQUEST,
            Error::Catalog(error) => match error.kind() {
                ErrorKind::Invalid => StatusCode::BAD_REQUEST,
                ErrorKind::Forbidden => StatusCode::FORBIDDEN,
                ErrorKind::NotFound => StatusCode::NOT_FOUND,
                ErrorKind::Conflict => StatusCode::CONFLICT,
                ErrorKind::Changed => StatusCode::PRECONDITION_FAILED,
                ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
                ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            },
            Error::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Body(BodyError::Timeout) => StatusCode::REQUEST_TIMEOUT,
            Error::Body(_) => StatusCode::BAD_REQUEST,
            Error::Unauthorized => StatusCode::UNAUTHORIZED,
            Error::ReadOnly => StatusCode::FORBIDDEN,
            Error::Throttled { .. } | Error::Slow { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Error::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Error::Container { .. } => StatusCode::CONFLICT,
            Error::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Error::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Error::NotSetUp { .. } | Error::NoSignature { .. } => StatusCode::NOT_IMPLEMENTED,
            Error::InChangeSet { source, .. } => source.status(),
        }
    }

    /// What the client is told. Of trouble inside only that there was some: the rest is in the log.
    pub fn public_message(&self) -> String {
        match self {
            Error::Catalog(error)
                if error.kind() == ErrorKind::Failed && !matches!(error, catalog::Error::NoDuration) =>
            {
                match error {
                    catalog::Error::Seal(_) => self.to_string(),
                    _ => "the service failed; its log says why".to_owned(),
                }
            }
            Error::Catalog(error) if error.kind() == ErrorKind::Unavailable => {
                "the catalogue's database is not available; try again in a moment".to_owned()
            }
            Error::InChangeSet { number, source } => format!(
                "request {number} of the change set: {}; none of its requests was carried out",
                source.public_message()
            ),
            other => other.to_string(),
        }
    }
}
