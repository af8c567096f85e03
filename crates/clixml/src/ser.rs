//! From Rust data to values.

use serde::ser::{self, Serialize};

use crate::error::Error;
use crate::type_names::TypeNames;
use crate::value::{Content, Object, Value};
use crate::value_serde;
use crate::write::write_value;

/// Writes Rust data as the body of a PSRP message: see [`to_value`].
///
/// # Errors
///
/// [`Error::Custom`] when the data has something CLIXML has not.
pub fn to_string<T: Serialize + ?Sized>(data: &T) -> Result<String, Error> {
    Ok(write_value(&to_value(data)?))
}

/// Turns Rust data into a value.
///
/// A struct becomes an object with extended properties, a sequence or tuple an `Object[]`, a map a `Hashtable`, `None` and
/// `()` null, a number the primitive of its width, a variant without data its name, one with data an object with one
/// property of the variant's name.
///
/// # Errors
///
/// [`Error::Custom`] for 128-bit integers and null keys, which CLIXML has not, and whatever `T` refuses.
pub fn to_value<T: Serialize + ?Sized>(data: &T) -> Result<Value, Error> {
    data.serialize(ValueSerializer)
}

struct ValueSerializer;

impl ser::Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    fn serialize_bool(self, value: bool) -> Result<Value, Error> {
        Ok(Value::Bool(value))
    }

    fn serialize_i8(self, number: i8) -> Result<Value, Error> {
        Ok(Value::I8(number))
    }

    fn serialize_i16(self, number: i16) -> Result<Value, Error> {
        Ok(Value::I16(number))
    }

    fn serialize_i32(self, number: i32) -> Result<Value, Error> {
        Ok(Value::I32(number))
    }

    fn serialize_i64(self, number: i64) -> Result<Value, Error> {
        Ok(Value::I64(number))
    }

    fn serialize_u8(self, number: u8) -> Result<Value, Error> {
        Ok(Value::U8(number))
    }

    fn serialize_u16(self, number: u16) -> Result<Value, Error> {
        Ok(Value::U16(number))
    }

    fn serialize_u32(self, number: u32) -> Result<Value, Error> {
        Ok(Value::U32(number))
    }

    fn serialize_u64(self, number: u64) -> Result<Value, Error> {
        Ok(Value::U64(number))
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Error> {
        Ok(Value::F32(number))
    }

    fn serialize_f64(self, number: f64) -> Result<Value, Error> {
        Ok(Value::F64(number))
    }

    fn serialize_char(self, character: char) -> Result<Value, Error> {
        // A .NET character is one code unit, so a larger one has to be a string.
        Ok(match u16::try_from(u32::from(character)) {
            Ok(unit) => Value::Char(unit),
            Err(_) => Value::String(character.to_string().into()),
        })
    }

    fn serialize_str(self, text: &str) -> Result<Value, Error> {
        Ok(text.into())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Error> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, data: &T) -> Result<Value, Error> {
        data.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Nil)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Error> {
        Ok(Value::Nil)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Error> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        data: &T,
    ) -> Result<Value, Error> {
        if name == value_serde::NAME
            && let Some(value) = value_serde::take(data)
        {
            return Ok(value);
        }
        data.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        data: &T,
    ) -> Result<Value, Error> {
        Ok(of_variant(Some(variant), to_value(data)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Error> {
        // A length is only a promise, so it does not decide how much memory is taken.
        Ok(Items { variant: None, items: Vec::with_capacity(length.unwrap_or(0).min(1024)) })
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items, Error> {
        Ok(Items { variant: Some(variant), items: Vec::new() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Error> {
        Ok(Entries { entries: Vec::new(), key: Value::Nil })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members, Error> {
        Ok(Members { variant: None, object: Object::new() })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members, Error> {
        Ok(Members { variant: Some(variant), object: Object::new() })
    }
}

fn of_variant(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Object::new().with_extended(variant, value).into(),
        None => value,
    }
}

struct Items {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Error> {
        self.items.push(to_value(data)?);
        Ok(())
    }

    fn finish(self) -> Value {
        of_variant(self.variant, Value::list(TypeNames::object_array(), self.items))
    }
}

impl ser::SerializeSeq for Items {
    type Ok = Value;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Error> {
        self.push(data)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.finish())
    }
}

impl ser::SerializeTuple for Items {
    type Ok = Value;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Error> {
        self.push(data)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.finish())
    }
}

impl ser::SerializeTupleStruct for Items {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Error> {
        self.push(data)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.finish())
    }
}

impl ser::SerializeTupleVariant for Items {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Error> {
        self.push(data)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.finish())
    }
}

struct Entries {
    entries: Vec<(Value, Value)>,
    key: Value,
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Error> {
        self.key = to_value(data)?;
        if self.key.is_nil() {
            return Err(Error::Custom("a key must not be null".to_owned()));
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Error> {
        self.entries.push((std::mem::take(&mut self.key), to_value(data)?));
        Ok(())
    }

    fn end(self) -> Result<Value, Error> {
        let content = Content::Dictionary(self.entries);
        Ok(Object::new().with_type_names(TypeNames::hashtable()).with_content(content).into())
    }
}

struct Members {
    variant: Option<&'static str>,
    object: Object,
}

impl Members {
    fn push<T: Serialize + ?Sized>(&mut self, name: &'static str, data: &T) -> Result<(), Error> {
        let object = std::mem::take(&mut self.object);
        self.object = object.with_extended(name, to_value(data)?);
        Ok(())
    }
}

impl ser::SerializeStruct for Members {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        data: &T,
    ) -> Result<(), Error> {
        self.push(name, data)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(of_variant(self.variant, self.object.into()))
    }
}

impl ser::SerializeStructVariant for Members {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        data: &T,
    ) -> Result<(), Error> {
        self.push(name, data)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(of_variant(self.variant, self.object.into()))
    }
}

impl ser::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}
