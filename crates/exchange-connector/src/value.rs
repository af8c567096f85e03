//! Attribute values between CLIXML and JSON, and whether two of them say the same.
//!
//! Exchange prints sizes, enumerations and references as text when a whole object is sent; trimmed by `Select-Object`
//! the same values arrive as objects whose `ToString` is that text. Both end as the same JSON here.

use std::collections::BTreeSet;

use clixml::{Object, TypeNames, Value};
use exchange_cmdlets::attribute_value;
use serde_json::{Map, Value as Json};

use crate::schema::{Attribute, AttributeType};

/// The value of an attribute as JSON: `null` for unset, which Exchange's text for an unset single value, "", is too.
pub(crate) fn attribute_to_json(attribute: Attribute, value: Option<&Value>) -> Json {
    let value = value.map_or(Json::Null, attribute_value);
    match (attribute.is_list(), value) {
        (true, Json::Null) => Json::Array(Vec::new()),
        (true, items @ Json::Array(_)) => items,
        // A list of one item may come without its list.
        (true, single) => match typed(attribute.kind(), single) {
            Json::Null => Json::Array(Vec::new()),
            item => Json::Array(vec![item]),
        },
        (false, Json::Array(items)) if items.is_empty() => Json::Null,
        (false, value) => typed(attribute.kind(), value),
    }
}

/// Gives a single value the JSON type its attribute says.
fn typed(kind: AttributeType, value: Json) -> Json {
    match (kind, value) {
        (_, Json::String(text)) if text.is_empty() => Json::Null,
        (AttributeType::Boolean, Json::String(text)) if text.eq_ignore_ascii_case("true") => {
            Json::Bool(true)
        }
        (AttributeType::Boolean, Json::String(text)) if text.eq_ignore_ascii_case("false") => {
            Json::Bool(false)
        }
        (AttributeType::Integer, Json::String(text)) => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        },
        (_, value) => value,
    }
}

/// Any output object as JSON: its properties, or its primitive value.
pub(crate) fn object_to_json(value: &Value) -> Json {
    let mut properties = value.as_object().into_iter().flat_map(Object::properties).peekable();
    if value.items().is_some() || properties.peek().is_none() {
        return attribute_value(value);
    }
    properties
        .map(|property| {
            (property.name.to_str_lossy().into_owned(), attribute_value(&property.value))
        })
        .collect::<Map<_, _>>()
        .into()
}

/// The argument that writes `wanted` to the attribute.
///
/// # Errors
///
/// What is wrong with the value, without the attribute's name.
pub(crate) fn attribute_to_argument(attribute: Attribute, wanted: &Json) -> Result<Value, String> {
    match wanted {
        Json::Null if attribute.kind() == AttributeType::Boolean => {
            return Err("is either true or false and cannot be cleared".to_owned());
        }
        // Null empties a list; an empty list is refused by some parameters.
        Json::Array(items) if attribute.is_list() && items.is_empty() => return Ok(Value::Nil),
        Json::Array(_) if !attribute.is_list() => {
            return Err("takes a single value, not a list".to_owned());
        }
        Json::Array(items) if items.contains(&Json::Null) => {
            return Err("has null in its list".to_owned());
        }
        Json::String(text) if attribute.kind() == AttributeType::Size && size(text).is_none() => {
            return Err("takes a size such as \"25MB\", or \"Unlimited\"".to_owned());
        }
        Json::String(text)
            if attribute.kind() == AttributeType::Guid && uuid::Uuid::try_parse(text).is_err() =>
        {
            return Err("takes a GUID".to_owned());
        }
        _ => {}
    }
    exchange_cmdlets::parameter_value(attribute.kind(), attribute.is_list(), wanted)
        .map_err(|error| format!("cannot be written: {error}"))
}

/// A list as a multi-valued parameter takes it.
pub(crate) fn list_argument(items: Vec<Value>) -> Value {
    Value::list(TypeNames::array_list(), items)
}

/// Whether two values of an attribute say the same to Exchange.
pub(crate) fn same(attribute: Attribute, current: &Json, wanted: &Json) -> bool {
    let key = |value: &Json| comparable(attribute.kind(), value);
    if attribute.is_list() {
        let keys = |value: &Json| -> Vec<String> {
            match value {
                Json::Null => Vec::new(),
                Json::Array(items) => items.iter().map(key).collect(),
                single => vec![key(single)],
            }
        };
        let (current, wanted) = (keys(current), keys(wanted));
        // The first language is the preferred one; of other lists only the members count.
        return if attribute.name() == "Languages" {
            current == wanted
        } else {
            current.iter().collect::<BTreeSet<_>>() == wanted.iter().collect::<BTreeSet<_>>()
        };
    }
    key(current) == key(wanted)
}

