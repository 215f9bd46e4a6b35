//! iTunes' note on what of a track's sound is to be heard: `iTunSMPB` among the metadata of a movie.
//!
//! No standard has it, but encoders of Apple and players write and read it: behind twelve numbers in hexadecimal
//! digits, of which the second is the priming, the third the padding and the fourth what lies between.

use bytes::Bytes;

use super::FourCc;
use super::boxes::boxes;

const UDTA: FourCc = FourCc(*b"udta");
const META: FourCc = FourCc(*b"meta");
const ILST: FourCc = FourCc(*b"ilst");
const ITEM: FourCc = FourCc(*b"----");

/// More items are not looked at.
const MAX_ITEMS: usize = 256;
/// Nobody's encoder is later than this: what says so is damaged, samples.
const MAX_PRIMING: u64 = 1 << 16;

/// What is to be heard, in PCM samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gapless {
    /// Not to be heard at the beginning.
    pub priming: u32,
    /// Not to be heard at the end.
    pub padding: u32,
    /// What lies between; 0 where it is not known.
    pub samples: u64,
}

/// Looks for the note in a movie's `udta` box, whole. What is damaged there is passed over: user data is anything.
pub fn gapless(user_data: &Bytes) -> Option<Gapless> {
    let udta = first(user_data, UDTA)?;
    let meta = first(&udta, META)?;
    // In ISO's form it has version and flags, in QuickTime's it has not.
    let ilst = meta.get(4..).and_then(|_| first(&meta.slice(4..), ILST)).or_else(|| first(&meta, ILST))?;
    let items = boxes(&ilst, 0).map_while(Result::ok).take(MAX_ITEMS).filter(|item| item.kind == ITEM);
    items.filter_map(|item| parse(&item.body)).next()
}

/// The body of the first box of that type.
fn first(data: &Bytes, kind: FourCc) -> Option<Bytes> {
    boxes(data, 0).map_while(Result::ok).take(MAX_ITEMS).find(|found| found.kind == kind).map(|found| found.body)
}

/// An item with a name of its own: who named it, the name, the value.
fn parse(item: &Bytes) -> Option<Gapless> {
    let name = first(item, FourCc(*b"name"))?;
    if name.get(4..)? != b"iTunSMPB" {
        return None;
    }
    let data = first(item, FourCc(*b"data"))?;
    let text = std::str::from_utf8(data.get(8..)?).ok()?;
    let mut numbers = text.split_ascii_whitespace().map(|digits| u64::from_str_radix(digits, 16));
    let [_, priming, padding, samples] = [numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?];
    let (priming, padding, samples) = (priming.ok()?, padding.ok()?, samples.ok()?);
    let known = priming <= MAX_PRIMING && samples <= i64::MAX.unsigned_abs() / 2;
    let gapless = Gapless { priming: priming as u32, padding: u32::try_from(padding).ok()?, samples };
    known.then_some(gapless)
}

#[cfg(test)]
mod tests {
    use super::super::write::write_box;
    use super::*;

    fn user_data(version_and_flags: bool, name: &str, text: &str) -> Bytes {
        let mut out = Vec::new();
        write_box(&mut out, UDTA, |out| {
            write_box(out, META, |out| {
                if version_and_flags {
                    out.extend_from_slice(&[0; 4]);
                }
                write_box(out, FourCc(*b"hdlr"), |out| {
                    out.extend_from_slice(b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0")
                });
                write_box(out, ILST, |out| {
                    write_box(out, FourCc(*b"\xa9too"), |out| out.extend_from_slice(b"encoder"));
                    write_box(out, ITEM, |out| {
                        write_box(out, FourCc(*b"mean"), |out| out.extend_from_slice(b"\0\0\0\0com.apple.iTunes"));
                        write_box(out, FourCc(*b"name"), |out| {
                            out.extend_from_slice(&[0; 4]);
                            out.extend_from_slice(name.as_bytes());
                        });
                        write_box(out, FourCc(*b"data"), |out| {
                            out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0]);
                            out.extend_from_slice(text.as_bytes());
                        });
                    });
                });
            });
        });
        Bytes::from(out)
    }

    const TEXT: &str = " 00000000 00000840 000001CA 00000000003F31F6 00000000 00000000 00000000";

    #[test]
    fn what_itunes_writes() {
        let expected = Gapless { priming: 2112, padding: 458, samples: 0x3f31f6 };
        assert_eq!(gapless(&user_data(true, "iTunSMPB", TEXT)), Some(expected));
        assert_eq!(gapless(&user_data(false, "iTunSMPB", TEXT)), Some(expected));
    }

    #[test]
    fn everything_else_is_passed_over() {
        assert_eq!(gapless(&user_data(true, "iTunNORM", TEXT)), None);
        for text in
            ["", " 00000000", " 0 840 1CA xyz", " 0 FFFFFFFF 0 0", " 0 0 0 FFFFFFFFFFFFFFFF", " 0 840 FFFFFFFFF 0"]
        {
            assert_eq!(gapless(&user_data(true, "iTunSMPB", text)), None, "{text:?}");
        }
        let whole = user_data(true, "iTunSMPB", TEXT);
        for end in 0..whole.len() {
            assert_eq!(gapless(&whole.slice(..end)), None);
        }
        assert_eq!(gapless(&Bytes::from_static(b"\0\0\0\x0cudtameta")), None);
    }
}
