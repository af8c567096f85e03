//! Canonical dumps: a document's content line by line, for comparing and for reading.
//!
//! Both dumps have four fields a line, `depth|kind|name|text`, in which `\` is written `\\`, `|` is `\p`, CR is `\r`, LF
//! is `\n`, and a lone surrogate is U+FFFD. They come from the [`Reader`]'s events, not from values, because they keep the text of
//! numbers and dates as it stands in the document.

mod decoded;
mod raw;

use std::collections::BTreeMap;

use crate::error::Error;
use crate::limits::Limits;
use crate::reader::Reader;
use crate::source::Source;

/// What can be told about a CLIXML document without looking at its values.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Facts {
    /// `utf-8`, `utf-8-bom` or `utf-16`.
    pub encoding: &'static str,
    /// The root element's name.
    pub root: String,
    /// How many values there are at the top.
    pub top_level: usize,
    /// The first type name of the first value: empty for an object without type names, the element's name for anything
    /// else, `None` in a document without values.
    pub first_type: Option<String>,
    /// The names of the first value's adapted properties, sorted.
    pub first_adapted: Vec<String>,
    /// The names of the first value's extended properties, sorted.
    pub first_extended: Vec<String>,
    /// How often each element occurs.
    pub elements: BTreeMap<String, usize>,
    /// The dump of the elements: see [`raw`](raw()).
    pub raw: String,
    /// The dump of the objects: see [`decoded`](decoded()).
    pub decoded: String,
}

/// Dumps the elements of any XML document, in document order, the root at depth 0.
///
/// `kind` is the local name; `name` the attribute `N`, else `Name`; `text` is `#` and the attribute `RefId` where there is
/// one, else the character data of an element without child elements.
///
/// # Errors
///
/// [`Error`] when the document is not well-formed or exceeds the default [`Limits`].
pub fn raw(bytes: &[u8]) -> Result<String, Error> {
    let source = Source::decode(bytes)?;
    Ok(raw::dump(source.xml(), Limits::default())?.text)
}

/// Dumps the objects of a CLIXML document.
///
/// Escapes are undone, type names and references resolved, the parts of an object brought into one order. A value's `name`
/// is the attribute `N`, else `@` and the attribute `S`; an object's `text` is its `ToString`, a reference's the number
/// of the object it points at or `?`.
///
/// # Errors
///
/// [`Error`] when the document is not well-formed or exceeds the default [`Limits`].
pub fn decoded(bytes: &[u8]) -> Result<String, Error> {
    let source = Source::decode(bytes)?;
    Ok(decoded::dump(Reader::new(&source, Limits::default()))?.text)
}

/// Gathers the facts about a CLIXML document, both dumps included.
///
/// # Errors
///
/// [`Error`] when the document is not well-formed or exceeds the default [`Limits`].
pub fn facts(bytes: &[u8]) -> Result<Facts, Error> {
    let source = Source::decode(bytes)?;
    let elements = raw::dump(source.xml(), Limits::default())?;
    let objects = decoded::dump(Reader::new(&source, Limits::default()))?;
    let mut first_adapted = objects.first_adapted;
    let mut first_extended = objects.first_extended;
    first_adapted.sort();
    first_extended.sort();
    Ok(Facts {
        encoding: source.encoding().name(),
        root: elements.root,
        top_level: objects.top_level,
        first_type: objects.first_type,
        first_adapted,
        first_extended,
        elements: elements.counts,
        raw: elements.text,
        decoded: objects.text,
    })
}

/// Appends one field, the characters that mean something in a dump written otherwise.
fn push_field(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '|' => out.push_str("\\p"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            _ => out.push(character),
        }
    }
}

/// Appends the first three fields and the bar before the fourth.
fn push_head(out: &mut String, depth: usize, kind: &str, name: &str) {
    out.push_str(&depth.to_string());
    out.push('|');
    push_field(out, kind);
    out.push('|');
    push_field(out, name);
    out.push('|');
}

fn push_line(out: &mut String, depth: usize, kind: &str, name: &str, text: &str) {
    push_head(out, depth, kind, name);
    push_field(out, text);
    out.push('\n');
}
