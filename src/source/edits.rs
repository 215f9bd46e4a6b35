//! Edit lists (ISO/IEC 14496-12 8.6.5, 8.6.6) reduced to what a stream carries.

use crate::isobmff;
use crate::media::{Edit, SampleIndex};
use crate::time::{Timescale, latest_media_time, rescale_ceil, rescale_round};

/// What the edit list means for the track, and whether it asks for more than that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Reduced {
    /// Leading pause and start of presentation.
    pub edit: Edit,
    /// Media time at which presentation ends; `None`: with the media.
    pub end: Option<i64>,
    /// By how much that may be too early: the edit list counts in the movie's timescale.
    pub slack: i64,
    /// The list has several pieces of media, or other rates than 1: only its first piece is served.
    pub simplified: bool,
}

/// Reads an edit list: leading empty edits, then pieces of media that follow each other seamlessly.
pub(super) fn reduce(edits: &[isobmff::Edit], movie: Timescale, track: Timescale) -> Reduced {
    let ticks = |duration: u64| i64::try_from(duration).unwrap_or(i64::MAX);
    let mut reduced = Reduced::default();
    let mut delay = 0i64;
    let mut rest = edits.iter();
    let first = loop {
        match rest.next() {
            None => return Reduced::default(),
            Some(edit) => match edit.media_time {
                None => delay = delay.saturating_add(ticks(edit.segment_duration)),
                Some(time) => break (time, edit),
            },
        }
    };
    let (media_time, edit) = first;
    // Past any film: such a list is damaged, and what it asks could not be added up in 64 bits.
    let latest = latest_media_time(track);
    let delay = rescale_round(delay, movie, track);
    if delay > latest || media_time > latest {
        return Reduced { simplified: true, ..Reduced::default() };
    }
    reduced.edit = Edit { delay, media_time };
    reduced.simplified = edit.media_rate != 0x1_0000;
    if edit.segment_duration == 0 {
        return reduced;
    }
    let mut end = media_time.saturating_add(rescale_ceil(ticks(edit.segment_duration), movie, track));
    let slack = rescale_ceil(1, movie, track).max(1);
    for edit in rest {
        match edit.media_time {
            Some(time) if time.abs_diff(end) <= slack.unsigned_abs() && edit.media_rate == 0x1_0000 => {
                end = time.saturating_add(rescale_ceil(ticks(edit.segment_duration), movie, track));
            }
            None => {}
            Some(_) => reduced.simplified = true,
        }
    }
    (reduced.end, reduced.slack) = (Some(end), slack);
    reduced
}

/// What iTunes' note means for a track of sound, whose encoder's delay and padding it tells in PCM samples.
pub(super) fn of_gapless(gapless: isobmff::Gapless, sampling_rate: Timescale, track: Timescale) -> Reduced {
    let ticks = |samples: u64| rescale_round(i64::try_from(samples).unwrap_or(i64::MAX), sampling_rate, track);
    let media_time = ticks(gapless.priming.into());
    let end = (gapless.samples > 0).then(|| media_time.saturating_add(ticks(gapless.samples)));
    Reduced { edit: Edit { delay: 0, media_time }, end, ..Reduced::default() }
}

impl Reduced {
    /// How many samples to serve, see [`served_samples`].
    pub fn served_samples(&self, index: &SampleIndex) -> u32 {
        served_samples(index, self.end.map(|end| end.saturating_add(self.slack)))
    }

    /// The media time inside of the last of `served` frames of sound at which presentation ends. `None` where
    /// it ends with the frame.
    pub fn end_within(&self, index: &SampleIndex, served: u32) -> Option<i64> {
        let last = served.checked_sub(1)?;
        let (decode, sample) = index.iter_from(last).next()?;
        let after = decode.saturating_add(i64::from(sample.duration));
        self.end.filter(|end| decode < *end && end.saturating_add(self.slack) < after)
    }
}

