//! Documents whose text and elements are mixed and whose names belong to namespaces, such as TTML: read as a
//! tree that keeps both, and written again as they were.

use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{
    Error, Limits, check_characters, decode, entity_or_syntax, escape_attribute, escape_text, resolve, syntax,
};

/// The namespace of `xml:lang` and its like (Namespaces in XML 1.0, 3).
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// An attribute, namespace declarations included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Name as written, prefix included.
    pub name: String,
    /// The namespace of its prefix; `None` without prefix or for a prefix that is not declared.
    pub namespace: Option<Arc<str>>,
    /// Value.
    pub value: String,
}

impl Attribute {
    /// The name behind the prefix.
    pub fn local(&self) -> &str {
        local(&self.name)
    }

    /// It declares a namespace.
    pub fn is_declaration(&self) -> bool {
        self.name == "xmlns" || self.name.starts_with("xmlns:")
    }
}

/// An element with all that is in it, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Name as written, prefix included.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<Arc<str>>,
    /// Attributes in document order.
    pub attributes: Vec<Attribute>,
    /// Text and elements.
    pub children: Vec<Node>,
}

/// A piece of an element's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Text, references resolved.
    Text(String),
    /// An element.
    Element(Element),
}

impl Element {
    /// The name behind the prefix.
    pub fn local(&self) -> &str {
        local(&self.name)
    }

    /// The value of the attribute of that namespace (`None`: without prefix) and local name.
    pub fn attribute(&self, namespace: Option<&str>, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.namespace.as_deref() == namespace && a.local() == name);
        found.map(|a| a.value.as_str())
    }

    /// The value of `xml:lang` and its like.
    pub fn xml_attribute(&self, name: &str) -> Option<&str> {
        self.attribute(Some(XML_NAMESPACE), name)
    }

    /// Child elements, text passed over.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Appends the element as markup.
    pub fn write(&self, out: &mut String) {
        self.write_start(out, self.attributes.iter().map(|a| (a.name.as_str(), a.value.as_str())));
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for child in &self.children {
            match child {
                Node::Text(text) => escape_text(out, text),
                Node::Element(element) => element.write(out),
            }
        }
        self.write_end(out);
    }

    /// Appends `<name` and those attributes, without the bracket that ends the tag.
    pub fn write_start<'a>(&self, out: &mut String, attributes: impl Iterator<Item = (&'a str, &'a str)>) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape_attribute(out, value);
            out.push('"');
        }
    }

    /// Appends the end tag.
    pub fn write_end(&self, out: &mut String) {
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// Reads a document: UTF-8 or UTF-16, with or without byte order mark. `namespaces` gives each declared
/// namespace a name to be known and written by: drafts of a standard had others.
///
/// # Errors
/// [`Error`] when it is not well-formed, has a document type or exceeds `limits`.
pub fn parse(bytes: &[u8], limits: Limits, namespaces: fn(&str) -> &str) -> Result<Element, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::TooLarge { bytes: bytes.len(), limit: limits.bytes });
    }
    let document = decode(bytes)?;
    let mut reader = Reader::from_str(&document);
    let mut tree = Tree { limits, nodes: 0, namespaces, open: Vec::new(), scopes: Vec::new(), root: None };
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
            Event::Eof if tree.open.is_empty() => return tree.root.ok_or(Error::NotOneElement { position }),
            Event::Eof => return Err(Error::NotOneElement { position }),
        }
    }
}

