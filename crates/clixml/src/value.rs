//! The model of one CLIXML value: primitives, objects, containers, references.
//!
//! Spec: [MS-PSRP] 2.2.5 Serialization. What surprised: a property, a list item or a whole message may be a
//! primitive, an object whose `ToString` says the same, or an object that wraps the primitive, depending on the depth the
//! server happened to serialize with. The accessors here ([`Value::text`], [`Value::as_i64`], …) look through all three.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::borrow::Cow;
use std::fmt;

use uuid::Uuid;

use crate::date_time::DateTime;
use crate::decimal::Decimal;
use crate::number;
use crate::progress::Progress;
use crate::tag::PrimitiveTag;
use crate::text::Text;
use crate::time_span::TimeSpan;
use crate::type_names::TypeNames;
use crate::version::Version;

/// One CLIXML value.
///
/// The `Debug` form leaves out the bytes of secure strings, which are not always encrypted.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `Nil`: null.
    #[default]
    Nil,
    /// `S`: a string.
    String(Text),
    /// `C`: one UTF-16 code unit.
    Char(u16),
    /// `B`: a Boolean.
    Bool(bool),
    /// `DT`: a date and time.
    DateTime(DateTime),
    /// `TS`: a duration.
    TimeSpan(TimeSpan),
    /// `By`: an unsigned 8-bit integer.
    U8(u8),
    /// `SB`: a signed 8-bit integer.
    I8(i8),
    /// `U16`: an unsigned 16-bit integer.
    U16(u16),
    /// `I16`: a signed 16-bit integer.
    I16(i16),
    /// `U32`: an unsigned 32-bit integer.
    U32(u32),
    /// `I32`: a signed 32-bit integer.
    I32(i32),
    /// `U64`: an unsigned 64-bit integer.
    U64(u64),
    /// `I64`: a signed 64-bit integer.
    I64(i64),
    /// `Sg`: a 32-bit floating-point number.
    F32(f32),
    /// `Db`: a 64-bit floating-point number.
    F64(f64),
    /// `D`: a decimal number.
    Decimal(Decimal),
    /// `BA`: bytes.
    Bytes(Vec<u8>),
    /// `G`: a GUID.
    Guid(Uuid),
    /// `URI`: a URI, as the sender's text.
    Uri(Text),
    /// `Version`: two to four numbers.
    Version(Version),
    /// `XD`: a whole XML document, as text.
    Xml(Text),
    /// `SBK`: the source text of a script block.
    ScriptBlock(Text),
    /// `SS`: a secure string, as the opaque bytes that were sent: cipher text under the session key, or (protocol 2.4,
    /// files) UTF-16LE.
    SecureString(Vec<u8>),
    /// `PR`: a progress record in a file.
    Progress(Box<Progress>),
    /// `Obj`: an object, a container, or a primitive with type names or properties.
    Object(Box<Object>),
    /// `Ref`: the object with this id once more.
    Ref(ObjectId),
    /// An element this crate does not know, kept as its text; its child elements are left out.
    #[non_exhaustive]
    Unknown {
        /// The element's name.
        tag: String,
        /// The element's own character data.
        text: String,
    },
}

/// The number of an `Obj` within its document or message, counted from 0 in document order.
///
/// It stands for the object in [`Value::Ref`]. Ids of different documents say nothing about one another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectId(u32);

impl ObjectId {
    /// Makes the id of the object number `ordinal`.
    #[must_use]
    pub const fn new(ordinal: u32) -> Self {
        Self(ordinal)
    }

    /// Gives the number.
    #[must_use]
    pub const fn ordinal(self) -> u32 {
        self.0
    }
}

/// An `Obj`: anything that is more than a plain primitive.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are all the parts an Obj element has")]
pub struct Object {
    /// What a [`Value::Ref`] calls this object; objects that were not read from a document need none.
    pub id: Option<ObjectId>,
    /// The type names, most specific first; shared among objects.
    pub type_names: TypeNames,
    /// What `ToString()` gave on the far side.
    pub to_string: Option<Text>,
    /// The wrapped primitive, inner object or container.
    pub content: Content,
    /// `Props`: the properties of the .NET object, in document order.
    pub adapted: Vec<Property>,
    /// `MS`: the properties PowerShell added, in document order.
    pub extended: Vec<Property>,
}

