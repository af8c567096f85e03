//! WARNING_RECORD, VERBOSE_RECORD and DEBUG_RECORD.
//!
//! Spec: [MS-PSRP] 2.2.2.22 DEBUG_RECORD Message, [MS-PSRP] 2.2.2.23 VERBOSE_RECORD Message,
//! [MS-PSRP] 2.2.2.24 WARNING_RECORD Message, [MS-PSRP] 2.2.3.16 InformationalRecord.

use clixml::{Object, Value};

use super::invocation::{INT_COLLECTION, InvocationInfo};
use crate::fields::Fields;
use crate::message::MessageType;

/// Which stream an [`InformationalRecord`] belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has three such streams; the others have their own records"
)]
pub enum InformationalKind {
    /// Warnings.
    Warning,
    /// Verbose messages.
    Verbose,
    /// Debug messages.
    Debug,
}

impl InformationalKind {
    /// The type of the message.
    #[must_use]
    pub const fn message_type(self) -> MessageType {
        match self {
            Self::Warning => MessageType::WarningRecord,
            Self::Verbose => MessageType::VerboseRecord,
            Self::Debug => MessageType::DebugRecord,
        }
    }

    const fn type_name(self) -> &'static str {
        match self {
            Self::Warning => "System.Management.Automation.WarningRecord",
            Self::Verbose => "System.Management.Automation.VerboseRecord",
            Self::Debug => "System.Management.Automation.DebugRecord",
        }
    }
}

/// A warning, a verbose or a debug message.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct InformationalRecord {
    /// The message.
    pub message: String,
    /// Which command wrote it, if that was asked for.
    pub invocation: Option<Box<InvocationInfo>>,
    /// The whole record as it came; Nil when it was made here.
    pub value: Value,
}

impl InformationalRecord {
    /// Makes a record without information on the invocation.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), invocation: None, value: Value::Nil }
    }

    /// Sets the invocation.
    #[must_use]
    pub fn invocation(mut self, invocation: InvocationInfo) -> Self {
        self.invocation = Some(Box::new(invocation));
        self
    }

    /// Reads a record; this never fails.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let fields = Fields::new(MessageType::WarningRecord, value);
        let message = fields
            .text("InformationalRecord_Message")
            .or_else(|| fields.text("Message"))
            .or_else(|| Some(value.text()?.into_owned()));
        let invocation =
            InvocationInfo::from_record(&fields, "InformationalRecord_SerializeInvocationInfo");
        Self {
            message: message.unwrap_or_default(),
            invocation: invocation.map(Box::new),
            value: value.clone(),
        }
    }

    /// Writes the record in the shape of Microsoft's engine.
    #[must_use]
    pub fn to_value(&self, kind: InformationalKind) -> Value {
        let record = Object::new()
            .with_type_names([
                kind.type_name(),
                "System.Management.Automation.InformationalRecord",
                "System.Object",
            ])
            .with_to_string(self.message.as_str())
            .with_extended("InformationalRecord_Message", self.message.as_str())
            .with_extended(
                "InformationalRecord_SerializeInvocationInfo",
                self.invocation.is_some(),
            );
        match &self.invocation {
            Some(invocation) => invocation
                .add_to(record)
                .with_extended(
                    "InformationalRecord_PipelineIterationInfo",
                    invocation.iteration(INT_COLLECTION),
                )
                .into(),
            None => record.into(),
        }
    }
}
