//! Whole documents and message bodies.
//!
//! Spec: [MS-PSRP] 2.2.5 Serialization.

use crate::error::Error;
use crate::limits::Limits;
use crate::source::Source;
use crate::text::Text;
use crate::tree;
use crate::value::Value;

/// A CLIXML document: the values at its top level.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// The values, in document order. Ids of objects have the whole document as their scope.
    pub values: Vec<Value>,
    /// The stream each value belongs to (`Error`, `Progress`, …), where the document says so; as long as `values`.
    pub streams: Vec<Option<Text>>,
}

/// Reads the body of a PSRP message: exactly one value, with or without a byte order mark.
///
/// # Errors
///
/// [`Error`] when the bytes are not one well-formed CLIXML value within the default [`Limits`].
pub fn read_value(bytes: &[u8]) -> Result<Value, Error> {
    read_value_with_limits(bytes, Limits::default())
}

/// Reads the body of a PSRP message within `limits`: see [`read_value`].
///
/// # Errors
///
/// [`Error`] when the bytes are not one well-formed CLIXML value within the limits.
pub fn read_value_with_limits(bytes: &[u8], limits: Limits) -> Result<Value, Error> {
    let mut document = read_document_with_limits(bytes, limits)?;
    match (document.values.pop(), document.values.len()) {
        (Some(value), 0) => Ok(value),
        (last, others) => Err(Error::Count { found: others + usize::from(last.is_some()) }),
    }
}

/// Reads a CLIXML file: an `Objs` element or a bare value, in UTF-8 or (with a byte order mark) UTF-16 or UTF-32, also after a
/// first line `#< CLIXML`.
///
/// # Errors
///
/// [`Error`] when the bytes are not well-formed CLIXML within the default [`Limits`].
pub fn read_document(bytes: &[u8]) -> Result<Document, Error> {
    read_document_with_limits(bytes, Limits::default())
}

/// Reads a CLIXML file within `limits`: see [`read_document`].
///
/// # Errors
///
/// [`Error`] when the bytes are not well-formed CLIXML within the limits.
pub fn read_document_with_limits(bytes: &[u8], limits: Limits) -> Result<Document, Error> {
    tree::build(&Source::decode(bytes)?, limits)
}
