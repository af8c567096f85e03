//! Settings and other TOML, changed in place.

use std::ops::Range;

use super::Walk;
use crate::scrub::coded::Coded;
use crate::scrub::coded::Notation;
use crate::scrub::markup::apply;
use crate::scrub::property::{Class, class_of};

impl Walk<'_> {
    /// Walks through a TOML document of the kind that settings are: strings of one line, lists and inline tables of such.
    pub(in crate::scrub) fn toml(&mut self, document: &str) -> Option<String> {
        let mut edits = Vec::new();
        let mut key = String::new();
        // The key of an inline table's member, such as `env`, says what the value is; the outer key says whose.
        let mut inner: Option<String> = None;
        let mut word = String::new();
        let mut at = 0;
        let mut starts_line = true;
        while let Some(sign) = document.get(at..).and_then(|rest| rest.chars().next()) {
            match sign {
                '"' | '\'' => {
                    let range = string_at(document, at, sign);
                    at = range.end + 1;
                    if document
                        .get(at..)
                        .unwrap_or_default()
                        .trim_start_matches(' ')
                        .starts_with('=')
                    {
                        word = document.get(range).unwrap_or_default().to_owned();
                        continue;
                    }
                    let class = class_of_value(&key, inner.as_deref());
                    let name = inner
                        .as_ref()
                        .map_or_else(|| key.clone(), |inner| format!("{key}.{inner}"));
                    let raw = document.get(range.clone()).unwrap_or_default();
                    let replaced = self.within(name, |walk| walk.toml_string(sign, class, raw));
                    edits.extend(replaced.map(|replaced| (range, replaced)));
                    continue;
                }
                '#' => {
                    let range = at + 1..line_end(document, at);
                    let comment = document.get(range.clone()).unwrap_or_default();
                    let replaced = self.within("comment", |walk| walk.text(Class::Free, comment));
                    at = range.end;
                    edits.extend(replaced.map(|replaced| (range, replaced)));
                }
                '=' if starts_line => {
                    key = std::mem::take(&mut word);
                    starts_line = false;
                }
                '=' => inner = Some(std::mem::take(&mut word)),
                '{' | ',' | '}' => {
                    inner = None;
                    word.clear();
                }
                '\n' => {
                    starts_line = true;
                    inner = None;
                    word.clear();
                }
                '[' if starts_line => at = line_end(document, at),
                sign if sign.is_alphanumeric() || matches!(sign, '_' | '-') => word.push(sign),
                _ => {}
            }
            if at < document.len() && document.is_char_boundary(at) {
                let here = document.get(at..).and_then(|rest| rest.chars().next());
                at += here.map_or(1, char::len_utf8);
                if here == Some('\n') {
                    starts_line = true;
                    inner = None;
                    word.clear();
                }
            }
        }
        apply(document, edits)
    }

    fn toml_string(&mut self, quote: char, class: Class, raw: &str) -> Option<String> {
        if quote == '\'' {
            return self.text(class, raw);
        }
        let coded = Coded::new(Notation::Json, raw);
        self.text(class, &coded.text()).map(|replaced| coded.write(&replaced))
    }
}

/// The name of a variable is no secret, whatever the variable holds.
fn class_of_value(key: &str, inner: Option<&str>) -> Class {
    match inner {
        Some("env") => Class::Fixed,
        Some("file") => Class::Free,
        Some(inner) => class_of(inner),
        None => class_of(key),
    }
}

/// Returns the inside of the string that opens with `quote` at `at`, or the rest of a document that ends within it.
fn string_at(document: &str, at: usize, quote: char) -> Range<usize> {
    let mut escaped = false;
    let inside = document.get(at + 1..).unwrap_or_default();
    let end = inside.char_indices().find(|(_, sign)| {
        let ends = *sign == quote && !escaped;
        escaped = quote == '"' && *sign == '\\' && !escaped;
        ends
    });
    at + 1..at + 1 + end.map_or(inside.len(), |(end, _)| end)
}

fn line_end(document: &str, at: usize) -> usize {
    document.get(at..).and_then(|rest| rest.find('\n')).map_or(document.len(), |end| at + end)
}
