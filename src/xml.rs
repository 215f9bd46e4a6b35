//! XML in and out: the one place that knows the `quick-xml` crate.
//!
//! Reading gives a small element tree for `.ism` and `.ismc` files, within [`Limits`] and without
//! document type declarations, so nothing expands. Writing is for manifests: attributes stand in the
//! order given and every value is escaped.

pub mod mixed;

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// How much a document may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document.
    pub bytes: usize,
    /// Levels of elements.
    pub depth: usize,
    /// Elements, attributes and pieces of text together.
    pub nodes: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
}

impl Limits {
    /// For server and client manifests: 4 MiB, 32 levels, 100,000 nodes, 64 attributes.
    pub const MANIFEST: Limits = Limits { bytes: 4 << 20, depth: 32, nodes: 100_000, attributes: 64 };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::MANIFEST
    }
}

/// An element with everything in it. Names are local: prefixes and namespace declarations are left
/// out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Local names and values in document order.
    pub attributes: Vec<(String, String)>,
    /// Child elements in document order.
    pub children: Vec<Element>,
    /// The element's own text, put together, white space kept.
    pub text: String,
}

impl Element {
    /// The value of an attribute; names are compared exactly.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> + 'a {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Why a document was refused. Positions are bytes of the document as UTF-8.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More bytes than allowed.
    #[error("the document has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Bytes of the document.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Neither UTF-8 nor UTF-16.
    #[error("the document is neither UTF-8 nor UTF-16")]
    Encoding,
    /// Elements are nested too deeply.
    #[error("more than {limit} levels of elements at byte {position}")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
        /// Where.
        position: u64,
    },
    /// Too many elements, attributes and pieces of text.
    #[error("more than {limit} nodes at byte {position}")]
    TooManyNodes {
        /// Nodes allowed.
        limit: usize,
        /// Where.
        position: u64,
    },
    /// Too many attributes on one element.
    #[error("more than {limit} attributes at byte {position}")]
    TooManyAttributes {
        /// Attributes allowed.
        limit: usize,
        /// Where.
        position: u64,
    },
    /// A document type declaration; none is ever read.
    #[error("document type declarations are not allowed (byte {position})")]
    DocumentType {
        /// Where.
        position: u64,
    },
    /// An entity other than the five predefined ones.
    #[error("unknown entity '{name}' at byte {position}")]
    UnknownEntity {
        /// The entity, cut after 32 characters.
        name: String,
        /// Where.
        position: u64,
    },
    /// A character that XML 1.0 forbids.
    #[error("character U+{:04X} is not allowed at byte {position}", *.character as u32)]
    ForbiddenCharacter {
        /// The character.
        character: char,
        /// Where.
        position: u64,
    },
    /// Text before or behind the root element.
    #[error("text outside of the root element at byte {position}")]
    TextOutside {
        /// Where.
        position: u64,
    },
    /// There is not exactly one root element, or it does not end.
    #[error("the document is not one complete element (byte {position})")]
    NotOneElement {
        /// Where.
        position: u64,
    },
    /// Not well-formed.
    #[error("not well-formed at byte {position}")]
    Syntax {
        /// Where.
        position: u64,
        /// What the reader says.
        source: Box<quick_xml::Error>,
    },
}

/// Reads a document: UTF-8 or UTF-16, with or without byte order mark.
///
/// # Errors
/// [`Error`] when it is not well-formed, has a document type or exceeds `limits`.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Element, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::TooLarge { bytes: bytes.len(), limit: limits.bytes });
    }
    let document = decode(bytes)?;
    let mut reader = Reader::from_str(&document);
    let mut tree = Tree { limits, nodes: 0, open: Vec::new(), root: None };
    loop {
        let position = reader.buffer_position();
        let event = reader.read_event().map_err(|error| syntax(reader.error_position(), error))?;
        match event {
            Event::Start(start) => tree.start(&start, position)?,
            Event::Empty(start) => {
                tree.start(&start, position)?;
                tree.end(position)?;
            }
            Event::End(_) => tree.end(position)?,
            Event::Text(text) => tree.text(&text.xml10_content(), position)?,
            Event::CData(text) => tree.text(&text.xml10_content(), position)?,
            Event::GeneralRef(entity) => {
                let character = resolve(&entity, position)?;
                tree.text(character.encode_utf8(&mut [0; 4]), position)?;
            }
            Event::DocType(_) => return Err(Error::DocumentType { position }),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof if tree.open.is_empty() => {
                return tree.root.ok_or(Error::NotOneElement { position });
            }
            Event::Eof => return Err(Error::NotOneElement { position }),
        }
    }
}

