//! Binding arguments to parameters as PowerShell does: exact names first, then unique prefixes, without case.

use std::collections::BTreeMap;

use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

use super::parameters::{Cmdlet, Kind, Lookup, Parameter};
use super::{Argument, Call, CmdletError, Invocation};
use crate::directory::address;
use crate::object::parse_size;
use crate::object::text::parse_date;

/// A command whose name and parameters are known to exist and whose values have the right types.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) cmdlet: &'static str,
    values: BTreeMap<&'static str, Argument>,
}

impl Bound {
    pub(super) fn get(&self, name: &str) -> Option<&Argument> {
        self.values.get(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(super) fn set(&mut self, name: &'static str, value: Argument) {
        self.values.insert(name, value);
    }

    /// Returns a parameter's text; nothing when it is absent, null or empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(Argument::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Returns whether a switch or Boolean is on.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(Argument::Bool(true)))
    }

    pub(super) fn secret(&self, name: &str) -> Option<&SecretString> {
        match self.values.get(name) {
            Some(Argument::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    /// Returns the texts of a list parameter.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.values.get(name)? {
            Argument::List(items) => Some(items.iter().filter_map(plain_text).collect()),
            other => Some(plain_text(other).into_iter().collect()),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Argument)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    pub(super) fn call(&self) -> Call {
        Call {
            cmdlet: self.cmdlet,
            parameters: self.values.iter().map(|(name, value)| (*name, shown(value))).collect(),
        }
    }
}

/// Finds the cmdlet and binds its arguments.
///
/// Mandatory parameters are checked later, since `Identity` may come through the pipeline.
pub(super) fn bind(invocation: &Invocation) -> Result<Bound, CmdletError> {
    if invocation.is_script {
        return Err(CmdletError::scripts_not_allowed(&invocation.command));
    }
    let cmdlet = Cmdlet::named(&invocation.command)
        .ok_or_else(|| CmdletError::command_not_found(&invocation.command))?;
    let mut values = BTreeMap::new();
    for (name, value) in &invocation.arguments {
        let parameter = match name {
            Some(name) => find(cmdlet, name)?,
            None => positional(cmdlet, &values, value)?,
        };
        let value = convert(cmdlet, &parameter, value)?;
        if values.insert(parameter.name, value).is_some() {
            let message = format!(
                "Cannot bind parameter because parameter '{}' is specified more than once. To provide multiple values to parameters that can accept multiple values, use the array syntax.",
                parameter.name
            );
            return Err(CmdletError::binding(cmdlet.name, "ParameterAlreadyBound", message));
        }
    }
    Ok(Bound { cmdlet: cmdlet.name, values })
}

/// Returns the mandatory parameters that are missing.
pub(super) fn missing(bound: &Bound) -> Vec<&'static str> {
    let parameters =
        Cmdlet::named(bound.cmdlet).map(|cmdlet| cmdlet.parameters.as_slice()).unwrap_or_default();
    let mandatory = parameters.iter().filter(|parameter| parameter.mandatory);
    mandatory.map(|parameter| parameter.name).filter(|name| !bound.has(name)).collect()
}

/// Checks that nothing mandatory is missing or null.
pub(super) fn require(bound: &Bound) -> Result<(), CmdletError> {
    let missing = missing(bound);
    if !missing.is_empty() {
        return Err(missing_parameters(bound.cmdlet, &missing));
    }
    let parameters =
        Cmdlet::named(bound.cmdlet).map(|cmdlet| cmdlet.parameters.as_slice()).unwrap_or_default();
    let null = parameters.iter().find(|parameter| {
        parameter.mandatory && matches!(bound.get(parameter.name), Some(Argument::Nil))
    });
    match null {
        Some(parameter) => {
            let message = format!(
                "Cannot bind argument to parameter '{}' because it is null.",
                parameter.name
            );
            let id = "ParameterArgumentValidationErrorNullNotAllowed";
            Err(CmdletError::binding(bound.cmdlet, id, message))
        }
        None => Ok(()),
    }
}

/// Binds what the caller's host supplied for a missing parameter.
pub(super) fn supply(bound: &mut Bound, name: &str, value: &Argument) -> Result<(), CmdletError> {
    let Some(cmdlet) = Cmdlet::named(bound.cmdlet) else { return Ok(()) };
    let parameter = find(cmdlet, name)?;
    let value = convert(cmdlet, &parameter, value)?;
    bound.set(parameter.name, value);
    Ok(())
}

pub(super) fn missing_parameters(cmdlet: &str, names: &[&str]) -> CmdletError {
    let message = format!(
        "Cannot process command because of one or more missing mandatory parameters: {}.",
        names.join(" ")
    );
    CmdletError::binding(cmdlet, "MissingMandatoryParameter", message)
}

fn find(cmdlet: &Cmdlet, name: &str) -> Result<Parameter, CmdletError> {
    let bare = name.trim_start_matches('-').trim_end_matches(':');
    match cmdlet.parameter(bare) {
        Lookup::Found(parameter) => Ok(parameter),
        Lookup::Unknown => {
            let message =
                format!("A parameter cannot be found that matches parameter name '{bare}'.");
            Err(CmdletError::binding(cmdlet.name, "NamedParameterNotFound", message))
        }
        Lookup::Ambiguous(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("-{name}")).collect();
            let message = format!(
                "Parameter cannot be processed because the parameter name '{bare}' is ambiguous. Possible matches include: {}.",
                names.join(" ")
            );
            Err(CmdletError::binding(cmdlet.name, "AmbiguousParameter", message))
        }
    }
}

/// Returns whether a name means a switch of a cmdlet, which takes no value from the argument behind it.
pub(crate) fn is_switch(cmdlet: &str, name: &str) -> bool {
    let parameter = Cmdlet::named(cmdlet).map(|cmdlet| cmdlet.parameter(name));
    matches!(parameter, Some(Lookup::Found(Parameter { kind: Kind::Switch, .. })))
}

fn positional(
    cmdlet: &Cmdlet,
    values: &BTreeMap<&str, Argument>,
    value: &Argument,
) -> Result<Parameter, CmdletError> {
    let first = cmdlet
        .parameters
        .first()
        .filter(|first| cmdlet.positional && !values.contains_key(first.name));
    first.copied().ok_or_else(|| {
        let message = format!(
            "A positional parameter cannot be found that accepts argument '{}'.",
            shown(value)
        );
        CmdletError::binding(cmdlet.name, "PositionalParameterNotFound", message)
    })
}

/// Returns the text of a value that the server would convert to text on its own.
pub(super) fn plain_text(value: &Argument) -> Option<String> {
    Some(match value {
        Argument::Text(text) => text.clone(),
        Argument::Int(number) => number.to_string(),
        Argument::Guid(guid) => guid.to_string(),
        Argument::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Argument::Date(date) => crate::object::text::us_date(*date),
        _ => return None,
    })
}

fn shown(value: &Argument) -> String {
    match value {
        Argument::Nil => "$null".to_owned(),
        Argument::Secret(_) => "<SecureString>".to_owned(),
        Argument::Object(text) => text.clone(),
        Argument::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Argument::Table(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}={}", shown(value))).collect();
            format!("@{{{}}}", entries.join(";"))
        }
        other => plain_text(other).unwrap_or_default(),
    }
}

