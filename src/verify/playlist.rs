//! Reading HLS playlists (RFC 8216 4): lines, tags, attribute lists.

/// A line that says something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line<'a> {
    /// `#EXT-X-NAME:VALUE`; the value is empty where there is none.
    Tag(&'a str, &'a str),
    /// A URI.
    Uri(&'a str),
}

/// The lines of a playlist without comments and empty ones.
pub(super) fn lines(body: &[u8]) -> Result<Vec<Line<'_>>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the playlist is not UTF-8")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim_end);
    if lines.next() != Some("#EXTM3U") {
        return Err("the playlist does not begin with #EXTM3U".to_owned());
    }
    Ok(lines
        .filter_map(|line| match line.strip_prefix('#') {
            Some(tag) if tag.starts_with("EXT") => {
                let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
                Some(Line::Tag(name, value))
            }
            Some(_) => None,
            None if line.is_empty() => None,
            None => Some(Line::Uri(line)),
        })
        .collect())
}

/// The value of an attribute in an attribute list (4.2), without quotation marks.
pub(super) fn attribute<'a>(list: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = list;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.find(',').map_or((after, ""), |at| after.split_at(at)),
        };
        if name.trim() == wanted {
            return Some(value);
        }
        rest = next.strip_prefix(',').unwrap_or_default();
    }
    None
}

/// A decimal number of seconds as microseconds, without rounding but for digits beyond the sixth.
pub(super) fn micros(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction: i64 = format!("{:0<6}", &fraction[..fraction.len().min(6)]).parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

/// `length[@offset]` of a byte range (4.3.2.2); without an offset it begins at `next`. First and last byte.
pub(super) fn byte_range(text: &str, next: u64) -> Option<(u64, u64)> {
    let (length, offset) = text.split_once('@').map_or((text, None), |(length, offset)| (length, Some(offset)));
    let length: u64 = length.trim().parse().ok().filter(|l| *l > 0)?;
    let first = match offset {
        Some(offset) => offset.trim().parse().ok()?,
        None => next,
    };
    Some((first, first.checked_add(length - 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tags_and_uris() {
        let body = b"#EXTM3U\r\n#EXT-X-VERSION:4\r\n\r\n# a comment\r\n#EXTINF:2.0,no-desc\r\na b.ts\r\n#EXT-X-ENDLIST";
        let expected = [
            Line::Tag("EXT-X-VERSION", "4"),
            Line::Tag("EXTINF", "2.0,no-desc"),
            Line::Uri("a b.ts"),
            Line::Tag("EXT-X-ENDLIST", ""),
        ];
        assert_eq!(lines(body).unwrap(), expected);
        assert!(lines(b"<MPD/>").is_err() && lines(b"").is_err() && lines(b"#EXTM3U\n\xff").is_err());
    }

    #[test]
    fn attributes_are_found_behind_quoted_commas() {
        let list = r#"BANDWIDTH=10,CODECS="avc1.4d400d,mp4a.40.2",AUDIO="a=b",X=,URI="u""#;
        assert_eq!(attribute(list, "CODECS"), Some("avc1.4d400d,mp4a.40.2"));
        assert_eq!(attribute(list, "AUDIO"), Some("a=b"));
        assert_eq!(attribute(list, "X"), Some(""));
        assert_eq!(attribute(list, "URI"), Some("u"));
        assert_eq!(attribute(list, "b"), None);
        assert_eq!(attribute("A=\"open", "A"), None);
        assert_eq!(attribute("", "A"), None);
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(micros("6.006"), Some(6_006_000));
        assert_eq!(micros("2"), Some(2_000_000));
        assert_eq!(micros("0.12345678"), Some(123_456));
        for bad in ["", ".", "-1", "1.x", "99999999999999999999", "9223372036854775807"] {
            assert_eq!(micros(bad), None, "{bad}");
        }
        assert_eq!(byte_range("10@5", 0), Some((5, 14)));
        assert_eq!(byte_range("10", 7), Some((7, 16)));
        for bad in ["", "0", "x", "1@", "2@18446744073709551615"] {
            assert_eq!(byte_range(bad, 0), None, "{bad}");
        }
    }
}
