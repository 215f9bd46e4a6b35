//! Times as caption files write them, in milliseconds.

use crate::time::MAX_MEDIA_SECONDS;

/// The end of what has none: 99:59:59.999, the latest that all readers of two-digit hours understand.
pub const OPEN_END: u64 = 359_999_999;

/// A WebVTT timestamp (WebVTT 4.1): `mm:ss.mmm` or with hours of two or more digits before. SubRip's comma and
/// fewer digits are read too.
pub(super) fn timestamp(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let mut parts = clock.rsplit(':');
    let seconds = digits(parts.next()?)?;
    let minutes = digits(parts.next()?)?;
    let hours = parts.next().map_or(Some(0), digits)?;
    if parts.next().is_some() || seconds > 59 || minutes > 59 || fraction.len() > 9 {
        return None;
    }
    let mut millis = 0;
    for index in 0..3 {
        let digit =
            fraction.as_bytes().get(index).map_or(Some(0), |b| b.is_ascii_digit().then(|| u64::from(b - b'0')))?;
        millis = millis * 10 + digit;
    }
    let seconds = hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)?;
    (seconds < MAX_MEDIA_SECONDS).then(|| seconds * 1000 + millis)
}

/// A number of decimal digits and nothing else.
pub(super) fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Appends `hh:mm:ss.mmm`.
pub(super) fn push_timestamp(out: &mut String, millis: u64) {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    push_padded(out, seconds / 3600, 2);
    out.push(':');
    push_padded(out, seconds / 60 % 60, 2);
    out.push(':');
    push_padded(out, seconds % 60, 2);
    out.push('.');
    push_padded(out, rest, 3);
}

fn push_padded(out: &mut String, number: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number);
    out.push_str("000".get(..width.saturating_sub(text.len())).unwrap_or_default());
    out.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_and_written_to_the_millisecond() {
        for (text, millis) in [
            ("00:01.500", 1500),
            ("00:00:01.500", 1500),
            ("99:59:59.999", OPEN_END),
            ("100:00:00.001", 360_000_001),
            ("00:00:01,5", 1500),
            ("1:00:00.000", 3_600_000),
        ] {
            assert_eq!(timestamp(text), Some(millis), "{text}");
        }
        for text in
            ["", "1", "00:60.000", "00:00:61.000", "-1:00.000", "00:00:00.00x", "9999999999:00:00.000", "1:2:3:4"]
        {
            assert_eq!(timestamp(text), None, "{text}");
        }
        let mut out = String::new();
        push_timestamp(&mut out, 360_000_001);
        out.push(' ');
        push_timestamp(&mut out, 61_020);
        assert_eq!(out, "100:00:00.001 00:01:01.020");
    }
}
