//! Why settings were refused: the key, the value and the remedy, never a secret.

use std::path::PathBuf;

/// Why settings were refused.
///
/// Every case that belongs to one key names it as `table.key`; values are shown as they were written, secrets never.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The text is not TOML. The offending line is not repeated, for it may hold a secret.
    #[error("line {line} is not valid TOML: {message}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What the reader expected.
        message: String,
    },
    /// A key that no table has.
    #[error("{key}: unknown key; {remedy}")]
    UnknownKey {
        /// The key with its table.
        key: String,
        /// The nearest known key, or all of them.
        remedy: String,
    },
    /// A required key is missing.
    #[error("{key}: missing; {remedy}")]
    Missing {
        /// The key with its table.
        key: String,
        /// What to write.
        remedy: String,
    },
    /// A value of another type than the key takes.
    #[error("{key}: {found} where {expected} is expected; {remedy}")]
    WrongType {
        /// The key with its table.
        key: String,
        /// The type found, with the value unless it is a secret.
        found: String,
        /// The type the key takes.
        expected: &'static str,
        /// What to write.
        remedy: String,
    },
    /// A value outside what the key takes.
    #[error("{key} = {value}: {problem}; {remedy}")]
    Value {
        /// The key with its table.
        key: String,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
    /// A key that cannot work together with another one.
    #[error("{key} = {value}: cannot be combined with {with}; {remedy}")]
    Combination {
        /// The key with its table.
        key: String,
        /// The value as written, or `…` for a secret.
        value: String,
        /// The other setting, with its value.
        with: String,
        /// What to change.
        remedy: String,
    },
    /// A secret cannot be had from where the settings say it is.
    #[error("{key} = {value}: {problem}; {remedy}")]
    Secret {
        /// The key with its table.
        key: String,
        /// Where the secret should be; not the secret.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
        /// What the operating system said, for a file.
        #[source]
        source: Option<std::io::Error>,
    },
    /// A setting that is understood but whose feature is not part of this version.
    #[error("{key} = {value}: not available yet; {remedy}")]
    NotAvailable {
        /// The key with its table.
        key: String,
        /// The value as written.
        value: String,
        /// What works today.
        remedy: String,
    },
}

impl SettingsError {
    /// Returns the key the refusal is about, `None` when the file as a whole is.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Unreadable { .. } | Self::Syntax { .. } => None,
            Self::UnknownKey { key, .. }
            | Self::Missing { key, .. }
            | Self::WrongType { key, .. }
            | Self::Value { key, .. }
            | Self::Combination { key, .. }
            | Self::Secret { key, .. }
            | Self::NotAvailable { key, .. } => Some(key),
        }
    }
}
