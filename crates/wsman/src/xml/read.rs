//! The bounded reader.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::{Attribute as RawAttribute, Attributes};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{QName, ResolveResult};
use quick_xml::reader::NsReader;

use crate::error::DecodeError;
use crate::uri;

/// The bounds within which a peer's XML is read.
///
/// ```
/// let limits = wsman::Limits::default();
/// assert_eq!(limits, wsman::Limits::default().size(16 << 20).depth(64).nodes(200_000).attributes(64));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    size: usize,
    depth: usize,
    nodes: usize,
    attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: 16 << 20, depth: 64, nodes: 200_000, attributes: 64 }
    }
}

impl Limits {
    /// Sets the largest document, in bytes; the default is 16 MiB.
    #[must_use]
    pub fn size(mut self, bytes: usize) -> Self {
        self.size = bytes;
        self
    }

    /// Sets the deepest nesting of elements; the default is 64.
    #[must_use]
    pub fn depth(mut self, elements: usize) -> Self {
        self.depth = elements;
        self
    }

    /// Sets the largest number of elements and texts; the default is 200 000.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Sets the largest number of attributes of one element, namespaces included; the default is 64.
    #[must_use]
    pub fn attributes(mut self, attributes: usize) -> Self {
        self.attributes = attributes;
        self
    }
}

/// The namespaces that this crate knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ns {
    Soap,
    Addressing,
    Wsman,
    Wsmv,
    Shell,
    Transfer,
    Enumeration,
    Fault,
    Identity,
    PowerShell,
    Xml,
    /// None at all, or one that this crate does not know.
    Other,
}

impl Ns {
    fn of(resolved: &ResolveResult<'_>) -> Self {
        let ResolveResult::Bound(namespace) = resolved else { return Self::Other };
        match namespace.as_ref() {
            uri::NS_SOAP => Self::Soap,
            uri::NS_ADDRESSING => Self::Addressing,
            uri::NS_WSMAN => Self::Wsman,
            uri::NS_WSMV => Self::Wsmv,
            uri::NS_SHELL => Self::Shell,
            uri::NS_TRANSFER => Self::Transfer,
            uri::NS_ENUMERATION => Self::Enumeration,
            uri::NS_FAULT => Self::Fault,
            uri::NS_IDENTITY => Self::Identity,
            uri::NS_POWERSHELL => Self::PowerShell,
            uri::NS_XML => Self::Xml,
            _ => Self::Other,
        }
    }
}

/// A document as a flat list of nodes in document order. Names and, mostly, values are borrowed from its text.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// INVARIANT: not empty, and the first node is the root element.
    nodes: Vec<Node<'a>>,
    /// The attributes of all elements, those of one beside each other.
    attributes: Vec<Attribute<'a>>,
}

#[derive(Debug)]
struct Node<'a> {
    kind: Kind<'a>,
    /// The index after the last node of the subtree.
    end: usize,
}

#[derive(Debug)]
enum Kind<'a> {
    Element { ns: Ns, name: &'a str, attributes: Range<usize> },
    Text(Cow<'a, str>),
}

#[derive(Debug)]
struct Attribute<'a> {
    ns: Ns,
    name: QName<'a>,
    value: Cow<'a, str>,
}

impl<'a> Document<'a> {
    /// Reads a whole document.
    pub(crate) fn parse(text: &'a str, limits: Limits) -> Result<Self, DecodeError> {
        if text.len() > limits.size {
            return Err(DecodeError::Limit { what: "bytes", limit: limits.size });
        }
        let mut reader = NsReader::from_str(text);
        let mut builder = Builder::new(text, limits);
        loop {
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(source) => return Err(malformed(reader.error_position(), source)),
            };
            let done = builder
                .handle(&reader, event)
                .map_err(|error| error.at(reader.buffer_position()))?;
            if done {
                return builder.finish(reader.buffer_position());
            }
        }
    }

    /// Returns the root element.
    pub(crate) fn root(&self) -> Element<'_> {
        Element { document: self, index: 0 }
    }
}

/// Turns the bytes of a document into text: UTF-8, or UTF-16 with a byte order mark.
pub(crate) fn decode_text(bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    let units = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(DecodeError::Encoding);
        }
        let units: Vec<u16> = pairs.iter().map(|pair| read(*pair)).collect();
        String::from_utf16(&units).map(Cow::Owned).map_err(|_error| DecodeError::Encoding)
    };
    if let Some(rest) = bytes.strip_prefix(&[0xFF, 0xFE]) {
        return units(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xFE, 0xFF]) {
        return units(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    simdutf8::basic::from_utf8(bytes).map(Cow::Borrowed).map_err(|_error| DecodeError::Encoding)
}

/// An element of a [`Document`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'d> {
    document: &'d Document<'d>,
    index: usize,
}

