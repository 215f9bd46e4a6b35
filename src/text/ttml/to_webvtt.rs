//! TTML as WebVTT cues: one for each time in which a paragraph shows the same.

use std::collections::BTreeSet;

use crate::text::color::Color;
use crate::text::payload::escape;
use crate::text::settings::{Align, FULL, push_hundredths};
use crate::text::{Cue, Error, MAX_BYTES, MAX_CUES};

use super::Ttml;
use super::style::{Computed, Ruby, Styles};
use super::timing::{Child, Timed};

/// The most different moments of one paragraph: karaoke has one a syllable.
const MAX_MOMENTS: usize = 1000;
/// The most pieces of content that are looked at, all moments together; paragraphs beyond show what they begin with.
const MAX_WORK: usize = 50_000_000;

pub(super) fn cues(document: &Ttml, colors: &mut BTreeSet<String>) -> Result<Vec<Cue>, Error> {
    let styles = Styles::of(&document.root, document.head.as_ref());
    let mut writer = Writer { styles: &styles, colors, cues: Vec::new(), bytes: 0, work: 0 };
    if let Some(body) = &document.body {
        let space = document.root.xml_attribute("space") == Some("preserve");
        let root = Computed { preserve: space, ..Computed::default() };
        writer.walk(body, &[], &root)?;
    }
    let mut cues = writer.cues;
    cues.sort_by_key(|cue| cue.begin);
    Ok(cues)
}

struct Writer<'a> {
    styles: &'a Styles<'a>,
    colors: &'a mut BTreeSet<String>,
    cues: Vec<Cue>,
    bytes: u64,
    work: usize,
}

