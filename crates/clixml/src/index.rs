//! Finding the object a reference points at.
//!
//! Spec: [MS-PSRP] 2.2.5.2.1 Referencing Earlier Objects.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::collections::HashMap;

use crate::value::{Content, Object, ObjectId, Value};

/// The objects of a value or document by their ids.
///
/// ```
/// let value = clixml::read_value(
///     br#"<Obj RefId="0"><MS><Obj N="a" RefId="1"><ToString>x</ToString></Obj><Ref N="b" RefId="1"/></MS></Obj>"#,
/// )?;
/// let index = clixml::Index::of(std::slice::from_ref(&value));
/// assert_eq!(index.resolve(value.property("b").unwrap()), value.property("a").unwrap().as_object());
/// # Ok::<(), clixml::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Index<'v>(HashMap<ObjectId, &'v Object>);

impl<'v> Index<'v> {
    /// Makes the index of all objects in `values`. Of several with one id the first counts.
    #[must_use]
    pub fn of(values: &'v [Value]) -> Self {
        let mut objects = HashMap::new();
        let mut rest: Vec<&Value> = values.iter().rev().collect();
        while let Some(value) = rest.pop() {
            let Value::Object(object) = value else { continue };
            if let Some(id) = object.id {
                objects.entry(id).or_insert(&**object);
            }
            // What is put on the stack first is looked at last.
            rest.extend(object.properties().map(|property| &property.value));
            match &object.content {
                Content::None => {}
                Content::Value(inner) => rest.push(inner),
                Content::List(items)
                | Content::Enumerable(items)
                | Content::Stack(items)
                | Content::Queue(items) => rest.extend(items.iter().rev()),
                Content::Dictionary(entries) => {
                    rest.extend(entries.iter().rev().flat_map(|(key, value)| [value, key]));
                }
            }
        }
        Self(objects)
    }

    /// Gives the object with this id.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<&'v Object> {
        self.0.get(&id).copied()
    }

    /// Gives the object that `value` is or points at; `None` for primitives and for references into nothing.
    #[must_use]
    pub fn resolve(&self, value: &'v Value) -> Option<&'v Object> {
        match value {
            Value::Object(object) => Some(object),
            Value::Ref(id) => self.get(*id),
            _ => None,
        }
    }
}
