//! XML manifests, written front to back into one string.

use std::fmt::{self, Write};

use crate::xml::{escape_attribute, escape_text};

/// An XML document being written, attribute by attribute and number by number, without a string for each
/// as [`crate::xml::Writer`] takes: a timeline is thousands of small elements. Elements are indented by two spaces, attributes keep their order.
#[derive(Debug)]
pub(crate) struct Markup {
    out: String,
    open: Vec<&'static str>,
    /// The last start tag has no `>` yet.
    in_tag: bool,
    /// The innermost element holds text, so its end tag follows at once.
    holds_text: bool,
}

impl Markup {
    /// A document of about `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Markup {
        let mut out = String::with_capacity(capacity);
        out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
        Markup { out, open: Vec::new(), in_tag: false, holds_text: false }
    }

    /// Opens an element.
    pub(crate) fn start(&mut self, name: &'static str) -> &mut Markup {
        if self.in_tag {
            self.out.push('>');
        }
        self.line();
        self.out.push('<');
        self.out.push_str(name);
        self.open.push(name);
        self.in_tag = true;
        self
    }

    /// An attribute of the element just opened.
    pub(crate) fn attribute(&mut self, name: &str, value: &str) -> &mut Markup {
        self.name(name);
        escape_attribute(&mut self.out, value);
        self.out.push('"');
        self
    }

    /// A number as attribute.
    pub(crate) fn number(&mut self, name: &str, value: impl itoa::Integer) -> &mut Markup {
        self.name(name);
        self.out.push_str(itoa::Buffer::new().format(value));
        self.out.push('"');
        self
    }

    /// An attribute in parts.
    pub(crate) fn format(&mut self, name: &str, value: fmt::Arguments<'_>) -> &mut Markup {
        self.name(name);
        // Writing to a string does not fail.
        let _ = Escaping(&mut self.out).write_fmt(value);
        self.out.push('"');
        self
    }

    /// Text as the only content of the element just opened.
    pub(crate) fn text(&mut self, text: &str) -> &mut Markup {
        if self.in_tag {
            self.out.push('>');
        }
        (self.in_tag, self.holds_text) = (false, true);
        escape_text(&mut self.out, text);
        self
    }

    /// Closes the innermost element.
    pub(crate) fn end(&mut self) -> &mut Markup {
        let Some(name) = self.open.pop() else { return self };
        if self.in_tag {
            self.out.push_str("/>");
        } else {
            if !self.holds_text {
                self.line();
            }
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        (self.in_tag, self.holds_text) = (false, false);
        self
    }

    /// The document.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out.push('\n');
        self.out
    }

    fn name(&mut self, name: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
    }

    fn line(&mut self) {
        const SPACES: &str = "                ";
        self.out.push('\n');
        self.out.push_str(&SPACES[..(self.open.len() * 2).min(SPACES.len())]);
    }
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        escape_attribute(self.0, s);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_indented_and_text_is_not() {
        let mut xml = Markup::new(100);
        xml.start("A").number("n", 7u64).format("m", format_args!("{}/{}", 1, 2));
        xml.start("B").text("x").end();
        xml.start("C").attribute("v", "").end();
        let expected =
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<A n=\"7\" m=\"1/2\">\n  <B>x</B>\n  <C v=\"\"/>\n</A>\n";
        assert_eq!(xml.finish(), expected);
    }

    #[test]
    fn nothing_can_break_out_of_text_or_attributes() {
        let mut xml = Markup::new(100);
        xml.start("A").attribute("v", "a\"<>&\n\u{1}é").text("</A>");
        let text = xml.finish();
        assert!(text.contains("v=\"a&quot;&lt;&gt;&amp;&#10;é\">&lt;/A&gt;</A>"), "{text}");
    }
}
