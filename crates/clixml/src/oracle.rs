//! What must hold for any bytes at all: for the fuzz targets and the property tests, no part of the interface.
//!
//! Each function panics when it does not hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Limits, Objects, Source, Value};

/// Low enough for documents of some hundred bytes to exceed.
fn limits() -> Limits {
    Limits::default()
        .with_depth(64)
        .with_elements(100_000)
        .with_references(1000)
        .with_text(1 << 16)
        .with_attributes(8)
}

/// A struct with fields of every kind.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    #[serde(default)]
    a: Option<String>,
    #[serde(default)]
    b: Option<Vec<String>>,
    #[serde(default)]
    c: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    d: Option<Box<Self>>,
    #[serde(default)]
    e: Option<(i64, bool)>,
    #[serde(default)]
    f: Option<Choice>,
    #[serde(default)]
    g: Value,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Choice {
    Plain,
    Number(u8),
    Text { a: String },
}

/// No bytes make any reader panic, and all readers agree on what is a document.
///
/// # Panics
///
/// When they do not.
pub fn any_bytes(bytes: &[u8]) {
    let facts = crate::dump::facts(bytes);
    let document = crate::read_document(bytes);
    assert!(document.is_err() || facts.is_ok(), "what gives values gives facts");
    let _ = crate::read_document_with_limits(bytes, limits());
    let _ = crate::from_slice_with_limits::<Everything>(bytes, limits());
    let _ = crate::from_slice_with_limits::<Value>(bytes, limits());
    let Ok(source) = Source::decode(bytes) else { return };
    let mut objects = Objects::new(&source, limits());
    let mut count = 0;
    while let Some(read) = objects.next_as::<Everything>() {
        count += 1;
        assert!(count <= bytes.len() + 1, "there is an end");
        drop(read);
    }
    if let Ok(document) = document {
        let values: Result<Vec<Value>, Error> = Objects::new(&source, Limits::default()).collect();
        assert_eq!(values.map(|values| values.len()).ok(), Some(document.values.len()));
    }
}

/// What is read and written is read again as the same, whether as CLIXML or in another format.
///
/// # Panics
///
/// When it is not.
pub fn round_trip(bytes: &[u8]) {
    let Ok(document) = crate::read_document(bytes) else { return };
    // Not a number is unequal to itself, and texts that are no longer escaped may be so again: the second time counts.
    let once = document.to_xml();
    let again = crate::read_document(once.as_bytes()).expect("what is written can be read");
    assert_eq!(again.values.len(), document.values.len());
    assert_eq!(again.to_xml(), once, "writing what was written changes nothing");
}

/// What [`typed_reading`] states, of the value that the bytes are.
///
/// # Panics
///
/// When it does not hold.
pub fn typed_bytes(bytes: &[u8]) {
    if let Ok(value) = crate::read_value_with_limits(bytes, limits()) {
        typed_reading(&value);
    }
}

/// Reading straight from the text gives what the tree of values gives.
///
/// # Panics
///
/// When it gives something else.
pub fn typed_reading(value: &Value) {
    fn check<T: for<'de> Deserialize<'de> + Serialize>(xml: &str, value: &Value) {
        let straight = crate::from_str::<T>(xml);
        let by_tree = crate::from_value::<T>(value);
        let shown = |read: Result<T, Error>| match read {
            Ok(data) => crate::to_string(&data).map_err(|error| error.to_string()),
            Err(Error::Mismatch { expected, found }) => Err(format!("{expected}, {found}")),
            Err(_) => Err("another error".to_owned()),
        };
        let (straight, by_tree) = (shown(straight), shown(by_tree));
        assert!(straight.is_err() == by_tree.is_err(), "{straight:?}\n{by_tree:?}\n{xml}");
        assert!(straight.is_err() || straight == by_tree, "{straight:?}\n{by_tree:?}\n{xml}");
    }
    let xml = crate::write_value(value);
    let Ok(value) = crate::read_value(xml.as_bytes()) else { return };
    check::<Everything>(&xml, &value);
    check::<Option<String>>(&xml, &value);
    check::<Vec<Option<String>>>(&xml, &value);
    check::<BTreeMap<String, Option<String>>>(&xml, &value);
    check::<Option<i64>>(&xml, &value);
    check::<Option<f64>>(&xml, &value);
    check::<bool>(&xml, &value);
    check::<Choice>(&xml, &value);
    check::<()>(&xml, &value);
    check::<Value>(&xml, &value);
}
