//! WebVTT cues as an IMSC 1 document.

use std::collections::{HashMap, HashSet};

use crate::text::Cue;
use crate::text::color::Color;
use crate::text::css::{Declared, Rules};
use crate::text::payload::{self, Node, Tag, TagKind};
use crate::text::settings::{self, Align, Area, FULL, LINE, Line, Settings, push_hundredths};
use crate::xml::escape_text;

use super::{METADATA, PARAMETER, STYLING, Span, TT, write_attribute, write_times};

/// Writes cues of one track as TTML documents of the IMSC 1.1 text profile.
#[derive(Clone, Debug, Default)]
pub struct Converter {
    language: String,
    rules: Rules,
    regions: HashMap<String, Area>,
}

impl Converter {
    /// For a track in that language (BCP 47; empty if not known) with those `STYLE` and `REGION` blocks.
    pub fn new(language: &str, blocks: &[String]) -> Converter {
        let regions = blocks.iter().filter_map(|block| settings::region(block)).collect();
        Converter { language: language.to_owned(), rules: Rules::of(blocks), regions }
    }

    /// The document of those cues, which overlap `span`.
    pub fn write<'a>(&self, span: Span, cues: impl Iterator<Item = &'a Cue>) -> String {
        let mut regions: Vec<String> = Vec::new();
        let mut body = String::new();
        let mut names: HashSet<&str> = HashSet::new();
        for cue in cues {
            let region = self.region(&Settings::parse(&cue.settings));
            let number = regions.iter().position(|known| *known == region).unwrap_or_else(|| {
                regions.push(region);
                regions.len() - 1
            });
            body.push_str("<p");
            if is_name(&cue.id) && names.insert(&cue.id) {
                write_attribute(&mut body, "xml:id", &cue.id);
            }
            write_times(&mut body, span.written(cue.begin), span.written(cue.end));
            write_attribute(&mut body, "region", &format!("r{number}"));
            body.push_str("><span style=\"s\">");
            self.nodes(&mut body, &payload::parse(&cue.payload));
            body.push_str("</span></p>");
        }
        let mut out = String::with_capacity(1024 + body.len());
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt");
        write_attribute(&mut out, "xmlns", TT);
        write_attribute(&mut out, "xmlns:ttp", PARAMETER);
        write_attribute(&mut out, "xmlns:tts", STYLING);
        write_attribute(&mut out, "xmlns:ttm", METADATA);
        write_attribute(&mut out, "ttp:profile", "http://www.w3.org/ns/ttml/profile/imsc1.1/text");
        // A row of these cells is about the height of a line in WebVTT.
        write_attribute(&mut out, "ttp:cellResolution", "40 19");
        write_attribute(&mut out, "xml:lang", &self.language);
        out.push_str("><head><styling><style xml:id=\"s\"");
        let all = self.rules.all();
        let white =
            Declared { color: Some(Color::WHITE), background: Some(Color::CUE_BACKGROUND), ..Declared::default() };
        write_style(
            &mut out,
            Declared { color: all.color.or(white.color), background: all.background.or(white.background), ..all },
        );
        out.push_str("/></styling><layout>");
        for (number, region) in regions.iter().enumerate() {
            out.push_str("<region");
            write_attribute(&mut out, "xml:id", &format!("r{number}"));
            out.push_str(region);
            out.push_str("/>");
        }
        out.push_str("</layout></head><body><div>");
        out.push_str(&body);
        out.push_str("</div></body></tt>\n");
        out
    }

    fn nodes(&self, out: &mut String, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Text(text) => escape_text(out, text),
                Node::Break => out.push_str("<br/>"),
                // WebVTT shows the whole cue from its beginning; its inner times only style what is to come.
                Node::At(_) => {}
                Node::Tag(tag) if tag.kind == TagKind::Ruby => self.ruby(out, tag),
                Node::Tag(tag) => {
                    out.push_str("<span");
                    if tag.kind == TagKind::Language {
                        write_attribute(out, "xml:lang", &tag.annotation);
                    }
                    write_style(out, self.rules.tag(tag));
                    out.push('>');
                    self.nodes(out, &tag.children);
                    out.push_str("</span>");
                }
            }
        }
    }

    /// TTML2 10.2.35: bases and their texts in containers.
    fn ruby(&self, out: &mut String, ruby: &Tag) {
        let mut base: Vec<Node> = Vec::new();
        for child in &ruby.children {
            match child {
                Node::Tag(text) if text.kind == TagKind::RubyText => {
                    out.push_str("<span tts:ruby=\"container\"><span tts:ruby=\"base\">");
                    self.nodes(out, &base);
                    out.push_str("</span><span tts:ruby=\"text\">");
                    self.nodes(out, &text.children);
                    out.push_str("</span></span>");
                    base.clear();
                }
                other => base.push(other.clone()),
            }
        }
        self.nodes(out, &base);
    }

    /// The attributes of the region in which a cue with these settings stands.
    fn region(&self, settings: &Settings) -> String {
        let (start, size) = settings.extent();
        let named = settings.region.as_ref().and_then(|id| self.regions.get(id));
        let (area, display_align) = match (named, settings.vertical) {
            (Some(area), _) => (*area, "after"),
            (None, Some(_)) => {
                (Area { left: FULL / 10, top: start, width: FULL * 4 / 5, height: size.max(1) }, "before")
            }
            (None, None) => {
                let (top, height, align) = across(settings);
                // Like players, which keep a little away from the edges.
                let (left, width) = if size == FULL { (FULL / 20, FULL * 9 / 10) } else { (start, size.max(1)) };
                (Area { left, top, width, height: height.max(1) }, align)
            }
        };
        let mut out = String::new();
        let pair = |a: u32, b: u32| {
            let mut value = String::new();
            push_hundredths(&mut value, a);
            value.push_str("% ");
            push_hundredths(&mut value, b);
            value.push('%');
            value
        };
        write_attribute(&mut out, "tts:origin", &pair(area.left, area.top));
        write_attribute(&mut out, "tts:extent", &pair(area.width, area.height));
        write_attribute(&mut out, "tts:displayAlign", display_align);
        let align = match settings.align {
            Align::Start => "start",
            Align::Center => "center",
            Align::End => "end",
            Align::Left => "left",
            Align::Right => "right",
        };
        write_attribute(&mut out, "tts:textAlign", align);
        if let Some(right_to_left) = settings.vertical {
            write_attribute(&mut out, "tts:writingMode", if right_to_left { "tbrl" } else { "tblr" });
        }
        write_attribute(&mut out, "tts:overflow", "visible");
        out
    }
}

