//! Well-formedness of an XML document, judged as Expat judges it.
//!
//! The recordings hold documents that are broken on purpose, and the facts name the defect in Expat's words and count:
//! lines from 1, columns in characters from 0. A namespace-aware parser that stops at the first defect is all that is
//! needed, so this module only walks the text and keeps nothing but the open elements. The one leniency is the facts'
//! own: U+FFFE and U+FFFF pass, written out or as references, because PowerShell puts them into messages.

use std::fmt;

/// The first defect of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed {
    what: &'static str,
    line: usize,
    column: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: line {}, column {}", self.what, self.line, self.column)
    }
}

impl Malformed {
    fn at(what: &'static str, before: &str) -> Self {
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self { what, line: before.matches('\n').count() + 1, column: line.chars().count() }
    }
}

/// Says whether `text`, a whole document without its byte order mark, is well formed.
pub(crate) fn check(text: &str) -> Result<(), Malformed> {
    let mut walk = Walk { text, at: 0, open: Vec::new(), bound: vec!["xml"] };
    walk.document()
        .map_err(|defect| Malformed::at(defect.what, text.get(..defect.at).unwrap_or(text)))
}

/// Names the first defect of a document of which only `text` could be decoded.
pub(crate) fn cut(text: &str) -> Malformed {
    match check(text) {
        Err(defect) if ![NO_ELEMENT, UNCLOSED].contains(&defect.what) => defect,
        _ => Malformed::at(INVALID, text),
    }
}

const INVALID: &str = "not well-formed (invalid token)";
const UNCLOSED: &str = "unclosed token";
const NO_ELEMENT: &str = "no element found";

/// A defect by its place in the text.
struct Defect {
    what: &'static str,
    at: usize,
}

type Step = Result<(), Defect>;

