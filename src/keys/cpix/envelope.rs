//! The encryption of CPIX documents (its 5.3): a document key of AES-256 and a key of HMAC-SHA-512, both encrypted with
//! RSA-OAEP for a certificate; each content key in AES-256-CBC under the document key, with a MAC.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{base64, wrong};
use crate::keys::protection::{ProtectionCertificate, wrap_for};
use crate::keys::{Error, random};
use crate::secrets::SecretBytes;
use crate::xml::{Element, Writer};

const RSA_OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
pub(super) const AES_256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const HMAC_SHA_512: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512";
const BLOCK: usize = 16;

/// `DeliveryKey`: the certificate of the one who is to read the keys.
pub(super) fn recipient(xml: &mut Writer, certificate: &[u8]) {
    xml.open("DeliveryKey", &[]);
    xml.open("ds:X509Data", &[]);
    xml.element("ds:X509Certificate", &[], &STANDARD.encode(certificate));
    xml.close();
    xml.close();
}

pub(super) fn encrypted_value(xml: &mut Writer, algorithm: &str, value: &[u8]) {
    xml.open("pskc:EncryptedValue", &[]);
    xml.empty("enc:EncryptionMethod", &[("Algorithm", algorithm)]);
    xml.open("enc:CipherData", &[]);
    xml.element("enc:CipherValue", &[], &STANDARD.encode(value));
    xml.close();
    xml.close();
}

/// The keys that a document is encrypted with.
pub(super) struct Envelope {
    document: SecretBytes,
    mac: SecretBytes,
    /// Both, encrypted for the certificate.
    wrapped: Option<(Vec<u8>, Vec<u8>)>,
}

impl Envelope {
    pub(super) fn new(certificate: &[u8]) -> Result<Envelope, Error> {
        let document = SecretBytes::new(random::<32>()?.expose().to_vec());
        let mac = SecretBytes::new(random::<64>()?.expose().to_vec());
        let wrapped = (wrap_for(certificate, document.expose())?, wrap_for(certificate, mac.expose())?);
        Ok(Envelope { document, mac, wrapped: Some(wrapped) })
    }

    pub(super) fn write(&self, xml: &mut Writer, certificate: &[u8]) -> Result<(), Error> {
        let (document, mac) = self.wrapped.as_ref().ok_or(Error::NoRandomness)?;
        xml.open("DeliveryDataList", &[]);
        xml.open("DeliveryData", &[]);
        recipient(xml, certificate);
        xml.open("DocumentKey", &[("Algorithm", AES_256_CBC)]);
        xml.open("Data", &[]);
        xml.open("pskc:Secret", &[]);
        encrypted_value(xml, RSA_OAEP, document);
        (0..3).for_each(|_| xml.close());
        xml.open("MACMethod", &[("Algorithm", HMAC_SHA_512)]);
        xml.open("Key", &[]);
        xml.empty("enc:EncryptionMethod", &[("Algorithm", RSA_OAEP)]);
        xml.open("enc:CipherData", &[]);
        xml.element("enc:CipherValue", &[], &STANDARD.encode(mac));
        (0..5).for_each(|_| xml.close());
        Ok(())
    }

    /// Vector and ciphertext, and their MAC.
    pub(super) fn seal(&self, key: &SecretBytes) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let cipher =
            UnboundCipherKey::new(&AES_256, self.document.expose()).and_then(PaddedBlockEncryptingKey::cbc_pkcs7);
        let mut text = Zeroizing::new(key.expose().to_vec());
        let context = cipher.and_then(|cipher| cipher.encrypt(&mut *text)).map_err(|_| Error::NoRandomness)?;
        let DecryptionContext::Iv128(vector) = context else { return Err(Error::NoRandomness) };
        let value = [vector.as_ref().as_slice(), &text].concat();
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, self.mac.expose()), &value);
        Ok((value, mac.as_ref().to_vec()))
    }

    /// The key within, if the MAC fits.
    pub(super) fn open(&self, value: &[u8], mac: &[u8]) -> Option<SecretBytes> {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA512, self.mac.expose()), value, mac).ok()?;
        let (vector, text) = value.split_first_chunk::<BLOCK>()?;
        let cipher = UnboundCipherKey::new(&AES_256, self.document.expose()).ok()?;
        let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = cipher.decrypt(&mut text, DecryptionContext::Iv128(FixedLength::from(*vector))).ok()?;
        Some(SecretBytes::new(plain.to_vec()))
    }
}

/// The delivery data for our certificate.
pub(super) fn open_envelope(list: &Element, ours: Option<&ProtectionCertificate>) -> Result<Envelope, Error> {
    let thumbprint = ours.map_or("(none)", ProtectionCertificate::thumbprint);
    let not_for_us = || Error::NotForUs { thumbprint: thumbprint.to_owned() };
    let ours = ours.ok_or_else(not_for_us)?;
    let is_ours = |data: &&Element| {
        let certificate = data.child("DeliveryKey").and_then(|key| key.child("X509Data")?.child("X509Certificate"));
        certificate.and_then(|text| base64(&text.text)).is_some_and(|der| der == ours.der())
    };
    let data = list.children_named("DeliveryData").find(is_ours).ok_or_else(not_for_us)?;
    let document =
        data.child("DocumentKey").and_then(|key| key.child("Data")?.child("Secret")?.child("EncryptedValue"));
    let document = document.ok_or_else(|| wrong("DeliveryData has no DocumentKey"))?;
    let mac = data.child("MACMethod").filter(|mac| mac.attribute("Algorithm") == Some(HMAC_SHA_512));
    let mac = mac.and_then(|mac| mac.child("Key"));
    let mac = mac.ok_or_else(|| wrong("DeliveryData has no MACMethod of hmac-sha512"))?;
    let document = ours.unwrap(&cipher_value(document, RSA_OAEP)?)?;
    if document.len() != 32 {
        return Err(wrong("its document key is not 32 bytes"));
    }
    Ok(Envelope { document, mac: ours.unwrap(&cipher_value(mac, RSA_OAEP)?)?, wrapped: None })
}

pub(super) fn cipher_value(element: &Element, algorithm: &str) -> Result<Vec<u8>, Error> {
    let method = element.child("EncryptionMethod").and_then(|method| method.attribute("Algorithm"));
    if method != Some(algorithm) {
        return Err(wrong(format!("a value is not encrypted with {algorithm}")));
    }
    let value = element.child("CipherData").and_then(|data| data.child("CipherValue"));
    value.and_then(|value| base64(&value.text)).ok_or_else(|| wrong("a CipherValue is not base64"))
}
