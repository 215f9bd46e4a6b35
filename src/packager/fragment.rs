//! From sample tables to the samples of a movie fragment: rescaled, gapless, on the group's boundaries.

use crate::isobmff::{Edit, FragmentSample};
use crate::media::{SampleTable, Track};
use crate::time::{MediaTime, Timescale, rescale_floor};

use super::Error;

/// How presentation times reach the player.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Composition {
    /// By composition offsets alone, negative where need be: for players that never see an
    /// initialization segment of ours.
    Offsets,
    /// By composition offsets that are never negative, and an edit list in the initialization segment
    /// that takes off the constant by which they are too large. Players read a negative offset
    /// differently (ffmpeg moves the whole track); an edit list they all apply.
    EditList {
        /// The constant, ticks of the track; 0 needs no edit list.
        media_time: i64,
    },
}

impl Composition {
    /// For a track whose initialization segment is ours.
    pub(crate) fn of(track: &Track) -> Composition {
        Composition::EditList { media_time: track.decode_lead().max(0) }
    }

    /// What the initialization segment of `track` says of it (ISO/IEC 14496-12 8.6.6).
    pub(crate) fn edit(track: &Track, scale: Timescale) -> Option<Edit> {
        let media_time = rescale_floor(track.decode_lead().max(0), track.timescale, scale);
        // A duration of 0 stands for all that fragments bring (8.6.6.1).
        (media_time > 0).then_some(Edit { segment_duration: 0, media_time: Some(media_time), media_rate: 0x1_0000 })
    }
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
            Composition::EditList { media_time } => at(sample.presentation + media_time) - decode[index],
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
