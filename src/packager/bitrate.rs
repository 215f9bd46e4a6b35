//! Bit rates as manifests state them, measured over the segments that are really sent.

use crate::media::{Track, TrackGroup};
use crate::time::Timescale;

/// Peak and mean, in bits per second, of what `sent` makes of each segment's media bytes and number of
/// samples when `per_segment` of the group's segments are sent as one. A segment counts for the peak only
/// if it is at least half as long as the longest, so that a short tail does not stand for the film.
pub(crate) fn measured_with(
    group: &TrackGroup,
    track: &Track,
    per_segment: usize,
    sent: impl Fn(u64, u64) -> u64,
) -> (u64, u64) {
    let size = |first: usize| {
        let last = (first + per_segment.max(1)).min(track.segment_count());
        let media: u64 = track.segment_bytes[first..last].iter().sum();
        sent(media, u64::from(track.segment_samples[last].saturating_sub(track.segment_samples[first])))
    };
    measured_by(group, track, per_segment, size)
}

/// As [`measured_with`]; `sent` says what the segments from that index on have.
pub(crate) fn measured_by(
    group: &TrackGroup,
    track: &Track,
    per_segment: usize,
    sent: impl Fn(usize) -> u64,
) -> (u64, u64) {
    let step = per_segment.max(1);
    let longest = (0..group.segment_count()).step_by(step).map(|i| length(group, i, step)).max().unwrap_or(0);
    let (mut peak, mut bytes, mut nanos) = (0u128, 0u128, 0u128);
    for first in (0..track.segment_count()).step_by(step) {
        let size = u128::from(sent(first));
        let span = length(group, first, step);
        bytes += size;
        nanos += u128::from(span);
        if span * 2 >= longest && span > 0 {
            peak = peak.max(size * 8 * 1_000_000_000 / u128::from(span));
        }
    }
    let mean = (bytes * 8 * 1_000_000_000).checked_div(nanos).unwrap_or(0);
    (peak.max(mean) as u64, mean as u64)
}

/// Length of `step` segments from `first`, nanoseconds.
fn length(group: &TrackGroup, first: usize, step: usize) -> u64 {
    let nano = Timescale::new(1_000_000_000).unwrap_or(Timescale::TEN_MHZ);
    group.boundary(first + step, nano).saturating_sub(group.boundary(first, nano))
}
