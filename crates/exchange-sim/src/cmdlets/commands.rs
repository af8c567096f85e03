//! What the session says of its commands: `Get-Command`, `Get-Help`, and their parameters with their .NET types.

use std::sync::Arc;

use super::bind::Bound;
use super::parameters::{Cmdlet, Kind, Lookup, Parameter};
use super::pipeline::Record;
use super::{Argument, CmdletError, ErrorCategory};
use crate::object::types::{self, TypeChain};
use crate::object::{Field, Item, Row};
use crate::opath::glob;
use crate::views::enumeration;

/// A command as its metadata show it.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) name: &'static str,
    /// The type of its output, if it says so.
    pub(crate) output: Option<&'static str>,
    pub(crate) parameters: Vec<Described>,
}

/// A parameter as its command's metadata show it.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) name: &'static str,
    /// The full name of its .NET type.
    pub(crate) net_type: String,
    /// Empty for most.
    pub(crate) alias: &'static str,
    pub(crate) is_switch: bool,
    pub(crate) is_mandatory: bool,
    pub(crate) is_positional: bool,
}

/// Returns all commands, sorted by name.
pub(crate) fn all() -> Vec<Description> {
    Cmdlet::names().into_iter().filter_map(Cmdlet::named).map(describe).collect()
}

fn describe(cmdlet: &'static Cmdlet) -> Description {
    let parameters = cmdlet.parameters.iter().enumerate().map(|(position, parameter)| Described {
        name: parameter.name,
        net_type: net_type(cmdlet.name, parameter),
        alias: parameter.alias,
        is_switch: parameter.kind == Kind::Switch,
        is_mandatory: parameter.mandatory,
        is_positional: position == 0 && cmdlet.positional,
    });
    let output = match cmdlet.name {
        "Get-Mailbox" | "New-Mailbox" | "Enable-Mailbox" => Some(types::MAILBOX),
        "Get-RemoteMailbox" | "New-RemoteMailbox" | "Enable-RemoteMailbox" => {
            Some(types::REMOTE_MAILBOX)
        }
        "Get-User" => Some(types::USER),
        "Get-CASMailbox" => Some(types::CAS_MAILBOX),
        "Get-AcceptedDomain" => Some(types::ACCEPTED_DOMAIN),
        _ => None,
    };
    Description {
        name: cmdlet.name,
        output: output.and_then(|names| names.first().copied()),
        parameters: parameters.collect(),
    }
}

/// Returns the full name of the .NET type of a cmdlet's parameter.
pub(super) fn type_of(cmdlet: &str, name: &str) -> String {
    match Cmdlet::named(cmdlet).map(|known| known.parameter(name)) {
        Some(Lookup::Found(parameter)) => net_type(cmdlet, &parameter),
        _ => "System.Object".to_owned(),
    }
}

