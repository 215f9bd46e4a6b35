//! Content keys on their way between systems: CPIX documents (DASH-IF "Content Protection Information Exchange
//! Format" 2.3), in the clear or encrypted for the holder of a certificate.
//!
//! Encrypted as the format has it (its 5.3): a document key of AES-256 and a key of HMAC-SHA-512, both encrypted
//! with RSA-OAEP for the certificate; each content key in AES-256-CBC under the document key, with a MAC.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::protection::{ProtectionCertificate, wrap_for};
use super::{Error, random};
use crate::secrets::SecretBytes;
use crate::xml::{self, Element, Layout, Limits, Writer};

/// The longest document, bytes.
pub const MAX_DOCUMENT: usize = 4 << 20;
/// The most keys of a document.
pub const MAX_KEYS: usize = 1000;

const LIMITS: Limits = Limits { bytes: MAX_DOCUMENT, depth: 24, nodes: 200_000, attributes: 32 };
const RSA_OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const AES_256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const HMAC_SHA_512: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512";
const BLOCK: usize = 16;

/// A key of a document.
#[derive(Clone)]
pub struct CpixKey {
    /// Its identifier.
    pub id: Uuid,
    /// The key, 16 or 32 bytes.
    pub material: SecretBytes,
    /// `cenc`, `cens`, `cbc1` or `cbcs`, if the document says.
    pub scheme: Option<String>,
}

/// Writes a document; encrypted, if there is a certificate (DER) to encrypt for.
///
/// # Errors
/// [`Error::Certificate`], [`Error::NoRandomness`].
pub fn export(content_id: Option<&str>, keys: &[CpixKey], certificate: Option<&[u8]>) -> Result<String, Error> {
    let sealed = certificate.map(Envelope::new).transpose()?;
    let mut xml = Writer::new(Layout::Indented);
    xml.declaration();
    let mut attributes = vec![
        ("xmlns", "urn:dashif:org:cpix"),
        ("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#"),
        ("xmlns:enc", "http://www.w3.org/2001/04/xmlenc#"),
        ("xmlns:pskc", "urn:ietf:params:xml:ns:keyprov:pskc"),
        ("version", "2.3"),
    ];
    attributes.extend(content_id.map(|id| ("contentId", id)));
    xml.open("CPIX", &attributes);
    if let (Some(envelope), Some(certificate)) = (&sealed, certificate) {
        envelope.write(&mut xml, certificate)?;
    }
    xml.open("ContentKeyList", &[]);
    for key in keys {
        let id = key.id.to_string();
        let mut attributes = vec![("kid", id.as_str())];
        attributes.extend(key.scheme.as_deref().map(|scheme| ("commonEncryptionScheme", scheme)));
        xml.open("ContentKey", &attributes);
        xml.open("Data", &[]);
        xml.open("pskc:Secret", &[]);
        match &sealed {
            None => {
                let text = Zeroizing::new(STANDARD.encode(key.material.expose()));
                xml.element("pskc:PlainValue", &[], &text);
            }
            Some(envelope) => {
                let (value, mac) = envelope.seal(&key.material)?;
                encrypted_value(&mut xml, AES_256_CBC, &value);
                xml.element("pskc:ValueMAC", &[], &STANDARD.encode(mac));
            }
        }
        xml.close();
        xml.close();
        xml.close();
    }
    Ok(xml.finish())
}

fn encrypted_value(xml: &mut Writer, algorithm: &str, value: &[u8]) {
    xml.open("pskc:EncryptedValue", &[]);
    xml.empty("enc:EncryptionMethod", &[("Algorithm", algorithm)]);
    xml.open("enc:CipherData", &[]);
    xml.element("enc:CipherValue", &[], &STANDARD.encode(value));
    xml.close();
    xml.close();
}

/// The keys that a document is encrypted with.
struct Envelope {
    document: SecretBytes,
    mac: SecretBytes,
    /// Both, encrypted for the certificate.
    wrapped: Option<(Vec<u8>, Vec<u8>)>,
}

