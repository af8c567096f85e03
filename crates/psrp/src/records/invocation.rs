//! Which command wrote a record, with which parameters, on which line.
//!
//! Spec: [MS-PSRP] 2.2.3.15.1 InvocationInfo-specific Extended Properties.
//!
//! What surprised: an error carries it twice, as an object `InvocationInfo` (always) and as properties `InvocationInfo_*`
//! (when asked for by [`RemoteStreamOptions`](crate::RemoteStreamOptions)); the other records only as properties.

use clixml::{Object, TypeNames, Value};

use crate::fields::Fields;

/// The invocation that wrote a record.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct InvocationInfo {
    /// Name by which the command was called.
    pub invocation_name: String,
    /// The command, as far as it is told.
    pub command: Option<CommandInfo>,
    /// Parameters by name.
    pub bound_parameters: Vec<(String, Value)>,
    /// Arguments that no parameter took.
    pub unbound_arguments: Vec<Value>,
    /// 0 when a user called it, 1 when the engine did.
    pub command_origin: i32,
    /// True when it takes input from the pipeline.
    pub expecting_input: bool,
    /// The line of the script.
    pub line: String,
    /// Number of the line, from 1; 0 without a script.
    pub script_line_number: i32,
    /// Column in the line, from 1; 0 without a script.
    pub offset_in_line: i32,
    /// Line, column and marked text as PowerShell shows them.
    pub position_message: String,
    /// File of the script; empty when there is none.
    pub script_name: String,
    /// Folder of the script.
    pub script_root: String,
    /// Path of the script that is a command.
    pub command_path: Option<String>,
    /// Place in the history.
    pub history_id: i64,
    /// Number of commands in the pipe.
    pub pipeline_length: i32,
    /// Place in the pipe, from 1.
    pub pipeline_position: i32,
    /// Number of the item of input for each command of the pipe.
    pub pipeline_iteration: Vec<i32>,
    /// Where in the script.
    pub extent: Option<ScriptExtent>,
}

/// A command that wrote a record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CommandInfo {
    /// Its name; empty for a script.
    pub name: String,
    /// Its definition: syntax of a cmdlet, text of a script.
    pub definition: String,
    /// Its type: Cmdlet 8, Script 64 and so on.
    pub command_type: i32,
    /// 0 public, 1 private.
    pub visibility: i32,
}

/// A place in a script; lines and columns from 1.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScriptExtent {
    /// The file, if it is one.
    pub file: Option<String>,
    /// First line.
    pub start_line: i32,
    /// First column.
    pub start_column: i32,
    /// Last line.
    pub end_line: i32,
    /// Column after the last one.
    pub end_column: i32,
}

impl InvocationInfo {
    /// Makes the information of a cmdlet that was called by its name.
    #[must_use]
    pub fn new(command: impl Into<String>) -> Self {
        let name = command.into();
        Self {
            invocation_name: name.clone(),
            command: Some(CommandInfo {
                definition: name.clone(),
                name,
                command_type: 8,
                visibility: 0,
            }),
            pipeline_length: 1,
            pipeline_position: 1,
            ..Self::default()
        }
    }

