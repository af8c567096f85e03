//! From CLIXML to Rust data.
//!
//! One property arrives as a string here and as an object with a `ToString` there, an enumeration as its name or as an
//! object around its number. What the Rust type asks for decides which of them is taken. Documents are read straight into
//! the Rust type: what it does not ask for is skipped, and no tree is made.

mod cursor;
mod element;
mod fields;
mod survey;
mod value;

use serde::de::{self, Deserialize};

pub(crate) use cursor::{Cursor, Defined};
pub(crate) use element::ElementDeserializer;

use crate::error::Error;
use crate::limits::Limits;
use crate::source::{Source, xml_of};
use crate::value::Value;

/// How deep Rust data may be nested: it is read and dropped by recursion. The engine itself stops at 48 objects.
const MAX_DEPTH: usize = 128;

/// Reads Rust data from a CLIXML value, without a tree of values in between.
///
/// The Rust type decides what is taken:
///
/// - A struct takes an object's properties or a dictionary's entries. Names are compared exactly first, then ignoring
///   case; an extended property goes before an adapted one; what the struct does not ask for is skipped.
/// - A string takes a string, an object's `ToString`, or the text of a primitive: see [`Value::text`]. It may borrow.
/// - A number takes a number of any width that fits, or the number of an enumeration.
/// - A `Vec` takes a list, enumerable, stack (top first), queue or bytes; a map a dictionary or an object's properties.
/// - An `Option` takes `Nil` as `None`; an enum takes a string or an enumeration's name, ignoring case.
/// - A [`Value`] takes anything, whole. References are followed, also to objects that were skipped.
///
/// Rust data may be nested 128 levels deep. What is skipped is not checked but for the tags of objects. What the struct
/// takes is read twice, which counts twice towards [`Limits::with_elements`].
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Mailbox<'a> {
///     #[serde(rename = "Alias")]
///     alias: &'a str,
///     #[serde(rename = "Quota")]
///     quota: Option<String>,
/// }
///
/// let xml = r#"<Obj RefId="0"><Props><S N="Alias">ann</S><Obj N="Quota" RefId="1"><ToString>2 GB</ToString></Obj></Props></Obj>"#;
/// let mailbox: Mailbox = clixml::from_str(xml)?;
/// assert_eq!((mailbox.alias, mailbox.quota.as_deref()), ("ann", Some("2 GB")));
/// assert!(clixml::from_str::<Mailbox>("<S>ann</S>").is_err());
/// # Ok::<(), clixml::Error>(())
/// ```
///
/// # Errors
///
/// [`Error`] when the text is not one CLIXML value within the default [`Limits`], or the value has another shape than `T`.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    let xml = xml_of(text.strip_prefix('\u{FEFF}').unwrap_or(text));
    read_one(Cursor::new(xml, Some(xml), Limits::default()))
}

/// Reads Rust data from the body of a PSRP message or a file of one value: see [`from_str`].
///
/// UTF-8, or UTF-16 or UTF-32 after its byte order mark; from the latter two nothing can be borrowed.
///
/// # Errors
///
/// [`Error`] when the bytes are not one CLIXML value within the default [`Limits`], or the value has another shape than `T`.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    from_slice_with_limits(bytes, Limits::default())
}

/// Reads Rust data within `limits`: see [`from_slice`].
///
/// # Errors
///
/// [`Error`] when the bytes are not one CLIXML value within the limits, or the value has another shape than `T`.
pub fn from_slice_with_limits<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    limits: Limits,
) -> Result<T, Error> {
    let source = Source::decode(bytes)?;
    match source.borrowed_xml() {
        Some(xml) => read_one(Cursor::new(xml, Some(xml), limits)),
        None => read_one(Cursor::new(source.xml(), None, limits)),
    }
}

fn read_one<'de, T: Deserialize<'de>>(mut cursor: Cursor<'de, '_>) -> Result<T, Error> {
    let Some(element) = cursor.next_value()? else { return Err(Error::Count { found: 0 }) };
    let data = T::deserialize(ElementDeserializer::new(&mut cursor, element))?;
    match cursor.next_value()? {
        None => Ok(data),
        Some(_) => Err(Error::Count { found: 2 }),
    }
}

/// Reads Rust data from a value in memory: see [`from_str`].
///
/// References are followed to objects inside `value`.
///
/// # Errors
///
/// [`Error::Mismatch`] or [`Error::Custom`] when the value has another shape than `T`, [`Error::UnknownReference`] for a
/// reference to no object in `value`, [`Error::Limit`] when references unfold into more than 1,000,000 objects or 128
/// levels.
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, Error> {
    value::read(value)
}

impl de::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}
