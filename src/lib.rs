//! Headwater: a self-hosted streaming origin.
//!
//! Floors, from the ground up: `time` and `bits` and `xml`; `isobmff` and `mpegts`; `codec` and `text`; `media`;
//! `source` and `protection`; `packager`; and above the seam, with the default feature `server`, everything that does
//! I/O. `docs/architecture.md` says what each floor knows and never does.

pub mod bits;
pub mod cipher;
pub mod codec;
pub mod isobmff;
pub mod media;
pub mod mpegts;
pub mod packager;
pub mod protection;
pub mod secrets;
pub mod source;
pub mod text;
pub mod time;
pub mod xml;

#[cfg(feature = "server")]
pub mod bench;
#[cfg(feature = "server")]
pub mod blob;
#[cfg(feature = "server")]
pub mod catalog;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod cmcd;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod counters;
#[cfg(feature = "server")]
pub mod import;
#[cfg(feature = "server")]
pub mod inspect;
#[cfg(feature = "server")]
pub mod key_delivery;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "server")]
pub mod management;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod odata;
#[cfg(feature = "server")]
pub mod origin;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod speke;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "server")]
pub mod thumbnails;
#[cfg(feature = "server")]
pub mod tokens;
#[cfg(feature = "server")]
pub mod verify;
