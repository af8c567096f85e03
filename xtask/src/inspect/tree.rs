//! Any XML document as a tree of elements, with the raw dump and its hash.
//!
//! The tree takes what is well formed and knows no vocabulary: the facts of broken envelopes, of foreign answers and of
//! metadata come from it. It lies flat in one vector in document order, so that depth costs neither stack nor recursion.

use anyhow::{Context as _, Result, bail};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::dump::escape_into;

/// A parsed document: its elements in document order, the root first.
#[derive(Debug)]
pub(crate) struct Tree {
    elements: Vec<Element>,
}

/// One element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// The name without its prefix.
    pub(crate) local: String,
    /// Attribute names as written, with their values.
    attributes: Vec<(String, String)>,
    /// Character data before the first child element.
    pub(crate) text: String,
    depth: usize,
    /// The number of elements below this one.
    below: usize,
    has_children: bool,
}

impl Element {
    /// Returns the value of the attribute `name`, whatever its prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let local = |written: &str| written.rsplit(':').next() == Some(name);
        self.attributes.iter().find(|(written, _)| local(written)).map(|(_, value)| value.as_str())
    }

    /// Returns the value of the attribute written as `name`, without a prefix.
    pub(crate) fn plain_attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(written, _)| written == name).map(|(_, value)| value.as_str())
    }
}

/// An element with its place in the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    tree: &'a Tree,
    at: usize,
    element: &'a Element,
}

impl<'a> Node<'a> {
    /// Returns the local name.
    pub(crate) fn local(self) -> &'a str {
        &self.element.local
    }

    /// Returns the element itself.
    pub(crate) fn element(self) -> &'a Element {
        self.element
    }

    /// Returns the text before the first child element, trimmed.
    pub(crate) fn text(self) -> &'a str {
        self.element.text.trim()
    }

    /// Returns the element and everything below it, in document order.
    pub(crate) fn walk(self) -> impl Iterator<Item = Self> + 'a {
        let elements =
            self.tree.elements.iter().enumerate().skip(self.at).take(self.element.below + 1);
        elements.map(move |(at, element)| Self { tree: self.tree, at, element })
    }

    /// Returns the child elements.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> + 'a {
        self.walk().filter(move |node| node.element.depth == self.element.depth + 1)
    }

    /// Returns the first element named `local` in document order, itself included.
    pub(crate) fn find(self, local: &str) -> Option<Self> {
        self.walk().find(|node| node.local() == local)
    }

    /// Returns the first child named `local`.
    pub(crate) fn child(self, local: &str) -> Option<Self> {
        self.children().find(|node| node.local() == local)
    }

    /// Returns the raw dump of this element as a document of its own.
    pub(crate) fn raw_dump(self) -> String {
        let mut dump = String::new();
        for node in self.walk() {
            node.dump_line(node.element.depth - self.element.depth, &mut dump);
        }
        dump
    }

    fn dump_line(self, depth: usize, dump: &mut String) {
        let element = self.element;
        let name = element
            .plain_attribute("N")
            .or_else(|| element.plain_attribute("Name"))
            .unwrap_or_default();
        dump.push_str(&format!("{depth}|{}|", element.local));
        escape_into(dump, name);
        dump.push('|');
        match element.plain_attribute("RefId") {
            Some(id) => {
                dump.push('#');
                escape_into(dump, id);
            }
            None if element.has_children => {}
            None => escape_into(dump, &element.text),
        }
        dump.push('\n');
    }
}

impl Tree {
    /// Parses a document that [`check`](super::expat::check) let pass.
    ///
    /// # Errors
    ///
    /// When the document is not well formed after all, or has no element.
    pub(crate) fn parse(document: &str) -> Result<Self> {
        let unified = document.replace("\r\n", "\n").replace('\r', "\n");
        let mut reader = Reader::from_str(&unified);
        reader.config_mut().check_end_names = true;
        let mut builder = Builder::default();
        loop {
            let event = reader
                .read_event()
                .with_context(|| format!("at byte {}", reader.error_position()))?;
            if matches!(event, Event::Eof) {
                break;
            }
            builder.take(event)?;
        }
        if builder.elements.is_empty() || !builder.open.is_empty() {
            bail!("the document is not complete");
        }
        Ok(Self { elements: builder.elements })
    }

    /// Returns the root element.
    ///
    /// # Panics
    ///
    /// Never: a tree is not made without a root.
    pub(crate) fn root(&self) -> Node<'_> {
        Node {
            tree: self,
            at: 0,
            element: self.elements.first().expect("`parse` refuses a document without an element"),
        }
    }
}

#[derive(Default)]
struct Builder {
    elements: Vec<Element>,
    /// Places of the open elements.
    open: Vec<usize>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Start(tag) => self.start(&tag)?,
            Event::Empty(tag) => {
                self.start(&tag)?;
                self.end();
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.characters(&text),
            Event::CData(text) => self.characters(&text),
            Event::GeneralRef(name) => self.characters(referenced(&name)?.encode_utf8(&mut [0; 4])),
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<()> {
        if let Some(parent) = self.open.last().and_then(|at| self.elements.get_mut(*at)) {
            parent.has_children = true;
        }
        let mut element = Element { depth: self.open.len(), ..Element::default() };
        element.local = tag.local_name().as_ref().to_owned();
        for attribute in tag.attributes() {
            let attribute = attribute?;
            element
                .attributes
                .push((attribute.key.as_ref().to_owned(), attribute_value(&attribute.value)?));
        }
        self.open.push(self.elements.len());
        self.elements.push(element);
        Ok(())
    }

    fn end(&mut self) {
        let count = self.elements.len();
        let Some(at) = self.open.pop() else { return };
        if let Some(element) = self.elements.get_mut(at) {
            element.below = count - at - 1;
        }
    }

    fn characters(&mut self, text: &str) {
        let innermost = self.open.last().and_then(|at| self.elements.get_mut(*at));
        if let Some(element) = innermost.filter(|element| !element.has_children) {
            element.text.push_str(text);
        }
    }
}

/// Undoes references and turns white space into blanks, as XML asks for attributes.
fn attribute_value(written: &str) -> Result<String> {
    let mut value = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, after)) = rest.split_once('&') {
        value.extend(before.chars().map(blank));
        let (name, after) = after.split_once(';').context("a reference without an end")?;
        value.push(referenced(name)?);
        rest = after;
    }
    value.extend(rest.chars().map(blank));
    Ok(value)
}

fn blank(sign: char) -> char {
    if matches!(sign, '\t' | '\n') { ' ' } else { sign }
}

fn referenced(name: &str) -> Result<char> {
    let sign = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name.strip_prefix('#').and_then(numbered),
    };
    sign.with_context(|| format!("`&{name};` stands for nothing"))
}

fn numbered(number: &str) -> Option<char> {
    let code = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    code.ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[track_caller]
    fn check(document: &str, expected: &str) {
        assert_eq!(Tree::parse(document).unwrap().root().raw_dump(), expected);
    }

    #[test]
    fn the_raw_dump_shows_names_numbers_and_text_as_they_stand() {
        check(
            "<p:A xmlns:p='u'>\r\n <B N='x|y'>1<!-- - -->&amp;<![CDATA[<]]></B><C Name='n' RefId='3'>t</C><D/></p:A>",
            "0|A||\n1|B|x\\py|1&<\n1|C|n|#3\n1|D||\n",
        );
    }

    #[test]
    fn text_around_child_elements_is_not_shown() {
        check("<a>x<b>\r\ny</b>z</a>", "0|a||\n1|b||\\ny\n");
    }
}
