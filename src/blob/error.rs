//! What can go wrong, with the service's own codes ("Blob service error codes").

use hyper::StatusCode;

use crate::store;
use crate::store::sas::SasError;

/// A request that is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL cannot be read.
    #[error("the URL cannot be read: {0}")]
    Url(&'static str),
    /// No such account here.
    #[error("there is no such storage account here")]
    AccountNotFound,
    /// No such container.
    #[error("there is no such container")]
    ContainerNotFound,
    /// No such file.
    #[error("there is no such blob; names are case-sensitive")]
    BlobNotFound,
    /// It is there already.
    #[error("the blob exists already")]
    BlobExists,
    /// A condition does not hold.
    #[error("a condition of the request does not hold: the blob is another one")]
    ConditionNotMet,
    /// The URL is not signed.
    #[error("the URL is not signed; use the whole URL of a SAS locator")]
    NotSigned,
    /// Its signature is not accepted.
    #[error("the URL is refused: {0}")]
    Sas(#[from] SasError),
    /// The policy that it names is gone.
    #[error("the URL is refused: the locator that it was made for does not exist any more")]
    Withdrawn,
    /// It does not allow this.
    #[error("the URL's signature does not permit this operation")]
    NotPermitted,
    /// Not done here.
    #[error("Headwater's blob endpoint does not do {0}")]
    Unsupported(&'static str),
    /// The body's length is not announced.
    #[error("the request has no Content-Length")]
    NoLength,
    /// Too large.
    #[error("the body has more than {limit} bytes; send the file in blocks")]
    TooLarge {
        /// The most allowed.
        limit: u64,
    },
    /// The body is not what its MD5 says.
    #[error("the body does not have the MD5 that Content-MD5 states; it was damaged on its way, send it again")]
    Md5,
    /// `Content-MD5` is none.
    #[error("Content-MD5 is not the base64 of 16 bytes")]
    BadMd5,
    /// A block id that is none.
    #[error("blockid is not the base64 of 1 to 64 bytes")]
    BadBlockId,
    /// A block list that cannot be used.
    #[error("the block list cannot be used: {0}")]
    BlockList(String),
    /// The body broke off.
    #[error("the body broke off; send it again")]
    BrokenBody,
    /// Storage failed.
    #[error("storage: {0}")]
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        match error {
            store::Error::NotFound { .. } => Error::BlobNotFound,
            store::Error::BadPath { .. } => Error::Url("the name of the blob is no path"),
            other => Error::Store(other),
        }
    }
}

impl Error {
    /// Status and the service's code.
    pub(super) fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Error::Url(_) => (StatusCode::BAD_REQUEST, "InvalidUri"),
            Error::AccountNotFound => (StatusCode::NOT_FOUND, "ResourceNotFound"),
            Error::ContainerNotFound => (StatusCode::NOT_FOUND, "ContainerNotFound"),
            Error::BlobNotFound => (StatusCode::NOT_FOUND, "BlobNotFound"),
            Error::BlobExists => (StatusCode::CONFLICT, "BlobAlreadyExists"),
            Error::ConditionNotMet => (StatusCode::PRECONDITION_FAILED, "ConditionNotMet"),
            Error::NotSigned => (StatusCode::UNAUTHORIZED, "NoAuthenticationInformation"),
            Error::Sas(_) | Error::Withdrawn => (StatusCode::FORBIDDEN, "AuthenticationFailed"),
            Error::NotPermitted => (StatusCode::FORBIDDEN, "AuthorizationPermissionMismatch"),
            Error::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            Error::NoLength => (StatusCode::LENGTH_REQUIRED, "MissingContentLengthHeader"),
            Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge"),
            Error::Md5 => (StatusCode::BAD_REQUEST, "Md5Mismatch"),
            Error::BadMd5 => (StatusCode::BAD_REQUEST, "InvalidMd5"),
            Error::BadBlockId => (StatusCode::BAD_REQUEST, "InvalidQueryParameterValue"),
            Error::BlockList(_) => (StatusCode::BAD_REQUEST, "InvalidBlockList"),
            Error::BrokenBody => (StatusCode::BAD_REQUEST, "InvalidInput"),
            Error::Store(store::Error::Denied { .. } | store::Error::Outside { .. }) => {
                (StatusCode::FORBIDDEN, "AuthorizationFailure")
            }
            Error::Store(store::Error::Changed { .. }) => (StatusCode::PRECONDITION_FAILED, "ConditionNotMet"),
            Error::Store(store::Error::Unavailable { source, .. }) => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    (StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage")
                }
                // A file where the path needs a folder, or a folder where it needs a file.
                std::io::ErrorKind::IsADirectory
                | std::io::ErrorKind::DirectoryNotEmpty
                | std::io::ErrorKind::AlreadyExists => (StatusCode::CONFLICT, "ResourceTypeMismatch"),
                _ => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
            },
            Error::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        }
    }
}
