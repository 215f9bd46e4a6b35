//! The access log: a line for each request to the public entrance, when its answer has gone.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::header::{HOST, HeaderName, RANGE, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};

use crate::cmcd::Cmcd;
use crate::origin::{Class, Ended};
use crate::tokens;

/// The target of its records. A filter of logs can send them elsewhere.
pub const ACCESS: &str = "headwater::access";

/// The longest path that is written, in bytes; of other texts the longest is [`MAX_TEXT`].
const MAX_PATH: usize = 1024;
const MAX_TEXT: usize = 200;

/// What clients went away before, as nginx has it: they gave up before there was an answer.
const GAVE_UP: u16 = 499;

/// A line, which is written when it is dropped. Without queries and tokens in paths: they are secrets.
#[derive(Debug)]
pub(super) struct Line {
    begun: Instant,
    client: IpAddr,
    method: Method,
    version: Version,
    host: Option<String>,
    path: String,
    range: Option<String>,
    user_agent: Option<String>,
    cmcd: Option<Cmcd>,
    answer: Option<(Class, StatusCode, Duration)>,
    sent: u64,
    whole: u64,
}

impl Line {
    pub(super) fn new(head: &Parts, client: IpAddr, cmcd: Option<Cmcd>, begun: Instant) -> Line {
        let header = |name: HeaderName| {
            let value = head.headers.get(name)?;
            Some(cut(&String::from_utf8_lossy(value.as_bytes()), MAX_TEXT))
        };
        Line {
            begun,
            client,
            method: head.method.clone(),
            version: head.version,
            host: head.uri.host().map(|host| cut(host, MAX_TEXT)).or_else(|| header(HOST)),
            path: cut(tokens::split_path(head.uri.path()).1, MAX_PATH),
            range: header(RANGE),
            user_agent: header(USER_AGENT),
            cmcd,
            answer: None,
            sent: 0,
            whole: 0,
        }
    }

    /// The answer's head is ready.
    pub(super) fn answered(&mut self, class: Class, status: StatusCode) {
        self.answer = Some((class, status, self.begun.elapsed()));
    }
}

impl Ended for Line {
    fn ended(&mut self, sent: u64, whole: u64) {
        (self.sent, self.whole) = (sent, whole);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (class, status, answered) = match self.answer {
            Some((class, status, answered)) => (class, status.as_u16(), answered),
            None => (Class::default(), GAVE_UP, self.begun.elapsed()),
        };
        let cmcd = self.cmcd.as_ref();
        let number = |of: fn(&Cmcd) -> Option<u64>| cmcd.and_then(of);
        tracing::info!(
            target: ACCESS,
            client = %self.client,
            method = self.method.as_str(),
            version = ?self.version,
            host = self.host,
            path = self.path,
            range = self.range,
            user_agent = self.user_agent,
            status,
            bytes = self.sent,
            complete = self.sent >= self.whole,
            answer_microseconds = microseconds(answered),
            total_microseconds = microseconds(self.begun.elapsed()),
            format = class.format.name(),
            protection = class.protection.name(),
            object = class.object.name(),
            cache = class.cached.name(),
            cmcd_sid = cmcd.and_then(|cmcd| cmcd.session_id.as_deref()),
            cmcd_cid = cmcd.and_then(|cmcd| cmcd.content_id.as_deref()),
            cmcd_ot = cmcd.map(|cmcd| cmcd.object_type.token()),
            cmcd_br = number(|cmcd| cmcd.encoded_bitrate),
            cmcd_bl = number(|cmcd| cmcd.buffer_length),
            cmcd_bs = cmcd.map(|cmcd| cmcd.buffer_starvation),
            cmcd_mtp = number(|cmcd| cmcd.measured_throughput),
            cmcd_rtp = number(|cmcd| cmcd.requested_throughput),
            cmcd_dl = number(|cmcd| cmcd.deadline),
            cmcd_d = number(|cmcd| cmcd.object_duration),
            cmcd_tb = number(|cmcd| cmcd.top_bitrate),
            cmcd_pr = number(|cmcd| cmcd.playback_rate_thousandths),
            cmcd_su = cmcd.map(|cmcd| cmcd.startup),
            cmcd_sf = cmcd.and_then(|cmcd| cmcd.streaming_format).map(String::from),
        );
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// No longer than it may be, and without what would disturb a terminal.
fn cut(text: &str, limit: usize) -> String {
    let text = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
