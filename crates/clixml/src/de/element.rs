//! Rust data straight from an element.
//!
//! Every method reads the element to its end. Where what comes later decides about what came before, the element is looked
//! over first and begun once more.

use std::borrow::Cow;

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, SeqAccess,
    VariantAccess, Visitor,
};

use super::cursor::{Cursor, Element, Kind};
use super::fields::Fields;
use super::survey::{Entries, Members, Survey};
use crate::error::Error;
use crate::escape::{Escaped, lossy};
use crate::reader::ContainerKind;
use crate::tag::PrimitiveTag;
use crate::text::equal_ignoring_case;
use crate::value::Value;
use crate::value_serde;
use crate::xml::Piece;

pub(crate) struct ElementDeserializer<'c, 'de, 'a> {
    cursor: &'c mut Cursor<'de, 'a>,
    element: Element<'a>,
}

type Result<T> = std::result::Result<T, Error>;

impl<'c, 'de, 'a> ElementDeserializer<'c, 'de, 'a> {
    pub(crate) fn new(cursor: &'c mut Cursor<'de, 'a>, element: Element<'a>) -> Self {
        Self { cursor, element }
    }

    /// Follows a reference: reads the object it points at, and comes back.
    fn resolved<R>(
        self,
        read: impl FnOnce(ElementDeserializer<'_, 'de, 'a>) -> Result<R>,
    ) -> Result<R> {
        let Self { cursor, element } = self;
        let Kind::Ref(target) = element.kind else {
            return read(ElementDeserializer { cursor, element });
        };
        let Some(target) = target else { return Err(unknown_reference(cursor)) };
        cursor.count_reference()?;
        cursor.skip(element.depth)?;
        let mark = cursor.mark();
        let object = cursor.again(target)?;
        let done = cursor.read_with(object, read)?;
        cursor.go_back(mark);
        Ok(done)
    }

    fn mismatch(&self, expected: &'static str) -> Error {
        let found = match self.element.kind {
            Kind::Primitive(PrimitiveTag::Nil) => "null",
            Kind::Primitive(PrimitiveTag::String) => "a string",
            Kind::Primitive(PrimitiveTag::Bytes) => "bytes",
            Kind::Primitive(PrimitiveTag::SecureString) => "a secure string",
            Kind::Primitive(_) | Kind::ToString | Kind::Other => "another primitive",
            Kind::Container(ContainerKind::Dictionary) => "a dictionary",
            Kind::Container(_) => "a list",
            Kind::Object | Kind::TypeNames | Kind::TypeNamesReference | Kind::Members { .. } => {
                "an object"
            }
            Kind::Ref(_) => "a reference",
        };
        Error::Mismatch { expected, found }
    }

    /// Reads what PowerShell would show for the value; `None` when that is nothing.
    pub(super) fn text(self) -> Result<Option<Cow<'a, str>>> {
        self.resolved(|this| match this.element.kind {
            Kind::Primitive(tag) if tag.is_escaped() => match this.element.text {
                Some(piece) => Ok(Some(lossy_piece(piece))),
                None => {
                    let text = this.cursor.leaf(tag.as_str())?;
                    Ok(Some(Escaped::new(text).into_lossy()))
                }
            },
            Kind::Primitive(tag) => {
                let value = this.cursor.primitive(this.element, tag)?;
                Ok(value.text().map(|text| Cow::Owned(text.into_owned())))
            }
            Kind::Object => this.object_text(),
            _ => {
                this.cursor.skip(this.element.depth)?;
                Ok(None)
            }
        })
    }

