//! From stored files to the index: readers that ask for byte ranges and never read.
//!
//! [`FileIndexer`] turns one MP4 file into a [`FileIndex`]; [`ism`] reads a server manifest, [`infer`]
//! makes one where there is none; [`assemble`] puts them together into a
//! [`crate::media::Presentation`] on one grid of key frames.

mod assemble;
mod captions;
mod choice;
mod describe;
mod edits;
mod encryption;
mod error;
mod file;
mod fragmented;
mod grid;
pub mod infer;
pub mod ism;
mod progressive;
mod text;
mod window;

pub use assemble::{Settings, assemble};
pub use error::Error;
pub use file::{Container, FileIndex, FileIndexer, SourceTrack};
pub use grid::{Candidate, Difference, first_difference, key_frame_times};

use crate::media::ByteRange;

/// What a reader says next.
#[derive(Debug)]
pub enum Step<T> {
    /// It wants these bytes; feed them and step again.
    Need(ByteRange),
    /// It is done.
    Done(T),
}
