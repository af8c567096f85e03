//! What cmdlets put out: objects with typed properties, in the two shapes in which remoting shows them.
//!
//! A whole mailbox has serialisation depth 1, so everything inside that is not a .NET primitive stands as text. After
//! `Select-Object` the same values stand one level higher and arrive as objects: an enumeration with its number, a size
//! with `IsUnlimited` and `Value`, an address with its parts.

mod encode;
pub(crate) mod text;
pub(crate) mod types;

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use self::text::{byte_size, parse_size};
pub use self::types::ListType;
pub(crate) use self::types::TypeChain;

/// The value of a property.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Field {
    /// Unset.
    Nil,
    /// A string; empty text is not the same as [`Field::Nil`].
    Text(String),
    /// A Boolean.
    Bool(bool),
    /// A 32-bit integer.
    Int(i32),
    /// A GUID; an unset one is all zeros.
    Guid(Uuid),
    /// A date; those in UTC and those with the server's offset differ in their offset only.
    Date(OffsetDateTime),
    /// Bytes, such as a certificate.
    Bytes(Vec<u8>),
    /// A value of a type that remoting shows as text at depth 0.
    Rich(Rich),
    /// A collection.
    List(ListType, Vec<Self>),
}

/// A value of one of Exchange's own types, with the text that its `ToString` gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rich {
    pub(crate) kind: RichKind,
    pub(crate) text: String,
}

/// The type of a [`Rich`] value and what its properties need beside the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RichKind {
    /// `ADObjectId`, with the distinguished name and the object's GUID.
    ObjectId { distinguished_name: String, guid: Uuid },
    /// `SmtpAddress`.
    SmtpAddress,
    /// A proxy address.
    ProxyAddress,
    /// An enumeration: its type, the member's number, and whether the number is 64-bit.
    Enum { name: &'static str, number: i64, wide: bool },
    /// `Unlimited` of a size, in bytes.
    Unlimited(Option<u64>),
    /// `Unlimited` of a number.
    UnlimitedCount(Option<u32>),
    /// `ByteQuantifiedSize`.
    Size(u64),
    /// A type of which nothing but its name and its text is needed.
    Opaque(&'static str),
    /// `CultureInfo`, the one nested object that a whole mailbox shows with properties.
    Culture(i32),
}

impl Field {
    /// Returns a string property.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Returns the empty string.
    pub(crate) const fn empty() -> Self {
        Self::Text(String::new())
    }

    /// Returns the text that a filter and a person see.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::Nil | Self::Bytes(_) => String::new(),
            Self::Text(text) => text.clone(),
            Self::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Guid(value) => value.to_string(),
            Self::Date(value) => text::us_date(*value),
            Self::Rich(value) => value.text.clone(),
            Self::List(_, items) => items.iter().map(Self::display).collect::<Vec<_>>().join(" "),
        }
    }

    /// Returns whether there is nothing in it: unset, empty text or an empty collection.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::Text(text) => text.is_empty(),
            Self::Rich(rich) => rich.text.is_empty(),
            Self::List(_, items) => items.is_empty(),
            _ => false,
        }
    }
}

impl Rich {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the distinguished name, if this is the id of an object.
    pub(crate) fn distinguished_name(&self) -> Option<&str> {
        match &self.kind {
            RichKind::ObjectId { distinguished_name, .. } => Some(distinguished_name),
            _ => None,
        }
    }
}

/// One object of the pipeline.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The .NET type names, most derived first.
    pub(crate) types: TypeChain,
    /// What `ToString` gives; absent for what `Select-Object` made.
    pub(crate) name: Option<String>,
    /// The identity that a following cmdlet of the pipeline binds.
    pub(crate) guid: Option<Uuid>,
    /// The properties in the order of the wire.
    pub(crate) fields: Vec<(Arc<str>, Field)>,
    /// Whether the values stand one level higher, as after `Select-Object`.
    pub(crate) selected: bool,
}

impl Row {
    /// Returns a property by its name, in any case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, field)| field)
    }

    /// Returns the names and values of all properties.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.fields.iter().map(|(name, field)| (name.as_ref(), field))
    }

    /// Returns the most derived type name.
    #[must_use]
    pub fn type_name(&self) -> String {
        self.types.first()
    }
}

/// What a pipeline puts out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// An object.
    Row(Row),
    /// A bare value, as `Select-Object -ExpandProperty` gives.
    Field(Field),
}
