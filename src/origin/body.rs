//! Answer bodies: pieces of memory, or bytes that storage delivers bit by bit.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Frame, SizeHint};

use super::traffic::Receipt;

/// Bytes that come from storage while they are sent. Pulled: nothing is read that the client has
/// no room for.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The body of an answer. Its size is always known; pieces are handed on without copying.
pub struct Body {
    source: Source,
    remaining: u64,
    receipt: Option<Receipt>,
}

enum Source {
    Pieces(VecDeque<Bytes>),
    Stream(ByteStream),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Body {
        Body { source: Source::Pieces(VecDeque::new()), remaining: 0, receipt: None }
    }

    /// These slices one after the other.
    pub fn from_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Body {
        let pieces: VecDeque<Bytes> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let remaining = pieces.iter().map(|piece| piece.len() as u64).sum();
        Body { source: Source::Pieces(pieces), remaining, receipt: None }
    }

    /// `length` bytes of `stream`. If the stream ends early the transfer is cut off, so that the
    /// client notices; what it has too much is not sent.
    pub fn from_stream(stream: ByteStream, length: u64) -> Body {
        Body { source: Source::Stream(stream), remaining: length, receipt: None }
    }

    /// Counts what is sent of it.
    #[must_use]
    pub fn with_receipt(self, receipt: Receipt) -> Body {
        Body { receipt: Some(receipt), ..self }
    }

    /// Bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }
}

/// The part of `pieces` that `range` (in bytes) covers, without copying.
pub(super) fn cut(pieces: &[Bytes], range: Range<u64>) -> Vec<Bytes> {
    let mut out = Vec::new();
    let mut begin = 0u64;
    for piece in pieces {
        let end = begin + piece.len() as u64;
        let from = range.start.max(begin);
        let to = range.end.min(end);
        if from < to {
            // Both fit into usize: they are positions inside a slice.
            out.push(piece.slice((from - begin) as usize..(to - begin) as usize));
        }
        begin = end;
    }
    out
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::from_pieces([bytes])
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::from_pieces([Bytes::from(text)])
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.source {
            Source::Pieces(pieces) => format!("{} pieces", pieces.len()),
            Source::Stream(_) => "a stream".to_owned(),
        };
        write!(f, "Body({} bytes in {kind})", self.remaining)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if this.remaining == 0 {
            return Poll::Ready(None);
        }
        loop {
            let next = match &mut this.source {
                Source::Pieces(pieces) => pieces.pop_front().map(Ok),
                Source::Stream(stream) => match stream.as_mut().poll_next(cx) {
                    Poll::Ready(next) => next,
                    Poll::Pending => return Poll::Pending,
                },
            };
            return Poll::Ready(match next {
                Some(Ok(bytes)) if bytes.is_empty() => continue,
                Some(Ok(mut bytes)) => {
                    let wanted = usize::try_from(this.remaining).unwrap_or(usize::MAX);
                    bytes.truncate(wanted);
                    this.remaining -= bytes.len() as u64;
                    if let Some(receipt) = &mut this.receipt {
                        receipt.add(bytes.len() as u64);
                    }
                    Some(Ok(Frame::data(bytes)))
                }
                Some(Err(error)) => {
                    this.remaining = 0;
                    Some(Err(error))
                }
                None => {
                    this.remaining = 0;
                    Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof)))
                }
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;
    use hyper::body::Body as _;

    use super::*;

    fn stream_of(parts: &[&'static str]) -> ByteStream {
        let parts: Vec<_> = parts.iter().map(|p| Ok(Bytes::from_static(p.as_bytes()))).collect();
        Box::pin(stream::iter(parts))
    }

    #[tokio::test]
    async fn pieces_come_out_uncopied_and_the_size_is_exact() {
        let piece = Bytes::from_static(b"hello");
        let mut body = Body::from_pieces([Bytes::new(), piece.clone(), Bytes::from_static(b"!")]);
        assert_eq!(body.size_hint().exact(), Some(6));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.as_ptr(), piece.as_ptr());
        assert_eq!(body.size_hint().exact(), Some(1));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "!");
        assert!(Body::empty().is_end_stream());
    }

    #[tokio::test]
    async fn a_stream_gives_what_was_promised_or_an_error() {
        let exact = Body::from_stream(stream_of(&["ab", "", "cd"]), 4);
        assert_eq!(exact.collect().await.unwrap().to_bytes(), "abcd");
        let long = Body::from_stream(stream_of(&["ab", "cd"]), 3);
        assert_eq!(long.collect().await.unwrap().to_bytes(), "abc");
        let short = Body::from_stream(stream_of(&["ab"]), 3);
        assert_eq!(short.collect().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn cutting_pieces() {
        let pieces = [Bytes::from_static(b"abc"), Bytes::from_static(b"def"), Bytes::from_static(b"g")];
        let text = |range| cut(&pieces, range).concat();
        assert_eq!(text(0..7), b"abcdefg");
        assert_eq!(text(2..4), b"cd");
        assert_eq!(text(3..6), b"def");
        assert_eq!(text(6..100), b"g");
        assert_eq!(text(7..9), b"");
    }
}