/// A text that is equal for values that say the same.
fn comparable(kind: AttributeType, value: &Json) -> String {
    let text = match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match kind {
        AttributeType::Text => text,
        // Exchange shows an unset limit as the word.
        AttributeType::Size | AttributeType::Limit if text.is_empty() => "unlimited".to_owned(),
        AttributeType::Size => {
            size(&text).map_or_else(|| text.to_lowercase(), |bytes| bytes.to_string())
        }
        AttributeType::Duration => {
            time_span(&text).map_or_else(|| text.to_lowercase(), |ticks| ticks.to_string())
        }
        AttributeType::Enumeration => {
            let members: BTreeSet<_> =
                text.split(',').map(|member| member.trim().to_lowercase()).collect();
            members.into_iter().collect::<Vec<_>>().join(",")
        }
        AttributeType::ProxyAddress => {
            let text = text.to_lowercase();
            text.strip_prefix("smtp:").map(str::to_owned).unwrap_or(text)
        }
        AttributeType::Guid => text.trim_matches(|c| c == '{' || c == '}').to_lowercase(),
        _ => text.trim().to_lowercase(),
    }
}

/// A number of bytes, or the word for none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Size {
    Unlimited,
    Bytes(u128),
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Bytes(bytes) => write!(f, "{bytes}"),
        }
    }
}

/// Reads `Unlimited`, `25MB`, `1.5 GB`, `1048576`, or what Exchange prints: `1 GB (1,073,741,824 bytes)`.
///
/// The number in parentheses is exact, the one before it rounded; its separators follow the server's culture.
fn size(text: &str) -> Option<Size> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("unlimited") {
        return Some(Size::Unlimited);
    }
    if let Some((_, exact)) = text.split_once('(') {
        let digits: String = exact.chars().filter(char::is_ascii_digit).collect();
        return digits.parse().ok().map(Size::Bytes);
    }
    let number_end = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at_checked(number_end)?;
    let factor: u128 = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let value: u128 = format!("{whole}{fraction}").parse().ok()?;
    Some(Size::Bytes(value.checked_mul(factor)? / scale))
}

