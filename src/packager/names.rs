//! Track names inside URLs.

/// Appends a track's name as it stands in a URL: everything but RFC 3986's unreserved characters is
/// percent-encoded, so that no name can end the parentheses around it, be a placeholder of a template
/// (`$`, `{`), or need escaping in a manifest.
pub(crate) fn push_name(out: &mut String, name: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// As [`push_name`], alone.
pub(crate) fn url_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    push_name(&mut out, name);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_urls_or_templates() {
        assert_eq!(url_name("aac_eng_2_128041_2_1"), "aac_eng_2_128041_2_1");
        assert_eq!(url_name("a b"), "a%20b");
        assert_eq!(url_name("x=1,y)$Time${bitrate}<é>"), "x%3D1%2Cy%29%24Time%24%7Bbitrate%7D%3C%C3%A9%3E");
    }
}
