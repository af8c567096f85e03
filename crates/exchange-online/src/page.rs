//! An answer read as it arrives: each row as soon as it is whole, so that a page is never held as one.
//!
//! A scanner cuts the elements out of the outermost list `value`; each is then read as JSON of its own, and what is left
//! over, with an empty list, as an answer. So what a whole answer is held to holds for one in pieces too: doubled members
//! and lists, errors among good rows, more results than were shown.

use clixml::Value;

use crate::answer::{Answer, AnswerError, read_element};

/// How many bytes one row may have; one with five hundred addresses has about a hundred thousand.
pub(crate) const MAX_ROW: usize = 16 << 20;
/// How many bytes everything but the rows may have.
pub(crate) const MAX_REST: usize = 4 << 20;

const NO_OBJECT: AnswerError =
    AnswerError::Malformed { expected: "one JSON object and nothing else" };
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A row, and what was wrong with it.
#[derive(Debug, PartialEq)]
pub(crate) struct PageRow {
    pub(crate) value: Value,
    pub(crate) fault: Option<String>,
}

/// Reads one good answer.
#[derive(Debug, Default)]
pub(crate) struct PageReader {
    place: Place,
    /// Everything but the rows, as it stands.
    rest: Vec<u8>,
    /// The row that is arriving.
    row: Vec<u8>,
    nesting: Nesting,
    /// The member of the outermost object that is arriving.
    member: Member,
    link: Option<String>,
}

/// Where in the answer the next byte stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    /// Before the outermost object.
    #[default]
    Before,
    /// In the outermost object, outside its rows.
    Members,
    /// Before a row, or the end of the list.
    RowOrEnd,
    /// Behind a comma, where a row has to be.
    Row,
    /// In a row.
    InRow,
    /// Behind a row.
    AfterRow,
    /// Behind the outermost object, where nothing may follow.
    After,
}

/// How deep the next byte stands, and whether in a text.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    text: bool,
    escaped: bool,
}

/// A member of the outermost object, as places in what is kept of it.
#[derive(Debug, Default)]
struct Member {
    part: Part,
    name: (usize, usize),
    value: usize,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Part {
    #[default]
    Name,
    Colon,
    Value,
}

impl Nesting {
    /// Takes one byte; says whether something ended with it: the text or container that stood outermost.
    fn take(&mut self, byte: u8) -> bool {
        if self.text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.text = false;
                    return self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.text = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    fn is_outermost(&self) -> bool {
        self.depth == 0 && !self.text
    }
}

impl PageReader {
    /// Takes the bytes that came next; the rows that became whole with them go to `rows`.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Malformed`] when this is no answer, or more than is taken.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        rows: &mut Vec<PageRow>,
    ) -> Result<(), AnswerError> {
        let mut bytes = bytes;
        while let Some((byte, behind)) = bytes.split_first() {
            let plain = self.plain(bytes);
            if plain == 0 {
                self.take(*byte, rows)?;
                bytes = behind;
                continue;
            }
            let (run, behind) = bytes.split_at_checked(plain).unwrap_or((bytes, &[]));
            self.grow_row(run)?;
            bytes = behind;
        }
        Ok(())
    }

    /// How many of these bytes are plain text in a row; most are, so they are taken together.
    fn plain(&self, bytes: &[u8]) -> usize {
        if self.place != Place::InRow || !self.nesting.text || self.nesting.escaped {
            return 0;
        }
        let special = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        special.unwrap_or(bytes.len())
    }

    fn grow_row(&mut self, bytes: &[u8]) -> Result<(), AnswerError> {
        if self.row.len().saturating_add(bytes.len()) > MAX_ROW {
            return Err(AnswerError::Malformed { expected: "a row of at most 16 MiB" });
        }
        self.row.extend_from_slice(bytes);
        Ok(())
    }

    /// The address of the next page, once it is known.
    pub(crate) fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// Ends the answer; gives everything but the rows that were given.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]: the cmdlet's own error, or that the answer is none or did not come to its end.
    pub(crate) fn end(self) -> Result<Answer, AnswerError> {
        match self.place {
            Place::Before | Place::After => Answer::parse(200, &self.rest),
            _ => Err(NO_OBJECT),
        }
    }

    fn take(&mut self, byte: u8, rows: &mut Vec<PageRow>) -> Result<(), AnswerError> {
        match self.place {
            Place::Before => self.before(byte),
            Place::Members => self.member(byte),
            Place::RowOrEnd | Place::Row => self.row_begins(byte),
            Place::InRow => self.in_row(byte, rows),
            Place::AfterRow => self.after_row(byte),
            Place::After if byte.is_ascii_whitespace() => Ok(()),
            Place::After => Err(NO_OBJECT),
        }
    }

