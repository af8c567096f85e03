//! From values in memory to Rust data.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer, Visitor};

use super::MAX_DEPTH;
use crate::error::Error;
use crate::index::Index;
use crate::limits::{Limit, Limits};
use crate::text::{Text, equal_ignoring_case};
use crate::value::{Content, Object, ObjectId, Property, Value};
use crate::value_serde;

pub(super) fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, Error> {
    let context = Context {
        index: Index::of(std::slice::from_ref(value)),
        references: Cell::new(Limits::default().references),
    };
    T::deserialize(ValueDeserializer { value, context: &context, depth: 0 })
}

struct Context<'de> {
    index: Index<'de>,
    /// How many references may still be followed.
    references: Cell<usize>,
}

#[derive(Clone, Copy)]
struct ValueDeserializer<'de, 'c> {
    value: &'de Value,
    context: &'c Context<'de>,
    depth: usize,
}

/// A value whose reference is followed.
#[derive(Clone, Copy)]
enum Node<'de> {
    Primitive(&'de Value),
    Object(&'de Object),
}

impl<'de, 'c> ValueDeserializer<'de, 'c> {
    fn node(self) -> Result<Node<'de>, Error> {
        let object = match self.value {
            Value::Object(object) => object,
            Value::Ref(id) => {
                let allowed = Limits::default().references;
                let left = self.context.references.get().checked_sub(1).ok_or(Error::Limit {
                    limit: Limit::References,
                    allowed,
                    position: 0,
                })?;
                self.context.references.set(left);
                let unknown = || Error::UnknownReference {
                    position: 0,
                    tag: "Ref",
                    id: id.ordinal().to_string(),
                };
                return self.context.index.get(*id).map(Node::Object).ok_or_else(unknown);
            }
            primitive => return Ok(Node::Primitive(primitive)),
        };
        Ok(Node::Object(object))
    }

    fn inner(self, value: &'de Value) -> Result<Self, Error> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(Error::Limit { limit: Limit::Depth, allowed: MAX_DEPTH, position: 0 });
        }
        Ok(Self { value, depth, ..self })
    }

    /// Follows references and wrapping objects to a primitive; `None` for an object that wraps none.
    fn primitive(self) -> Result<Option<&'de Value>, Error> {
        let mut at = self;
        loop {
            match at.node()? {
                Node::Primitive(primitive) => return Ok(Some(primitive)),
                Node::Object(Object { content: Content::Value(inner), .. }) => {
                    at = at.inner(inner)?
                }
                Node::Object(_) => return Ok(None),
            }
        }
    }

    /// Follows references and wrapping objects to the innermost object.
    fn object(self) -> Result<Option<&'de Object>, Error> {
        let mut at = self;
        loop {
            let Node::Object(object) = at.node()? else { return Ok(None) };
            match &object.content {
                Content::Value(inner @ (Value::Object(_) | Value::Ref(_))) => {
                    at = at.inner(inner)?
                }
                _ => return Ok(Some(object)),
            }
        }
    }

    fn number(self) -> Result<Number, Error> {
        let number = match self.primitive()? {
            Some(Value::Char(unit)) => Number::Unsigned(u64::from(*unit)),
            Some(Value::U64(number)) => Number::Unsigned(*number),
            Some(Value::F32(number)) => Number::Float(f64::from(*number)),
            Some(Value::F64(number)) => Number::Float(*number),
            Some(Value::Decimal(number)) => match number.to_string().parse() {
                Ok(number) => Number::Float(number),
                Err(_) => return Err(self.mismatch("a number")),
            },
            Some(primitive) => match primitive.as_i64() {
                Some(number) => Number::Signed(number),
                None => return Err(self.mismatch("a number")),
            },
            None => return Err(self.mismatch("a number")),
        };
        Ok(number)
    }

    /// Gives what PowerShell would show for the value; `None` when that is nothing.
    fn text(self) -> Result<Option<Cow<'de, str>>, Error> {
        let mut at = self;
        loop {
            match at.node()? {
                Node::Primitive(primitive) => return Ok(primitive.text()),
                Node::Object(Object { to_string: Some(text), .. }) => {
                    return Ok(Some(text.to_str_lossy()));
                }
                Node::Object(Object { content: Content::Value(inner), .. }) => {
                    at = at.inner(inner)?;
                }
                Node::Object(_) => return Ok(None),
            }
        }
    }

    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text()? {
            Some(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Some(Cow::Owned(text)) => visitor.visit_string(text),
            None => Err(self.mismatch("a string")),
        }
    }

    fn mismatch(self, expected: &'static str) -> Error {
        Error::Mismatch { expected, found: found(self.value) }
    }

    fn visit_any_object<V: Visitor<'de>>(
        self,
        object: &'de Object,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &object.content {
            Content::List(_) | Content::Enumerable(_) | Content::Stack(_) | Content::Queue(_) => {
                de::Deserializer::deserialize_seq(self, visitor)
            }
            Content::Dictionary(_) => de::Deserializer::deserialize_map(self, visitor),
            // An enumeration says more by its name than by its number.
            Content::Value(_) if object.to_string.is_some() => self.visit_text(visitor),
            Content::Value(inner) => de::Deserializer::deserialize_any(self.inner(inner)?, visitor),
            Content::None if object.properties().next().is_none() && object.to_string.is_some() => {
                self.visit_text(visitor)
            }
            Content::None => de::Deserializer::deserialize_map(self, visitor),
        }
    }
}

