//! OData version 3 as Azure Media Services spoke it: URLs, query options, JSON, `$metadata` and `$batch`.
//!
//! Texts become values and values become texts; nothing here knows what an asset is, reads a clock or waits.
//! A service describes its entities once as a [`Model`] and shows them as [`Record`]s. Whatever comes from
//! outside is bounded by [`limits`].
//!
//! Source: OData Version 3.0 (MS-ODATA; "OData Protocol V3: URL Conventions, JSON Verbose Format, JSON Format,
//! Batch Processing").

pub mod batch;
mod error;
mod evaluate;
mod expression;
mod functions;
pub mod json;
mod lexer;
pub mod limits;
mod literal;
mod metadata;
mod model;
mod options;
mod parser;
mod path;
mod percent;
mod query;
mod record;
mod time;
mod value;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use evaluate::matches;
pub use expression::Expression;
pub use literal::literal;
pub use metadata::{metadata, service_document};
pub use model::{Action, ComplexType, EntityType, Function, Kind, Method, Model, Navigation, Property};
pub use options::{Direction, Expand, InlineCount, Options, Selection, pairs};
pub use parser::filter;
pub use path::{Key, ResourcePath, Segment, Tail, Target, resolve};
pub use percent::{decode, encode_component};
pub use query::{Collector, Page};
pub use record::{Needs, Record};
pub use time::{DateTime, Duration};
pub use value::Value;
