//! What can go wrong with keys. No message holds one.

use std::io;

use crate::secrets::SealError;

/// Why a key cannot be read, written or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The place of the master key does not give one.
    #[error("no master key: {source_name} cannot be read: {source}; it holds the keys of encrypted films")]
    Unreadable {
        /// File, variable or command.
        source_name: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// What it gives is no key.
    #[error(
        "no master key: line {line} of {source_name} is not the base64 of 32 bytes; make one with: openssl rand -base64 32"
    )]
    NotAKey {
        /// File, variable or command.
        source_name: String,
        /// Which line, from 1.
        line: usize,
    },
    /// It gives nothing.
    #[error("no master key: {source_name} is empty; make one with: openssl rand -base64 32")]
    NoKey {
        /// File, variable or command.
        source_name: String,
    },
    /// The command ended with an error.
    #[error("no master key: {source_name} failed ({status})")]
    CommandFailed {
        /// The program.
        source_name: String,
        /// How it ended.
        status: String,
    },
    /// Others may read the file.
    #[error("the master key in {path} can be read by others; forbid it with: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: String,
    },
    /// A private key that cannot be sealed or opened.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// Not a certificate with an RSA key.
    #[error("the certificate cannot be used: {problem}; an X.509 certificate (DER) with an RSA key is needed")]
    Certificate {
        /// What is wrong with it.
        problem: String,
    },
    /// Wrapped for another certificate, or damaged.
    #[error(
        "the encrypted key cannot be opened: it was not encrypted (RSA-OAEP, SHA-1) with the protection certificate {thumbprint}"
    )]
    NotForUs {
        /// Of our certificate.
        thumbprint: String,
    },
    /// A CPIX document that cannot be read.
    #[error("the CPIX document: {problem}")]
    Document {
        /// What is wrong, and where.
        problem: String,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
}