/// What an [`Object`] is apart from its properties.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// Nothing: the properties are all there is.
    #[default]
    None,
    /// A primitive (the number of an enumeration, a string with notes) or an inner object.
    Value(Value),
    /// `LST`: an array or list.
    List(Vec<Value>),
    /// `IE`: another enumerable.
    Enumerable(Vec<Value>),
    /// `STK`: a stack, the top first.
    Stack(Vec<Value>),
    /// `QUE`: a queue, the head first.
    Queue(Vec<Value>),
    /// `DCT`: a dictionary, in the sender's order. Keys may be equal ignoring case.
    Dictionary(Vec<(Value, Value)>),
}

/// A property of an [`Object`].
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a property is a name and a value")]
pub struct Property {
    /// The name, which PowerShell compares ignoring case.
    pub name: Text,
    /// The value.
    pub value: Value,
}

impl Value {
    /// Makes a list (`LST`) with the type names given.
    #[must_use]
    pub fn list(type_names: impl Into<TypeNames>, items: Vec<Self>) -> Self {
        Object::new().with_type_names(type_names).with_content(Content::List(items)).into()
    }

    /// Makes a dictionary (`DCT`) with the type names given.
    #[must_use]
    pub fn dictionary(type_names: impl Into<TypeNames>, entries: Vec<(Self, Self)>) -> Self {
        Object::new().with_type_names(type_names).with_content(Content::Dictionary(entries)).into()
    }

    /// Makes a value of the enumeration `type_name`, whose member `name` has the number `number`.
    #[must_use]
    pub fn enumeration(type_name: &str, name: impl Into<Text>, number: i32) -> Self {
        Object::new()
            .with_type_names(TypeNames::enumeration(type_name))
            .with_to_string(name)
            .with_content(Content::Value(Self::I32(number)))
            .into()
    }

    /// Whether this is null.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self.unwrapped(), Self::Nil)
    }

    /// Gives the object, unless this is a bare primitive.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Gives the string, URI, script or XML text, also of an object that wraps one.
    ///
    /// `None` for everything else and for text with a lone surrogate; [`Value::text`] takes more.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.unwrapped() {
            Self::String(text) | Self::Uri(text) | Self::Xml(text) | Self::ScriptBlock(text) => {
                text.as_str()
            }
            _ => None,
        }
    }

    /// Gives the Boolean, also of an object that wraps one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.unwrapped() {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Gives the integer, of whatever width, also of an object that wraps one, such as an enumeration.
    ///
    /// `None` for everything else and for a `U64` beyond `i64::MAX`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.unwrapped() {
            Self::U8(number) => Some(i64::from(*number)),
            Self::I8(number) => Some(i64::from(*number)),
            Self::U16(number) => Some(i64::from(*number)),
            Self::I16(number) => Some(i64::from(*number)),
            Self::U32(number) => Some(i64::from(*number)),
            Self::I32(number) => Some(i64::from(*number)),
            Self::U64(number) => i64::try_from(*number).ok(),
            Self::I64(number) => Some(*number),
            _ => None,
        }
    }

    /// Gives the number of an enumeration value, which may also have come as a bare integer.
    #[must_use]
    pub fn enum_number(&self) -> Option<i64> {
        self.as_i64()
    }

    /// Gives the GUID, also of an object that wraps one and of text in a GUID's form.
    #[must_use]
    pub fn as_guid(&self) -> Option<Uuid> {
        match self.unwrapped() {
            Self::Guid(guid) => Some(*guid),
            _ => self.text().and_then(|text| Uuid::try_parse(&text).ok()),
        }
    }

    /// Gives the text PowerShell shows for the value: a string itself, an object's `ToString`, a wrapped primitive, a number,
    /// `True` or `False`, a GUID, a version, a `TimeSpan` as `1.02:03:04`, a `DateTime` in its XML form.
    ///
    /// Lone surrogates become U+FFFD. `None` for null, bytes, containers, references and objects without `ToString`.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        let owned = match self {
            Self::String(text) | Self::Uri(text) | Self::Xml(text) | Self::ScriptBlock(text) => {
                return Some(text.to_str_lossy());
            }
            Self::Object(object) => return object.text(),
            Self::Bool(value) => return Some(Cow::Borrowed(if *value { "True" } else { "False" })),
            Self::Char(unit) => String::from_utf16_lossy(&[*unit]),
            Self::DateTime(value) => value.to_string(),
            Self::TimeSpan(value) => value.to_constant_format(),
            Self::U8(number) => number.to_string(),
            Self::I8(number) => number.to_string(),
            Self::U16(number) => number.to_string(),
            Self::I16(number) => number.to_string(),
            Self::U32(number) => number.to_string(),
            Self::I32(number) => number.to_string(),
            Self::U64(number) => number.to_string(),
            Self::I64(number) => number.to_string(),
            Self::F32(number) => number::format_f32(*number),
            Self::F64(number) => number::format_f64(*number),
            Self::Decimal(number) => number.to_string(),
            Self::Guid(guid) => guid.to_string(),
            Self::Version(version) => version.to_string(),
            Self::Nil
            | Self::Bytes(_)
            | Self::SecureString(_)
            | Self::Progress(_)
            | Self::Ref(_)
            | Self::Unknown { .. } => return None,
        };
        Some(Cow::Owned(owned))
    }

    /// Gives the property `name`: see [`Object::property`].
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Self> {
        self.as_object()?.property(name)
    }

    /// Gives the items of a list, enumerable, stack (top first) or queue (head first).
    #[must_use]
    pub fn items(&self) -> Option<&[Self]> {
        match &self.innermost()?.content {
            Content::List(items)
            | Content::Enumerable(items)
            | Content::Stack(items)
            | Content::Queue(items) => Some(items),
            Content::None | Content::Value(_) | Content::Dictionary(_) => None,
        }
    }

    /// Gives the entries of a dictionary, in the sender's order.
    #[must_use]
    pub fn entries(&self) -> Option<&[(Self, Self)]> {
        match &self.innermost()?.content {
            Content::Dictionary(entries) => Some(entries),
            _ => None,
        }
    }

    /// Gives the value of the dictionary entry whose key shows as `key`, ignoring case; an exact match goes before others.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Self> {
        let entries = self.entries()?;
        let find = |equal: fn(&str, &str) -> bool| {
            entries.iter().find(|(own, _)| own.text().is_some_and(|own| equal(&own, key)))
        };
        find(|left, right| left == right)
            .or_else(|| find(crate::text::equal_ignoring_case))
            .map(|(_, value)| value)
    }

    /// Follows wrapping objects to the primitive or the object without a wrapped value.
    fn unwrapped(&self) -> &Self {
        let mut value = self;
        while let Self::Object(object) = value {
            match &object.content {
                Content::Value(inner) => value = inner,
                _ => break,
            }
        }
        value
    }

    fn innermost(&self) -> Option<&Object> {
        self.unwrapped().as_object()
    }
}