fn net_type(cmdlet: &str, parameter: &Parameter) -> String {
    let recipient = |name: &str| format!("Microsoft.Exchange.Data.Directory.Recipient.{name}");
    let id = |name: &str| format!("Microsoft.Exchange.Configuration.Tasks.{name}IdParameter");
    let multi = |name: &str| format!("Microsoft.Exchange.Data.MultiValuedProperty`1[{name}]");
    let nullable = |name: &str| format!("System.Nullable`1[{name}]");
    let unlimited = |name: &str| format!("Microsoft.Exchange.Data.Unlimited`1[{name}]");
    match parameter.name {
        "Identity" => id(identified(cmdlet)),
        "DomainController" => "Microsoft.Exchange.Data.Fqdn".to_owned(),
        "Database" => id("Database"),
        "Server" => id("Server"),
        "OrganizationalUnit" | "OnPremisesOrganizationalUnit" => id("OrganizationalUnit"),
        "ForwardingAddress" => id("Recipient"),
        "Manager" => id("UserContact"),
        "RecipientTypeDetails" => format!("{}[]", recipient("RecipientTypeDetails")),
        "Type" => nullable(&recipient("ConvertibleMailboxSubType")),
        "ModeratedBy" => multi(&id("Moderator")),
        "GrantSendOnBehalfTo" => multi(&id("Recipient")),
        "Languages" => multi("System.Globalization.CultureInfo"),
        "AcceptMessagesOnlyFrom"
        | "AcceptMessagesOnlyFromDLMembers"
        | "AcceptMessagesOnlyFromSendersOrMembers"
        | "RejectMessagesFrom"
        | "RejectMessagesFromDLMembers"
        | "RejectMessagesFromSendersOrMembers"
        | "BypassModerationFromSendersOrMembers" => multi(&id("DeliveryRecipient")),
        "CommandType" => "System.Management.Automation.CommandTypes".to_owned(),
        "Property" => "System.Object[]".to_owned(),
        "ArgumentList" => "System.Object[]".to_owned(),
        "PowerShellVersion" => "System.Version".to_owned(),
        "ResultSize" => unlimited("System.UInt32"),
        "OutBuffer" | "First" | "Last" | "Skip" | "SkipLast" | "TotalCount" => {
            "System.Int32".to_owned()
        }
        _ => match parameter.kind {
            Kind::Switch => "System.Management.Automation.SwitchParameter".to_owned(),
            Kind::Bool => "System.Boolean".to_owned(),
            Kind::Text => "System.String".to_owned(),
            Kind::Int => nullable("System.Int32"),
            Kind::Count => nullable(&unlimited("System.Int32")),
            Kind::Size => nullable(&unlimited("Microsoft.Exchange.Data.ByteQuantifiedSize")),
            Kind::Date => nullable("System.DateTime"),
            Kind::Guid => nullable("System.Guid"),
            Kind::Multi if is_builtin(cmdlet) => "System.String[]".to_owned(),
            Kind::Multi => multi("System.String"),
            Kind::Proxies => "Microsoft.Exchange.Data.ProxyAddressCollection".to_owned(),
            Kind::Proxy => "Microsoft.Exchange.Data.ProxyAddress".to_owned(),
            Kind::Smtp => nullable("Microsoft.Exchange.Data.SmtpAddress"),
            Kind::Secure => "System.Security.SecureString".to_owned(),
            Kind::Id => id("Recipient"),
            Kind::Action => "System.Management.Automation.ActionPreference".to_owned(),
        },
    }
}

fn is_builtin(cmdlet: &str) -> bool {
    matches!(
        cmdlet,
        "Get-Command" | "Get-Help" | "Get-FormatData" | "Select-Object" | "Measure-Object"
    )
}

/// Returns whether a command is PowerShell's, in any session, and not Exchange's.
pub(crate) fn is_session_command(name: &str) -> bool {
    Cmdlet::named(name).is_some_and(|cmdlet| {
        is_builtin(cmdlet.name)
            || matches!(cmdlet.name, "Out-Default" | "Out-Null" | "Exit-PSSession")
    })
}

/// Returns what kind of object a cmdlet's identity names.
fn identified(cmdlet: &str) -> &'static str {
    match cmdlet {
        "Enable-Mailbox" | "Enable-RemoteMailbox" | "Get-User" | "Set-User" => "User",
        "Get-AcceptedDomain" => "AcceptedDomain",
        _ if cmdlet.ends_with("-RemoteMailbox") => "RemoteMailbox",
        _ => "Mailbox",
    }
}

