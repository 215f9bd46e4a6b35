//! Key frames that stand for a track when it is played fast: which of them are listed, and what a request
//! for one, or for those of a segment, is made of.
//!
//! The first key frame of each segment is listed, and of the others those that come half a second or more
//! after the one listed before: two pictures a second are enough to wind by, also where every picture is one.

use crate::media::{Presentation, Sample, SampleTable, Track, TrackGroup};
use crate::time::{MediaTime, Timescale};

use super::{Error, Plan, SegmentRequest};

/// A listed key frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Listed {
    /// Its time in URLs, ticks of the URL's timescale: decode time on the grid of the group's segments.
    pub time: u64,
    /// Presentation time, ticks of the track.
    pub presentation: i64,
    /// Bytes.
    pub size: u32,
}

/// The key frames that stand for a track, in order; `dense` or only the first of each segment, as Azure Media
/// Services listed them. Costs as much as there are key frames.
pub(crate) fn listed(group: &TrackGroup, track: &Track, scale: Timescale, dense: bool) -> Vec<Listed> {
    let count = segment_count(group, track);
    let (mut all, mut of_segment) = (Vec::with_capacity(count), Vec::new());
    for index in 0..count {
        find(track, index, dense, &mut of_segment);
        let clock = if of_segment.is_empty() { None } else { Clock::of(group, track, index, scale) };
        let Some(clock) = clock else { continue };
        all.extend(of_segment.iter().map(|sample| Listed {
            time: clock.at(sample.decode),
            presentation: sample.presentation,
            size: sample.size,
        }));
    }
    all
}

/// Listed key frames of segment `index` and their bytes together.
pub(crate) fn of_segment(track: &Track, index: usize) -> (u64, u64) {
    let mut samples = Vec::new();
    find(track, index, true, &mut samples);
    (samples.len() as u64, samples.iter().map(|s| u64::from(s.size)).sum())
}

/// What is made of the one listed key frame at `request.time`. It lasts until the next one.
///
/// # Errors
/// [`Error::NoSuchTime`] when none is listed there.
pub(crate) fn plan_one(
    presentation: &Presentation,
    request: &SegmentRequest<'_>,
    scale: Timescale,
) -> Result<Plan, Error> {
    let (group, track) = (&presentation.groups[request.track.group], presentation.track(request.track));
    let no_such_time = || Error::NoSuchTime { group: group.name.clone(), time: request.time };
    let index = group.segment_at(request.time, scale).or_else(|| group.segment_of(request.time, scale));
    let index = index.filter(|i| *i < segment_count(group, track)).ok_or_else(no_such_time)?;
    let clock = Clock::of(group, track, index, scale).ok_or_else(no_such_time)?;
    let mut samples = Vec::new();
    find(track, index, true, &mut samples);
    let near = |sample: &Sample| clock.at(sample.decode).abs_diff(request.time) <= group.tolerance(scale);
    let place = samples.iter().position(near).ok_or_else(no_such_time)?;
    let mut plan = plan_of(presentation, request, scale, index, &samples[place..=place])?;
    if let (Some(next), Some(part)) = (samples.get(place + 1), plan.parts.first_mut()) {
        part.samples.end = next.decode;
        plan.end = MediaTime::new(clock.at(next.decode) as i64, scale);
    }
    Ok(plan)
}

/// What is made of all listed key frames of the segment at `request.time`: each lasts until the next one.
///
/// # Errors
/// [`Error::NoSuchTime`] when no segment begins there, or one without key frames.
pub(crate) fn plan_segment(
    presentation: &Presentation,
    request: &SegmentRequest<'_>,
    scale: Timescale,
) -> Result<Plan, Error> {
    let (group, track) = (&presentation.groups[request.track.group], presentation.track(request.track));
    let no_such_time = || Error::NoSuchTime { group: group.name.clone(), time: request.time };
    let index = group.segment_at(request.time, scale).ok_or_else(no_such_time)?;
    let mut samples = Vec::new();
    find(track, index, true, &mut samples);
    if samples.is_empty() {
        return Err(no_such_time());
    }
    plan_of(presentation, request, scale, index, &samples)
}

