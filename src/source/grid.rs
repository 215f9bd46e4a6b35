//! The grid of key frames that all qualities of a group share.
//!
//! Where a quality can be cut is a *candidate*: its time is the key frame's composition time less the
//! composition offset of the track's first sample, so that a track's first candidate is its first decode
//! time, and qualities of different reordering depth agree wherever their pictures do.

use crate::media::TrackKind;
use crate::time::{MediaTime, Timescale};

use super::SourceTrack;

/// A sample at which a segment could begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its time on the URL timeline, ticks of the track's timescale.
    pub time: i64,
    /// Index of the sample in its track.
    pub sample: u32,
}

/// The first place where the grids of two qualities differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Index of the quality that has a key frame there.
    pub with: usize,
    /// Index of the quality that has none.
    pub without: usize,
    /// When.
    pub at: MediaTime,
}

/// Intra-only tracks offer a candidate this often at most.
const DENSE_CANDIDATES: MediaTime = MediaTime::new(250, Timescale::MILLISECONDS);

/// Where `track` could be cut. Of a fragmented track only where fragments begin with a key frame, as long
/// as any but the first do: its fragments are served as they are stored.
pub fn key_frame_times(track: &SourceTrack) -> Vec<Candidate> {
    let lead = track.samples.first().map_or(0, |s| i64::from(s.composition_offset));
    let time = |decode: i64, offset: i32| decode + i64::from(offset) - lead + track.edit.delay;
    let Some(key_frames) = track.samples.key_frames() else {
        return dense(track, time);
    };
    let served = key_frames.iter().filter(|k| k.sample < track.served_samples);
    let all = served.map(|k| Candidate { time: time(k.decode, k.composition_offset), sample: k.sample });
    let all: Vec<Candidate> = all.collect();
    let Some(starts) = &track.fragment_starts else { return all };
    let at_starts: Vec<Candidate> = all.iter().copied().filter(|c| starts.binary_search(&c.sample).is_ok()).collect();
    if at_starts.len() > 1 { at_starts } else { all }
}

fn dense(track: &SourceTrack, time: impl Fn(i64, i32) -> i64) -> Vec<Candidate> {
    let step = DENSE_CANDIDATES.floor(track.timescale).max(1);
    let mut candidates: Vec<Candidate> = Vec::new();
    let samples = track.samples.iter_from(0).take(track.served_samples as usize);
    for (index, (decode, sample)) in samples.enumerate() {
        let time = time(decode, sample.composition_offset);
        if candidates.last().is_none_or(|last| time - last.time >= step) {
            candidates.push(Candidate { time, sample: index as u32 });
        }
    }
    candidates
}

/// Half a frame of the track, in 100 ns: two key frames closer than that show the same picture.
fn tolerance(track: &SourceTrack) -> i64 {
    let frames = i64::from(track.samples.len().max(1));
    let length = MediaTime::new(track.samples.end() - track.samples.start(), track.timescale);
    (length.floor(Timescale::TEN_MHZ) / frames / 2).clamp(1, 500_000)
}

/// The candidates that all `tracks` have, each as one sample index per track; the first is each track's
/// first sample. Times are those of the first track.
pub(super) fn common(tracks: &[&SourceTrack]) -> Vec<(MediaTime, Vec<u32>)> {
    let grids: Vec<Vec<(i64, Candidate)>> = tracks.iter().map(|t| in_hns(t)).collect();
    let tolerance = tracks.iter().map(|t| tolerance(t)).min().unwrap_or(1);
    let Some((first, others)) = grids.split_first() else { return Vec::new() };
    let mut positions = vec![0usize; others.len()];
    let mut common: Vec<(MediaTime, Vec<u32>)> = Vec::new();
    let start = MediaTime::new(first.first().map_or(0, |(_, c)| c.time), tracks[0].timescale);
    common.push((start, vec![0; tracks.len()]));
    for (time, candidate) in first.iter().filter(|(_, c)| c.sample > 0) {
        let mut samples = vec![candidate.sample];
        for (grid, position) in others.iter().zip(&mut positions) {
            while grid.get(*position).is_some_and(|(t, _)| *t < time - tolerance) {
                *position += 1;
            }
            if let Some((t, c)) = grid.get(*position)
                && *t <= time + tolerance
                && c.sample > 0
            {
                samples.push(c.sample);
            }
        }
        if samples.len() == tracks.len() {
            common.push((MediaTime::new(candidate.time, tracks[0].timescale), samples));
        }
    }
    common
}

fn in_hns(track: &SourceTrack) -> Vec<(i64, Candidate)> {
    let hns = |c: Candidate| MediaTime::new(c.time, track.timescale).floor(Timescale::TEN_MHZ);
    key_frame_times(track).into_iter().map(|c| (hns(c), c)).collect()
}

/// The first key frame that one of `tracks` has and another lacks while both still run.
pub fn first_difference(tracks: &[&SourceTrack]) -> Option<Difference> {
    let grids: Vec<Vec<(i64, Candidate)>> =
        tracks.iter().filter(|t| t.kind == Some(TrackKind::Video)).map(|t| in_hns(t)).collect();
    let tolerance = tracks.iter().map(|t| tolerance(t)).min().unwrap_or(1);
    let mut first: Option<Difference> = None;
    for (with, grid) in grids.iter().enumerate() {
        for (without, other) in grids.iter().enumerate().filter(|(i, _)| *i != with) {
            let end = tracks[without].samples.end();
            let end = MediaTime::new(end, tracks[without].timescale).floor(Timescale::TEN_MHZ);
            let mut position = 0;
            let missing = grid.iter().find(|(time, _)| {
                while other.get(position).is_some_and(|(t, _)| *t < time - tolerance) {
                    position += 1;
                }
                other.get(position).is_none_or(|(t, _)| *t > time + tolerance)
            });
            if let Some((time, _)) = missing
                && *time < end - tolerance
                && first.is_none_or(|f| *time < f.at.ticks)
            {
                first = Some(Difference { with, without, at: MediaTime::new(*time, Timescale::TEN_MHZ) });
            }
        }
    }
    first
}