const fn net_type(value: &Argument) -> &'static str {
    match value {
        Argument::Nil => "null",
        Argument::Text(_) => "System.String",
        Argument::Bool(_) => "System.Boolean",
        Argument::Int(_) => "System.Int32",
        Argument::Guid(_) => "System.Guid",
        Argument::Date(_) => "System.DateTime",
        Argument::List(_) => "System.Object[]",
        Argument::Table(_) => "System.Collections.Hashtable",
        Argument::Secret(_) => "System.Security.SecureString",
        Argument::Object(_) => "System.Management.Automation.PSObject",
    }
}

/// Converts a value to the parameter's type.
fn convert(
    cmdlet: &Cmdlet,
    parameter: &Parameter,
    value: &Argument,
) -> Result<Argument, CmdletError> {
    let converted = match parameter.kind {
        Kind::Switch => return switch(cmdlet, parameter, value),
        Kind::Action => return action(cmdlet, parameter, value),
        Kind::Bool => boolean(value),
        Kind::Secure => matches!(value, Argument::Secret(_) | Argument::Nil).then(|| value.clone()),
        Kind::Multi => several(value),
        Kind::Proxies => several(value).filter(proxies_are_valid),
        _ if matches!(value, Argument::Nil) => Some(Argument::Nil),
        Kind::Text | Kind::Id => plain_text(value).map(Argument::Text),
        Kind::Smtp => plain_text(value)
            .filter(|text| text.is_empty() || address::is_smtp(text))
            .map(Argument::Text),
        Kind::Proxy => plain_text(value).filter(|text| proxy_is_valid(text)).map(Argument::Text),
        Kind::Int => integer(value).map(Argument::Int),
        Kind::Count => count(value),
        Kind::Size => size(value),
        Kind::Date => date(value).map(Argument::Date),
        Kind::Guid => guid(value).map(Argument::Guid),
    };
    converted.ok_or_else(|| refusal(cmdlet, parameter, value))
}

