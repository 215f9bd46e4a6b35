//! Licences of PlayReady, Widevine and FairPlay: the same policies judge, and a licence service that has the
//! contracts writes the licence.

mod challenge;
mod fairplay;
mod gateway;
mod playready;
mod widevine;

pub(super) use challenge::Challenge;
pub(super) use gateway::Gateway;
pub use gateway::{Form, LicenceService, LicenceServices};

use super::clear_key;

/// Drivers of fuzzing: what reads bytes of clients. Each must come back with an answer for any bytes.
#[doc(hidden)]
pub fn read_any(system: u8, body: &[u8]) -> usize {
    match system % 4 {
        0 => playready::parse(body).map_or(0, |challenge| challenge.keys.len()),
        1 => widevine::parse(body).map_or(0, |challenge| challenge.keys.len()),
        2 => fairplay::parse(body, Some(uuid::Uuid::nil())).map_or(0, |challenge| challenge.body.len()),
        _ => clear_key::parse(body).map_or(0, |wanted| wanted.keys.len()),
    }
}
