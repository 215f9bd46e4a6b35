//! Percent-encoding (RFC 3986 2.1).

use super::error::Error;

/// The text that stands behind percent-encoding; `+` stays `+`.
///
/// # Errors
/// Where `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
pub fn decode(what: &'static str, text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes().enumerate();
    while let Some((at, byte)) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|(_, b)| char::from(b).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(Error::syntax(what, at, "'%' stands without two hexadecimal digits behind it; write %25")),
        }
    }
    String::from_utf8(bytes).map_err(|error| {
        Error::syntax(what, error.utf8_error().valid_up_to(), "the percent-encoded bytes are not UTF-8")
    })
}

/// `text` with everything encoded that is not unreserved: as Azure Media Services wrote ids into URLs
/// (`nb%3Acid%3AUUID%3A…`).
pub fn encode_component(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_encoding_is_refused() {
        for text in ["%", "%4", "%zz", "%ff", "a%C3"] {
            assert!(decode("the path", text).is_err(), "{text}");
        }
        assert_eq!(encode_component("nb:cid:UUID:0 1"), "nb%3Acid%3AUUID%3A0%201");
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(text in ".{0,60}") {
            prop_assert_eq!(decode("the path", &encode_component(&text)).unwrap(), text);
        }
    }
}
