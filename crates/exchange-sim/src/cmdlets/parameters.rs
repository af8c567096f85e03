//! Which parameters each cmdlet has, and of which type.
//!
//! A parameter that the real cmdlet has but that would do nothing here is left out: it is refused as one that the caller's
//! roles hide, rather than silently ignored.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The type of a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Switch,
    Bool,
    Text,
    Int,
    /// A number or `Unlimited`.
    Count,
    /// A size or `Unlimited`.
    Size,
    Date,
    Guid,
    /// Several values, replaced whole or edited with `Add` and `Remove`.
    Multi,
    Proxies,
    Proxy,
    Smtp,
    Secure,
    /// The identity of an object.
    Id,
    /// What to do with a stream: `Continue`, `Stop` and so on.
    Action,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// Another name; empty for most.
    pub(super) alias: &'static str,
    pub(super) kind: Kind,
    pub(super) mandatory: bool,
}

/// One cmdlet.
#[derive(Debug)]
pub(super) struct Cmdlet {
    pub(super) name: &'static str,
    /// The first is positional, if the cmdlet has a positional one at all.
    pub(super) parameters: Vec<Parameter>,
    pub(super) positional: bool,
}

impl Cmdlet {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        CMDLETS.get(name.to_ascii_lowercase().as_str())
    }

    pub(super) fn names() -> Vec<&'static str> {
        let mut names: Vec<&str> = CMDLETS.values().map(|cmdlet| cmdlet.name).collect();
        names.sort_unstable();
        names
    }

    /// Returns whether objects of the pipeline become its identity.
    pub(super) fn takes_input(&self) -> bool {
        self.parameters
            .iter()
            .any(|parameter| parameter.kind == Kind::Id && parameter.name == "Identity")
    }

    /// Returns the parameter that a name means: its own name or alias, or a unique beginning of its name.
    pub(super) fn parameter(&self, name: &str) -> Lookup {
        let exact = |parameter: &&Parameter| {
            parameter.name.eq_ignore_ascii_case(name)
                || (!parameter.alias.is_empty() && parameter.alias.eq_ignore_ascii_case(name))
        };
        if let Some(found) = self.parameters.iter().find(exact) {
            return Lookup::Found(*found);
        }
        let begins = |parameter: &&Parameter| {
            let head = parameter.name.get(..name.len());
            !name.is_empty() && head.is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        let matches: Vec<Parameter> = self.parameters.iter().filter(begins).copied().collect();
        match matches.as_slice() {
            [only] => Lookup::Found(*only),
            [] => Lookup::Unknown,
            several => Lookup::Ambiguous(several.iter().map(|parameter| parameter.name).collect()),
        }
    }
}