/// How many samples to serve: trailing ones that the edit list does not present are left out, as long as
/// no presented sample follows them in decode order.
fn served_samples(index: &SampleIndex, end: Option<i64>) -> u32 {
    let Some(end) = end else { return index.len() };
    if index.end() <= end {
        return index.len();
    }
    // Reordering is bounded, so samples from well before the end on are looked at one by one.
    let mut served = index.first_at_or_after(end);
    for (decode, sample) in index.iter_from(served) {
        if decode.saturating_add(i64::from(index.min_composition_offset())) >= end {
            break;
        }
        if decode + i64::from(sample.composition_offset) < end {
            served = served.max(index.first_at_or_after(decode) + 1);
        }
    }
    // Before `served`, drop what is presented at or after the end.
    let from = served.saturating_sub(256);
    let tail: Vec<(i64, i32)> = index
        .iter_from(from)
        .take((served - from) as usize)
        .map(|(decode, sample)| (decode, sample.composition_offset))
        .collect();
    let dropped = tail.iter().rev().take_while(|(decode, offset)| decode + i64::from(*offset) >= end).count();
    let served = served - dropped as u32;
    if served == 0 { index.len() } else { served }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{RawSample, SampleIndexBuilder};

    fn edit(segment_duration: u64, media_time: Option<i64>) -> isobmff::Edit {
        isobmff::Edit { segment_duration, media_time, media_rate: 0x1_0000 }
    }

    #[test]
    fn edit_lists_are_reduced() {
        let movie = Timescale::new(1000).unwrap();
        let track = Timescale::new(48_000).unwrap();
        let table: [(&[isobmff::Edit], i64, i64, Option<i64>, bool); 8] = [
            (&[edit(1000, Some(i64::MAX))], 0, 0, None, true),
            (&[edit(u64::MAX, None), edit(1000, Some(0))], 0, 0, None, true),
            (&[], 0, 0, None, false),
            (&[edit(1000, Some(1024))], 0, 1024, Some(1024 + 48_000), false),
            (&[edit(1000, None), edit(0, Some(0))], 48_000, 0, None, false),
            (&[edit(500, None), edit(500, None), edit(2000, Some(7))], 48_000, 7, Some(7 + 96_000), false),
            (&[edit(1000, Some(0)), edit(1000, Some(48_000))], 0, 0, Some(96_000), false),
            (&[edit(1000, Some(0)), edit(1000, Some(480_000))], 0, 0, Some(48_000), true),
        ];
        for (edits, delay, media_time, end, simplified) in table {
            let slack = if end.is_some() { 48 } else { 0 };
            let want = Reduced { edit: Edit { delay, media_time }, end, slack, simplified };
            assert_eq!(reduce(edits, movie, track), want, "{edits:?}");
        }
    }

    #[test]
    fn sound_may_end_within_its_last_frame() {
        let scale = Timescale::new(48_000).unwrap();
        let mut builder = SampleIndexBuilder::new(scale, 0);
        for n in 0..4 {
            let sample = RawSample { offset: n, size: 1, duration: 1024, composition_offset: 0, sync: true };
            builder.push(sample).unwrap();
        }
        let index = builder.finish();
        for (end, slack, served, within) in [
            (None, 0, 4, None),
            (Some(4096), 0, 4, None),
            (Some(4000), 0, 4, Some(4000)),
            (Some(4095), 0, 4, Some(4095)),
            // The movie's timescale is coarser than that.
            (Some(4050), 48, 4, None),
            (Some(3024), 48, 3, None),
            (Some(2900), 48, 3, Some(2900)),
            (Some(9999), 0, 4, None),
        ] {
            let reduced = Reduced { end, slack, ..Reduced::default() };
            assert_eq!(reduced.served_samples(&index), served, "{end:?}");
            assert_eq!(reduced.end_within(&index, served), within, "{end:?}");
        }
    }

    #[test]
    fn the_note_of_itunes_is_an_edit() {
        let gapless = isobmff::Gapless { priming: 2112, padding: 458, samples: 44_100 };
        let (rate, scale) = (Timescale::new(44_100).unwrap(), Timescale::new(22_050).unwrap());
        let want = Reduced {
            edit: Edit { delay: 0, media_time: 2112 },
            end: Some(2112 + 44_100),
            slack: 0,
            simplified: false,
        };
        assert_eq!(of_gapless(gapless, rate, rate), want);
        let half = of_gapless(isobmff::Gapless { samples: 0, ..gapless }, rate, scale);
        assert_eq!((half.edit.media_time, half.end), (1056, None));
    }

    #[test]
    fn trailing_samples_that_are_not_presented_are_not_served() {
        let scale = Timescale::new(25).unwrap();
        let mut builder = SampleIndexBuilder::new(scale, 0);
        // Decode order I P B B, presentation 0 3 1 2, twice.
        for offset in [0, 2, -1, -1, 0, 2, -1, -1] {
            let sample = RawSample { offset: 0, size: 1, duration: 1, composition_offset: offset, sync: offset == 0 };
            builder.push(sample).unwrap();
        }
        let index = builder.finish();
        for (end, want) in [(None, 8), (Some(8), 8), (Some(7), 8), (Some(4), 4), (Some(5), 5), (Some(100), 8)] {
            assert_eq!(served_samples(&index, end), want, "{end:?}");
        }
    }
}
