//! ERROR_RECORD, and the same record inside states and answers of the host.
//!
//! Spec: [MS-PSRP] 2.2.2.20 ERROR_RECORD Message, [MS-PSRP] 2.2.3.15 ErrorRecord.

use core::fmt;

use clixml::{Object, TypeNames, Value};

use super::invocation::{INT_COLLECTION, InvocationInfo};
use crate::fields::Fields;
use crate::message::MessageType;

macro_rules! categories {
    ($($code:literal $name:ident,)*) => {
        /// What kind of error a record tells of.
        ///
        /// Spec: [MS-PSRP] 2.2.3.9 ErrorCategory.
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum ErrorCategory {
            $(
                #[doc = concat!("Category ", stringify!($code), ".")]
                $name,
            )*
            /// None of the above, or nothing was said.
            #[default]
            NotSpecified,
            /// A number this crate does not know.
            Other(i32),
        }

        impl ErrorCategory {
            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> i32 {
                match self {
                    $(Self::$name => $code,)*
                    Self::NotSpecified => 0,
                    Self::Other(code) => code,
                }
            }

            /// The category of a number.
            #[must_use]
            pub const fn from_code(code: i32) -> Self {
                match code {
                    0 => Self::NotSpecified,
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// The name PowerShell shows.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::NotSpecified | Self::Other(_) => "NotSpecified",
                }
            }

            const NAMES: &[(&str, i32)] = &[("NotSpecified", 0), $((stringify!($name), $code),)*];
        }
    };
}

categories! {
    1 OpenError, 2 CloseError, 3 DeviceError, 4 DeadlockDetected, 5 InvalidArgument, 6 InvalidData, 7 InvalidOperation,
    8 InvalidResult, 9 InvalidType, 10 MetadataError, 11 NotImplemented, 12 NotInstalled, 13 ObjectNotFound,
    14 OperationStopped, 15 OperationTimeout, 16 SyntaxError, 17 ParserError, 18 PermissionDenied, 19 ResourceBusy,
    20 ResourceExists, 21 ResourceUnavailable, 22 ReadError, 23 WriteError, 24 FromStdErr, 25 SecurityError,
    26 ProtocolError, 27 ConnectionError, 28 AuthenticationError, 29 LimitsExceeded, 30 QuotaExceeded, 31 NotEnabled,
}

impl fmt::Display for ErrorCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error as PowerShell knows it.
///
/// Read it with [`from_value`](Self::from_value), make it with [`new`](Self::new) and the setters.
///
/// ```
/// use psrp::records::{ErrorCategory, ErrorRecord};
///
/// let record = ErrorRecord::new("The operation couldn't be performed.", "ABC123,Get-Mailbox")
///     .exception_types(["Example.ManagementObjectNotFoundException", "System.Exception"])
///     .category(ErrorCategory::ObjectNotFound);
/// let read = ErrorRecord::from_value(&record.to_value());
/// assert_eq!(read.message, "The operation couldn't be performed.");
/// assert_eq!(read.reason, "ManagementObjectNotFoundException");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ErrorRecord {
    /// The message to show: that of the details if there is one, else that of the exception, else the record's text.
    pub message: String,
    /// Type names of the exception, most specific first.
    pub exception_types: Vec<String>,
    /// Message of the exception, where it has one.
    pub exception_message: Option<String>,
    /// The exception as it came, or as it is to be sent; Nil makes [`to_value`](Self::to_value) build one.
    pub exception: Value,
    /// `FullyQualifiedErrorId`: identifies the error, a comma, and the command.
    pub fully_qualified_error_id: String,
    /// `ErrorCategory_Category`.
    pub category: ErrorCategory,
    /// `ErrorCategory_Activity`: usually the command.
    pub activity: String,
    /// `ErrorCategory_Reason`: usually the type of the exception without its namespace.
    pub reason: String,
    /// `ErrorCategory_TargetName`.
    pub target_name: String,
    /// `ErrorCategory_TargetType`.
    pub target_type: String,
    /// `ErrorCategory_Message`: the above in one line.
    pub category_message: Option<String>,
    /// `TargetObject`: what the error is about, or Nil.
    pub target_object: Value,
    /// `ErrorDetails_Message`: a message that replaces that of the exception.
    pub details_message: Option<String>,
    /// `ErrorDetails_RecommendedAction`.
    pub details_recommended_action: Option<String>,
    /// `ErrorDetails_ScriptStackTrace`.
    pub script_stack_trace: Option<String>,
    /// `InvocationInfo`: which command, with which parameters, on which line; an object, or Nil.
    pub invocation_info: Value,
    /// The same, decoded: the `InvocationInfo_*` set where the record has it, else the object.
    pub invocation: Option<Box<InvocationInfo>>,
    /// Writes the `InvocationInfo_*` set too, if there is an invocation. Default false.
    pub extended_invocation: bool,
    /// The whole record as it came, with properties that have no field here; Nil when it was made here.
    pub value: Value,
}

