//! What styles come to (TTML1 8.4), as far as WebVTT can say it too.

use std::collections::HashMap;

use crate::text::color::Color;
use crate::text::settings::{Align, Area, FULL, Percent, hundredths, percent};
use crate::xml::mixed::Element;

use super::{STYLING, TT};

/// Styles that refer to styles are followed this far.
const MAX_REFERENCES: usize = 16;

/// The part that an element plays in ruby (TTML2 10.2.35).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Ruby {
    #[default]
    None,
    Container,
    Base,
    Text,
    /// A delimiter, for those who cannot show ruby.
    Delimiter,
}

/// Styles of an element, inherited ones included.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Computed {
    pub italic: bool,
    pub bold: bool,
    pub underline: bool,
    pub color: Option<Color>,
    /// Of this element and the elements around it up to its paragraph.
    pub background: Option<Color>,
    pub align: Option<Align>,
    pub hidden: bool,
    pub ruby: Ruby,
    pub preserve: bool,
    /// `tts:writingMode`: `Some(true)` from right to left, columns.
    pub vertical: Option<bool>,
    pub display_align: Option<Align>,
    pub origin: Option<(Percent, Percent)>,
    pub extent: Option<(Percent, Percent)>,
}

/// The styles and regions of a document's head.
#[derive(Debug, Default)]
pub(super) struct Styles<'a> {
    styles: HashMap<&'a str, &'a Element>,
    regions: HashMap<&'a str, &'a Element>,
    /// Pixels of the picture, and columns and rows, for lengths.
    pixels: Option<(u32, u32)>,
    cells: (u32, u32),
}

impl<'a> Styles<'a> {
    /// Those of a document.
    pub(super) fn of(root: &Element, head: Option<&'a Element>) -> Styles<'a> {
        let pair = |value: &str, unit: &str| {
            let mut parts =
                value.split_whitespace().map(|part| part.strip_suffix(unit)?.parse().ok().filter(|n| *n > 0));
            Some((parts.next()??, parts.next()??))
        };
        let cells = root.attribute(Some(super::PARAMETER), "cellResolution").and_then(|value| pair(value, ""));
        let mut styles = Styles {
            pixels: root.attribute(Some(STYLING), "extent").and_then(|value| pair(value, "px")),
            cells: cells.unwrap_or((32, 15)),
            ..Styles::default()
        };
        let of_tt = |element: &&Element| element.namespace.as_deref() == Some(TT);
        for part in head.into_iter().flat_map(Element::elements).filter(of_tt) {
            for element in part.elements().filter(of_tt) {
                let Some(id) = element.xml_attribute("id") else { continue };
                match (part.local(), element.local()) {
                    ("styling", "style") => styles.styles.insert(id, element),
                    ("layout", "region") => styles.regions.insert(id, element),
                    _ => None,
                };
            }
        }
        styles
    }

    /// The region of that name, with its styles.
    pub(super) fn region(&self, id: &str) -> Option<Computed> {
        let region = self.regions.get(id)?;
        let mut computed = Computed::default();
        for nested in region.elements().filter(|e| e.local() == "style") {
            self.apply(&mut computed, nested);
        }
        self.apply(&mut computed, region);
        Some(computed)
    }

    /// What becomes of inherited styles in an element.
    pub(super) fn inside(&self, parent: &Computed, element: &Element) -> Computed {
        let mut computed = Computed { ruby: Ruby::None, ..parent.clone() };
        if let Some(space) = element.xml_attribute("space") {
            computed.preserve = space == "preserve";
        }
        self.apply(&mut computed, element);
        computed
    }

    fn apply(&self, computed: &mut Computed, element: &Element) {
        let mut left = MAX_REFERENCES;
        self.referenced(computed, element, &mut left);
        self.own(computed, element);
    }

    fn referenced(&self, computed: &mut Computed, element: &Element, left: &mut usize) {
        for id in element.attribute(None, "style").unwrap_or_default().split_whitespace() {
            let Some(style) = self.styles.get(id) else { continue };
            let Some(rest) = left.checked_sub(1) else { return };
            *left = rest;
            self.referenced(computed, style, left);
            self.own(computed, style);
        }
    }

    fn own(&self, computed: &mut Computed, element: &Element) {
        for attribute in element.attributes.iter().filter(|a| a.namespace.as_deref() == Some(STYLING)) {
            let value = attribute.value.trim();
            match attribute.local() {
                "fontStyle" => computed.italic = matches!(value, "italic" | "oblique"),
                "fontWeight" => computed.bold = value == "bold",
                "textDecoration" => {
                    for word in value.split_whitespace() {
                        match word {
                            "underline" => computed.underline = true,
                            "none" | "noUnderline" => computed.underline = false,
                            _ => {}
                        }
                    }
                }
                "color" => computed.color = Color::parse(value).or(computed.color),
                "backgroundColor" => computed.background = Color::parse(value).or(computed.background),
                "textAlign" => {
                    computed.align = match value {
                        "left" => Some(Align::Left),
                        "right" => Some(Align::Right),
                        "start" => Some(Align::Start),
                        "end" => Some(Align::End),
                        "center" => Some(Align::Center),
                        _ => computed.align,
                    };
                }
                "display" => computed.hidden |= value == "none",
                "visibility" => computed.hidden = value == "hidden",
                "ruby" => {
                    computed.ruby = match value {
                        "container" | "baseContainer" | "textContainer" => Ruby::Container,
                        "base" => Ruby::Base,
                        "text" => Ruby::Text,
                        "delimiter" => Ruby::Delimiter,
                        _ => Ruby::None,
                    };
                }
                "writingMode" => {
                    computed.vertical = match value {
                        "tbrl" | "tb" => Some(true),
                        "tblr" => Some(false),
                        _ => None,
                    };
                }
                "displayAlign" => {
                    computed.display_align = match value {
                        "before" => Some(Align::Start),
                        "center" => Some(Align::Center),
                        "after" => Some(Align::End),
                        _ => computed.display_align,
                    };
                }
                "origin" => computed.origin = self.lengths(value).or(computed.origin),
                "extent" => computed.extent = self.lengths(value).or(computed.extent),
                _ => {}
            }
        }
    }

    /// Two lengths, along and across, as parts of the picture.
    fn lengths(&self, value: &str) -> Option<(Percent, Percent)> {
        let mut parts = value.split_whitespace();
        let along = self.length(parts.next()?, self.pixels.map(|p| p.0), self.cells.0)?;
        let across = self.length(parts.next()?, self.pixels.map(|p| p.1), self.cells.1)?;
        Some((along, across))
    }

    fn length(&self, text: &str, pixels: Option<u32>, cells: u32) -> Option<Percent> {
        let part = |number: &str, of: u32| {
            let part = u64::from(hundredths(number)?) * 100 / u64::from(of.max(1));
            u32::try_from(part).ok().filter(|part| *part <= FULL)
        };
        match text.find(|c: char| c.is_ascii_alphabetic() || c == '%').map(|at| text.split_at(at))? {
            (_, "%") => percent(text),
            (number, "rw" | "rh" | "vw" | "vh") => hundredths(number).filter(|n| *n <= FULL),
            (number, "px") => part(number, pixels?),
            (number, "c") => part(number, cells),
            _ => None,
        }
    }
}

impl Computed {
    /// Where its region lies; `None` where nothing says so.
    pub(super) fn area(&self) -> Option<Area> {
        let (left, top) = self.origin?;
        let (width, height) = self.extent.unwrap_or((FULL - left, FULL - top));
        Some(Area { left, top, width: width.min(FULL - left), height: height.min(FULL - top) })
    }
}
