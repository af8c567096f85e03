//! Attribute values as JSON, both ways.
//!
//! Out of an object: text, numbers and Booleans stay what they are, lists become arrays, unset becomes null; dates, sizes,
//! enumerations and ids become the text Exchange prints. A property that a trimmed object holds as an object gives the
//! same JSON as the flat text of the whole one. Into a parameter: the form the server's binder takes for the type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clixml::{Content, DateTime, Object, TypeNames, Value};
use serde_json::{Map, Number, Value as Json};

use crate::schema::Kind;

/// How many containers deep a value is followed; what lies deeper becomes null. Attributes are two deep at most.
const MAX_DEPTH: usize = 16;

/// Returns a property's value as JSON.
///
/// Text, numbers and Booleans stay; lists become arrays; null stays null; dates, durations, sizes, enumerations and ids
/// become text; bytes become base64. Objects without a text of their own become objects, secure strings null.
///
/// ```
/// use clixml::{Object, Value};
/// use exchange_cmdlets::attribute_value;
///
/// let unlimited = Object::new().with_adapted("IsUnlimited", true);
/// assert_eq!(attribute_value(&unlimited.into()), "Unlimited");
/// let kind = Value::enumeration("Microsoft.Exchange.Data.Directory.Recipient.RecipientType", "UserMailbox", 1);
/// assert_eq!(attribute_value(&kind), "UserMailbox");
/// ```
#[must_use]
pub fn attribute_value(value: &Value) -> Json {
    json(value, MAX_DEPTH)
}

fn json(value: &Value, depth: usize) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::U64(number) => (*number).into(),
        Value::F32(number) => float(f64::from(*number), value),
        Value::F64(number) => float(*number, value),
        Value::Decimal(_) => decimal(value),
        Value::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Value::Guid(guid) => guid.hyphenated().to_string().into(),
        Value::Object(object) => {
            depth.checked_sub(1).map_or(Json::Null, |depth| object_json(value, object, depth))
        }
        Value::Unknown { text, .. } => text.as_str().into(),
        value => match value.as_i64() {
            Some(number) => number.into(),
            None => text_json(value),
        },
    }
}

fn text_json(value: &Value) -> Json {
    value.text().map_or(Json::Null, |text| Json::String(text.into_owned()))
}

/// JSON has no infinities; those become the text PowerShell prints.
fn float(number: f64, value: &Value) -> Json {
    Number::from_f64(number).map_or_else(|| text_json(value), Json::Number)
}

fn decimal(value: &Value) -> Json {
    let text = value.text().unwrap_or_default();
    match text.parse::<i64>() {
        Ok(number) => number.into(),
        Err(_) => text
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map_or_else(|| text_json(value), Json::Number),
    }
}

fn object_json(value: &Value, object: &Object, depth: usize) -> Json {
    match &object.content {
        Content::List(items)
        | Content::Enumerable(items)
        | Content::Stack(items)
        | Content::Queue(items) => {
            Json::Array(items.iter().map(|item| json(item, depth)).collect())
        }
        Content::Dictionary(entries) => {
            let entry = |(key, value): &(Value, Value)| {
                (key.text().unwrap_or_default().into_owned(), json(value, depth))
            };
            Json::Object(entries.iter().map(entry).collect())
        }
        Content::Value(inner) => wrapped(object, inner, depth),
        _ => plain_object(value, object, depth),
    }
}

/// A wrapped primitive: an enumeration prints its name, a decorated number or Boolean stays what it is.
fn wrapped(object: &Object, inner: &Value, depth: usize) -> Json {
    match (&object.to_string, inner.text()) {
        (Some(own), Some(primitive)) if !own.to_str_lossy().eq_ignore_ascii_case(&primitive) => {
            own.to_str_lossy().into_owned().into()
        }
        _ => json(inner, depth),
    }
}

