//! The boxes inside a sample entry, as far as codecs need them.

use crate::bits::Reader;

/// One box inside a sample entry.
pub(super) struct ChildBox<'a> {
    /// Type of the box.
    pub kind: [u8; 4],
    /// Offset of its payload in the slice that was walked, bytes.
    pub position: usize,
    /// Payload after the header.
    pub payload: &'a [u8],
}

/// The boxes of `data` from byte `start`. Ends quietly at anything that is no box: QuickTime closes a
/// sample entry with four zero bytes (QuickTime File Format, "Sample description").
pub(super) fn child_boxes(data: &[u8], start: usize) -> impl Iterator<Item = ChildBox<'_>> {
    let mut reader = Reader::new(data.get(start..).unwrap_or_default());
    std::iter::from_fn(move || {
        let size = reader.u32().ok()?;
        let kind = reader.array().ok()?;
        let position = start.checked_add(reader.position())?;
        let payload = reader.bytes(usize::try_from(size).ok()?.checked_sub(8)?).ok()?;
        Some(ChildBox { kind, position, payload })
    })
}

/// The first box of the type, if there is one.
pub(super) fn child_box<'a>(data: &'a [u8], start: usize, kind: &[u8; 4]) -> Option<ChildBox<'a>> {
    child_boxes(data, start).find(|child| child.kind == *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_to_the_first_thing_that_is_no_box() {
        let data = b"..\0\0\0\x09abcdX\0\0\0\x08efgh\0\0\0\0";
        let found: Vec<_> = child_boxes(data, 2).map(|c| (c.kind, c.position, c.payload.to_vec())).collect();
        assert_eq!(found, [(*b"abcd", 10, b"X".to_vec()), (*b"efgh", 19, Vec::new())]);
        assert!(child_box(data, 0, b"abcd").is_none());
        assert!(child_boxes(data, 99).next().is_none());
        assert!(child_boxes(b"\0\0\0\x04abcd", 0).next().is_none());
        assert!(child_boxes(b"\xff\xff\xff\xffabcd", 0).next().is_none());
    }
}
