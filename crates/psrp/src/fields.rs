//! Reading and writing the property bags that message bodies are.
//!
//! Spec: [MS-PSRP] 2.2.5.2.9 Extended Properties.
//!
//! What surprised: a peer may write any property as a plain value, as an object around it or as a reference to an object
//! earlier in the message; an enumeration as an object, a bare number or the name of its member; and the names in any case.

use core::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::rc::Rc;

use clixml::{Content, Object, ObjectId, Text, Value, Version};

use crate::error::DecodeError;
use crate::message::MessageType;

/// How much may be copied for references, in values plus bytes of text: a short message can point many times at something
/// large.
const COPY_BUDGET: usize = 4 << 20;

/// The properties of one object of a message.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    message_type: MessageType,
    root: Rc<Root<'a>>,
    value: &'a Value,
}

/// The whole body, where references point.
struct Root<'a> {
    value: &'a Value,
    objects: OnceCell<HashMap<ObjectId, &'a Value>>,
    copy_budget: Cell<usize>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message_type: MessageType, value: &'a Value) -> Self {
        let root = Root { value, objects: OnceCell::new(), copy_budget: Cell::new(COPY_BUDGET) };
        Self { message_type, root: Rc::new(root), value }
    }

    /// The same for an object inside the body.
    pub(crate) fn inside(&self, value: &'a Value) -> Self {
        Self {
            value: self.resolve(value),
            root: Rc::clone(&self.root),
            message_type: self.message_type,
        }
    }

    pub(crate) fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// Follows a reference.
    pub(crate) fn resolve(&self, value: &'a Value) -> &'a Value {
        match value {
            Value::Ref(id) => self.root.objects().get(id).copied().unwrap_or(value),
            _ => value,
        }
    }

    /// Copies a value, or what it points at as long as the budget lasts; then the reference itself.
    pub(crate) fn copy(&self, value: &'a Value) -> Value {
        let Value::Ref(_) = value else { return value.clone() };
        let target = self.resolve(value);
        match self.root.copy_budget.get().checked_sub(weight(target)) {
            Some(rest) => {
                self.root.copy_budget.set(rest);
                target.clone()
            }
            None => value.clone(),
        }
    }

    /// A property, unless it is absent or Nil.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.present(name).filter(|value| !value.is_nil())
    }

    /// A property, Nil or not.
    pub(crate) fn present(&self, name: &str) -> Option<&'a Value> {
        self.value.property(name).map(|value| self.resolve(value))
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&'a Value, DecodeError> {
        self.present(name)
            .ok_or(DecodeError::MissingProperty { message_type: self.message_type, property: name })
    }

    /// A property as it stands, a reference not followed.
    pub(crate) fn required_raw(&self, name: &'static str) -> Result<&'a Value, DecodeError> {
        self.value
            .property(name)
            .ok_or(DecodeError::MissingProperty { message_type: self.message_type, property: name })
    }

    pub(crate) fn wrong(&self, property: &'static str, expected: &'static str) -> DecodeError {
        DecodeError::WrongProperty { message_type: self.message_type, property, expected }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(self.get(name)?.text()?.into_owned())
    }

    pub(crate) fn required_text(&self, name: &'static str) -> Result<String, DecodeError> {
        let text = self.required(name)?.text().ok_or_else(|| self.wrong(name, "string"))?;
        Ok(text.into_owned())
    }

    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    pub(crate) fn required_bool(&self, name: &'static str) -> Result<bool, DecodeError> {
        self.required(name)?.as_bool().ok_or_else(|| self.wrong(name, "boolean"))
    }

    pub(crate) fn i32(&self, name: &str) -> Option<i32> {
        i32::try_from(self.get(name)?.as_i64()?).ok()
    }

    pub(crate) fn u32(&self, name: &str) -> Option<u32> {
        u32::try_from(self.get(name)?.as_i64()?).ok()
    }

    pub(crate) fn required_i32(&self, name: &'static str) -> Result<i32, DecodeError> {
        self.required(name)?;
        self.i32(name).ok_or_else(|| self.wrong(name, "32-bit number"))
    }

    pub(crate) fn required_i64(&self, name: &'static str) -> Result<i64, DecodeError> {
        self.required(name)?.as_i64().ok_or_else(|| self.wrong(name, "number"))
    }

    pub(crate) fn version(&self, name: &str) -> Option<Version> {
        self.get(name)?.text()?.parse().ok()
    }

    /// The number of an enumeration; `names` are its members, for peers that send the name.
    pub(crate) fn enumeration(&self, name: &str, names: &[(&str, i32)]) -> Option<i32> {
        let value = self.get(name)?;
        if let Some(number) = value.enum_number() {
            return i32::try_from(number).ok();
        }
        let text = value.text()?;
        names.iter().find(|(label, _)| label.eq_ignore_ascii_case(&text)).map(|(_, number)| *number)
    }

    pub(crate) fn required_enum(
        &self,
        name: &'static str,
        names: &[(&str, i32)],
    ) -> Result<i32, DecodeError> {
        self.required(name)?;
        self.enumeration(name, names).ok_or_else(|| self.wrong(name, "enumeration"))
    }

    pub(crate) fn nested(&self, name: &'static str) -> Result<Self, DecodeError> {
        let value = self.required(name)?;
        if value.as_object().is_none() {
            return Err(self.wrong(name, "object"));
        }
        Ok(self.inside(value))
    }

    /// The items of a list; a reference to a list is followed, items are not.
    pub(crate) fn required_items(&self, name: &'static str) -> Result<&'a [Value], DecodeError> {
        self.required(name)?.items().ok_or_else(|| self.wrong(name, "list"))
    }
}

/// Makes the object that a message body is: extended properties, no type names.
pub(crate) fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    properties
        .into_iter()
        .fold(Object::new(), |object, (name, value)| object.with_extended(name, value))
        .into()
}

