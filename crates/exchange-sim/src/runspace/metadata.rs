//! The commands of the session as GET_COMMAND_METADATA tells of them.
//!
//! In such a session every command is a function, a proxy for the cmdlet behind it, and of no module.

use psrp::{CommandMetadata, GetCommandMetadata, ParameterMetadata};

use crate::cmdlets::{Described, Description, all_commands};

/// Returns the commands that a request asks for, sorted by name.
pub(super) fn wanted(request: &GetCommandMetadata) -> Vec<CommandMetadata> {
    let mut commands: Vec<CommandMetadata> = all_commands().iter().map(metadata).collect();
    commands.retain(|command| request.wants(command));
    commands
}

fn metadata(command: &Description) -> CommandMetadata {
    let mut metadata =
        CommandMetadata::function(command.name).namespace("").output_type(command.output);
    metadata.help_uri = Some(String::new());
    metadata.parameters = command.parameters.iter().map(parameter).collect();
    metadata
}

fn parameter(described: &Described) -> ParameterMetadata {
    let parameter = if described.is_switch {
        ParameterMetadata::switch(described.name)
    } else {
        ParameterMetadata::new(described.name, described.net_type.as_str())
    };
    if described.alias.is_empty() { parameter } else { parameter.alias(described.alias) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(patterns: &[&str], command_type: i32, expected: &[&str]) {
        let mut request = GetCommandMetadata::new(patterns.iter().copied());
        request.command_type = command_type;
        let found: Vec<String> = wanted(&request).into_iter().map(|command| command.name).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_patterns_and_types_choose() {
        let import = 271;
        check(
            &["*-Mailbox"],
            import,
            &[
                "Disable-Mailbox",
                "Enable-Mailbox",
                "Get-Mailbox",
                "New-Mailbox",
                "Remove-Mailbox",
                "Set-Mailbox",
            ],
        );
        check(&["get-user", "*AcceptedDomain"], import, &["Get-AcceptedDomain", "Get-User"]);
        check(&["Get-Process"], import, &[]);
        check(&["Get-Mailbox"], GetCommandMetadata::CMDLET, &[]);
    }

    #[test]
    fn a_command_tells_of_its_parameters() {
        let commands = wanted(&GetCommandMetadata::new(["Remove-Mailbox"]));
        let parameter = |name: &str| {
            commands[0].parameters.iter().find(|parameter| parameter.name == name).unwrap()
        };
        assert_eq!(
            parameter("Identity").parameter_type.as_deref(),
            Some("Microsoft.Exchange.Configuration.Tasks.MailboxIdParameter")
        );
        assert!(parameter("Confirm").is_switch);
        assert_eq!(parameter("WhatIf").aliases, ["wi"]);
        let read = CommandMetadata::from_value(&commands[0].to_value()).unwrap();
        assert_eq!(read, commands[0]);
    }
}
