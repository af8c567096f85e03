//! PROGRESS_RECORD.
//!
//! Spec: [MS-PSRP] 2.2.2.25 PROGRESS_RECORD Message.
//!
//! What surprised: the first use of many modules reports "Preparing modules for first use.", which is no news to anybody.

use clixml::Value;

use crate::fields::{Fields, object};
use crate::message::MessageType;

/// Whether the activity goes on.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProgressType {
    /// 0: it goes on.
    #[default]
    Processing,
    /// 1: it has ended.
    Completed,
    /// Another number.
    Other(i32),
}

impl ProgressType {
    const NAMES: &[(&str, i32)] = &[("Processing", 0), ("Completed", 1)];

    const fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Processing,
            1 => Self::Completed,
            other => Self::Other(other),
        }
    }

    fn to_value(self) -> Value {
        let (label, code) = match self {
            Self::Processing => ("Processing", 0),
            Self::Completed => ("Completed", 1),
            Self::Other(code) => ("", code),
        };
        Value::enumeration("System.Management.Automation.ProgressRecordType", label, code)
    }
}

/// How far a command has come.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ProgressRecord {
    /// What is being done.
    pub activity: String,
    /// Tells activities apart that go on at once.
    pub activity_id: i32,
    /// How it stands.
    pub status_description: String,
    /// What is being done right now.
    pub current_operation: Option<String>,
    /// The activity this one is part of, -1 for none.
    pub parent_activity_id: i32,
    /// 0 to 100, -1 when not known.
    pub percent_complete: i32,
    /// Whether it goes on.
    pub record_type: ProgressType,
    /// Seconds left, -1 when not known.
    pub seconds_remaining: i32,
}

impl ProgressRecord {
    /// Makes a record of an activity of its own, with nothing known about its end.
    #[must_use]
    pub fn new(activity: impl Into<String>, status_description: impl Into<String>) -> Self {
        Self {
            activity: activity.into(),
            status_description: status_description.into(),
            parent_activity_id: -1,
            percent_complete: -1,
            seconds_remaining: -1,
            ..Self::default()
        }
    }

    /// Sets how far it has come, 0 to 100.
    #[must_use]
    pub const fn percent_complete(mut self, percent: i32) -> Self {
        self.percent_complete = percent;
        self
    }

    /// Reads a record; this never fails.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let fields = Fields::new(MessageType::ProgressRecord, value);
        Self {
            activity: fields.text("Activity").unwrap_or_default(),
            activity_id: fields.i32("ActivityId").unwrap_or_default(),
            status_description: fields.text("StatusDescription").unwrap_or_default(),
            current_operation: fields.text("CurrentOperation"),
            parent_activity_id: fields.i32("ParentActivityId").unwrap_or(-1),
            percent_complete: fields.i32("PercentComplete").unwrap_or(-1),
            record_type: fields
                .enumeration("Type", ProgressType::NAMES)
                .map_or(ProgressType::Processing, ProgressType::from_code),
            seconds_remaining: fields.i32("SecondsRemaining").unwrap_or(-1),
        }
    }

    /// Writes the record.
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            ("Activity", Value::from(self.activity.as_str())),
            ("ActivityId", Value::from(self.activity_id)),
            ("StatusDescription", Value::from(self.status_description.as_str())),
            ("CurrentOperation", Value::from(self.current_operation.as_deref())),
            ("ParentActivityId", Value::from(self.parent_activity_id)),
            ("PercentComplete", Value::from(self.percent_complete)),
            ("Type", self.record_type.to_value()),
            ("SecondsRemaining", Value::from(self.seconds_remaining)),
        ])
    }
}