    fn object_text(self) -> Result<Option<Cow<'a, str>>> {
        if let Some(piece) = self.cursor.usual_to_string()? {
            self.cursor.skip(self.element.depth)?;
            return Ok(Some(lossy_piece(piece)));
        }
        let mut text = None;
        while let Some(part) = self.cursor.child()? {
            match part.kind {
                Kind::ToString => {
                    text = Some(Escaped::new(self.cursor.leaf("ToString")?).into_lossy());
                    self.cursor.skip(self.element.depth)?;
                    break;
                }
                Kind::TypeNames => self.cursor.skip_type_names()?,
                Kind::Primitive(_) | Kind::Object | Kind::Ref(_) => {
                    text = self.cursor.read_with(part, |inner| inner.text())?;
                }
                _ => self.cursor.skip(part.depth)?,
            }
        }
        Ok(text)
    }

    /// Reads the primitive that the element is or wraps.
    fn primitive(self) -> Result<Option<Value>> {
        self.resolved(|this| match this.element.kind {
            Kind::Primitive(tag) => this.cursor.primitive(this.element, tag).map(Some),
            Kind::Object => {
                let mut found = None;
                while let Some(part) = this.cursor.child()? {
                    match part.kind {
                        Kind::Primitive(_) | Kind::Object | Kind::Ref(_) => {
                            found = this.cursor.read_with(part, |inner| inner.primitive())?;
                        }
                        Kind::TypeNames => this.cursor.skip_type_names()?,
                        _ => this.cursor.skip(part.depth)?,
                    }
                }
                Ok(found)
            }
            _ => {
                this.cursor.skip(this.element.depth)?;
                Ok(None)
            }
        })
    }

    /// Whether the element is or wraps null. Reads some of it.
    fn null(self) -> Result<bool> {
        self.resolved(|this| match this.element.kind {
            Kind::Object => {
                while let Some(part) = this.cursor.child()? {
                    match part.kind {
                        Kind::TypeNames => this.cursor.skip_type_names()?,
                        Kind::TypeNamesReference | Kind::ToString => {
                            this.cursor.skip(part.depth)?
                        }
                        Kind::Primitive(_) | Kind::Object | Kind::Ref(_) => {
                            let is_null = this.cursor.read_with(part, |inner| inner.null())?;
                            this.cursor.skip(this.element.depth)?;
                            return Ok(is_null);
                        }
                        _ => {
                            this.cursor.skip(this.element.depth)?;
                            return Ok(false);
                        }
                    }
                }
                Ok(false)
            }
            kind => {
                this.cursor.skip(this.element.depth)?;
                Ok(kind == Kind::Primitive(PrimitiveTag::Nil))
            }
        })
    }

    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mismatch = self.mismatch("a string");
        let cursor = self.cursor;
        let element = self.element;
        let text = ElementDeserializer { cursor: &mut *cursor, element }.text()?;
        visit_cow(cursor, text.ok_or(mismatch)?, visitor)
    }

    fn visit_number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mismatch = self.mismatch("a number");
        match self.primitive()? {
            Some(Value::Char(unit)) => visitor.visit_u16(unit),
            Some(Value::U64(number)) => visitor.visit_u64(number),
            Some(Value::F32(number)) => visitor.visit_f64(f64::from(number)),
            Some(Value::F64(number)) => visitor.visit_f64(number),
            Some(Value::Decimal(number)) => match number.to_string().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(mismatch),
            },
            Some(primitive) => match primitive.as_i64() {
                Some(number) => visitor.visit_i64(number),
                None => Err(mismatch),
            },
            None => Err(mismatch),
        }
    }

    fn visit_primitive<V: Visitor<'de>>(self, tag: PrimitiveTag, visitor: V) -> Result<V::Value> {
        if tag.is_escaped() {
            return self.visit_text(visitor);
        }
        match self.cursor.primitive(self.element, tag)? {
            Value::Nil => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Bytes(bytes) | Value::SecureString(bytes) => visitor.visit_byte_buf(bytes),
            Value::U64(number) => visitor.visit_u64(number),
            Value::F32(number) => visitor.visit_f32(number),
            Value::F64(number) => visitor.visit_f64(number),
            other => match (other.as_i64(), other.text()) {
                (Some(number), _) => visitor.visit_i64(number),
                (None, Some(text)) => visitor.visit_str(&text),
                (None, None) => {
                    Err(Error::Mismatch { expected: "a value", found: "another primitive" })
                }
            },
        }
    }

    fn visit_any_object<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Self { cursor, element } = self;
        let Survey { to_string, content, base } = cursor.survey()?;
        let has_members = cursor.members.len() > base;
        cursor.members.truncate(base);
        let begin = |cursor: &mut Cursor<'de, 'a>| cursor.rewind(element);
        match (content, to_string) {
            (Some((Kind::Container(_), _)), _) => {
                let element = begin(cursor)?;
                ElementDeserializer { cursor, element }.deserialize_content(visitor)
            }
            // An enumeration says more by its name than by its number.
            (Some(_), Some(text)) => visit_cow(cursor, text, visitor),
            (Some((_, place)), None) => {
                let mark = cursor.mark();
                let inner = cursor.again(place)?;
                let data = cursor.read_with(inner, |inner| inner.deserialize_any(visitor))?;
                cursor.go_back(mark);
                Ok(data)
            }
            (None, Some(text)) if !has_members => visit_cow(cursor, text, visitor),
            (None, _) => {
                let element = begin(cursor)?;
                ElementDeserializer { cursor, element }.deserialize_map(visitor)
            }
        }
    }

    /// Reads the container of an object that has one, as what it is.
    fn deserialize_content<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Self { cursor, element } = self;
        while let Some(part) = cursor.child()? {
            if matches!(part.kind, Kind::Container(_)) {
                let data = ElementDeserializer { cursor: &mut *cursor, element: part }
                    .visit_container(visitor)?;
                cursor.skip(element.depth)?;
                return Ok(data);
            }
            cursor.skip(part.depth)?;
        }
        Err(Error::Mismatch { expected: "a list", found: "an object" })
    }

    /// Reads a container that has just begun.
    fn visit_container<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Self { cursor, element } = self;
        let depth = element.depth + 1;
        let data = if element.kind == Kind::Container(ContainerKind::Dictionary) {
            let entries = Entries { cursor: &mut *cursor, depth, value: None, is_over: false };
            visitor.visit_map(entries)?
        } else {
            visitor.visit_seq(Items { cursor: &mut *cursor, is_over: false })?
        };
        cursor.skip(element.depth)?;
        Ok(data)
    }

    fn visit_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mismatch = self.mismatch("a list");
        let Self { cursor, element } = self;
        match element.kind {
            Kind::Primitive(tag @ PrimitiveTag::Bytes) => {
                let Value::Bytes(bytes) = cursor.primitive(element, tag)? else {
                    return Err(mismatch);
                };
                visitor.visit_seq(SeqDeserializer::new(bytes.into_iter()))
            }
            Kind::Container(kind) if kind != ContainerKind::Dictionary => {
                Self { cursor, element }.visit_container(visitor)
            }
            Kind::Object => {
                while let Some(part) = cursor.child()? {
                    let inner = ElementDeserializer { cursor: &mut *cursor, element: part };
                    let data = match part.kind {
                        Kind::Container(kind) if kind != ContainerKind::Dictionary => {
                            inner.visit_container(visitor)?
                        }
                        Kind::Primitive(_) | Kind::Object | Kind::Ref(_) => cursor
                            .read_with(part, |inner| {
                                inner.resolved(|inner| inner.visit_seq(visitor))
                            })?,
                        Kind::TypeNames => {
                            cursor.skip_type_names()?;
                            continue;
                        }
                        _ => {
                            cursor.skip(part.depth)?;
                            continue;
                        }
                    };
                    cursor.skip(element.depth)?;
                    return Ok(data);
                }
                Err(mismatch)
            }
            _ => Err(mismatch),
        }
    }

    fn visit_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mismatch = self.mismatch("a dictionary or object");
        let Self { cursor, element } = self;
        match element.kind {
            Kind::Container(ContainerKind::Dictionary) => {
                return Self { cursor, element }.visit_container(visitor);
            }
            Kind::Object => {}
            _ => return Err(mismatch),
        }
        let base = cursor.survey()?;
        let mark = cursor.mark();
        let data = match base.content {
            Some((
                Kind::Container(ContainerKind::Dictionary) | Kind::Object | Kind::Ref(_),
                place,
            )) => {
                cursor.members.truncate(base.base);
                let inner = cursor.again(place)?;
                cursor.read_with(inner, |inner| inner.resolved(|inner| inner.visit_map(visitor)))?
            }
            _ => {
                let end = cursor.members.len();
                visitor.visit_map(Members { cursor: &mut *cursor, next: base.base, end })?
            }
        };
        cursor.members.truncate(base.base);
        cursor.go_back(mark);
        Ok(data)
    }

    fn visit_struct<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if self.element.kind != Kind::Object {
            return Err(self.mismatch("an object"));
        }
        let Self { cursor, element } = self;
        let base = cursor.gather(element.depth, fields)?;
        let mark = cursor.mark();
        let data = visitor.visit_map(Fields { cursor: &mut *cursor, fields, base, next: 0 })?;
        cursor.go_back(mark);
        cursor.slots.truncate(base);
        Ok(data)
    }

    fn visit_enum<V: Visitor<'de>>(
        self,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let mismatch = self.mismatch("the name of a variant");
        let Self { cursor, element } = self;
        let mut variant = None;
        if element.kind == Kind::Object {
            let survey = cursor.survey()?;
            if let Some([member]) = cursor.members.get(survey.base..) {
                variant = Some((member.name.clone(), member.place));
            }
            cursor.members.truncate(survey.base);
        }
        let mark = cursor.mark();
        let text = match element.kind {
            Kind::Object => {
                let element = cursor.rewind(element)?;
                ElementDeserializer { cursor: &mut *cursor, element }.text()?
            }
            _ => ElementDeserializer { cursor: &mut *cursor, element }.text()?,
        };
        match (text, variant) {
            (Some(text), _) => {
                let known = variants.iter().find(|variant| equal_ignoring_case(variant, &text));
                let name: StringDeserializer<Error> =
                    known.map_or(&*text, |known| *known).to_owned().into_deserializer();
                visitor.visit_enum(name)
            }
            (None, Some((name, place))) => {
                let element = cursor.again(place)?;
                let data = cursor
                    .read_with(element, |value| visitor.visit_enum(Variant { name, value }))?;
                cursor.go_back(mark);
                Ok(data)
            }
            (None, None) => Err(mismatch),
        }
    }
}

