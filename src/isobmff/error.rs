//! What can be wrong with boxes: where, and exactly what.

use std::fmt;

use super::FourCc;

/// The deepest path an [`Error`] names; `moov/trak/mdia/minf/stbl/stsd/avc1/avcC` has eight.
const MAX_PATH: usize = 8;

/// The way from the outermost box to the one at fault, e.g. `moov/trak[2]/mdia`. Numbers count
/// siblings of one type from 1. A small value without allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BoxPath {
    kinds: [FourCc; MAX_PATH],
    /// 0 where the box needs no number.
    numbers: [u16; MAX_PATH],
    length: u8,
}

impl BoxPath {
    /// The file itself.
    pub const FILE: BoxPath = BoxPath { kinds: [FourCc([0; 4]); MAX_PATH], numbers: [0; MAX_PATH], length: 0 };

    /// The path of an only child of this type. Levels past the eighth are left out.
    pub fn child(self, kind: FourCc) -> BoxPath {
        self.numbered(kind, 0)
    }

    /// The path of the `number`th child of this type, counted from 1.
    pub fn numbered(mut self, kind: FourCc, number: usize) -> BoxPath {
        let at = usize::from(self.length);
        if let (Some(slot), Some(count)) = (self.kinds.get_mut(at), self.numbers.get_mut(at)) {
            *slot = kind;
            *count = u16::try_from(number).unwrap_or(u16::MAX);
            self.length += 1;
        }
        self
    }
}

impl fmt::Display for BoxPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length == 0 {
            return f.write_str("file");
        }
        let levels = self.kinds.iter().zip(self.numbers).take(usize::from(self.length));
        for (level, (kind, number)) in levels.enumerate() {
            if level > 0 {
                f.write_str("/")?;
            }
            write!(f, "{kind}")?;
            if number > 0 {
                write!(f, "[{number}]")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for BoxPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A box that cannot be read: which, where, why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} at byte {offset}: {kind}")]
pub struct Error {
    /// The box at fault.
    pub path: BoxPath,
    /// Byte offset in the file, as far as the caller told where its slice begins.
    pub offset: u64,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong with a box.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The box ends before its fields do.
    #[error("{needed} more bytes are needed and {available} are left")]
    Truncated {
        /// Bytes that the next field takes.
        needed: u64,
        /// Bytes left in the box.
        available: u64,
    },
    /// A box's size is smaller than its own header (ISO/IEC 14496-12 4.2).
    #[error("box '{kind}' says {size} bytes, less than its header of {minimum}")]
    BoxTooSmall {
        /// The box's type.
        kind: FourCc,
        /// The size field.
        size: u64,
        /// Bytes of its header.
        minimum: u64,
    },
    /// A box reaches past the end of its container.
    #[error("box '{kind}' says {size} bytes and its container has {available} left")]
    BoxTooLong {
        /// The box's type.
        kind: FourCc,
        /// The size field.
        size: u64,
        /// Bytes left in the container, from the box's first.
        available: u64,
    },
    /// Another box was promised here.
    #[error("expected a box '{expected}' and found '{found}'")]
    UnexpectedBox {
        /// The type promised.
        expected: FourCc,
        /// The type found.
        found: FourCc,
    },
    /// A mandatory box is absent.
    #[error("box '{kind}' is missing")]
    Missing {
        /// The absent box.
        kind: FourCc,
    },
    /// A box that may occur once occurs again.
    #[error("box '{kind}' may occur only once")]
    Duplicate {
        /// The repeated box.
        kind: FourCc,
    },
    /// Two tracks, or two track fragments' defaults, claim one track.
    #[error("track {track_id} occurs more than once")]
    DuplicateTrack {
        /// The repeated track identifier.
        track_id: u32,
    },
    /// A full box of a version that no edition of the standard defines.
    #[error("version {version} is unknown")]
    UnknownVersion {
        /// The version field.
        version: u8,
    },
    /// A table claims more entries than its box has room for.
    #[error("{count} entries are claimed and the box has room for {room}")]
    TooManyEntries {
        /// The count field.
        count: u64,
        /// Entries that fit the bytes present.
        room: u64,
    },
    /// A number past a limit of this program.
    #[error("{value} {what} exceed the limit of {limit}")]
    LimitExceeded {
        /// What is counted, in the plural.
        what: &'static str,
        /// The number found.
        value: u64,
        /// The limit.
        limit: u64,
    },
    /// A table describes another number of samples than the sample sizes do.
    #[error("table '{table}' covers {covered} samples and the track has {samples}")]
    SampleCount {
        /// The table.
        table: FourCc,
        /// Samples that it covers.
        covered: u64,
        /// Samples that `stsz` or `stz2` counts.
        samples: u64,
    },
    /// Numbers that must strictly increase do not.
    #[error("entry {entry} of {what} is {value} where more than {previous} is due")]
    OutOfOrder {
        /// Which numbers.
        what: &'static str,
        /// Index of the entry, from 0.
        entry: u64,
        /// Its value.
        value: u64,
        /// The value that it must exceed.
        previous: u64,
    },
    /// A field holds a value that its definition forbids.
    #[error("{what} cannot be {value}")]
    InvalidValue {
        /// The field.
        what: &'static str,
        /// Its value.
        value: i64,
    },
    /// The movie box is compressed (QuickTime `cmov`), which is not supported.
    #[error("compressed movie boxes are not supported")]
    Compressed,
}

impl ErrorKind {
    /// This kind at a place.
    pub(super) fn at(self, path: BoxPath, offset: u64) -> Error {
        Error { path, offset, kind: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_path_and_offset() {
        let path = BoxPath::FILE.child(FourCc(*b"moov")).numbered(FourCc(*b"trak"), 2).child(FourCc(*b"stsz"));
        let error = ErrorKind::TooManyEntries { count: 9, room: 1 }.at(path, 77);
        assert_eq!(error.to_string(), "moov/trak[2]/stsz at byte 77: 9 entries are claimed and the box has room for 1");
        assert_eq!(BoxPath::FILE.to_string(), "file");
    }

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
    }
}
