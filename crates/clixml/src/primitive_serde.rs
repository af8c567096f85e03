//! serde for the primitives that Rust has no type for: they travel as text.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::date_time::DateTime;
use crate::decimal::Decimal;
use crate::text::Text;
use crate::time_span::TimeSpan;
use crate::version::Version;

macro_rules! through_text {
    ($($type:ty, $expecting:literal;)*) => {$(
        /// Takes the text form, whatever primitive or object it comes from.
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ParseVisitor;

                impl Visitor<'_> for ParseVisitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        <$type>::from_str(text).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(ParseVisitor)
            }
        }

        /// Gives the text form.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

through_text! {
    DateTime, "a date and time";
    TimeSpan, "a duration";
    Decimal, "a decimal number";
    Version, "a version";
}

/// Takes any text; lone surrogates are lost on the way through serde.
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Gives the text, lone surrogates replaced by U+FFFD.
impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_str_lossy())
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Text, E> {
        Ok(text.into())
    }
}
