//! What has happened, in numbers that any thread adds to and any thread reads: no lock, no allocation, no waiting.
//!
//! Nothing here knows what is counted or who asks. A number that is read while others add to it is one that was
//! true at some moment; two of them need not be of the same moment.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// How many by now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How many of something there are at this moment.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more, until the guard is dropped.
    pub fn enter(&self) -> Entered<'_> {
        self.raise();
        Entered(self)
    }

    /// One more, until [`Gauge::lower`].
    pub fn raise(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// One less.
    pub fn lower(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// How many now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Counts one until it is dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.lower();
    }
}

/// How often something was found, and how often not.
#[derive(Debug, Default)]
pub struct Finds {
    /// Found.
    pub hits: Counter,
    /// Not found.
    pub misses: Counter,
}

impl Finds {
    /// Counts `found`, and gives it back.
    pub fn count<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_some() {
            self.hits.increment()
        } else {
            self.misses.increment()
        }
        found
    }
}

/// How values are distributed over ranges that are fixed once and for all.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above them all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// Bounds for durations, in microseconds: from what memory takes to what a player gives up at.
pub const MICROSECONDS: &[u64] = &[
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

impl Histogram {
    /// Of values up to each of `bounds`, which increase, and above them.
    pub fn new(bounds: &'static [u64]) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Of durations.
    pub fn of_durations() -> Histogram {
        Histogram::new(MICROSECONDS)
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let at = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    /// Counts a duration, in microseconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// The bounds and how many values fell under each and above the one before; the last has no bound.
    pub fn read(&self) -> (Vec<(Option<u64>, u64)>, u64) {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        (bounds.zip(counts).collect(), self.sum.load(Relaxed))
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_under_their_bounds() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.observe(value);
        }
        let (counts, sum) = histogram.read();
        assert_eq!(counts, [(Some(10), 2), (Some(20), 2), (None, 2)]);
        assert_eq!((sum, histogram.total()), (1062, 6));
        let durations = Histogram::of_durations();
        durations.observe_duration(Duration::from_millis(1));
        assert_eq!(durations.read().1, 1000);
    }

    #[test]
    fn what_goes_in_comes_out() {
        let gauge = Gauge::default();
        let first = gauge.enter();
        gauge.raise();
        assert_eq!(gauge.get(), 2);
        drop(first);
        gauge.lower();
        assert_eq!(gauge.get(), 0);
        let finds = Finds::default();
        assert_eq!((finds.count(Some(1)), finds.count(None::<u8>)), (Some(1), None));
        assert_eq!((finds.hits.get(), finds.misses.get()), (1, 1));
    }
}
