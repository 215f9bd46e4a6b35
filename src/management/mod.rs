//! The management API: the REST dialect of Azure Media Services version 2 over the catalogue (object model
//! §1 to §13).
//!
//! `handler` knows HTTP and who asks; `service` turns a request into an answer; `sets` has a file for each
//! entity set. The dialect itself is `odata`'s business, the rules of the entities the catalogue's.

mod address;
mod answer;
pub mod auth;
mod call;
mod change;
mod context;
mod error;
mod fields;
mod functions;
mod handler;
mod installation;
mod model;
mod read;
mod row;
mod service;
mod sets;
mod throttle;
mod write;

pub use context::{Context, Role};
pub use error::Error;
pub use handler::{Management, Settings};
pub use installation::{Delivered, Installation};
pub use model::{MODEL, NAMESPACE};
