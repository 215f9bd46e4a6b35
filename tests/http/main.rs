//! The server over real sockets: raw bytes where the bytes matter, a client library where not.

#![allow(missing_docs, reason = "tests document themselves by their names")]

mod encrypted;
mod end;
mod http1;
mod http2;
mod limits;
mod origin;
mod support;
