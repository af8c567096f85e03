//! How much memory values take, about, so that what is collected can be bounded.

use clixml::{Content, Text, Value};

/// About how many bytes a value takes in memory.
pub(crate) fn weight(value: &Value) -> usize {
    let mut sum: usize = 0;
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        sum = sum.saturating_add(NODE).saturating_add(match value {
            Value::Bytes(bytes) | Value::SecureString(bytes) => bytes.len(),
            Value::String(text)
            | Value::Uri(text)
            | Value::Xml(text)
            | Value::ScriptBlock(text) => length(text),
            Value::Unknown { tag, text, .. } => tag.len().saturating_add(text.len()),
            Value::Object(object) => object.to_string.as_ref().map_or(0, length),
            _ => 0,
        });
        let Value::Object(object) = value else { continue };
        rest.extend(object.adapted.iter().chain(&object.extended).map(|property| &property.value));
        match &object.content {
            Content::Value(inner) => rest.push(inner),
            Content::List(items)
            | Content::Enumerable(items)
            | Content::Stack(items)
            | Content::Queue(items) => rest.extend(items),
            Content::Dictionary(entries) => {
                rest.extend(entries.iter().flat_map(|(key, value)| [key, value]));
            }
            _ => {}
        }
    }
    sum
}

fn length(text: &Text) -> usize {
    text.as_str().map_or_else(|| text.to_string().len(), str::len)
}

/// What a value takes besides its text: itself, its name, and room that lists keep.
const NODE: usize = 100;

#[cfg(test)]
mod tests {
    use clixml::Object;

    use super::*;

    #[test]
    fn texts_and_numbers_of_values_count() {
        let row: Value = Object::new()
            .with_adapted("Name", "x".repeat(5000))
            .with_adapted("List", Value::list([""; 0], vec![Value::Nil; 1000]))
            .into();
        assert_eq!(weight(&row), 5000 + 1003 * NODE);
        assert_eq!(weight(&Value::Nil), NODE);
    }
}