impl Writer<'_> {
    /// `around` are the elements that `timed` is in, outermost first.
    fn walk<'t>(&mut self, timed: &'t Timed, around: &[&'t Timed], root: &Computed) -> Result<(), Error> {
        if timed.begin >= timed.end {
            return Ok(());
        }
        let mut path = around.to_vec();
        path.push(timed);
        if timed.name() == "p" {
            return self.paragraph(timed, &path, root);
        }
        for child in &timed.children {
            if let Child::Timed(child) = child {
                self.walk(child, &path, root)?;
            }
        }
        Ok(())
    }

    fn paragraph(&mut self, p: &Timed, path: &[&Timed], root: &Computed) -> Result<(), Error> {
        // The innermost element that names a region decides, and what is in a region inherits its styles. (Of a
        // document that names several around one paragraph, TTML1 9.3.3 would show nothing.)
        let region = path.iter().rev().find_map(|element| element.element.attribute(None, "region"));
        let region = region.and_then(|id| self.styles.region(id));
        let mut computed = match &region {
            Some(region) => Computed { preserve: root.preserve, background: None, ..region.clone() },
            None => root.clone(),
        };
        for element in path {
            computed = Computed { background: None, ..self.styles.inside(&computed, &element.element) };
        }
        computed = self.styles.inside(&computed, &p.element);
        let settings = settings(&computed);
        let mut moments = vec![p.begin, p.end];
        moments_inside(p, &mut moments);
        moments.retain(|at| (p.begin..=p.end).contains(at));
        moments.sort_unstable();
        moments.dedup();
        self.work = self.work.saturating_add(pieces(p).saturating_mul(moments.len()));
        if moments.len() > MAX_MOMENTS || self.work > MAX_WORK {
            moments = vec![p.begin, p.end];
        }
        let mut last: Option<Cue> = None;
        for pair in moments.windows(2) {
            let [begin, end] = pair else { continue };
            let mut runs = Runs::default();
            self.runs(p, &computed, *begin, &mut runs);
            let payload = self.payload(runs.finish());
            if payload.is_empty() {
                continue;
            }
            match &mut last {
                Some(cue) if cue.end == *begin && cue.payload == payload => cue.end = *end,
                _ => {
                    let id = p.element.xml_attribute("id").unwrap_or_default();
                    let one_line = !id.contains("-->") && !id.contains(char::is_control);
                    let id = if one_line { id.to_owned() } else { String::new() };
                    let cue = Cue { begin: *begin, end: *end, id, settings: settings.clone(), payload };
                    if let Some(cue) = last.replace(cue) {
                        self.push(cue)?;
                    }
                }
            }
        }
        last.map_or(Ok(()), |cue| self.push(cue))
    }

    fn push(&mut self, cue: Cue) -> Result<(), Error> {
        self.bytes += (cue.payload.len() + cue.settings.len() + cue.id.len() + 32) as u64;
        if self.cues.len() >= MAX_CUES {
            return Err(Error::TooManyCues { limit: MAX_CUES });
        }
        if self.bytes > MAX_BYTES {
            return Err(Error::TooLarge { bytes: self.bytes, limit: MAX_BYTES });
        }
        self.cues.push(cue);
        Ok(())
    }

    /// The text that is shown at a moment, with its styles.
    fn runs(&self, timed: &Timed, computed: &Computed, at: u64, runs: &mut Runs) {
        if computed.hidden || computed.ruby == Ruby::Delimiter {
            return;
        }
        for child in &timed.children {
            match child {
                Child::Text(text) => runs.text(text, computed),
                Child::Timed(br) if br.name() == "br" => runs.line_end(computed),
                Child::Timed(span) if span.begin <= at && at < span.end => {
                    let mut inner = self.styles.inside(computed, &span.element);
                    let container = inner.ruby == Ruby::Container && computed.ruby != Ruby::Container;
                    if container {
                        runs.containers += 1;
                    }
                    if inner.ruby == Ruby::None && matches!(computed.ruby, Ruby::Base | Ruby::Text) {
                        inner.ruby = computed.ruby;
                    }
                    self.runs(span, &inner, at, runs);
                }
                Child::Timed(_) | Child::Other(_) => {}
            }
        }
    }

    fn payload(&mut self, runs: Vec<Run>) -> String {
        let mut out = String::new();
        let mut ruby: Option<usize> = None;
        for run in runs {
            let container = Some(run.container).filter(|_| matches!(run.ruby, Ruby::Base | Ruby::Text));
            if container != ruby {
                if ruby.is_some() {
                    out.push_str("</ruby>");
                }
                if container.is_some() {
                    out.push_str("<ruby>");
                }
                ruby = container;
            }
            let tags = self.tags(&run);
            tags.iter().for_each(|(open, _)| out.push_str(open));
            for (index, line) in run.text.split('\n').enumerate() {
                if index > 0 {
                    // An empty line would end the cue.
                    if out.ends_with('\n') {
                        out.push_str("&nbsp;");
                    }
                    out.push('\n');
                }
                escape(&mut out, line);
            }
            tags.iter().rev().for_each(|(_, close)| out.push_str(close));
        }
        if ruby.is_some() {
            out.push_str("</ruby>");
        }
        out
    }

    /// Start and end tags of a run, outermost first.
    fn tags(&mut self, run: &Run) -> Vec<(String, &'static str)> {
        let mut tags = Vec::new();
        if run.ruby == Ruby::Text {
            tags.push(("<rt>".to_owned(), "</rt>"));
        }
        let mut classes = String::new();
        if let Some(color) = run.color.filter(|c| *c != Color::WHITE) {
            classes.push('.');
            classes.push_str(&self.class(color, ""));
        }
        // What is not there, and what players do of themselves, need no class.
        if let Some(color) = run.background.filter(|c| c.0[3] != 0 && *c != Color::CUE_BACKGROUND) {
            classes.push('.');
            classes.push_str(&self.class(color, "bg_"));
        }
        if !classes.is_empty() {
            tags.push((format!("<c{classes}>"), "</c>"));
        }
        for (yes, open, close) in
            [(run.bold, "<b>", "</b>"), (run.italic, "<i>", "</i>"), (run.underline, "<u>", "</u>")]
        {
            if yes {
                tags.push((open.to_owned(), close));
            }
        }
        tags
    }

    fn class(&mut self, color: Color, prefix: &str) -> String {
        match color.class() {
            Some(name) => format!("{prefix}{name}"),
            None => {
                let class = format!("{}{}", if prefix.is_empty() { "fg_" } else { prefix }, color.hex());
                self.colors.insert(class.clone());
                class
            }
        }
    }
}

pub(super) fn style_block(colors: &BTreeSet<String>) -> Option<String> {
    if colors.is_empty() {
        return None;
    }
    let mut block = String::from("STYLE");
    for class in colors {
        let (property, hex) = match class.strip_prefix("bg_") {
            Some(hex) => ("background-color", hex),
            None => ("color", class.trim_start_matches("fg_")),
        };
        block.push_str(&format!("\n::cue(.{class}) {{ {property}: #{hex}; }}"));
    }
    Some(block)
}

/// Pieces of content in a paragraph.
fn pieces(timed: &Timed) -> usize {
    let inside = |child: &Child| if let Child::Timed(child) = child { pieces(child) } else { 1 };
    1 + timed.children.iter().map(inside).sum::<usize>()
}

fn moments_inside(timed: &Timed, moments: &mut Vec<u64>) {
    for child in &timed.children {
        if let Child::Timed(child) = child
            && child.name() == "span"
            && moments.len() < MAX_MOMENTS * 4
        {
            moments.extend([child.begin, child.end]);
            moments_inside(child, moments);
        }
    }
}

/// Text of one style.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Run {
    text: String,
    italic: bool,
    bold: bool,
    underline: bool,
    color: Option<Color>,
    background: Option<Color>,
    ruby: Ruby,
    /// Which ruby it is of.
    container: usize,
}

