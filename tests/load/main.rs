//! The program under load that is not kind: clients that do not read, go away, or are too many, storage that fails,
//! films that change meanwhile. Not how fast it is: what it costs, and that no byte is wrong.

#![allow(missing_docs, reason = "tests document themselves by their names")]

mod bucket;
mod cancelled;
mod client;
mod descriptors;
mod films;
mod many;
mod program;
mod revision;
mod soak;
mod stalled;