struct Walk<'a> {
    text: &'a str,
    at: usize,
    /// Names of the open elements, each with the number of prefixes that were bound outside of it.
    open: Vec<(&'a str, usize)>,
    bound: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn document(&mut self) -> Step {
        if self.opens_declaration() {
            self.skip_to("?>")?;
        }
        self.outside("syntax error")?;
        if self.rest().is_empty() {
            return self.fail(NO_ELEMENT);
        }
        self.start_tag()?;
        self.content()?;
        self.outside("junk after document element")?;
        if self.rest().is_empty() { Ok(()) } else { self.fail("junk after document element") }
    }

    /// White space, comments, instructions and the document type around the root element.
    fn outside(&mut self, stray: &'static str) -> Step {
        loop {
            self.skip_space();
            match self.rest() {
                rest if rest.starts_with("<!--") => self.comment()?,
                rest if rest.starts_with("<!DOCTYPE") => self.document_type()?,
                rest if rest.starts_with("<?") => self.instruction()?,
                "<" => return self.fail(UNCLOSED),
                rest if rest.is_empty() || self.opens_element() => return Ok(()),
                rest if rest.starts_with("<!") => return self.declaration(stray),
                rest if rest.starts_with('<') => return self.invalid(self.at + 1),
                _ => return self.stray(stray),
            }
        }
    }

    /// Text where only markup may stand: Expat reads a token of a document type and then finds it out of place.
    fn stray(&self, what: &'static str) -> Step {
        let rest = self.rest();
        let name = rest.find(|sign| !is_name(sign)).unwrap_or(rest.len());
        if rest.starts_with(['>', '[', ']', '(', ')', '|', ',']) {
            return self.fail(what);
        }
        if name == 0 {
            return self.invalid(self.at);
        }
        match rest.get(name..).and_then(|after| after.chars().next()) {
            Some(sign) if !sign.is_ascii_whitespace() && !">),|[%+*?".contains(sign) => {
                self.invalid(self.at + name)
            }
            _ => self.fail(what),
        }
    }

    /// A declaration that only a document type may hold.
    fn declaration(&self, what: &'static str) -> Step {
        let word = self.rest().strip_prefix("<!").unwrap_or_default();
        let length = word.find(|sign: char| !sign.is_ascii_alphabetic()).unwrap_or(word.len());
        match word.get(length..).and_then(|after| after.chars().next()) {
            None => self.fail(UNCLOSED),
            Some(sign) if length > 0 && sign.is_ascii_whitespace() => self.fail(what),
            Some(_) => self.invalid(self.at + 2 + length),
        }
    }

    fn content(&mut self) -> Step {
        while !self.open.is_empty() {
            match self.rest() {
                "" => return self.fail(NO_ELEMENT),
                rest if rest.starts_with("<!--") => self.comment()?,
                rest if rest.starts_with("<![CDATA[") => self.character_section()?,
                rest if rest.starts_with("<?") => self.instruction()?,
                rest if rest.starts_with("</") => self.end_tag()?,
                rest if rest.starts_with('<') => self.start_tag()?,
                rest if rest.starts_with('&') => self.reference()?,
                _ => self.characters()?,
            }
        }
        Ok(())
    }

    fn characters(&mut self) -> Step {
        let rest = self.rest();
        let length = rest.find(['<', '&']).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or(rest);
        if let Some(end) = run.find("]]>") {
            return self.invalid(self.at + end + 2);
        }
        self.legal(run)?;
        self.at += length;
        Ok(())
    }

    fn start_tag(&mut self) -> Step {
        let start = self.at;
        let outer = self.bound.len();
        self.at += 1;
        let name = self.name(start)?;
        let attributes = self.attributes(start)?;
        let prefixes = attributes.iter().filter(|attribute| !attribute.starts_with("xmlns"));
        if prefixes
            .chain([&name])
            .filter_map(|name| name.split_once(':'))
            .any(|(prefix, _)| !self.bound.contains(&prefix))
        {
            return Err(Defect { what: "unbound prefix", at: start });
        }
        if self.rest().starts_with('/') {
            self.bound.truncate(outer);
            self.expect('/', start)?;
        } else {
            self.open.push((name, outer));
        }
        self.expect('>', start)
    }

    /// Reads attributes up to the end of the tag and binds the prefixes among them.
    fn attributes(&mut self, tag: usize) -> Result<Vec<&'a str>, Defect> {
        let mut names = Vec::new();
        loop {
            let spaced = self.skip_space();
            match self.rest().chars().next() {
                None => return Err(Defect { what: UNCLOSED, at: tag }),
                Some('>' | '/') => return Ok(names),
                Some(_) if !spaced => return Err(Defect { what: INVALID, at: self.at }),
                Some(_) => {}
            }
            let at = self.at;
            let name = self.name(tag)?;
            if names.contains(&name) {
                return Err(Defect { what: "duplicate attribute", at });
            }
            self.bound.extend(name.strip_prefix("xmlns:"));
            names.push(name);
            self.skip_space();
            self.expect('=', tag)?;
            self.skip_space();
            self.attribute_value(tag)?;
        }
    }

    fn attribute_value(&mut self, tag: usize) -> Step {
        let quote = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => quote,
            Some(_) => return self.invalid(self.at),
            None => return Err(Defect { what: UNCLOSED, at: tag }),
        };
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(length) = rest.find([quote, '<', '&']) else {
                return Err(Defect { what: UNCLOSED, at: tag });
            };
            self.legal(rest.get(..length).unwrap_or(rest))?;
            self.at += length;
            match self.rest().chars().next() {
                Some('&') => self.reference().map_err(|defect| match defect.what {
                    INVALID => defect,
                    what => Defect { what, at: tag },
                })?,
                Some('<') => return self.invalid(self.at),
                _ => break,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn end_tag(&mut self) -> Step {
        let start = self.at;
        self.at += 2;
        let name_at = self.at;
        let rest = self.rest();
        self.part_of_name(start)?;
        // Expat does not look at the colons of an end tag, for the name has to be that of the start tag.
        while self.rest().starts_with(':') {
            self.at += 1;
            let rest = self.rest();
            self.at += rest.find(|sign| !is_name(sign)).unwrap_or(rest.len());
        }
        let name = rest.get(..self.at - name_at).unwrap_or(rest);
        self.skip_space();
        self.expect('>', start)?;
        match self.open.pop() {
            Some((open, outer)) if open == name => {
                self.bound.truncate(outer);
                Ok(())
            }
            _ => Err(Defect { what: "mismatched tag", at: name_at }),
        }
    }

    fn reference(&mut self) -> Step {
        let start = self.at;
        self.at += 1;
        let rest = self.rest();
        let stop = rest.find(|sign: char| sign != '#' && !is_name(sign));
        let Some(length) = stop else { return Err(Defect { what: UNCLOSED, at: start }) };
        let name = rest.get(..length).unwrap_or(rest);
        if name.is_empty() || !name.starts_with(|first| first == '#' || is_name_start(first)) {
            return self.invalid(self.at);
        }
        if !rest.get(length..).is_some_and(|after| after.starts_with(';')) {
            return self.invalid(self.at + length);
        }
        self.at += length + 1;
        match name.strip_prefix('#') {
            Some(number) if number_names_character(number) => Ok(()),
            Some(_) => Err(Defect { what: "reference to invalid character number", at: start }),
            None if ["amp", "lt", "gt", "quot", "apos"].contains(&name) => Ok(()),
            None => Err(Defect { what: "undefined entity", at: start }),
        }
    }

    fn comment(&mut self) -> Step {
        let start = self.at;
        self.at += 4;
        let rest = self.rest();
        let Some(length) = rest.find("--") else {
            return Err(Defect { what: UNCLOSED, at: start });
        };
        self.legal(rest.get(..length).unwrap_or(rest))?;
        self.at += length + 2;
        self.expect('>', start)
    }

    fn character_section(&mut self) -> Step {
        self.at += "<![CDATA[".len();
        let rest = self.rest();
        let Some(length) = rest.find("]]>") else {
            self.at = self.text.len();
            return self.fail("unclosed CDATA section");
        };
        self.legal(rest.get(..length).unwrap_or(rest))?;
        self.at += length + 3;
        Ok(())
    }

    fn instruction(&mut self) -> Step {
        if self.opens_declaration() {
            return self.fail("XML or text declaration not at start of entity");
        }
        let start = self.at;
        self.at += 2;
        self.name(start)?;
        if !self.rest().starts_with([' ', '\t', '\r', '\n', '?']) {
            return self.invalid(self.at);
        }
        self.at = start;
        self.skip_to("?>")
    }

    fn document_type(&mut self) -> Step {
        let start = self.at;
        let mut depth = 0_usize;
        let mut quote = None;
        for (offset, sign) in self.rest().char_indices() {
            match (quote, sign) {
                (Some(open), _) if open == sign => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(sign),
                (None, '[' | '<') => depth += 1,
                (None, ']' | '>') => depth = depth.saturating_sub(1),
                (None, _) => {}
            }
            if depth == 0 && offset > 0 {
                self.at = start + offset + 1;
                return Ok(());
            }
        }
        Err(Defect { what: UNCLOSED, at: start })
    }

    /// Reads a name with at most one prefix; `token` is where the token began that has to be complete.
    fn name(&mut self, token: usize) -> Result<&'a str, Defect> {
        let rest = self.rest();
        let start = self.at;
        self.part_of_name(token)?;
        if self.rest().starts_with(':') {
            self.at += 1;
            self.part_of_name(token)?;
        }
        Ok(rest.get(..self.at - start).unwrap_or(rest))
    }

    fn part_of_name(&mut self, token: usize) -> Step {
        let rest = self.rest();
        let length = rest.find(|sign| !is_name(sign)).unwrap_or(rest.len());
        match rest.chars().next() {
            Some(sign) if !is_name_start(sign) => self.invalid(self.at),
            Some(_) if length < rest.len() => {
                self.at += length;
                Ok(())
            }
            _ => Err(Defect { what: UNCLOSED, at: token }),
        }
    }

    fn expect(&mut self, sign: char, token: usize) -> Step {
        match self.rest().chars().next() {
            Some(found) if found == sign => {
                self.at += sign.len_utf8();
                Ok(())
            }
            Some(_) => self.invalid(self.at),
            None => Err(Defect { what: UNCLOSED, at: token }),
        }
    }

    /// `run` is what follows the current place.
    fn legal(&self, run: &str) -> Step {
        let stray = run.find(|sign: char| sign < ' ' && !matches!(sign, '\t' | '\n' | '\r'));
        stray.map_or(Ok(()), |offset| self.invalid(self.at + offset))
    }

    fn skip_to(&mut self, end: &str) -> Step {
        let Some(length) = self.rest().find(end) else { return self.fail(UNCLOSED) };
        self.at += length + end.len();
        Ok(())
    }

    fn skip_space(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.at += length;
        length > 0
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn opens_declaration(&self) -> bool {
        self.rest()
            .strip_prefix("<?xml")
            .is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n']))
    }

    fn opens_element(&self) -> bool {
        self.rest()
            .strip_prefix('<')
            .is_some_and(|after| after.chars().next().is_none_or(is_name_start))
    }

    fn fail(&self, what: &'static str) -> Step {
        Err(Defect { what, at: self.at })
    }

    fn invalid(&self, at: usize) -> Step {
        Err(Defect { what: INVALID, at })
    }
}