/// Lists the visible commands; a name that is none of them gives an error.
pub(super) fn list(bound: &Bound) -> Vec<Record> {
    let patterns = |name| bound.list(name).filter(|patterns| !patterns.is_empty());
    let (verbs, nouns, modules) = (patterns("Verb"), patterns("Noun"), patterns("Module"));
    let fits = |patterns: &Option<Vec<String>>, text: &str| {
        patterns.as_ref().is_none_or(|patterns| {
            let text = text.to_lowercase();
            patterns.iter().any(|pattern| glob(&text, &pattern.to_lowercase()))
        })
    };
    let shown = |name: &&'static str| {
        let (verb, noun) = name.split_once('-').unwrap_or((name, ""));
        fits(&verbs, verb) && fits(&nouns, noun) && fits(&modules, "") && of_wanted_type(bound)
    };
    let mut records = Vec::new();
    for pattern in patterns("Name").unwrap_or_else(|| vec!["*".to_owned()]) {
        let lower = pattern.to_lowercase();
        let mut found = Cmdlet::names()
            .into_iter()
            .filter(|name| glob(&name.to_lowercase(), &lower))
            .filter(shown)
            .peekable();
        if found.peek().is_none() && !pattern.contains(['*', '?', '[']) {
            records.push(Record::Error(unknown_command(&pattern)));
        }
        records.extend(found.map(|name| {
            if bound.flag("Syntax") { syntax_record(name) } else { command_info(name) }
        }));
    }
    if let Some(Argument::Int(count)) = bound.get("TotalCount") {
        records.truncate(usize::try_from(*count).unwrap_or(usize::MAX));
    }
    records
}

/// Every command here is a function, as the proxies of a restricted session are.
fn of_wanted_type(bound: &Bound) -> bool {
    let Some(wanted) = bound.list("CommandType").filter(|wanted| !wanted.is_empty()) else {
        return true;
    };
    wanted.iter().flat_map(|text| text.split(',')).map(str::trim).any(|text| {
        let flags: i64 = text.parse().unwrap_or(0);
        flags & 2 != 0 || text.eq_ignore_ascii_case("Function") || text.eq_ignore_ascii_case("All")
    })
}

fn unknown_command(name: &str) -> CmdletError {
    CmdletError {
        id: "CommandNotFoundException,Microsoft.PowerShell.Commands.GetCommandCommand".to_owned(),
        activity: "Get-Command".to_owned(),
        ..CmdletError::command_not_found(name)
    }
}

fn command_info(name: &'static str) -> Record {
    let member = |kind, text, number| enumeration(kind, text, number, false);
    let fields = vec![
        (Arc::from("Name"), Field::text(name)),
        (
            Arc::from("CommandType"),
            member("System.Management.Automation.CommandTypes", "Function", 2),
        ),
        (Arc::from("ModuleName"), Field::empty()),
        (
            Arc::from("Visibility"),
            member("System.Management.Automation.SessionStateEntryVisibility", "Public", 0),
        ),
    ];
    Record::Output(Item::Row(Row {
        types: TypeChain::Plain(types::CMDLET_INFO),
        name: Some(name.to_owned()),
        guid: None,
        fields,
        selected: false,
    }))
}

fn syntax_record(name: &str) -> Record {
    Record::Output(Item::Field(Field::Text(format!("\n{}\n", syntax(name)))))
}

/// Returns the line that shows how a command is called.
fn syntax(name: &str) -> String {
    let Some(cmdlet) = Cmdlet::named(name) else { return String::new() };
    let description = describe(cmdlet);
    let mut words = vec![description.name.to_owned()];
    for parameter in description.parameters.iter().filter(|parameter| !is_common(parameter.name)) {
        let name = if parameter.is_positional {
            format!("[-{}]", parameter.name)
        } else {
            format!("-{}", parameter.name)
        };
        let word = if parameter.is_switch {
            name
        } else {
            format!("{name} <{}>", short_type(&parameter.net_type))
        };
        words.push(if parameter.is_mandatory { word } else { format!("[{word}]") });
    }
    words.push("[<CommonParameters>]".to_owned());
    words.join(" ")
}

fn is_common(name: &str) -> bool {
    Cmdlet::named("Out-Null")
        .is_some_and(|cmdlet| cmdlet.parameters.iter().any(|parameter| parameter.name == name))
}

/// Returns the name of a type without its namespaces, and without the wrapper that makes it nullable.
fn short_type(full: &str) -> String {
    let inner = full
        .strip_prefix("System.Nullable`1[")
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(full);
    let short = |name: &str| name.rsplit('.').next().unwrap_or(name).replace("`1", "");
    match inner.split_once("`1[") {
        Some((outer, element)) => {
            format!("{}[{}]", short(outer), short(element.trim_end_matches(']')))
        }
        None => short(inner),
    }
}

