//! What one request took, stage by stage, and how it came to its answer: for `Server-Timing`, for exported traces and
//! for whoever asks why. Most requests have none.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use crate::catalog::PublishedAsset;
use crate::store::{ByteStream, Error, ObjectInfo, Store};

/// The most stages and reads that are kept of one request.
const MAX_SPANS: usize = 200;

/// The record of one request.
#[derive(Debug)]
pub struct Trace {
    begun: Instant,
    wants_facts: bool,
    record: Mutex<Record>,
    /// The asset as the catalogue has it.
    original: OnceLock<Weak<PublishedAsset>>,
}

/// What a trace holds.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Stages in the order of their ends.
    pub stages: Vec<Span>,
    /// What was asked of storage.
    pub reads: Vec<Read>,
    /// Facts by name, in the order in which they became known.
    pub facts: Vec<(&'static str, Value)>,
}

/// A stage.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its name.
    pub name: &'static str,
    /// When it began, from the beginning of the request.
    pub begin: Duration,
    /// How long it took.
    pub took: Duration,
}

/// Something asked of storage.
#[derive(Clone, Debug)]
pub struct Read {
    /// `list`, `head`, `read` or `stream`.
    pub operation: &'static str,
    /// Which file; none for a listing.
    pub path: String,
    /// How many ranges of it.
    pub ranges: usize,
    /// Bytes of it that came.
    pub bytes: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// When it began, from the beginning of the request.
    pub begin: Duration,
    /// How long it took.
    pub took: Duration,
}

impl Trace {
    /// Begins now.
    pub fn new(wants_facts: bool) -> Trace {
        Trace { begun: Instant::now(), wants_facts, record: Mutex::default(), original: OnceLock::new() }
    }

    pub(super) fn wants_facts(&self) -> bool {
        self.wants_facts
    }

    /// How long it has taken by now.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What there is by now.
    pub fn record(&self) -> Record {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn fact(&self, name: &'static str, value: Value) {
        let facts = &mut self.lock().facts;
        // A second try at the same thing takes the place of the first.
        match facts.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => facts.push((name, value)),
        }
    }

    /// A stage that begins now.
    pub(super) fn stage(trace: &Arc<Trace>, name: &'static str) -> Stage {
        Stage { trace: Arc::clone(trace), name, begin: trace.elapsed() }
    }

    /// The asset, with a store that writes down what it is asked.
    pub(super) fn asset(trace: &Arc<Trace>, asset: &Arc<PublishedAsset>) -> Arc<PublishedAsset> {
        let _ = trace.original.set(Arc::downgrade(asset));
        let store = Arc::new(Traced { store: Arc::clone(&asset.store), trace: Arc::clone(trace) });
        Arc::new(PublishedAsset { store, ..PublishedAsset::clone(asset) })
    }

    /// What [`Trace::asset`] was made of.
    pub(super) fn original(&self) -> Option<Weak<PublishedAsset>> {
        self.original.get().cloned()
    }

    /// The value of the header `Server-Timing` (W3C Server Timing): stages of the same name added up, and the total, in
    /// milliseconds.
    pub fn server_timing(&self) -> String {
        let record = self.lock();
        let mut sums: Vec<(&str, Duration)> = Vec::new();
        let reads = record.reads.iter().map(|read| ("storage", read.took));
        for (name, took) in record.stages.iter().map(|span| (span.name, span.took)).chain(reads) {
            match sums.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += took,
                None => sums.push((name, took)),
            }
        }
        sums.push(("total", self.elapsed()));
        let shown: Vec<String> =
            sums.iter().map(|(name, took)| format!("{name};dur={}", milliseconds(*took))).collect();
        shown.join(", ")
    }
}

/// As a decimal number of milliseconds.
pub(super) fn milliseconds(duration: Duration) -> String {
    let microseconds = duration.as_micros();
    format!("{}.{:03}", microseconds / 1000, microseconds % 1000)
}

/// A stage under way; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Stage {
    trace: Arc<Trace>,
    name: &'static str,
    begin: Duration,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let took = self.trace.elapsed().saturating_sub(self.begin);
        let stages = &mut self.trace.lock().stages;
        if stages.len() < MAX_SPANS {
            stages.push(Span { name: self.name, begin: self.begin, took });
        }
    }
}

/// A store that writes down what it is asked.
#[derive(Debug)]
struct Traced {
    store: Arc<dyn Store>,
    trace: Arc<Trace>,
}

impl Traced {
    fn note<T>(
        &self,
        (operation, path, ranges): (&'static str, &str, usize),
        begin: Duration,
        result: &Result<T, Error>,
        bytes: impl FnOnce(&T) -> u64,
    ) {
        let read = Read {
            operation,
            path: path.to_owned(),
            ranges,
            bytes: result.as_ref().map_or(0, bytes),
            error: result.as_ref().err().map(ToString::to_string),
            begin,
            took: self.trace.elapsed().saturating_sub(begin),
        };
        let reads = &mut self.trace.lock().reads;
        if reads.len() < MAX_SPANS {
            reads.push(read);
        }
    }
}

fn sum(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

#[async_trait]
impl Store for Traced {
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Error> {
        let begin = self.trace.elapsed();
        let result = self.store.list(prefix).await;
        self.note(("list", prefix, 0), begin, &result, |_| 0);
        result
    }

    async fn head(&self, path: &str) -> Result<ObjectInfo, Error> {
        let begin = self.trace.elapsed();
        let result = self.store.head(path).await;
        self.note(("head", path, 0), begin, &result, |_| 0);
        result
    }

    async fn read_ranges(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let begin = self.trace.elapsed();
        let result = self.store.read_ranges(object, ranges).await;
        self.note(("read", &object.path, ranges.len()), begin, &result, |pieces| sum(pieces));
        result
    }

    async fn read_scattered(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let begin = self.trace.elapsed();
        let result = self.store.read_scattered(object, ranges).await;
        self.note(("read", &object.path, ranges.len()), begin, &result, |pieces| sum(pieces));
        result
    }

    async fn stream(&self, object: &ObjectInfo, range: Range<u64>) -> Result<ByteStream, Error> {
        let begin = self.trace.elapsed();
        let result = self.store.stream(object, range).await;
        self.note(("stream", &object.path, 1), begin, &result, |_| 0);
        result
    }

    fn recheck(&self) -> Duration {
        self.store.recheck()
    }

    fn read_ahead(&self) -> u64 {
        self.store.read_ahead()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_add_up_to_a_header() {
        let trace = Arc::new(Trace::new(true));
        drop(Trace::stage(&trace, "index"));
        drop((Trace::stage(&trace, "write"), Trace::stage(&trace, "index")));
        trace.fact("a", 1.into());
        trace.fact("a", 2.into());
        let record = trace.record();
        assert_eq!((record.stages.len(), record.facts), (3, vec![("a", Value::from(2))]));
        let header = trace.server_timing();
        assert_eq!(header.matches("index;dur=0.").count(), 1, "{header}");
        assert!(header.starts_with("index;dur=") && header.contains(", write;dur=") && header.contains(", total;dur="));
        assert_eq!(milliseconds(Duration::from_micros(12_345)), "12.345");
    }
}
