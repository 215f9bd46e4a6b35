//! Checked reading of bytes and bits: nothing here panics on short or hostile input.

mod bit_reader;
mod reader;

pub use bit_reader::{BitReader, rbsp};
pub use reader::Reader;

/// The input ended before the value asked for, or the value does not exist in the coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fewer bytes are left than the value has.
    #[error("{wanted} bytes wanted at byte {position}, {remaining} are left")]
    EndOfBytes {
        /// Byte offset at which reading failed.
        position: usize,
        /// Bytes asked for.
        wanted: usize,
        /// Bytes that were left.
        remaining: usize,
    },
    /// Fewer bits are left than the value has.
    #[error("{wanted} bits wanted at bit {position}, {remaining} are left")]
    EndOfBits {
        /// Bit offset at which reading failed.
        position: usize,
        /// Bits asked for.
        wanted: usize,
        /// Bits that were left.
        remaining: usize,
    },
    /// An Exp-Golomb code of more than 32 leading zero bits (ISO/IEC 14496-10 9.1).
    #[error("the Exp-Golomb code at bit {position} is longer than any syntax element")]
    ExpGolomb {
        /// Bit offset at which the code begins.
        position: usize,
    },
}

impl Error {
    /// Offset of the failed read, in whole bytes.
    pub fn byte_position(&self) -> usize {
        match self {
            Error::EndOfBytes { position, .. } => *position,
            Error::EndOfBits { position, .. } | Error::ExpGolomb { position } => position / 8,
        }
    }
}
