//! Who asks: keys of the access file, tokens issued for them, and tokens of an outside issuer.
//!
//! Every failure is the same failure: whether a name exists, a key is wrong or a token has expired is not
//! told. Keys are compared in constant time.

mod access;
mod endpoint;
mod issuer;
mod key_source;
mod token;

use std::sync::Arc;
use std::time::Duration;

pub use access::{AccessError, AccessFile};
pub use endpoint::{grant, is_token_endpoint};
pub use issuer::{Issuer, IssuerError};

use super::context::Role;
use super::error::Error;
use crate::time::UtcTime;

/// Longest token that is looked at, bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// How long an issued token is valid, as the service's were.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// Somebody whose token was good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// As the audit log names them.
    pub name: String,
    /// What they may.
    pub role: Role,
}

/// Knows who may.
pub struct Auth {
    /// The installation's own keys.
    pub access: Arc<AccessFile>,
    /// An outside issuer, if there is one.
    pub issuer: Option<Arc<Issuer>>,
}

impl Auth {
    /// Who sends this `Authorization` header.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], whatever is wrong.
    pub async fn principal(&self, authorization: Option<&str>, now: UtcTime) -> Result<Principal, Error> {
        let token = authorization.and_then(bearer).filter(|token| token.len() <= MAX_TOKEN);
        let token = token.ok_or(Error::Unauthorized)?;
        let entries = self.access.entries();
        if let Some(entry) = entries.by_key(token) {
            return Ok(Principal { name: entry.name.clone(), role: entry.role });
        }
        if let Some(principal) = token::verify(&entries, token, now) {
            return Ok(principal);
        }
        match &self.issuer {
            Some(issuer) => issuer.verify(token, now).await.ok_or(Error::Unauthorized),
            None => Err(Error::Unauthorized),
        }
    }
}

/// The token behind `Bearer` (RFC 6750 2.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
