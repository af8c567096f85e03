//! Facts of a JSON document.

use serde_json::{Map, Value, json};

use super::sha256;

/// Returns the facts that belong to the kind `json`.
pub(crate) fn facts(document: &str) -> Map<String, Value> {
    let mut facts = Map::new();
    let Ok(value) = serde_json::from_str::<Value>(document) else {
        facts.insert("malformed".into(), json!(true));
        return facts;
    };
    facts.insert("json_type".into(), json!(type_name(&value)));
    facts.insert("json_sha256".into(), json!(sha256(canonical(&value).as_bytes())));
    match &value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort();
            facts.insert("keys".into(), json!(keys));
            facts.insert("len".into(), json!(members.len()));
            facts.extend(
                members.get("error").and_then(error_facts).map(|error| ("error".to_owned(), error)),
            );
        }
        Value::Array(items) => {
            facts.insert("len".into(), json!(items.len()));
        }
        _ => {}
    }
    facts
}

/// Writes `value` without blanks and with sorted keys, however `serde_json` was built.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", json!(name), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The type in the words of the facts, which are Python's.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// The parts of an OData error that tell what happened.
fn error_facts(error: &Value) -> Option<Value> {
    let inner = error.as_object()?.get("innererror");
    let details = error.get("details").and_then(Value::as_array).map_or(0, Vec::len);
    let internal = inner.and_then(|inner| inner.get("internalexception"));
    Some(json!({
        "code": error.get("code"),
        "details": details,
        "inner_type": inner.and_then(|inner| inner.get("type")),
        "internal_type": internal.and_then(|internal| internal.get("type")),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{canonical, facts};

    #[test]
    fn keys_are_sorted_and_text_is_not_escaped() {
        assert_eq!(
            canonical(&json!({"b": [1, 1.5, null], "a": "é\n"})),
            "{\"a\":\"é\\n\",\"b\":[1,1.5,null]}"
        );
    }

    #[test]
    fn a_document_that_is_no_json_is_called_malformed() {
        assert_eq!(serde_json::Value::Object(facts("{}}")), json!({"malformed": true}));
    }
}