/// Reads `days.hours:minutes:seconds` with an optional fraction, in ticks of 100 ns.
fn time_span(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (days, time) = match text.split_once(':')?.0.split_once('.') {
        Some((days, _)) => (days.parse::<i128>().ok()?, text.split_once('.')?.1),
        None => (0, text),
    };
    let mut parts = time.split(':');
    let hours: i128 = parts.next()?.parse().ok()?;
    let minutes: i128 = parts.next()?.parse().ok()?;
    let seconds = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let fraction: i128 = format!("{fraction:0<7}").parse().ok()?;
    let whole = days
        .checked_mul(24)?
        .checked_add(hours)?
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60)?
        .checked_add(seconds.parse().ok()?)?;
    let ticks = whole.checked_mul(10_000_000)?.checked_add(fraction)?;
    Some(if negative { -ticks } else { ticks })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{Family, attribute};

    fn mailbox(name: &str) -> Attribute {
        attribute(Family::Mailbox, name).unwrap()
    }

    #[test]
    fn sizes_are_compared_as_numbers() {
        let check = |text: &str, expected: Option<u128>| {
            assert_eq!(size(text), expected.map(Size::Bytes), "{text}");
        };
        check("1 GB (1,073,741,824 bytes)", Some(1 << 30));
        check("152.1 MB (159.449.088 Bytes)", Some(159_449_088));
        check("1GB", Some(1 << 30));
        check("1.5 kb", Some(1536));
        check("1024", Some(1024));
        check("many", None);
        check("1 XB", None);
        check("", None);
        assert_eq!(size("unlimited"), Some(Size::Unlimited));
        let same = |current: Json, wanted: Json| same(mailbox("MaxSendSize"), &current, &wanted);
        assert!(same(json!("1 GB (1,073,741,824 bytes)"), json!("1GB")));
        assert!(same(json!("Unlimited"), Json::Null));
        assert!(!same(json!("Unlimited"), json!("1GB")));
    }

    #[test]
    fn time_spans_are_compared_as_numbers() {
        let check = |text: &str, expected: Option<i128>| {
            assert_eq!(time_span(text), expected, "{text}");
        };
        check("14.00:00:00", Some(14 * 86_400 * 10_000_000));
        check("06:00", Some(6 * 3_600 * 10_000_000));
        check("00:00:00.5", Some(5_000_000));
        check("-00:00:01", Some(-10_000_000));
        check("14", None);
        check("1:2:3:4", None);
        let same = |wanted: &str| {
            same(mailbox("RetainDeletedItemsFor"), &json!("14.00:00:00"), &json!(wanted))
        };
        assert!(same("14.00:00:00.0000000"));
        assert!(!same("15.00:00:00"));
    }

    #[test]
    fn values_that_say_the_same_are_the_same() {
        let check = |name: &str, current: Json, wanted: Json, expected: bool| {
            assert_eq!(
                same(mailbox(name), &current, &wanted),
                expected,
                "{name} {current} {wanted}"
            );
        };
        check("CustomAttribute1", Json::Null, json!(""), true);
        check("CustomAttribute1", json!("a"), json!("A"), false);
        check("CustomAttribute1", json!("7"), json!(7), true);
        check("HiddenFromAddressListsEnabled", json!(true), json!(false), false);
        check("ExternalOofOptions", json!("External"), json!("external"), true);
        check("ExtensionCustomAttribute1", json!(["a", "b"]), json!(["b", "a"]), true);
        check("ExtensionCustomAttribute1", json!([]), Json::Null, true);
        check("ExtensionCustomAttribute1", json!(["a"]), json!("a"), true);
        check("Languages", json!(["de-DE", "en-US"]), json!(["en-US", "de-DE"]), false);
        check("RetentionPolicy", json!("Default"), json!("default"), true);
        check("ForwardingSmtpAddress", json!("smtp:a@b.c"), json!("A@B.C"), true);
    }

    #[test]
    fn a_whole_and_a_trimmed_object_give_the_same_values() {
        let size: Value =
            Object::new().with_to_string("Unlimited").with_adapted("IsUnlimited", true).into();
        assert_eq!(attribute_to_json(mailbox("MaxSendSize"), Some(&size)), json!("Unlimited"));
        let bare: Value = Object::new().with_adapted("IsUnlimited", true).into();
        assert_eq!(attribute_to_json(mailbox("MaxSendSize"), Some(&bare)), json!("Unlimited"));
        let member = Value::enumeration("X", "UserMailbox", 1);
        assert_eq!(
            attribute_to_json(mailbox("RecipientTypeDetails"), Some(&member)),
            json!("UserMailbox")
        );
        assert_eq!(attribute_to_json(mailbox("CustomAttribute1"), Some(&"".into())), Json::Null);
        assert_eq!(attribute_to_json(mailbox("CustomAttribute1"), None), Json::Null);
        assert_eq!(attribute_to_json(mailbox("EmailAddresses"), Some(&Value::Nil)), json!([]));
        let list = list_argument(vec!["smtp:a@b.c".into()]);
        assert_eq!(
            attribute_to_json(mailbox("EmailAddresses"), Some(&list)),
            json!(["smtp:a@b.c"])
        );
    }

    #[test]
    fn arguments_have_the_type_of_their_parameter() {
        let check = |name: &str, wanted: Json, expected: Result<Value, &str>| {
            let got = attribute_to_argument(mailbox(name), &wanted);
            assert_eq!(got, expected.map_err(str::to_owned), "{name}");
        };
        check("HiddenFromAddressListsEnabled", json!(true), Ok(true.into()));
        check("HiddenFromAddressListsEnabled", json!("true"), Ok(true.into()));
        let word = attribute_to_argument(mailbox("HiddenFromAddressListsEnabled"), &json!("yes"));
        assert!(word.is_err());
        check(
            "HiddenFromAddressListsEnabled",
            Json::Null,
            Err("is either true or false and cannot be cleared"),
        );
        check("ResourceCapacity", json!(12), Ok(12.into()));
        check("ResourceCapacity", json!("12"), Ok(12.into()));
        check("CustomAttribute1", json!(12), Ok("12".into()));
        check("CustomAttribute1", Json::Null, Ok(Value::Nil));
        check("CustomAttribute1", json!([]), Err("takes a single value, not a list"));
        check("MaxSendSize", json!("lots"), Err("takes a size such as \"25MB\", or \"Unlimited\""));
        check("ExtensionCustomAttribute1", json!([]), Ok(Value::Nil));
        check("ExtensionCustomAttribute1", json!(["a", null]), Err("has null in its list"));
        check("ExtensionCustomAttribute1", json!("a"), Ok(list_argument(vec!["a".into()])));
    }

    #[test]
    fn any_object_can_be_shown() {
        let inner: Value = Object::new().with_to_string("1 KB").with_adapted("Value", "1").into();
        let value: Value = Object::new()
            .with_to_string("Ann")
            .with_adapted("Name", "Ann")
            .with_adapted("Size", inner)
            .with_adapted("Count", 3)
            .with_adapted("Nothing", Value::Nil)
            .with_adapted("List", list_argument(vec![1.into(), "b".into()]))
            .into();
        assert_eq!(
            object_to_json(&value),
            json!({"Name":"Ann","Size":"1 KB","Count":3,"Nothing":null,"List":[1,"b"]})
        );
        assert_eq!(object_to_json(&"text".into()), json!("text"));
    }

    proptest::proptest! {
        #[test]
        fn a_value_is_the_same_as_itself_and_no_text_is_too_odd(text in ".*", other in ".*") {
            for name in ["DisplayName", "MaxSendSize", "RetainDeletedItemsFor", "ForwardingSmtpAddress", "RetentionPolicy"] {
                let attribute = mailbox(name);
                proptest::prop_assert!(same(attribute, &json!(text), &json!(text)));
                let there = same(attribute, &json!(text), &json!(other));
                proptest::prop_assert_eq!(there, same(attribute, &json!(other), &json!(text)));
                let _ = attribute_to_argument(attribute, &json!(text));
            }
        }
    }
}
