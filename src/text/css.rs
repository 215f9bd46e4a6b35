//! The little of CSS in WebVTT's `STYLE` blocks that TTML can say too: rules for all cues, for a class, for a tag.

use super::color::Color;
use super::payload::{Tag, TagKind};

/// What a rule applies to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Selector {
    All,
    Class(String),
    Tag(TagKind),
}

/// What it asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Declared {
    pub color: Option<Color>,
    pub background: Option<Color>,
    pub bold: Option<bool>,
    pub italic: Option<bool>,
    pub underline: Option<bool>,
}

/// Rules in order: later ones win.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Rules(Vec<(Selector, Declared)>);

/// The most rules that are kept.
const MAX_RULES: usize = 1000;

impl Rules {
    /// Those of a header's `STYLE` blocks.
    pub(super) fn of(blocks: &[String]) -> Rules {
        let mut rules = Vec::new();
        for block in blocks {
            let Some(mut css) = block.strip_prefix("STYLE") else { continue };
            while let Some((selectors, rest)) = css.split_once('{') {
                let (body, rest) = rest.split_once('}').unwrap_or((rest, ""));
                let declared = declarations(body);
                for selector in selectors.split(',').filter_map(selector) {
                    if rules.len() < MAX_RULES {
                        rules.push((selector, declared));
                    }
                }
                css = rest;
            }
        }
        Rules(rules)
    }

    /// What is asked for all cues.
    pub(super) fn all(&self) -> Declared {
        let rules = self.0.iter().filter(|(selector, _)| *selector == Selector::All);
        rules.fold(Declared::default(), |sum, (_, declared)| sum.then(*declared))
    }

    /// What a tag asks for by itself, by its classes and by these rules.
    pub(super) fn tag(&self, tag: &Tag) -> Declared {
        let mut sum = match tag.kind {
            TagKind::Bold => Declared { bold: Some(true), ..Declared::default() },
            TagKind::Italic => Declared { italic: Some(true), ..Declared::default() },
            TagKind::Underline => Declared { underline: Some(true), ..Declared::default() },
            _ => Declared::default(),
        };
        for class in &tag.classes {
            match class.strip_prefix("bg_") {
                Some(name) => sum.background = Color::of_class(name).or(sum.background),
                None => sum.color = Color::of_class(class).or(sum.color),
            }
        }
        for (selector, declared) in &self.0 {
            let applies = match selector {
                Selector::All => false,
                Selector::Class(class) => tag.classes.contains(class),
                Selector::Tag(kind) => *kind == tag.kind,
            };
            if applies {
                sum = sum.then(*declared);
            }
        }
        sum
    }
}

impl Declared {
    fn then(self, later: Declared) -> Declared {
        Declared {
            color: later.color.or(self.color),
            background: later.background.or(self.background),
            bold: later.bold.or(self.bold),
            italic: later.italic.or(self.italic),
            underline: later.underline.or(self.underline),
        }
    }
}

/// `::cue`, `::cue(.class)`, `::cue(tag)`; anything else is not understood.
fn selector(text: &str) -> Option<Selector> {
    let argument = text.trim().strip_prefix("::cue")?.trim();
    if argument.is_empty() {
        return Some(Selector::All);
    }
    let inner = argument.strip_prefix('(')?.strip_suffix(')')?.trim();
    if let Some(class) = inner.strip_prefix('.').or_else(|| inner.strip_prefix("c.")) {
        let plain = !class.is_empty() && !class.contains(['.', ' ', ':', '[', '#']);
        return plain.then(|| Selector::Class(class.replace('\\', "")));
    }
    Some(Selector::Tag(match inner {
        "b" => TagKind::Bold,
        "i" => TagKind::Italic,
        "u" => TagKind::Underline,
        "c" => TagKind::Class,
        "v" => TagKind::Voice,
        "ruby" => TagKind::Ruby,
        "rt" => TagKind::RubyText,
        _ => return None,
    }))
}

fn declarations(body: &str) -> Declared {
    let mut declared = Declared::default();
    for (name, value) in body.split(';').filter_map(|one| one.split_once(':')) {
        let value = value.trim();
        match name.trim() {
            "color" => declared.color = Color::parse(value),
            "background-color" | "background" => declared.background = Color::parse(value),
            "font-weight" => declared.bold = Some(matches!(value, "bold" | "bolder" | "600" | "700" | "800" | "900")),
            "font-style" => declared.italic = Some(matches!(value, "italic" | "oblique")),
            "text-decoration" => declared.underline = Some(value.split_whitespace().any(|word| word == "underline")),
            _ => {}
        }
    }
    declared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_classes_and_tags_are_applied_in_order() {
        let block = "STYLE\n::cue { color: #fff }\n::cue(.loud), ::cue(b) { color: red; font-style: italic; background: rgba(0,0,0,0.5) }\n::cue(.loud){color:blue}\n::cue(v[voice=x]) { color: lime }";
        let rules = Rules::of(&[block.to_owned(), "REGION\nid:x".to_owned()]);
        assert_eq!(rules.all().color, Some(Color::WHITE));
        let tag = |kind, classes: &[&str]| Tag {
            kind,
            classes: classes.iter().map(|c| (*c).to_owned()).collect(),
            annotation: String::new(),
            children: Vec::new(),
        };
        let loud = rules.tag(&tag(TagKind::Class, &["loud"]));
        assert_eq!((loud.color, loud.italic, loud.bold), (Color::parse("blue"), Some(true), None));
        let bold = rules.tag(&tag(TagKind::Bold, &["yellow", "bg_cyan"]));
        assert_eq!((bold.color, bold.bold), (Color::parse("red"), Some(true)));
        assert_eq!(bold.background, Color::parse("rgba(0,0,0,0.5)"));
        assert_eq!(rules.tag(&tag(TagKind::Voice, &["yellow", "bg_cyan"])).background, Color::parse("cyan"));
    }
}