/// A plan of some key frames of segment `index` that ends where the next segment with one begins.
fn plan_of(
    presentation: &Presentation,
    request: &SegmentRequest<'_>,
    scale: Timescale,
    index: usize,
    samples: &[Sample],
) -> Result<Plan, Error> {
    let (group, track) = (&presentation.groups[request.track.group], presentation.track(request.track));
    let no_such_time = || Error::NoSuchTime { group: group.name.clone(), time: request.time };
    let clock = Clock::of(group, track, index, scale).ok_or_else(no_such_time)?;
    let first = samples.first().ok_or_else(no_such_time)?;
    let next = next_with_key_frames(group, track, index);
    let table = SampleTable { timescale: track.timescale, samples: samples.to_vec(), end: ends(track, next) };
    let start = MediaTime::new(clock.at(first.decode) as i64, scale);
    Plan::of_samples(request, track, index, start..group.boundary_time(next), table)
}

/// Decode time at which the last segment before `next` ends, ticks of the track on the presentation's timeline.
fn ends(track: &Track, next: usize) -> i64 {
    let after = track.segment_samples.get(next).or(track.segment_samples.last()).copied().unwrap_or(0);
    track.samples.iter_from(after).next().map_or(track.samples.end(), |(decode, _)| decode) + track.edit.delay
}

/// The first segment after `index` that has a key frame; the number of segments if there is none.
fn next_with_key_frames(group: &TrackGroup, track: &Track, index: usize) -> usize {
    let count = segment_count(group, track);
    let starts = &track.segment_samples;
    let Some(after) = starts.get(index + 1).copied() else { return count };
    let sample = match track.samples.key_frames() {
        Some(frames) => frames.get(frames.partition_point(|f| f.sample < after)).map_or(u32::MAX, |f| f.sample),
        None => after,
    };
    // The last segment that begins at or before it; segments without samples begin where the next one does.
    starts.partition_point(|start| *start <= sample).saturating_sub(1).clamp(index + 1, count.max(index + 1))
}

fn segment_count(group: &TrackGroup, track: &Track) -> usize {
    track.segment_count().min(group.segment_count())
}

/// Where the samples of a segment lie in URLs: the segment begins on the group's grid, and its samples follow
/// as far from its first one as they are stored.
struct Clock {
    base: i64,
    origin: i64,
    from: Timescale,
    to: Timescale,
}

impl Clock {
    fn of(group: &TrackGroup, track: &Track, index: usize, scale: Timescale) -> Option<Clock> {
        let first = *track.segment_samples.get(index)?;
        let (decode, _) = track.samples.iter_from(first).next()?;
        let origin = MediaTime::new(decode + track.edit.delay, track.timescale).floor(scale);
        Some(Clock { base: group.boundary(index, scale) as i64, origin, from: track.timescale, to: scale })
    }

    fn at(&self, decode: i64) -> u64 {
        let ticks = MediaTime::new(decode, self.from).floor(self.to) - self.origin;
        self.base.saturating_add(ticks).max(0) as u64
    }
}

