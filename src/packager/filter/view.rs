//! A film as filters leave it. The samples are shared, the lists of segments are cut.

use std::cmp::Ordering;

use super::range::{earlier, later};
use super::{Filter, FilterError};
use crate::media::{Presentation, TrackGroup, TrackKind, View};
use crate::time::{MediaTime, Timescale};

/// Sound and text are cut at their first sample at or after a cut of the pictures. A cut that comes this
/// much before the beginning of such a segment means that segment: longer than any frame of sound.
const FRAME: MediaTime = MediaTime::new(100, Timescale::MILLISECONDS);

/// The presentation as all `filters` together leave it. Where `step` segments are sent as one (in transport
/// streams), cuts are at multiples of that, so that segments keep their URLs.
///
/// # Errors
/// [`FilterError::SeveralFirstQualities`], and [`FilterError::RemovedAll`] when nothing is left.
pub fn view(whole: &Presentation, filters: &[&Filter], step: usize) -> Result<Presentation, FilterError> {
    let mut first_qualities = filters.iter().filter_map(|f| f.first_quality);
    let first_quality = first_qualities.next();
    if first_qualities.next().is_some() {
        return Err(FilterError::SeveralFirstQualities);
    }
    let mut begin = None;
    let mut end = None;
    for filter in filters {
        begin = later(begin, filter.range.begin());
        end = earlier(end, filter.range.finish());
    }
    let mut groups: Vec<TrackGroup> = whole.groups.iter().filter_map(|group| with_tracks(group, filters)).collect();
    // The pictures decide where the cuts are; the rest follows.
    let pictures = groups.iter().position(|g| g.kind == TrackKind::Video).unwrap_or(0);
    let master = groups.get(pictures).ok_or(FilterError::RemovedAll)?;
    let cut = Cut::of(master, begin, end, step.max(1)).ok_or(FilterError::RemovedAll)?;
    let view = View { begin: begin.map(|_| cut.begin), skipped: cut.first, first_quality, origin: Some(whole.zero()) };
    for (index, group) in groups.iter_mut().enumerate() {
        let (first, last) = if index == pictures { (cut.first, cut.last) } else { cut.in_group(group) };
        keep(group, first, last);
        if let Some(begin) = view.begin {
            group.tracks.iter_mut().for_each(|track| track.zero = begin.floor(track.timescale));
        }
    }
    groups.retain(|g| !g.starts.is_empty());
    if groups.is_empty() {
        return Err(FilterError::RemovedAll);
    }
    Ok(Presentation {
        revision: whole.revision,
        files: whole.files.clone(),
        groups,
        left_out: whole.left_out.clone(),
        fragments_per_ts_segment: whole.fragments_per_ts_segment,
        view,
    })
}

/// The group with the tracks that all filters keep.
fn with_tracks(group: &TrackGroup, filters: &[&Filter]) -> Option<TrackGroup> {
    let stays = |track: &crate::media::Track| {
        filters.iter().all(|f| f.tracks.is_empty() || f.tracks.iter().any(|rule| rule.accepts(group, track)))
    };
    if !group.tracks.iter().any(stays) {
        return None;
    }
    let mut group = group.clone();
    group.tracks.retain(stays);
    Some(group)
}

/// Which segments of the deciding group stay.
#[derive(Clone, Copy, Debug)]
struct Cut {
    first: usize,
    /// Exclusive.
    last: usize,
    begin: MediaTime,
    end: MediaTime,
    /// The film goes on behind `last`.
    ends_early: bool,
}

impl Cut {
    /// Segments that hold any of the time from `begin` to `end`.
    fn of(group: &TrackGroup, begin: Option<MediaTime>, end: Option<MediaTime>, step: usize) -> Option<Cut> {
        let count = group.segment_count();
        let film_end = group.boundary_time(count);
        if begin.is_some_and(|b| b.compare(film_end) != Ordering::Less) {
            return None;
        }
        let first = begin.map_or(0, |b| holding(group, b));
        let last = end.map_or(count, |e| starting_before(group, e));
        if first >= last {
            return None;
        }
        let first = first / step * step;
        let last = last.div_ceil(step).saturating_mul(step).min(count);
        Some(Cut {
            first,
            last,
            begin: group.boundary_time(first),
            end: group.boundary_time(last),
            ends_early: last < count,
        })
    }

