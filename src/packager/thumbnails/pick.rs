//! Which key frames a sheet or a picture is made of.

use crate::media::{FileId, Presentation, Sample, SampleTable, Track, TrackKind, TrackRef};
use crate::packager::{Error, Noun, Part, Plan};
use crate::time::MediaTime;

use super::{Grid, shown};

/// The most bytes of key frames that a decoder is given at once.
const MAX_BYTES: u64 = 64 << 20;
/// A single picture has at most this many lines.
const MAX_LINES: u32 = 1080;

/// Pictures to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The key frames, one part each, in order.
    pub plan: Plan,
    /// How many thumbnails one after the other each of them fills.
    pub repeats: Vec<u32>,
    /// Width and height of one picture, pixels.
    pub size: (u32, u32),
    /// Pictures beside each other and above each other.
    pub grid: (u32, u32),
}

/// Sheet `number` of a film, counted from 1. A thumbnail shows the first key frame of its interval, or if
/// there is none the last one before.
///
/// # Errors
/// [`Error::NoSuchTime`] with the number for a sheet that does not exist, [`Error::SegmentTooLarge`] when its
/// key frames are too many bytes.
pub fn sheet(presentation: &Presentation, grid: &Grid, number: u64) -> Result<Wanted, Error> {
    let track = presentation.track(grid.track);
    let group = presentation.groups[grid.track.group].name.clone();
    let missing = Error::NoSuchTime { group, time: number };
    if !(1..=u64::from(grid.sheets())).contains(&number) {
        return Err(missing);
    }
    let first = (number as u32 - 1) * grid.per_sheet();
    let last = (first + grid.per_sheet()).min(grid.count);
    let mut frames: Vec<(Sample, u32)> = Vec::new();
    for thumbnail in first..last {
        let sample = key_frame_in(track, grid.begins(thumbnail), grid.begins(thumbnail + 1));
        match (sample, frames.last_mut()) {
            (Some(sample), Some((before, count))) if *before == sample => *count += 1,
            (Some(sample), _) => frames.push((sample, 1)),
            (None, _) => return Err(missing),
        }
    }
    let time = grid.begins(first)..grid.begins(last);
    let (frames, repeats): (Vec<Sample>, Vec<u32>) = frames.into_iter().unzip();
    let plan = plan(grid.track, track.file, number as usize, time, track, &frames)?;
    Ok(Wanted { plan, repeats, size: (grid.width, grid.height), grid: (grid.columns, grid.rows) })
}

/// A single picture, as large as it is shown: the key frame at or before `time`, or without a time one that
/// speaks for the film.
///
/// # Errors
/// [`Error::NoSuchResource`] without pictures, [`Error::NoSuchTime`] past the film's end.
pub fn poster(presentation: &Presentation, time: Option<MediaTime>) -> Result<Wanted, Error> {
    let (index, group) = presentation.groups_of(TrackKind::Video).next().ok_or(Error::NoSuchResource)?;
    let lines = |track: &Track| track.codec.video().map_or(u32::MAX, |picture| picture.height);
    let fits = |(_, track): &(usize, &Track)| lines(track) <= MAX_LINES && track.samples.first().is_some();
    let place = group.tracks.iter().enumerate().find(fits).map(|(place, _)| place);
    let place = place.or(group.tracks.len().checked_sub(1)).ok_or(Error::NoSuchResource)?;
    let track = &group.tracks[place];
    let size = shown(track).ok_or(Error::NoSuchResource)?;
    let sample = match time {
        Some(time) if time.compare(group.duration()).is_ge() => {
            let time = time.floor(crate::time::Timescale::TEN_MHZ).max(0).unsigned_abs();
            return Err(Error::NoSuchTime { group: group.name.clone(), time });
        }
        Some(time) => key_frame_in(track, time, time),
        None => telling(track),
    };
    let sample = sample.ok_or(Error::NoSuchResource)?;
    let begin = MediaTime::new(sample.presentation, track.timescale);
    let at = TrackRef { group: index, track: place };
    let offset = usize::try_from(sample.offset).unwrap_or(usize::MAX);
    let plan = plan(at, track.file, offset, begin..begin, track, &[sample])?;
    let even = |n: u32| (n / 2 * 2).max(2);
    Ok(Wanted { plan, repeats: vec![1], size: (even(size.0), even(size.1)), grid: (1, 1) })
}

fn plan(
    at: TrackRef,
    file: FileId,
    index: usize,
    time: std::ops::Range<MediaTime>,
    track: &Track,
    frames: &[Sample],
) -> Result<Plan, Error> {
    let bytes: u64 = frames.iter().map(|sample| u64::from(sample.size)).sum();
    if bytes > MAX_BYTES {
        return Err(Error::SegmentTooLarge { bytes, limit: MAX_BYTES });
    }
    let part = |sample: &Sample| {
        let samples = SampleTable { timescale: track.timescale, samples: vec![*sample], end: sample.decode + 1 };
        Part { track: at, file, samples }
    };
    let parts = frames.iter().map(part).collect();
    Ok(Plan { noun: Noun::KeyFrames, index, start: time.start, end: time.end, parts, needs_media: true })
}

