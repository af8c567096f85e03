//! What became of the operations of an export, one line each.

use exchange_cmdlets::{ErrorClass, ErrorRecord, Retry, classify};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operation::OperationKind;
use crate::text::cut;

/// What became of one operation.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The operation's own name for itself.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Value>,
    /// What it was to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationKind>,
    /// What became of it.
    pub status: Status,
    /// The object's GUID in lower case, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The domain controller that holds what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<OutcomeError>,
    /// What should be looked at although it was done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What would change, in a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<AttributeChange>>,
    /// The cmdlets that would be sent, in a plan, for people to read; secrets are redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdlets: Option<Vec<String>>,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the documented values of status")]
pub enum Status {
    /// It was done.
    Applied,
    /// There was nothing to write.
    Unchanged,
    /// It was not done, or not wholly.
    Failed,
    /// The settings or a guard forbid it; nothing was sent.
    Refused,
    /// It cannot be told whether it was done; the object has to be looked at before trying again.
    Unknown,
    /// It would be done: the answer of a plan.
    Planned,
}

/// Why an operation was not done.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct OutcomeError {
    /// What kind of failure it is.
    #[serde(serialize_with = "class_name")]
    pub class: ErrorClass,
    /// Whether trying again helps.
    #[serde(serialize_with = "retry_name")]
    pub retry: Retry,
    /// One or more sentences, in the server's language when they are the server's.
    pub message: String,
    /// The short name of the server's exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
}

impl OutcomeError {
    pub(crate) fn new(class: ErrorClass, retry: Retry, message: impl Into<String>) -> Self {
        Self { class, retry, message: message.into(), exception: None }
    }

    /// What the server reported.
    pub(crate) fn from_record(record: &ErrorRecord) -> Self {
        let classified = classify(record);
        Self {
            class: classified.class,
            retry: classified.retry,
            message: cut(&record.message).into_owned(),
            exception: Some(classified.exception).filter(|name| !name.is_empty()),
        }
    }
}

/// One attribute that would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AttributeChange {
    /// The attribute's name.
    pub attribute: String,
    /// The value now.
    pub before: Value,
    /// The value afterwards.
    pub after: Value,
}

fn class_name<S: serde::Serializer>(class: &ErrorClass, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(class.as_str())
}

fn retry_name<S: serde::Serializer>(retry: &Retry, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(retry.as_str())
}
