//! The words of a recording's own secrets, gathered from the settings that it was made with.

use std::path::Path;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use super::property::{Class, class_of};

/// Letters of a word that is worth looking for.
const MIN_WORD: usize = 4;

/// Gathers what the settings in `file` say that nobody else may see: hosts, names, passwords, and what they refer to in
/// the environment and in other files.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn words_of_settings(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the settings in {}", file.display()))?;
    let settings: Table = text.parse().with_context(|| format!("{} is no TOML", file.display()))?;
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let mut words = Vec::new();
    gather(&settings, folder, &mut words);
    words.sort();
    words.dedup();
    Ok(words)
}

fn gather(table: &Table, folder: &Path, words: &mut Vec<String>) {
    for (key, value) in table {
        match value {
            Value::String(text) => gather_text(class_of(key), text, words),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .for_each(|text| gather_text(class_of(key), text, words)),
            Value::Table(inner) if class_of(key) == Class::Secret => {
                let from_variable = inner.get("env").and_then(Value::as_str).map(std::env::var);
                words.extend(from_variable.and_then(Result::ok));
                let from_file = inner.get("file").and_then(Value::as_str);
                let read = from_file.map(|file| std::fs::read_to_string(folder.join(file)));
                words.extend(read.and_then(Result::ok).map(|text| text.trim().to_owned()));
            }
            Value::Table(inner) => gather(inner, folder, words),
            _ => {}
        }
    }
}

/// Secrets are looked for whole; of names and hosts also their parts, for those stand elsewhere by themselves.
fn gather_text(class: Class, text: &str, words: &mut Vec<String>) {
    let is_secret = matches!(class, Class::Secret | Class::Token);
    let is_name = matches!(class, Class::Name | Class::Host) || text.contains("://");
    if is_secret {
        words.push(text.to_owned());
    }
    if is_name {
        let parts = text.split(|sign: char| !sign.is_alphanumeric());
        let telling = parts.filter(|part| {
            let signs: Vec<char> = part.chars().collect();
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            part.len() >= MIN_WORD && !is_number && !super::vocabulary::is_vocabulary(&signs)
        });
        words.extend(telling.map(str::to_owned));
    }
}
