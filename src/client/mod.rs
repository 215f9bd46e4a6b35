//! The other side of the management API: what `headwater upload`, `publish`, `unpublish`, `list` and `delete` say to
//! a running server, as any other client of Azure Media Services would.

mod api;
mod assets;
mod encrypt;
mod error;
mod publish;
mod upload;

pub use api::{Api, Token};
pub use assets::{Asset, Listed};
pub use error::Error;
pub use publish::{Publication, Published, Purge};
pub use upload::{Event, Upload, Uploaded};
