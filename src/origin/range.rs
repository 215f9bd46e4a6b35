//! The `Range` header (RFC 9110 14.1 and 14.2).

use std::ops::Range;

/// Most ranges in one request; a header with more is answered with the whole body, which RFC 9110
/// 14.2 allows and which costs an attacker more than us.
pub const MAX_RANGES: usize = 16;

/// How many parts an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// One: manifests and fragments. Several ranges are answered with the whole body.
    Single,
    /// Up to [`MAX_RANGES`]: downloads.
    Many,
}

/// What a `Range` header asks of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The whole body: the header is malformed, of another unit, or asks too much.
    Whole,
    /// These bytes, in the order asked, never empty and inside the body.
    Ranges(Vec<Range<u64>>),
    /// Nothing that exists.
    Unsatisfiable,
}

/// Reads the header's value for a body of `length` bytes. One pass over the header.
pub fn parse(header: &str, length: u64, parts: Parts) -> Wanted {
    let most = match parts {
        Parts::Single => 1,
        Parts::Many => MAX_RANGES,
    };
    let Some(set) = header.trim().split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes")) else {
        return Wanted::Whole;
    };
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut specs = 0usize;
    // Lists may have empty elements (RFC 9110 5.6.1).
    for spec in set.1.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        specs += 1;
        if specs > most {
            return Wanted::Whole;
        }
        match one(spec, length) {
            Some(range) if !range.is_empty() => ranges.push(range),
            Some(_) => {}
            None => return Wanted::Whole,
        }
    }
    let total: u128 = ranges.iter().map(|range| u128::from(range.end - range.start)).sum();
    match (specs, ranges.is_empty()) {
        (0, _) => Wanted::Whole,
        (_, true) => Wanted::Unsatisfiable,
        // Overlapping ranges that ask the same bytes again and again are no honest request.
        (_, false) if total > u128::from(length) => Wanted::Whole,
        (_, false) => Wanted::Ranges(ranges),
    }
}

/// One range-spec as bytes of the body; empty if it lies outside, `None` if it is malformed.
fn one(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim_end(), last.trim_start());
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(length.saturating_sub(suffix)..length);
    }
    let first = number(first)?;
    let end = if last.is_empty() {
        length
    } else {
        let last = number(last)?;
        if last < first {
            return None;
        }
        last.saturating_add(1).min(length)
    };
    Some(first.min(end)..end)
}

/// Digits; what does not fit into 64 bits lies behind every body.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges, not ranges as lists")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table() {
        use Wanted::{Ranges, Unsatisfiable, Whole};
        #[rustfmt::skip]
        let cases = [
            ("bytes=0-3", Ranges(vec![0..4])),
            ("Bytes = 0 - 3", Ranges(vec![0..4])),
            ("bytes=2-", Ranges(vec![2..10])),
            ("bytes=-3", Ranges(vec![7..10])),
            ("bytes=-30", Ranges(vec![0..10])),
            ("bytes=5-99999999999999999999999", Ranges(vec![5..10])),
            ("bytes=9-9", Ranges(vec![9..10])),
            ("bytes=0-1,4-5, -1", Ranges(vec![0..2, 4..6, 9..10])),
            ("bytes=,0-1,,", Ranges(vec![0..2])),
            ("bytes=8-9,0-1,20-30", Ranges(vec![8..10, 0..2])),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-11,99-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=5-2", Whole),
            ("bytes=0-9,0-9", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1", Whole),
            ("bytes=a-b", Whole),
            ("items=0-1", Whole),
            ("", Whole),
        ];
        for (header, wanted) in cases {
            assert_eq!(parse(header, 10, Parts::Many), wanted, "{header}");
        }
        assert_eq!(parse("bytes=0-0,2-2", 10, Parts::Single), Whole);
        assert_eq!(parse("bytes=0-", 0, Parts::Single), Unsatisfiable);
        let many = |n: u64| (0..n).fold("bytes=".to_owned(), |s, i| s + &format!("{i}-{i},"));
        assert!(matches!(parse(&many(16), 100, Parts::Many), Ranges(r) if r.len() == 16));
        assert_eq!(parse(&many(17), 100, Parts::Many), Whole);
    }

    proptest! {
        #[test]
        fn ranges_lie_inside(header in "bytes=[-0-9, ]{0,40}", length in any::<u64>()) {
            if let Wanted::Ranges(ranges) = parse(&header, length, Parts::Many) {
                prop_assert!(!ranges.is_empty());
                prop_assert!(ranges.iter().all(|r| r.start < r.end && r.end <= length));
            }
        }
    }
}
