//! The rules by which a connection is closed that does not do its part.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Limits;
use super::activity::Activity;
use super::metered::Protocol;

/// Less than this many bytes within the stall time-out is no progress: HTTP/2 pings and a reader
/// that takes a byte per second do not keep an answer in memory.
const PROGRESS: u64 = 1024;

/// What to do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// Close it politely: it has been idle for long enough.
    Idle,
    /// A request's head takes too long.
    SlowHead,
    /// An answer waits for a client that does not read.
    Stalled,
}

/// Looks at a connection's counters now and then. Times are therefore kept to within
/// [`Watch::interval`].
pub(super) struct Watch {
    activity: Arc<Activity>,
    protocol: Protocol,
    head_timeout: Duration,
    idle_timeout: Duration,
    stall_timeout: Duration,
    requests: u64,
    /// Since when there is nothing to do, and how much was read by then.
    idle: Option<(Instant, u64)>,
    /// Since when a head is being read.
    head: Option<Instant>,
    /// Since when an answer waits for the client, and how much was written by then.
    sending: Option<(Instant, u64)>,
}

impl Watch {
    pub(super) fn new(activity: Arc<Activity>, protocol: Protocol, limits: &Limits, now: Instant) -> Watch {
        Watch {
            activity,
            protocol,
            head_timeout: limits.head_timeout,
            idle_timeout: limits.idle_timeout,
            stall_timeout: limits.stall_timeout,
            requests: 0,
            idle: Some((now, 0)),
            // The first head has been awaited since the connection was opened.
            head: (protocol == Protocol::Http1).then_some(now),
            sending: None,
        }
    }

    /// How often to look.
    pub(super) fn interval(&self) -> Duration {
        let shortest = self.head_timeout.min(self.idle_timeout).min(self.stall_timeout);
        (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    pub(super) fn look(&mut self, now: Instant) -> Verdict {
        let a = &self.activity;
        let blocked = a.write_blocked.load(Relaxed);
        let bodies = a.bodies.load(Relaxed);
        let working = a.handlers.load(Relaxed) > 0 || bodies > 0 || blocked;
        let sending = blocked || bodies > a.waiting.load(Relaxed);
        let (read, written) = (a.read.load(Relaxed), a.written.load(Relaxed));
        let requests = a.requests.load(Relaxed);

        if sending {
            match self.sending {
                Some((since, mark)) if written.saturating_sub(mark) < PROGRESS => {
                    if now.duration_since(since) >= self.stall_timeout {
                        return Verdict::Stalled;
                    }
                }
                _ => self.sending = Some((now, written)),
            }
        } else {
            self.sending = None;
        }

        if working {
            (self.idle, self.head) = (None, None);
            self.requests = requests;
            return Verdict::Keep;
        }
        if requests != self.requests || self.idle.is_none() {
            self.requests = requests;
            self.idle = Some((now, read));
            self.head = None;
        }
        let Some((idle_since, read_then)) = self.idle else {
            return Verdict::Keep;
        };
        if self.protocol == Protocol::Http1 && read > read_then && self.head.is_none() {
            self.head = Some(now);
        }
        if self.head.is_some_and(|since| now.duration_since(since) >= self.head_timeout) {
            return Verdict::SlowHead;
        }
        if now.duration_since(idle_since) >= self.idle_timeout { Verdict::Idle } else { Verdict::Keep }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        activity: Arc<Activity>,
        watch: Watch,
        start: Instant,
    }

    impl Bench {
        fn new(protocol: Protocol) -> Bench {
            let activity = Arc::new(Activity::default());
            let start = Instant::now();
            let watch = Watch::new(Arc::clone(&activity), protocol, &Limits::default(), start);
            Bench { activity, watch, start }
        }

        fn at(&mut self, seconds: u64) -> Verdict {
            self.watch.look(self.start + Duration::from_secs(seconds))
        }
    }

    #[test]
    fn a_silent_connection_and_a_slow_head_are_closed_after_ten_seconds() {
        let mut b = Bench::new(Protocol::Http1);
        assert_eq!(b.at(9), Verdict::Keep);
        b.activity.read.store(5, Relaxed);
        assert_eq!(b.at(10), Verdict::SlowHead);
    }

    #[test]
    fn between_requests_the_longer_time_holds_until_a_byte_comes() {
        let mut b = Bench::new(Protocol::Http1);
        b.activity.requests.store(1, Relaxed);
        b.activity.read.store(100, Relaxed);
        assert_eq!(b.at(1), Verdict::Keep);
        assert_eq!(b.at(60), Verdict::Keep);
        assert_eq!(b.at(61), Verdict::Idle);
        b.activity.requests.store(2, Relaxed);
        assert_eq!(b.at(62), Verdict::Keep);
        b.activity.read.store(101, Relaxed);
        assert_eq!(b.at(64), Verdict::Keep);
        assert_eq!(b.at(73), Verdict::Keep);
        assert_eq!(b.at(74), Verdict::SlowHead);
    }

    #[test]
    fn http2_may_be_silent_until_it_is_idle() {
        let mut b = Bench::new(Protocol::Http2);
        b.activity.read.store(100, Relaxed);
        assert_eq!(b.at(59), Verdict::Keep);
        // Pings are no requests.
        b.activity.read.store(200, Relaxed);
        assert_eq!(b.at(60), Verdict::Idle);
    }

    #[test]
    fn a_reader_that_stalls_or_nibbles_is_closed_but_slow_storage_is_not() {
        let mut b = Bench::new(Protocol::Http1);
        b.activity.requests.store(1, Relaxed);
        b.activity.bodies.store(1, Relaxed);
        assert_eq!(b.at(0), Verdict::Keep);
        b.activity.written.store(5000, Relaxed);
        assert_eq!(b.at(20), Verdict::Keep);
        b.activity.written.store(5500, Relaxed);
        assert_eq!(b.at(49), Verdict::Keep);
        b.activity.waiting.store(1, Relaxed);
        assert_eq!(b.at(55), Verdict::Keep);
        assert_eq!(b.at(500), Verdict::Keep);
        b.activity.waiting.store(0, Relaxed);
        assert_eq!(b.at(501), Verdict::Keep);
        assert_eq!(b.at(531), Verdict::Stalled);
    }

    #[test]
    fn the_last_bytes_in_the_buffer_count_as_an_answer() {
        let mut b = Bench::new(Protocol::Http1);
        b.activity.write_blocked.store(true, Relaxed);
        assert_eq!(b.at(1), Verdict::Keep);
        assert_eq!(b.at(31), Verdict::Stalled);
    }

    #[test]
    fn a_handler_may_take_its_time() {
        let mut b = Bench::new(Protocol::Http1);
        b.activity.requests.store(1, Relaxed);
        b.activity.handlers.store(1, Relaxed);
        assert_eq!(b.at(1), Verdict::Keep);
        assert_eq!(b.at(1000), Verdict::Keep);
    }
}