/// Segment boundaries: of the common candidates, the first at least `target` after the last boundary.
/// Half a frame short of the target is long enough.
pub(super) fn boundaries(
    common: Vec<(MediaTime, Vec<u32>)>,
    target: MediaTime,
    slack: MediaTime,
) -> Vec<(MediaTime, Vec<u32>)> {
    let mut boundaries: Vec<(MediaTime, Vec<u32>)> = Vec::new();
    for (time, samples) in common {
        let far_enough = boundaries.last().is_none_or(|(last, _)| {
            let scale = time.scale;
            time.ticks - last.ticks >= target.floor(scale) - slack.floor(scale)
        });
        if far_enough {
            boundaries.push((time, samples));
        }
    }
    boundaries
}

/// Half a frame of the slowest of `tracks`.
pub(super) fn slack(tracks: &[&SourceTrack]) -> MediaTime {
    MediaTime::new(tracks.iter().map(|t| tolerance(t)).max().unwrap_or(1), Timescale::TEN_MHZ)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::codec;
    use crate::isobmff::FourCc;
    use crate::media::{Edit, Purpose, RawSample, SampleIndexBuilder};

    /// A track of `frames` pictures of one tick at 25 per second, key frames every `interval`, the first
    /// picture presented `reorder` ticks after it is decoded.
    fn track(frames: u32, interval: u32, reorder: i32) -> SourceTrack {
        let timescale = Timescale::new(25).unwrap();
        let mut builder = SampleIndexBuilder::new(timescale, 0);
        for frame in 0..frames {
            let sync = frame % interval == 0;
            builder.push(RawSample { offset: 0, size: 1, duration: 1, composition_offset: reorder, sync }).unwrap();
        }
        let samples = builder.finish();
        SourceTrack {
            id: 1,
            handler: FourCc(*b"vide"),
            kind: Some(TrackKind::Video),
            handler_name: String::new(),
            language: "und".into(),
            label: None,
            purpose: Purpose::default(),
            enabled: true,
            codec: Err(codec::Error::Unsupported { four_cc: FourCc(*b"none") }),
            sample_entry: None,
            several_sample_entries: false,
            timescale,
            creation_time: 0,
            edits: Vec::new(),
            edit: Edit::default(),
            edits_simplified: false,
            served_samples: samples.len(),
            ends_within: None,
            samples: Arc::new(samples),
            fragment_starts: None,
            encryption: None,
            text: None,
            closed_captions: codec::ClosedCaptions::default(),
        }
    }

    fn starts(common: &[(MediaTime, Vec<u32>)]) -> Vec<i64> {
        common.iter().map(|(time, _)| time.ticks).collect()
    }

    #[test]
    fn the_common_grid_is_what_all_qualities_have() {
        let (two_seconds, three_seconds) = (track(300, 50, 0), track(300, 75, 0));
        let common = common(&[&two_seconds, &three_seconds]);
        assert_eq!(starts(&common), [0, 150]);
        assert_eq!(common[1].1, [150, 150]);
        let difference = first_difference(&[&two_seconds, &three_seconds]).unwrap();
        assert_eq!((difference.with, difference.without, difference.at.ticks), (0, 1, 20_000_000));
    }

    #[test]
    fn reordering_depth_does_not_part_qualities() {
        let (plain, reordered) = (track(200, 50, 0), track(200, 50, 2));
        assert_eq!(starts(&common(&[&plain, &reordered])), [0, 50, 100, 150]);
        assert_eq!(first_difference(&[&plain, &reordered]), None);
    }

    #[test]
    fn a_quality_that_ends_early_does_not_differ_after_its_end() {
        assert_eq!(first_difference(&[&track(200, 50, 0), &track(149, 50, 0)]), None);
    }

    #[test]
    fn segments_are_whole_groups_of_pictures_of_at_least_the_target() {
        let target = |milliseconds| MediaTime::new(milliseconds, Timescale::MILLISECONDS);
        for (interval, milliseconds, want) in [
            (50, 2000, vec![0, 50, 100, 150]),
            (25, 2000, vec![0, 50, 100, 150]),
            (40, 2000, vec![0, 80, 160]),
            // Half a frame short of the target is long enough.
            (50, 2019, vec![0, 50, 100, 150]),
            (50, 2041, vec![0, 100]),
        ] {
            let track = track(200, interval, 0);
            let found = boundaries(common(&[&track]), target(milliseconds), slack(&[&track]));
            assert_eq!(starts(&found), want, "{interval} {milliseconds}");
        }
    }

    #[test]
    fn fragmented_tracks_are_cut_where_their_fragments_begin() {
        let mut track = track(200, 25, 0);
        track.fragment_starts = Some(vec![0, 75, 150]);
        let samples: Vec<u32> = key_frame_times(&track).iter().map(|c| c.sample).collect();
        assert_eq!(samples, [0, 75, 150]);
        // Fragments that do not begin with key frames say nothing.
        track.fragment_starts = Some(vec![0, 60, 110]);
        assert_eq!(key_frame_times(&track).len(), 8);
    }
}
