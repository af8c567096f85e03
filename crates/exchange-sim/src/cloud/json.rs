//! Arguments out of JSON, rows into it, and errors in the service's shape.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::CloudAnswer;
use crate::cmdlets::Argument;
use crate::object::{Field, Item};

const TYPE: &str = "@odata.type";

/// Why a value is no argument.
pub(super) enum Unfit {
    /// An object that does not say that it is a hashtable.
    Untyped,
    /// A secret that cannot be decrypted.
    Secret,
}

/// Reads a value; `secret` when the parameter takes a secure string.
pub(super) fn argument(value: &Value, secret: Option<&RsaPrivateKey>) -> Result<Argument, Unfit> {
    Ok(match value {
        Value::Null => Argument::Nil,
        Value::Bool(flag) => Argument::Bool(*flag),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Argument::Text(number.to_string()), Argument::Int)
        }
        Value::String(text) => match secret {
            Some(key) => Argument::Secret(decrypted(text, key).ok_or(Unfit::Secret)?.into()),
            None => Argument::Text(text.clone()),
        },
        Value::Array(items) => {
            Argument::List(items.iter().map(|item| argument(item, None)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            if members.get(TYPE).and_then(Value::as_str) != Some("#Exchange.GenericHashTable") {
                return Err(Unfit::Untyped);
            }
            let entries = members.iter().filter(|(name, _)| !name.contains('@'));
            let entries = entries.map(|(name, value)| Ok((name.clone(), argument(value, None)?)));
            Argument::Table(entries.collect::<Result<_, _>>()?)
        }
    })
}

fn decrypted(text: &str, key: &RsaPrivateKey) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let bytes = key.decrypt(Pkcs1v15Encrypt, &STANDARD.decode(text).ok()?).ok()?;
    String::from_utf8(bytes).ok()
}

/// Writes an object with the types of its values beside them.
pub(super) fn row(item: &Item) -> Value {
    match item {
        Item::Row(row) => {
            let mut members = Map::new();
            for (name, field) in row.fields() {
                member(&mut members, name, field);
            }
            Value::Object(members)
        }
        Item::Field(field) => value(field),
    }
}

fn member(members: &mut Map<String, Value>, name: &str, field: &Field) {
    let kind = match field {
        Field::Int(_) => Some(("@data.type", "System.Int32")),
        Field::Guid(_) => Some((TYPE, "#Guid")),
        Field::Date(_) => Some(("@data.type", "System.DateTime")),
        Field::List(..) => Some((TYPE, "#Collection(String)")),
        _ => None,
    };
    if let Some((suffix, kind)) = kind {
        members.insert(format!("{name}{suffix}"), kind.into());
    }
    members.insert(name.to_owned(), value(field));
}

pub(super) fn value(field: &Field) -> Value {
    match field {
        Field::Nil => Value::Null,
        Field::Text(text) => text.as_str().into(),
        Field::Bool(flag) => (*flag).into(),
        Field::Int(number) => (*number).into(),
        Field::Guid(id) => id.to_string().into(),
        Field::Date(date) => date_text(*date).into(),
        Field::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Field::Rich(rich) => rich.as_str().into(),
        Field::List(_, items) => items.iter().map(value).collect(),
    }
}

/// Universal time with seven digits and an offset of nothing.
pub(super) fn date_text(date: OffsetDateTime) -> String {
    let date = date.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.0000000+00:00",
        date.year(),
        u8::from(date.month()),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    )
}

/// An error as the service puts it: a sentence that says nothing, and the cause in the details.
pub(super) fn error(status: u16, exception: &str, message: &str) -> CloudAnswer {
    let code = if status == 404 { "NotFound" } else { "BadRequest" };
    let short = exception.rsplit('.').next().unwrap_or(exception);
    let body = json!({"error": {
        "code": code,
        "message": "Error executing cmdlet",
        "details": [{"code": "Context", "target": "", "message": format!("Ex6F9304|{exception}|{message}")}],
        "innererror": {
            "message": "Error executing cmdlet",
            "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
            "internalexception": {"message": message, "type": exception},
        },
        "adminapi.warnings": [],
    }});
    CloudAnswer::json(status, &body).with("X-ExceptionType", short.to_owned())
}
