//! A scanner for the XML that CLIXML is made of: one pass, no recursion, texts borrowed from the input.
//!
//! Spec: [XML 1.0] without document type declarations, and [Namespaces in XML 1.0] as far as prefixes must be declared.
//! What surprised: the engine writes and reads references to U+FFFE and U+FFFF, which XML forbids, so they are let
//! through. The usual form of a tag is read at once, by functions whose names begin with `take_`, and any other form
//! by the rules.
//!
//! [XML 1.0]: https://www.w3.org/TR/xml/
//! [Namespaces in XML 1.0]: https://www.w3.org/TR/xml-names/

mod skip;
mod usual;

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memmem};

use crate::byte_class;
use crate::error::{Error, WellFormedness};
use crate::limits::{Limit, Limits};

pub(crate) use skip::Start;
pub(crate) use usual::Piece;

/// A tag, with the character data before it back to the tag before that.
pub(crate) struct Token<'a> {
    /// Character data, references resolved and CDATA, comments and instructions taken out.
    pub(crate) text: Cow<'a, str>,
    pub(crate) tag: Tag<'a>,
}

pub(crate) enum Tag<'a> {
    /// An element begins; its attributes are in [`Scanner::attributes`] until the next token.
    Start {
        /// The name without its prefix.
        local: &'a str,
    },
    End,
    /// The document ends, after its root element.
    Eof,
}

pub(crate) struct Attribute<'a> {
    /// The name with its prefix.
    pub(crate) name: &'a str,
    pub(crate) value: Cow<'a, str>,
}

pub(crate) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    limits: Limits,
    elements: usize,
    /// The open elements' names with their prefixes, outermost first.
    open: Vec<&'a str>,
    /// Prefixes with the depth of the element that declares them, outermost first.
    prefixes: Vec<(usize, &'a str)>,
    attributes: Vec<Attribute<'a>>,
    /// Where the element that began last begins.
    tag_position: usize,
    /// Whether the tag just read was an empty element, whose end is still to be told.
    ends_at_once: bool,
    has_root: bool,
    /// Whether an element is read again out of its place, where the declarations of its prefixes are not known.
    reads_again: bool,
}

/// A place in a document to come back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    position: usize,
    ends_at_once: bool,
    reads_again: bool,
    depth: usize,
}

