//! Content keys on their way between systems: CPIX documents (DASH-IF "Content Protection Information Exchange
//! Format" 2.3), in the clear or encrypted for the holder of a certificate.

mod envelope;
mod signalling;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use signalling::{Filter, SystemSignalling, UsageRule};

use self::envelope::{AES_256_CBC, Envelope, cipher_value, encrypted_value, open_envelope, recipient};
use super::Error;
use super::protection::ProtectionCertificate;
use crate::secrets::SecretBytes;
use crate::xml::{self, Element, Layout, Limits, Writer};

/// The longest document, bytes.
pub const MAX_DOCUMENT: usize = 4 << 20;
/// The most keys of a document.
pub const MAX_KEYS: usize = 1000;

const LIMITS: Limits = Limits { bytes: MAX_DOCUMENT, depth: 24, nodes: 200_000, attributes: 32 };

/// A document.
#[derive(Clone, Default)]
pub struct Document {
    /// What the content is called.
    pub content_id: Option<String>,
    /// Its keys.
    pub keys: Vec<CpixKey>,
    /// What protection systems are to be told of them.
    pub systems: Vec<SystemSignalling>,
    /// Which tracks they are for.
    pub usage_rules: Vec<UsageRule>,
}

/// A key of a document.
#[derive(Clone)]
pub struct CpixKey {
    /// Its identifier.
    pub id: Uuid,
    /// The key, 16 or 32 bytes.
    pub material: SecretBytes,
    /// `cenc`, `cens`, `cbc1` or `cbcs`, if the document says.
    pub scheme: Option<String>,
    /// `explicitIV`: the vector that goes with it.
    pub vector: Option<[u8; 16]>,
}

/// A key that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Its identifier.
    pub id: Uuid,
    /// What it is for: `cenc`, `cens`, `cbc1` or `cbcs`.
    pub scheme: &'static str,
    /// `explicitIV`.
    pub vector: Option<[u8; 16]>,
}