/// Makes a list of `ArrayList` type, the list type of the protocol's own messages.
pub(crate) fn array_list(items: Vec<Value>) -> Value {
    Value::list(clixml::TypeNames::array_list(), items)
}

impl<'a> Root<'a> {
    fn objects(&self) -> &HashMap<ObjectId, &'a Value> {
        self.objects.get_or_init(|| {
            let mut objects = HashMap::new();
            walk(self.value, |value| {
                if let Value::Object(object) = value
                    && let Some(id) = object.id
                {
                    objects.insert(id, value);
                }
            });
            objects
        })
    }
}

/// What a copy of a value costs: one for each value in it, and the bytes of its longer parts.
fn weight(value: &Value) -> usize {
    let mut weight = 0_usize;
    walk(value, |value| {
        let bytes = match value {
            Value::String(text)
            | Value::Uri(text)
            | Value::Xml(text)
            | Value::ScriptBlock(text) => text_len(text),
            Value::Bytes(bytes) | Value::SecureString(bytes) => bytes.len(),
            Value::Object(object) => object.to_string.as_ref().map_or(0, text_len),
            _ => 0,
        };
        weight = weight.saturating_add(bytes).saturating_add(1);
    });
    weight
}

fn text_len(text: &Text) -> usize {
    text.as_str().map_or_else(|| text.to_utf16().len(), str::len)
}

/// Visits every value inside a value, without recursion and without following references.
fn walk<'a>(root: &'a Value, mut visit: impl FnMut(&'a Value)) {
    let mut open = vec![root];
    while let Some(value) = open.pop() {
        visit(value);
        let Value::Object(object) = value else { continue };
        open.extend(object.properties().map(|property| &property.value));
        match &object.content {
            Content::Value(inner) => open.push(inner),
            Content::List(items)
            | Content::Enumerable(items)
            | Content::Stack(items)
            | Content::Queue(items) => open.extend(items),
            Content::Dictionary(entries) => {
                open.extend(entries.iter().flat_map(|(key, value)| [key, value]));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_and_a_name_are_followed() {
        let shared =
            Object::new().with_id(ObjectId::new(3)).with_content(Content::Value(Value::from(7)));
        let body = object([
            ("first", shared.into()),
            ("second", Value::Ref(ObjectId::new(3))),
            ("mode", "all".into()),
        ]);
        let fields = Fields::new(MessageType::UserEvent, &body);
        assert_eq!(fields.i32("SECOND"), Some(7));
        assert_eq!(fields.enumeration("mode", &[("All", 9)]), Some(9));
        assert_eq!(fields.enumeration("first", &[]), Some(7));
        assert!(matches!(
            fields.required_i32("third"),
            Err(DecodeError::MissingProperty { property: "third", .. })
        ));
        assert!(matches!(fields.required_i32("mode"), Err(DecodeError::WrongProperty { .. })));
    }

    #[test]
    fn copies_for_references_are_bounded() {
        let id = ObjectId::new(1);
        let large = Object::new().with_id(id).with_to_string("x".repeat(COPY_BUDGET / 2));
        let body = object([("large", large.into())]);
        let fields = Fields::new(MessageType::UserEvent, &body);
        let reference = Value::Ref(id);
        assert!(fields.copy(&reference).as_object().is_some());
        assert_eq!(fields.copy(&reference), reference);
    }
}