enum Number {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Nil => "null",
        Value::Object(object) => match &object.content {
            Content::Dictionary(_) => "a dictionary",
            Content::List(_) | Content::Enumerable(_) | Content::Stack(_) | Content::Queue(_) => {
                "a list"
            }
            Content::None | Content::Value(_) => "an object",
        },
        Value::Ref(_) => "a reference",
        Value::String(_) => "a string",
        Value::Bytes(_) => "bytes",
        Value::SecureString(_) => "a secure string",
        _ => "another primitive",
    }
}

macro_rules! deserialize_number {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.number()? {
                Number::Signed(number) => visitor.visit_i64(number),
                Number::Unsigned(number) => visitor.visit_u64(number),
                Number::Float(number) => visitor.visit_f64(number),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for ValueDeserializer<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let primitive = match self.node()? {
            Node::Primitive(primitive) => primitive,
            Node::Object(object) => return self.visit_any_object(object, visitor),
        };
        match primitive {
            Value::Nil => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Bytes(bytes) | Value::SecureString(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::U64(number) => visitor.visit_u64(*number),
            Value::F32(number) => visitor.visit_f32(*number),
            Value::F64(number) => visitor.visit_f64(*number),
            other => match other.as_i64() {
                Some(number) => visitor.visit_i64(number),
                None => self.visit_text(visitor),
            },
        }
    }

    deserialize_number! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.primitive()? {
            Some(Value::Bool(value)) => visitor.visit_bool(*value),
            _ => Err(self.mismatch("a Boolean")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_text(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.primitive()? {
            Some(Value::Bytes(bytes) | Value::SecureString(bytes)) => {
                visitor.visit_borrowed_bytes(bytes)
            }
            _ => Err(self.mismatch("bytes")),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.primitive()? {
            Some(Value::Nil) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.primitive()? {
            Some(Value::Nil) => visitor.visit_unit(),
            _ => Err(self.mismatch("null")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == value_serde::NAME {
            let value = whole(self.value, &self.context.index, &mut HashSet::new(), self.depth)?;
            return value_serde::hand_over(value, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(Value::Bytes(bytes)) = self.primitive()? {
            return visitor.visit_seq(de::value::SeqDeserializer::new(bytes.iter().copied()));
        }
        match self.object()?.map(|object| &object.content) {
            Some(
                Content::List(items)
                | Content::Enumerable(items)
                | Content::Stack(items)
                | Content::Queue(items),
            ) => visitor.visit_seq(Items { items: items.iter(), at: self }),
            _ => Err(self.mismatch("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.object()? {
            Some(Object { content: Content::Dictionary(entries), .. }) => {
                visitor.visit_map(Entries { entries: entries.iter(), value: None, at: self })
            }
            Some(object) => visitor.visit_map(Members {
                members: all_members(object).into_iter(),
                value: None,
                at: self,
            }),
            None => Err(self.mismatch("a dictionary or object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Node::Object(object) = self.node()? else { return Err(self.mismatch("an object")) };
        let members = wanted_members(object, fields);
        visitor.visit_map(Members { members: members.into_iter(), value: None, at: self })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text = self.text()?;
        if text.is_none()
            && let Node::Object(object) = self.node()?
            && let [(name, value)] = all_members(object).as_slice()
        {
            let name = name.clone().into_owned();
            return visitor.visit_enum(Variant { name, value: self.inner(value)? });
        }
        let text = text.ok_or_else(|| self.mismatch("the name of a variant"))?;
        let known = variants.iter().find(|variant| equal_ignoring_case(variant, &text));
        visitor.visit_enum(known.map_or(&*text, |known| *known).into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// How deep a value may be that is copied: more than a document can make it by default.
const MAX_VALUE_DEPTH: usize = 300;

/// Copies a value so that it stands for itself: objects elsewhere that it points at become part of it, each once.
fn whole(
    value: &Value,
    index: &Index<'_>,
    copied: &mut HashSet<ObjectId>,
    depth: usize,
) -> Result<Value, Error> {
    let object = match value {
        Value::Object(object) => object,
        Value::Ref(id) => match index.get(*id) {
            Some(object) => object,
            None => return Ok(value.clone()),
        },
        primitive => return Ok(primitive.clone()),
    };
    if let Some(id) = object.id.filter(|id| !copied.insert(*id)) {
        return Ok(Value::Ref(id));
    }
    if depth >= MAX_VALUE_DEPTH {
        return Err(Error::Limit { limit: Limit::Depth, allowed: MAX_VALUE_DEPTH, position: 0 });
    }
    let mut copy = |value: &Value| whole(value, index, copied, depth + 1);
    let mut list = |items: &[Value]| items.iter().map(&mut copy).collect::<Result<Vec<_>, _>>();
    let content = match &object.content {
        Content::None => Content::None,
        Content::Value(inner) => Content::Value(copy(inner)?),
        Content::List(items) => Content::List(list(items)?),
        Content::Enumerable(items) => Content::Enumerable(list(items)?),
        Content::Stack(items) => Content::Stack(list(items)?),
        Content::Queue(items) => Content::Queue(list(items)?),
        Content::Dictionary(entries) => {
            let entries = entries.iter().map(|(key, value)| Ok((copy(key)?, copy(value)?)));
            Content::Dictionary(entries.collect::<Result<_, Error>>()?)
        }
    };
    let mut properties = |properties: &[Property]| {
        let copies = properties.iter().map(|Property { name, value }| {
            Ok(Property { name: name.clone(), value: copy(value)? })
        });
        copies.collect::<Result<Vec<_>, Error>>()
    };
    let (adapted, extended) = (properties(&object.adapted)?, properties(&object.extended)?);
    let (type_names, to_string) = (object.type_names.clone(), object.to_string.clone());
    Ok(Object { id: object.id, type_names, to_string, content, adapted, extended }.into())
}

/// Gives all properties once, those that hide others of the same name before these; for a map.
fn all_members(object: &Object) -> Vec<(Cow<'_, str>, &Value)> {
    let mut names = HashSet::new();
    let properties = object.extended.iter().rev().chain(object.adapted.iter().rev());
    let mut members: Vec<_> = properties
        .map(|Property { name, value }| (name.to_str_lossy(), value))
        .filter(|(name, _)| names.insert(name.to_lowercase()))
        .collect();
    members.reverse();
    members
}

/// Gives the property or dictionary entry for each field that has one; for a struct.
fn wanted_members<'de>(
    object: &'de Object,
    fields: &'static [&'static str],
) -> Vec<(Cow<'static, str>, &'de Value)> {
    let mut members: Vec<(Cow<'_, str>, &Value)> = Vec::with_capacity(fields.len());
    for field in fields {
        // A field and its alias may find the same property, which must not come twice.
        let found = find(object, field);
        if let Some(value) = found
            && !members.iter().any(|(_, other)| std::ptr::eq(*other, value))
        {
            members.push((Cow::Borrowed(*field), value));
        }
    }
    members
}

fn find<'de>(object: &'de Object, name: &str) -> Option<&'de Value> {
    let exact = |own: &Text| own == name;
    let ignoring_case = |own: &Text| own.eq_ignore_case(name);
    let member = find_member(object, exact).or_else(|| find_member(object, ignoring_case));
    member.or_else(|| match &object.content {
        Content::Value(Value::Object(inner)) => find(inner, name),
        Content::Dictionary(entries) => {
            let key = |equal: fn(&str, &str) -> bool| {
                entries.iter().find(|(key, _)| key.text().is_some_and(|key| equal(&key, name)))
            };
            key(|left, right| left == right)
                .or_else(|| key(equal_ignoring_case))
                .map(|(_, value)| value)
        }
        _ => None,
    })
}

fn find_member(object: &Object, is_it: impl Fn(&Text) -> bool) -> Option<&Value> {
    let members = object.extended.iter().rev().chain(object.adapted.iter().rev());
    members
        .map(|property| (&property.name, &property.value))
        .find(|(name, _)| is_it(name))
        .map(|(_, value)| value)
}

struct Items<'de, 'c> {
    items: std::slice::Iter<'de, Value>,
    at: ValueDeserializer<'de, 'c>,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.next() else { return Ok(None) };
        seed.deserialize(self.at.inner(item)?).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'de, 'c> {
    entries: std::slice::Iter<'de, (Value, Value)>,
    value: Option<&'de Value>,
    at: ValueDeserializer<'de, 'c>,
}

impl<'de> de::MapAccess<'de> for Entries<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(self.at.inner(key)?).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(value_before_key)?;
        seed.deserialize(self.at.inner(value)?)
    }
}

struct Members<'de, 'c, 'n> {
    members: std::vec::IntoIter<(Cow<'n, str>, &'de Value)>,
    value: Option<&'de Value>,
    at: ValueDeserializer<'de, 'c>,
}

impl<'de> de::MapAccess<'de> for Members<'de, '_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some(value);
        match name {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => {
                let name: StringDeserializer<Error> = name.into_deserializer();
                seed.deserialize(name)
            }
        }
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(value_before_key)?;
        seed.deserialize(self.at.inner(value)?)
    }
}

fn value_before_key() -> Error {
    Error::Custom("a value was asked for before its key".to_owned())
}

/// A variant with data: an object with one property, whose name is the variant.
struct Variant<'de, 'c> {
    name: String,
    value: ValueDeserializer<'de, 'c>,
}

impl<'de, 'c> de::EnumAccess<'de> for Variant<'de, 'c> {
    type Error = Error;
    type Variant = ValueDeserializer<'de, 'c>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Error> {
        let name: StringDeserializer<Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.value))
    }
}

impl<'de> de::VariantAccess<'de> for ValueDeserializer<'de, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_seq(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
