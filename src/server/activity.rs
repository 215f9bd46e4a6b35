//! What goes on in one connection, as numbers that its watcher reads.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::origin::Body;

/// Counters of one connection. They are written by the tasks that work for it and read by its
/// watcher a few times per time-out, so no order between them is needed.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Bytes read from the socket.
    pub read: AtomicU64,
    /// Bytes the socket took.
    pub written: AtomicU64,
    /// Whether the socket refused the last bytes because its buffer is full.
    pub write_blocked: AtomicBool,
    /// Requests begun.
    pub requests: AtomicU64,
    /// Handlers at work.
    pub handlers: AtomicUsize,
    /// Answers whose body is not at its end.
    pub bodies: AtomicUsize,
    /// Those of them that wait for storage.
    pub waiting: AtomicUsize,
}

/// Counts a handler at work until it is dropped, also by a panic or a client that went away.
pub(super) struct Working(Arc<Activity>);

impl Working {
    pub(super) fn new(activity: &Arc<Activity>) -> Working {
        activity.requests.fetch_add(1, Relaxed);
        activity.handlers.fetch_add(1, Relaxed);
        Working(Arc::clone(activity))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.handlers.fetch_sub(1, Relaxed);
    }
}

/// A body that tells whether it waits for storage or for the client.
pub(super) struct Watched {
    body: Body,
    waiting: bool,
    activity: Arc<Activity>,
}

impl Watched {
    pub(super) fn new(body: Body, activity: &Arc<Activity>) -> Watched {
        activity.bodies.fetch_add(1, Relaxed);
        Watched { body, waiting: false, activity: Arc::clone(activity) }
    }

    fn set_waiting(&mut self, waiting: bool) {
        if self.waiting != waiting {
            self.waiting = waiting;
            if waiting {
                self.activity.waiting.fetch_add(1, Relaxed);
            } else {
                self.activity.waiting.fetch_sub(1, Relaxed);
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.set_waiting(false);
        self.activity.bodies.fetch_sub(1, Relaxed);
    }
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.set_waiting(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