fn refusal(cmdlet: &Cmdlet, parameter: &Parameter, value: &Argument) -> CmdletError {
    let target = match parameter.kind {
        Kind::Bool => {
            let detail = format!(
                "Cannot convert value \"{}\" to type \"System.Boolean\". Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0.",
                net_type(value)
            );
            return CmdletError::transformation(cmdlet.name, parameter.name, &detail);
        }
        Kind::Secure => {
            let detail = format!(
                "Cannot convert the \"{}\" value of type \"{}\" to type \"System.Security.SecureString\".",
                net_type(value),
                net_type(value)
            );
            return CmdletError::transformation(cmdlet.name, parameter.name, &detail);
        }
        Kind::Switch => "System.Management.Automation.SwitchParameter",
        Kind::Action => "System.Management.Automation.ActionPreference",
        Kind::Text => "System.String",
        Kind::Int => "System.Int32",
        Kind::Count => "Microsoft.Exchange.Data.Unlimited`1[System.UInt32]",
        Kind::Size => {
            "Microsoft.Exchange.Data.Unlimited`1[Microsoft.Exchange.Data.ByteQuantifiedSize]"
        }
        Kind::Date => "System.DateTime",
        Kind::Guid => "System.Guid",
        Kind::Multi => "Microsoft.Exchange.Data.MultiValuedProperty`1[System.String]",
        Kind::Proxies => "Microsoft.Exchange.Data.ProxyAddressCollection",
        Kind::Proxy => "Microsoft.Exchange.Data.ProxyAddress",
        Kind::Smtp => "Microsoft.Exchange.Data.SmtpAddress",
        Kind::Id => "Microsoft.Exchange.Configuration.Tasks.IdParameter",
    };
    let detail = format!("Cannot convert value \"{}\" to type \"{target}\".", shown(value));
    CmdletError::transformation(cmdlet.name, parameter.name, &detail)
}

fn switch(
    cmdlet: &Cmdlet,
    parameter: &Parameter,
    value: &Argument,
) -> Result<Argument, CmdletError> {
    match value {
        Argument::Nil => Ok(Argument::Bool(true)),
        Argument::Bool(_) => Ok(value.clone()),
        other => {
            let message = format!(
                "Cannot convert value \"{}\" to type \"System.Management.Automation.SwitchParameter\". Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0.",
                net_type(other)
            );
            let message = format!("Cannot bind parameter '{}'. {message}", parameter.name);
            Err(CmdletError::binding(cmdlet.name, "CannotConvertArgument", message))
        }
    }
}

/// Takes the name or the number of a member of `ActionPreference`.
fn action(
    cmdlet: &Cmdlet,
    parameter: &Parameter,
    value: &Argument,
) -> Result<Argument, CmdletError> {
    const ACTIONS: [&str; 6] =
        ["SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore", "Suspend"];
    let found = match value {
        Argument::Int(number) => usize::try_from(*number).ok().and_then(|at| ACTIONS.get(at)),
        other => plain_text(other)
            .and_then(|text| ACTIONS.iter().find(|name| name.eq_ignore_ascii_case(&text))),
    };
    found.map(|name| Argument::Text((*name).to_owned())).ok_or_else(|| {
        let shown = shown(value);
        let message = format!(
            "Cannot bind parameter '{}'. Cannot convert value \"{shown}\" to type \"System.Management.Automation.ActionPreference\". Error: \"Unable to match the identifier name {shown} to a valid enumerator name. Specify one of the following enumerator names and try again:\n{}\"",
            parameter.name,
            ACTIONS.join(", ")
        );
        CmdletError::binding(cmdlet.name, "CannotConvertArgumentNoMessage", message)
    })
}