/// The tree as far as it has been read.
struct Tree {
    limits: Limits,
    nodes: usize,
    namespaces: fn(&str) -> &str,
    /// Elements that have not ended, outermost first.
    open: Vec<Element>,
    /// Declared prefixes (the empty one is the default) with the depth of their element.
    scopes: Vec<(usize, String, Arc<str>)>,
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
        let mut element = Element { name: start.name().as_ref().to_owned(), ..Element::default() };
        let depth = self.open.len();
        for (index, attribute) in start.attributes().enumerate() {
            if index >= self.limits.attributes {
                return Err(Error::TooManyAttributes { limit: self.limits.attributes, position });
            }
            self.count(position)?;
            let attribute = attribute.map_err(|error| syntax(position, error.into()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let mut value = value.map_err(|error| entity_or_syntax(position, error))?.into_owned();
            check_characters(&value, position)?;
            let name = attribute.key.as_ref().to_owned();
            let prefix = if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") };
            if let Some(prefix) = prefix {
                value = (self.namespaces)(&value).to_owned();
                self.scopes.push((depth, prefix.to_owned(), Arc::from(value.as_str())));
            }
            element.attributes.push(Attribute { name, namespace: None, value });
        }
        for attribute in element.attributes.iter_mut().filter(|a| !a.is_declaration()) {
            attribute.namespace = attribute.name.split_once(':').and_then(|(prefix, _)| self.namespace(prefix));
        }
        element.namespace = self.namespace(element.name.split_once(':').map_or("", |(prefix, _)| prefix));
        self.open.push(element);
        Ok(())
    }

    fn namespace(&self, prefix: &str) -> Option<Arc<str>> {
        if prefix == "xml" {
            return Some(Arc::from(XML_NAMESPACE));
        }
        let found = self.scopes.iter().rev().find(|(_, known, _)| known == prefix);
        found.map(|(_, _, namespace)| Arc::clone(namespace)).filter(|namespace| !namespace.is_empty())
    }

    fn end(&mut self, position: u64) -> Result<(), Error> {
        let element = self.open.pop().ok_or(Error::NotOneElement { position })?;
        let depth = self.open.len();
        while self.scopes.last().is_some_and(|(declared, _, _)| *declared >= depth) {
            self.scopes.pop();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, position: u64) -> Result<(), Error> {
        check_characters(text, position)?;
        let Some(element) = self.open.last_mut() else {
            let blank = text.trim_start_matches('\u{feff}').trim().is_empty();
            return if blank { Ok(()) } else { Err(Error::TextOutside { position }) };
        };
        match element.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => {
                element.children.push(Node::Text(text.to_owned()));
                // References are pieces of one text.
                self.count(position)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Element, Error> {
        parse(text.as_bytes(), Limits::default(), |uri| if uri == "old" { "new" } else { uri })
    }

    #[test]
    fn mixed_content_is_written_as_it_was_read() {
        let text = "<t:p xmlns:t=\"new\" t:a=\"1 &lt; 2\" xml:lang=\"de\">a <b>c&amp;</b> d<br/>\n</t:p>";
        let root = read(text).unwrap();
        assert_eq!((root.local(), root.namespace.as_deref()), ("p", Some("new")));
        assert_eq!(root.attribute(Some("new"), "a"), Some("1 < 2"));
        assert_eq!(root.xml_attribute("lang"), Some("de"));
        assert_eq!(root.elements().map(Element::local).collect::<Vec<_>>(), ["b", "br"]);
        let mut written = String::new();
        root.write(&mut written);
        assert_eq!(written, text);
    }

    #[test]
    fn namespaces_are_scoped_and_renamed() {
        let root = read("<a xmlns='old'><b xmlns='x'><c/></b><d xmlns=''/><e/></a>").unwrap();
        let names = |element: &Element| element.elements().map(|e| e.namespace.as_deref().map(str::to_owned)).collect();
        let inner: Vec<Option<String>> = names(&root);
        assert_eq!(inner, [Some("x".to_owned()), None, Some("new".to_owned())]);
        assert_eq!(root.attributes[0].value, "new");
        let b: Vec<Option<String>> = names(root.elements().next().unwrap());
        assert_eq!(b, [Some("x".to_owned())]);
    }

    #[test]
    fn what_harms_is_refused() {
        assert!(matches!(read("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), Err(Error::DocumentType { .. })));
        assert!(matches!(read("<a>&b;</a>"), Err(Error::UnknownEntity { .. })));
        assert!(matches!(read(&"<a>".repeat(40)), Err(Error::TooDeep { .. })));
        assert!(matches!(read("<a></a><b/>"), Err(Error::NotOneElement { .. })));
    }
}