impl Object {
    /// Makes an object without type names, text, content or properties.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the type names.
    #[must_use]
    pub fn with_type_names(mut self, type_names: impl Into<TypeNames>) -> Self {
        self.type_names = type_names.into();
        self
    }

    /// Sets what `ToString()` gives.
    #[must_use]
    pub fn with_to_string(mut self, text: impl Into<Text>) -> Self {
        self.to_string = Some(text.into());
        self
    }

    /// Sets the wrapped primitive, inner object or container.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Adds an adapted property, a member of `Props`.
    #[must_use]
    pub fn with_adapted(mut self, name: impl Into<Text>, value: impl Into<Value>) -> Self {
        self.adapted.push(Property { name: name.into(), value: value.into() });
        self
    }

    /// Adds an extended property, a member of `MS`.
    #[must_use]
    pub fn with_extended(mut self, name: impl Into<Text>, value: impl Into<Value>) -> Self {
        self.extended.push(Property { name: name.into(), value: value.into() });
        self
    }

    /// Sets the id a [`Value::Ref`] can point at.
    #[must_use]
    pub fn with_id(mut self, id: ObjectId) -> Self {
        self.id = Some(id);
        self
    }

    /// Gives the property `name`, ignoring case: an extended one before an adapted one, the last of several of the same
    /// name, at last one of an inner object.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        let mut object = self;
        loop {
            let mut members = object.adapted.iter().chain(&object.extended).rev();
            if let Some(found) = members.find(|property| property.name.eq_ignore_case(name)) {
                return Some(&found.value);
            }
            match &object.content {
                Content::Value(Value::Object(inner)) => object = inner,
                _ => return None,
            }
        }
    }

    /// Walks over all properties, the adapted ones first.
    pub fn properties(&self) -> impl Iterator<Item = &Property> {
        self.adapted.iter().chain(&self.extended)
    }

    /// Gives `ToString`, else the text of the wrapped value: see [`Value::text`].
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        let mut object = self;
        loop {
            if let Some(text) = &object.to_string {
                return Some(text.to_str_lossy());
            }
            match &object.content {
                Content::Value(Value::Object(inner)) => object = inner,
                Content::Value(primitive) => return primitive.text(),
                _ => return None,
            }
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, field): (&str, &dyn fmt::Debug) = match self {
            Self::Nil => return f.write_str("Nil"),
            Self::String(text) => ("String", text),
            Self::Uri(text) => ("Uri", text),
            Self::Xml(text) => ("Xml", text),
            Self::ScriptBlock(text) => ("ScriptBlock", text),
            Self::Char(value) => ("Char", value),
            Self::Bool(value) => ("Bool", value),
            Self::DateTime(value) => ("DateTime", value),
            Self::TimeSpan(value) => ("TimeSpan", value),
            Self::U8(value) => ("U8", value),
            Self::I8(value) => ("I8", value),
            Self::U16(value) => ("U16", value),
            Self::I16(value) => ("I16", value),
            Self::U32(value) => ("U32", value),
            Self::I32(value) => ("I32", value),
            Self::U64(value) => ("U64", value),
            Self::I64(value) => ("I64", value),
            Self::F32(value) => ("F32", value),
            Self::F64(value) => ("F64", value),
            Self::Decimal(value) => ("Decimal", value),
            Self::Bytes(value) => ("Bytes", value),
            Self::Guid(value) => ("Guid", value),
            Self::Version(value) => ("Version", value),
            Self::Progress(value) => ("Progress", value),
            Self::Object(value) => ("Object", value),
            Self::Ref(value) => ("Ref", value),
            Self::SecureString(_) => ("SecureString", &Hidden),
            Self::Unknown { tag, .. } if tag == PrimitiveTag::SecureString.as_str() => {
                ("SecureString", &Hidden)
            }
            Self::Unknown { tag, .. } => ("Unknown", tag),
        };
        f.debug_tuple(name).field(field).finish()
    }
}