    /// The segments of another group that go with it.
    fn in_group(&self, group: &TrackGroup) -> (usize, usize) {
        let first = if self.first == 0 { 0 } else { near(group, self.begin) };
        let last = if self.ends_early { near(group, self.end) } else { group.segment_count() };
        (first, last.max(first))
    }
}

/// The number of segments that begin before `time`.
fn starting_before(group: &TrackGroup, time: MediaTime) -> usize {
    let at = |start: u64| MediaTime::new(i64::try_from(start).unwrap_or(i64::MAX), group.timescale);
    group.starts.partition_point(|start| at(*start).compare(time) == Ordering::Less)
}

/// The segment that holds `time`; the first one for what comes before.
fn holding(group: &TrackGroup, time: MediaTime) -> usize {
    let before = starting_before(group, time);
    match group.boundary_time(before).compare(time) {
        Ordering::Equal if before < group.segment_count() => before,
        _ => before.saturating_sub(1),
    }
}

/// The segment that holds `time`, or the next one if that begins within a frame.
fn near(group: &TrackGroup, time: MediaTime) -> usize {
    let holding = holding(group, time);
    let (next, scale) = (group.boundary_time(holding + 1), group.timescale);
    let forgiven = MediaTime::new(time.ceil(scale).saturating_add(FRAME.ceil(scale)), scale);
    let begins_later = group.boundary_time(holding).compare(time) == Ordering::Less;
    if begins_later && next.compare(forgiven) != Ordering::Greater { holding + 1 } else { holding }
}

