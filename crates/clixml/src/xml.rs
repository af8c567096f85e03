//! A scanner for the XML that CLIXML is made of: one pass, no recursion, texts borrowed from the input.
//!
//! Spec: [XML 1.0] without document type declarations, and [Namespaces in XML 1.0] as far as prefixes must be declared.
//! What surprised: the engine writes and reads references to U+FFFE and U+FFFF, which XML forbids, so they are let
//! through. A general XML library spends as much time on tokens alone as this crate does on the whole tree of values; a
//! test compares the tokens with such a library's.
//!
//! [XML 1.0]: https://www.w3.org/TR/xml/
//! [Namespaces in XML 1.0]: https://www.w3.org/TR/xml-names/

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

use crate::error::{Error, WellFormedness};
use crate::limits::{Limit, Limits};

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
    /// Whether the tag just read was an empty element, whose end is still to be told.
    ends_at_once: bool,
    has_root: bool,
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
            ends_at_once: false,
            has_root: false,
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

    pub(crate) fn position(&self) -> u64 {
        self.position as u64
    }

    pub(crate) fn next(&mut self) -> Result<Token<'a>> {
        if self.ends_at_once {
            self.ends_at_once = false;
            self.close();
            return Ok(Token { text: Cow::Borrowed(""), tag: Tag::End });
        }
        let text = self.character_data()?;
        if self.open.is_empty() && !is_blank(&text) {
            return Err(self.broken(WellFormedness::OneRoot));
        }
        let tag = self.tag()?;
        Ok(Token { text, tag })
    }

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

    fn end_tag(&mut self, after_slash: &'a str) -> Result<()> {
        let expected = self.open.last().copied().unwrap_or_default();
        let after = after_slash.strip_prefix(expected).map(|rest| rest.trim_start_matches(BLANKS));
        match after.and_then(|rest| rest.strip_prefix('>')) {
            Some(rest) if !self.open.is_empty() => {
                self.position = self.text.len() - rest.len();
                self.close();
                Ok(())
            }
            _ => Err(self.broken(WellFormedness::Unclosed)),
        }
    }

    fn close(&mut self) {
        self.open.pop();
        let depth = self.open.len();
        while self.prefixes.last().is_some_and(|(declared, _)| *declared >= depth) {
            self.prefixes.pop();
        }
    }

    fn start_tag(&mut self) -> Result<Tag<'a>> {
        if self.open.is_empty() && self.has_root {
            return Err(self.broken(WellFormedness::OneRoot));
        }
        self.has_root = true;
        self.elements += 1;
        self.check_limit(Limit::Elements, self.elements, self.limits.elements)?;
        self.check_limit(Limit::Depth, self.open.len() + 1, self.limits.depth)?;
        self.position += 1;
        let (name, colon) = self.name()?;
        self.attributes.clear();
        let mut prefixed = colon.is_some();
        let empty = loop {
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

    /// Reads an attribute and tells whether its name has a prefix.
    fn attribute(&mut self) -> Result<bool> {
        let (name, colon) = self.name()?;
        self.skip_blanks();
        self.expect(b'=')?;
        self.skip_blanks();
        let quote = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => quote,
            _ => return Err(self.broken(WellFormedness::Markup)),
        };
        self.position += 1;
        let Some(length) = memchr(quote, self.rest().as_bytes()) else {
            return Err(self.broken(WellFormedness::Unclosed));
        };
        let raw = self.rest().get(..length).unwrap_or_default();
        let value = self.attribute_value(raw)?;
        self.position += length + 1;
        if self.attributes.iter().any(|other| other.name == name) {
            return Err(self.broken(WellFormedness::Name));
        }
        self.attributes.push(Attribute { name, value });
        self.check_limit(Limit::Attributes, self.attributes.len(), self.limits.attributes)?;
        Ok(colon.is_some())
    }

    fn attribute_value(&self, raw: &'a str) -> Result<Cow<'a, str>> {
        self.check_limit(Limit::Text, raw.len(), self.limits.text)?;
        if !has_any(raw, |byte| byte < b' ' || byte == b'&' || byte == b'<') {
            return Ok(Cow::Borrowed(raw));
        }
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
            if !declared {
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
        if !has_any(piece, |byte| byte < b' ' || byte == b']') {
            return Ok(Cow::Borrowed(piece));
        }
        if memmem::find(piece.as_bytes(), b"]]>").is_some() {
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
    fn name(&mut self) -> Result<(&'a str, Option<usize>)> {
        let rest = self.rest();
        let mut colon = None;
        let mut length = 0;
        for byte in rest.bytes() {
            if !is_name_byte(byte) {
                break;
            }
            if byte == b':' && colon.is_none() {
                colon = Some(length);
            }
            length += 1;
        }
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

/// Tells whether any byte of `text` is of a kind. Looking at every byte, without leaving early, is what compilers turn into
/// vector instructions; and most texts have no such byte.
fn has_any(text: &str, is_it: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | is_it(byte))
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

/// Names are checked in ASCII only: beyond, every character counts as a letter.
fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b':' | b'-' | b'.' | 0x80..)
}

fn starts_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'.'))
}

fn is_name(text: &str) -> bool {
    starts_name(text) && text.bytes().all(is_name_byte)
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
