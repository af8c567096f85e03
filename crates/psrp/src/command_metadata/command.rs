//! What the answer to GET_COMMAND_METADATA tells about each command.
//!
//! Spec: [MS-PSRP] 2.2.3.22 CommandMetadata, [MS-PSRP] 2.2.3.23 ParameterMetadata.
//!
//! What surprised: the command is an object of extended properties, each parameter one of adapted properties; a client
//! makes a proxy of every parameter listed except the common ones, and calls it by the name `-Name:`.

use clixml::{Object, TypeNames, Value};

use super::{COMMAND_TYPE, COMMAND_TYPES, GetCommandMetadata};
use crate::error::DecodeError;
use crate::fields::Fields;
use crate::message::MessageType;

/// A command as the answer to a request for commands describes it.
///
/// ```
/// use psrp::{CommandMetadata, ParameterMetadata};
///
/// let command = CommandMetadata::cmdlet("Get-Mailbox")
///     .parameter(ParameterMetadata::new("Identity", "System.String"))
///     .parameter(ParameterMetadata::switch("Archive"))
///     .common_parameters();
/// assert_eq!(CommandMetadata::from_value(&command.to_value())?, command);
/// # Ok::<(), psrp::DecodeError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CommandMetadata {
    /// Its name.
    pub name: String,
    /// The module it comes from.
    pub namespace: Option<String>,
    /// Where its help is.
    pub help_uri: Option<String>,
    /// Its type, one of the flags of [`GetCommandMetadata::command_type`].
    pub command_type: i32,
    /// The command an alias stands for.
    pub resolved_command_name: Option<String>,
    /// The .NET types it writes, as far as it says so.
    pub output_type: Vec<String>,
    /// Its parameters.
    pub parameters: Vec<ParameterMetadata>,
}

impl CommandMetadata {
    /// Makes a cmdlet without parameters.
    #[must_use]
    pub fn cmdlet(name: impl Into<String>) -> Self {
        Self::new(name, GetCommandMetadata::CMDLET)
    }

    /// Makes a function without parameters; what Exchange's own proxies are.
    #[must_use]
    pub fn function(name: impl Into<String>) -> Self {
        Self::new(name, GetCommandMetadata::FUNCTION)
    }

    fn new(name: impl Into<String>, command_type: i32) -> Self {
        Self {
            name: name.into(),
            namespace: None,
            help_uri: None,
            command_type,
            resolved_command_name: None,
            output_type: Vec::new(),
            parameters: Vec::new(),
        }
    }

    /// Sets the module.
    #[must_use]
    pub fn namespace(mut self, module: impl Into<String>) -> Self {
        self.namespace = Some(module.into());
        self
    }

    /// Sets the types it writes.
    #[must_use]
    pub fn output_type<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.output_type = types.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: ParameterMetadata) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Adds `Verbose`, `ErrorAction` and the other parameters that every cmdlet has.
    #[must_use]
    pub fn common_parameters(mut self) -> Self {
        self.parameters.extend(ParameterMetadata::common());
        self
    }

    /// Adds `WhatIf` and `Confirm`, which cmdlets have that change something.
    #[must_use]
    pub fn should_process(self) -> Self {
        self.parameter(ParameterMetadata::switch("WhatIf").alias("wi"))
            .parameter(ParameterMetadata::switch("Confirm").alias("cf"))
    }

    /// Reads an output object of the answer.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] without a name, [`DecodeError::WrongProperty`] for a parameter without one.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::GetCommandMetadata, value);
        let parameters = match fields.get("Parameters") {
            Some(parameters) => parameters
                .entries()
                .ok_or_else(|| fields.wrong("Parameters", "dictionary"))?
                .iter()
                .map(|(_, parameter)| ParameterMetadata::read(&fields.inside(parameter)))
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Self {
            name: fields.required_text("Name")?,
            namespace: fields.text("Namespace"),
            help_uri: fields.text("HelpUri"),
            command_type: fields
                .enumeration("CommandType", COMMAND_TYPES)
                .unwrap_or(GetCommandMetadata::CMDLET),
            resolved_command_name: fields.text("ResolvedCommandName"),
            output_type: texts(&fields, "OutputType"),
            parameters,
        })
    }

    /// Writes the output object, as Microsoft's engine selects it from its own.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let (kind, label) = match self.command_type {
            1 => ("AliasInfo", "Alias"),
            2 => ("FunctionInfo", "Function"),
            4 => ("FilterInfo", "Filter"),
            _ => ("CmdletInfo", "Cmdlet"),
        };
        let parameters = self
            .parameters
            .iter()
            .map(|parameter| (parameter.name.as_str().into(), parameter.to_value()))
            .collect();
        let selected = format!("Selected.System.Management.Automation.{kind}");
        let object = Object::new()
            .with_type_names([
                selected.as_str(),
                "System.Management.Automation.PSCustomObject",
                "System.Object",
            ])
            .with_extended("Name", self.name.as_str())
            .with_extended("Namespace", self.namespace.as_deref())
            .with_extended("HelpUri", self.help_uri.as_deref())
            .with_extended(
                "CommandType",
                Value::enumeration(COMMAND_TYPE, label, self.command_type),
            )
            .with_extended("ResolvedCommandName", self.resolved_command_name.as_deref())
            .with_extended("OutputType", list(OUTPUT_TYPES, &self.output_type))
            .with_extended(
                "Parameters",
                Value::dictionary(TypeNames::from([PARAMETERS, "System.Object"]), parameters),
            );
        object.into()
    }
}