impl Envelope {
    fn new(certificate: &[u8]) -> Result<Envelope, Error> {
        let document = SecretBytes::new(random::<32>()?.expose().to_vec());
        let mac = SecretBytes::new(random::<64>()?.expose().to_vec());
        let wrapped = (wrap_for(certificate, document.expose())?, wrap_for(certificate, mac.expose())?);
        Ok(Envelope { document, mac, wrapped: Some(wrapped) })
    }

    fn write(&self, xml: &mut Writer, certificate: &[u8]) -> Result<(), Error> {
        let (document, mac) = self.wrapped.as_ref().ok_or(Error::NoRandomness)?;
        xml.open("DeliveryDataList", &[]);
        xml.open("DeliveryData", &[]);
        xml.open("DeliveryKey", &[]);
        xml.open("ds:X509Data", &[]);
        xml.element("ds:X509Certificate", &[], &STANDARD.encode(certificate));
        xml.close();
        xml.close();
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
    fn seal(&self, key: &SecretBytes) -> Result<(Vec<u8>, Vec<u8>), Error> {
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
    fn open(&self, value: &[u8], mac: &[u8]) -> Option<SecretBytes> {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA512, self.mac.expose()), value, mac).ok()?;
        let (vector, text) = value.split_first_chunk::<BLOCK>()?;
        let cipher = UnboundCipherKey::new(&AES_256, self.document.expose()).ok()?;
        let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = cipher.decrypt(&mut text, DecryptionContext::Iv128(FixedLength::from(*vector))).ok()?;
        Some(SecretBytes::new(plain.to_vec()))
    }
}

