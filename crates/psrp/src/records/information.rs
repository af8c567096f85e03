//! INFORMATION_RECORD.
//!
//! Spec: [MS-PSRP] 2.2.2.26 INFORMATION_RECORD Message.
//!
//! What surprised: the document puts the properties into `Props`, servers put them into `MS`; and servers send these
//! records to clients of protocol 2.1 and 2.2 too, which know nothing of them.

use clixml::{DateTime, TypeNames, Value};

use crate::fields::{Fields, object};
use crate::message::MessageType;

/// A message of `Write-Information` or `Write-Host`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct InformationRecord {
    /// What was written: any value; for `Write-Host` an object with `Message`, `NoNewLine` and colours.
    pub message_data: Value,
    /// Where it was written: a command or script.
    pub source: String,
    /// When it was written.
    pub time_generated: Option<DateTime>,
    /// Tags; `PSHOST` for `Write-Host`.
    pub tags: Vec<String>,
    /// Who wrote it.
    pub user: String,
    /// On which computer.
    pub computer: String,
    /// In which process.
    pub process_id: u32,
    /// In which thread of the operating system.
    pub native_thread_id: u32,
    /// In which thread of .NET.
    pub managed_thread_id: u32,
}

impl InformationRecord {
    /// Makes a record.
    #[must_use]
    pub fn new(message_data: Value, source: impl Into<String>) -> Self {
        Self { message_data, source: source.into(), ..Self::default() }
    }

    /// The text to show.
    #[must_use]
    pub fn message(&self) -> String {
        let data = &self.message_data;
        let host_message = data.property("Message").and_then(Value::text);
        host_message.or_else(|| data.text()).unwrap_or_default().into_owned()
    }

    /// Reads a record; this never fails.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let fields = Fields::new(MessageType::InformationRecord, value);
        let tags = fields.get("Tags").and_then(Value::items).unwrap_or_default();
        Self {
            message_data: fields.get("MessageData").cloned().unwrap_or(Value::Nil),
            source: fields.text("Source").unwrap_or_default(),
            time_generated: match fields.get("TimeGenerated") {
                Some(Value::DateTime(time)) => Some(*time),
                _ => None,
            },
            tags: tags.iter().filter_map(|tag| Some(tag.text()?.into_owned())).collect(),
            user: fields.text("User").unwrap_or_default(),
            computer: fields.text("Computer").unwrap_or_default(),
            process_id: fields.u32("ProcessId").unwrap_or_default(),
            native_thread_id: fields.u32("NativeThreadId").unwrap_or_default(),
            managed_thread_id: fields.u32("ManagedThreadId").unwrap_or_default(),
        }
    }

    /// Writes the record in the shape of Microsoft's engine.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let tags = self.tags.iter().map(|tag| Value::from(tag.as_str())).collect();
        object([
            ("MessageData", self.message_data.clone()),
            ("Source", Value::from(self.source.as_str())),
            ("TimeGenerated", Value::from(self.time_generated)),
            ("Tags", Value::list(TypeNames::from(TAGS_TYPES), tags)),
            ("User", Value::from(self.user.as_str())),
            ("Computer", Value::from(self.computer.as_str())),
            ("ProcessId", Value::from(self.process_id)),
            ("NativeThreadId", Value::from(self.native_thread_id)),
            ("ManagedThreadId", Value::from(self.managed_thread_id)),
        ])
    }
}

const TAGS_TYPES: [&str; 2] = [
    "System.Collections.Generic.List`1[[System.String, mscorlib, Version=4.0.0.0, Culture=neutral, \
     PublicKeyToken=b77a5c561934e089]]",
    "System.Object",
];