type Result<T> = std::result::Result<T, Error>;

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str, limits: Limits) -> Self {
        Self {
            text,
            position: 0,
            limits,
            elements: 0,
            open: Vec::with_capacity(16),
            prefixes: Vec::new(),
            attributes: Vec::with_capacity(4),
            tag_position: 0,
            ends_at_once: false,
            has_root: false,
            reads_again: false,
        }
    }

    /// Gives the attributes of the element that began last, declarations of namespaces included.
    pub(crate) fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    /// Moves the attributes of the element that began last out.
    pub(crate) fn drain_attributes(&mut self) -> impl Iterator<Item = Attribute<'a>> {
        self.attributes.drain(..)
    }

    /// Gives the number of open elements.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn position_in_text(&self) -> usize {
        self.position
    }

    pub(crate) fn position(&self) -> u64 {
        self.position as u64
    }

    /// Gives the attribute `RefId` of the element that began last.
    pub(crate) fn ref_id(&self) -> Option<&Cow<'a, str>> {
        let found = self.attributes.iter().find(|attribute| attribute.name == "RefId");
        found.map(|attribute| &attribute.value)
    }

    /// Gives the place where the element that began last begins.
    pub(crate) fn tag_position(&self) -> usize {
        self.tag_position
    }

    /// Gives the local name of the innermost open element.
    pub(crate) fn name(&self) -> Option<&'a str> {
        self.open.last().map(|name| name.rsplit_once(':').map_or(*name, |(_, local)| local))
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            position: self.position,
            ends_at_once: self.ends_at_once,
            reads_again: self.reads_again,
            depth: self.open.len(),
        }
    }

    /// Goes back to a place, where as many elements or fewer are open than here.
    pub(crate) fn go_back(&mut self, mark: Mark) {
        let has_root = self.has_root;
        self.rewind(mark.position, mark.depth);
        self.has_root = has_root;
        self.ends_at_once = mark.ends_at_once;
        self.reads_again = mark.reads_again;
    }

    /// Goes back to `position`, where the `depth` outermost of the elements open here are open.
    pub(crate) fn rewind(&mut self, position: usize, depth: usize) {
        self.position = position;
        self.ends_at_once = false;
        self.open.truncate(depth);
        self.has_root &= depth > 0;
        while self.prefixes.last().is_some_and(|(declared, _)| *declared >= depth) {
            self.prefixes.pop();
        }
    }

    /// Goes to the element that begins at `position` and was read before, to read it once more as a child of the open one.
    pub(crate) fn read_again(&mut self, position: usize) {
        self.position = position;
        self.ends_at_once = false;
        self.reads_again = true;
    }

    #[inline]
    pub(crate) fn next(&mut self) -> Result<Token<'a>> {
        if self.ends_at_once {
            self.ends_at_once = false;
            self.close();
            return Ok(Token { text: Cow::Borrowed(""), tag: Tag::End });
        }
        let text = match self.rest().as_bytes() {
            [b'<', b'!' | b'?', ..] => self.character_data()?,
            [b'<', ..] => Cow::Borrowed(""),
            _ => self.character_data()?,
        };
        if self.open.is_empty() && !is_blank(&text) {
            return Err(self.broken(WellFormedness::OneRoot));
        }
        let tag = self.tag()?;
        Ok(Token { text, tag })
    }

    /// Reads the text of the element that began last, and its end; `Err` with the name of an element that begins inside.
    #[inline]
    pub(crate) fn leaf(&mut self) -> Result<std::result::Result<Cow<'a, str>, &'a str>> {
        if self.ends_at_once {
            self.ends_at_once = false;
            self.close();
            return Ok(Ok(Cow::Borrowed("")));
        }
        if let Some(text) = self.plain_leaf()? {
            return Ok(Ok(Cow::Borrowed(text)));
        }
        let token = self.next()?;
        Ok(match token.tag {
            Tag::Start { local } => Err(local),
            Tag::End | Tag::Eof => Ok(token.text),
        })
    }

    /// Does what [`leaf`](Self::leaf) does for the usual text, which has nothing special in it; else nothing.
    #[inline]
    fn plain_leaf(&mut self) -> Result<Option<&'a str>> {
        let rest = self.rest();
        let (length, classes) = byte_class::text(rest.as_bytes());
        if classes & byte_class::TEXT != 0 {
            return Ok(None);
        }
        let Some((text, tag)) = rest.split_at_checked(length) else { return Ok(None) };
        let name = self.open.last().copied().unwrap_or_default();
        let Some(after) = tag.strip_prefix("</") else { return Ok(None) };
        if !starts_with(after, name) || after.as_bytes().get(name.len()) != Some(&b'>') {
            return Ok(None);
        }
        self.check_limit(Limit::Text, length, self.limits.text)?;
        self.position += length + name.len() + "</>".len();
        self.close();
        Ok(Some(text))
    }

    #[inline]
    fn count_element(&mut self) -> Result<()> {
        self.elements += 1;
        self.check_limit(Limit::Elements, self.elements, self.limits.elements)?;
        self.check_limit(Limit::Depth, self.open.len() + 1, self.limits.depth)
    }

    #[inline]
    fn tag(&mut self) -> Result<Tag<'a>> {
        let rest = self.rest();
        if let Some(name) = rest.strip_prefix("</") {
            self.end_tag(name)?;
            return Ok(Tag::End);
        }
        if rest.starts_with('<') {
            return self.start_tag();
        }
        match (self.open.is_empty(), self.has_root) {
            (true, true) => Ok(Tag::Eof),
            (true, false) => Err(self.broken(WellFormedness::OneRoot)),
            (false, _) => Err(self.broken(WellFormedness::Unclosed)),
        }
    }

    #[inline]
    fn end_tag(&mut self, after_slash: &'a str) -> Result<()> {
        let expected = self.open.last().copied().unwrap_or_default();
        let is_expected = starts_with(after_slash, expected);
        if let Some(rest) = after_slash.get(expected.len()..).filter(|_| is_expected)
            && !self.open.is_empty()
        {
            let rest = match rest.strip_prefix('>') {
                Some(rest) => Some(rest),
                None => rest.trim_start_matches(BLANKS).strip_prefix('>'),
            };
            if let Some(rest) = rest {
                self.position = self.text.len() - rest.len();
                self.close();
                return Ok(());
            }
        }
        Err(self.broken(WellFormedness::Unclosed))
    }

    #[inline]
    fn close(&mut self) {
        self.open.pop();
        let depth = self.open.len();
        while self.prefixes.last().is_some_and(|(declared, _)| *declared >= depth) {
            self.prefixes.pop();
        }
    }

    fn start_tag(&mut self) -> Result<Tag<'a>> {
        if self.open.is_empty() && self.has_root && !self.reads_again {
            return Err(self.broken(WellFormedness::OneRoot));
        }
        self.has_root = true;
        self.count_element()?;
        self.tag_position = self.position;
        self.position += 1;
        let (name, colon) = self.read_name()?;
        self.attributes.clear();
        let mut prefixed = colon.is_some();
        let empty = loop {
            match self.peek() {
                Some(b'>') => break false,
                Some(b' ') if self.usual_attribute()? => continue,
                _ => {}
            }
            let had_blanks = self.skip_blanks();
            match self.peek() {
                Some(b'>') => break false,
                Some(b'/') if self.rest().starts_with("/>") => {
                    self.position += 1;
                    break true;
                }
                Some(_) if had_blanks => prefixed |= self.attribute()?,
                Some(_) => return Err(self.broken(WellFormedness::Name)),
                None => return Err(self.broken(WellFormedness::Unclosed)),
            }
        };
        self.position += 1;
        if prefixed {
            self.check_prefixes(name)?;
        }
        self.open.push(name);
        self.ends_at_once = empty;
        let local = colon.and_then(|colon| name.get(colon + 1..)).unwrap_or(name);
        Ok(Tag::Start { local })
    }

    /// Reads one of the two attributes that nearly all attributes are, when it stands here in the usual form.
    #[inline]
    fn usual_attribute(&mut self) -> Result<bool> {
        const NAMES: [(&str, &[u8]); 2] = [("N", b" N=\""), ("RefId", b" RefId=\"")];
        let bytes = self.text.as_bytes().get(self.position..).unwrap_or_default();
        let [n, ref_id] = NAMES;
        let (name, start) = if bytes.starts_with(n.1) {
            n
        } else if bytes.starts_with(ref_id.1) {
            ref_id
        } else {
            return Ok(false);
        };
        let value = bytes.get(start.len()..).unwrap_or_default();
        let Some((length, classes)) = byte_class::attribute(value, b'"') else { return Ok(false) };
        let is_new = self.attributes.iter().all(|other| other.name != name);
        if classes & byte_class::ATTRIBUTE != 0 || !is_new {
            return Ok(false);
        }
        let from = self.position + start.len();
        let Some(value) = self.text.get(from..from + length) else { return Ok(false) };
        self.check_limit(Limit::Text, length, self.limits.text)?;
        self.attributes.push(Attribute { name, value: Cow::Borrowed(value) });
        self.check_limit(Limit::Attributes, self.attributes.len(), self.limits.attributes)?;
        self.position = from + length + 1;
        Ok(true)
    }

    /// Reads an attribute and tells whether its name has a prefix.
    fn attribute(&mut self) -> Result<bool> {
        let (name, colon) = self.read_name()?;
        let quote = self.opening_quote()?;
        let rest = self.rest();
        let Some((length, classes)) = byte_class::attribute(rest.as_bytes(), quote) else {
            return Err(self.broken(WellFormedness::Unclosed));
        };
        let raw = rest.get(..length).unwrap_or_default();
        self.check_limit(Limit::Text, length, self.limits.text)?;
        let value = if classes & byte_class::ATTRIBUTE == 0 {
            Cow::Borrowed(raw)
        } else {
            self.attribute_value(raw)?
        };
        self.position += length + 1;
        if self.attributes.iter().any(|other| other.name == name) {
            return Err(self.broken(WellFormedness::Name));
        }
        self.attributes.push(Attribute { name, value });
        self.check_limit(Limit::Attributes, self.attributes.len(), self.limits.attributes)?;
        Ok(colon.is_some())
    }

    #[inline]
    fn opening_quote(&mut self) -> Result<u8> {
        if self.rest().starts_with("=\"") {
            self.position += 2;
            return Ok(b'"');
        }
        self.skip_blanks();
        self.expect(b'=')?;
        self.skip_blanks();
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.position += 1;
                Ok(quote)
            }
            _ => Err(self.broken(WellFormedness::Markup)),
        }
    }

    fn attribute_value(&self, raw: &'a str) -> Result<Cow<'a, str>> {
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(character) = rest.chars().next() {
            let mut length = character.len_utf8();
            match character {
                '&' => {
                    let (resolved, used) = self.reference(rest)?;
                    value.push(resolved);
                    length = used;
                }
                '<' => return Err(self.broken(WellFormedness::Markup)),
                // Blanks of any kind become spaces, a pair of carriage return and line feed one.
                '\r' if rest.starts_with("\r\n") => {
                    value.push(' ');
                    length = 2;
                }
                '\t' | '\n' | '\r' => value.push(' '),
                '\0'..='\x1F' => return Err(self.broken(WellFormedness::Character)),
                _ => value.push(character),
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(Cow::Owned(value))
    }

    /// Declares the prefixes that the attributes declare, and checks those used.
    fn check_prefixes(&mut self, element: &'a str) -> Result<()> {
        let depth = self.open.len();
        for attribute in &self.attributes {
            if let Some(("xmlns", prefix)) = attribute.name.split_once(':') {
                self.prefixes.push((depth, prefix));
            }
        }
        let names =
            std::iter::once(element).chain(self.attributes.iter().map(|attribute| attribute.name));
        for (prefix, local) in names.filter_map(|name| name.split_once(':')) {
            let declared = matches!(prefix, "xmlns" | "xml")
                || self.prefixes.iter().any(|(_, declared)| *declared == prefix);
            if !declared && !self.reads_again {
                return Err(self.broken(WellFormedness::Prefix));
            }
            if local.is_empty() || local.contains(':') {
                return Err(self.broken(WellFormedness::Name));
            }
        }
        Ok(())
    }

    /// Reads everything up to the next tag or the end, leaving comments and instructions out.
    fn character_data(&mut self) -> Result<Cow<'a, str>> {
        let rest = self.rest();
        let (length, classes) = byte_class::text(rest.as_bytes());
        let (piece, tag) = rest.split_at_checked(length).unwrap_or_default();
        if classes & byte_class::TEXT == 0 && !matches!(tag.as_bytes(), [b'<', b'!' | b'?', ..]) {
            self.check_limit(Limit::Text, length, self.limits.text)?;
            self.position += length;
            return Ok(Cow::Borrowed(piece));
        }
        self.pieces()
    }

    /// Does what [`character_data`](Self::character_data) does for a text of several pieces.
    fn pieces(&mut self) -> Result<Cow<'a, str>> {
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let length = memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
            if length > 0 {
                let piece = rest.get(..length).unwrap_or_default();
                append(&mut text, self.checked_text(piece)?);
                self.position += length;
            }
            let rest = self.rest();
            if rest.starts_with('&') {
                let (character, used) = self.reference(rest)?;
                text.to_mut().push(character);
                self.position += used;
            } else if rest.starts_with("<!") {
                if let Some(piece) = self.declaration(rest)? {
                    append(&mut text, piece);
                }
            } else if rest.starts_with("<?") {
                self.instruction(rest)?;
            } else {
                self.check_limit(Limit::Text, text.len(), self.limits.text)?;
                return Ok(text);
            }
            self.check_limit(Limit::Text, text.len(), self.limits.text)?;
        }
    }

    fn checked_text(&self, piece: &'a str) -> Result<Cow<'a, str>> {
        let bytes = piece.as_bytes();
        let closes = |at| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"]]>"));
        if memchr_iter(b']', bytes).any(closes) {
            return Err(self.broken(WellFormedness::Markup));
        }
        self.normalized(piece)
    }

    /// Checks the characters and makes every line end a line feed.
    fn normalized(&self, piece: &'a str) -> Result<Cow<'a, str>> {
        let mut bytes = piece.bytes();
        if bytes.any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
            return Err(self.broken(WellFormedness::Character));
        }
        if memchr(b'\r', piece.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(piece));
        }
        Ok(Cow::Owned(piece.replace("\r\n", "\n").replace('\r', "\n")))
    }

    /// Resolves the reference that `rest` begins with; gives the character and the length of the reference.
    fn reference(&self, rest: &str) -> Result<(char, usize)> {
        let body = rest.get(1..).unwrap_or_default();
        let Some(length) = memchr(b';', body.as_bytes()) else {
            return Err(self.broken(WellFormedness::Markup));
        };
        let name = body.get(..length).unwrap_or_default();
        let character = match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => match name.strip_prefix('#') {
                Some(number) => parse_character(number)
                    .ok_or_else(|| self.broken(WellFormedness::CharacterReference))?,
                None => {
                    let name = name.chars().take(64).collect();
                    return Err(Error::Entity { position: self.position(), name });
                }
            },
        };
        Ok((character, length + 2))
    }

    /// Reads what `<!` begins: gives the text of a CDATA section, skips a comment, refuses the rest.
    fn declaration(&mut self, rest: &'a str) -> Result<Option<Cow<'a, str>>> {
        if let Some(body) = rest.strip_prefix("<![CDATA[") {
            let Some(length) = memmem::find(body.as_bytes(), b"]]>") else {
                return Err(self.broken(WellFormedness::Unclosed));
            };
            if self.open.is_empty() {
                return Err(self.broken(WellFormedness::OneRoot));
            }
            let text = self.normalized(body.get(..length).unwrap_or_default())?;
            self.position += "<![CDATA[]]>".len() + length;
            return Ok(Some(text));
        }
        if let Some(body) = rest.strip_prefix("<!--") {
            let Some(length) = memmem::find(body.as_bytes(), b"--") else {
                return Err(self.broken(WellFormedness::Unclosed));
            };
            if !body.get(length..).is_some_and(|end| end.starts_with("-->")) {
                return Err(self.broken(WellFormedness::Markup));
            }
            self.normalized(body.get(..length).unwrap_or_default())?;
            self.position += "<!---->".len() + length;
            return Ok(None);
        }
        if rest.starts_with("<!DOCTYPE") {
            return Err(Error::Doctype { position: self.position() });
        }
        Err(self.broken(WellFormedness::Markup))
    }

    /// Skips an instruction or, at the very start, the XML declaration.
    fn instruction(&mut self, rest: &'a str) -> Result<()> {
        let Some(length) = memmem::find(rest.as_bytes(), b"?>") else {
            return Err(self.broken(WellFormedness::Unclosed));
        };
        let body = rest.get(2..length).unwrap_or_default();
        let target = body.split(BLANKS).next().unwrap_or_default();
        if !is_name(target) {
            return Err(self.broken(WellFormedness::Name));
        }
        if target.eq_ignore_ascii_case("xml") && (self.position > 0 || target != "xml") {
            return Err(self.broken(WellFormedness::Declaration));
        }
        self.normalized(body)?;
        self.position += length + 2;
        Ok(())
    }

    /// Reads a name and tells where its first colon is.
    fn read_name(&mut self) -> Result<(&'a str, Option<usize>)> {
        let rest = self.rest();
        let (length, classes) = byte_class::name(rest.as_bytes());
        let colon = match classes & byte_class::COLON {
            0 => None,
            _ => rest.bytes().position(|byte| byte == b':'),
        };
        let name = rest.get(..length).unwrap_or_default();
        if !starts_name(name) || colon == Some(0) {
            return Err(self.broken(WellFormedness::Name));
        }
        self.position += length;
        Ok((name, colon))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.broken(WellFormedness::Markup));
        }
        self.position += 1;
        Ok(())
    }

    fn skip_blanks(&mut self) -> bool {
        let start = self.position;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
        self.position > start
    }

    fn check_limit(&self, limit: Limit, count: usize, allowed: usize) -> Result<()> {
        if count <= allowed {
            return Ok(());
        }
        Err(Error::Limit { limit, allowed, position: self.position() })
    }

    fn broken(&self, rule: WellFormedness) -> Error {
        Error::NotWellFormed { position: self.position(), rule }
    }
}

