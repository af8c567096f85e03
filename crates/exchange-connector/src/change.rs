//! What an import tells, one line each.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// One line of an import.
///
/// The last line is [`Complete`](Self::Complete) or [`Incomplete`](Self::Incomplete). Only after `Complete` may anything
/// be concluded from an object's absence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Change {
    /// Something about one object.
    Object(ObjectChange),
    /// Something the server or the connector wants looked at.
    Warning {
        /// One sentence.
        message: String,
    },
    /// Everything was read.
    Complete {
        /// How many objects were given.
        objects: u64,
        /// How many deletes were given.
        deletes: u64,
        /// Where a later import may go on: an opaque text that belongs to one domain controller.
        cursor: String,
    },
    /// Something is missing.
    Incomplete {
        /// The first thing that went wrong.
        reason: String,
        /// How many objects were given all the same.
        objects: u64,
    },
}

/// What is told about one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
#[non_exhaustive]
pub enum ObjectChange {
    /// The object exists and looks like this.
    Upsert {
        /// Exchange's `RecipientTypeDetails`.
        class: String,
        /// The object's GUID in lower case.
        id: String,
        /// The attributes asked for, in the order of the schema.
        attributes: Attributes,
    },
    /// The object is gone.
    Delete {
        /// The object's GUID in lower case.
        id: String,
    },
}

/// The attributes of one object, in the order of the schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    entries: Vec<(Cow<'static, str>, Value)>,
}

impl Attributes {
    /// The value of the attribute called `name`, without case; `None` when it was not asked for.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for (name, value) in &self.entries {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(change: &Change, expected: &str) {
        assert_eq!(serde_json::to_string(change).unwrap(), expected);
    }

    #[test]
    fn lines_have_the_documented_form() {
        let attributes =
            [("DisplayName", json!("Ann")), ("EmailAddresses", json!(["SMTP:ann@contoso.com"]))]
                .into_iter()
                .collect();
        check(
            &Change::Object(ObjectChange::Upsert {
                class: "UserMailbox".to_owned(),
                id: "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2".to_owned(),
                attributes,
            }),
            r#"{"type":"object","change":"upsert","class":"UserMailbox","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"DisplayName":"Ann","EmailAddresses":["SMTP:ann@contoso.com"]}}"#,
        );
        check(
            &Change::Object(ObjectChange::Delete { id: "x".to_owned() }),
            r#"{"type":"object","change":"delete","id":"x"}"#,
        );
        check(
            &Change::Warning { message: "careful".to_owned() },
            r#"{"type":"warning","message":"careful"}"#,
        );
        check(
            &Change::Complete { objects: 1000, deletes: 0, cursor: "c".to_owned() },
            r#"{"type":"complete","objects":1000,"deletes":0,"cursor":"c"}"#,
        );
        check(
            &Change::Incomplete { reason: "r".to_owned(), objects: 2 },
            r#"{"type":"incomplete","reason":"r","objects":2}"#,
        );
    }
}
