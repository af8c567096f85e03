//! GET_COMMAND_METADATA: a pipeline that lists commands.
//!
//! Spec: [MS-PSRP] 2.2.2.14 GET_COMMAND_METADATA Message, [MS-PSRP] 2.2.3.21 CommandMetadataCount.
//!
//! It is sent and answered as a pipeline: first an object with `Count`, then one object per command, then the final state.

mod command;
mod wildcard;

pub use command::{CommandMetadata, ParameterMetadata};

use clixml::{Object, Value};

use crate::error::DecodeError;
use crate::fields::{Fields, array_list, object};
use crate::message::MessageType;

/// A request for the commands of a session.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GetCommandMetadata {
    /// Names or patterns; empty for all.
    pub names: Vec<String>,
    /// Flags of command types: Alias 1, Function 2, Filter 4, Cmdlet 8, ExternalScript 16, Application 32, Script 64,
    /// Workflow 128, Configuration 256.
    pub command_type: i32,
    /// Modules; empty for all.
    pub namespaces: Vec<String>,
    /// `ArgumentList`, for dynamic parameters.
    pub argument_list: Vec<Value>,
}

impl GetCommandMetadata {
    /// All types of commands.
    pub const ALL_TYPES: i32 = 511;
    /// The type of a function.
    pub const FUNCTION: i32 = 2;
    /// The type of a cmdlet.
    pub const CMDLET: i32 = 8;

    /// Makes a request for commands of all types by names or patterns.
    #[must_use]
    pub fn new<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            command_type: Self::ALL_TYPES,
            ..Self::default()
        }
    }

    /// Reads the body of the message. Lists may be Nil or absent.
    ///
    /// # Errors
    ///
    /// [`DecodeError::WrongProperty`] when the command type is no number.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::GetCommandMetadata, value);
        let items = |name| fields.get(name).and_then(Value::items).unwrap_or_default();
        let texts = |name| {
            items(name)
                .iter()
                .filter_map(|item| Some(fields.resolve(item).text()?.into_owned()))
                .collect()
        };
        Ok(Self {
            names: texts("Name"),
            command_type: match fields.get("CommandType") {
                Some(_) => fields.required_enum("CommandType", COMMAND_TYPES)?,
                None => Self::ALL_TYPES,
            },
            namespaces: texts("Namespace"),
            argument_list: items("ArgumentList").to_vec(),
        })
    }

    /// Reads the first output object of the answer: the number of commands that follow.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for the count.
    pub fn count_from_value(value: &Value) -> Result<i32, DecodeError> {
        Fields::new(MessageType::GetCommandMetadata, value).required_i32("Count")
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let texts = |texts: &[String]| {
            if texts.is_empty() {
                Value::Nil
            } else {
                array_list(texts.iter().map(|text| Value::from(text.as_str())).collect())
            }
        };
        let arguments = if self.argument_list.is_empty() {
            Value::Nil
        } else {
            array_list(self.argument_list.clone())
        };
        object([
            ("Name", texts(&self.names)),
            (
                "CommandType",
                Value::enumeration(COMMAND_TYPE, self.command_type.to_string(), self.command_type),
            ),
            ("Namespace", texts(&self.namespaces)),
            ("ArgumentList", arguments),
        ])
    }

    /// True when the request asks for this command: by type, by name or pattern, and by module.
    #[must_use]
    pub fn wants(&self, command: &CommandMetadata) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| wildcard::matches(pattern, text))
        };
        self.command_type & command.command_type != 0
            && any(&self.names, &command.name)
            && any(&self.namespaces, command.namespace.as_deref().unwrap_or_default())
    }

    /// Makes the first output object of the answer: the number of commands that follow.
    #[must_use]
    pub fn count_value(count: i32) -> Value {
        Object::new()
            .with_type_names([
                "Selected.Microsoft.PowerShell.Commands.GenericMeasureInfo",
                "System.Management.Automation.PSCustomObject",
                "System.Object",
            ])
            .with_extended("Count", count)
            .into()
    }
}

const COMMAND_TYPE: &str = "System.Management.Automation.CommandTypes";
const COMMAND_TYPES: &[(&str, i32)] = &[
    ("Alias", 1),
    ("Function", 2),
    ("Filter", 4),
    ("Cmdlet", 8),
    ("ExternalScript", 16),
    ("Application", 32),
    ("Script", 64),
    ("Workflow", 128),
    ("Configuration", 256),
    ("All", GetCommandMetadata::ALL_TYPES),
];