/// Writes a document; encrypted, if there is a certificate (DER) to encrypt for.
///
/// # Errors
/// [`Error::Certificate`], [`Error::NoRandomness`].
pub fn export(document: &Document, certificate: Option<&[u8]>) -> Result<String, Error> {
    let sealed = certificate.map(Envelope::new).transpose()?;
    let mut xml = begin(document.content_id.as_deref());
    if let (Some(envelope), Some(certificate)) = (&sealed, certificate) {
        envelope.write(&mut xml, certificate)?;
    }
    xml.open("ContentKeyList", &[]);
    for key in &document.keys {
        open_key(&mut xml, key.id, key.scheme.as_deref(), key.vector);
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
    xml.close();
    signalling::write(&mut xml, &document.systems, &document.usage_rules);
    Ok(xml.finish())
}

/// Writes a document that asks for keys and signalling (an encryptor's request): of `systems`, the elements that are
/// there are asked for, whatever is in them. With a certificate (DER) the keys are wanted encrypted for its holder.
pub fn request(
    content_id: &str,
    keys: &[Wanted],
    systems: &[SystemSignalling],
    usage_rules: &[UsageRule],
    certificate: Option<&[u8]>,
) -> String {
    let mut xml = begin(Some(content_id));
    if let Some(certificate) = certificate {
        xml.open("DeliveryDataList", &[]);
        xml.open("DeliveryData", &[("id", "headwater")]);
        recipient(&mut xml, certificate);
        xml.close();
        xml.close();
    }
    xml.open("ContentKeyList", &[]);
    for key in keys {
        open_key(&mut xml, key.id, Some(key.scheme), key.vector);
        xml.close();
    }
    xml.close();
    signalling::write(&mut xml, systems, usage_rules);
    xml.finish()
}

fn begin(content_id: Option<&str>) -> Writer {
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
    xml
}

fn open_key(xml: &mut Writer, id: Uuid, scheme: Option<&str>, vector: Option<[u8; 16]>) {
    let (id, vector) = (id.to_string(), vector.map(|vector| STANDARD.encode(vector)));
    let mut attributes = vec![("kid", id.as_str())];
    attributes.extend(vector.as_deref().map(|vector| ("explicitIV", vector)));
    attributes.extend(scheme.map(|scheme| ("commonEncryptionScheme", scheme)));
    xml.open("ContentKey", &attributes);
}

/// Reads a document: keys in the clear, or encrypted for one of `ours`. Key periods, signatures and update histories
/// are passed over.
///
/// # Errors
/// [`Error::Document`], which says where it is wrong; [`Error::NotForUs`] for one that is encrypted for others.
pub fn import(document: &[u8], ours: Option<&ProtectionCertificate>) -> Result<Document, Error> {
    let root = xml::parse(document, LIMITS).map_err(|error| wrong(error.to_string()))?;
    if root.name != "CPIX" {
        return Err(wrong("it is no CPIX document"));
    }
    let list = root.child("ContentKeyList").ok_or_else(|| wrong("it has no ContentKeyList"))?;
    // A service that answers in the clear hands back the list of a request as it was, without a document key.
    let is_encrypted =
        |key: &Element| key.child("Data").and_then(|data| data.child("Secret")?.child("EncryptedValue")).is_some();
    let envelope = match root.child("DeliveryDataList") {
        Some(data) if list.children_named("ContentKey").any(is_encrypted) => Some(open_envelope(data, ours)?),
        _ => None,
    };
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
    let content_id = root.attribute("contentId").map(str::to_owned);
    let (systems, usage_rules) = signalling::read(&root)?;
    Ok(Document { content_id, keys, systems, usage_rules })
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::Document { problem: problem.into() }
}

/// The key that an element is about.
fn key_id(element: &Element) -> Result<Uuid, Error> {
    let id = element.attribute("kid").and_then(|kid| Uuid::try_parse(kid).ok());
    id.ok_or_else(|| wrong(format!("a {} has no kid that is a GUID", element.name)))
}

fn content_key(element: &Element, envelope: Option<&Envelope>) -> Result<CpixKey, Error> {
    let id = key_id(element)?;
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
    let vector = match element.attribute("explicitIV").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let bytes = base64(text).and_then(|bytes| bytes.try_into().ok());
            Some(bytes.ok_or_else(|| wrong(format!("the explicitIV of the key {id} is not 16 bytes in base64")))?)
        }
    };
    Ok(CpixKey { id, material, scheme, vector })
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
            vector: (n == 2).then_some([9; 16]),
        };
        vec![key(1, Some("cenc")), key(2, Some("cbcs")), key(3, None)]
    }

    fn document() -> Document {
        let key = Uuid::from_u128(1);
        let system = SystemSignalling {
            pssh: Some(b"box".to_vec()),
            smooth: Some("base64".to_owned()),
            hls: vec![("media".to_owned(), b"#EXT-X-KEY".to_vec())],
            ..SystemSignalling::new(Uuid::from_u128(77), key)
        };
        let video = vec![Filter::Video { min_pixels: None, max_pixels: Some(589_824) }];
        let rule = UsageRule { key, track_type: Some("SD".to_owned()), filters: video };
        let audio =
            vec![Filter::Audio { min_channels: Some(3), max_channels: None }, Filter::Label("commentary".into())];
        let other = UsageRule { key: Uuid::from_u128(2), track_type: None, filters: audio };
        Document { content_id: None, keys: keys(), systems: vec![system], usage_rules: vec![rule, other] }
    }

    fn same(read: &Document) {
        let wanted = document();
        assert_eq!(read.keys.len(), wanted.keys.len());
        assert_eq!((&read.systems, &read.usage_rules), (&wanted.systems, &wanted.usage_rules));
        for (read, wanted) in read.keys.iter().zip(&wanted.keys) {
            assert_eq!((read.id, &read.scheme, read.vector), (wanted.id, &wanted.scheme, wanted.vector));
            assert_eq!(read.material.expose(), wanted.material.expose());
        }
    }

    #[test]
    fn keys_come_back_in_the_clear_and_encrypted() {
        let plain = export(&Document { content_id: Some("a & b".to_owned()), ..document() }, None).unwrap();
        assert!(
            plain.contains("contentId=\"a &amp; b\"") && plain.contains("<pskc:PlainValue>AQEBAQEBAQEBAQEBAQEBAQ==")
        );
        same(&import(plain.as_bytes(), None).unwrap());
        let ours = ProtectionCertificate::generate("ours").unwrap();
        let sealed = export(&document(), Some(ours.der())).unwrap();
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
    fn a_request_asks_for_all_that_is_wanted() {
        let wanted = [Wanted { id: Uuid::from_u128(5), scheme: "cbcs", vector: None }];
        let fairplay = SystemSignalling {
            hls: vec![("media".to_owned(), Vec::new()), ("master".to_owned(), Vec::new())],
            ..SystemSignalling::new(Uuid::from_u128(9), wanted[0].id)
        };
        let widevine =
            SystemSignalling { pssh: Some(Vec::new()), ..SystemSignalling::new(Uuid::from_u128(8), wanted[0].id) };
        let rules = [UsageRule::for_all(wanted[0].id)];
        let text = request("film", &wanted, &[fairplay, widevine], &rules, Some(b"certificate"));
        let root = xml::parse(text.as_bytes(), LIMITS).unwrap();
        assert_eq!((root.attribute("contentId"), root.attribute("version")), (Some("film"), Some("2.3")));
        let names: Vec<&str> = root.children.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["DeliveryDataList", "ContentKeyList", "DRMSystemList", "ContentKeyUsageRuleList"]);
        let key = &root.children[1].children[0];
        assert_eq!((key.attribute("commonEncryptionScheme"), key.children.len()), (Some("cbcs"), 0));
        let elements: Vec<Vec<&str>> = root.children[2]
            .children
            .iter()
            .map(|system| system.children.iter().map(|child| child.name.as_str()).collect())
            .collect();
        assert_eq!(elements, [vec!["HLSSignalingData", "HLSSignalingData"], vec!["PSSH"]]);
        let rule = &root.children[3].children[0];
        assert_eq!(rule.attribute("intendedTrackType"), Some("ALL"));
        assert_eq!(
            rule.children.iter().map(|child| child.name.as_str()).collect::<Vec<_>>(),
            ["VideoFilter", "AudioFilter"]
        );
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let good = export(&document(), None).unwrap();
        for (case, text) in [
            ("nothing", String::new()),
            ("other", "<CPX/>".to_owned()),
            ("no list", "<CPIX/>".to_owned()),
            ("no kid", good.replacen("kid=", "id=", 1)),
            ("twice", good.replacen("0000-000000000002", "0000-000000000001", 1)),
            ("short", good.replacen("AQEBAQEBAQEBAQEBAQEBAQ==", "AQEB", 1)),
            ("scheme", good.replacen("cbcs", "rot13", 1)),
            ("vector", good.replacen("explicitIV=\"C", "explicitIV=\"", 1)),
            ("no system", good.replacen("systemId", "system", 1)),
            (
                "a rule without key",
                good.replacen(
                    "<ContentKeyUsageRule kid=\"00000000-0000-0000-0000-000000000001\"",
                    "<ContentKeyUsageRule",
                    1,
                ),
            ),
            ("pixels", good.replacen("maxPixels=\"589824\"", "maxPixels=\"-1\"", 1)),
            ("document type", good.replacen("<CPIX", "<!DOCTYPE a><CPIX", 1)),
        ] {
            assert!(matches!(import(text.as_bytes(), None), Err(Error::Document { .. })), "{case}");
        }
    }
}
