//! The entrance for players: URLs, errors and answers of the streaming endpoint.
//!
//! Nothing below this module knows a status code or a header.

mod admission;
mod answer_cache;
mod bandwidth;
mod body;
mod building;
mod class;
mod codes;
mod conditional;
mod error;
mod explain;
mod faults;
mod figures;
mod handler;
mod index_cache;
mod known;
mod listing;
mod load;
mod memory;
mod notes;
mod pace;
mod protection;
mod purge;
mod range;
pub mod respond;
mod revision;
mod state;
mod thumbnails;
mod trace;
mod traffic;
pub mod url;
mod wanted;

pub use body::Body;
pub use class::{Cached, Class, FormatName, Object, Protection};
pub use codes::MpeCode;
pub use error::{Answer, Error, MediaFault, StorageFault};
pub use explain::{Form, explanation};
pub use handler::{Origin, Request, Settings};
pub use load::{index, presentations};
pub use memory::Budget;
pub use notes::Notes;
pub use purge::{Purged, Scope};
pub use state::CacheState;
pub use trace::{Read, Record, Span, Trace};
pub use traffic::{Ended, Players, Receipt, STATUSES, Traffic};
