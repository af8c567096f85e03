//! serde for [`Value`] itself.
//!
//! In CLIXML a value stands for itself: it is handed over whole between it and this crate's serializer and deserializers, by
//! way of a place on the thread, for serde's data model has no room for type names and references. In any other
//! self-describing format it is written by the names of its elements: `{"I32": 7}`, `{"Obj": {"RefId": 0, "LST": [..]}}`.
//! Numbers of 64 bits, floating-point numbers, bytes, GUIDs and the like are text there in their CLIXML form, so that
//! nothing is lost; a text with a lone surrogate is a list of UTF-16 code units.

mod portable;

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::error::Error;
use crate::ser::to_value;
use crate::value::Value;

/// The newtype by which this crate's serializer and deserializers know a value.
pub(crate) const NAME: &str = "$clixml::Value";

thread_local! {
    /// A value on its way from a deserializer of this crate to its visitor, or from itself to the serializer.
    static ON_ITS_WAY: RefCell<Option<Value>> = const { RefCell::new(None) };
    /// Whether the serializer asks for a value.
    static IS_ASKED_FOR: Cell<bool> = const { Cell::new(false) };
}

/// Gives a value to the visitor of its own [`Deserialize`].
pub(crate) fn hand_over<'de, V: Visitor<'de>>(value: Value, visitor: V) -> Result<V::Value, Error> {
    ON_ITS_WAY.set(Some(value));
    let taken = visitor.visit_unit();
    ON_ITS_WAY.set(None);
    taken
}

/// Gets a copy of the value that the content of a newtype called [`NAME`] is.
pub(crate) fn take<T: Serialize + ?Sized>(data: &T) -> Option<Value> {
    IS_ASKED_FOR.set(true);
    // What it is serialized to does not matter: the copy is left behind.
    let _ = to_value(data);
    IS_ASKED_FOR.set(false);
    ON_ITS_WAY.take()
}

/// Gives the value itself to [`to_value`](crate::to_value), and to other formats the form by element names that the crate
/// documentation describes.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &Content(self))
    }
}

struct Content<'v>(&'v Value);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if IS_ASKED_FOR.take() {
            ON_ITS_WAY.set(Some(self.0.clone()));
            return serializer.serialize_unit();
        }
        portable::PortableValue::serialize(self.0, serializer)
    }
}

/// Takes anything from CLIXML, whole, and from other formats the form that a value serializes to.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CLIXML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(ON_ITS_WAY.take().unwrap_or_default())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        portable::PortableValue::deserialize(deserializer)
    }
}