/// Top and height of the area for lines of a cue, and at which side of it they stand.
fn across(settings: &Settings) -> (u32, u32, &'static str) {
    let margin = FULL / 20;
    let at = |edge: u32| match settings.line_align {
        Align::Start | Align::Left => (edge, FULL - edge, "before"),
        Align::End | Align::Right => (0, edge, "after"),
        Align::Center => {
            let half = edge.min(FULL - edge);
            (edge - half, half * 2, "center")
        }
    };
    match settings.line {
        Line::Auto => (margin, FULL - 2 * margin, "after"),
        Line::Percent(edge) => at(edge),
        Line::Number(number @ 0..) => at((number.unsigned_abs() * LINE).min(FULL - LINE)),
        Line::Number(number) => {
            let below = ((number.unsigned_abs() - 1) * LINE).min(FULL - LINE);
            (0, FULL - below.max(margin), "after")
        }
    }
}

fn write_style(out: &mut String, declared: Declared) {
    if let Some(color) = declared.color {
        write_attribute(out, "tts:color", &format!("#{}", color.hex()));
    }
    if let Some(color) = declared.background {
        write_attribute(out, "tts:backgroundColor", &format!("#{}", color.hex()));
    }
    for (name, value, yes, no) in [
        ("tts:fontWeight", declared.bold, "bold", "normal"),
        ("tts:fontStyle", declared.italic, "italic", "normal"),
        ("tts:textDecoration", declared.underline, "underline", "none"),
    ] {
        if let Some(value) = value {
            write_attribute(out, name, if value { yes } else { no });
        }
    }
}

/// A name that `xml:id` may have, and none of our own.
fn is_name(id: &str) -> bool {
    let own = id == "s" || id.strip_prefix('r').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let mut characters = id.chars();
    !own && id.len() <= 256
        && characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
