//! The facts of each recording against those of an independent parser.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

use super::Row;
use crate::inspect::facts_of;

/// Compares every file that an `EXPECTED.json` in `folder`, or in a folder of it, names; a row for each kind.
///
/// # Errors
///
/// When there is no such file.
pub(super) fn compare(folder: &Path) -> Result<Vec<Row>> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let expectations = expectations(folder)?;
    if expectations.is_empty() {
        bail!("no EXPECTED.json in {}", folder.display());
    }
    for file in expectations {
        for (name, expected) in read_expected(&file)? {
            let kind = expected.get("kind").and_then(Value::as_str).unwrap_or("no kind");
            let subject = format!("facts, {kind}");
            let row = rows.entry(subject.clone()).or_insert_with(|| Row::new(subject, 0, 0));
            match difference(&file.with_file_name(&name), &expected) {
                None => row.passed += 1,
                Some(difference) => {
                    row.failed += 1;
                    eprintln!("{name}: {difference}");
                }
            }
        }
    }
    Ok(rows.into_values().collect())
}

/// Returns the entries of an `EXPECTED.json`.
///
/// # Errors
///
/// When it cannot be read.
pub(super) fn read_expected(file: &Path) -> Result<Map<String, Value>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not an object of facts", file.display()))
}

pub(super) fn expectations(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders
        .into_iter()
        .map(|folder| folder.join("EXPECTED.json"))
        .filter(|file| file.is_file())
        .collect())
}

/// Tells the first fact of `file` that is not as expected.
///
/// Facts that an expectation leaves out are not compared: those of very long recordings are shortened.
fn difference(file: &Path, expected: &Value) -> Option<String> {
    match facts_of(file) {
        Ok(facts) => first_difference("", expected, &facts),
        Err(error) => Some(format!("{error:#}")),
    }
}

pub(super) fn first_difference(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().find_map(|(name, value)| {
                let path = format!("{path}/{name}");
                match found.get(name) {
                    Some(found) => first_difference(&path, value, found),
                    None => Some(format!("{path} is missing")),
                }
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs.into_iter().find_map(|(index, (one, other))| {
                first_difference(&format!("{path}/{index}"), one, other)
            })
        }
        _ if expected == found => None,
        _ => Some(format!("{path} should be {expected:.120} and is {found:.120}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::first_difference;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let expected = json!({"a": [{"b": 1}, {"b": 2}]});
        assert_eq!(
            first_difference("", &expected, &json!({"a": [{"b": 1}, {"b": 2}], "c": 3})),
            None
        );
        let found = json!({"a": [{"b": 1}, {"b": 3}]});
        assert_eq!(
            first_difference("", &expected, &found).as_deref(),
            Some("/a/1/b should be 2 and is 3")
        );
        assert_eq!(first_difference("", &expected, &json!({})).as_deref(), Some("/a is missing"));
    }
}
