//! WebVTT cue text (WebVTT 4.2.2) as a tree.

use super::time::timestamp;

/// A piece of cue text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// Text, escapes resolved, without line ends.
    Text(String),
    /// A line end.
    Break,
    /// What follows appears at this time, milliseconds of the presentation.
    At(u64),
    /// A tag with what it holds.
    Tag(Tag),
}

/// A tag of cue text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// Which.
    pub kind: TagKind,
    /// Its classes.
    pub classes: Vec<String>,
    /// The voice's name or the language tag.
    pub annotation: String,
    /// What is in it.
    pub children: Vec<Node>,
}

/// The tags of WebVTT 4.2.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TagKind {
    /// `c`.
    Class,
    /// `i`.
    Italic,
    /// `b`.
    Bold,
    /// `u`.
    Underline,
    /// `v`.
    Voice,
    /// `lang`.
    Language,
    /// `ruby`.
    Ruby,
    /// `rt`.
    RubyText,
}

/// Tags deeper than this are passed over, what is in them is not.
const MAX_DEPTH: usize = 16;

/// Reads cue text as the parser of the standard does (WebVTT 6.4): what it does not know it passes over.
pub fn parse(payload: &str) -> Vec<Node> {
    let mut open: Vec<Tag> = Vec::new();
    let mut root: Vec<Node> = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let at = rest.find(['<', '\n']).unwrap_or(rest.len());
        let (text, from) = rest.split_at(at);
        if !text.is_empty() {
            children(&mut open, &mut root).push(Node::Text(unescape(text)));
        }
        rest = match from.as_bytes().first() {
            Some(b'\n') => {
                children(&mut open, &mut root).push(Node::Break);
                from.get(1..).unwrap_or_default()
            }
            Some(_) => {
                let end = from.find('>').unwrap_or(from.len());
                tag(from.get(1..end).unwrap_or_default(), &mut open, &mut root);
                from.get(end + 1..).unwrap_or_default()
            }
            None => "",
        };
    }
    while let Some(tag) = open.pop() {
        children(&mut open, &mut root).push(Node::Tag(tag));
    }
    root
}

fn children<'a>(open: &'a mut [Tag], root: &'a mut Vec<Node>) -> &'a mut Vec<Node> {
    open.last_mut().map_or(root, |tag| &mut tag.children)
}

fn tag(markup: &str, open: &mut Vec<Tag>, root: &mut Vec<Node>) {
    if let Some(name) = markup.strip_prefix('/') {
        let kind = kind(name.trim());
        // `</ruby>` ends an open `rt` too.
        if kind == Some(TagKind::Ruby) && open.last().is_some_and(|t| t.kind == TagKind::RubyText) {
            close(open, root);
        }
        if kind.is_some() && open.last().map(|t| t.kind) == kind {
            close(open, root);
        }
        return;
    }
    if markup.starts_with(|c: char| c.is_ascii_digit()) {
        if let Some(at) = timestamp(markup.trim()) {
            children(open, root).push(Node::At(at));
        }
        return;
    }
    let (head, annotation) = markup.split_once([' ', '\t', '\n']).unwrap_or((markup, ""));
    let mut words = head.split('.');
    let Some(kind) = kind(words.next().unwrap_or_default()) else { return };
    if open.len() >= MAX_DEPTH {
        return;
    }
    let classes = words.filter(|class| !class.is_empty()).map(unescape).collect();
    let words: Vec<&str> = annotation.split_whitespace().collect();
    open.push(Tag { kind, classes, annotation: unescape(&words.join(" ")), children: Vec::new() });
}

fn close(open: &mut Vec<Tag>, root: &mut Vec<Node>) {
    if let Some(tag) = open.pop() {
        children(open, root).push(Node::Tag(tag));
    }
}

fn kind(name: &str) -> Option<TagKind> {
    Some(match name {
        "c" => TagKind::Class,
        "i" => TagKind::Italic,
        "b" => TagKind::Bold,
        "u" => TagKind::Underline,
        "v" => TagKind::Voice,
        "lang" => TagKind::Language,
        "ruby" => TagKind::Ruby,
        "rt" => TagKind::RubyText,
        _ => return None,
    })
}

/// Character references: the six of WebVTT, and numbers.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let reference = from.find(';').filter(|end| *end <= 10).and_then(|end| {
            let name = from.get(1..end)?;
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "lrm" => '\u{200e}',
                "rlm" => '\u{200f}',
                "nbsp" => '\u{a0}',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let number = name.strip_prefix('#')?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code).filter(|c| *c != '\0')?
                }
            };
            Some((character, end + 1))
        });
        match reference {
            Some((character, length)) => {
                out.push(character);
                rest = from.get(length..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// Appends text as cue text: `&`, `<` and `>` escaped, so that neither tags nor an arrow come of it.
pub fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' | '\n' | '\0' => out.push(' '),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: &str) -> Node {
        Node::Text(of.to_owned())
    }

    #[test]
    fn tags_classes_annotations_and_times_are_read() {
        let nodes = parse("<v.loud.first Mary Ann>Hi &amp;\n<i>you</i> <00:00:02.500>there</v> &#x41;&nope;");
        let [Node::Tag(voice), last] = &nodes[..] else { panic!("{nodes:?}") };
        assert_eq!((voice.kind, voice.annotation.as_str()), (TagKind::Voice, "Mary Ann"));
        assert_eq!(voice.classes, ["loud", "first"]);
        assert_eq!(last, &text(" A&nope;"));
        let [hi, Node::Break, Node::Tag(italic), blank, Node::At(2500), there] = &voice.children[..] else {
            panic!("{voice:?}")
        };
        assert_eq!((hi, blank, there), (&text("Hi &"), &text(" "), &text("there")));
        assert_eq!((italic.kind, &italic.children[..]), (TagKind::Italic, &[text("you")][..]));
    }

    #[test]
    fn ruby_ends_its_text_and_what_is_left_open_is_closed() {
        let nodes = parse("<ruby>漢<rt>かん</ruby><b>x</i>y");
        let [Node::Tag(ruby), Node::Tag(bold)] = &nodes[..] else { panic!("{nodes:?}") };
        assert!(matches!(&ruby.children[..], [_, Node::Tag(rt)] if rt.kind == TagKind::RubyText));
        assert_eq!(bold.children, [text("x"), text("y")]);
        assert_eq!(parse("<unknown>a</unknown><"), [text("a")]);
    }

    #[test]
    fn depth_is_bounded() {
        let nodes = parse(&"<b>".repeat(100_000));
        let (mut depth, mut nodes) = (0, &nodes);
        while let Some(Node::Tag(tag)) = nodes.first() {
            (depth, nodes) = (depth + 1, &tag.children);
        }
        assert_eq!(depth, MAX_DEPTH);
    }
}
