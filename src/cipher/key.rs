//! Content keys and their identifiers.

use std::fmt;
use std::str::FromStr;

use aes::Aes128;
use aes::cipher::KeyInit;

use crate::secrets::Secret;

/// An AES-128 key that media is encrypted with.
pub type ContentKey = Secret<16>;

/// The block cipher with a key.
pub(super) fn block_cipher(key: &ContentKey) -> Aes128 {
    Aes128::new(key.expose().into())
}

/// Names a [`ContentKey`]: a GUID, kept as the 16 bytes of its text (`tenc`, `pssh` version 1, Widevine).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    /// The bytes in the order of a .NET GUID, its first three fields little-endian: PlayReady's headers,
    /// checksums and key seeds count so.
    pub fn little_endian_fields(self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.0;
        let mut out = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
        out[8..].copy_from_slice(&rest);
        out
    }

    /// From the bytes in that order.
    pub fn from_little_endian_fields(bytes: [u8; 16]) -> KeyId {
        // The same bytes change places on the way back.
        KeyId(KeyId(bytes).little_endian_fields())
    }
}

/// As text: lower-case hexadecimal digits in groups (RFC 4122 3).
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no key identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a key identifier has 32 hexadecimal digits in groups of 8-4-4-4-12")]
pub struct KeyIdError;

/// With or without hyphens, braces and `urn:uuid:`, in either case.
impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<KeyId, KeyIdError> {
        let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
        let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
        let hyphens_right = || text.len() == 36 && [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-');
        if text.len() != 32 && !hyphens_right() {
            return Err(KeyIdError);
        }
        let mut digits = text.bytes().filter(|byte| *byte != b'-');
        let mut digit = || digits.next().and_then(|d| char::from(d).to_digit(16)).ok_or(KeyIdError);
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            *byte = (digit()? * 16 + digit()?) as u8;
        }
        if digit().is_ok() { Err(KeyIdError) } else { Ok(KeyId(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_byte_orders() {
        let id: KeyId = "339C45B5-FB6D-4BD9-994C-EABD9D41C95B".parse().unwrap();
        assert_eq!(id.to_string(), "339c45b5-fb6d-4bd9-994c-eabd9d41c95b");
        assert_eq!(
            id.little_endian_fields(),
            [0xb5, 0x45, 0x9c, 0x33, 0x6d, 0xfb, 0xd9, 0x4b, 0x99, 0x4c, 0xea, 0xbd, 0x9d, 0x41, 0xc9, 0x5b]
        );
        assert_eq!(KeyId::from_little_endian_fields(id.little_endian_fields()), id);
        for same in ["339c45b5fb6d4bd9994ceabd9d41c95b", "{339c45b5-fb6d-4bd9-994c-eabd9d41c95b}"] {
            assert_eq!(same.parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_no_identifier() {
        for text in [
            "",
            "339c45b5",
            "339c45b5-fb6d-4bd9-994c-eabd9d41c95",
            "339c45b5-fb6d-4bd9-994c-eabd9d41c95bz",
            "339c45b5fb6d-4bd9-994c-eabd-9d41c95b",
            "zz9c45b5fb6d4bd9994ceabd9d41c95b",
            "é39c45b5fb6d4bd9994ceabd9d41c95",
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(KeyIdError), "{text}");
        }
    }
}
