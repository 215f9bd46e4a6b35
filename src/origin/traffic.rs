//! Numbers of all requests and answers of the public entrance. Every combination of labels has its place from the
//! beginning, so that counting is a few additions.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::class::{Cached, Class, FormatName, Object, Protection};
use crate::cmcd::{Cmcd, ObjectType};
use crate::counters::{Counter, Gauge, Histogram};

/// The statuses that are told apart; others count as their hundreds' first.
pub const STATUSES: [u16; 24] = [
    200, 201, 202, 204, 206, 301, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 416, 429, 500, 502, 503,
    504,
];

/// Bounds of measured throughput, kbit/s.
const KILOBITS: &[u64] = &[250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 1_000_000];

/// Bounds of buffers, milliseconds.
const BUFFERS: &[u64] = &[0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000];

/// The numbers.
#[derive(Debug)]
pub struct Traffic {
    answers: Box<[Answers]>,
    latency: Box<[Histogram]>,
    /// Requests that wait for their answer.
    pub working: Gauge,
    /// Answers on their way to clients.
    pub sending: Gauge,
    /// Answers of which the client did not take all, or storage did not give all.
    pub cut_off: Counter,
    /// What players say of themselves.
    pub players: Players,
}

/// Answers of one kind.
#[derive(Debug, Default)]
struct Answers {
    count: Counter,
    bytes: Counter,
}

/// Sums of what players say (CTA-5004).
#[derive(Debug)]
pub struct Players {
    requests: [Counter; ObjectType::ALL.len()],
    /// Requests that say that the buffer ran empty.
    pub starved: Counter,
    /// Throughput as players measure it, kbit/s.
    pub throughput: Histogram,
    /// How much players have buffered, milliseconds.
    pub buffer: Histogram,
}

impl Default for Traffic {
    fn default() -> Traffic {
        let kinds = FormatName::COUNT * Protection::ALL.len() * STATUSES.len();
        Traffic {
            answers: (0..kinds).map(|_| Answers::default()).collect(),
            latency: (0..Object::ALL.len() * Cached::ALL.len()).map(|_| Histogram::of_durations()).collect(),
            working: Gauge::default(),
            sending: Gauge::default(),
            cut_off: Counter::default(),
            players: Players {
                requests: Default::default(),
                starved: Counter::default(),
                throughput: Histogram::new(KILOBITS),
                buffer: Histogram::new(BUFFERS),
            },
        }
    }
}

fn status_index(status: StatusCode) -> usize {
    let at = |status: u16| STATUSES.iter().position(|known| *known == status);
    at(status.as_u16()).or_else(|| at(status.as_u16() / 100 * 100)).unwrap_or(0)
}

impl Traffic {
    fn answers(&self, class: Class, status: StatusCode) -> Option<&Answers> {
        let kind = class.format.index() * Protection::ALL.len() + class.protection.index();
        self.answers.get(kind * STATUSES.len() + status_index(status))
    }

    /// Counts an answer whose head is ready `took` after its request came.
    pub fn answered(&self, class: Class, status: StatusCode, took: Duration) {
        if let Some(answers) = self.answers(class, status) {
            answers.count.increment();
        }
        if let Some(latency) = self.latency.get(class.object as usize * Cached::ALL.len() + class.cached as usize) {
            latency.observe_duration(took);
        }
    }

    fn sent(&self, class: Class, status: StatusCode, bytes: u64) {
        if let Some(answers) = self.answers(class, status).filter(|_| bytes > 0) {
            answers.bytes.add(bytes);
        }
    }

    /// All kinds of answers that there have been: format, protection, status, how many, bytes of their bodies.
    pub fn each_answer(&self) -> impl Iterator<Item = (FormatName, Protection, u16, u64, u64)> {
        let kinds = (0..FormatName::COUNT).flat_map(|format| {
            Protection::ALL.into_iter().flat_map(move |protection| {
                STATUSES.into_iter().map(move |status| (FormatName::at(format), protection, status))
            })
        });
        let all = kinds.zip(&self.answers);
        all.map(|((format, protection, status), answers)| {
            (format, protection, status, answers.count.get(), answers.bytes.get())
        })
        .filter(|answers| answers.3 > 0)
    }