/// Compares byte by byte, which is quicker than a call for names of a few letters.
#[inline]
fn starts_with(text: &str, name: &str) -> bool {
    text.as_bytes().get(..name.len()).is_some_and(|start| equal(start, name.as_bytes()))
}

#[inline]
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left == right)
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Whether `text` has nothing but blanks as XML counts them.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Adds a piece of text, borrowing as long as there is one piece only.
pub(crate) fn append<'a>(text: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.to_mut().push_str(&piece);
    }
}

/// Reads the part of a character reference after `#`. Every Unicode character will do, U+FFFE and U+FFFF too.
fn parse_character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, radix).ok()?)
}

fn starts_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'.'))
}

fn is_name(text: &str) -> bool {
    starts_name(text) && text.bytes().all(|byte| byte_class::of(byte) & byte_class::NAME != 0)
}

#[cfg(test)]
mod tests {
    use super::{Scanner, Tag};
    use crate::error::Error;
    use crate::limits::Limits;

    /// Writes the tokens down: `(name a=b` for a start, `)` for an end, texts in quotation marks.
    fn tokens(xml: &str) -> Result<String, Error> {
        let mut scanner = Scanner::new(xml, Limits::default());
        let mut out = String::new();
        loop {
            let token = scanner.next()?;
            if !token.text.is_empty() {
                out.push_str(&format!("{:?}", token.text));
            }
            match token.tag {
                Tag::Start { local } => {
                    out.push_str(&format!("({local}"));
                    for attribute in scanner.attributes() {
                        out.push_str(&format!(" {}={:?}", attribute.name, attribute.value));
                    }
                }
                Tag::End => out.push(')'),
                Tag::Eof => return Ok(out),
            }
        }
    }