fn boolean(value: &Argument) -> Option<Argument> {
    match value {
        Argument::Bool(_) => Some(value.clone()),
        Argument::Int(number) => Some(Argument::Bool(*number != 0)),
        _ => None,
    }
}

/// Takes a list, one value, a hashtable of `Add` and `Remove`, or null.
fn several(value: &Argument) -> Option<Argument> {
    match value {
        Argument::Nil => Some(Argument::List(Vec::new())),
        Argument::List(items) => {
            let texts: Option<Vec<String>> = items
                .iter()
                .filter(|item| !matches!(item, Argument::Nil))
                .map(plain_text)
                .collect();
            texts.map(|texts| Argument::List(texts.into_iter().map(Argument::Text).collect()))
        }
        Argument::Table(entries) => {
            let known = entries
                .iter()
                .all(|(key, value)| edit_key(key).is_some() && several(value).is_some());
            known.then(|| value.clone())
        }
        other => plain_text(other).map(|text| Argument::List(vec![Argument::Text(text)])),
    }
}

/// Returns the meaning of a hashtable's key; the at sign of some clients' spelling is ignored.
pub(super) fn edit_key(key: &str) -> Option<&'static str> {
    let key = key.trim_start_matches('@');
    ["Add", "Remove"].into_iter().find(|known| known.eq_ignore_ascii_case(key))
}

fn proxies_are_valid(value: &Argument) -> bool {
    let valid = |value: &Argument| match value {
        Argument::List(items) => {
            items.iter().filter_map(plain_text).all(|text| proxy_is_valid(&text))
        }
        _ => true,
    };
    match value {
        // What is to be removed need not be valid.
        Argument::Table(entries) => entries
            .iter()
            .filter(|(key, _)| edit_key(key) == Some("Add"))
            .filter_map(|(_, value)| several(value))
            .all(|value| valid(&value)),
        value => valid(value),
    }
}

fn proxy_is_valid(text: &str) -> bool {
    let proxy = address::with_prefix(text);
    match address::smtp_part(&proxy) {
        Some(smtp) => address::is_smtp(smtp),
        None => proxy.split_once(':').is_some_and(|(prefix, rest)| {
            !prefix.is_empty()
                && prefix.len() <= 9
                && prefix.chars().all(|c| c.is_ascii_alphanumeric())
                && !rest.is_empty()
        }),
    }
}

fn integer(value: &Argument) -> Option<i64> {
    match value {
        Argument::Int(number) => Some(*number),
        Argument::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| i32::try_from(*number).is_ok())
}

fn count(value: &Argument) -> Option<Argument> {
    if matches!(value, Argument::Text(text) if text.eq_ignore_ascii_case("unlimited")) {
        return Some(Argument::Text("Unlimited".to_owned()));
    }
    integer(value).filter(|number| *number >= 0).map(Argument::Int)
}

fn size(value: &Argument) -> Option<Argument> {
    match value {
        Argument::Text(text) if text.eq_ignore_ascii_case("unlimited") => {
            Some(Argument::Text("Unlimited".to_owned()))
        }
        Argument::Text(text) => {
            parse_size(text).and_then(|bytes| i64::try_from(bytes).ok()).map(Argument::Int)
        }
        Argument::Int(bytes) if *bytes >= 0 => Some(value.clone()),
        _ => None,
    }
}

fn date(value: &Argument) -> Option<OffsetDateTime> {
    match value {
        Argument::Date(date) => Some(*date),
        Argument::Text(text) => parse_date(text),
        _ => None,
    }
}

fn guid(value: &Argument) -> Option<Uuid> {
    match value {
        Argument::Guid(guid) => Some(*guid),
        Argument::Text(text) => Uuid::try_parse(text.trim()).ok(),
        _ => None,
    }
}
