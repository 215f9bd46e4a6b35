//! Keys at rest and on their way: content keys and private keys are stored sealed under a master key, and
//! clients wrap theirs with the account's protection certificate.
//!
//! Nothing here prints a key; what is stored or sent is text that is useless without the master key.

pub mod cpix;
mod error;
mod master;
mod protection;
mod sealer;

pub use error::Error;
pub use master::{MasterKeySource, MasterKeys};
pub use protection::{PRIVATE_KEY, ProtectionCertificate, wrap_for};
pub use sealer::MasterKeySealer;

use crate::secrets::Secret;

/// `N` bytes from the operating system's generator.
///
/// # Errors
/// [`Error::NoRandomness`] when it gives none.
pub fn random<const N: usize>() -> Result<Secret<N>, Error> {
    let mut bytes = zeroize::Zeroizing::new([0u8; N]);
    aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| Error::NoRandomness)?;
    Ok(Secret::new(*bytes))
}
