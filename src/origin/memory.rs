//! One budget of bytes for all answers in memory: those that are being made, those that are being sent, and those
//! that the cache keeps.
//!
//! Every answer holds a [`Lease`]. It goes with the answer's bytes (see [`Lease::hold`]) and ends when the last of
//! them is let go: by the cache, and by every connection that sends them, however slow its client. So what is
//! leased is what is there, whoever keeps it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;

/// How long a request waits for room before its client is asked to come back.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the cache is asked meanwhile to let go of what it has thrown out.
const SETTLE_EVERY: Duration = Duration::from_millis(20);
/// The unit of room, bytes.
const UNIT: u64 = 1024;

/// The budget. Its clones share it.
#[derive(Clone)]
pub(super) struct Memory {
    room: Arc<Semaphore>,
    /// All there is, bytes.
    max_bytes: u64,
    /// What one lease may have at the most, bytes: what is there beyond a full cache. Larger answers are made one
    /// at a time.
    largest_lease: u64,
    waiting: Arc<AtomicU64>,
}

/// How much of the budget is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Bytes of answers in memory: made, sent or kept.
    pub used_bytes: u64,
    /// How many there may be.
    pub max_bytes: u64,
    /// Requests that wait for room.
    pub waiting: u64,
}

/// Room in memory that is taken.
#[derive(Debug)]
pub(super) struct Lease(OwnedSemaphorePermit);

impl Memory {
    /// For a cache of `cached_bytes`, and `in_flight_bytes` beyond it.
    pub(super) fn new(cached_bytes: u64, in_flight_bytes: u64) -> Memory {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize) as u64 * UNIT;
        let largest_lease = in_flight_bytes.clamp(UNIT, most);
        let max_bytes = cached_bytes.saturating_add(largest_lease).min(most);
        let permits = units(max_bytes) as usize;
        Memory { room: Arc::new(Semaphore::new(permits)), max_bytes, largest_lease, waiting: Arc::default() }
    }

    /// How it stands now.
    pub(super) fn budget(&self) -> Budget {
        let free = self.room.available_permits() as u64 * UNIT;
        let used_bytes = self.max_bytes.saturating_sub(free);
        Budget { used_bytes, max_bytes: self.max_bytes, waiting: self.waiting.load(Ordering::Relaxed) }
    }

    /// Waits a moment for room for `bytes`. `settle` has the cache let go of what it does not keep any more.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub(super) async fn lease<S: Future<Output = ()>>(
        &self,
        bytes: u64,
        mut settle: impl FnMut() -> S,
    ) -> Result<Lease, Error> {
        let wanted = units(bytes.min(self.largest_lease));
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(wanted) {
            return Ok(Lease(room));
        }
        let _waiting = Waiting::new(&self.waiting);
        let mut turn = pin!(Arc::clone(&self.room).acquire_many_owned(wanted));
        let waiting = async {
            loop {
                settle().await;
                if let Ok(room) = tokio::time::timeout(SETTLE_EVERY, turn.as_mut()).await {
                    // The semaphore is never closed.
                    return room.map(Lease).map_err(|_| Error::Internal);
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(Err(Error::Overloaded { retry_after: PATIENCE }))
    }
}

/// Counts a request that waits, also one whose client goes away.
struct Waiting(Arc<AtomicU64>);

impl Waiting {
    fn new(count: &Arc<AtomicU64>) -> Waiting {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lease {
    /// Bytes of room.
    pub(super) fn bytes(&self) -> u64 {
        self.0.num_permits() as u64 * UNIT
    }

    /// Gives back what is beyond `bytes`.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let surplus = self.0.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.0.split(surplus));
    }

    /// The same pieces, each of which keeps the lease for as long as anybody has a part of it.
    pub(super) fn hold(self, pieces: Vec<Bytes>) -> Vec<Bytes> {
        let lease = Arc::new(self);
        let held = |bytes: Bytes| Bytes::from_owner(Held { bytes, _lease: Arc::clone(&lease) });
        pieces.into_iter().filter(|piece| !piece.is_empty()).map(held).collect()
    }
}

/// Bytes and the room that they take.
struct Held {
    bytes: Bytes,
    _lease: Arc<Lease>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    async fn nothing() {}

    #[tokio::test]
    async fn room_is_taken_for_as_long_as_any_part_of_the_bytes_is_there() {
        let memory = Memory::new(0, 10 * UNIT);
        let mut lease = memory.lease(8 * UNIT, nothing).await.unwrap();
        lease.shrink(5 * UNIT);
        assert_eq!((lease.bytes(), memory.budget().used_bytes), (5 * UNIT, 5 * UNIT));
        let mut pieces = lease.hold(vec![Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"def")]);
        assert_eq!(pieces.concat(), b"abcdef");
        let part = pieces[1].slice(1..2);
        pieces.clear();
        assert_eq!((part.as_ref(), memory.budget().used_bytes), (&b"e"[..], 5 * UNIT));
        drop(part);
        assert_eq!(memory.budget().used_bytes, 0);
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_a_moment_and_is_then_sent_away() {
        let memory = Memory::new(UNIT, 3 * UNIT);
        let all = memory.lease(100 * UNIT, nothing).await.unwrap();
        assert_eq!((all.bytes(), memory.budget().max_bytes), (3 * UNIT, 4 * UNIT), "no more than is beyond the cache");
        let begun = Instant::now();
        assert!(matches!(memory.lease(2 * UNIT, nothing).await, Err(Error::Overloaded { .. })));
        assert!((PATIENCE..2 * PATIENCE).contains(&begun.elapsed()));
        let waits = memory.lease(2 * UNIT, nothing);
        let gives = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            drop(all);
        };
        assert_eq!(tokio::join!(waits, gives).0.unwrap().bytes(), 2 * UNIT);
        assert_eq!(memory.budget().used_bytes, 0);
    }

    #[tokio::test]
    async fn the_cache_is_asked_to_let_go() {
        let memory = Memory::new(0, UNIT);
        let mut kept = Some(memory.lease(UNIT, nothing).await.unwrap());
        let begun = Instant::now();
        let lease = memory
            .lease(UNIT, || {
                kept.take();
                std::future::ready(())
            })
            .await
            .unwrap();
        assert!(lease.bytes() == UNIT && begun.elapsed() < PATIENCE / 2);
    }
}
