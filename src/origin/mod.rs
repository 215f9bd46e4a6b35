//! The entrance for players: URLs, errors and answers of the streaming endpoint.
//!
//! Nothing below this module knows a status code or a header.

mod body;
mod codes;
mod conditional;
mod error;
mod range;
pub mod respond;
pub mod url;

pub use body::Body;
pub use codes::MpeCode;
pub use error::{Answer, Error, MediaFault, StorageFault};
