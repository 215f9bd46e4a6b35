//! Percent-encoding of paths (RFC 3986 2.1).

use super::{Problem, UrlError};

/// The value of a hexadecimal digit.
pub(super) const fn hex_digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

/// Decodes once, never twice: `%2528` becomes `%28` and stays so. The result is UTF-8 and free of
/// control characters and backslashes, which no name in an asset needs and which storage back
/// ends read in different ways.
pub(super) fn decode(path: &str) -> Result<String, UrlError> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.bytes().enumerate();
    while let Some((at, c)) = rest.next() {
        if c != b'%' {
            out.push(c);
            continue;
        }
        let high = rest.next().and_then(|(_, c)| hex_digit(c));
        let low = rest.next().and_then(|(_, c)| hex_digit(c));
        match (high, low) {
            (Some(high), Some(low)) => out.push(high << 4 | low),
            _ => return Err(UrlError::syntax(at, Problem::BadEscape)),
        }
    }
    let text = String::from_utf8(out).map_err(|e| UrlError::syntax(e.utf8_error().valid_up_to(), Problem::NotUtf8))?;
    match text.find(|c: char| c.is_control() || c == '\\') {
        Some(at) => Err(UrlError::syntax(at, Problem::ForbiddenCharacter)),
        None => Ok(text),
    }
}

/// Appends `text`, encoding all but unreserved characters and the punctuation that is legal in a
/// path segment (RFC 3986 3.3).
pub(super) fn encode(text: &str, out: &mut impl std::fmt::Write) -> std::fmt::Result {
    for &c in text.as_bytes() {
        if c.is_ascii_alphanumeric() || b"-._~()=,;!$&'*+:@".contains(&c) {
            out.write_char(char::from(c))?;
        } else {
            write!(out, "%{c:02X}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once() {
        assert_eq!(decode("/a%20b%28%C3%A9%2528").unwrap(), "/a b(é%28");
    }

    #[test]
    fn refuses_what_is_not_an_escape_or_not_text() {
        for (path, at, problem) in [
            ("/%zz", 1, Problem::BadEscape),
            ("/%", 1, Problem::BadEscape),
            ("/%a", 1, Problem::BadEscape),
            ("/%4é", 1, Problem::BadEscape),
            ("/%ff", 1, Problem::NotUtf8),
            ("/a%C3%28", 2, Problem::NotUtf8),
            ("/a%00", 2, Problem::ForbiddenCharacter),
            ("/a%5Cb", 2, Problem::ForbiddenCharacter),
        ] {
            assert_eq!(decode(path), Err(UrlError::syntax(at, problem)), "{path}");
        }
    }
}