/// Reads a document: keys in the clear, or encrypted for one of `ours`.
///
/// # Errors
/// [`Error::Document`], which says where it is wrong; [`Error::NotForUs`] for one that is encrypted for others.
pub fn import(document: &[u8], ours: Option<&ProtectionCertificate>) -> Result<Vec<CpixKey>, Error> {
    let root = xml::parse(document, LIMITS).map_err(|error| wrong(error.to_string()))?;
    if root.name != "CPIX" {
        return Err(wrong("it is no CPIX document"));
    }
    let envelope = match root.child("DeliveryDataList") {
        Some(list) => Some(open_envelope(list, ours)?),
        None => None,
    };
    let list = root.child("ContentKeyList").ok_or_else(|| wrong("it has no ContentKeyList"))?;
    let mut keys: Vec<CpixKey> = Vec::new();
    for element in list.children_named("ContentKey") {
        if keys.len() >= MAX_KEYS {
            return Err(wrong(format!("it has more than {MAX_KEYS} keys")));
        }
        let key = content_key(element, envelope.as_ref())?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err(wrong(format!("the key {} stands in it twice", key.id)));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::Document { problem: problem.into() }
}

fn content_key(element: &Element, envelope: Option<&Envelope>) -> Result<CpixKey, Error> {
    let id = element.attribute("kid").and_then(|kid| Uuid::try_parse(kid).ok());
    let id = id.ok_or_else(|| wrong("a ContentKey has no kid that is a GUID"))?;
    let secret = element.child("Data").and_then(|data| data.child("Secret"));
    let secret = secret.ok_or_else(|| wrong(format!("the key {id} has no Secret")))?;
    let material = match (secret.child("PlainValue"), secret.child("EncryptedValue")) {
        (Some(plain), None) => base64(&plain.text).map(SecretBytes::new),
        (None, Some(encrypted)) => {
            let envelope =
                envelope.ok_or_else(|| wrong(format!("the key {id} is encrypted and nothing says for whom")))?;
            let mac = secret.child("ValueMAC").and_then(|mac| base64(&mac.text));
            let value = cipher_value(encrypted, AES_256_CBC)?;
            let opened = mac.and_then(|mac| envelope.open(&value, &mac));
            Some(opened.ok_or_else(|| wrong(format!("the key {id} is damaged: its MAC does not fit")))?)
        }
        _ => None,
    };
    let material = material.filter(|key| matches!(key.len(), 16 | 32));
    let material = material.ok_or_else(|| wrong(format!("the key {id} is not 16 or 32 bytes")))?;
    let scheme = element.attribute("commonEncryptionScheme").map(str::to_owned);
    if scheme.as_deref().is_some_and(|scheme| !matches!(scheme, "cenc" | "cens" | "cbc1" | "cbcs")) {
        return Err(wrong(format!("the key {id} has an unknown commonEncryptionScheme")));
    }
    Ok(CpixKey { id, material, scheme })
}

/// The delivery data for our certificate.
fn open_envelope(list: &Element, ours: Option<&ProtectionCertificate>) -> Result<Envelope, Error> {
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

fn cipher_value(element: &Element, algorithm: &str) -> Result<Vec<u8>, Error> {
    let method = element.child("EncryptionMethod").and_then(|method| method.attribute("Algorithm"));
    if method != Some(algorithm) {
        return Err(wrong(format!("a value is not encrypted with {algorithm}")));
    }
    let value = element.child("CipherData").and_then(|data| data.child("CipherValue"));
    value.and_then(|value| base64(&value.text)).ok_or_else(|| wrong("a CipherValue is not base64"))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    STANDARD.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<CpixKey> {
        let key = |n: u8, scheme: Option<&str>| CpixKey {
            id: Uuid::from_u128(u128::from(n)),
            material: SecretBytes::new(vec![n; 16]),
            scheme: scheme.map(str::to_owned),
        };
        vec![key(1, Some("cenc")), key(2, Some("cbcs")), key(3, None)]
    }

    fn same(read: &[CpixKey]) {
        let wanted = keys();
        assert_eq!(read.len(), wanted.len());
        for (read, wanted) in read.iter().zip(&wanted) {
            assert_eq!((read.id, &read.scheme), (wanted.id, &wanted.scheme));
            assert_eq!(read.material.expose(), wanted.material.expose());
        }
    }

    #[test]
    fn keys_come_back_in_the_clear_and_encrypted() {
        let plain = export(Some("a & b"), &keys(), None).unwrap();
        assert!(
            plain.contains("contentId=\"a &amp; b\"") && plain.contains("<pskc:PlainValue>AQEBAQEBAQEBAQEBAQEBAQ==")
        );
        same(&import(plain.as_bytes(), None).unwrap());
        let ours = ProtectionCertificate::generate("ours").unwrap();
        let sealed = export(None, &keys(), Some(ours.der())).unwrap();
        assert!(!sealed.contains("PlainValue") && !sealed.contains("AQEBAQEB"));
        same(&import(sealed.as_bytes(), Some(&ours)).unwrap());
        let other = ProtectionCertificate::generate("other").unwrap();
        assert!(matches!(import(sealed.as_bytes(), Some(&other)), Err(Error::NotForUs { .. })));
        assert!(matches!(import(sealed.as_bytes(), None), Err(Error::NotForUs { .. })));
        // Any key in another's place, or damaged, is noticed.
        let values: Vec<&str> = sealed.split("<pskc:ValueMAC>").skip(1).map(|s| s.split('<').next().unwrap()).collect();
        let swapped = sealed.replacen(values[0], values[1], 1);
        assert!(matches!(import(swapped.as_bytes(), Some(&ours)), Err(Error::Document { .. })));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let good = export(None, &keys(), None).unwrap();
        for (case, text) in [
            ("nothing", String::new()),
            ("other", "<CPX/>".to_owned()),
            ("no list", "<CPIX/>".to_owned()),
            ("no kid", good.replacen("kid=", "id=", 1)),
            ("twice", good.replacen("0000-000000000002", "0000-000000000001", 1)),
            ("short", good.replacen("AQEBAQEBAQEBAQEBAQEBAQ==", "AQEB", 1)),
            ("scheme", good.replacen("cbcs", "rot13", 1)),
            ("document type", good.replacen("<CPIX", "<!DOCTYPE a><CPIX", 1)),
        ] {
            assert!(matches!(import(text.as_bytes(), None), Err(Error::Document { .. })), "{case}");
        }
    }
}