/// A parameter of a command.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ParameterMetadata {
    /// Its name.
    pub name: String,
    /// Its .NET type; a client that does not know it takes anything.
    pub parameter_type: Option<String>,
    /// Other names.
    pub aliases: Vec<String>,
    /// True for one that depends on other arguments.
    pub is_dynamic: bool,
    /// True when it needs no value.
    pub is_switch: bool,
}

impl ParameterMetadata {
    /// Makes a parameter of a .NET type, given by its full name (`System.String`).
    #[must_use]
    pub fn new(name: impl Into<String>, parameter_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            parameter_type: Some(parameter_type.into()),
            aliases: Vec::new(),
            is_dynamic: false,
            is_switch: false,
        }
    }

    /// Makes a switch.
    #[must_use]
    pub fn switch(name: impl Into<String>) -> Self {
        Self { is_switch: true, ..Self::new(name, "System.Management.Automation.SwitchParameter") }
    }

    /// Adds another name.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// The parameters that every cmdlet has.
    pub fn common() -> impl Iterator<Item = Self> {
        const SWITCHES: [(&str, &str); 2] = [("Verbose", "vb"), ("Debug", "db")];
        const OTHERS: [(&str, &str, &str); 9] = [
            ("ErrorAction", "ea", ACTION_PREFERENCE),
            ("WarningAction", "wa", ACTION_PREFERENCE),
            ("InformationAction", "infa", ACTION_PREFERENCE),
            ("ErrorVariable", "ev", "System.String"),
            ("WarningVariable", "wv", "System.String"),
            ("InformationVariable", "iv", "System.String"),
            ("OutVariable", "ov", "System.String"),
            ("OutBuffer", "ob", "System.Int32"),
            ("PipelineVariable", "pv", "System.String"),
        ];
        let switches = SWITCHES.into_iter().map(|(name, alias)| Self::switch(name).alias(alias));
        let others = OTHERS
            .into_iter()
            .map(|(name, alias, parameter_type)| Self::new(name, parameter_type).alias(alias));
        switches.chain(others)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: fields.required_text("Name")?,
            parameter_type: fields.text("ParameterType"),
            aliases: texts(fields, "Aliases"),
            is_dynamic: fields.bool("IsDynamic").unwrap_or_default(),
            is_switch: fields.bool("SwitchParameter").unwrap_or_default(),
        })
    }

    fn to_value(&self) -> Value {
        Object::new()
            .with_type_names([PARAMETER, "System.Object"])
            .with_to_string(PARAMETER)
            .with_adapted("Name", self.name.as_str())
            .with_adapted("ParameterType", self.parameter_type.as_deref())
            .with_adapted("Aliases", list(ALIASES, &self.aliases))
            .with_adapted("IsDynamic", self.is_dynamic)
            .with_adapted("SwitchParameter", self.is_switch)
            .into()
    }
}

fn texts(fields: &Fields<'_>, name: &str) -> Vec<String> {
    let items = fields.get(name).and_then(Value::items).unwrap_or_default();
    items.iter().filter_map(|item| Some(fields.resolve(item).text()?.into_owned())).collect()
}

fn list(type_name: &str, texts: &[String]) -> Value {
    let items = texts.iter().map(|text| Value::from(text.as_str())).collect();
    Value::list(TypeNames::from([type_name, "System.Object"]), items)
}

const ACTION_PREFERENCE: &str = "System.Management.Automation.ActionPreference";
const PARAMETER: &str = "System.Management.Automation.ParameterMetadata";
const OUTPUT_TYPES: &str = "System.Collections.ObjectModel.ReadOnlyCollection`1[[System.Management.Automation.PSTypeName, System.Management.Automation, Version=3.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]";
const PARAMETERS: &str = "System.Collections.Generic.Dictionary`2[[System.String, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089],[System.Management.Automation.ParameterMetadata, System.Management.Automation, Version=3.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]";
const ALIASES: &str = "System.Collections.ObjectModel.Collection`1[[System.String, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089]]";
