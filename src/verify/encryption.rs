//! Encryption as manifests signal it, and as initialization segments do.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use url::Url;

use super::fragment::Init;
use super::listing::Stream;
use super::report::{Code, Finding};
use crate::cipher::KeyId;
use crate::isobmff::{FourCc, boxes};
use crate::xml::Element;

/// How a track is encrypted, by its manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Encryption {
    /// Each object as a whole.
    Whole(Envelope),
    /// Samples, of which only the bytes behind headers are.
    Samples {
        /// `cenc`, `cbcs`, `SAMPLE-AES` …
        scheme: String,
        /// The keys' ids, as far as the manifest has them.
        key_ids: Vec<KeyId>,
    },
}

/// The name for reports.
impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encryption::Whole(_) => f.write_str("AES-128"),
            Encryption::Samples { scheme, .. } => f.write_str(scheme),
        }
    }
}

/// What opens objects that are encrypted as a whole (RFC 8216 4.3.2.4, ISO/IEC 23009-4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Envelope {
    /// Where the key is; `None` where the manifest names none or several.
    pub key: Option<Url>,
    /// The initialization vector; without one each segment's number in the playlist is it.
    pub vector: Option<[u8; 16]>,
    /// The number of the first segment.
    pub first_number: u64,
}

impl Envelope {
    /// The vector of the segment at `index`.
    pub fn vector_of(&self, index: usize) -> [u8; 16] {
        let number = u128::from(self.first_number).saturating_add(index as u128);
        self.vector.unwrap_or(number.to_be_bytes())
    }
}

/// Reads the envelope of a `ContentProtection` element of segment encryption, in DASH and in Smooth.
pub(super) fn envelope(base: &Url, protection: &Element) -> Envelope {
    let mut periods = protection.children_named("CryptoPeriod");
    let only = periods.next().filter(|_| periods.next().is_none());
    let key = only.and_then(|p| p.attribute("keyUriTemplate")).and_then(|uri| base.join(uri).ok());
    Envelope { key, vector: only.and_then(|p| p.attribute("IV")).and_then(sixteen_bytes), first_number: 0 }
}

/// 16 bytes as `0x` and hexadecimal digits.
pub(super) fn sixteen_bytes(text: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"))?;
    let right = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u128::from_str_radix(digits, 16).ok().filter(|_| right).map(u128::to_be_bytes)
}

/// A key's id as DASH (a GUID) and HLS (`0x` and digits) write it.
pub(super) fn key_id(text: &str) -> Option<KeyId> {
    sixteen_bytes(text).map(KeyId).or_else(|| KeyId::from_str(text).ok())
}

/// What a protected sample entry says (ISO/IEC 23001-7 4, 8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Protected {
    /// `scheme_type`.
    pub scheme: FourCc,
    /// `default_KID`.
    pub key_id: KeyId,
}

impl Protected {
    /// Reads it from a sample entry; `None` of one that is not protected, or that is not understood.
    pub fn read(entry: &Bytes) -> Option<Protected> {
        let fields = match entry.get(4..8)? {
            b"encv" => 86,
            b"enca" => 36,
            b"enct" => 16,
            _ => return None,
        };
        let find = |data: Bytes, kind: &[u8; 4]| {
            let mut all = boxes(&data, 0).map_while(Result::ok);
            all.find(|found| found.kind == FourCc(*kind)).map(|found| found.body)
        };
        let sinf = find(entry.slice(fields.min(entry.len())..), b"sinf")?;
        let scheme = find(sinf.clone(), b"schm")?.get(4..8)?.try_into().ok()?;
        let key_id = find(find(sinf, b"schi")?, b"tenc")?.get(8..24)?.try_into().ok()?;
        Some(Protected { scheme: FourCc(scheme), key_id: KeyId(key_id) })
    }
}