/// The runs of a paragraph, white space treated as `xml:space` says (TTML1 7.2.3).
#[derive(Debug, Default)]
struct Runs {
    runs: Vec<Run>,
    containers: usize,
    /// The last character is a space that goes if a line ends behind it.
    space: bool,
    /// Nothing but line ends has come yet, or a line has just begun.
    line_begins: bool,
    begun: bool,
}

impl Runs {
    fn text(&mut self, text: &str, computed: &Computed) {
        for character in text.chars() {
            match character {
                '\n' | '\r' if computed.preserve => {
                    if character == '\n' {
                        self.line_end(computed);
                    }
                }
                ' ' | '\t' | '\n' | '\r' if !computed.preserve => {
                    if self.begun && !self.line_begins && !self.space {
                        self.push(' ', computed);
                        self.space = true;
                    }
                }
                other => {
                    (self.space, self.line_begins, self.begun) = (false, false, true);
                    self.push(other, computed);
                }
            }
        }
    }

    fn line_end(&mut self, computed: &Computed) {
        self.trim();
        if self.begun {
            self.line_begins = true;
            self.push('\n', computed);
        }
    }

    /// Takes off a space at the end of a line.
    fn trim(&mut self) {
        if std::mem::take(&mut self.space)
            && let Some(last) = self.runs.last_mut()
        {
            last.text.pop();
            if last.text.is_empty() {
                self.runs.pop();
            }
        }
    }

    fn push(&mut self, character: char, computed: &Computed) {
        let run = Run {
            text: String::new(),
            italic: computed.italic,
            bold: computed.bold,
            underline: computed.underline,
            color: computed.color,
            background: computed.background,
            ruby: computed.ruby,
            container: self.containers,
        };
        let alike = |last: &Run| {
            let Run { text: _, italic, bold, underline, color, background, ruby, container } = last;
            (*italic, *bold, *underline, *color, *background, *ruby)
                == (run.italic, run.bold, run.underline, run.color, run.background, run.ruby)
                && (*container == run.container || !matches!(ruby, Ruby::Base | Ruby::Text))
        };
        match self.runs.last_mut() {
            Some(last) if alike(last) => last.text.push(character),
            _ => self.runs.push(Run { text: character.to_string(), ..run }),
        }
    }

    /// Without the line ends behind the last text.
    fn finish(mut self) -> Vec<Run> {
        self.trim();
        while let Some(last) = self.runs.last_mut() {
            last.text.truncate(last.text.trim_end_matches('\n').len());
            if !last.text.is_empty() {
                break;
            }
            self.runs.pop();
        }
        self.runs
    }
}

/// Cue settings for a paragraph: where its region lies and how its text is aligned in it.
fn settings(computed: &Computed) -> String {
    let mut out = String::new();
    let mut add = |name: &str, value: &dyn Fn(&mut String)| {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(name);
        out.push(':');
        value(&mut out);
    };
    if let Some(right_to_left) = computed.vertical {
        add("vertical", &|out| out.push_str(if right_to_left { "rl" } else { "lr" }));
    }
    let area = computed.area().filter(|_| computed.vertical.is_none());
    // TTML's initial value is `start`; in a document that places nothing it means nothing.
    let align = computed.align.unwrap_or(if area.is_some() { Align::Start } else { Align::Center });
    if let Some(area) = area {
        let bottom = area.top + area.height;
        match computed.display_align.unwrap_or(Align::Start) {
            // The bottom of the picture is where cues stand anyhow.
            Align::End | Align::Right if bottom >= FULL * 4 / 5 => {}
            Align::End | Align::Right => add("line", &|out| {
                push_hundredths(out, bottom);
                out.push_str("%,end");
            }),
            Align::Center => add("line", &|out| {
                push_hundredths(out, area.top + area.height / 2);
                out.push_str("%,center");
            }),
            Align::Start | Align::Left => add("line", &|out| {
                push_hundredths(out, area.top);
                out.push('%');
            }),
        }
        let position = match align {
            Align::Start | Align::Left => area.left,
            Align::Center => area.left + area.width / 2,
            Align::End | Align::Right => area.left + area.width,
        };
        if position != FULL / 2 || align != Align::Center {
            add("position", &|out| {
                push_hundredths(out, position);
                out.push('%');
            });
        }
        if area.width != FULL {
            add("size", &|out| {
                push_hundredths(out, area.width);
                out.push('%');
            });
        }
    }
    let word = match align {
        Align::Start => "start",
        Align::End => "end",
        Align::Left => "left",
        Align::Right => "right",
        Align::Center => return out,
    };
    add("align", &|out| out.push_str(word));
    out
}
