//! Keys of other key services: a client of SPEKE 2.0 ("Secure Packager and Encoder Key Exchange", with documents of
//! CPIX 2.3), in the part of the encryptor.
//!
//! A request names the content, its keys by identifiers of ours, which tracks each is for, and what each protection
//! system is to be told; the answer is the same document with all of that filled in.

mod client;
mod exchange;

pub use client::{Credential, KeyService};
pub use exchange::{Given, Order, SystemTold};

use crate::keys;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be asked.
    #[error("the key service {service}: {problem}")]
    Service {
        /// Its host.
        service: String,
        /// What went wrong.
        problem: String,
    },
    /// Its answer is not what was asked for.
    #[error("the key service's answer: {problem}")]
    Answer {
        /// What is wrong with it.
        problem: String,
    },
    /// Its document.
    #[error("the key service's answer: {0}")]
    Document(#[from] keys::Error),
}
