//! Secrets in memory and at rest.
//!
//! A [`SecretBytes`] is wiped when it is dropped and prints nothing. At rest a secret is a [`Sealed`] text
//! that only the [`KeySealer`] that made it, or one with the same master key, opens again. What is sealed is
//! bound to a context, the identifier of its owner, so that one secret cannot be put in another's place.

use std::fmt;

use zeroize::Zeroizing;

/// A key of `N` bytes. No `Debug`, no `Display`; wiped when dropped.
#[derive(Clone)]
pub struct Secret<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes the bytes over; copies that the caller made before are the caller's to wipe.
    pub fn new(bytes: [u8; N]) -> Secret<N> {
        Secret(Zeroizing::new(bytes))
    }

    /// The key, if `bytes` has its length.
    pub fn from_slice(bytes: &[u8]) -> Option<Secret<N>> {
        <[u8; N]>::try_from(bytes).ok().map(Secret::new)
    }

    /// The bytes, for the code that encrypts with them.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

/// Bytes that nobody else should see. No `Debug`, no `Display`, no `Serialize`; wiped when dropped.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over; copies that the caller made before are the caller's to wipe.
    pub fn new(bytes: Vec<u8>) -> SecretBytes {
        SecretBytes(Zeroizing::new(bytes))
    }

    /// The bytes, for the code that encrypts with them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An encrypted secret as the database keeps it: text, and the name of the master key that it needs.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "server", derive(serde::Serialize, serde::Deserialize))]
pub struct Sealed {
    /// Which master key opens it; a name or a fingerprint, never the key.
    pub master: String,
    /// The ciphertext with all that the sealer needs to open it, base64.
    pub text: String,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.master)
    }
}

/// Why a secret cannot be sealed or opened. Never tells any of it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no master key.
    #[error("there is no master key to keep secrets under; set one (docs/storage.md) and try again")]
    NoMasterKey,
    /// It was sealed with another master key.
    #[error(
        "this secret needs the master key {master}, which is not the one that is set; bring that key back, or create the secret anew"
    )]
    OtherMasterKey {
        /// The name of the key that is wanted.
        master: String,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// The ciphertext is damaged, or was sealed for another owner.
    #[error("a stored secret is damaged or does not belong where it stands; create it anew")]
    Damaged,
}

/// Encrypts secrets for the database and opens them again.
pub trait KeySealer: Send + Sync {
    /// Encrypts. `context` is bound to the result and has to be given again to open it.
    ///
    /// # Errors
    /// [`SealError::NoMasterKey`], [`SealError::NoRandomness`].
    fn seal(&self, context: &str, secret: &SecretBytes) -> Result<Sealed, SealError>;

    /// Decrypts.
    ///
    /// # Errors
    /// Every [`SealError`].
    fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretBytes, SealError>;
}

/// The sealer of an installation without a master key: there is nothing that it could keep.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMasterKey;

impl KeySealer for NoMasterKey {
    fn seal(&self, _: &str, _: &SecretBytes) -> Result<Sealed, SealError> {
        Err(SealError::NoMasterKey)
    }

    fn open(&self, _: &str, sealed: &Sealed) -> Result<SecretBytes, SealError> {
        Err(SealError::OtherMasterKey { master: sealed.master.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_prints_nothing_of_it() {
        let sealed = Sealed { master: "a1".into(), text: "c2VjcmV0".into() };
        assert_eq!(format!("{sealed:?}"), "Sealed(a1)");
        let secret = SecretBytes::new(vec![1, 2, 3]);
        assert_eq!(NoMasterKey.seal("x", &secret), Err(SealError::NoMasterKey));
        assert_eq!((secret.len(), secret.is_empty()), (3, false));
        let opened = NoMasterKey.open("x", &sealed).map(drop);
        assert_eq!(opened, Err(SealError::OtherMasterKey { master: "a1".into() }));
    }
}