/// The tree as far as it has been read.
struct Tree {
    limits: Limits,
    nodes: usize,
    /// Elements that have not ended, outermost first.
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn count(&mut self, position: u64) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Error::TooManyNodes { limit: self.limits.nodes, position });
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>, position: u64) -> Result<(), Error> {
        self.count(position)?;
        if self.open.len() >= self.limits.depth {
            return Err(Error::TooDeep { limit: self.limits.depth, position });
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(Error::NotOneElement { position });
        }
        let mut element = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
        for (index, attribute) in start.attributes().enumerate() {
            if index >= self.limits.attributes {
                return Err(Error::TooManyAttributes { limit: self.limits.attributes, position });
            }
            self.count(position)?;
            let attribute = attribute.map_err(|error| syntax(position, error.into()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| entity_or_syntax(position, error))?;
            check_characters(&value, position)?;
            if attribute.key.as_namespace_binding().is_none() {
                element.attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
            }
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self, position: u64) -> Result<(), Error> {
        let element = self.open.pop().ok_or(Error::NotOneElement { position })?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, position: u64) -> Result<(), Error> {
        self.count(position)?;
        check_characters(text, position)?;
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
            None => return Err(Error::TextOutside { position }),
        }
        Ok(())
    }
}

/// The document as UTF-8. Without a byte order mark, UTF-16 is known by the zero byte beside `<`
/// (XML 1.0 appendix F).
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    let wide = |body: &[u8], read: fn([u8; 2]) -> u16| {
        if !body.len().is_multiple_of(2) {
            return Err(Error::Encoding);
        }
        let units = body.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied()).map(read);
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map(Cow::Owned).map_err(|_| Error::Encoding)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, body @ ..] => std::str::from_utf8(body).map(Cow::Borrowed).map_err(|_| Error::Encoding),
        [0xff, 0xfe, body @ ..] => wide(body, u16::from_le_bytes),
        [0xfe, 0xff, body @ ..] => wide(body, u16::from_be_bytes),
        [b'<', 0, ..] => wide(bytes, u16::from_le_bytes),
        [0, b'<', ..] => wide(bytes, u16::from_be_bytes),
        body => std::str::from_utf8(body).map(Cow::Borrowed).map_err(|_| Error::Encoding),
    }
}

/// The character of a numeric or predefined entity.
fn resolve(entity: &BytesRef<'_>, position: u64) -> Result<char, Error> {
    if let Some(character) = entity.resolve_char_ref().map_err(|error| syntax(position, error))? {
        return Ok(character);
    }
    match entity.as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        name => Err(Error::UnknownEntity { name: name.chars().take(32).collect(), position }),
    }
}

fn syntax(position: u64, error: quick_xml::Error) -> Error {
    Error::Syntax { position, source: Box::new(error) }
}

fn entity_or_syntax(position: u64, error: quick_xml::Error) -> Error {
    match &error {
        quick_xml::Error::Escape(quick_xml::escape::EscapeError::UnrecognizedEntity(_, name)) => {
            Error::UnknownEntity { name: name.chars().take(32).collect(), position }
        }
        _ => syntax(position, error),
    }
}

fn check_characters(text: &str, position: u64) -> Result<(), Error> {
    match text.chars().find(|character| !is_allowed(*character)) {
        Some(character) => Err(Error::ForbiddenCharacter { character, position }),
        None => Ok(()),
    }
}

/// The production `Char` of XML 1.0 (2.2).
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether elements stand on lines of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Everything on one line.
    Compact,
    /// A line per element, two spaces per level; elements with text alone stay on one.
    Indented,
}

/// Writes a document. Names are the caller's own and go out as they are; values and text are escaped,
/// and characters that XML 1.0 forbids are left out.
///
/// ```
/// use headwater::xml::{Layout, Writer};
/// let mut xml = Writer::new(Layout::Indented);
/// xml.declaration();
/// xml.open("MPD", &[("type", "static")]);
/// xml.empty("Period", &[("id", "a & b")]);
/// xml.close();
/// assert!(xml.finish().ends_with("<MPD type=\"static\">\n  <Period id=\"a &amp; b\"/>\n</MPD>"));
/// ```
#[derive(Debug)]
pub struct Writer {
    out: String,
    layout: Layout,
    open: Vec<Open>,
}

/// An element that has not been closed.
#[derive(Debug)]
struct Open {
    name: String,
    /// It has child elements, so its end tag stands on a line of its own.
    parent: bool,
}