/// The first key frame presented from `from` until before `to`, else the last one before, else the first.
fn key_frame_in(track: &Track, from: MediaTime, to: MediaTime) -> Option<Sample> {
    let served = track.segment_samples.last().copied()?;
    let (from, to) = (from.ceil(track.timescale), to.ceil(track.timescale));
    match track.samples.key_frames() {
        Some(frames) => {
            let frames = &frames[..frames.partition_point(|f| f.sample < served)];
            let time = |f: &crate::media::KeyFrame| track.presentation_time(f.decode, f.composition_offset);
            let next = frames.partition_point(|f| time(f) < from);
            let inside = frames.get(next).filter(|f| time(f) < to || (from == to && time(f) == from));
            let frame = inside.or(next.checked_sub(1).and_then(|i| frames.get(i))).or(frames.first())?;
            Some(sample_of(track, frame.sample, frame.decode, frame.composition_offset, frame.offset, frame.size))
        }
        None => {
            let decode = from - track.presentation_time(0, track.first_composition_offset() as i32);
            let index = track.samples.first_at_or_after(decode).min(served.checked_sub(1)?);
            let (decode, raw) = track.samples.iter_from(index).next()?;
            Some(sample_of(track, index, decode, raw.composition_offset, raw.offset, raw.size))
        }
    }
}

/// The largest key frame between a twentieth and a third of the film: black pictures and fades are small.
fn telling(track: &Track) -> Option<Sample> {
    let served = track.segment_samples.last().copied()?;
    match track.samples.key_frames() {
        Some(frames) => {
            let frames = &frames[..frames.partition_point(|f| f.sample < served)];
            let wanted = frames.get(frames.len() / 20..(frames.len() / 3).max(frames.len() / 20 + 1))?;
            // The first of several of one size, so that all nodes choose the same.
            let frame = wanted.iter().rev().max_by_key(|f| f.size)?;
            Some(sample_of(track, frame.sample, frame.decode, frame.composition_offset, frame.offset, frame.size))
        }
        None => {
            let index = served / 5;
            let (decode, raw) = track.samples.iter_from(index).next()?;
            Some(sample_of(track, index, decode, raw.composition_offset, raw.offset, raw.size))
        }
    }
}

fn sample_of(track: &Track, index: u32, decode: i64, composition_offset: i32, offset: u64, size: u32) -> Sample {
    let presentation = track.presentation_time(decode, composition_offset);
    Sample { index, offset, size, sync: true, decode: decode + track.edit.delay, presentation }
}

#[cfg(test)]
mod tests {
    use super::super::tests::SETTINGS;
    use super::super::{Grid, Settings};
    use super::*;
    use crate::packager::testing::{film, film_of, group, video_spec};
    use crate::time::Timescale;

    fn seconds(n: i64) -> MediaTime {
        MediaTime::new(n, Timescale::new(1).unwrap())
    }

    /// Presentation times in seconds of the key frames, and how often each is shown.
    fn shown_in(film: &Presentation, grid: &Grid, number: u64) -> Vec<(i64, u32)> {
        let wanted = sheet(film, grid, number).unwrap();
        let times = wanted.plan.parts.iter().map(|part| {
            assert_eq!(part.samples.samples.len(), 1);
            MediaTime::new(part.samples.samples[0].presentation, part.samples.timescale).floor(seconds(0).scale)
        });
        times.zip(wanted.repeats).collect()
    }

    #[test]
    fn each_thumbnail_has_the_key_frame_of_its_interval() {
        // Key frames at 0, 2, 4, 6, 8 s, shown 2 pictures later; the film ends at 9 s.
        let film = film();
        let grid = Grid::of(&film, &SETTINGS).unwrap();
        assert_eq!(shown_in(&film, &grid, 1), [(0, 1), (2, 1), (4, 1), (6, 1)]);
        assert_eq!(shown_in(&film, &grid, 2), [(8, 1)]);
        for missing in [0, 3, u64::MAX] {
            assert!(matches!(sheet(&film, &grid, missing), Err(Error::NoSuchTime { .. })));
        }
        let often = Grid::of(&film, &Settings { interval_seconds: 1, ..SETTINGS }).unwrap();
        assert_eq!(shown_in(&film, &often, 1), [(0, 2), (2, 2)]);
        let seldom = Grid::of(&film, &Settings { interval_seconds: 5, ..SETTINGS }).unwrap();
        assert_eq!(shown_in(&film, &seldom, 1), [(0, 1), (6, 1)]);
    }

    #[test]
    fn a_film_of_key_frames_only() {
        let mut film =
            film_of(vec![group("video", TrackKind::Video, &(0..=240).collect::<Vec<_>>(), &[video_spec(1, 320, 180)])]);
        assert!(film.groups[0].tracks[0].samples.key_frames().is_none());
        film.groups[0].tracks[0].edit.media_time = 2000;
        let grid = Grid::of(&film, &SETTINGS).unwrap();
        assert_eq!(shown_in(&film, &grid, 1), [(0, 1), (2, 1), (4, 1), (6, 1)]);
        assert!(poster(&film, None).is_ok());
    }

    #[test]
    fn a_single_picture() {
        let film = film();
        let at = |time| {
            let wanted = poster(&film, time)?;
            assert_eq!((wanted.size, wanted.grid), ((1280, 720), (1, 1)));
            Ok(MediaTime::new(wanted.plan.parts[0].samples.samples[0].presentation, Timescale::new(24_000).unwrap())
                .floor(seconds(0).scale))
        };
        assert_eq!(
            [at(Some(seconds(0))), at(Some(seconds(3))), at(Some(seconds(8))), at(None)],
            [Ok(0), Ok(2), Ok(6), Ok(0)]
        );
        let late: Result<i64, Error> = at(Some(seconds(10)));
        assert!(matches!(late, Err(Error::NoSuchTime { .. })));
    }

    #[test]
    fn too_many_bytes_are_not_read() {
        let mut spec = video_spec(1, 320, 180);
        spec.sample_size = 8 << 20;
        let film = film_of(vec![group("video", TrackKind::Video, &[0, 48, 96, 144], &[spec])]);
        let grid = Grid::of(&film, &SETTINGS).unwrap();
        assert!(matches!(sheet(&film, &grid, 1), Err(Error::SegmentTooLarge { .. })));
    }
}
