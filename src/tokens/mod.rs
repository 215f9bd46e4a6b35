//! Tokens: what somebody whose signature we know says about who may have a key, and for how long.
//!
//! A [`TokenRestriction`] says whose word counts (the `TokenRestrictionTemplate` of an authorization policy); a
//! [`Verifier`] made of it judges Simple Web Tokens and JSON Web Tokens. Signatures come first, then the claims,
//! which are judged the same for both. Nothing here reads a clock or a network: time and keys that were
//! discovered elsewhere are handed in.

mod claims;
mod error;
mod json;
mod jwks;
mod jwt;
mod path;
pub mod swt;
mod template;
mod verifier;

pub use claims::{Claims, MAX_REPLAY_SECONDS, ReplayLimit};
pub use error::{Refusal, TemplateError};
pub use jwks::{MAX_KEYS, discovery_document, key_set};
pub use jwt::sign as sign_jwt;
pub use path::{PathKeys, PathToken, split_path, with_token};
pub(crate) use template::may_be_fetched;
pub use template::{
    CONTENT_KEY_IDENTIFIER, MAX_ALTERNATES, MAX_CLAIMS, MAX_TEMPLATE, MAX_USES, NAMESPACE, RequiredClaim,
    TokenRestriction, TokenType, VerificationKey,
};
pub use verifier::{MAX_TOKEN, Moment, SigningKey, Verifier};

#[cfg(test)]
mod tests;
