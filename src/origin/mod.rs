//! The entrance for players: URLs, errors and answers of the streaming endpoint.
//!
//! Nothing below this module knows a status code or a header.

mod admission;
mod answer_cache;
mod bandwidth;
mod body;
mod building;
mod codes;
mod conditional;
mod error;
mod faults;
mod figures;
mod handler;
mod index_cache;
mod known;
mod listing;
mod load;
mod protection;
mod range;
pub mod respond;
mod revision;
mod thumbnails;
pub mod url;
mod wanted;

pub use body::Body;
pub use codes::MpeCode;
pub use error::{Answer, Error, MediaFault, StorageFault};
pub use handler::{Origin, Request, Settings};
pub use load::{index, presentations};
