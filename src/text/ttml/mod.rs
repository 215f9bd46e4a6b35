//! TTML and its profile IMSC 1 (W3C Timed Text Markup Language 1 and 2, TTML Profiles for Internet Media
//! Subtitles and Captions): read with all that is in it, written again for a span of time.
//!
//! Styling, regions and metadata of the head, and everything that elements say but their timing, go out as they
//! came. Times are resolved when the document is read, so that a segment's document needs none of the elements
//! around it: each `p` of what is written states its own begin and end.

mod from_webvtt;
mod params;
mod style;
mod timing;
mod to_webvtt;

pub use from_webvtt::Converter;

use std::collections::BTreeSet;

use super::time::{OPEN_END, push_timestamp};
use super::{Cue, Error, MAX_BYTES};
use crate::xml::mixed::{self, Attribute, Element, Node};
use crate::xml::{Limits, escape_attribute};
use params::Clock;
use timing::{Child, Timed};

/// The namespace of TTML's elements.
const TT: &str = "http://www.w3.org/ns/ttml";
/// The namespace of TTML's parameters.
const PARAMETER: &str = "http://www.w3.org/ns/ttml#parameter";
/// The namespace of TTML's styles.
const STYLING: &str = "http://www.w3.org/ns/ttml#styling";
/// The namespace of TTML's metadata.
const METADATA: &str = "http://www.w3.org/ns/ttml#metadata";

/// How much a document may hold.
const LIMITS: Limits = Limits { bytes: MAX_BYTES as usize, depth: 64, nodes: 200_000, attributes: 64 };

/// A document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ttml {
    /// `tt` without its children.
    root: Element,
    head: Option<Element>,
    body: Option<Timed>,
}

/// The drafts' and DFXP's namespaces by the names of the standard.
fn namespaces(uri: &str) -> &str {
    const DRAFTS: [&str; 3] =
        ["http://www.w3.org/2006/10/ttaf1", "http://www.w3.org/2006/04/ttaf1", "http://www.w3.org/2004/11/ttaf1"];
    match DRAFTS.iter().find_map(|draft| uri.strip_prefix(draft)) {
        Some("") => TT,
        Some("#parameter") => PARAMETER,
        Some("#style" | "#styling" | "#style-extension") => STYLING,
        Some("#metadata" | "#metadata-extension") => METADATA,
        _ => uri,
    }
}

/// Reads a document.
///
/// # Errors
/// [`Error::NotTtml`], [`Error::Xml`], [`Error::Parameter`].
pub fn parse(bytes: &[u8]) -> Result<Ttml, Error> {
    let mut root = mixed::parse(bytes, LIMITS, namespaces)?;
    if root.local() != "tt" || root.namespace.as_deref() != Some(TT) {
        return Err(Error::NotTtml { root: root.name.chars().take(64).collect() });
    }
    let clock = Clock::of(&root)?;
    let (mut head, mut body) = (None, None);
    for node in std::mem::take(&mut root.children) {
        let Node::Element(element) = node else { continue };
        match (element.namespace.as_deref(), element.local()) {
            (Some(TT), "head") if head.is_none() => head = Some(element),
            (Some(TT), "body") if body.is_none() => body = Some(timing::resolve(element, &clock)),
            _ => {}
        }
    }
    root.attributes.retain(|a| !is_of_the_clock(a));
    Ok(Ttml { root, head, body })
}

/// Parameters that say how times are to be read. What is written has clock times of media alone.
fn is_of_the_clock(attribute: &Attribute) -> bool {
    const CLOCK: [&str; 8] = [
        "timeBase",
        "clockMode",
        "dropMode",
        "markerMode",
        "frameRate",
        "frameRateMultiplier",
        "subFrameRate",
        "tickRate",
    ];
    attribute.namespace.as_deref() == Some(PARAMETER) && CLOCK.contains(&attribute.local())
}

/// A span of time for which a document is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Milliseconds of the presentation.
    pub begin: u64,
    /// Milliseconds; not itself in the span.
    pub end: u64,
    /// Times count from `begin` and do not reach beyond the span (Smooth), instead of the presentation's times
    /// as they are (ISO/IEC 14496-30 5.2).
    pub relative: bool,
}

impl Span {
    /// A time of the presentation as it is written.
    fn written(&self, at: u64) -> u64 {
        if self.relative { at.clamp(self.begin, self.end) - self.begin } else { at }
    }
}

impl Ttml {
    /// Document language, `xml:lang` of `tt`; empty if it has none.
    pub fn language(&self) -> &str {
        self.root.xml_attribute("lang").unwrap_or_default()
    }

    /// It is shown only from `begin` to `end`, milliseconds: a document that is a sample of a track.
    pub fn clip(&mut self, begin: u64, end: u64) {
        if let Some(body) = &mut self.body {
            body.clip(begin, end);
        }
    }

    /// Everything in it comes so many milliseconds later.
    pub fn delay(&mut self, millis: i64) {
        if let Some(body) = &mut self.body {
            body.delay(millis);
        }
    }

