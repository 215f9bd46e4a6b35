//! Samples of movie fragments (ISO/IEC 14496-12 8.8).

use std::collections::HashMap;

use crate::isobmff::{MovieFragment, TrackExtends, TrackFragment, is_sync};
use crate::media::{RawSample, SampleIndexBuilder};

use super::Error;
use super::encryption::EncryptionCollector;

/// Collects the samples of one track over all its fragments.
#[derive(Debug)]
pub(super) struct TrackCollector {
    pub(super) builder: Option<SampleIndexBuilder>,
    /// Sample index at which each fragment begins.
    pub(super) fragment_starts: Vec<u32>,
    pub(super) encryption: Option<EncryptionCollector>,
    defaults: TrackExtends,
    timescale: crate::time::Timescale,
    is_video: bool,
    /// The most samples: a file has no more of them than bytes.
    limit: u64,
    pending: Option<(i64, RawSample)>,
    count: u32,
}

impl TrackCollector {
    pub(super) fn new(
        defaults: TrackExtends,
        timescale: crate::time::Timescale,
        is_video: bool,
        limit: u64,
    ) -> TrackCollector {
        TrackCollector {
            builder: None,
            fragment_starts: Vec::new(),
            encryption: None,
            defaults,
            timescale,
            is_video,
            limit,
            pending: None,
            count: 0,
        }
    }

    /// Continues after samples that stood in the movie's own tables.
    pub(super) fn continue_after(&mut self, builder: SampleIndexBuilder) {
        if !builder.is_empty() {
            self.count = builder.len();
            self.fragment_starts.push(0);
            self.builder = Some(builder);
        }
    }

    /// Samples so far.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.count)
    }

    /// Where decoding has got to; `None` before the first sample.
    fn end(&self) -> Option<i64> {
        match &self.pending {
            // Whether that is too late for any film is the builder's to say.
            Some((decode, sample)) => Some(decode.saturating_add(i64::from(sample.duration))),
            None => self.builder.as_ref().map(SampleIndexBuilder::end),
        }
    }

    /// Begins a fragment at `decode` if its time is known, else where the last one ended. A last sample
    /// that says it lasts longer or shorter than until then is corrected.
    fn begin(&mut self, decode: Option<i64>) {
        self.fragment_starts.push(self.count);
        let Some(decode) = decode else { return };
        match &mut self.pending {
            Some((last, sample)) => {
                if let Some(duration) = decode.checked_sub(*last).and_then(|d| u32::try_from(d).ok()).filter(|d| *d > 0)
                {
                    sample.duration = duration;
                }
            }
            None if self.builder.is_none() => {
                self.builder = Some(SampleIndexBuilder::new(self.timescale, decode).limit(self.limit));
            }
            None => {}
        }
    }

    fn push(&mut self, sample: RawSample) -> Result<(), crate::media::SampleIndexError> {
        let decode = self.end().unwrap_or(0);
        self.flush()?;
        self.pending = Some((decode, sample));
        self.count += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), crate::media::SampleIndexError> {
        let Some((decode, sample)) = self.pending.take() else { return Ok(()) };
        let (timescale, limit) = (self.timescale, self.limit);
        self.builder.get_or_insert_with(|| SampleIndexBuilder::new(timescale, decode).limit(limit)).push(sample)
    }

    /// The collected samples.
    pub(super) fn finish(mut self) -> Result<(SampleIndexBuilder, Vec<u32>), crate::media::SampleIndexError> {
        self.flush()?;
        let builder = self.builder.unwrap_or_else(|| SampleIndexBuilder::new(self.timescale, 0));
        // Fragments without samples begin where the next one does.
        let mut starts = self.fragment_starts;
        starts.dedup();
        starts.retain(|s| *s < builder.len());
        Ok((builder, starts))
    }
}

/// Adds one `moof`. `known_times` are fragment times from `tfra`, by track and `moof` offset, for files
/// whose fragments carry neither `tfdt` nor `tfxd`.
pub(super) fn add(
    file: &str,
    length: u64,
    fragment: &MovieFragment,
    tracks: &mut HashMap<u32, TrackCollector>,
    known_times: &HashMap<(u32, u64), u64>,
) -> Result<(), Error> {
    let mut implicit_base = fragment.offset;
    for traf in &fragment.tracks {
        let unknown = || Error::UnknownTrack { file: file.to_owned(), track: traf.track_id, offset: fragment.offset };
        let track = tracks.get_mut(&traf.track_id).ok_or_else(unknown)?;
        let base = traf.base_data_offset.unwrap_or(match traf.default_base_is_moof {
            true => fragment.offset,
            false => implicit_base,
        });
        let known = known_times.get(&(traf.track_id, fragment.offset)).copied();
        let time = traf.decode_time.or(traf.tfxd.map(|(time, _)| time)).or(known).map(u64::cast_signed);
        implicit_base = add_track(file, length, base, traf, time, track)?;
    }
    Ok(())
}

/// Adds one `traf` whose data is counted from `base`; returns where its data ends.
fn add_track(
    file: &str,
    length: u64,
    base: u64,
    traf: &TrackFragment,
    time: Option<i64>,
    track: &mut TrackCollector,
) -> Result<u64, Error> {
    let samples_error = |source| Error::Samples { file: file.to_owned(), track: traf.track_id, source };
    track.begin(time);
    let duration = traf.default_duration.unwrap_or(track.defaults.duration);
    let size = traf.default_size.unwrap_or(track.defaults.size);
    let flags = traf.default_flags.unwrap_or(track.defaults.flags);
    let mut sizes = Vec::new();
    let mut offset = base;
    for run in &traf.runs {
        if let Some(data_offset) = run.data_offset {
            offset = base.wrapping_add_signed(i64::from(data_offset));
        }
        for (index, sample) in run.samples().enumerate() {
            let size = sample.size.unwrap_or(size);
            let end = offset.checked_add(u64::from(size)).filter(|end| *end <= length).ok_or_else(|| {
                Error::SampleOutside {
                    file: file.to_owned(),
                    track: traf.track_id,
                    sample: track.count,
                    offset,
                    size,
                    length,
                }
            })?;
            let sync = match (sample.flags, run.first_sample_flags) {
                (Some(own), _) => is_sync(own),
                (None, Some(first)) if index == 0 => is_sync(first),
                // Old Smooth files give the first sample flags of its own and leave the others at 0,
                // which reads as "sync" but is not meant so.
                (None, Some(_)) if track.is_video => false,
                _ => is_sync(flags),
            };
            track
                .push(RawSample {
                    offset,
                    size,
                    duration: sample.duration.unwrap_or(duration),
                    composition_offset: sample.composition_offset,
                    sync,
                })
                .map_err(samples_error)?;
            if track.encryption.is_some() {
                sizes.push(size);
            }
            offset = end;
        }
    }
    if let Some(encryption) = &mut track.encryption {
        let description = traf.sample_description_index.unwrap_or(track.defaults.sample_description_index);
        encryption.add(&traf.protection, description, sizes.into_iter());
    }
    Ok(offset)
}
