//! Tags in the form in which the engine writes them, read at once.
//!
//! Each function takes one thing when it stands at the scanner's place in exactly that form, and else nothing: then the rules
//! of XML are applied to it. What is taken comes to the same either way.

use std::sync::LazyLock;

use memchr::memmem;

use super::{Result, Scanner};
use crate::byte_class;
use crate::limits::Limit;
use crate::tag::PrimitiveTag;

/// An element in the usual form of a primitive, from its start to its end: no attribute but perhaps `N`, plain text or none.
pub(crate) struct Plain<'a> {
    pub(crate) tag: PrimitiveTag,
    pub(crate) name: Option<Piece<'a>>,
    pub(crate) text: Piece<'a>,
    /// Where it ends.
    end: usize,
}

/// A text that stands in the document as it is.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a str,
    /// Whether there may be escapes of the engine's in it.
    pub(crate) is_escaped: bool,
}

impl<'a> Piece<'a> {
    fn new(text: &'a str, classes: u8) -> Self {
        Self { text, is_escaped: classes & byte_class::UNDERSCORE != 0 }
    }
}

impl<'a> Scanner<'a> {
    /// Looks at the element that begins here, if it is a primitive in the usual form.
    #[inline]
    pub(crate) fn plain(&self) -> Option<Plain<'a>> {
        let rest = self.text.get(self.position..)?;
        let bytes = rest.as_bytes();
        // `<`, the tag, and what follows it.
        let start = u64::from_le_bytes(*bytes.first_chunk()?);
        let (tag, length) = PrimitiveTag::at_start(start >> 8)?;
        let is_inside = !self.open.is_empty() || self.reads_again;
        let is_tag = start & 0xFF == u64::from(b'<') && !self.ends_at_once && is_inside;
        if !is_tag {
            return None;
        }
        let mut at = length + 1;
        let mut name = None;
        if bytes.get(at..)?.starts_with(b" N=\"") {
            at += 4;
            let (length, classes) = byte_class::attribute(bytes.get(at..)?, b'"')?;
            if classes & byte_class::ATTRIBUTE != 0 || length > self.limits.text {
                return None;
            }
            name = Some(Piece::new(rest.get(at..at + length)?, classes));
            at += length + 1;
        }
        if *bytes.get(at)? != b'>' {
            let end = match bytes.get(at..)? {
                [b' ', b'/', b'>', ..] => at + 3,
                [b'/', b'>', ..] => at + 2,
                _ => return None,
            };
            return Some(Plain { tag, name, text: Piece::new("", 0), end: self.position + end });
        }
        at += 1;
        let (text_length, classes) = byte_class::text(bytes.get(at..)?);
        let end = at + text_length;
        let end_tag = u64::from_le_bytes(*bytes.get(end..)?.first_chunk()?);
        let is_end = ends_with_tag(end_tag, start >> 8, length);
        if !is_end || classes & byte_class::TEXT != 0 || text_length > self.limits.text {
            return None;
        }
        let text = Piece::new(rest.get(at..end)?, classes);
        Some(Plain { tag, name, text, end: self.position + end + length + 3 })
    }

    /// Moves on behind an element that [`plain`](Self::plain) has found.
    #[inline]
    pub(crate) fn take_plain(&mut self, plain: &Plain<'a>) -> Result<()> {
        self.count_element()?;
        self.tag_position = self.position;
        self.position = plain.end;
        Ok(())
    }

    /// Reads the start tag `tag` if exactly that stands here; `name` is what it is called.
    #[inline]
    pub(crate) fn take_start(&mut self, tag: &str, name: &'static str) -> Result<bool> {
        if self.ends_at_once || !self.rest().as_bytes().starts_with(tag.as_bytes()) {
            return Ok(false);
        }
        self.count_element()?;
        self.position += tag.len();
        self.open.push(name);
        Ok(true)
    }

    /// Reads the end tag `tag` of the innermost element, `name`, if exactly that stands here.
    #[inline]
    pub(crate) fn take_end(&mut self, tag: &str, name: &str) -> bool {
        let is_end = !self.ends_at_once
            && self.rest().as_bytes().starts_with(tag.as_bytes())
            && self.open.last().is_some_and(|open| *open == name);
        if is_end {
            self.position += tag.len();
            self.close();
        }
        is_end
    }

    /// Reads the start tag of an object if it stands here in the usual form, and gives its name and its id.
    #[inline]
    pub(crate) fn take_object(&mut self) -> Result<Option<(Option<Piece<'a>>, &'a str)>> {
        const START: &[u8] = b"<Obj";
        const REF_ID: &[u8] = b" RefId=\"";
        let rest = self.rest();
        let bytes = rest.as_bytes();
        if self.ends_at_once || self.open.is_empty() || !bytes.starts_with(START) {
            return Ok(None);
        }
        let piece = |at: usize| {
            let (length, classes) = byte_class::attribute(bytes.get(at..)?, b'"')?;
            if classes & byte_class::ATTRIBUTE != 0 || length > self.limits.text {
                return None;
            }
            Some((Piece::new(rest.get(at..at + length)?, classes), at + length + 1))
        };
        let mut at = START.len();
        let mut name = None;
        if bytes.get(at..).is_some_and(|bytes| bytes.starts_with(b" N=\"")) {
            let Some((piece, end)) = piece(at + 4) else { return Ok(None) };
            (name, at) = (Some(piece), end);
        }
        if !bytes.get(at..).is_some_and(|bytes| bytes.starts_with(REF_ID)) {
            return Ok(None);
        }
        at += REF_ID.len();
        let length = byte_class::digits(bytes.get(at..).unwrap_or_default());
        let ref_id = length.and_then(|length| rest.get(at..at + length));
        let Some(ref_id) = ref_id else { return Ok(None) };
        at += ref_id.len();
        if !bytes.get(at..).is_some_and(|bytes| bytes.starts_with(b"\">")) {
            return Ok(None);
        }
        self.count_element()?;
        self.tag_position = self.position;
        self.position += at + 2;
        self.open.push("Obj");
        Ok(Some((name, ref_id)))
    }

    /// Reads an empty `TNRef` if it stands here in the usual form, and gives the id in it.
    #[inline]
    pub(crate) fn take_type_names_reference(&mut self) -> Result<Option<&'a str>> {
        let rest = self.rest();
        let Some(after) = rest.strip_prefix("<TNRef RefId=\"").filter(|_| !self.ends_at_once)
        else {
            return Ok(None);
        };
        let length = byte_class::digits(after.as_bytes());
        let Some((ref_id, end)) = length.and_then(|length| after.split_at_checked(length)) else {
            return Ok(None);
        };
        let Some(rest) = end.strip_prefix("\" />") else { return Ok(None) };
        self.count_element()?;
        self.position = self.text.len() - rest.len();
        Ok(Some(ref_id))
    }

    /// Reads the start tag of a `TN` if it stands here in the usual form, and gives the id in it.
    #[inline]
    pub(crate) fn take_type_names(&mut self) -> Result<Option<&'a str>> {
        let rest = self.rest();
        let Some(after) = rest.strip_prefix("<TN RefId=\"").filter(|_| !self.ends_at_once) else {
            return Ok(None);
        };
        let length = byte_class::digits(after.as_bytes());
        let Some((ref_id, end)) = length.and_then(|length| after.split_at_checked(length)) else {
            return Ok(None);
        };
        let Some(rest) = end.strip_prefix("\">") else { return Ok(None) };
        self.count_element()?;
        self.tag_position = self.position;
        self.position = self.text.len() - rest.len();
        self.open.push("TN");
        Ok(Some(ref_id))
    }

    /// Reads a `ToString` with plain text if it stands here.
    #[inline]
    pub(crate) fn take_to_string(&mut self) -> Result<Option<Piece<'a>>> {
        let rest = self.rest();
        let Some(content) = rest.strip_prefix("<ToString>").filter(|_| !self.ends_at_once) else {
            return Ok(None);
        };
        let (length, classes) = byte_class::text(content.as_bytes());
        let Some((text, end)) = content.split_at_checked(length) else { return Ok(None) };
        let Some(rest) = end.strip_prefix("</ToString>") else { return Ok(None) };
        if classes & byte_class::TEXT != 0 || length > self.limits.text {
            return Ok(None);
        }
        self.count_element()?;
        self.position = self.text.len() - rest.len();
        Ok(Some(Piece::new(text, classes)))
    }

    /// Skips the content and the end of a `TN` that has just begun and whose content begins with `content`; it has
    /// `elements` elements in it, all of them of one level.
    pub(crate) fn skip_known(&mut self, content: &str, elements: usize) -> Result<()> {
        self.elements += elements;
        self.check_limit(Limit::Elements, self.elements, self.limits.elements)?;
        self.check_limit(Limit::Depth, self.open.len() + 1, self.limits.depth)?;
        self.position += content.len() + "</TN>".len();
        self.close();
        Ok(())
    }

    /// Gives what stands between the tags of the `TN` that has just begun, when that is short and usual.
    pub(crate) fn known_content(&self) -> Option<&'a str> {
        let is_usual = !self.ends_at_once && self.prefixes.is_empty();
        if !is_usual || self.open.last() != Some(&"TN") {
            return None;
        }
        let bytes = self.rest().as_bytes();
        let bytes = bytes.get(..bytes.len().min(MAX_KNOWN))?;
        let length = TYPE_NAMES_END.find(bytes)?;
        if length > self.limits.text {
            return None;
        }
        self.rest().get(..length)
    }
}

/// Whether `bytes` begin with the end tag of the element whose tag is the first `length` of `tag`. At most five letters fit.
#[inline]
fn ends_with_tag(bytes: u64, tag: u64, length: usize) -> bool {
    let letters = tag & ((1 << (8 * length)) - 1);
    let end_tag = 0x2F3C | letters << 16 | u64::from(b'>') << (8 * length + 16);
    let unused = 64 - 8 * (length + 3);
    bytes << unused == end_tag << unused
}

static TYPE_NAMES_END: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(b"</TN>"));

/// How many bytes of a `TN` are looked at for a list that was read before.
const MAX_KNOWN: usize = 2048;
