//! Sealing keys for storage: AES-256-GCM under a master key (NIST SP 800-38D).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::MasterKeys;
use crate::secrets::{KeySealer, SealError, Sealed, Secret, SecretBytes};

/// What is mixed in: the form's version.
const VERSION: &[u8] = b"headwater sealed secret 1";

/// Seals and opens secrets. New ones are sealed under the first master key; the others only open.
pub struct MasterKeySealer {
    keys: Vec<(String, RandomizedNonceKey)>,
}

impl MasterKeySealer {
    /// With these master keys.
    pub fn new(master: &MasterKeys) -> MasterKeySealer {
        let keys = master.keys().iter().filter_map(|key| {
            // Fails for other lengths alone, and these have 32 bytes.
            let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).ok()?;
            Some((key_id(key), cipher))
        });
        MasterKeySealer { keys: keys.collect() }
    }

    /// Id of the master key that new secrets are sealed under.
    pub fn current_id(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    /// The same secret under the present master key; `None` if it is there already. Whoever stores secrets
    /// calls it for each of them after the master key has changed.
    ///
    /// # Errors
    /// As [`KeySealer::open`] and [`KeySealer::seal`].
    pub fn reseal(&self, context: &str, sealed: &Sealed) -> Result<Option<Sealed>, SealError> {
        if sealed.master == self.current_id() {
            return Ok(None);
        }
        let secret = self.open(context, sealed)?;
        self.seal(context, &secret).map(Some)
    }
}

impl KeySealer for MasterKeySealer {
    fn seal(&self, context: &str, secret: &SecretBytes) -> Result<Sealed, SealError> {
        let (id, cipher) = self.keys.first().ok_or(SealError::NoMasterKey)?;
        let mut sealed = Zeroizing::new(secret.expose().to_vec());
        let nonce = cipher.seal_in_place_append_tag(Aad::from(bound_to(id, context)), &mut *sealed);
        let nonce = nonce.map_err(|_| SealError::NoRandomness)?;
        let text = STANDARD.encode([nonce.as_ref(), sealed.as_slice()].concat());
        Ok(Sealed { master: id.clone(), text })
    }

    fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretBytes, SealError> {
        let cipher = self.keys.iter().find(|(id, _)| *id == sealed.master).map(|(_, cipher)| cipher);
        let cipher = cipher.ok_or_else(|| SealError::OtherMasterKey { master: sealed.master.clone() })?;
        let mut bytes = Zeroizing::new(STANDARD.decode(&sealed.text).map_err(|_| SealError::Damaged)?);
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let opened = cipher.open_in_place(nonce, Aad::from(bound_to(&sealed.master, context)), text);
        opened.map(|plain| SecretBytes::new(plain.to_vec())).map_err(|_| SealError::Damaged)
    }
}

/// By which a master key is known: the first 8 bytes of a digest of it.
pub(super) fn key_id(key: &Secret<32>) -> String {
    let mut digest = Sha256::new();
    digest.update(b"headwater master key id\0");
    digest.update(key.expose());
    digest.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect()
}

/// What a sealed secret is bound to.
fn bound_to(id: &str, context: &str) -> Vec<u8> {
    [VERSION, id.as_bytes(), context.as_bytes()].join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(keys: &[u8]) -> MasterKeySealer {
        MasterKeySealer::new(&MasterKeys::from_keys(keys.iter().map(|k| Secret::new([*k; 32])).collect()).unwrap())
    }

    fn secret(text: &[u8]) -> SecretBytes {
        SecretBytes::new(text.to_vec())
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal("nb:kid:UUID:1", &secret(b"sixteen bytes...")).unwrap();
        assert_eq!(sealer.open("nb:kid:UUID:1", &sealed).unwrap().expose(), b"sixteen bytes...");
        assert_eq!(sealer.open("nb:kid:UUID:2", &sealed).map(drop), Err(SealError::Damaged));
        // The same secret twice is not the same text.
        assert_ne!(sealed, sealer.seal("nb:kid:UUID:1", &secret(b"sixteen bytes...")).unwrap());
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal("a", &secret(&[9; 32])).unwrap();
        for at in 0..sealed.text.len() {
            let mut text = sealed.text.clone().into_bytes();
            text[at] = if text[at] == b'A' { b'B' } else { b'A' };
            let changed = Sealed { text: String::from_utf8(text).unwrap(), ..sealed.clone() };
            assert!(sealer.open("a", &changed).is_err(), "{at}");
        }
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAA", "not base64"] {
            assert!(sealer.open("a", &Sealed { text: text.into(), ..sealed.clone() }).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_move_to_a_new_master_key() {
        let old = sealer(&[1]);
        let sealed = old.seal("a", &secret(b"key")).unwrap();
        let both = sealer(&[2, 1]);
        let moved = both.reseal("a", &sealed).unwrap().unwrap();
        assert_eq!(moved.master, both.current_id());
        assert!(both.reseal("a", &moved).unwrap().is_none());
        let new = sealer(&[2]);
        assert_eq!(new.open("a", &moved).unwrap().expose(), b"key");
        let error = new.open("a", &sealed).map(drop);
        assert_eq!(error, Err(SealError::OtherMasterKey { master: old.current_id().to_owned() }));
    }
}
