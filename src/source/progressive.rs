//! Samples of a movie that is not fragmented: the sample tables of ISO/IEC 14496-12 8.6 and 8.7.

use crate::isobmff::{SampleTables, Track};
use crate::media::{RawSample, SampleIndexBuilder};

use super::Error;

/// Appends all samples of `track`'s tables to `builder`.
pub(super) fn index(file: &str, length: u64, track: &Track, builder: &mut SampleIndexBuilder) -> Result<(), Error> {
    let tables: &SampleTables = &track.samples;
    let mut durations = runs(tables.time_to_sample());
    let mut offsets = tables.composition_offsets().map(runs);
    let mut sync = tables.sync_samples();
    let mut next_sync = sync.as_mut().and_then(Iterator::next);
    let mut sizes = tables.sizes();
    let mut sample = 0u32;
    for chunk in tables.chunks() {
        let mut offset = chunk.offset;
        for _ in 0..chunk.samples {
            let Some(size) = sizes.next() else { return Ok(()) };
            let end = offset.checked_add(u64::from(size)).filter(|end| *end <= length);
            let Some(end) = end else {
                return Err(Error::SampleOutside {
                    file: file.to_owned(),
                    track: track.id,
                    sample,
                    offset,
                    size,
                    length,
                });
            };
            let is_sync = match (&sync, next_sync) {
                (None, _) => true,
                (Some(_), Some(next)) if next == sample => {
                    next_sync = sync.as_mut().and_then(Iterator::next);
                    true
                }
                _ => false,
            };
            builder
                .push(RawSample {
                    offset,
                    size,
                    duration: durations.next().unwrap_or(0),
                    composition_offset: offsets.as_mut().and_then(Iterator::next).unwrap_or(0),
                    sync: is_sync,
                })
                .map_err(|source| Error::Samples { file: file.to_owned(), track: track.id, source })?;
            offset = end;
            sample += 1;
        }
    }
    Ok(())
}

/// Expands (count, value) runs.
fn runs<T: Copy>(runs: impl Iterator<Item = (u32, T)>) -> impl Iterator<Item = T> {
    runs.flat_map(|(count, value)| std::iter::repeat_n(value, count as usize))
}