impl Writer {
    /// An empty document.
    pub fn new(layout: Layout) -> Writer {
        Writer { out: String::with_capacity(4096), layout, open: Vec::new() }
    }

    /// The XML declaration: version 1.0, UTF-8.
    pub fn declaration(&mut self) {
        self.out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    }

    /// A start tag, with attributes in the order given.
    pub fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.out.push('>');
        self.open.push(Open { name: name.to_owned(), parent: false });
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.out.push_str("/>");
    }

    /// An element with text alone.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        self.text(text);
        self.close();
    }

    /// Text in the element that is open.
    pub fn text(&mut self, text: &str) {
        escape_text(&mut self.out, text);
    }

    /// The end tag of the innermost open element; nothing if there is none.
    pub fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        if element.parent {
            self.line();
        }
        self.out.push_str("</");
        self.out.push_str(&element.name);
        self.out.push('>');
    }

    /// Markup as it is, on a line of its own if the layout has lines: for rows that are formatted
    /// elsewhere. Whatever comes from outside must have passed [`escape_attribute`] or
    /// [`escape_text`].
    pub fn raw(&mut self, markup: &str) {
        self.row().push_str(markup);
    }

    /// As [`Writer::raw`], for markup that the caller appends.
    pub fn row(&mut self) -> &mut String {
        self.child();
        &mut self.out
    }

    /// The document; open elements are closed.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.child();
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape_attribute(&mut self.out, value);
            self.out.push('"');
        }
    }

    fn child(&mut self) {
        if let Some(parent) = self.open.last_mut() {
            parent.parent = true;
        }
        self.line();
    }

    fn line(&mut self) {
        if self.layout == Layout::Indented && !self.out.is_empty() {
            self.out.push('\n');
            for _ in 0..self.open.len() {
                self.out.push_str("  ");
            }
        }
    }
}

/// Appends an attribute's value, to stand between double quotes. Tabs and line ends become numeric
/// references, because readers turn them into spaces otherwise (XML 1.0 3.3.3).
pub fn escape_attribute(out: &mut String, value: &str) {
    let escaped = quick_xml::escape::escape(value);
    if escaped.bytes().all(|byte| matches!(byte, b' '..0x7f)) {
        out.push_str(&escaped);
        return;
    }
    for character in escaped.chars() {
        match character {
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            allowed if is_allowed(allowed) => out.push(allowed),
            _ => {}
        }
    }
}

