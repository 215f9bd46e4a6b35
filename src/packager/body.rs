//! What goes in and out of a packager: stored bytes, and pieces of an answer.

use bytes::Bytes;

use crate::media::{ByteRange, FileId, TrackKind};
use crate::time::MediaTime;

use super::Error;

/// A finished answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The body in order; pieces that are stored media point into what was read, uncopied.
    pub body: Vec<Bytes>,
    /// Media type.
    pub content_type: &'static str,
    /// How long it stays true.
    pub validity: Validity,
    /// What and how long it plays, for media (`x-ms-streaming-duration`).
    pub duration: Option<(TrackKind, MediaTime)>,
}

impl Rendered {
    /// Bytes in the body.
    pub fn len(&self) -> u64 {
        self.body.iter().map(|piece| piece.len() as u64).sum()
    }

    /// True for an empty body.
    pub fn is_empty(&self) -> bool {
        self.body.iter().all(Bytes::is_empty)
    }
}

/// How long an answer stays true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// As long as the presentation's revision.
    Revision,
}

/// Stored bytes that were read for a plan.
#[derive(Clone, Debug, Default)]
pub struct MediaData {
    pieces: Vec<(FileId, ByteRange, Bytes)>,
}

impl MediaData {
    /// From the ranges of [`super::Plan::reads`] and what was read for each.
    pub fn new(mut pieces: Vec<(FileId, ByteRange, Bytes)>) -> MediaData {
        pieces.sort_by_key(|(file, range, _)| (*file, range.start));
        MediaData { pieces }
    }

    /// The bytes `offset..offset + length` of `file`, uncopied.
    ///
    /// # Errors
    /// [`Error::MissingMedia`] when they were not read.
    pub fn get(&self, file: FileId, offset: u64, length: u32) -> Result<Bytes, Error> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let missing = Error::MissingMedia { file: file.0, offset, length };
        let after = self.pieces.partition_point(|(f, range, _)| (*f, range.start) <= (file, offset));
        let Some((found, range, bytes)) = after.checked_sub(1).and_then(|i| self.pieces.get(i)) else {
            return Err(missing);
        };
        let start = (offset - range.start.min(offset)) as usize;
        let end = start.saturating_add(length as usize);
        if *found != file || end > bytes.len() {
            return Err(missing);
        }
        Ok(bytes.slice(start..end))
    }
}
