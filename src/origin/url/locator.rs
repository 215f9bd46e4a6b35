//! Locator identifiers.

use std::fmt;

/// The GUID of a locator. Text form is 8-4-4-4-12 hexadecimal digits without braces; any case is
/// read, lower case is written. The bytes are in text order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocatorId([u8; 16]);

impl LocatorId {
    /// The identifier of these 16 bytes, in the order of the text form.
    pub const fn from_bytes(bytes: [u8; 16]) -> LocatorId {
        LocatorId(bytes)
    }

    /// The 16 bytes, in the order of the text form.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the text form; `None` if `text` is anything else.
    pub fn parse(text: &str) -> Option<LocatorId> {
        let text = text.as_bytes();
        if text.len() != 36 {
            return None;
        }
        let mut bytes = [0u8; 16];
        let mut digits = 0usize;
        for (i, &c) in text.iter().enumerate() {
            if matches!(i, 8 | 13 | 18 | 23) {
                if c != b'-' {
                    return None;
                }
                continue;
            }
            let value = super::percent::hex_digit(c)?;
            let byte = bytes.get_mut(digits / 2)?;
            *byte = (*byte << 4) | value;
            digits += 1;
        }
        Some(LocatorId(bytes))
    }
}

impl fmt::Display for LocatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for LocatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for LocatorId {
    type Err = NotALocator;

    fn from_str(text: &str) -> Result<LocatorId, NotALocator> {
        LocatorId::parse(text).ok_or(NotALocator)
    }
}

/// The text is not a GUID of the form 8-4-4-4-12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID of the form 8-4-4-4-12")]
pub struct NotALocator;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_is_read_and_lower_case_is_written() {
        let id = LocatorId::parse("0123ABCD-4567-89ab-CDEF-001122334455").unwrap();
        assert_eq!(id.to_string(), "0123abcd-4567-89ab-cdef-001122334455");
        assert_eq!(id.as_bytes()[..4], [0x01, 0x23, 0xab, 0xcd]);
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "{0123abcd-4567-89ab-cdef-001122334455}",
            "0123abcd456789abcdef001122334455",
            "0123abcd-4567-89ab-cdef-00112233445",
            "0123abcd-4567-89ab-cdef-0011223344556",
            "0123abcd+4567-89ab-cdef-001122334455",
            "0123abcg-4567-89ab-cdef-001122334455",
            "0123abcd-4567-89ab-cdef-00112233445é",
        ] {
            assert_eq!(LocatorId::parse(text), None, "{text}");
        }
    }
}