fn plain_object(value: &Value, object: &Object, depth: usize) -> Json {
    if let Some(text) = &object.to_string {
        return text.to_str_lossy().into_owned().into();
    }
    match value.property("IsUnlimited").and_then(Value::as_bool) {
        Some(true) => return "Unlimited".into(),
        Some(false) => {
            if let Some(inner) = value.property("Value") {
                return json(inner, depth);
            }
        }
        None => {}
    }
    let members: Map<String, Json> = object
        .properties()
        .map(|property| (property.name.to_str_lossy().into_owned(), json(&property.value, depth)))
        .collect();
    if members.is_empty() { Json::Null } else { Json::Object(members) }
}

/// Why a JSON value cannot be an argument.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value has another shape than the parameter takes.
    #[error("{found} cannot be used where {expected} is expected")]
    Type {
        /// What the parameter takes.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// The number does not fit.
    #[error("{number} is not a whole number of 32 bits")]
    Range {
        /// The number.
        number: String,
    },
}

/// Returns a JSON value in the form a parameter of this kind takes; null clears.
///
/// Booleans may be given as the texts `true` and `false`, whole numbers as digits, and numbers as text where text is
/// expected, as engines without types give them. A list is sent whole and replaces what is there.
///
/// # Errors
///
/// [`ValueError`] when the value is of a shape the parameter cannot take.
pub fn parameter_value(kind: Kind, multi_valued: bool, value: &Json) -> Result<Value, ValueError> {
    match value {
        Json::Null => Ok(Value::Nil),
        Json::Array(items) if multi_valued => {
            let items = items.iter().map(|item| single(kind, item)).collect::<Result<_, _>>()?;
            Ok(Value::list(TypeNames::array_list(), items))
        }
        value if multi_valued => {
            Ok(Value::list(TypeNames::array_list(), vec![single(kind, value)?]))
        }
        value => single(kind, value),
    }
}

fn single(kind: Kind, value: &Json) -> Result<Value, ValueError> {
    match kind {
        Kind::Boolean => boolean(value),
        Kind::Integer => integer(value),
        Kind::Date => text(value, "a date").map(|text| match text.parse::<DateTime>() {
            Ok(date) => date.into(),
            Err(_) => text.into(),
        }),
        _ => text(value, "text").map(Value::from),
    }
}

fn boolean(value: &Json) -> Result<Value, ValueError> {
    match value {
        Json::Bool(value) => Ok((*value).into()),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(true.into()),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(false.into()),
        other => Err(ValueError::Type { expected: "a Boolean", found: shape(other) }),
    }
}

fn integer(value: &Json) -> Result<Value, ValueError> {
    let number = match value {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.trim().to_owned(),
        other => return Err(ValueError::Type { expected: "a whole number", found: shape(other) }),
    };
    number.parse::<i32>().map(Value::from).map_err(|_| ValueError::Range { number })
}

fn text(value: &Json, expected: &'static str) -> Result<String, ValueError> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        other => Err(ValueError::Type { expected, found: shape(other) }),
    }
}

/// Returns a JSON value in the form its own shape suggests, for parameters of which no type is known.
///
/// Whole numbers of 32 bits become integers, larger ones and fractions text; a Boolean also binds to a switch.
///
/// # Errors
///
/// [`ValueError::Type`] for objects and for lists inside lists.
pub fn natural_value(value: &Json) -> Result<Value, ValueError> {
    match value {
        Json::Array(items) => {
            let items = items.iter().map(natural_single).collect::<Result<_, _>>()?;
            Ok(Value::list(TypeNames::array_list(), items))
        }
        value => natural_single(value),
    }
}

fn natural_single(value: &Json) -> Result<Value, ValueError> {
    match value {
        Json::Null => Ok(Value::Nil),
        Json::Bool(value) => Ok((*value).into()),
        Json::Number(number) => Ok(number
            .to_string()
            .parse::<i32>()
            .map_or_else(|_| number.to_string().into(), Value::from)),
        Json::String(text) => Ok(text.as_str().into()),
        other => {
            Err(ValueError::Type { expected: "text, a number or a Boolean", found: shape(other) })
        }
    }
}

const fn shape(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a Boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