/// Keeps segments `first..last`.
fn keep(group: &mut TrackGroup, first: usize, last: usize) {
    let count = group.segment_count();
    let (first, last) = (first.min(count), last.min(count));
    group.end = group.starts.get(last).copied().unwrap_or(group.end);
    group.starts.truncate(last);
    group.starts.drain(..first.min(group.starts.len()));
    for track in &mut group.tracks {
        if last < count {
            track.ends_within = None;
        }
        track.segment_samples.truncate(last + 1);
        track.segment_samples.drain(..first.min(track.segment_samples.len()));
        track.segment_bytes.truncate(last);
        track.segment_bytes.drain(..first.min(track.segment_bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::filter::{Condition, TimeRange, TrackRule};
    use crate::packager::testing::film;

    fn range(start: u64, end: u64) -> Filter {
        Filter {
            range: TimeRange { timescale: 1000, start, end, window: u64::MAX, ..TimeRange::default() },
            ..Filter::default()
        }
    }

    fn rule(conditions: &[(&str, &str, &str)]) -> TrackRule {
        TrackRule { conditions: conditions.iter().map(|(p, o, v)| Condition::parse(p, o, v).unwrap()).collect() }
    }

    /// Each group's name, bitrates, and first and last boundary in milliseconds.
    fn shape(filters: &[&Filter], step: usize) -> Vec<(String, Vec<u64>, i64, i64)> {
        let view = view(&film(), filters, step).unwrap();
        let ms = |g: &TrackGroup, at: usize| g.boundary_time(at).floor(Timescale::MILLISECONDS);
        let of = |g: &TrackGroup| {
            let bitrates = g.tracks.iter().map(|t| t.bitrate).collect();
            (g.name.clone(), bitrates, ms(g, 0), ms(g, g.segment_count()))
        };
        view.groups.iter().map(of).collect()
    }

    fn times(filters: &[&Filter], step: usize) -> Vec<(i64, i64)> {
        shape(filters, step).into_iter().map(|(_, _, from, to)| (from, to)).collect()
    }

    #[test]
    fn a_range_keeps_whole_segments_and_sound_goes_with_pictures() {
        // Video segments begin at 0, 2, 4, 6, 8 s and end at 9 s; sound 5, 10, 16 and 0 ms later.
        let whole = [(0, 9002), (0, 9000)];
        assert_eq!(times(&[&range(0, 20_000)], 1), whole);
        assert_eq!(times(&[&range(0, 4000)], 1), [(0, 4010), (0, 4000)]);
        assert_eq!(times(&[&range(0, 4001)], 1), [(0, 6016), (0, 6000)]);
        assert_eq!(times(&[&range(2000, 4000)], 1), [(2005, 4010), (2000, 4000)]);
        assert_eq!(times(&[&range(1999, 4000)], 1), [(0, 4010), (0, 4000)]);
        assert_eq!(times(&[&range(3999, 4000)], 1), [(2005, 4010), (2000, 4000)]);
        assert_eq!(times(&[&range(8999, 9000)], 1), [(8000, 9002), (8000, 9000)]);
    }

    #[test]
    fn transport_streams_are_cut_between_their_segments() {
        assert_eq!(times(&[&range(3000, 4000)], 3), [(0, 6016), (0, 6000)]);
        assert_eq!(times(&[&range(6000, 7000)], 3), [(6016, 9002), (6000, 9000)]);
    }

    #[test]
    fn filters_intersect() {
        let (a, b) = (range(1000, 7000), range(4000, 20_000));
        assert_eq!(times(&[&a, &b], 1), times(&[&range(4000, 7000)], 1));
        // A cut between two times that only touch leaves nothing; neither does one behind the end.
        assert_eq!(
            super::view(&film(), &[&range(0, 4000), &range(4000, 8000)], 1).err(),
            Some(FilterError::RemovedAll)
        );
        assert_eq!(super::view(&film(), &[&range(9000, 10_000)], 1).err(), Some(FilterError::RemovedAll));
    }

    #[test]
    fn tracks_stay_when_a_rule_of_every_filter_accepts_them() {
        let low = Filter {
            tracks: vec![
                rule(&[("Type", "Equal", "video"), ("Bitrate", "Equal", "0-1000000")]),
                rule(&[("Type", "Equal", "audio")]),
            ],
            ..Filter::default()
        };
        let kept: Vec<_> = shape(&[&low], 1).into_iter().map(|(name, bitrates, ..)| (name, bitrates)).collect();
        assert_eq!(kept, [("audio".to_owned(), vec![128_000]), ("video".to_owned(), vec![400_000])]);
        let pictures = Filter { tracks: vec![rule(&[("Type", "Equal", "video")])], ..Filter::default() };
        let kept: Vec<_> =
            shape(&[&low, &pictures], 1).into_iter().map(|(name, bitrates, ..)| (name, bitrates)).collect();
        assert_eq!(kept, [("video".to_owned(), vec![400_000])]);
        let none = Filter { tracks: vec![rule(&[("Name", "Equal", "nothing")])], ..Filter::default() };
        assert_eq!(super::view(&film(), &[&none], 1).err(), Some(FilterError::RemovedAll));
    }

    #[test]
    fn one_filter_alone_may_say_what_comes_first() {
        let first = Filter { first_quality: Some(1), ..Filter::default() };
        assert_eq!(super::view(&film(), &[&first], 1).unwrap().view.first_quality, Some(1));
        assert_eq!(super::view(&film(), &[&first, &first], 1).err(), Some(FilterError::SeveralFirstQualities));
    }

    #[test]
    fn samples_are_those_of_the_whole_film() {
        let whole = film();
        let cut = super::view(&whole, &[&range(4000, 8000)], 1).unwrap();
        for (group, of_whole) in cut.groups.iter().zip(&whole.groups) {
            for (track, same) in group.tracks.iter().zip(&of_whole.tracks) {
                assert_eq!(track.samples(0, 1), same.samples(2, 3));
                assert_eq!(track.segment_bytes, same.segment_bytes[2..4]);
                assert!(std::sync::Arc::ptr_eq(&track.samples, &same.samples));
            }
        }
        assert_eq!(cut.duration().round(Timescale::MILLISECONDS), 4083);
        assert_eq!((cut.view.skipped, cut.view.begin.map(|b| b.floor(Timescale::MILLISECONDS))), (2, Some(4000)));
    }
}
