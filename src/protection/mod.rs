//! Content protection as packagers need it: schemes, initialization vectors, and what each protection system wants
//! to be told. Pure: keys and policies come from above, nothing here fetches or decides.

pub mod playready;
pub(crate) mod protobuf;
mod rotation;
mod scheme;
mod system;
mod vectors;
pub mod widevine;

pub use rotation::{MAX_PERIODS, base_range, period_key, period_key_id, period_of};
pub use scheme::Scheme;
pub use system::System;
pub use vectors::{SampleVectors, constant_vector};