    #[track_caller]
    fn check(xml: &str, expected: &str) {
        assert_eq!(tokens(xml).unwrap(), expected);
    }

    #[test]
    fn texts_are_joined_over_references_comments_and_cdata() {
        check("<S>a<!-- c -->b</S>", r#"(S"ab")"#);
        check("<S><![CDATA[a<b]]>&amp;<?p i?>&#x41;&#66;</S>", r#"(S"a<b&AB")"#);
        check("<S>&lt;&gt;&quot;&apos;</S>", r#"(S"<>\"'")"#);
        check("<S>a&#xD;&#10;b\r\nc\rd</S>", r#"(S"a\r\nb\nc\nd")"#);
        check("<S>&#xFFFE;\u{FFFF}]]</S>", "(S\"\\u{fffe}\\u{ffff}]]\")");
    }

    #[test]
    fn attributes_are_normalized() {
        check("<a b = 'x\r\ny\tz&#10;' c=\"'\"/>", r#"(a b="x y z\n" c="'")"#);
        check(
            "<p:a xmlns:p='u' p:b='1' xml:lang='en'></p:a >",
            r#"(a xmlns:p="u" p:b="1" xml:lang="en")"#,
        );
    }

    #[test]
    fn what_stands_around_the_root_is_skipped() {
        check("<?xml version='1.0'?>\n<!-- c --><a/>\n<?p?> ", r#""\n"(a)"\n ""#);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for xml in [
            "",
            " ",
            "a",
            "<a>",
            "<a",
            "<a></b>",
            "<a/><b/>",
            "<a/>b",
            "</a>",
            "<a></a",
            "<a b></a>",
            "<a b=c/>",
            "<a b='1' b='2'/>",
            "<a b='1'c='2'/>",
            "<a b='<'/>",
            "<a>]]></a>",
            "<a>\u{1}</a>",
            "<a>&#xD800;</a>",
            "<a>&#;</a>",
            "<a>&</a>",
            "<a>&b",
            "<a>&#x110000;</a>",
            "<p:a/>",
            "<a p:b='1'/>",
            "<1/>",
            "< a/>",
            "<a><!-- -- --></a>",
            "<a><!-- </a>",
            "<a><![CDATA[</a>",
            "<![CDATA[a]]>",
            " <?xml version='1.0'?><a/>",
            "<a><? ?></a>",
            "<!ELEMENT a>",
            "<:a/>",
            "<a:/>",
            "<a><p:b xmlns:p='u'/><p:b/></a>",
            "<a/ >",
        ] {
            assert!(tokens(xml).is_err(), "{xml}");
        }
    }

    #[test]
    fn declarations_of_types_and_entities_are_refused() {
        let error = tokens("<!DOCTYPE a [<!ENTITY e 'zzz'>]><a>&e;</a>").unwrap_err();
        assert!(matches!(error, Error::Doctype { position: 0 }), "{error}");
        let error = tokens("<a>&e;</a>").unwrap_err();
        assert!(matches!(&error, Error::Entity { name, .. } if name == "e"), "{error}");
    }

    #[test]
    fn limits_hold() {
        #[track_caller]
        fn check(xml: &str, limits: Limits) {
            let mut scanner = Scanner::new(xml, limits);
            let error = loop {
                match scanner.next() {
                    Ok(token) => assert!(!matches!(token.tag, Tag::Eof), "{xml} was accepted"),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, Error::Limit { .. }), "{error}");
        }
        let limits = Limits::default();
        check("<a><b><c/></b></a>", limits.with_depth(2));
        check("<a><b/><c/></a>", limits.with_elements(2));
        check("<a>xxx</a>", limits.with_text(2));
        check("<a>x&lt;x</a>", limits.with_text(2));
        check("<a b='xxx'/>", limits.with_text(2));
        check("<a b='' c='' d=''/>", limits.with_attributes(2));
    }
}