    /// How long answers took until their head was ready, by what they are and whether they were at hand.
    pub fn each_latency(&self) -> impl Iterator<Item = (Object, Cached, &Histogram)> {
        let kinds =
            Object::ALL.into_iter().flat_map(|object| Cached::ALL.into_iter().map(move |cached| (object, cached)));
        let all = kinds.zip(&self.latency).map(|((object, cached), latency)| (object, cached, latency));
        all.filter(|(_, _, latency)| latency.total() > 0)
    }
}

impl Players {
    /// Counts what one request says.
    pub fn count(&self, cmcd: &Cmcd) {
        if let Some(requests) = self.requests.get(cmcd.object_type as usize) {
            requests.increment();
        }
        if cmcd.buffer_starvation {
            self.starved.increment();
        }
        if let Some(kilobits) = cmcd.measured_throughput {
            self.throughput.observe(kilobits);
        }
        if let Some(milliseconds) = cmcd.buffer_length {
            self.buffer.observe(milliseconds);
        }
    }

    /// Requests that say something, by the object that they say they are for.
    pub fn each(&self) -> impl Iterator<Item = (ObjectType, u64)> {
        let all = ObjectType::ALL.into_iter().zip(&self.requests);
        all.map(|(object, count)| (object, count.get()))
    }
}

/// An answer on its way: counts its bytes when it has gone, wherever it ended.
#[derive(Debug)]
pub struct Receipt {
    traffic: Arc<Traffic>,
    class: Class,
    status: StatusCode,
    sent: u64,
    whole: u64,
    then: Option<Box<dyn Ended>>,
}

/// Somebody who wants to know how the sending of an answer ended.
pub trait Ended: std::fmt::Debug + Send {
    /// `sent` of `whole` bytes were handed to the connection.
    fn ended(&mut self, sent: u64, whole: u64);
}

impl Receipt {
    /// For an answer with a body of `whole` bytes.
    pub fn new(
        traffic: &Arc<Traffic>,
        class: Class,
        status: StatusCode,
        whole: u64,
        then: Option<Box<dyn Ended>>,
    ) -> Receipt {
        traffic.sending.raise();
        Receipt { traffic: Arc::clone(traffic), class, status, sent: 0, whole, then }
    }

    /// `bytes` more have gone.
    pub(super) fn add(&mut self, bytes: u64) {
        self.sent += bytes;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.traffic.sending.lower();
        self.traffic.sent(self.class, self.status, self.sent);
        if self.sent < self.whole {
            self.traffic.cut_off.increment();
        }
        if let Some(then) = &mut self.then {
            then.ended(self.sent, self.whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protection::Scheme;

    #[test]
    fn answers_are_counted_by_what_they_are() {
        let traffic = Arc::new(Traffic::default());
        let class = Class {
            format: FormatName::DOWNLOAD,
            protection: Protection::By(Scheme::Cenc),
            object: Object::Segment,
            cached: Cached::Hit,
        };
        for status in [200, 206, 206, 418, 599] {
            traffic.answered(class, StatusCode::from_u16(status).unwrap(), Duration::from_micros(70));
        }
        let mut receipt = Receipt::new(&traffic, class, StatusCode::OK, 10, None);
        receipt.add(7);
        assert_eq!((traffic.sending.get(), traffic.cut_off.get()), (1, 0));
        drop(receipt);
        assert_eq!((traffic.sending.get(), traffic.cut_off.get()), (0, 1));
        let seen: Vec<_> =
            traffic.each_answer().map(|(f, p, status, n, b)| (f.name(), p.name(), status, n, b)).collect();
        let cenc = |status, count, bytes| ("download", "cenc", status, count, bytes);
        assert_eq!(seen, [cenc(200, 1, 7), cenc(206, 2, 0), cenc(400, 1, 0), cenc(500, 1, 0)]);
        let latency: Vec<_> = traffic.each_latency().map(|(o, c, h)| (o.name(), c.name(), h.read().0[1])).collect();
        assert_eq!(latency, [("segment", "hit", (Some(100), 5))]);
    }

    #[test]
    fn what_players_say_adds_up() {
        let players = Traffic::default().players;
        players.count(&Cmcd::from_headers(["bs,mtp=3000,ot=v,bl=0"]).unwrap());
        players.count(&Cmcd::from_headers(["mtp=300,ot=v"]).unwrap());
        assert_eq!((players.starved.get(), players.throughput.total(), players.buffer.read().0[0].1), (1, 2, 1));
        assert_eq!(players.each().find(|(object, _)| *object == ObjectType::Video).unwrap().1, 2);
    }
}