impl ErrorRecord {
    /// Makes a record of a `System.Exception` with this message and `FullyQualifiedErrorId`.
    #[must_use]
    pub fn new(message: impl Into<String>, fully_qualified_error_id: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            exception_message: Some(message.clone()),
            message,
            exception_types: vec!["System.Exception".to_owned(), "System.Object".to_owned()],
            fully_qualified_error_id: fully_qualified_error_id.into(),
            reason: "Exception".to_owned(),
            ..Self::default()
        }
    }

    /// Sets the type names of the exception, most specific first, and with them the reason. `System.Object` is added.
    #[must_use]
    pub fn exception_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.exception_types = types.into_iter().map(Into::into).collect();
        let first = self.exception_types.first().map_or("Exception", String::as_str);
        self.reason = first.rsplit('.').next().unwrap_or(first).to_owned();
        if self.exception_types.last().is_none_or(|last| last != "System.Object") {
            self.exception_types.push("System.Object".to_owned());
        }
        self
    }

    /// Sets the category.
    #[must_use]
    pub const fn category(mut self, category: ErrorCategory) -> Self {
        self.category = category;
        self
    }

    /// Sets the activity, usually the name of the command.
    #[must_use]
    pub fn activity(mut self, activity: impl Into<String>) -> Self {
        self.activity = activity.into();
        self
    }

    /// Sets the reason, usually the type of the exception without its namespace.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Sets the object the error is about, and its name and type to show.
    #[must_use]
    pub fn target(
        mut self,
        object: Value,
        name: impl Into<String>,
        type_name: impl Into<String>,
    ) -> Self {
        self.target_object = object;
        self.target_name = name.into();
        self.target_type = type_name.into();
        self
    }

    /// Sets the message that replaces that of the exception.
    #[must_use]
    pub fn details_message(mut self, message: impl Into<String>) -> Self {
        let message = message.into();
        self.message.clone_from(&message);
        self.details_message = Some(message);
        self
    }

    /// Sets the invocation, to be written as the `InvocationInfo_*` set.
    #[must_use]
    pub fn invocation(mut self, invocation: InvocationInfo) -> Self {
        self.invocation = Some(Box::new(invocation));
        self.extended_invocation = true;
        self
    }

    /// Reads a record. Whatever is missing stays empty, so this never fails; of a plain value its text is the message.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        Self::from_member(value, value)
    }

    /// Reads a record that is a member of `root`, where its references point.
    pub(crate) fn from_member(root: &Value, value: &Value) -> Self {
        let fields = Fields::new(MessageType::ErrorRecord, root).inside(value);
        let exception = fields.get("Exception");
        let exception_message =
            exception.and_then(|exception| fields.inside(exception).text("Message"));
        let details_message = fields.text("ErrorDetails_Message").filter(|text| !text.is_empty());
        let message = details_message
            .clone()
            .or_else(|| exception_message.clone())
            .or_else(|| Some(value.text()?.into_owned()))
            .or_else(|| Some(exception?.text()?.into_owned()));
        let text = |name| fields.text(name).unwrap_or_default();
        Self {
            message: message.unwrap_or_default(),
            exception_types: exception.map(type_names).unwrap_or_default(),
            exception_message,
            exception: exception.cloned().unwrap_or(Value::Nil),
            fully_qualified_error_id: text("FullyQualifiedErrorId"),
            category: fields
                .enumeration("ErrorCategory_Category", ErrorCategory::NAMES)
                .map_or(ErrorCategory::NotSpecified, ErrorCategory::from_code),
            activity: text("ErrorCategory_Activity"),
            reason: text("ErrorCategory_Reason"),
            target_name: text("ErrorCategory_TargetName"),
            target_type: text("ErrorCategory_TargetType"),
            category_message: fields.text("ErrorCategory_Message"),
            target_object: fields.get("TargetObject").cloned().unwrap_or(Value::Nil),
            details_message,
            details_recommended_action: fields
                .text("ErrorDetails_RecommendedAction")
                .filter(|text| !text.is_empty()),
            script_stack_trace: fields.text("ErrorDetails_ScriptStackTrace"),
            invocation_info: fields.get("InvocationInfo").cloned().unwrap_or(Value::Nil),
            invocation: InvocationInfo::from_record(&fields, "SerializeExtendedInfo")
                .or_else(|| {
                    let object = fields.get("InvocationInfo")?;
                    object.as_object()?;
                    Some(InvocationInfo::from_object(&fields.inside(object)))
                })
                .map(Box::new),
            extended_invocation: fields.bool("SerializeExtendedInfo").unwrap_or_default(),
            value: value.clone(),
        }
    }

    /// Writes the record in the shape of Microsoft's engine.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let exception =
            if self.exception.is_nil() { self.build_exception() } else { self.exception.clone() };
        let category_message =
            self.category_message.clone().unwrap_or_else(|| self.category_line());
        let mut record = Object::new()
            .with_type_names(["System.Management.Automation.ErrorRecord", "System.Object"])
            .with_to_string(self.message.as_str())
            .with_extended("Exception", exception)
            .with_extended("TargetObject", self.target_object.clone())
            .with_extended("FullyQualifiedErrorId", self.fully_qualified_error_id.as_str())
            .with_extended("InvocationInfo", self.invocation_info.clone())
            .with_extended("ErrorCategory_Category", self.category.code())
            .with_extended("ErrorCategory_Activity", self.activity.as_str())
            .with_extended("ErrorCategory_Reason", self.reason.as_str())
            .with_extended("ErrorCategory_TargetName", self.target_name.as_str())
            .with_extended("ErrorCategory_TargetType", self.target_type.as_str())
            .with_extended("ErrorCategory_Message", category_message);
        if let Some(message) = &self.details_message {
            let action = self.details_recommended_action.as_deref().unwrap_or_default();
            record = record
                .with_extended("ErrorDetails_Message", message.as_str())
                .with_extended("ErrorDetails_RecommendedAction", action);
        }
        record = match self.invocation.as_deref().filter(|_| self.extended_invocation) {
            Some(invocation) => invocation
                .add_to(record.with_extended("SerializeExtendedInfo", true))
                .with_extended("PipelineIterationInfo", invocation.iteration(INT_COLLECTION)),
            None => record.with_extended("SerializeExtendedInfo", false),
        };
        if let Some(trace) = &self.script_stack_trace {
            record = record.with_extended("ErrorDetails_ScriptStackTrace", trace.as_str());
        }
        record.with_extended("PSMessageDetails", Value::Nil).into()
    }

    /// The line PowerShell shows for category, target, activity and reason.
    fn category_line(&self) -> String {
        format!(
            "{}: ({}:{}) [{}], {}",
            self.category, self.target_name, self.target_type, self.activity, self.reason
        )
    }

    fn build_exception(&self) -> Value {
        let message = self.exception_message.as_deref().unwrap_or(&self.message);
        let type_name = self.exception_types.first().map_or("System.Exception", String::as_str);
        let types: Vec<clixml::Text> =
            self.exception_types.iter().map(|name| name.as_str().into()).collect();
        let data = Value::dictionary(
            ["System.Collections.ListDictionaryInternal", "System.Object"],
            Vec::new(),
        );
        Object::new()
            .with_type_names(TypeNames::from(types))
            .with_to_string(format!("{type_name}: {message}"))
            .with_adapted("Message", message)
            .with_adapted("Data", data)
            .with_adapted("InnerException", Value::Nil)
            .with_adapted("TargetSite", Value::Nil)
            .with_adapted("StackTrace", Value::Nil)
            .with_adapted("HelpLink", Value::Nil)
            .with_adapted("Source", Value::Nil)
            .with_adapted("HResult", COR_E_EXCEPTION)
            .into()
    }
}

