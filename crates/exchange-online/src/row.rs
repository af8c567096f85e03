//! A row as an object.
//!
//! Types stand beside the values, as `X@data.type` with a .NET name or `X@odata.type` with a `#Name`, and not always.
//! They are used where they change the form (dates, GUIDs) and ignored everywhere else.

use clixml::{DateTime, DateTimeKind, Object, TypeNames, Value};
use serde_json::{Map, Value as Json};

/// Turns a row into the object remote PowerShell would have given: members become properties, annotations their types.
pub(crate) fn object(row: Map<String, Json>) -> Value {
    let (annotations, members): (Vec<_>, Vec<_>) =
        row.into_iter().partition(|(name, _)| name.contains('@'));
    let kind = |name: &str| {
        let own = annotations.iter().filter(|(key, _)| is_type_of(key, name));
        own.filter_map(|(_, kind)| kind.as_str()).next()
    };
    members
        .into_iter()
        .fold(Object::new(), |object, (name, member)| {
            let value = typed(member, kind(&name));
            object.with_adapted(name, value)
        })
        .into()
}

fn is_type_of(annotation: &str, name: &str) -> bool {
    annotation.strip_prefix(name).is_some_and(|rest| matches!(rest, "@data.type" | "@odata.type"))
}

fn typed(member: Json, kind: Option<&str>) -> Value {
    match member {
        Json::Null => Value::Nil,
        Json::Bool(value) => value.into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(small), _) => i32::try_from(small).map_or_else(|_| small.into(), Value::from),
            (None, Some(large)) => large.into(),
            (None, None) => number.as_f64().map_or(Value::Nil, Value::from),
        },
        Json::String(text) => text_value(text, kind),
        Json::Array(items) => {
            let items = items.into_iter().map(|item| typed(item, None)).collect();
            Value::list(TypeNames::none(), items)
        }
        Json::Object(members) => object(members),
    }
}

fn text_value(text: String, kind: Option<&str>) -> Value {
    let parsed = match kind {
        Some("System.DateTime" | "#DateTimeOffset" | "#DateTime") => date(&text).map(Value::from),
        Some("System.Guid" | "#Guid") => text.parse::<uuid::Uuid>().ok().map(Value::from),
        _ => None,
    };
    parsed.unwrap_or_else(|| text.into())
}

/// Reads a date in the usual form, or as `/Date(milliseconds)/`.
pub(crate) fn date(text: &str) -> Option<DateTime> {
    if let Some(milliseconds) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/"))
    {
        let milliseconds: i64 = milliseconds.parse().ok()?;
        let nanoseconds = u32::try_from(milliseconds.rem_euclid(1000) * 1_000_000).ok()?;
        return DateTime::from_unix(milliseconds.div_euclid(1000), nanoseconds).ok();
    }
    let date: DateTime = text.parse().ok()?;
    // Universal time is written with an offset of nothing.
    match date.kind() {
        DateTimeKind::Local { offset_minutes: 0 } => {
            DateTime::from_ticks(date.ticks(), DateTimeKind::Utc).ok()
        }
        _ => Some(date),
    }
}

#[cfg(test)]
mod tests {
    use clixml::Value;
    use exchange_cmdlets::attribute_value;
    use serde_json::{Value as Json, json};

    use super::object;

    fn row(json: Json) -> Value {
        match json {
            Json::Object(members) => object(members),
            other => panic!("{other} is no row"),
        }
    }

    #[test]
    fn annotations_give_types_and_are_no_properties() {
        let value = row(json!({
            "Guid@odata.type": "#Guid", "Guid": "9B9387FE-E1B1-4695-97BD-B0A0BEBE7CE2",
            "WhenCreatedUTC@data.type": "System.DateTime", "WhenCreatedUTC": "2025-11-11T09:47:38.0000000+00:00",
            "EmailAddresses@odata.type": "#Collection(String)", "EmailAddresses": ["SMTP:a@b.c"],
            "Odd@data.type": "System.DateTime", "Odd": "never",
            "Count": 5, "Large": 8_589_934_592_i64, "Unset": null, "Office": "",
        }));
        assert_eq!(value.as_object().unwrap().properties().count(), 8);
        let created = attribute_value(value.property("WhenCreatedUTC").unwrap());
        assert_eq!(created, "2025-11-11T09:47:38Z", "as PowerShell prints universal time");
        assert!(matches!(value.property("Count"), Some(Value::I32(5))));
        assert!(matches!(value.property("Large"), Some(Value::I64(8_589_934_592))));
        let json = |name| attribute_value(value.property(name).unwrap());
        assert_eq!(json("Guid"), "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2");
        assert_eq!(json("EmailAddresses"), json!(["SMTP:a@b.c"]));
        assert_eq!(
            (json("Odd"), json("Unset"), json("Office")),
            (json!("never"), Json::Null, json!(""))
        );
    }

    #[test]
    fn old_dates_count_milliseconds() {
        let value = row(json!({"D@data.type": "System.DateTime", "D": "/Date(-1500)/"}));
        assert_eq!(attribute_value(value.property("D").unwrap()), "1969-12-31T23:59:58.5Z");
        let value = row(json!({"D@data.type": "System.DateTime", "D": "/Date(x)/"}));
        assert_eq!(attribute_value(value.property("D").unwrap()), "/Date(x)/");
    }
}
