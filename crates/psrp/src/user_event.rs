//! USER_EVENT: an event of the engine, forwarded to the client.
//!
//! Spec: [MS-PSRP] 2.2.2.12 USER_EVENT Message.

use clixml::Value;
use uuid::Uuid;

use crate::fields::{Fields, object};
use crate::message::MessageType;

/// An event of the engine.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct UserEvent {
    /// Number of the event.
    pub event_identifier: i32,
    /// Name of its source.
    pub source_identifier: String,
    /// When it happened; a date, or Nil.
    pub time_generated: Value,
    /// Who raised it.
    pub sender: Value,
    /// Its arguments.
    pub source_args: Value,
    /// Its message.
    pub message_data: Value,
    /// The computer it came from.
    pub computer_name: Option<String>,
    /// The runspace it came from.
    pub runspace_id: Option<Uuid>,
}

impl UserEvent {
    /// Reads the body of the message; this never fails.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let fields = Fields::new(MessageType::UserEvent, value);
        let any = |name| fields.get(name).cloned().unwrap_or(Value::Nil);
        Self {
            event_identifier: fields.i32("PSEventArgs.EventIdentifier").unwrap_or_default(),
            source_identifier: fields.text("PSEventArgs.SourceIdentifier").unwrap_or_default(),
            time_generated: any("PSEventArgs.TimeGenerated"),
            sender: any("PSEventArgs.Sender"),
            source_args: any("PSEventArgs.SourceArgs"),
            message_data: any("PSEventArgs.MessageData"),
            computer_name: fields.text("PSEventArgs.ComputerName"),
            runspace_id: fields.get("PSEventArgs.RunspaceId").and_then(Value::as_guid),
        }
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            ("PSEventArgs.EventIdentifier", Value::from(self.event_identifier)),
            ("PSEventArgs.SourceIdentifier", Value::from(self.source_identifier.as_str())),
            ("PSEventArgs.TimeGenerated", self.time_generated.clone()),
            ("PSEventArgs.Sender", self.sender.clone()),
            ("PSEventArgs.SourceArgs", self.source_args.clone()),
            ("PSEventArgs.MessageData", self.message_data.clone()),
            ("PSEventArgs.ComputerName", Value::from(self.computer_name.as_deref())),
            ("PSEventArgs.RunspaceId", Value::from(self.runspace_id)),
        ])
    }
}
