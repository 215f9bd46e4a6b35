//! `PresentationTimeRange` of a filter.

use std::cmp::Ordering;

use super::FilterError;
use crate::time::{MediaTime, Timescale};

/// What the service wrote for "no end" and "no window": the largest 64-bit number with a sign.
pub const UNBOUNDED: u64 = i64::MAX as u64;

/// A part of the timeline. Windows and back-offs are of live streams; a finished film has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct TimeRange {
    /// Unit of the numbers below, ticks per second.
    pub timescale: u64,
    /// `StartTimestamp`: the segment that holds it is the first.
    pub start: u64,
    /// `EndTimestamp`: the last segment begins before it. [`UNBOUNDED`] for the end of the film.
    pub end: u64,
    /// `PresentationWindowDuration`: how much of a live stream is shown.
    pub window: u64,
    /// `LiveBackoffDuration`: how much of the newest part of a live stream is hidden.
    pub live_backoff: u64,
    /// `ForceEndTimestamp`: the end holds for a live stream too.
    pub force_end: bool,
}

impl Default for TimeRange {
    fn default() -> TimeRange {
        TimeRange {
            timescale: 10_000_000,
            start: 0,
            end: UNBOUNDED,
            window: UNBOUNDED,
            live_backoff: 0,
            force_end: false,
        }
    }
}

impl TimeRange {
    /// The rules of the service.
    pub(super) fn check(&self) -> Result<(), FilterError> {
        let seconds = |ticks: u64| u128::from(ticks).checked_div(u128::from(self.timescale));
        if self.unit().is_none() || self.start >= self.end {
            return Err(FilterError::Range);
        }
        if self.force_end && self.end == UNBOUNDED {
            return Err(FilterError::ForcedEndWithoutEnd);
        }
        if seconds(self.window).is_none_or(|s| s < 60) {
            return Err(FilterError::Window);
        }
        if u128::from(self.live_backoff) > 300 * u128::from(self.timescale) {
            return Err(FilterError::Backoff);
        }
        if self.live_backoff >= self.window {
            return Err(FilterError::BackoffOverWindow);
        }
        Ok(())
    }

    fn unit(&self) -> Option<Timescale> {
        u32::try_from(self.timescale).ok().and_then(Timescale::new)
    }

    fn time(&self, ticks: u64) -> Option<MediaTime> {
        Some(MediaTime::new(i64::try_from(ticks).ok()?, self.unit()?))
    }

    /// Where it begins, if it cuts anything off.
    pub(super) fn begin(&self) -> Option<MediaTime> {
        (self.start > 0).then(|| self.time(self.start)).flatten()
    }

    /// Where it ends, if it cuts anything off.
    pub(super) fn finish(&self) -> Option<MediaTime> {
        (self.end < UNBOUNDED).then(|| self.time(self.end)).flatten()
    }
}

/// The later of two times.
pub(super) fn later(a: Option<MediaTime>, b: Option<MediaTime>) -> Option<MediaTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.compare(b) == Ordering::Less { b } else { a }),
        (one, other) => one.or(other),
    }
}

/// The earlier of two times.
pub(super) fn earlier(a: Option<MediaTime>, b: Option<MediaTime>) -> Option<MediaTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.compare(b) == Ordering::Greater { b } else { a }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_service_hold() {
        let usual = TimeRange::default();
        assert_eq!(usual.check(), Ok(()));
        let of = |change: fn(&mut TimeRange)| {
            let mut range = usual;
            change(&mut range);
            range.check()
        };
        assert_eq!(of(|r| r.timescale = 0), Err(FilterError::Range));
        assert_eq!(of(|r| (r.start, r.end) = (7, 7)), Err(FilterError::Range));
        assert_eq!(of(|r| r.force_end = true), Err(FilterError::ForcedEndWithoutEnd));
        assert_eq!(of(|r| r.window = 599_999_999), Err(FilterError::Window));
        assert_eq!(of(|r| r.live_backoff = 3_000_000_001), Err(FilterError::Backoff));
        assert_eq!(
            of(|r| (r.window, r.live_backoff) = (600_000_000, 600_000_000)),
            Err(FilterError::BackoffOverWindow)
        );
        assert_eq!(of(|r| r.live_backoff = 3_000_000_000), Ok(()));
    }
}
