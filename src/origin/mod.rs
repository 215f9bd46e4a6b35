//! The entrance for players: URLs, errors and answers of the streaming endpoint.
//!
//! Nothing below this module knows a status code or a header.

pub mod url;
