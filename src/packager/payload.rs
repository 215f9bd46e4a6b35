//! The media bytes of a segment, uncopied.

use bytes::Bytes;

use super::{Error, MediaData, Part};

/// The stored bytes of a part's samples in decode order: one slice per run of neighbouring samples.
///
/// # Errors
/// [`Error::MissingMedia`] when `media` lacks some of them.
pub(crate) fn payload(part: &Part, media: &MediaData) -> Result<Vec<Bytes>, Error> {
    let piece = |range: crate::media::ByteRange| {
        let length = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
        media.get(part.file, range.start, length)
    };
    part.samples.ranges().into_iter().map(piece).collect()
}