/// Puts the listed key frames of segment `index` into `found`.
fn find(track: &Track, index: usize, dense: bool, found: &mut Vec<Sample>) {
    found.clear();
    let (Some(&first), Some(&last)) = (track.segment_samples.get(index), track.segment_samples.get(index + 1)) else {
        return;
    };
    let mut add = |index: u32, decode: i64, composition_offset: i32, offset: u64, size: u32| {
        let decode_here = decode + track.edit.delay;
        let far = |before: &Sample| (decode_here - before.decode) * 2 >= i64::from(track.timescale.get());
        if found.last().is_none_or(|before| dense && far(before)) {
            let presentation = track.presentation_time(decode, composition_offset);
            found.push(Sample { index, offset, size, sync: true, decode: decode_here, presentation });
        }
    };
    match track.samples.key_frames() {
        Some(frames) => {
            let from = frames.partition_point(|f| f.sample < first);
            for f in frames[from..].iter().take_while(|f| f.sample < last) {
                add(f.sample, f.decode, f.composition_offset, f.offset, f.size);
            }
        }
        None => {
            for (index, (decode, raw)) in (first..last).zip(track.samples.iter_from(first)) {
                add(index, decode, raw.composition_offset, raw.offset, raw.size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::media::{RawSample, SampleIndexBuilder, TrackKind, TrackRef};
    use crate::packager::{Noun, testing};

    /// 24 pictures a second, segments of 48, key frames where `sync` says.
    fn film(sync: impl Fn(u32) -> bool) -> Presentation {
        let spec = testing::video_spec(1, 320, 180);
        let mut group = testing::group("video", TrackKind::Video, &[0, 48, 96, 144], &[spec]);
        let mut builder = SampleIndexBuilder::new(group.timescale, 0);
        for n in 0..144 {
            let sample = RawSample {
                offset: u64::from(n) * 100,
                size: 100,
                duration: 1000,
                composition_offset: 2000,
                sync: sync(n),
            };
            builder.push(sample).unwrap();
        }
        group.tracks[0].samples = Arc::new(builder.finish());
        testing::film_of(vec![group])
    }

    fn times(film: &Presentation, dense: bool) -> Vec<u64> {
        let group = &film.groups[0];
        listed(group, &group.tracks[0], group.timescale, dense).iter().map(|k| k.time / 1000).collect()
    }

    fn request(time: u64) -> SegmentRequest<'static> {
        let track = TrackRef { group: 0, track: 0 };
        SegmentRequest { track, noun: Noun::KeyFrames, time: time * 1000, audio_track: None }
    }

    #[test]
    fn key_frames_are_listed_half_a_second_apart() {
        assert_eq!(times(&film(|n| n % 48 == 0), true), [0, 48, 96]);
        assert_eq!(times(&film(|n| n % 24 == 0), true), [0, 24, 48, 72, 96, 120]);
        assert_eq!(times(&film(|n| n % 24 == 0), false), [0, 48, 96]);
        // One that comes too soon is passed over, the first of a segment never.
        assert_eq!(times(&film(|n| [0, 5, 20, 47, 48, 60, 144].contains(&n)), true), [0, 20, 47, 48, 60]);
        // Every picture is a key frame.
        assert_eq!(times(&film(|_| true), true), (0..12).map(|n| n * 12).collect::<Vec<_>>());
    }

    #[test]
    fn each_lasts_until_the_next_one() {
        // The second segment has none, the third begins with another picture.
        let film = film(|n| [0, 24, 110].contains(&n));
        let scale = film.groups[0].timescale;
        assert_eq!(times(&film, true), [0, 24, 110]);
        assert_eq!(of_segment(&film.groups[0].tracks[0], 1).0, 0);
        let lasts = |time: u64| {
            let plan = plan_one(&film, &request(time), scale).unwrap();
            let part = &plan.parts[0].samples;
            assert_eq!(part.samples.len(), 1);
            assert_eq!(plan.end.floor(scale) - plan.start.floor(scale), part.end - part.samples[0].decode);
            (plan.start.floor(scale) / 1000, plan.end.floor(scale) / 1000)
        };
        assert_eq!([lasts(0), lasts(24), lasts(110)], [(0, 24), (24, 96), (110, 144)]);
        for wrong in [1, 25, 48, 96, 109, 144, 1_000_000_000] {
            assert!(matches!(plan_one(&film, &request(wrong), scale), Err(Error::NoSuchTime { .. })), "{wrong}");
        }
        let together = plan_segment(&film, &request(0), scale).unwrap();
        assert_eq!((together.parts[0].samples.samples.len(), together.parts[0].samples.end), (2, 96_000));
        assert!(matches!(plan_segment(&film, &request(48), scale), Err(Error::NoSuchTime { .. })));
    }

    #[test]
    fn listed_times_can_be_asked_for_in_any_timescale() {
        for scale in [Timescale::TEN_MHZ, Timescale::NINETY_KHZ, Timescale::MILLISECONDS] {
            let film = film(|n| n % 13 == 0);
            for key in listed(&film.groups[0], &film.groups[0].tracks[0], scale, true) {
                let asked = SegmentRequest { time: key.time, ..request(0) };
                let plan = plan_one(&film, &asked, scale).unwrap();
                assert_eq!(plan.parts[0].samples.samples[0].presentation, key.presentation);
                assert_eq!(plan.start.floor(scale) as u64, key.time);
            }
        }
    }
}