/// The manifest and the initialization segment tell the same encryption; and what of it is not looked into.
pub(super) fn agree(listed: &Stream, init: Option<&Init>) -> Vec<Finding> {
    let mut found = Vec::new();
    let stated = match &listed.encryption {
        Some(Encryption::Samples { scheme, key_ids }) => Some((scheme.as_str(), key_ids.as_slice())),
        _ => None,
    };
    if let Some(init) = init {
        let differs = |message: String| {
            let finding = Finding::new(Code::ProtectionDiffers, message);
            listed.init.as_ref().map_or(finding.clone(), |(url, _)| finding.at(url))
        };
        match (stated, init.protected) {
            (None, Some(is)) => found.push(differs(format!(
                "samples are encrypted ({} with the key {}), and the manifest does not say so",
                is.scheme, is.key_id
            ))),
            (Some((scheme, _)), None) => {
                found.push(differs(format!("the manifest says {scheme}, and the initialization segment is clear")));
            }
            (Some((scheme, key_ids)), Some(is)) => {
                let own = is.scheme.to_string();
                if matches!(scheme, "cenc" | "cbcs") && own != scheme {
                    found.push(differs(format!("the manifest says {scheme}, the initialization segment {own}")));
                }
                if !key_ids.is_empty() && !key_ids.contains(&is.key_id) {
                    let ids: Vec<String> = key_ids.iter().map(KeyId::to_string).collect();
                    let (is, stated) = (is.key_id, ids.join(", "));
                    found.push(differs(format!(
                        "the initialization segment is of the key {is}, the manifest of {stated}"
                    )));
                }
            }
            (None, None) => {}
        }
    }
    if let Some((scheme, key_ids)) = stated {
        let keys: Vec<String> = key_ids.iter().map(|id| format!(" {id}")).collect();
        let keys = if keys.is_empty() { String::new() } else { format!(" with the key{}", keys.join(",")) };
        let message = format!("samples are encrypted: {scheme}{keys}; their times are checked, their contents are not");
        found.push(Finding::new(Code::Encrypted, message));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    #[test]
    fn an_envelope_is_read() {
        let limits = xml::Limits { bytes: 4096, depth: 8, nodes: 64, attributes: 16 };
        let read = |inside: &str| {
            let text =
                format!(r#"<ContentProtection schemeIdUri="urn:mpeg:dash:sea:2012">{inside}</ContentProtection>"#);
            envelope(&Url::parse("http://h/l/f.ism/manifest").unwrap(), &xml::parse(text.as_bytes(), limits).unwrap())
        };
        let one = r#"<CryptoPeriod IV="0x00112233445566778899AABBCCDDEEFF" keyUriTemplate="/?kid=1"/>"#;
        let found = read(one);
        assert_eq!(found.key.unwrap().as_str(), "http://h/?kid=1");
        assert_eq!(found.vector, Some(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF_u128.to_be_bytes()));
        assert_eq!(read(&one.repeat(2)), Envelope { key: None, vector: None, first_number: 0 });
        assert_eq!(read("").key, None);
    }

    #[test]
    fn vectors_and_key_ids_have_32_digits() {
        assert_eq!(sixteen_bytes("0X000000000000000000000000000000ff").unwrap()[15], 255);
        for bad in ["", "0x", "00", "0x+00000000000000000000000000000ff", "0x1", "0x000000000000000000000000000000ff0"]
        {
            assert_eq!(sixteen_bytes(bad), None, "{bad}");
        }
        let id = KeyId(0x1111_2222_3333_4444_5555_6666_7777_8888_u128.to_be_bytes());
        for text in ["11112222-3333-4444-5555-666677778888", "0x11112222333344445555666677778888"] {
            assert_eq!(key_id(text), Some(id), "{text}");
        }
        assert_eq!(key_id("key"), None);
    }

    #[test]
    fn without_a_vector_the_number_is_it() {
        let envelope = Envelope { key: None, vector: None, first_number: 7 };
        assert_eq!(envelope.vector_of(2), 9u128.to_be_bytes());
        let envelope = Envelope { vector: Some([3; 16]), ..envelope };
        assert_eq!(envelope.vector_of(2), [3; 16]);
    }
}