impl fmt::Display for ErrorRecord {
    /// Shows the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The HResult of `System.Exception`, 0x80131500.
const COR_E_EXCEPTION: i32 = -2_146_233_088;

fn type_names(value: &Value) -> Vec<String> {
    let names = value.as_object().map(|object| &object.type_names);
    names
        .into_iter()
        .flat_map(TypeNames::iter)
        .map(|name| name.to_str_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back() {
        let record = ErrorRecord::new("exception text", "Id,Get-Mailbox")
            .exception_types(["A.B.NotFoundException", "System.Exception"])
            .category(ErrorCategory::ObjectNotFound)
            .activity("Get-Mailbox")
            .target(Value::from("ann"), "ann", "String")
            .details_message("better text");
        let read = ErrorRecord::from_value(&record.to_value());
        assert_eq!(read.message, "better text");
        assert_eq!(read.exception_message.as_deref(), Some("exception text"));
        assert_eq!(
            read.exception_types,
            ["A.B.NotFoundException", "System.Exception", "System.Object"]
        );
        assert_eq!(read.category, ErrorCategory::ObjectNotFound);
        assert_eq!(
            read.category_message.as_deref(),
            Some("ObjectNotFound: (ann:String) [Get-Mailbox], NotFoundException")
        );
        assert_eq!(read.target_object, Value::from("ann"));
        assert_eq!(ErrorRecord::from_value(&read.to_value()).to_value(), read.to_value());
    }

    #[test]
    fn nothing_is_needed() {
        assert_eq!(ErrorRecord::from_value(&Value::Nil).message, "");
        assert_eq!(ErrorRecord::from_value(&Value::from("text")).message, "text");
        let props: Value = Object::new()
            .with_to_string("shown")
            .with_adapted("FullyQualifiedErrorId", "id")
            .with_adapted("Exception", Value::Nil)
            .into();
        let record = ErrorRecord::from_value(&props);
        assert_eq!(
            (record.message.as_str(), record.fully_qualified_error_id.as_str()),
            ("shown", "id")
        );
    }
}
