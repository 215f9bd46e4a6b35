//! What a player sends to have a licence.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use uuid::Uuid;

use super::{fairplay, playready, widevine};
use crate::key_delivery::error::Error;
use crate::key_delivery::target::Service;

/// The most keys of one challenge.
pub(super) const MAX_KEYS: usize = 64;

/// A challenge, as far as it has to be understood.
#[derive(PartialEq, Eq, Debug)]
pub(in crate::key_delivery) struct Challenge {
    /// The keys that it asks for: all that it names, wherever in it. Empty if it asks for the service's
    /// certificate.
    pub keys: Vec<Uuid>,
    /// A token in it.
    pub token: Option<String>,
    /// What the licence service gets.
    pub body: Bytes,
    /// The media type of that.
    pub content_type: &'static str,
}

impl Challenge {
    /// Reads a challenge. `key` is the one in the URL.
    pub(in crate::key_delivery) fn parse(
        service: Service,
        body: Bytes,
        headers: &HeaderMap,
        key: Option<Uuid>,
    ) -> Result<Challenge, Error> {
        if body.is_empty() {
            return Err(Error::BadRequest("a licence challenge has to be sent with POST"));
        }
        match service {
            Service::PlayReady => playready::parse(&body),
            Service::Widevine => widevine::parse(&body),
            _ => {
                let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
                match media_type.starts_with("application/octet-stream") {
                    true => fairplay::raw(&body, key),
                    false => fairplay::parse(&body, key),
                }
            }
        }
    }

    /// Adds a key, once.
    pub(super) fn add(keys: &mut Vec<Uuid>, key: Uuid) -> Result<(), Error> {
        if keys.contains(&key) {
            return Ok(());
        }
        if keys.len() >= MAX_KEYS {
            return Err(Error::BadRequest("the challenge names too many keys"));
        }
        keys.push(key);
        Ok(())
    }
}