/// Stands for what is not to be shown.
struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(Box::new(object))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::I32(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::U32(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}

impl From<Uuid> for Value {
    fn from(guid: Uuid) -> Self {
        Self::Guid(guid)
    }
}

impl From<Version> for Value {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl From<DateTime> for Value {
    fn from(value: DateTime) -> Self {
        Self::DateTime(value)
    }
}

impl From<TimeSpan> for Value {
    fn from(value: TimeSpan) -> Self {
        Self::TimeSpan(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Object, TypeNames, Value};

    #[test]
    fn text_looks_through_wrapping() {
        let noted: Value =
            Object::new().with_content(Content::Value("text".into())).with_extended("n", 1).into();
        assert_eq!(noted.text().as_deref(), Some("text"));
        assert_eq!(noted.as_str(), Some("text"));
        let size: Value =
            Object::new().with_to_string("Unlimited").with_adapted("IsUnlimited", true).into();
        assert_eq!(size.text().as_deref(), Some("Unlimited"));
        assert_eq!(size.as_str(), None);
        assert_eq!(Value::enumeration("X.Y", "Blue", 9).enum_number(), Some(9));
        assert_eq!(Value::enumeration("X.Y", "Blue", 9).text().as_deref(), Some("Blue"));
    }

    #[test]
    fn an_extended_property_hides_an_adapted_one_and_the_last_of_a_name_counts() {
        let value: Value = Object::new()
            .with_adapted("Name", "adapted")
            .with_adapted("Alias", "a")
            .with_extended("NAME", "first")
            .with_extended("name", "last")
            .into();
        assert_eq!(value.property("nAME"), Some(&"last".into()));
        assert_eq!(value.property("alias"), Some(&"a".into()));
        assert_eq!(value.property("Absent"), None);
    }

    #[test]
    fn properties_of_an_inner_object_are_found_last() {
        let inner = Object::new().with_extended("a", 1).with_extended("b", 2);
        let outer = Object::new().with_content(Content::Value(inner.into())).with_extended("a", 3);
        assert_eq!(outer.property("a"), Some(&3.into()));
        assert_eq!(outer.property("b"), Some(&2.into()));
    }

    #[test]
    fn secure_strings_do_not_show() {
        let value = Value::list(TypeNames::none(), vec![Value::SecureString(b"s3cret".to_vec())]);
        let shown = format!("{value:?}");
        assert!(shown.contains("SecureString(…)") && !shown.contains("115"), "{shown}");
    }

    #[test]
    fn dictionary_keys_are_found_exactly_before_ignoring_case() {
        let table = Value::dictionary(
            TypeNames::hashtable(),
            vec![("KEY".into(), 1.into()), ("key".into(), 2.into())],
        );
        assert_eq!(table.entry("key"), Some(&2.into()));
        assert_eq!(table.entry("Key"), Some(&1.into()));
    }
}
