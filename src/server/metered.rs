//! A TCP stream that counts, and that can be given back bytes that were read too early.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::Activity;

/// What an HTTP/2 client with prior knowledge sends first (RFC 9113 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

pub(super) struct Metered {
    tcp: TcpStream,
    unread: Bytes,
    activity: Arc<Activity>,
}

impl Metered {
    pub(super) fn new(tcp: TcpStream, activity: Arc<Activity>) -> Metered {
        Metered { tcp, unread: Bytes::new(), activity }
    }

    /// Reads until it is clear which protocol the client speaks, and puts the bytes back.
    pub(super) async fn sniff(&mut self) -> io::Result<Protocol> {
        let mut seen = Vec::with_capacity(PREFACE.len());
        let protocol = loop {
            let mut buffer = [0u8; PREFACE.len()];
            let room = buffer.get_mut(seen.len()..).unwrap_or_default();
            let n = self.tcp.read(room).await?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.activity.read.fetch_add(n as u64, Relaxed);
            seen.extend_from_slice(room.get(..n).unwrap_or_default());
            if !PREFACE.starts_with(&seen) {
                break Protocol::Http1;
            }
            if seen.len() == PREFACE.len() {
                break Protocol::Http2;
            }
        };
        self.unread = Bytes::from(seen);
        Ok(protocol)
    }

    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = &polled {
            self.activity.written.fetch_add(*n as u64, Relaxed);
        }
        self.activity.write_blocked.store(polled.is_pending(), Relaxed);
        polled
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let n = self.unread.len().min(buffer.remaining());
            buffer.put_slice(self.unread.get(..n).unwrap_or_default());
            self.unread.advance(n);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        self.activity.read.fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
