//! Bodies of requests, for handlers that take some.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

/// A request's body, which is read as the handler asks for it. One that is not read is none of the
/// connection's business any more: it is closed after the answer.
#[derive(Debug, Default)]
pub struct RequestBody {
    incoming: Option<Incoming>,
    patience: Duration,
}

/// Why a body cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// More bytes than the handler wants.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// How many it wants at the most.
        limit: usize,
    },
    /// The client sent nothing for too long.
    #[error("the body did not come in time")]
    Timeout,
    /// The connection broke.
    #[error("the body broke off: {0}")]
    Broken(io::Error),
}

impl RequestBody {
    /// A body of which each piece has to come within `patience`.
    pub(super) fn new(incoming: Incoming, patience: Duration) -> RequestBody {
        RequestBody { incoming: Some(incoming), patience }
    }

    /// How many bytes are to come, if the client said so.
    pub fn announced(&self) -> Option<u64> {
        self.incoming.as_ref().map_or(Some(0), |incoming| incoming.size_hint().exact())
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`BodyError::Timeout`] and [`BodyError::Broken`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(incoming) = &mut self.incoming else { return Ok(None) };
        loop {
            match tokio::time::timeout(self.patience, incoming.frame()).await {
                Err(_) => return Err(BodyError::Timeout),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(BodyError::Broken(io::Error::other(error))),
                // Trailers are passed over.
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, `limit` bytes at the most, within ten times the patience for one piece.
    ///
    /// # Errors
    /// Every [`BodyError`].
    pub async fn whole(mut self, limit: usize) -> Result<Bytes, BodyError> {
        if self.announced().is_some_and(|length| length > limit as u64) {
            return Err(BodyError::TooLarge { limit });
        }
        let all = self.patience.saturating_mul(10);
        let gather = async {
            let mut whole = BytesMut::new();
            while let Some(piece) = self.next().await? {
                if whole.len() + piece.len() > limit {
                    return Err(BodyError::TooLarge { limit });
                }
                whole.extend_from_slice(&piece);
            }
            Ok(whole.freeze())
        };
        tokio::time::timeout(all, gather).await.unwrap_or(Err(BodyError::Timeout))
    }
}
