//! From sample tables to the samples of a movie fragment: rescaled, gapless, on the group's boundaries.

use crate::isobmff::FragmentSample;
use crate::media::SampleTable;
use crate::time::{MediaTime, Timescale};

use super::Error;

/// How presentation times reach the player.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Composition {
    /// By composition offsets alone.
    Offsets,
    /// Decode times are presentation times but for a constant that an edit list in the initialization
    /// segment takes off; no offsets are written.
    EditList,
}

/// The samples as `trun` states them, and `tfdt`, in ticks of `scale`. The first begins at `start`, the
/// last ends at `end` if that is given (where the next segment begins), else after its own duration.
///
/// Times come from absolute times by rounding down, durations by difference, so nothing drifts.
///
/// # Errors
/// [`Error::CompositionOffsetTooLarge`] when an offset does not fit 32 bits.
pub(crate) fn fragment_samples(
    table: &SampleTable,
    start: MediaTime,
    end: Option<MediaTime>,
    scale: Timescale,
    composition: Composition,
) -> Result<(u64, Vec<FragmentSample>), Error> {
    let at = |ticks: i64| MediaTime::new(ticks, table.timescale).floor(scale);
    let base = start.floor(scale);
    let origin = table.samples.first().map_or(0, |s| at(s.decode));
    let mut decode: Vec<i64> = table.samples.iter().map(|s| base + at(s.decode) - origin).collect();
    let natural_end = base + at(table.end) - origin;
    let end = end.map_or(natural_end, |e| e.floor(scale)).max(base + 1);
    if decode.last().is_some_and(|last| *last >= end) {
        // The next segment begins before this one's samples would end (a key frame reordered further
        // than the others): spread them, presentation times stay exact.
        let count = decode.len() as i64;
        for (index, time) in decode.iter_mut().enumerate() {
            *time = base + (end - base) * index as i64 / count;
        }
    }
    let mut samples = Vec::with_capacity(table.samples.len());
    for (index, sample) in table.samples.iter().enumerate() {
        let next = decode.get(index + 1).copied().unwrap_or(end);
        let offset = match composition {
            Composition::Offsets => at(sample.presentation) - decode[index],
            Composition::EditList => 0,
        };
        samples.push(FragmentSample {
            size: sample.size,
            duration: u32::try_from(next - decode[index]).unwrap_or(u32::MAX),
            composition_offset: i32::try_from(offset).map_err(|_| Error::CompositionOffsetTooLarge { offset })?,
            sync: sample.sync,
        });
    }
    Ok((base.max(0) as u64, samples))
}