/// Returns what is known of a command: its name and how it is called.
pub(super) fn help(bound: &Bound) -> Vec<Record> {
    let topic = bound.text("Name").unwrap_or("*");
    let lower = topic.to_lowercase();
    let found: Vec<&str> =
        Cmdlet::names().into_iter().filter(|name| glob(&name.to_lowercase(), &lower)).collect();
    if found.is_empty() {
        let message = format!(
            "Get-Help could not find {topic} in a help file in this session. To download updated help topics type: \"Update-Help\"."
        );
        return vec![Record::Error(CmdletError {
            exception: "Microsoft.PowerShell.Commands.HelpNotFoundException",
            target: None,
            ..CmdletError::about_text(
                "Get-Help",
                "HelpNotFound,Microsoft.PowerShell.Commands.GetHelpCommand",
                ErrorCategory::ResourceUnavailable,
                message,
                ("", ""),
            )
        })];
    }
    found.into_iter().map(help_info).collect()
}

fn help_info(name: &str) -> Record {
    let fields = [
        ("Name", Field::text(name)),
        ("Category", Field::text("Function")),
        ("Synopsis", Field::Text(format!("\n{}\n", syntax(name)))),
        ("Component", Field::empty()),
        ("Role", Field::empty()),
        ("Functionality", Field::empty()),
        ("ModuleName", Field::empty()),
    ];
    Record::Output(Item::Row(Row {
        types: TypeChain::Plain(types::HELP_INFO),
        name: None,
        guid: None,
        fields: fields.map(|(name, field)| (Arc::from(name), field)).into(),
        selected: true,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_the_types_of_the_recorded_metadata() {
        for (cmdlet, name, expected) in [
            (
                "Set-Mailbox",
                "Identity",
                "Microsoft.Exchange.Configuration.Tasks.MailboxIdParameter",
            ),
            (
                "Enable-Mailbox",
                "Identity",
                "Microsoft.Exchange.Configuration.Tasks.UserIdParameter",
            ),
            ("Get-Mailbox", "ResultSize", "Microsoft.Exchange.Data.Unlimited`1[System.UInt32]"),
            ("Set-Mailbox", "EmailAddresses", "Microsoft.Exchange.Data.ProxyAddressCollection"),
            (
                "Set-Mailbox",
                "ProhibitSendQuota",
                "System.Nullable`1[Microsoft.Exchange.Data.Unlimited`1[Microsoft.Exchange.Data.ByteQuantifiedSize]]",
            ),
            ("New-Mailbox", "Password", "System.Security.SecureString"),
            ("Get-Command", "Name", "System.String[]"),
            ("Remove-Mailbox", "Confirm", "System.Management.Automation.SwitchParameter"),
        ] {
            assert_eq!(type_of(cmdlet, name), expected, "{cmdlet} {name}");
        }
    }

    #[test]
    fn the_syntax_shows_what_is_mandatory_positional_and_a_switch() {
        let text = syntax("Remove-Mailbox");
        assert!(text.starts_with("Remove-Mailbox [-Identity] <MailboxIdParameter> ["), "{text}");
        assert!(text.contains("[-WhatIf]") && text.ends_with("[<CommonParameters>]"), "{text}");
        assert!(!text.contains("Verbose"), "{text}");
        assert!(syntax("Get-Mailbox").contains("[[-Identity] <MailboxIdParameter>]"));
        assert!(syntax("Get-Mailbox").contains("[-ResultSize <Unlimited[UInt32]>]"));
    }

    #[test]
    fn common_parameters_have_their_short_names() {
        let commands = all();
        let get = commands.iter().find(|command| command.name == "Get-Mailbox").unwrap();
        let alias = |name| {
            get.parameters.iter().find(|parameter| parameter.name == name).map(|found| found.alias)
        };
        assert_eq!(alias("ErrorAction"), Some("ea"));
        assert_eq!(alias("Identity"), Some(""));
        assert_eq!(get.output, Some("Microsoft.Exchange.Data.Directory.Management.Mailbox"));
    }
}
