//! CREATE_PIPELINE: a [`PowerShell`] on the wire.
//!
//! Spec: [MS-PSRP] 2.2.2.10 CREATE_PIPELINE Message.
//!
//! What surprised: the engine gives no answer at all to a message that lacks a property, so everything mandatory is
//! written, Nil where there is nothing; `ExtraCmds` must hold every statement, the first too, or no final state comes; and
//! the real numbers of the merge flags are not those of the document.

use clixml::{Object, TypeNames, Value};

use crate::argument::{Argument, ArgumentValue};
use crate::crypto::SecretEncoding;
use crate::error::{CryptoError, DecodeError};
use crate::fields::{Fields, object};
use crate::host::HostInfo;
use crate::message::MessageType;
use crate::pool_messages::ApartmentState;
use crate::powershell::{
    Command, Merges, PipelineResultTypes, PowerShell, RemoteStreamOptions, Statement,
};
use crate::version::ProtocolVersion;

const LIST_TYPES: [&str; 2] = [
    "System.Collections.Generic.List`1[[System.Management.Automation.PSObject, System.Management.Automation, \
     Version=1.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]",
    "System.Object",
];

impl PowerShell {
    /// Writes the body of CREATE_PIPELINE for a server of this version.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] when there is a secret and `secrets` cannot encode any.
    pub fn to_value(
        &self,
        version: ProtocolVersion,
        secrets: &SecretEncoding,
    ) -> Result<Value, CryptoError> {
        let encoder = Encoder { version, secrets, list: TypeNames::from(LIST_TYPES) };
        Ok(object([
            ("NoInput", Value::from(self.no_input)),
            ("ApartmentState", self.apartment_state.to_value()),
            ("RemoteStreamOptions", self.remote_stream_options.to_value()),
            ("AddToHistory", Value::from(self.add_to_history)),
            ("HostInfo", self.host.to_value()),
            ("IsNested", Value::from(self.is_nested)),
            ("PowerShell", encoder.powershell(self)?),
        ]))
    }

    /// Reads the body of CREATE_PIPELINE.
    ///
    /// SecureStrings among the arguments, and inside of them, are decoded where `secrets` can decode any, as
    /// [`ArgumentValue::from_value`] says.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for what the engine insists on,
    /// [`DecodeError::SessionKey`] for a SecureString under another key.
    pub fn from_value(value: &Value, secrets: &SecretEncoding) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::CreatePipeline, value);
        let inner = fields.nested("PowerShell")?;
        let commands = decode_commands(&inner, secrets)?;
        Ok(Self {
            statements: match inner.get("ExtraCmds").and_then(Value::items) {
                Some(statements) if !statements.is_empty() => statements
                    .iter()
                    .map(|statement| {
                        decode_commands(&inner.inside(statement), secrets).map(Statement::new)
                    })
                    .collect::<Result<_, _>>()?,
                _ => vec![Statement::new(commands)],
            },
            no_input: fields.required_bool("NoInput")?,
            add_to_history: fields.required_bool("AddToHistory")?,
            // Clients of protocol 2.1 leave the outer one out.
            is_nested: fields.bool("IsNested").unwrap_or(inner.required_bool("IsNested")?),
            history: {
                inner.required("History")?;
                inner.text("History")
            },
            redirect_shell_error_output_pipe: inner
                .required_bool("RedirectShellErrorOutputPipe")?,
            remote_stream_options: RemoteStreamOptions::from_bits(
                fields.required_enum("RemoteStreamOptions", RemoteStreamOptions::NAMES)?,
            ),
            apartment_state: ApartmentState::from_code(
                fields.required_enum("ApartmentState", ApartmentState::NAMES)?,
            ),
            host: HostInfo::from_fields(&fields.nested("HostInfo")?)?,
        })
    }
}

struct Encoder<'a> {
    version: ProtocolVersion,
    secrets: &'a SecretEncoding,
    list: TypeNames,
}

