//! The management API over real sockets, as old scripts speak it.

#![allow(missing_docs, reason = "tests document themselves by their names")]

mod access;
mod batches;
mod dialect;
mod documents;
mod endpoints;
mod explanations;
mod filters;
mod life;
mod other_language;
mod policies;
mod program;
mod purging;
mod signed_urls;
mod site;
mod storage_encryption;
mod traces;
mod watching;