impl<'d> Element<'d> {
    /// Returns the local name.
    pub(crate) fn name(self) -> &'d str {
        match self.node().map(|node| &node.kind) {
            Some(Kind::Element { name, .. }) => name,
            _ => "",
        }
    }

    /// Tells whether this is the named element.
    pub(crate) fn is(self, ns: Ns, name: &str) -> bool {
        matches!(self.node().map(|node| &node.kind), Some(Kind::Element { ns: own, .. }) if *own == ns)
            && self.name() == name
    }

    /// Returns the child elements in document order.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> {
        let end = self.node().map_or(0, |node| node.end);
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            while next < end {
                let index = next;
                let node = self.document.nodes.get(index)?;
                next = node.end;
                if matches!(node.kind, Kind::Element { .. }) {
                    return Some(Element { index, ..self });
                }
            }
            None
        })
    }

    /// Returns all elements of the subtree, this one first, in document order.
    pub(crate) fn descendants(self) -> impl Iterator<Item = Self> {
        let end = self.node().map_or(0, |node| node.end);
        (self.index..end).map(move |index| Element { index, ..self }).filter(|element| {
            !matches!(element.node().map(|n| &n.kind), Some(Kind::Text(_)) | None)
        })
    }

    /// Returns the first child of that name.
    pub(crate) fn child(self, ns: Ns, name: &str) -> Option<Self> {
        self.children().find(|child| child.is(ns, name))
    }

    /// Returns the trimmed text of the first child of that name.
    pub(crate) fn child_text(self, ns: Ns, name: &str) -> Option<String> {
        self.child(ns, name).map(Self::text)
    }

    /// Returns local names and values of the attributes, without declarations of namespaces.
    pub(crate) fn attributes(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let range = match self.node().map(|node| &node.kind) {
            Some(Kind::Element { attributes, .. }) => attributes.clone(),
            _ => 0..0,
        };
        let attributes = self.document.attributes.get(range).unwrap_or_default().iter();
        attributes
            .filter(|one| one.name.as_namespace_binding().is_none())
            .map(|one| (one.name.local_name().into_inner(), &*one.value))
    }

    /// Returns the value of an attribute that has no namespace.
    pub(crate) fn attribute(self, name: &str) -> Option<&'d str> {
        self.find_attribute(Ns::Other, name)
    }

    /// Returns the value of an attribute that has a namespace.
    pub(crate) fn attribute_ns(self, ns: Ns, name: &str) -> Option<&'d str> {
        self.find_attribute(ns, name)
    }

    /// Returns the text directly inside, untouched.
    pub(crate) fn raw_text(self) -> Cow<'d, str> {
        let end = self.node().map_or(0, |node| node.end);
        let mut next = self.index + 1;
        let mut pieces = std::iter::from_fn(move || {
            while next < end {
                let node = self.document.nodes.get(next)?;
                next = node.end;
                if let Kind::Text(text) = &node.kind {
                    return Some(&**text);
                }
            }
            None
        });
        let Some(first) = pieces.next() else { return Cow::Borrowed("") };
        let mut text = Cow::Borrowed(first);
        for piece in pieces {
            text.to_mut().push_str(piece);
        }
        text
    }

    /// Returns the text directly inside, without white space around it.
    pub(crate) fn text(self) -> String {
        self.raw_text().trim().to_owned()
    }

    /// Returns all text of the subtree, runs of white space made one blank.
    pub(crate) fn deep_text(self) -> String {
        let end = self.node().map_or(0, |node| node.end);
        let mut out = String::new();
        for node in self.document.nodes.iter().take(end).skip(self.index) {
            if let Kind::Text(text) = &node.kind {
                for word in text.split_whitespace() {
                    if !out.is_empty() {
                        out.push(' ');
                    }
                    out.push_str(word);
                }
            }
        }
        out
    }

    fn node(self) -> Option<&'d Node<'d>> {
        self.document.nodes.get(self.index)
    }

    fn find_attribute(self, ns: Ns, name: &str) -> Option<&'d str> {
        let Some(Kind::Element { attributes, .. }) = self.node().map(|node| &node.kind) else {
            return None;
        };
        let attributes = self.document.attributes.get(attributes.clone())?;
        attributes
            .iter()
            .find(|attribute| attribute.ns == ns && attribute.name.local_name().as_ref() == name)
            .map(|found| &*found.value)
    }
}