impl Encoder<'_> {
    fn powershell(&self, powershell: &PowerShell) -> Result<Value, CryptoError> {
        let mut inner = Object::new();
        if powershell.statements.len() > 1 {
            let statements = powershell
                .statements
                .iter()
                .map(|statement| Ok(object([("Cmds", self.commands(&statement.commands)?)])))
                .collect::<Result<_, CryptoError>>()?;
            inner = inner.with_extended("ExtraCmds", Value::list(self.list.clone(), statements));
        }
        Ok(inner
            .with_extended("Cmds", self.commands(powershell.commands())?)
            .with_extended("IsNested", powershell.is_nested)
            .with_extended("History", powershell.history.as_deref())
            .with_extended(
                "RedirectShellErrorOutputPipe",
                powershell.redirect_shell_error_output_pipe,
            )
            .into())
    }

    fn commands(&self, commands: &[Command]) -> Result<Value, CryptoError> {
        let commands =
            commands.iter().map(|command| self.command(command)).collect::<Result<_, _>>()?;
        Ok(Value::list(self.list.clone(), commands))
    }

    fn command(&self, command: &Command) -> Result<Value, CryptoError> {
        let merges = &command.merges;
        let mut body = Object::new()
            .with_extended("Cmd", command.name.as_str())
            .with_extended("IsScript", command.is_script)
            .with_extended("UseLocalScope", command.use_local_scope)
            .with_extended("MergeMyResult", merges.my_result.to_value())
            .with_extended("MergeToResult", merges.to_result.to_value())
            .with_extended("MergePreviousResults", merges.previous_results.to_value());
        if self.version >= ProtocolVersion::V2_2 {
            body = body
                .with_extended("MergeError", merges.error.to_value())
                .with_extended("MergeWarning", merges.warning.to_value())
                .with_extended("MergeVerbose", merges.verbose.to_value())
                .with_extended("MergeDebug", merges.debug.to_value());
        }
        if self.version >= ProtocolVersion::V2_3 {
            body = body.with_extended("MergeInformation", merges.information.to_value());
        }
        let arguments = command
            .arguments
            .iter()
            .map(|argument| self.argument(argument))
            .collect::<Result<_, _>>()?;
        Ok(body.with_extended("Args", Value::list(self.list.clone(), arguments)).into())
    }

    fn argument(&self, argument: &Argument) -> Result<Value, CryptoError> {
        let value = argument.value.to_value(self.secrets)?;
        Ok(object([("N", Value::from(argument.name.as_deref())), ("V", value)]))
    }
}

fn decode_commands(
    fields: &Fields<'_>,
    secrets: &SecretEncoding,
) -> Result<Vec<Command>, DecodeError> {
    let commands = fields.required_items("Cmds")?;
    commands.iter().map(|command| decode_command(&fields.inside(command), secrets)).collect()
}

fn decode_command(fields: &Fields<'_>, secrets: &SecretEncoding) -> Result<Command, DecodeError> {
    let merge = |name| {
        fields.required_enum(name, PipelineResultTypes::NAMES).map(PipelineResultTypes::from_code)
    };
    let optional = |name| {
        let code = fields.enumeration(name, PipelineResultTypes::NAMES);
        code.map_or(PipelineResultTypes::None, PipelineResultTypes::from_code)
    };
    fields.required("UseLocalScope")?;
    Ok(Command {
        name: fields.required_text("Cmd")?,
        is_script: fields.required_bool("IsScript")?,
        use_local_scope: fields.bool("UseLocalScope"),
        merges: Merges {
            my_result: merge("MergeMyResult")?,
            to_result: merge("MergeToResult")?,
            previous_results: merge("MergePreviousResults")?,
            error: optional("MergeError"),
            warning: optional("MergeWarning"),
            verbose: optional("MergeVerbose"),
            debug: optional("MergeDebug"),
            information: optional("MergeInformation"),
        },
        arguments: fields
            .required_items("Args")?
            .iter()
            .map(|argument| decode_argument(&fields.inside(argument), secrets))
            .collect::<Result<_, _>>()?,
    })
}