    /// Sets the place in a script: line, number of the line and column, both from 1.
    #[must_use]
    pub fn position(mut self, line: impl Into<String>, number: i32, column: i32) -> Self {
        self.line = line.into();
        self.script_line_number = number;
        self.offset_in_line = column;
        self.position_message = format!("At line:{number} char:{column}\n+ {}", self.line);
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn bound(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.bound_parameters.push((name.into(), value.into()));
        self
    }

    /// Reads the properties `InvocationInfo_*` of a record. `None` when the record says it has none.
    pub(super) fn from_record(fields: &Fields<'_>, flag: &str) -> Option<Self> {
        if !fields.bool(flag).unwrap_or_default() {
            return None;
        }
        let mut info = Self::read(fields, |name| format!("InvocationInfo_{name}"));
        if fields.get("CommandInfo_Name").is_some()
            || fields.get("CommandInfo_Definition").is_some()
        {
            info.command = Some(CommandInfo {
                name: fields.text("CommandInfo_Name").unwrap_or_default(),
                definition: fields.text("CommandInfo_Definition").unwrap_or_default(),
                command_type: fields
                    .enumeration("CommandInfo_CommandType", &[])
                    .unwrap_or_default(),
                visibility: fields.enumeration("CommandInfo_Visibility", &[]).unwrap_or_default(),
            });
        }
        if fields.bool("SerializeExtent").unwrap_or_default() {
            let number = |name| fields.i32(name).unwrap_or_default();
            info.extent = Some(ScriptExtent {
                file: fields.text("ScriptExtent_File").filter(|file| !file.is_empty()),
                start_line: number("ScriptExtent_StartLineNumber"),
                start_column: number("ScriptExtent_StartColumnNumber"),
                end_line: number("ScriptExtent_EndLineNumber"),
                end_column: number("ScriptExtent_EndColumnNumber"),
            });
        }
        Some(info)
    }

    /// Reads the object `InvocationInfo` of an error. Its command is told by name alone.
    pub(super) fn from_object(fields: &Fields<'_>) -> Self {
        let mut info = Self::read(fields, str::to_owned);
        info.command = fields
            .text("MyCommand")
            .filter(|name| !name.is_empty())
            .map(|name| CommandInfo { name, ..CommandInfo::default() });
        info
    }

    fn read(fields: &Fields<'_>, full: impl Fn(&str) -> String) -> Self {
        let text = |name: &str| fields.text(&full(name)).unwrap_or_default();
        let number = |name: &str| fields.i32(&full(name)).unwrap_or_default();
        let get = |name: &str| fields.get(&full(name));
        let items = |name: &str| get(name).and_then(Value::items).unwrap_or_default();
        let entries = get("BoundParameters").and_then(Value::entries).unwrap_or_default();
        Self {
            invocation_name: text("InvocationName"),
            command: None,
            bound_parameters: entries
                .iter()
                .filter_map(|(name, value)| Some((name.text()?.into_owned(), fields.copy(value))))
                .collect(),
            unbound_arguments: items("UnboundArguments")
                .iter()
                .map(|value| fields.copy(value))
                .collect(),
            command_origin: fields.enumeration(&full("CommandOrigin"), ORIGINS).unwrap_or_default(),
            expecting_input: fields.bool(&full("ExpectingInput")).unwrap_or_default(),
            line: text("Line"),
            script_line_number: number("ScriptLineNumber"),
            offset_in_line: number("OffsetInLine"),
            position_message: text("PositionMessage"),
            script_name: text("ScriptName"),
            script_root: text("PSScriptRoot"),
            command_path: fields.text(&full("PSCommandPath")),
            history_id: get("HistoryId").and_then(Value::as_i64).unwrap_or_default(),
            pipeline_length: number("PipelineLength"),
            pipeline_position: number("PipelinePosition"),
            pipeline_iteration: items("PipelineIterationInfo")
                .iter()
                .filter_map(|item| i32::try_from(item.as_i64()?).ok())
                .collect(),
            extent: None,
        }
    }

    /// Adds the properties `InvocationInfo_*` to a record, in the engine's order.
    pub(super) fn add_to(&self, record: Object) -> Object {
        let parameters = self
            .bound_parameters
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.clone()))
            .collect();
        let origin = ORIGINS.iter().find(|(_, code)| *code == self.command_origin);
        let record = record
            .with_extended(
                "InvocationInfo_BoundParameters",
                Value::dictionary([BOUND_PARAMETERS, DICTIONARY, "System.Object"], parameters),
            )
            .with_extended(
                "InvocationInfo_CommandOrigin",
                Value::enumeration(
                    "System.Management.Automation.CommandOrigin",
                    origin.map_or("Runspace", |(name, _)| *name),
                    self.command_origin,
                ),
            )
            .with_extended("InvocationInfo_ExpectingInput", self.expecting_input)
            .with_extended("InvocationInfo_InvocationName", self.invocation_name.as_str())
            .with_extended("InvocationInfo_Line", self.line.as_str())
            .with_extended("InvocationInfo_OffsetInLine", self.offset_in_line)
            .with_extended("InvocationInfo_HistoryId", self.history_id)
            .with_extended("InvocationInfo_PipelineIterationInfo", self.iteration(INT_ARRAY))
            .with_extended("InvocationInfo_PipelineLength", self.pipeline_length)
            .with_extended("InvocationInfo_PipelinePosition", self.pipeline_position)
            .with_extended("InvocationInfo_PSScriptRoot", self.script_root.as_str())
            .with_extended("InvocationInfo_PSCommandPath", self.command_path.as_deref())
            .with_extended("InvocationInfo_PositionMessage", self.position_message.as_str())
            .with_extended("InvocationInfo_ScriptLineNumber", self.script_line_number)
            .with_extended("InvocationInfo_ScriptName", self.script_name.as_str())
            .with_extended(
                "InvocationInfo_UnboundArguments",
                Value::list([OBJECT_LIST, "System.Object"], self.unbound_arguments.clone()),
            );
        self.add_command(self.add_extent(record))
    }

    fn add_extent(&self, record: Object) -> Object {
        let record = record.with_extended("SerializeExtent", self.extent.is_some());
        let Some(extent) = &self.extent else { return record };
        record
            .with_extended("ScriptExtent_File", extent.file.as_deref())
            .with_extended("ScriptExtent_StartLineNumber", extent.start_line)
            .with_extended("ScriptExtent_StartColumnNumber", extent.start_column)
            .with_extended("ScriptExtent_EndLineNumber", extent.end_line)
            .with_extended("ScriptExtent_EndColumnNumber", extent.end_column)
    }

    fn add_command(&self, record: Object) -> Object {
        let Some(command) = &self.command else { return record };
        let label = match command.command_type {
            2 => "Function",
            64 => "Script",
            _ => "Cmdlet",
        };
        record
            .with_extended(
                "CommandInfo_CommandType",
                Value::enumeration(
                    "System.Management.Automation.CommandTypes",
                    label,
                    command.command_type,
                ),
            )
            .with_extended("CommandInfo_Definition", command.definition.as_str())
            .with_extended("CommandInfo_Name", command.name.as_str())
            .with_extended(
                "CommandInfo_Visibility",
                Value::enumeration(
                    "System.Management.Automation.SessionStateEntryVisibility",
                    if command.visibility == 0 { "Public" } else { "Private" },
                    command.visibility,
                ),
            )
    }

    /// The numbers of the items, as a list of the given type.
    pub(super) fn iteration(&self, type_names: &'static [&'static str]) -> Value {
        let items = self.pipeline_iteration.iter().map(|number| Value::from(*number)).collect();
        let names: Vec<clixml::Text> = type_names.iter().map(|name| (*name).into()).collect();
        Value::list(TypeNames::from(names), items)
    }
}

const ORIGINS: &[(&str, i32)] = &[("Runspace", 0), ("Internal", 1)];
const INT_ARRAY: &[&str] = &["System.Int32[]", "System.Array", "System.Object"];
const BOUND_PARAMETERS: &str = "System.Management.Automation.PSBoundParametersDictionary";
const DICTIONARY: &str = "System.Collections.Generic.Dictionary`2[[System.String, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089],[System.Object, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089]]";
const OBJECT_LIST: &str = "System.Collections.Generic.List`1[[System.Object, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089]]";
/// The type of the record's own list of the same numbers.
pub(super) const INT_COLLECTION: &[&str] = &[
    "System.Collections.ObjectModel.ReadOnlyCollection`1[[System.Int32, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089]]",
    "System.Object",
];
