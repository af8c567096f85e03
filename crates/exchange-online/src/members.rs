//! JSON objects whose doubled members are noticed.
//!
//! A parser that keeps the last of two members silently can be told anything. The service does send doubled members now
//! and then; where both say the same nothing is lost, and where they do not, somebody has to know.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json};

/// A JSON object, the last of doubled members kept.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) map: Map<String, Json>,
    /// The first member that came twice, in any case, with different values.
    pub(crate) doubled: Option<String>,
}

/// The outermost object of an answer: its rows apart from everything else.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) rows: Rows,
    pub(crate) rest: Members,
}

/// What stood under `value`.
#[derive(Debug, Default)]
pub(crate) enum Rows {
    #[default]
    Missing,
    List(Vec<Row>),
    /// Not a list.
    Other,
    /// Two lists.
    Doubled,
}

/// One element of the list.
#[derive(Debug)]
pub(crate) enum Row {
    Object(Members),
    Other(Json),
}

impl Members {
    fn insert(&mut self, name: String, value: Json, seen: &mut HashMap<String, Json>) {
        let folded = name.to_ascii_lowercase();
        match seen.get(&folded) {
            Some(other) if *other != value => {
                self.doubled.get_or_insert_with(|| name.clone());
            }
            Some(_) => {}
            None => {
                // Lists and objects are compared too, so they are kept; they are few and short.
                seen.insert(folded, value.clone());
            }
        }
        self.map.insert(name, value);
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                collect(&mut access)
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

fn collect<'de, A: MapAccess<'de>>(access: &mut A) -> Result<Members, A::Error> {
    let (mut members, mut seen) = (Members::default(), HashMap::new());
    while let Some((name, value)) = access.next_entry::<String, Json>()? {
        members.insert(name, value, &mut seen);
    }
    Ok(members)
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Row, A::Error> {
                collect(&mut access).map(Row::Object)
            }

            fn visit_str<E>(self, text: &str) -> Result<Row, E> {
                Ok(Row::Other(text.into()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Row, E> {
                Ok(Row::Other(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Row, E> {
                Ok(Row::Other(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Row, E> {
                Ok(Row::Other(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Row, E> {
                Ok(Row::Other(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Row, E> {
                Ok(Row::Other(Json::Null))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut access: A,
            ) -> Result<Row, A::Error> {
                while access.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Row::Other(Json::Array(Vec::new())))
            }
        }
        deserializer.deserialize_any(RowVisitor)
    }
}

/// A list of rows, or anything else that stands where it should be.
struct MaybeRows(Rows);

impl<'de> Deserialize<'de> for MaybeRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor;
        impl<'de> Visitor<'de> for RowsVisitor {
            type Value = MaybeRows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of rows")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut access: A,
            ) -> Result<MaybeRows, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = access.next_element()? {
                    rows.push(row);
                }
                Ok(MaybeRows(Rows::List(rows)))
            }

            fn visit_unit<E>(self) -> Result<MaybeRows, E> {
                Ok(MaybeRows(Rows::Missing))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<MaybeRows, A::Error> {
                while access.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some()
                {
                }
                Ok(MaybeRows(Rows::Other))
            }

            fn visit_str<E>(self, _: &str) -> Result<MaybeRows, E> {
                Ok(MaybeRows(Rows::Other))
            }

            fn visit_bool<E>(self, _: bool) -> Result<MaybeRows, E> {
                Ok(MaybeRows(Rows::Other))
            }

            fn visit_u64<E>(self, _: u64) -> Result<MaybeRows, E> {
                Ok(MaybeRows(Rows::Other))
            }

            fn visit_i64<E>(self, _: i64) -> Result<MaybeRows, E> {
                Ok(MaybeRows(Rows::Other))
            }

            fn visit_f64<E>(self, _: f64) -> Result<MaybeRows, E> {
                Ok(MaybeRows(Rows::Other))
            }
        }
        deserializer.deserialize_any(RowsVisitor)
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvelopeVisitor;
        impl<'de> Visitor<'de> for EnvelopeVisitor {
            type Value = Envelope;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Envelope, A::Error> {
                let mut envelope = Envelope::default();
                let mut seen = HashMap::new();
                while let Some(name) = access.next_key::<String>()? {
                    if name == "value" {
                        let MaybeRows(rows) = access.next_value()?;
                        envelope.rows = match envelope.rows {
                            Rows::Missing => rows,
                            _ => Rows::Doubled,
                        };
                    } else {
                        let value = access.next_value()?;
                        envelope.rest.insert(name, value, &mut seen);
                    }
                }
                Ok(envelope)
            }
        }
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}
