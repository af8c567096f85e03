//! Where secrets come from: the environment, a file, or (with a warning) the settings themselves.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::Value;

use super::error::SettingsError;
use super::section::kind_of;

/// The outside world as far as secrets need it, so that tests bring their own.
pub(super) trait SecretSource {
    fn environment(&self, name: &str) -> Option<OsString>;
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// The environment of the process, and files beside the settings file.
pub(super) struct Process {
    /// What relative paths start from.
    pub(super) directory: PathBuf,
}

impl SecretSource for Process {
    fn environment(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(self.directory.join(path))
    }
}

/// Reads the secret that `value` describes; `full_key` is shown, `key` is written.
pub(super) fn read_secret(
    full_key: &str,
    key: &str,
    value: &Value,
    source: &dyn SecretSource,
    warnings: &mut Vec<String>,
) -> Result<SecretString, SettingsError> {
    match value {
        Value::String(text) if text.is_empty() => Err(SettingsError::Secret {
            key: full_key.to_owned(),
            value: "\"\"".to_owned(),
            problem: "is empty".to_owned(),
            remedy: remedy(key),
            source: None,
        }),
        Value::String(text) => {
            warnings.push(format!(
                "{full_key} is written in the settings in plain text; prefer {full_key} = {{ env = \"…\" }} or {{ file = \"…\" }}"
            ));
            Ok(SecretString::from(text.as_str()))
        }
        Value::Table(table) if table.len() == 1 => {
            match table.iter().next().map(|(name, value)| (name.as_str(), value)) {
                Some(("env", Value::String(name))) => from_environment(full_key, name, source),
                Some(("file", Value::String(path))) => from_file(full_key, path, source),
                _ => Err(wrong_type(full_key, key, "a table with another key")),
            }
        }
        Value::Table(_) => Err(wrong_type(full_key, key, "a table with not exactly one key")),
        other => Err(wrong_type(full_key, key, kind_of(other))),
    }
}

fn from_environment(
    key: &str,
    name: &str,
    source: &dyn SecretSource,
) -> Result<SecretString, SettingsError> {
    let refuse = |problem: &str| SettingsError::Secret {
        key: key.to_owned(),
        value: format!("{{ env = {name:?} }}"),
        problem: problem.to_owned(),
        remedy: format!("set the environment variable {name}"),
        source: None,
    };
    let value =
        source.environment(name).ok_or_else(|| refuse("the environment variable is not set"))?;
    let value =
        value.into_string().map_err(|_| refuse("the environment variable is not valid Unicode"))?;
    if value.is_empty() {
        return Err(refuse("the environment variable is empty"));
    }
    Ok(SecretString::from(value))
}

fn from_file(
    key: &str,
    path: &str,
    source: &dyn SecretSource,
) -> Result<SecretString, SettingsError> {
    let refuse = |problem: &str, source| SettingsError::Secret {
        key: key.to_owned(),
        value: format!("{{ file = {path:?} }}"),
        problem: problem.to_owned(),
        remedy: "name a readable text file that holds nothing but the secret".to_owned(),
        source,
    };
    let mut text = source
        .file(Path::new(path))
        .map_err(|error| refuse("the file cannot be read", Some(error)))?;
    // Editors end a file with a line break that is no part of the secret; anything else is.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(refuse("the file is empty", None));
    }
    Ok(SecretString::from(text))
}

fn wrong_type(full_key: &str, key: &str, found: &str) -> SettingsError {
    SettingsError::WrongType {
        key: full_key.to_owned(),
        found: found.to_owned(),
        expected: "a secret",
        remedy: remedy(key),
    }
}

fn remedy(key: &str) -> String {
    format!("write {key} = {{ env = \"NAME\" }} or {key} = {{ file = \"PATH\" }}")
}