struct Builder<'a> {
    text: &'a str,
    nodes: Vec<Node<'a>>,
    attributes: Vec<Attribute<'a>>,
    open: Vec<usize>,
    /// How many nodes there were when an element was last closed: text before that belongs to it.
    closed: usize,
    limits: Limits,
}

/// An error whose position is not known where it is found.
enum Fault {
    Xml(quick_xml::Error),
    Duplicate(String),
    Decode(DecodeError),
}

impl Fault {
    fn at(self, position: u64) -> DecodeError {
        match self {
            Self::Xml(source) => malformed(position, source),
            Self::Duplicate(name) => {
                malformed(position, format!("the attribute {name} comes twice"))
            }
            Self::Decode(error) => error,
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

type Reader<'a> = NsReader<&'a [u8]>;

impl<'a> Builder<'a> {
    fn new(text: &'a str, limits: Limits) -> Self {
        let (nodes, attributes, open) = (Vec::new(), Vec::new(), Vec::new());
        Self { text, nodes, attributes, open, closed: 0, limits }
    }

    /// Takes one event; true at the end of the document.
    fn handle(&mut self, reader: &Reader<'a>, event: Event<'a>) -> Result<bool, Fault> {
        match event {
            Event::Start(start) => {
                let index = self.element(reader, &start)?;
                self.open.push(index);
                if self.open.len() > self.limits.depth {
                    let limit = self.limits.depth;
                    return Err(DecodeError::Limit { what: "nested elements", limit }.into());
                }
            }
            Event::Empty(start) => {
                self.element(reader, &start)?;
            }
            Event::End(_) => self.close(),
            Event::Text(text) => {
                let text = match text.xml10_content() {
                    Cow::Owned(normalized) => Cow::Owned(normalized),
                    Cow::Borrowed(_) => text.into_inner(),
                };
                self.text(text)?;
            }
            Event::CData(data) => {
                let text = data.xml10_content().into_owned();
                self.text(Cow::Owned(text))?;
            }
            Event::GeneralRef(reference) => self.text(Cow::Owned(resolve(&reference)?))?,
            Event::DocType(_) => return Err(DecodeError::Doctype.into()),
            Event::Eof => return Ok(true),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        Ok(false)
    }

    fn element(&mut self, reader: &Reader<'_>, start: &BytesStart<'_>) -> Result<usize, Fault> {
        if self.open.is_empty() && !self.nodes.is_empty() {
            return Err(DecodeError::Unexpected {
                expected: "one root element",
                got: start.local_name().as_ref().to_owned(),
            }
            .into());
        }
        let raw = borrowed(self.text, start);
        let (ns, _) = reader.resolver().resolve_element(start.name());
        let (name, attributes) =
            raw.split_at_checked(start.name().as_ref().len()).unwrap_or((raw, ""));
        let ns = Ns::of(&ns);
        let first = self.attributes.len();
        for attribute in Attributes::new(attributes, 0).with_checks(false) {
            let attribute = attribute.map_err(|error| Fault::Xml(error.into()))?;
            self.attribute(reader, first, attribute)?;
        }
        let name = QName(name).local_name().into_inner();
        self.push(Kind::Element { ns, name, attributes: first..self.attributes.len() })
    }

    /// Takes an attribute of the element whose first one stands at `first`.
    fn attribute(
        &mut self,
        reader: &Reader<'_>,
        first: usize,
        attribute: RawAttribute<'a>,
    ) -> Result<(), Fault> {
        let before = self.attributes.get(first..).unwrap_or_default();
        if before.len() >= self.limits.attributes {
            let limit = self.limits.attributes;
            return Err(DecodeError::Limit { what: "attributes of one element", limit }.into());
        }
        let name = attribute.key;
        if before.iter().any(|other| other.name == name) {
            return Err(Fault::Duplicate(name.as_ref().to_owned()));
        }
        let (ns, _) = reader.resolver().resolve_attribute(name);
        let ns = Ns::of(&ns);
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(Fault::Xml)?;
        self.attributes.push(Attribute { ns, name, value });
        Ok(())
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), Fault> {
        if self.open.is_empty() {
            if text.trim().is_empty() {
                return Ok(());
            }
            let got = text.trim().chars().take(20).collect();
            return Err(DecodeError::Unexpected { expected: "an element", got }.into());
        }
        if self.closed < self.nodes.len()
            && let Some(Node { kind: Kind::Text(before), .. }) = self.nodes.last_mut()
        {
            before.to_mut().push_str(&text);
            return Ok(());
        }
        self.push(Kind::Text(text)).map(|_index| ())
    }

    fn push(&mut self, kind: Kind<'a>) -> Result<usize, Fault> {
        let index = self.nodes.len();
        if index >= self.limits.nodes {
            return Err(DecodeError::Limit { what: "nodes", limit: self.limits.nodes }.into());
        }
        self.nodes.push(Node { kind, end: index + 1 });
        Ok(index)
    }

    fn close(&mut self) {
        let end = self.nodes.len();
        self.closed = end;
        if let Some(node) = self.open.pop().and_then(|index| self.nodes.get_mut(index)) {
            node.end = end;
        }
    }

    fn finish(self, position: u64) -> Result<Document<'a>, DecodeError> {
        if !self.open.is_empty() {
            return Err(malformed(position, "the document ends inside an element"));
        }
        if self.nodes.is_empty() {
            return Err(DecodeError::Missing { element: "the root element" });
        }
        Ok(Document { nodes: self.nodes, attributes: self.attributes })
    }
}

/// Finds the content of a tag in the text that was read, so that it can outlive the event.
fn borrowed<'a>(text: &'a str, tag: &BytesStart<'_>) -> &'a str {
    let start = tag.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
    text.get(start..start.wrapping_add(tag.len()))
        .expect("the events of a reader over a text are pieces of it")
}

/// Resolves a character reference or one of the five predefined entities.
fn resolve(reference: &BytesRef<'_>) -> Result<String, Fault> {
    if let Some(character) = reference.resolve_char_ref().map_err(Fault::Xml)? {
        return Ok(character.to_string());
    }
    let text = match &**reference {
        "amp" => "&",
        "apos" => "'",
        "gt" => ">",
        "lt" => "<",
        "quot" => "\"",
        other => return Err(DecodeError::Entity { name: other.to_owned() }.into()),
    };
    Ok(text.to_owned())
}

fn malformed(
    position: u64,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> DecodeError {
    DecodeError::Xml { position, source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document<'_>, DecodeError> {
        Document::parse(text, Limits::default().depth(4).attributes(2))
    }

    #[test]
    fn names_are_resolved_and_texts_joined() {
        let text = format!(
            "<q:Envelope xmlns:q='{}'>a&amp;<!-- no --><![CDATA[<b>]]><c> d </c>e</q:Envelope>",
            uri::NS_SOAP
        );
        let document = parse(&text).unwrap();
        assert!(document.root().is(Ns::Soap, "Envelope"));
        assert_eq!(document.root().raw_text(), "a&<b>e");
        assert_eq!(document.root().deep_text(), "a&<b> d e");
        assert_eq!(document.root().child_text(Ns::Other, "c").as_deref(), Some("d"));
    }

    #[test]
    fn what_is_hostile_or_broken_is_refused() {
        assert!(matches!(parse("<!DOCTYPE a><a/>"), Err(DecodeError::Doctype)));
        assert!(matches!(parse("<a>&b;</a>"), Err(DecodeError::Entity { name }) if name == "b"));
        assert!(parse("<a><a><a><a><a/></a></a></a></a>").is_ok());
        assert!(matches!(
            parse("<a><a><a><a><a></a></a></a></a></a>"),
            Err(DecodeError::Limit { limit: 4, .. })
        ));
        assert!(matches!(parse("<a b='' c='' d=''/>"), Err(DecodeError::Limit { limit: 2, .. })));
        for text in [
            "",
            "a",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>b",
            "<a b/>",
            "<a b='1' b='2'/>",
            "<a>&</a>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn utf_16_is_decoded_by_its_mark() {
        let units = |text: &str, write: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(write).collect()
        };
        assert_eq!(decode_text(&units("<ä/>", u16::to_le_bytes)).unwrap(), "<ä/>");
        assert_eq!(decode_text(&units("<ä/>", u16::to_be_bytes)).unwrap(), "<ä/>");
        assert_eq!(decode_text(b"\xEF\xBB\xBF<a/>").unwrap(), "<a/>");
        assert!(matches!(decode_text(b"\xFF\xFE<"), Err(DecodeError::Encoding)));
        assert!(matches!(decode_text(b"\xC3"), Err(DecodeError::Encoding)));
    }

    proptest::proptest! {
        #[test]
        fn no_document_panics(text in "[<>/a&;='\" !\\[\\]?x:-]{0,60}") {
            let _ = Document::parse(&text, Limits::default());
        }
    }
}
