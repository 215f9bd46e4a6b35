//! When each element of a document is shown (TTML1 10): begin, dur, end, in parallel or one after the other.

use crate::xml::mixed::{Element, Node};

use super::TT;
use super::params::{Clock, TICKS};
use crate::text::time::OPEN_END;

/// An element of the body with the time in which it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Timed {
    /// The element without its children and without its timing.
    pub element: Element,
    /// When it appears, milliseconds; its parents' times are counted in.
    pub begin: u64,
    /// When it goes, milliseconds; [`OPEN_END`] if it stays.
    pub end: u64,
    /// What is in it.
    pub children: Vec<Child>,
}

/// A piece of content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Child {
    /// Text as written.
    Text(String),
    /// `div`, `p`, `span`, `br`.
    Timed(Timed),
    /// Metadata, animation, elements of other namespaces: kept as they are.
    Other(Element),
}

impl Timed {
    /// Its name without prefix.
    pub(super) fn name(&self) -> &str {
        self.element.local()
    }

    /// It is shown at some time from `begin` to `end` (exclusive), milliseconds.
    pub(super) fn overlaps(&self, begin: u64, end: u64) -> bool {
        self.begin < end && self.end > begin && self.begin < self.end
    }

    /// Itself and everything in it is shown only from `begin` to `end`, milliseconds.
    pub(super) fn clip(&mut self, begin: u64, end: u64) {
        (self.begin, self.end) = (self.begin.max(begin), self.end.min(end));
        for child in &mut self.children {
            if let Child::Timed(child) = child {
                child.clip(begin, end);
            }
        }
    }

    /// Itself and everything in it is shown so many milliseconds later.
    pub(super) fn delay(&mut self, millis: i64) {
        let moved = |at: u64| if at == OPEN_END { at } else { at.saturating_add_signed(millis) };
        (self.begin, self.end) = (moved(self.begin), moved(self.end));
        for child in &mut self.children {
            if let Child::Timed(child) = child {
                child.delay(millis);
            }
        }
    }
}

/// The body with its times resolved.
pub(super) fn resolve(body: Element, clock: &Clock) -> Timed {
    element(body, clock, 0, None, false).0
}

/// `reference` is what `begin` counts from, `limit` where the parent ends, in ticks. Also gives the end in
/// ticks as far as the element itself knows it.
fn element(
    mut element: Element,
    clock: &Clock,
    reference: u64,
    limit: Option<u64>,
    in_sequence: bool,
) -> (Timed, Option<u64>) {
    let time = |element: &Element, name: &str| element.attribute(None, name).and_then(|value| clock.parse(value));
    let begin = reference.saturating_add(time(&element, "begin").unwrap_or(0));
    let by_duration = time(&element, "dur").map(|length| begin.saturating_add(length));
    let by_end = time(&element, "end").map(|at| reference.saturating_add(at));
    let stated = [by_duration, by_end].into_iter().flatten().min();
    let sequence = element.attribute(None, "timeContainer") == Some("seq");
    element
        .attributes
        .retain(|a| a.namespace.is_some() || !matches!(a.name.as_str(), "begin" | "dur" | "end" | "timeContainer"));
    let inner_limit = [stated, limit].into_iter().flatten().min();
    let mut children = Vec::with_capacity(element.children.len());
    let (mut next, mut last) = (begin, None);
    for node in std::mem::take(&mut element.children) {
        children.push(match node {
            Node::Text(text) => Child::Text(text),
            Node::Element(child) if is_content(&child) => {
                let reference = if sequence { next } else { begin };
                let (child, end) = self::element(child, clock, reference, inner_limit, sequence);
                next = end.unwrap_or(next).max(next);
                last = last.max(end);
                Child::Timed(child)
            }
            Node::Element(other) => Child::Other(other),
        });
    }
    // In a sequence what says nothing of its end lasts as long as what is in it; elsewhere, as its parent.
    let end = stated.or(if in_sequence { Some(last.unwrap_or(begin)) } else { None });
    let end = [end, limit].into_iter().flatten().min();
    let begin = limit.map_or(begin, |limit| begin.min(limit));
    let timed = Timed { element, begin: millis(begin), end: end.map_or(OPEN_END, millis), children };
    (timed, end)
}

fn is_content(element: &Element) -> bool {
    element.namespace.as_deref() == Some(TT) && matches!(element.local(), "div" | "p" | "span" | "br")
}

/// Ticks to the nearest millisecond.
fn millis(ticks: u64) -> u64 {
    (ticks.saturating_add(TICKS / 2000) / (TICKS / 1000)).min(OPEN_END)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, mixed};

    fn times(body: &str) -> Vec<(String, u64, u64)> {
        fn walk(timed: &Timed, out: &mut Vec<(String, u64, u64)>) {
            out.push((timed.name().to_owned(), timed.begin, timed.end));
            for child in &timed.children {
                if let Child::Timed(child) = child {
                    walk(child, out);
                }
            }
        }
        let text = body.replacen(' ', &format!(" xmlns='{TT}' "), 1);
        let root = mixed::parse(text.as_bytes(), Limits::default(), |uri| uri).unwrap();
        let clock = Clock::of(&root).unwrap();
        let mut out = Vec::new();
        walk(&resolve(root, &clock), &mut out);
        out
    }

    fn of(name: &str, begin: u64, end: u64) -> (String, u64, u64) {
        (name.to_owned(), begin, end)
    }

    #[test]
    fn parallel_children_count_from_their_parent_and_end_with_it() {
        let got = times(
            "<body begin='10s' end='30s'><div begin='5s'><p begin='1s' dur='2s'/><p end='100s'/><p dur='5s' end='3s'/></div></body>",
        );
        let want = [
            of("body", 10_000, 30_000),
            of("div", 15_000, 30_000),
            of("p", 16_000, 18_000),
            of("p", 15_000, 30_000),
            of("p", 15_000, 18_000),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn a_sequence_counts_from_the_end_of_the_child_before() {
        let got = times(
            "<body ><div timeContainer='seq'><p dur='2s'/><p begin='1s' dur='2s'/><p><span begin='1s' end='2s'/></p><p end='1s'/></div></body>",
        );
        let want = [
            of("body", 0, OPEN_END),
            of("div", 0, OPEN_END),
            of("p", 0, 2000),
            of("p", 3000, 5000),
            of("p", 5000, 7000),
            of("span", 6000, 7000),
            of("p", 7000, 8000),
        ];
        assert_eq!(got, want);
    }
}
