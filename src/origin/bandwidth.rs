//! Scale units as a cap of bandwidth (object model §12.1): all answers of an endpoint share one allowance.
//!
//! Each node has an allowance of its own; a node knows nothing of what others send.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::Body;
use crate::catalog::{StreamingEndpoint, StreamingEndpointId};

/// What a scale unit sends, bytes per second: 200 Mb/s.
const UNIT: u64 = 200_000_000 / 8;
/// What was not sent for this long may be sent at once: short answers do not wait.
const BURST: Duration = Duration::from_millis(500);
/// Answers take turns in pieces of at most this size, bytes.
const PIECE: usize = 128 * 1024;

/// The allowances of endpoints with scale units.
#[derive(Default)]
pub(super) struct Bandwidth {
    lanes: Mutex<HashMap<StreamingEndpointId, Arc<Lane>>>,
}

/// One endpoint's allowance.
struct Lane {
    bytes_per_second: u64,
    /// When what has been promised so far has been sent.
    busy_until: Mutex<Option<Instant>>,
}

impl Lane {
    /// When `bytes` more may be sent; they are promised from then on.
    fn turn(&self, bytes: usize, now: Instant) -> Instant {
        let mut busy_until = self.busy_until.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let begin = busy_until.map_or(earliest, |until| until.max(earliest));
        let nanoseconds = (bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_second.max(1))) as u64;
        *busy_until = Some(begin + Duration::from_nanos(nanoseconds));
        begin
    }
}

impl Bandwidth {
    /// The body, sent no faster than the endpoint's units allow; as it is for an endpoint without units.
    pub(super) fn limit(&self, endpoint: &StreamingEndpoint, body: Body) -> Body {
        let length = body.remaining();
        if endpoint.scale_units == 0 || length == 0 {
            return body;
        }
        let lane = self.lane(endpoint.id, u64::from(endpoint.scale_units) * UNIT);
        let pieces = stream::unfold((body, Bytes::new(), lane), |(mut body, mut left, lane)| async move {
            while left.is_empty() {
                left = match body.frame().await? {
                    Ok(frame) => frame.into_data().unwrap_or_default(),
                    Err(error) => return Some((Err::<Bytes, io::Error>(error), (Body::empty(), Bytes::new(), lane))),
                };
            }
            let piece = left.split_to(PIECE.min(left.len()));
            tokio::time::sleep_until(lane.turn(piece.len(), Instant::now())).await;
            Some((Ok(piece), (body, left, lane)))
        });
        Body::from_stream(Box::pin(pieces), length)
    }

    fn lane(&self, endpoint: StreamingEndpointId, bytes_per_second: u64) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let fresh = || Arc::new(Lane { bytes_per_second, busy_until: Mutex::new(None) });
        let lane = lanes.entry(endpoint).or_insert_with(fresh);
        if lane.bytes_per_second != bytes_per_second {
            // Scaled meanwhile; answers under way keep to what they began with.
            *lane = fresh();
        }
        Arc::clone(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_share_what_their_endpoint_may_send() {
        let lane = Lane { bytes_per_second: UNIT, busy_until: Mutex::new(None) };
        let begun = Instant::now();
        let mut now = begun;
        // 50 MB in pieces by turns: 2 s, less the half second that was saved up.
        for _ in 0..50_000_000 / 100_000 {
            now = now.max(lane.turn(100_000, now));
        }
        let took = now - begun;
        assert!((Duration::from_millis(1490)..=Duration::from_millis(1510)).contains(&took), "{took:?}");
        now += Duration::from_secs(60);
        assert!(lane.turn(1, now) <= now, "a quiet minute saves up no more than the burst");
        lane.turn(UNIT as usize, now);
        assert!(lane.turn(1, now) >= now + Duration::from_millis(490));
    }

    #[tokio::test]
    async fn a_limited_body_is_the_same_body() {
        let bandwidth = Bandwidth::default();
        let endpoint = |scale_units| StreamingEndpoint { scale_units, ..StreamingEndpoint::for_tests() };
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        for units in [0, 1, 2] {
            let body = Body::from_pieces([Bytes::from(bytes.clone()), Bytes::from_static(b"end")]);
            let limited = bandwidth.limit(&endpoint(units), body);
            assert_eq!(limited.remaining(), 1_000_003);
            let sent = limited.collect().await.unwrap().to_bytes();
            assert!(sent[..1_000_000] == bytes[..] && sent.ends_with(b"end"), "{units} units");
        }
    }
}