fn unknown_reference(cursor: &Cursor<'_, '_>) -> Error {
    let attributes = cursor.scanner.attributes();
    let ref_id = attributes.iter().find(|attribute| attribute.name == "RefId");
    let id = ref_id.map_or_else(String::new, |ref_id| ref_id.value.chars().take(64).collect());
    Error::UnknownReference { position: cursor.position(), tag: "Ref", id }
}

fn lossy_piece(piece: Piece<'_>) -> Cow<'_, str> {
    if piece.is_escaped { lossy(piece.text) } else { Cow::Borrowed(piece.text) }
}

fn visit_cow<'de, 'a, V: Visitor<'de>>(
    cursor: &Cursor<'de, 'a>,
    text: Cow<'a, str>,
    visitor: V,
) -> Result<V::Value> {
    match text {
        Cow::Owned(text) => visitor.visit_string(text),
        Cow::Borrowed(text) => match cursor.lend(text) {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_str(text),
        },
    }
}

macro_rules! forward {
    ($target:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.$target(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for ElementDeserializer<'_, 'de, '_> {
    type Error = Error;

    forward! { visit_number:
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    forward! { visit_text: deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.resolved(|this| match this.element.kind {
            Kind::Primitive(tag) => this.visit_primitive(tag, visitor),
            Kind::Object => this.visit_any_object(visitor),
            Kind::Container(_) => this.visit_container(visitor),
            _ => Err(this.mismatch("a value")),
        })
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mismatch = self.mismatch("a Boolean");
        match self.primitive()? {
            Some(Value::Bool(value)) => visitor.visit_bool(value),
            _ => Err(mismatch),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mismatch = self.mismatch("bytes");
        match self.primitive()? {
            Some(Value::Bytes(bytes) | Value::SecureString(bytes)) => visitor.visit_byte_buf(bytes),
            _ => Err(mismatch),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.resolved(|this| {
            let ElementDeserializer { cursor, element } = this;
            let is_null = match element.kind {
                Kind::Primitive(PrimitiveTag::Nil) => {
                    cursor.skip(element.depth)?;
                    true
                }
                Kind::Object => ElementDeserializer { cursor: &mut *cursor, element }.null()?,
                _ => false,
            };
            match element.kind {
                _ if is_null => visitor.visit_none(),
                Kind::Object => {
                    let element = cursor.rewind(element)?;
                    visitor.visit_some(ElementDeserializer { cursor, element })
                }
                _ => visitor.visit_some(ElementDeserializer { cursor, element }),
            }
        })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mismatch = self.mismatch("null");
        match self.primitive()? {
            Some(Value::Nil) => visitor.visit_unit(),
            _ => Err(mismatch),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name != value_serde::NAME {
            return visitor.visit_newtype_struct(self);
        }
        self.resolved(|this| {
            let value = this.cursor.value(this.element)?;
            value_serde::hand_over(value, visitor)
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.resolved(|this| this.visit_seq(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.resolved(|this| this.visit_map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.resolved(|this| this.visit_struct(fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.resolved(|this| this.visit_enum(variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.cursor.skip(self.element.depth)?;
        visitor.visit_unit()
    }
}

/// The items of a container, which is the innermost open element.
struct Items<'c, 'de, 'a> {
    cursor: &'c mut Cursor<'de, 'a>,
    is_over: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.is_over {
            return Ok(None);
        }
        let item = match self.cursor.plain()? {
            Some(item) => item,
            None => match self.cursor.child()? {
                Some(item) => item,
                None => {
                    self.is_over = true;
                    return Ok(None);
                }
            },
        };
        self.cursor.read_with(item, |inner| seed.deserialize(inner)).map(Some)
    }
}

/// A variant with data: an object with one property, whose name is the variant.
struct Variant<'c, 'de, 'a> {
    name: Cow<'a, str>,
    value: ElementDeserializer<'c, 'de, 'a>,
}

impl<'c, 'de, 'a> EnumAccess<'de> for Variant<'c, 'de, 'a> {
    type Error = Error;
    type Variant = ElementDeserializer<'c, 'de, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant)> {
        let name: StringDeserializer<Error> = self.name.into_owned().into_deserializer();
        Ok((seed.deserialize(name)?, self.value))
    }
}

impl<'de> VariantAccess<'de> for ElementDeserializer<'_, 'de, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        Deserializer::deserialize_seq(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
