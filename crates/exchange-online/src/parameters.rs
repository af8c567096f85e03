//! Which cmdlets and parameters the service has.
//!
//! One parameter too many fails a call, with an error that speaks of parameter sets, so what is known to be missing is
//! refused here. Where the whole list of a cmdlet's parameters is known it decides; elsewhere the schema's sides and the
//! parameters known to be on-premises only do, and an unknown name is left to the service.

use exchange_cmdlets::schema::{self, ObjectClass, Side};

/// Cmdlets of the own servers that connectors use and the service does not have.
const ABSENT_CMDLETS: &[&str] = &[
    "Disable-MailUser",
    "Disable-RemoteMailbox",
    "Enable-MailUser",
    "Enable-RemoteMailbox",
    "Get-RemoteMailbox",
    "New-RemoteMailbox",
    "Remove-RemoteMailbox",
    "Set-RemoteMailbox",
    "Set-ADServerSettings",
    "Update-EmailAddressPolicy",
];

/// Parameters of no cmdlet of the service.
const ABSENT: &[&str] = &["DomainController", "IgnoreDefaultScope", "ReadFromDomainController"];

/// Parameters that every cmdlet takes.
const COMMON: &[&str] = &["Confirm", "Debug", "ErrorAction", "Verbose", "WarningAction", "WhatIf"];

/// Cmdlets all of whose parameters are known.
const COMPLETE: &[(&str, &[&str])] = &[
    (
        "New-Mailbox",
        &[
            "ActiveSyncMailboxPolicy",
            "Alias",
            "Archive",
            "Discovery",
            "DisplayName",
            "EnableRoomMailboxAccount",
            "Equipment",
            "FederatedIdentity",
            "FirstName",
            "Force",
            "ImmutableId",
            "InactiveMailbox",
            "Initials",
            "LastName",
            "MailboxPlan",
            "MailboxRegion",
            "MicrosoftOnlineServicesID",
            "Migration",
            "ModeratedBy",
            "ModerationEnabled",
            "Name",
            "Office",
            "OrganizationalUnit",
            "Password",
            "Phone",
            "PrimarySmtpAddress",
            "PublicFolder",
            "RemotePowerShellEnabled",
            "RemovedMailbox",
            "ResetPasswordOnNextLogon",
            "ResourceCapacity",
            "RoleAssignmentPolicy",
            "Room",
            "RoomMailboxPassword",
            "SendModerationNotifications",
            "Shared",
        ],
    ),
    (
        "Enable-Mailbox",
        &[
            "Archive",
            "ArchiveName",
            "AutoExpandingArchive",
            "Force",
            "Identity",
            "RoleAssignmentPolicy",
        ],
    ),
    ("Disable-Mailbox", &["Archive", "Identity", "PermanentlyDisable"]),
    (
        "Remove-Mailbox",
        &[
            "Force",
            "Identity",
            "Migration",
            "PermanentlyDelete",
            "PublicFolder",
            "RemoveCNFPublicFolderMailboxPermanently",
        ],
    ),
    (
        "Undo-SoftDeletedMailbox",
        &["DisplayName", "Name", "Password", "PublicFolder", "SoftDeletedObject", "WindowsLiveID"],
    ),
    ("Get-AcceptedDomain", &["Identity", "ResultSize"]),
];

/// Parameters that the own servers' cmdlet has and the service's does not, beside what the schema tells.
const MISSING: &[(&str, &[&str])] = &[(
    "Set-Mailbox",
    &[
        "Database",
        "EmailAddressPolicyEnabled",
        "Password",
        "PrimarySmtpAddress",
        "SamAccountName",
        "UserPrincipalName",
    ],
)];

/// Tells whether the service may have the cmdlet.
pub(crate) fn has_cmdlet(cmdlet: &str) -> bool {
    !contains(ABSENT_CMDLETS, cmdlet)
}

/// Tells whether the service's cmdlet may have the parameter.
#[must_use]
pub fn has_parameter(cmdlet: &str, parameter: &str) -> bool {
    if contains(ABSENT, parameter) {
        return false;
    }
    if let Some(known) = list_of(COMPLETE, cmdlet) {
        return contains(known, parameter) || contains(COMMON, parameter);
    }
    let missing = list_of(MISSING, cmdlet).is_some_and(|missing| contains(missing, parameter));
    !missing && !is_on_premises_only(cmdlet, parameter)
}

fn is_on_premises_only(cmdlet: &str, parameter: &str) -> bool {
    schema::attributes(ObjectClass::Mailbox).any(|attribute| {
        attribute.update().is_some_and(|route| {
            route.side == Side::OnPremises
                && route.cmdlet.eq_ignore_ascii_case(cmdlet)
                && route.parameter.eq_ignore_ascii_case(parameter)
        })
    })
}

fn list_of(
    table: &'static [(&'static str, &'static [&'static str])],
    cmdlet: &str,
) -> Option<&'static [&'static str]> {
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(cmdlet)).map(|(_, list)| *list)
}

fn contains(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::{has_cmdlet, has_parameter};

    #[test]
    fn parameters_of_the_own_servers_alone_are_known() {
        for (cmdlet, parameter) in [
            ("New-Mailbox", "UserPrincipalName"),
            ("New-Mailbox", "Database"),
            ("New-Mailbox", "SamAccountName"),
            ("New-Mailbox", "AccountDisabled"),
            ("New-Mailbox", "LinkedMasterAccount"),
            ("Enable-Mailbox", "Alias"),
            ("Enable-Mailbox", "Database"),
            ("Enable-Mailbox", "PrimarySmtpAddress"),
            ("Set-Mailbox", "EmailAddressPolicyEnabled"),
            ("set-mailbox", "primarysmtpaddress"),
            ("Set-Mailbox", "RecoverableItemsQuota"),
            ("Set-CASMailbox", "ECPEnabled"),
            ("Get-User", "DomainController"),
        ] {
            assert!(!has_parameter(cmdlet, parameter), "{cmdlet} -{parameter}");
        }
        for (cmdlet, parameter) in [
            ("New-Mailbox", "MicrosoftOnlineServicesID"),
            ("New-Mailbox", "Confirm"),
            ("Set-Mailbox", "EmailAddresses"),
            ("Set-Mailbox", "MicrosoftOnlineServicesID"),
            ("Set-Mailbox", "CustomAttribute1"),
            ("Set-User", "Department"),
            ("Get-Mailbox", "SoftDeletedMailbox"),
            ("Get-Something", "New"),
        ] {
            assert!(has_parameter(cmdlet, parameter), "{cmdlet} -{parameter}");
        }
        assert!(!has_cmdlet("Get-RemoteMailbox") && has_cmdlet("get-mailbox"));
    }
}
