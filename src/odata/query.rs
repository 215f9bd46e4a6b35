//! Filter, order and page entities as they come.

use std::cmp::Ordering;

use super::evaluate;
use super::limits;
use super::options::{Direction, InlineCount, Options};
use super::record::Record;
use super::value::Value;

/// A page of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<R> {
    /// The entities.
    pub records: Vec<R>,
    /// How many there are without `$skip` and `$top`, if that was asked for.
    pub count: Option<u64>,
    /// `$skip` and `$top` of the page that follows, if the answer was cut at [`limits::PAGE`].
    pub next: Option<(u64, Option<u64>)>,
}

/// Takes entities one by one in the order of the set and keeps those of the page: never many more than
/// `$skip` and a page.
pub struct Collector<'a, R> {
    options: &'a Options,
    kept: Vec<(Vec<Value>, u64, R)>,
    seen: u64,
    matched: u64,
}

impl<'a, R: Record> Collector<'a, R> {
    /// For a page as `options` want it.
    pub fn new(options: &'a Options) -> Collector<'a, R> {
        Collector { options, kept: Vec::new(), seen: 0, matched: 0 }
    }

    /// How many entities the page may have.
    fn size(&self) -> u64 {
        self.options.top.unwrap_or(u64::MAX).min(limits::PAGE as u64)
    }

    /// One more than are needed from the start, to know whether others follow.
    fn wanted(&self) -> u64 {
        self.options.skip.saturating_add(self.size()).saturating_add(1)
    }

    /// Whether further entities can change anything.
    pub fn is_complete(&self) -> bool {
        let counting = self.options.inline_count == InlineCount::AllPages;
        !counting && self.options.order_by.is_empty() && self.matched >= self.wanted()
    }

    /// Looks at the next entity.
    pub fn offer(&mut self, record: R) {
        self.seen += 1;
        if self.options.filter.as_ref().is_some_and(|filter| !evaluate::matches(filter, &record)) {
            return;
        }
        self.matched += 1;
        if self.options.order_by.is_empty() {
            if self.matched > self.options.skip && self.matched <= self.wanted() {
                self.kept.push((Vec::new(), self.seen, record));
            }
            return;
        }
        let keys = self.options.order_by.iter().map(|(by, _)| evaluate::order_value(by, &record)).collect();
        self.kept.push((keys, self.seen, record));
        let room = usize::try_from(self.wanted()).unwrap_or(usize::MAX);
        if self.kept.len() > room.saturating_mul(2).max(limits::PAGE) {
            self.sort();
            self.kept.truncate(room);
        }
    }

    fn sort(&mut self) {
        let directions: Vec<Direction> = self.options.order_by.iter().map(|(_, direction)| *direction).collect();
        self.kept.sort_by(|(left, left_seen, _), (right, right_seen, _)| {
            let by_term = left.iter().zip(right).zip(&directions).map(|((left, right), direction)| {
                let ordering = evaluate::order(left, right);
                if *direction == Direction::Descending { ordering.reverse() } else { ordering }
            });
            by_term.fold(Ordering::Equal, Ordering::then).then(left_seen.cmp(right_seen))
        });
    }

    /// The page.
    pub fn finish(mut self) -> Page<R> {
        if !self.options.order_by.is_empty() {
            self.sort();
            let skipped = usize::try_from(self.options.skip).unwrap_or(usize::MAX).min(self.kept.len());
            self.kept.drain(..skipped);
        }
        let size = self.size();
        let more = self.kept.len() as u64 > size;
        // A client that asked for no more than a page gets what it asked for, and no link.
        let cut = more && self.options.top.is_none_or(|top| top > size);
        let next = cut.then(|| (self.options.skip.saturating_add(size), self.options.top.map(|top| top - size)));
        let count = (self.options.inline_count == InlineCount::AllPages).then_some(self.matched);
        let records = self.kept.into_iter().map(|(_, _, record)| record).take(size as usize).collect();
        Page { records, count, next }
    }
}
