//! How many requests there may be: a bucket of tokens for each caller.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

/// Callers that are remembered; beyond that the fullest buckets are forgotten, which is no loss.
const MAX_CALLERS: usize = 10_000;

/// Buckets that fill at a steady rate.
pub struct Throttle {
    per_second: u32,
    burst: f64,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Throttle {
    /// `per_second` requests of each caller, and twice as many at once.
    pub fn new(per_second: u32) -> Throttle {
        Throttle { per_second, burst: f64::from(per_second) * 2.0, buckets: Mutex::default() }
    }

    /// Whether the caller has a request left, which is used up then.
    pub fn admits(&self, caller: &str, now: Instant) -> bool {
        self.take(caller, now, 1.0)
    }

    /// Whether the caller has any left; nothing is used up.
    pub fn has_room(&self, caller: &str, now: Instant) -> bool {
        self.take(caller, now, 0.0)
    }

    fn take(&self, caller: &str, now: Instant, amount: f64) -> bool {
        // A poisoned lock holds numbers that are still numbers.
        let mut buckets = self.buckets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let fill = |(level, at): (f64, Instant)| {
            (level + now.saturating_duration_since(at).as_secs_f64() * f64::from(self.per_second)).min(self.burst)
        };
        if buckets.len() >= MAX_CALLERS {
            buckets.retain(|_, bucket| fill(*bucket) < self.burst);
            if buckets.len() >= MAX_CALLERS {
                buckets.clear();
            }
        }
        let level = buckets.get(caller).map_or(self.burst, |bucket| fill(*bucket));
        let admitted = level >= 1.0;
        let left = if admitted { level - amount } else { level };
        buckets.insert(caller.to_owned(), (left, now));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        let (throttle, start) = (Throttle::new(5), Instant::now());
        let admitted = (0..100).filter(|_| throttle.admits("a", start)).count();
        assert_eq!(admitted, 10);
        assert!(throttle.admits("b", start));
        assert!(!throttle.has_room("a", start));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| throttle.admits("a", later)).count(), 5);
    }

    #[test]
    fn callers_are_forgotten_before_they_fill_the_memory() {
        let (throttle, start) = (Throttle::new(1), Instant::now());
        for caller in 0..3 * MAX_CALLERS {
            throttle.admits(&caller.to_string(), start);
        }
        assert!(throttle.buckets.lock().unwrap().len() <= MAX_CALLERS);
    }
}
