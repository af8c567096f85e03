//! JSON, changed in place: neither the order of members nor their writing is touched.

use std::ops::Range;

use super::Walk;
use crate::scrub::coded::Notation;
use crate::scrub::markup::apply;
use crate::scrub::property::{Class, class_of};

/// True when `text` is one JSON document, or several, one a line.
pub(super) fn is_document(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// An open object or array.
struct Level {
    /// The class of what is inside, unless its own name says otherwise.
    inherited: Class,
    /// The name of the member whose value comes next.
    key: Option<String>,
    is_object: bool,
}

impl Walk<'_> {
    /// Walks through a JSON document, or several of them.
    pub(in crate::scrub) fn json(&mut self, document: &str) -> Option<String> {
        let mut edits = Vec::new();
        let mut levels: Vec<Level> = Vec::new();
        let mut at = 0;
        while let Some(byte) = document.as_bytes().get(at) {
            match byte {
                b'{' | b'[' => {
                    let inherited = class_here(&levels);
                    levels.push(Level { inherited, key: None, is_object: *byte == b'{' });
                }
                b'}' | b']' => {
                    levels.pop();
                }
                b'"' => {
                    let range = string_at(document, at);
                    at = range.end;
                    self.json_string(document, range, &mut levels, &mut edits);
                }
                _ => {}
            }
            at += 1;
        }
        apply(document, edits)
    }

    fn json_string(
        &mut self,
        document: &str,
        range: Range<usize>,
        levels: &mut [Level],
        edits: &mut Vec<(Range<usize>, String)>,
    ) {
        let raw = document.get(range.clone()).unwrap_or_default();
        let rest = document.get(range.end + 1..).unwrap_or_default();
        let is_key = rest.trim_start().starts_with(':');
        if let Some(level) = levels.last_mut().filter(|level| level.is_object && is_key) {
            level.key = Some(raw.to_owned());
            // A map may be keyed by whom it is about.
            let replaced = self.within("key", |walk| walk.coded(Notation::Json, Class::Fixed, raw));
            edits.extend(replaced.map(|replaced| (range, replaced)));
            return;
        }
        let class = class_here(levels);
        let name = levels.iter().rev().find_map(|level| level.key.clone()).unwrap_or_default();
        let replaced = self.within(name, |walk| walk.coded(Notation::Json, class, raw));
        edits.extend(replaced.map(|replaced| (range, replaced)));
    }
}

/// Returns the class of a value that stands here.
fn class_here(levels: &[Level]) -> Class {
    let Some(level) = levels.last() else { return Class::Free };
    match level.key.as_deref().filter(|_| level.is_object).map(class_of) {
        Some(Class::Free) | None => level.inherited,
        Some(class) => class,
    }
}

/// Returns the inside of the string whose quotation mark is at `at`.
fn string_at(document: &str, at: usize) -> Range<usize> {
    let mut escaped = false;
    let inside = document.as_bytes().get(at + 1..).unwrap_or_default();
    let len = inside.iter().take_while(|byte| {
        let ends = **byte == b'"' && !escaped;
        escaped = **byte == b'\\' && !escaped;
        !ends
    });
    at + 1..at + 1 + len.count()
}
