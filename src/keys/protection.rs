//! The account's protection certificate: clients encrypt content keys with its public key on their way in
//! (`ProtectionKeyType` 0, X.509 certificate), and we open them with the private key.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Error;
use crate::secrets::{KeySealer, Sealed, SecretBytes};

/// The context that the private key is sealed in, for whoever moves it to a new master key.
pub const PRIVATE_KEY: &str = "protection certificate";

/// A self-signed certificate with an RSA key of 2048 bits, as the service had one for each account.
pub struct ProtectionCertificate {
    certificate: Vec<u8>,
    thumbprint: String,
    private: OaepPrivateDecryptingKey,
    private_der: SecretBytes,
}

impl ProtectionCertificate {
    /// A new one with this common name. Takes a second or so of CPU.
    ///
    /// # Errors
    /// [`Error`] when the operating system gives no randomness.
    pub fn generate(common_name: &str) -> Result<ProtectionCertificate, Error> {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| Error::NoRandomness)?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| Error::NoRandomness)?;
        let private_der = SecretBytes::new(der.as_ref().to_vec());
        let refused = |error: rcgen::Error| Error::Certificate { problem: error.to_string() };
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&private_der.expose().into(), &PKCS_RSA_SHA256);
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = parameters.self_signed(&pair.map_err(refused)?).map_err(refused)?;
        ProtectionCertificate::new(certificate.der().to_vec(), private_der)
    }

    /// From its parts: the certificate (DER) and its private key (PKCS #8).
    ///
    /// # Errors
    /// [`Error::Certificate`] for a private key that cannot be read.
    pub fn from_parts(certificate: Vec<u8>, private_key: SecretBytes) -> Result<ProtectionCertificate, Error> {
        ProtectionCertificate::new(certificate, private_key)
    }

    /// Its private key (PKCS #8), to be stored sealed.
    pub fn private_key(&self) -> &SecretBytes {
        &self.private_der
    }

    fn new(certificate: Vec<u8>, private_der: SecretBytes) -> Result<ProtectionCertificate, Error> {
        let refused = || Error::Certificate { problem: "its private key cannot be read".to_owned() };
        let private = PrivateDecryptingKey::from_pkcs8(private_der.expose()).map_err(|_| refused())?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| refused())?;
        let thumbprint = thumbprint(&certificate);
        Ok(ProtectionCertificate { certificate, thumbprint, private, private_der })
    }

    /// From what was stored: the certificate (DER) and its sealed private key.
    ///
    /// # Errors
    /// [`Error`] when the private key cannot be opened or is damaged.
    pub fn from_stored(
        certificate: Vec<u8>,
        private_key: &Sealed,
        sealer: &dyn KeySealer,
    ) -> Result<ProtectionCertificate, Error> {
        let private_der = sealer.open(PRIVATE_KEY, private_key)?;
        ProtectionCertificate::new(certificate, private_der)
    }

    /// Its private key, to be stored beside [`ProtectionCertificate::der`].
    ///
    /// # Errors
    /// As [`KeySealer::seal`].
    pub fn sealed_private_key(&self, sealer: &dyn KeySealer) -> Result<Sealed, Error> {
        Ok(sealer.seal(PRIVATE_KEY, &self.private_der)?)
    }

    /// The certificate, DER: `GetProtectionKey` answers its base64.
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// SHA-1 of the certificate in upper-case hexadecimal digits: `GetProtectionKeyId`, `ProtectionKeyId`.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Opens a content key that a client encrypted for this certificate (RSA-OAEP with SHA-1, as the
    /// `EncryptedContentKey` of the service).
    ///
    /// # Errors
    /// [`Error::NotForUs`] for what was not.
    pub fn unwrap(&self, encrypted: &[u8]) -> Result<SecretBytes, Error> {
        let mut room = zeroize::Zeroizing::new(vec![0; self.private.min_output_size()]);
        let plain = self.private.decrypt(&OAEP_SHA1_MGF1SHA1, encrypted, &mut room, None);
        let plain = plain.map_err(|_| Error::NotForUs { thumbprint: self.thumbprint.clone() })?;
        Ok(SecretBytes::new(plain.to_vec()))
    }
}

/// Encrypts a key for the holder of an X.509 certificate (DER): `RebindContentKey`, and the way of a client's
/// key to us. RSA-OAEP with SHA-1.
///
/// # Errors
/// [`Error::Certificate`] for what is no certificate with an RSA key that is long enough.
pub fn wrap_for(certificate: &[u8], key: &[u8]) -> Result<Vec<u8>, Error> {
    let problem = |problem: &str| Error::Certificate { problem: problem.to_owned() };
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| problem("it is not DER of X.509"))?;
    let public = PublicEncryptingKey::from_der(parsed.public_key().raw);
    let public = public.map_err(|_| problem("its key is not RSA of 2048 to 8192 bits"))?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| problem("its key cannot encrypt"))?;
    let mut room = vec![0; public.ciphertext_size()];
    let encrypted = public.encrypt(&OAEP_SHA1_MGF1SHA1, key, &mut room, None);
    let length = encrypted.map_err(|_| problem("its key is too short for this content key"))?.len();
    room.truncate(length);
    Ok(room)
}

fn thumbprint(certificate: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    digest.as_ref().iter().map(|b| format!("{b:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{MasterKeySealer, MasterKeys};
    use crate::secrets::Secret;

    #[test]
    fn a_key_wrapped_for_the_certificate_opens_after_a_restart() {
        let sealer = MasterKeySealer::new(&MasterKeys::from_keys(vec![Secret::new([3; 32])]).unwrap());
        let made = ProtectionCertificate::generate("headwater").unwrap();
        let (der, private) = (made.der().to_vec(), made.sealed_private_key(&sealer).unwrap());
        let wrapped = wrap_for(&der, &[5; 32]).unwrap();
        assert_eq!(wrapped.len(), 256);
        let stored = ProtectionCertificate::from_stored(der, &private, &sealer).unwrap();
        assert_eq!(stored.thumbprint(), made.thumbprint());
        assert_eq!(stored.thumbprint().len(), 40);
        assert_eq!(stored.unwrap(&wrapped).unwrap().expose(), [5; 32]);
        let other = ProtectionCertificate::generate("other").unwrap();
        assert!(matches!(other.unwrap(&wrapped), Err(Error::NotForUs { .. })));
        assert!(matches!(stored.unwrap(&wrapped[1..]), Err(Error::NotForUs { .. })));
    }

    #[test]
    fn what_is_no_rsa_certificate_is_refused() {
        let elliptic = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
        for der in [&b""[..], b"hello", elliptic.cert.der()] {
            assert!(matches!(wrap_for(der, &[1; 16]), Err(Error::Certificate { .. })));
        }
    }
}