fn is_name_start(sign: char) -> bool {
    sign == '_' || sign.is_alphabetic()
}

fn is_name(sign: char) -> bool {
    matches!(sign, '-' | '.' | '\u{b7}') || is_name_start(sign) || sign.is_numeric()
}

fn number_names_character(number: &str) -> bool {
    let code = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    let sign = code.ok().and_then(char::from_u32);
    sign.is_some_and(|sign| sign >= ' ' || matches!(sign, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(check(text).expect_err(text).to_string(), expected, "{text}");
    }

    #[test]
    fn a_document_with_everything_passes() {
        let text = "<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY x \"]>\">]><!-- c --><a xmlns:p='u' p:q='&amp;'>\
                    <p:b/>t&#xFFFE;<![CDATA[<]]><?i?></a>\n<!-- end -->";
        assert_eq!(check(text), Ok(()));
    }

    #[test]
    fn defects_carry_the_words_and_places_of_expat() {
        refused("", "no element found: line 1, column 0");
        refused("<a>\n  <b>", "no element found: line 2, column 5");
        refused("<a>\n<b", "unclosed token: line 2, column 0");
        refused("no", "syntax error: line 1, column 0");
        refused("{}", "not well-formed (invalid token): line 1, column 0");
        refused("<a></b>", "mismatched tag: line 1, column 5");
        refused("<a/><b/>", "junk after document element: line 1, column 4");
        refused("<a>é&x;</a>", "undefined entity: line 1, column 4");
        refused("<a>\u{1}</a>", "not well-formed (invalid token): line 1, column 3");
        refused("<a b='1' b='2'/>", "duplicate attribute: line 1, column 9");
        refused("<a b='&x;'/>", "undefined entity: line 1, column 0");
        refused("<a:b:c/>", "not well-formed (invalid token): line 1, column 4");
        refused("<a>&1;</a>", "not well-formed (invalid token): line 1, column 4");
        refused("<a><?>b", "not well-formed (invalid token): line 1, column 5");
        refused("<!a- b -->", "not well-formed (invalid token): line 1, column 3");
        refused("]]>", "syntax error: line 1, column 0");
        refused("<a/><", "unclosed token: line 1, column 4");
        refused("<a p:b=''/>", "unbound prefix: line 1, column 0");
        refused("<a>&#xD800;</a>", "reference to invalid character number: line 1, column 3");
        refused(
            " <?xml version='1.0'?><a/>",
            "XML or text declaration not at start of entity: line 1, column 1",
        );
    }
}