/// Appends text content.
pub fn escape_text(out: &mut String, text: &str) {
    for character in quick_xml::escape::partial_escape(text).chars() {
        match character {
            // A reader would take it for a line end (XML 1.0 2.11).
            '\r' => out.push_str("&#13;"),
            allowed if is_allowed(allowed) => out.push(allowed),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ISM: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- made by hand --><smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\">\
        <head><meta name='formats' content=\"mp4\" /></head>\r\n<body><switch><video src=\"a&amp;b&#x41;.mp4\" x:lang='e&quot;n' xmlns:x=\"u\">\
        one<param/> &lt;two&#33;<![CDATA[<&]]></video></switch></body></smil>";

    fn read(text: &str) -> Result<Element, Error> {
        parse(text.as_bytes(), Limits::MANIFEST)
    }

    #[test]
    fn a_server_manifest_is_read() {
        let smil = read(ISM).unwrap();
        assert_eq!((smil.name.as_str(), smil.attributes.len()), ("smil", 0));
        assert_eq!(smil.child("head").unwrap().child("meta").unwrap().attribute("content"), Some("mp4"));
        let switch = smil.child("body").and_then(|body| body.child("switch")).unwrap();
        let video = switch.children_named("video").next().unwrap();
        assert_eq!(video.attribute("src"), Some("a&bA.mp4"));
        assert_eq!(video.attribute("lang"), Some("e\"n"));
        assert_eq!(video.text.trim(), "one <two!<&");
        assert_eq!(video.attribute("Src"), None);
    }

    #[test]
    fn encodings() {
        let expected = read("<a b='\u{e9}\u{1f600}'/>").unwrap();
        let text = "<a b='\u{e9}\u{1f600}'/>";
        let with_mark = format!("\u{feff}{text}");
        let be = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let le = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let forms = [with_mark.clone().into_bytes(), be(&with_mark), le(&with_mark), be(text), le(text)];
        for bytes in forms {
            assert_eq!(parse(&bytes, Limits::MANIFEST).unwrap(), expected);
        }
        for wrong in [&b"<a b='\xe9'/>"[..], b"\xff\xfe<", b"\xff\xfe\0\xd8<\0", b"\xef\xbb\xbf\xff"] {
            assert!(matches!(parse(wrong, Limits::MANIFEST), Err(Error::Encoding)), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        let refuse = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(
            refuse("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
            "document type declarations are not allowed (byte 0)"
        );
        assert_eq!(refuse("<a>&b;</a>"), "unknown entity 'b' at byte 3");
        assert_eq!(refuse("<a b='&c;'/>"), "unknown entity 'c' at byte 0");
        assert_eq!(refuse("<a>\u{1}</a>"), "character U+0001 is not allowed at byte 3");
        assert_eq!(refuse("<a b='&#1;'/>"), "character U+0001 is not allowed at byte 0");
        assert_eq!(refuse("<a/><b/>"), "the document is not one complete element (byte 4)");
        assert_eq!(refuse("<a><b></b>"), "the document is not one complete element (byte 10)");
        assert_eq!(refuse(""), "the document is not one complete element (byte 0)");
        assert_eq!(refuse("x<a/>"), "text outside of the root element at byte 0");
        for wrong in ["<a></b>", "</a>", "<a b='1' b='2'/>", "<a b=1/>", "<a", "<a>&#0;</a>", "<a>&amp</a>"] {
            assert!(matches!(read(wrong), Err(Error::Syntax { .. })), "{wrong}: {:?}", read(wrong));
        }
    }

    #[test]
    fn limits() {
        let deep = |levels: usize| "<a>".repeat(levels) + &"</a>".repeat(levels);
        assert!(read(&deep(32)).is_ok());
        assert!(matches!(read(&deep(33)), Err(Error::TooDeep { limit: 32, position: 96 })));
        let wide = |elements: usize| format!("<a>{}</a>", "<b/>".repeat(elements));
        assert!(read(&wide(99_999)).is_ok());
        assert!(matches!(read(&wide(100_000)), Err(Error::TooManyNodes { .. })));
        let attributes: String = (0..65).map(|n| format!(" a{n}=''")).collect();
        assert!(matches!(read(&format!("<a{attributes}/>")), Err(Error::TooManyAttributes { limit: 64, .. })));
        let large = format!("<a>{}</a>", " ".repeat(4 << 20));
        assert!(matches!(read(&large), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn documents_are_laid_out() {
        let write = |layout| {
            let mut xml = Writer::new(layout);
            xml.declaration();
            xml.open("MPD", &[("z", "1"), ("a", "<\"'&>\t\n\r\u{1}\u{ffff}\u{e9}")]);
            xml.element("BaseURL", &[], "a<b>&c\u{2}");
            xml.open("S", &[]);
            xml.raw("<S t=\"0\"/>");
            xml.row().push_str("<S t=\"1\"/>");
            xml.close();
            xml.empty("E", &[]);
            xml.open("Open", &[]);
            xml.finish()
        };
        let attributes = "z=\"1\" a=\"&lt;&quot;&apos;&amp;&gt;&#9;&#10;&#13;\u{e9}\"";
        let declaration = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
        assert_eq!(
            write(Layout::Indented),
            format!(
                "{declaration}\n<MPD {attributes}>\n  <BaseURL>a&lt;b&gt;&amp;c</BaseURL>\n  <S>\n    <S t=\"0\"/>\n    \
                 <S t=\"1\"/>\n  </S>\n  <E/>\n  <Open></Open>\n</MPD>"
            )
        );
        assert_eq!(
            write(Layout::Compact),
            format!(
                "{declaration}<MPD {attributes}><BaseURL>a&lt;b&gt;&amp;c</BaseURL><S><S t=\"0\"/><S t=\"1\"/></S><E/>\
                 <Open></Open></MPD>"
            )
        );
    }

    proptest! {
        #[test]
        fn values_survive(value in any::<String>(), text in any::<String>()) {
            let mut xml = Writer::new(Layout::Compact);
            xml.open("a", &[("b", &value)]);
            xml.text(&text);
            let element = read(&xml.finish()).unwrap();
            let allowed = |text: &str| text.chars().filter(|c| is_allowed(*c)).collect::<String>();
            let value = allowed(&value);
            prop_assert_eq!(element.attribute("b"), Some(value.as_str()));
            prop_assert_eq!(element.text, allowed(&text));
        }

        #[test]
        fn damage_is_survived(at in 0..ISM.len(), byte: u8, cut in 0..ISM.len()) {
            let mut bytes = ISM.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = parse(&bytes, Limits::MANIFEST);
            let _ = parse(&bytes[..cut], Limits::MANIFEST);
        }
    }
}