    fn before(&mut self, byte: u8) -> Result<(), AnswerError> {
        self.keep(byte)?;
        match byte {
            b'{' => self.place = Place::Members,
            _ if byte.is_ascii_whitespace() => {}
            _ if BYTE_ORDER_MARK.starts_with(&self.rest) => {}
            _ => return Err(NO_OBJECT),
        }
        Ok(())
    }

    fn member(&mut self, byte: u8) -> Result<(), AnswerError> {
        let at = self.rest.len();
        let outermost = self.nesting.is_outermost();
        if outermost && self.member.part == Part::Value && byte == b'[' && self.is_list(at) {
            self.place = Place::RowOrEnd;
            return self.keep(byte);
        }
        self.keep(byte)?;
        match byte {
            b'"' if outermost && self.member.part == Part::Name => {
                self.member.name = (at + 1, at + 1)
            }
            b':' if outermost && self.member.part == Part::Colon => {
                self.member.part = Part::Value;
                self.member.value = at + 1;
            }
            b',' if outermost => self.member_ends(at),
            b'}' if outermost => {
                self.member_ends(at);
                self.place = Place::After;
                return Ok(());
            }
            _ => {}
        }
        if self.nesting.take(byte) && self.member.part == Part::Name {
            self.member.name.1 = at;
            self.member.part = Part::Colon;
        }
        Ok(())
    }

    /// Whether the value that begins here is that of `value`.
    fn is_list(&self, at: usize) -> bool {
        let blank = self
            .rest
            .get(self.member.value..at)
            .is_some_and(|between| between.iter().all(u8::is_ascii_whitespace));
        blank && self.name() == Some(b"value")
    }

    fn name(&self) -> Option<&[u8]> {
        let (from, to) = self.member.name;
        self.rest.get(from..to)
    }

    fn member_ends(&mut self, at: usize) {
        if self.member.part == Part::Value && self.name() == Some(b"@odata.nextLink") {
            let value = self.rest.get(self.member.value..at).unwrap_or_default();
            let link: Option<String> = serde_json::from_slice(value).ok();
            let link = link.map(|link| link.trim().to_owned());
            self.link = link.filter(|link| !link.is_empty());
        }
        self.member = Member::default();
    }

    fn row_begins(&mut self, byte: u8) -> Result<(), AnswerError> {
        match byte {
            _ if byte.is_ascii_whitespace() => Ok(()),
            b']' if self.place == Place::RowOrEnd => self.list_ends(),
            b',' | b']' | b'}' | b':' => Err(NO_OBJECT),
            _ => {
                self.place = Place::InRow;
                self.row.clear();
                self.row.push(byte);
                self.nesting = Nesting::default();
                self.nesting.take(byte);
                Ok(())
            }
        }
    }

    fn in_row(&mut self, byte: u8, rows: &mut Vec<PageRow>) -> Result<(), AnswerError> {
        let is_bare = self.nesting.is_outermost();
        if is_bare && (matches!(byte, b',' | b']') || byte.is_ascii_whitespace()) {
            rows.push(read_element(&self.row)?);
            return self.row_ended(byte);
        }
        self.grow_row(&[byte])?;
        if self.nesting.take(byte) {
            rows.push(read_element(&self.row)?);
            self.place = Place::AfterRow;
        }
        Ok(())
    }

    /// Takes the byte behind a number or word.
    fn row_ended(&mut self, byte: u8) -> Result<(), AnswerError> {
        self.place = Place::AfterRow;
        self.after_row(byte)
    }

    fn after_row(&mut self, byte: u8) -> Result<(), AnswerError> {
        match byte {
            b',' => self.place = Place::Row,
            b']' => return self.list_ends(),
            _ if byte.is_ascii_whitespace() => {}
            _ => return Err(NO_OBJECT),
        }
        Ok(())
    }

    fn list_ends(&mut self) -> Result<(), AnswerError> {
        self.row = Vec::new();
        self.nesting = Nesting::default();
        self.place = Place::Members;
        self.keep(b']')
    }

    fn keep(&mut self, byte: u8) -> Result<(), AnswerError> {
        if self.rest.len() >= MAX_REST {
            return Err(AnswerError::Malformed { expected: "at most 4 MiB beside the rows" });
        }
        self.rest.push(byte);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
