//! Which bytes of samples stay clear when they are encrypted one by one (ISO/IEC 23001-7 9.5).

use super::SampleError;
use crate::isobmff::Subsample;

/// What of a track's samples is protected.
pub enum Subsampling {
    /// All of each sample.
    Whole,
    /// Parts, which the samples themselves tell. One value sees the samples of a segment in decode order.
    Parts(Box<dyn Subsampler>),
}

/// What the cipher wants of protected ranges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blocks {
    /// Multiples of 16 bytes: key streams then go on at whole blocks (`cenc`, 9.5.2.3).
    Whole,
    /// Any length: what is left after the last whole block is clear anyway (`cbcs`).
    Any,
}

/// Finds the protected ranges of samples.
pub trait Subsampler: Send {
    /// Appends the stretches of `sample`, which together are as long as it is.
    ///
    /// # Errors
    /// [`SampleError`] when nothing tells what must stay clear.
    fn subsamples(&mut self, sample: &[u8], blocks: Blocks, out: &mut Vec<Subsample>) -> Result<(), SampleError>;
}
