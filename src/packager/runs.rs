//! Segment times as runs of equal durations.

use crate::media::TrackGroup;
use crate::time::Timescale;

/// Neighbouring segments of equal duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    /// Where the first of them begins, ticks.
    pub start: u64,
    /// How long each is, ticks.
    pub duration: u64,
    /// How many.
    pub count: u64,
}

/// The segments of a group in ticks of `scale`. Each time is rounded down by itself and durations are
/// differences, so that `start + n × duration` is exactly what URLs and `tfdt` say.
pub(crate) fn runs(group: &TrackGroup, scale: Timescale) -> Runs<'_> {
    Runs { group, scale, next: 0, start: group.boundary(0, scale) }
}

/// See [`runs`].
#[derive(Debug)]
pub(crate) struct Runs<'a> {
    group: &'a TrackGroup,
    scale: Timescale,
    next: usize,
    start: u64,
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        if self.next >= self.group.segment_count() {
            return None;
        }
        let start = self.start;
        let mut end = self.group.boundary(self.next + 1, self.scale);
        let duration = end.saturating_sub(start);
        let mut count = 1;
        loop {
            self.next += 1;
            self.start = end;
            if self.next >= self.group.segment_count() {
                break;
            }
            end = self.group.boundary(self.next + 1, self.scale);
            if end.saturating_sub(self.start) != duration {
                break;
            }
            count += 1;
        }
        Some(Run { start, duration, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::testing;

    fn of(starts: Vec<u64>, end: u64, timescale: u32, scale: Timescale) -> Vec<(u64, u64, u64)> {
        let mut group = testing::film().groups.remove(0);
        group.timescale = Timescale::new(timescale).unwrap();
        (group.starts, group.end) = (starts, end);
        runs(&group, scale).map(|r| (r.start, r.duration, r.count)).collect()
    }

    #[test]
    fn equal_durations_are_counted_and_the_last_stands_alone() {
        let own = Timescale::new(1000).unwrap();
        assert_eq!(of(vec![0, 2000, 4000], 5000, 1000, own), [(0, 2000, 2), (4000, 1000, 1)]);
        assert_eq!(of(vec![0, 2000, 4000], 6000, 1000, own), [(0, 2000, 3)]);
        assert_eq!(of(vec![500], 600, 1000, own), [(500, 100, 1)]);
        let ten = Timescale::TEN_MHZ;
        assert_eq!(of(vec![0, 2000], 2500, 1000, ten), [(0, 20_000_000, 1), (20_000_000, 5_000_000, 1)]);
    }

    #[test]
    fn truncated_times_alternate_by_one_tick() {
        let starts = (0..4).map(|n| n * 87 * 1024).collect();
        let runs = of(starts, 4 * 87 * 1024, 44_100, Timescale::TEN_MHZ);
        let durations: Vec<u64> = runs.iter().map(|(_, d, _)| *d).collect();
        assert_eq!(durations, [20_201_360, 20_201_361, 20_201_360, 20_201_361]);
        assert!(runs.windows(2).all(|w| w[0].0 + w[0].1 * w[0].2 == w[1].0));
    }
}