fn decode_argument(fields: &Fields<'_>, secrets: &SecretEncoding) -> Result<Argument, DecodeError> {
    fields.required("N")?;
    let value = fields.copy(fields.required_raw("V")?);
    let value = match secrets.is_ready() {
        true => ArgumentValue::from_value(value, secrets).map_err(|source| {
            DecodeError::SessionKey { message_type: fields.message_type(), source }
        })?,
        false => ArgumentValue::Value(value),
    };
    Ok(Argument::new(fields.text("N"), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SessionKey;
    use secrecy::{ExposeSecret, SecretString};

    fn round_trip(powershell: &PowerShell, secrets: &SecretEncoding) -> PowerShell {
        let value = powershell.to_value(ProtocolVersion::V2_3, secrets).unwrap();
        PowerShell::from_value(&value, secrets).unwrap()
    }

    #[test]
    fn a_pipeline_comes_back() {
        let pipeline = PowerShell::new()
            .command(
                Command::new("Get-Mailbox")
                    .parameter("ResultSize", 1)
                    .switch("Archive")
                    .argument("ann"),
            )
            .command(Command::script("1 + 1").merges(Merges::all_to_output()));
        let read = round_trip(&pipeline, &SecretEncoding::NoKey);
        assert_eq!(format!("{read:?}"), format!("{pipeline:?}"));
    }

    #[test]
    fn all_statements_stand_in_extra_commands() {
        let pipeline =
            PowerShell::new().command(Command::new("A")).statement().command(Command::new("B"));
        let value = pipeline.to_value(ProtocolVersion::V2_3, &SecretEncoding::NoKey).unwrap();
        let extra = value.property("PowerShell").unwrap().property("ExtraCmds").unwrap();
        assert_eq!(extra.items().unwrap().len(), 2);
        let read = round_trip(&pipeline, &SecretEncoding::NoKey);
        assert_eq!(read.statements.len(), 2);
        assert_eq!(read.statements[1].commands[0].name, "B");
    }

    #[test]
    fn older_servers_get_no_newer_merges() {
        let pipeline = PowerShell::new().command(Command::new("A"));
        let has = |version: ProtocolVersion, name: &str| {
            let value = pipeline.to_value(version, &SecretEncoding::NoKey).unwrap();
            let commands = value.property("PowerShell").unwrap().property("Cmds").unwrap();
            commands.items().unwrap()[0].property(name).is_some()
        };
        assert!(!has(ProtocolVersion::V2_1, "MergeError"));
        assert!(has(ProtocolVersion::V2_2, "MergeError"));
        assert!(!has(ProtocolVersion::V2_2, "MergeInformation"));
        assert!(has(ProtocolVersion::V2_3, "MergeInformation"));
    }

    #[test]
    fn a_secret_needs_a_key_and_comes_back_under_it() {
        let pipeline = PowerShell::new()
            .command(Command::new("Set-Mailbox").secret("Password", SecretString::from("P@ss")));
        assert!(matches!(
            pipeline.to_value(ProtocolVersion::V2_3, &SecretEncoding::NoKey),
            Err(CryptoError::NoKey)
        ));
        let key = SecretEncoding::Encrypted(SessionKey::new([1; 32]));
        let value = pipeline.to_value(ProtocolVersion::V2_3, &key).unwrap();
        let read = PowerShell::from_value(&value, &key).unwrap();
        let ArgumentValue::Secret(secret) = &read.commands()[0].arguments[0].value else {
            panic!("the argument is no secret")
        };
        assert_eq!(secret.expose_secret(), "P@ss");
        let other = SecretEncoding::Encrypted(SessionKey::new([2; 32]));
        assert!(PowerShell::from_value(&value, &other).is_err());
        assert!(!format!("{read:?}").contains("P@ss"));
    }

    #[test]
    fn a_missing_property_is_named() {
        let value = object([("NoInput", Value::from(true))]);
        let error = PowerShell::from_value(&value, &SecretEncoding::NoKey).unwrap_err();
        assert_eq!(error.to_string(), "CREATE_PIPELINE has no property PowerShell");
    }
}
