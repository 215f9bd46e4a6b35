//! JSON text, written front to back with members in the order given.

/// Writes one JSON document. [`Writer::member`] and [`Writer::item`] set the comma; one value follows each.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    /// A comma goes before the next member or item.
    comma: bool,
}

impl Writer {
    /// An empty document.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// `{ … }`
    pub fn object(&mut self, members: impl FnOnce(&mut Writer)) {
        self.nested('{', '}', members);
    }

    /// `[ … ]`
    pub fn array(&mut self, items: impl FnOnce(&mut Writer)) {
        self.nested('[', ']', items);
    }

    fn nested(&mut self, open: char, close: char, inner: impl FnOnce(&mut Writer)) {
        self.out.push(open);
        self.comma = false;
        inner(self);
        self.out.push(close);
        self.comma = true;
    }

    /// The name of a member; its value follows.
    pub fn member(&mut self, name: &str) -> &mut Writer {
        self.item().quoted(name);
        self.out.push(':');
        self
    }

    /// The place of an item; its value follows.
    pub fn item(&mut self) -> &mut Writer {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
        self
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.quoted(text);
        self.comma = true;
    }

    /// A number, `true`, `false` or `null` as it is written.
    pub fn bare(&mut self, word: &str) {
        self.out.push_str(word);
        self.comma = true;
    }

    /// The document.
    pub fn finish(self) -> String {
        self.out
    }

    /// RFC 8259 7; the line separators of JavaScript are escaped besides.
    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                c if c < ' ' || matches!(c, '\u{2028}' | '\u{2029}') => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let mut json = Writer::new();
            json.array(|json| json.item().text(&text));
            let read: Vec<String> = serde_json::from_str(&json.finish()).unwrap();
            prop_assert_eq!(read, vec![text]);
        }
    }
}
