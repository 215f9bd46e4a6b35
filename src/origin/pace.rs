//! Streams from storage, sent piece by piece: the next piece is read when the one before has been taken by the
//! socket, so that a client which does not read holds one piece and no more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::task::AtomicWaker;

use super::body::ByteStream;
use super::memory::Lease;

/// What a download takes of memory, bytes: the piece that is sent and the one that is read.
pub(super) const DOWNLOAD_BYTES: u64 = 128 << 10;

/// `stream`, of which at most one piece is on its way at a time; it keeps `lease` until it is at its end.
pub(super) fn paced(stream: ByteStream, lease: Arc<Lease>) -> ByteStream {
    Box::pin(Paced { stream, on_its_way: Arc::default(), _lease: lease })
}

struct Paced {
    stream: ByteStream,
    on_its_way: Arc<OnItsWay>,
    _lease: Arc<Lease>,
}

/// Pieces that have been handed out and not been let go.
#[derive(Default)]
struct OnItsWay {
    pieces: AtomicUsize,
    waiting: AtomicWaker,
}

/// One of them.
struct Piece {
    bytes: Bytes,
    on_its_way: Arc<OnItsWay>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.on_its_way.pieces.fetch_sub(1, Ordering::AcqRel);
        self.on_its_way.waiting.wake();
    }
}

impl Stream for Paced {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        // First this, then the look: a piece that is let go in between wakes us.
        self.on_its_way.waiting.register(cx.waker());
        if self.on_its_way.pieces.load(Ordering::Acquire) > 0 {
            return Poll::Pending;
        }
        let polled = self.stream.as_mut().poll_next(cx);
        polled.map(|next| {
            next.map(|read| {
                read.map(|bytes| {
                    self.on_its_way.pieces.fetch_add(1, Ordering::AcqRel);
                    Bytes::from_owner(Piece { bytes, on_its_way: Arc::clone(&self.on_its_way) })
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{FutureExt, StreamExt, stream};

    use super::*;
    use crate::origin::memory::Memory;

    #[tokio::test]
    async fn the_next_piece_comes_when_the_last_one_is_gone() {
        let memory = Memory::new(0, 1 << 20);
        let lease = memory.lease(DOWNLOAD_BYTES, || std::future::ready(())).await.unwrap();
        let pieces = stream::iter(["ab", "cd"].map(|text| Ok(Bytes::from_static(text.as_bytes()))));
        let mut paced = paced(Box::pin(pieces), Arc::new(lease));
        let first = paced.next().await.unwrap().unwrap();
        assert!(paced.next().now_or_never().is_none());
        let part = first.slice(0..1);
        drop(first);
        assert!(paced.next().now_or_never().is_none(), "a part of it is still there");
        let waits = tokio::spawn(async move {
            let second = paced.next().await.unwrap().unwrap();
            assert_eq!(second, "cd");
            drop(second);
            assert!(paced.next().await.is_none());
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(memory.budget().used_bytes, DOWNLOAD_BYTES);
        drop(part);
        waits.await.unwrap();
        assert_eq!(memory.budget().used_bytes, 0);
    }
}
