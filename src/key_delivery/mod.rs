//! The key delivery service: gives a key to whoever its authorization policy lets have it (streaming contract §9).
//!
//! `/?kid=` answers an AES key as its 16 bytes, `/ClearKey/` a licence as the Encrypted Media Extensions define
//! it for `org.w3.clearkey`; host names of the form `{account}.keydelivery.…` are its own altogether. Refusals
//! tell the client no more than their status; why, is in the audit log (target [`AUDIT`]), which never has a
//! token or a key.

mod addresses;
mod answer;
mod audit;
mod authorize;
mod clear_key;
mod credentials;
mod error;
mod fetch;
mod handler;
mod keyring;
pub mod licence;
mod open_id;
mod rate;
mod replay;
mod target;

pub use addresses::{AddressError, Addresses};
pub use audit::{AUDIT, Decisions};
pub use error::Error;
pub use handler::{Incoming, KeyDelivery, Request, Settings};
