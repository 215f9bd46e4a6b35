//! The bytes that an indexer has been fed last.

use bytes::Bytes;

use crate::media::ByteRange;

/// One contiguous piece of a file.
#[derive(Debug, Default)]
pub(super) struct Window {
    start: u64,
    bytes: Bytes,
}

impl Window {
    /// Replaces what was held.
    pub(super) fn feed(&mut self, start: u64, bytes: Bytes) {
        (self.start, self.bytes) = (start, bytes);
    }

    /// The bytes of `range`, if all of them are held.
    pub(super) fn get(&self, range: &ByteRange) -> Option<Bytes> {
        let from = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (from <= to && to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}