    /// When the first `p` appears and the last one goes, milliseconds; `None` when nothing is shown.
    pub fn extent(&self) -> Option<(u64, u64)> {
        let mut extent: Option<(u64, u64)> = None;
        self.paragraphs(&mut |p| {
            let (begin, end) = extent.unwrap_or((u64::MAX, 0));
            extent = Some((begin.min(p.begin), end.max(p.end)));
        });
        extent
    }

    fn paragraphs<'a>(&'a self, take: &mut dyn FnMut(&'a Timed)) {
        fn walk<'a>(timed: &'a Timed, take: &mut dyn FnMut(&'a Timed)) {
            if timed.begin >= timed.end {
                return;
            }
            if timed.name() == "p" {
                take(timed);
                return;
            }
            for child in &timed.children {
                if let Child::Timed(child) = child {
                    walk(child, take);
                }
            }
        }
        if let Some(body) = &self.body {
            walk(body, take);
        }
    }

    /// What it says as WebVTT cues, with the `STYLE` blocks that their classes need: see `docs/captions.md` for
    /// what is lost.
    ///
    /// # Errors
    /// [`Error::TooManyCues`], [`Error::TooLarge`].
    pub fn cues(&self, colors: &mut BTreeSet<String>) -> Result<Vec<Cue>, Error> {
        to_webvtt::cues(self, colors)
    }

    /// The `STYLE` block for the classes in `colors`; `None` when they need none.
    pub fn style_block(colors: &BTreeSet<String>) -> Option<String> {
        to_webvtt::style_block(colors)
    }

    /// The document of what is shown in a span of time, complete in itself.
    pub fn write(&self, span: Span) -> String {
        let mut out = String::with_capacity(1024);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let own = self.root.attributes.iter().map(|a| (a.name.as_str(), a.value.as_str()));
        let language = self.root.xml_attribute("lang").is_none().then_some(("xml:lang", ""));
        self.root.write_start(&mut out, own.chain(language));
        out.push('>');
        if let Some(head) = &self.head {
            head.write(&mut out);
        }
        match &self.body {
            Some(body) => write_around(&mut out, body, span),
            None => {
                let prefix = self.root.name.split_once(':').map_or(String::new(), |(prefix, _)| format!("{prefix}:"));
                out.push_str(&format!("<{prefix}body/>"));
            }
        }
        self.root.write_end(&mut out);
        out.push('\n');
        out
    }
}

/// `body` and `div`: without times, which the paragraphs in them state.
fn write_around(out: &mut String, timed: &Timed, span: Span) {
    start(out, timed, None);
    out.push('>');
    for child in &timed.children {
        match child {
            Child::Timed(p) if p.name() == "p" => {
                if p.overlaps(span.begin, span.end) {
                    let times = (span.written(p.begin), span.written(p.end));
                    write_inside(out, p, Some(times), (p.begin, p.end), span);
                }
            }
            Child::Timed(div) if div.overlaps(span.begin, span.end) => write_around(out, div, span),
            Child::Other(element) => element.write(out),
            Child::Text(_) | Child::Timed(_) => {}
        }
    }
    timed.element.write_end(out);
}

/// `p` and what is in it. `times` is what it states, `own` when it is shown.
fn write_inside(out: &mut String, timed: &Timed, times: Option<(u64, u64)>, own: (u64, u64), span: Span) {
    start(out, timed, times);
    if timed.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for child in &timed.children {
        match child {
            Child::Text(text) => crate::xml::escape_text(out, text),
            Child::Other(element) => element.write(out),
            Child::Timed(child) if child.begin >= child.end && child.name() != "br" => {}
            Child::Timed(child) => {
                let inner = (child.begin.max(own.0), child.end.min(own.1));
                if inner == own || child.name() == "br" {
                    write_inside(out, child, None, own, span);
                } else if child.overlaps(span.begin, span.end) || !span.relative {
                    let base = span.written(own.0);
                    let times = (span.written(inner.0) - base, span.written(inner.1) - base);
                    write_inside(out, child, Some(times), inner, span);
                }
            }
        }
    }
    timed.element.write_end(out);
}

/// The start tag without its closing bracket.
fn start(out: &mut String, timed: &Timed, times: Option<(u64, u64)>) {
    timed.element.write_start(out, timed.element.attributes.iter().map(|a| (a.name.as_str(), a.value.as_str())));
    if let Some((begin, end)) = times {
        write_times(out, begin, end);
    }
}

/// ` begin="…" end="…"`.
fn write_times(out: &mut String, begin: u64, end: u64) {
    out.push_str(" begin=\"");
    push_timestamp(out, begin);
    out.push('"');
    if end < OPEN_END {
        out.push_str(" end=\"");
        push_timestamp(out, end);
        out.push('"');
    }
}

/// ` name="value"`.
fn write_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape_attribute(out, value);
    out.push('"');
}

#[cfg(test)]
mod tests;