/// What a name means among a cmdlet's parameters.
#[derive(Clone, Debug)]
pub(super) enum Lookup {
    Found(Parameter),
    Unknown,
    /// It begins these names.
    Ambiguous(Vec<&'static str>),
}

static CMDLETS: LazyLock<HashMap<String, Cmdlet>> = LazyLock::new(|| {
    let cmdlets = TABLE.iter().map(|(name, groups)| {
        let words = groups.iter().flat_map(|group| group.split_ascii_whitespace());
        let mut parameters: Vec<Parameter> = words.filter_map(parse).collect();
        let positional = groups.first().is_some_and(|group| group.starts_with('@'));
        parameters.extend(COMMON.split_ascii_whitespace().filter_map(parse));
        (name.to_ascii_lowercase(), Cmdlet { name, parameters, positional })
    });
    cmdlets.collect()
});

/// Reads `Name:type`, with `!` after the name of a mandatory parameter, `@` before that of a positional one, and `/alias`
/// behind a name that has one.
fn parse(word: &'static str) -> Option<Parameter> {
    let (name, kind) = word.trim_start_matches('@').split_once(':')?;
    let (name, mandatory) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
    let (name, alias) = name.split_once('/').unwrap_or((name, ""));
    let kind = match kind {
        "sw" => Kind::Switch,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "count" => Kind::Count,
        "size" => Kind::Size,
        "date" => Kind::Date,
        "guid" => Kind::Guid,
        "multi" => Kind::Multi,
        "proxies" => Kind::Proxies,
        "proxy" => Kind::Proxy,
        "smtp" => Kind::Smtp,
        "secure" => Kind::Secure,
        "id" => Kind::Id,
        "action" => Kind::Action,
        _ => Kind::Text,
    };
    Some(Parameter { name, alias, kind, mandatory })
}

const COMMON: &str = "Verbose/vb:sw Debug/db:sw ErrorAction/ea:action WarningAction/wa:action InformationAction/infa:action \
     ErrorVariable/ev:text WarningVariable/wv:text InformationVariable/iv:text OutVariable/ov:text OutBuffer/ob:int \
     PipelineVariable/pv:text";
const READ: &str = "@Identity:id ResultSize:count Filter:text Anr:text SortBy:text DomainController:text IgnoreDefaultScope:sw \
     ReadFromDomainController:sw";
const WRITE: &str = "DomainController:text WhatIf/wi:sw Confirm/cf:sw";
const NEW: &str = "@Name!:text UserPrincipalName:text Password:secure Alias:text DisplayName:text FirstName:text LastName:text \
     Initials:text SamAccountName:text PrimarySmtpAddress:smtp ResetPasswordOnNextLogon:bool Shared:sw Room:sw Equipment:sw Archive:sw \
     ModerationEnabled:bool";
const IDENTITY: &str = "@Identity!:id";
const CUSTOM: &str = "CustomAttribute1:text CustomAttribute2:text CustomAttribute3:text CustomAttribute4:text CustomAttribute5:text \
     CustomAttribute6:text CustomAttribute7:text CustomAttribute8:text CustomAttribute9:text CustomAttribute10:text \
     CustomAttribute11:text CustomAttribute12:text CustomAttribute13:text CustomAttribute14:text CustomAttribute15:text \
     ExtensionCustomAttribute1:multi ExtensionCustomAttribute2:multi ExtensionCustomAttribute3:multi ExtensionCustomAttribute4:multi \
     ExtensionCustomAttribute5:multi";
const SET_MAIL: &str = "Name:text Alias:text DisplayName:text UserPrincipalName:text SamAccountName:text EmailAddresses:proxies \
     PrimarySmtpAddress:smtp WindowsEmailAddress:smtp EmailAddressPolicyEnabled:bool HiddenFromAddressListsEnabled:bool \
     RequireSenderAuthenticationEnabled:bool ModerationEnabled:bool ModeratedBy:multi SendModerationNotifications:text MailTip:text \
     MailTipTranslations:multi AcceptMessagesOnlyFrom:multi AcceptMessagesOnlyFromDLMembers:multi \
     AcceptMessagesOnlyFromSendersOrMembers:multi RejectMessagesFrom:multi RejectMessagesFromDLMembers:multi \
     RejectMessagesFromSendersOrMembers:multi BypassModerationFromSendersOrMembers:multi GrantSendOnBehalfTo:multi Type:text \
     ResetPasswordOnNextLogon:bool ImmutableId:text ArchiveName:multi RecoverableItemsQuota:size RecoverableItemsWarningQuota:size";
const SET_MAILBOX: &str = "Password:secure AccountDisabled:bool SimpleDisplayName:text Office:text MaxSendSize:size MaxReceiveSize:size \
     IssueWarningQuota:size ProhibitSendQuota:size ProhibitSendReceiveQuota:size CalendarLoggingQuota:size ArchiveQuota:size \
     ArchiveWarningQuota:size UseDatabaseQuotaDefaults:bool UseDatabaseRetentionDefaults:bool RecipientLimits:count \
     LitigationHoldDuration:count ForwardingAddress:id ForwardingSmtpAddress:proxy DeliverToMailboxAndForward:bool \
     LitigationHoldEnabled:bool LitigationHoldDate:date LitigationHoldOwner:text RetentionComment:text RetentionUrl:text \
     RetentionHoldEnabled:bool StartDateForRetentionHold:date EndDateForRetentionHold:date SingleItemRecoveryEnabled:bool \
     RetainDeletedItemsUntilBackup:bool AntispamBypassEnabled:bool AuditEnabled:bool CalendarRepairDisabled:bool \
     CalendarVersionStoreDisabled:bool DisableThrottling:bool DowngradeHighPriorityMessagesEnabled:bool \
     MessageCopyForSentAsEnabled:bool MessageCopyForSendOnBehalfEnabled:bool MessageTrackingReadStatusEnabled:bool \
     IsExcludedFromServingHierarchy:bool ResourceCapacity:int ResourceCustom:multi MaxSafeSenders:int MaxBlockedSenders:int \
     SCLDeleteThreshold:int SCLRejectThreshold:int SCLQuarantineThreshold:int SCLJunkThreshold:int ExternalOofOptions:text \
     Languages:multi UMDtmfMap:multi Force:sw";

const TABLE: &[(&str, &[&str])] = &[
    (
        "Get-Mailbox",
        &[READ, "OrganizationalUnit:text RecipientTypeDetails:multi Database:text Server:text"],
    ),
    (
        "New-Mailbox",
        &[
            NEW,
            WRITE,
            "OrganizationalUnit:text Database:text AccountDisabled:sw Force:sw Office:text Phone:text",
        ],
    ),
    (
        "Enable-Mailbox",
        &[
            IDENTITY,
            WRITE,
            "Alias:text DisplayName:text Database:text PrimarySmtpAddress:smtp Shared:sw Room:sw Equipment:sw Archive:sw Force:sw",
        ],
    ),
    ("Set-Mailbox", &[IDENTITY, SET_MAIL, SET_MAILBOX, CUSTOM, WRITE]),
    ("Disable-Mailbox", &[IDENTITY, WRITE, "Archive:sw"]),
    ("Remove-Mailbox", &[IDENTITY, WRITE, "Permanent:bool Force:sw"]),
    ("Get-RemoteMailbox", &[READ, "OnPremisesOrganizationalUnit:text"]),
    (
        "New-RemoteMailbox",
        &[
            NEW,
            WRITE,
            "OnPremisesOrganizationalUnit:text RemoteRoutingAddress:proxy AccountDisabled:sw",
        ],
    ),
    (
        "Enable-RemoteMailbox",
        &[
            IDENTITY,
            WRITE,
            "Alias:text DisplayName:text RemoteRoutingAddress:proxy PrimarySmtpAddress:smtp Shared:sw Room:sw Equipment:sw Archive:sw",
        ],
    ),
    (
        "Set-RemoteMailbox",
        &[
            IDENTITY,
            SET_MAIL,
            CUSTOM,
            WRITE,
            "RemoteRoutingAddress:proxy ExchangeGuid:guid ArchiveGuid:guid",
        ],
    ),
    ("Disable-RemoteMailbox", &[IDENTITY, WRITE, "Archive:sw"]),
    ("Remove-RemoteMailbox", &[IDENTITY, WRITE]),
    ("Get-User", &[READ, "OrganizationalUnit:text RecipientTypeDetails:multi"]),
    (
        "Set-User",
        &[
            IDENTITY,
            WRITE,
            "Name:text DisplayName:text FirstName:text LastName:text UserPrincipalName:text SamAccountName:text Initials:text \
             AssistantName:text City:text Company:text CountryOrRegion:text Department:text Fax:text HomePhone:text MobilePhone:text \
             Notes:text Office:text Pager:text Phone:text PhoneticDisplayName:text PostalCode:text SimpleDisplayName:text \
             StateOrProvince:text StreetAddress:text Title:text WebPage:text Manager:id OtherFax:multi OtherHomePhone:multi \
             OtherTelephone:multi PostOfficeBox:multi RemotePowerShellEnabled:bool ResetPasswordOnNextLogon:bool SeniorityIndex:int \
             WindowsEmailAddress:smtp UMDtmfMap:multi",
        ],
    ),
    ("Get-CASMailbox", &[READ, "OrganizationalUnit:text"]),
    (
        "Set-CASMailbox",
        &[
            IDENTITY,
            WRITE,
            "ActiveSyncEnabled:bool ActiveSyncSuppressReadReceipt:bool OWAEnabled:bool OWAforDevicesEnabled:bool ECPEnabled:bool \
             PopEnabled:bool PopUseProtocolDefaults:bool PopSuppressReadReceipt:bool ImapEnabled:bool ImapUseProtocolDefaults:bool \
             ImapSuppressReadReceipt:bool MAPIEnabled:bool MAPIBlockOutlookNonCachedMode:bool EwsEnabled:bool \
             ShowGalAsDefaultView:bool ActiveSyncAllowedDeviceIDs:multi ActiveSyncBlockedDeviceIDs:multi EwsAllowList:multi \
             EwsBlockList:multi",
        ],
    ),
    ("Get-AcceptedDomain", &["@Identity:id DomainController:text"]),
    ("Get-OrganizationConfig", &["DomainController:text"]),
    (
        "Select-Object",
        &[
            "@Property:multi ExcludeProperty:multi ExpandProperty:text First:int Last:int Skip:int SkipLast:int Unique:sw Wait:sw",
        ],
    ),
    ("Measure-Object", &["@Property:multi"]),
    ("Out-Null", &[""]),
    ("Out-Default", &["Transcript:sw"]),
    (
        "Get-Command",
        &[
            "@Name:multi Noun:multi Verb:multi CommandType/Type:multi Module/PSSnapin:multi Syntax:sw TotalCount:int \
        ArgumentList/Args:multi All:sw ListImported:sw",
        ],
    ),
    ("Get-FormatData", &["@TypeName:multi PowerShellVersion:text"]),
    (
        "Get-Help",
        &[
            "@Name:text Path:text Category:multi Full:sw Detailed:sw Examples:sw Parameter:multi Online:sw",
        ],
    ),
    ("Exit-PSSession", &[""]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let cmdlet = Cmdlet::named("set-mailbox").unwrap();
        assert_eq!(cmdlet.name, "Set-Mailbox");
        let identity = cmdlet.parameters.first().unwrap();
        assert_eq!(
            (identity.name, identity.kind, identity.mandatory, cmdlet.positional),
            ("Identity", Kind::Id, true, true)
        );
        let kind = |name: &str| {
            cmdlet
                .parameters
                .iter()
                .find(|parameter| parameter.name == name)
                .map(|parameter| parameter.kind)
        };
        assert_eq!(kind("EmailAddresses"), Some(Kind::Proxies));
        assert_eq!(kind("CustomAttribute15"), Some(Kind::Text));
        assert_eq!(kind("RecipientLimits"), Some(Kind::Count));
        assert_eq!(kind("ErrorAction"), Some(Kind::Action));
        assert_eq!(kind("Nothing"), None);
        assert_eq!(Cmdlet::named("Where-Object").map(|cmdlet| cmdlet.name), None);
    }

    #[test]
    fn no_cmdlet_has_a_parameter_twice() {
        for name in Cmdlet::names() {
            let cmdlet = Cmdlet::named(name).unwrap();
            let mut names: Vec<&str> =
                cmdlet.parameters.iter().map(|parameter| parameter.name).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{name} {names:?}");
        }
    }
}
