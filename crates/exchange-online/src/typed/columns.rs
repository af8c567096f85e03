//! The columns of typed rows whose form is known to be that of `InvokeCommand`.
//!
//! They are the attributes that `Get-Mailbox` shows and the type `Mailbox` of the service's own description has in the type
//! that fits them. Left out are names of other objects, such as policies, of which the two ways may show different names,
//! and what the description does not have: `IsValid`, `OriginatingServer`, `ServerName`.

use exchange_cmdlets::schema::{ObjectClass, attribute};

use super::form::Form;

/// Returns the form of a column; `None` when that is not known.
pub(super) fn form_of(name: &str) -> Option<Form> {
    if !COLUMNS.contains(&name) {
        return None;
    }
    let attribute = attribute(ObjectClass::Mailbox, name)?;
    Some(Form {
        kind: attribute.kind(),
        is_list: attribute.is_multi_valued(),
        is_utc: name.ends_with("UTC"),
    })
}

/// Whether a column can be compared with a text in a filter.
pub(super) fn is_filterable(name: &str) -> bool {
    FILTERABLE.contains(&name)
}

const FILTERABLE: &[&str] = &[
    "Alias",
    "CustomAttribute1",
    "CustomAttribute2",
    "CustomAttribute3",
    "CustomAttribute4",
    "CustomAttribute5",
    "CustomAttribute6",
    "CustomAttribute7",
    "CustomAttribute8",
    "CustomAttribute9",
    "CustomAttribute10",
    "CustomAttribute11",
    "CustomAttribute12",
    "CustomAttribute13",
    "CustomAttribute14",
    "CustomAttribute15",
    "DisplayName",
    "Name",
    "RecipientTypeDetails",
    "UserPrincipalName",
];

const COLUMNS: &[&str] = &[
    "AccountDisabled",
    "Alias",
    "AntispamBypassEnabled",
    "ArchiveDomain",
    "ArchiveGuid",
    "ArchiveName",
    "ArchiveQuota",
    "ArchiveState",
    "ArchiveStatus",
    "ArchiveWarningQuota",
    "AuditAdmin",
    "AuditDelegate",
    "AuditEnabled",
    "AuditLogAgeLimit",
    "AuditOwner",
    "CalendarLoggingQuota",
    "CalendarRepairDisabled",
    "CalendarVersionStoreDisabled",
    "CustomAttribute1",
    "CustomAttribute2",
    "CustomAttribute3",
    "CustomAttribute4",
    "CustomAttribute5",
    "CustomAttribute6",
    "CustomAttribute7",
    "CustomAttribute8",
    "CustomAttribute9",
    "CustomAttribute10",
    "CustomAttribute11",
    "CustomAttribute12",
    "CustomAttribute13",
    "CustomAttribute14",
    "CustomAttribute15",
    "DeliverToMailboxAndForward",
    "DisplayName",
    "DistinguishedName",
    "EmailAddressPolicyEnabled",
    "EmailAddresses",
    "EndDateForRetentionHold",
    "ExchangeGuid",
    "ExchangeVersion",
    "ExtensionCustomAttribute1",
    "ExtensionCustomAttribute2",
    "ExtensionCustomAttribute3",
    "ExtensionCustomAttribute4",
    "ExtensionCustomAttribute5",
    "ExternalDirectoryObjectId",
    "ExternalOofOptions",
    "ForwardingSmtpAddress",
    "Guid",
    "HiddenFromAddressListsEnabled",
    "ImmutableId",
    "InPlaceHolds",
    "IsDirSynced",
    "IsLinked",
    "IsMailboxEnabled",
    "IsResource",
    "IsShared",
    "IssueWarningQuota",
    "JournalArchiveAddress",
    "Languages",
    "LegacyExchangeDN",
    "LinkedMasterAccount",
    "LitigationHoldDate",
    "LitigationHoldDuration",
    "LitigationHoldEnabled",
    "LitigationHoldOwner",
    "MailTip",
    "MailTipTranslations",
    "MailboxLocations",
    "MaxBlockedSenders",
    "MaxReceiveSize",
    "MaxSafeSenders",
    "MaxSendSize",
    "MessageCopyForSendOnBehalfEnabled",
    "MessageCopyForSentAsEnabled",
    "MessageTrackingReadStatusEnabled",
    "MicrosoftOnlineServicesID",
    "ModerationEnabled",
    "Name",
    "ObjectClass",
    "Office",
    "OrganizationalUnit",
    "PoliciesExcluded",
    "PoliciesIncluded",
    "PrimarySmtpAddress",
    "ProhibitSendQuota",
    "ProhibitSendReceiveQuota",
    "ProtocolSettings",
    "RecipientLimits",
    "RecipientType",
    "RecipientTypeDetails",
    "RecoverableItemsQuota",
    "RecoverableItemsWarningQuota",
    "RemoteRecipientType",
    "RequireSenderAuthenticationEnabled",
    "ResourceCapacity",
    "ResourceCustom",
    "ResourceType",
    "RetainDeletedItemsFor",
    "RetainDeletedItemsUntilBackup",
    "RetentionComment",
    "RetentionHoldEnabled",
    "RetentionUrl",
    "RulesQuota",
    "SCLDeleteEnabled",
    "SCLDeleteThreshold",
    "SCLJunkEnabled",
    "SCLJunkThreshold",
    "SCLQuarantineEnabled",
    "SCLQuarantineThreshold",
    "SCLRejectEnabled",
    "SCLRejectThreshold",
    "SamAccountName",
    "SendModerationNotifications",
    "SimpleDisplayName",
    "SingleItemRecoveryEnabled",
    "StartDateForRetentionHold",
    "UsageLocation",
    "UseDatabaseQuotaDefaults",
    "UseDatabaseRetentionDefaults",
    "UserPrincipalName",
    "WhenChanged",
    "WhenChangedUTC",
    "WhenCreated",
    "WhenCreatedUTC",
    "WhenMailboxCreated",
    "WindowsEmailAddress",
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::PathBuf;

    use exchange_cmdlets::schema::{Kind, ObjectClass, attributes};

    use super::{COLUMNS, FILTERABLE, form_of};

    /// The recorded description of the service; `None`, and a note, when it is not at hand.
    fn description() -> Option<String> {
        let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/realdata");
        let root = std::env::var_os("EXCHANGE_TEST_DATA")
            .map_or_else(|| PathBuf::from(fallback), PathBuf::from);
        if !root.is_dir() {
            eprintln!("skipped: no recordings at {}", root.display());
            return None;
        }
        let folder = root.join("exo-rest-metadata");
        let file = std::fs::read_dir(folder).expect("the folder is there").next();
        let path = file.expect("it holds the description").expect("it can be read").path();
        Some(std::fs::read_to_string(path).expect("the description is text"))
    }

    fn value<'a>(element: &'a str, attribute: &str) -> &'a str {
        let (_, rest) = element.split_once(&format!("{attribute}=\"")).expect("it is there");
        rest.split_once('"').expect("it ends").0
    }

    fn mailbox(description: &str) -> &str {
        let (_, rest) = description
            .split_once("<EntityType Name=\"Mailbox\"")
            .expect("the service describes its mailboxes");
        rest.split_once("</EntityType>").expect("the description ends").0
    }

    /// The properties of `Mailbox` with their types.
    fn properties(mailbox: &str) -> BTreeMap<&str, &str> {
        let elements = mailbox.split("<Property ").skip(1);
        elements.map(|element| (value(element, "Name"), value(element, "Type"))).collect()
    }

    fn expected_type(kind: Kind, is_list: bool) -> &'static str {
        match (kind, is_list) {
            (_, true) => "Collection(Edm.String)",
            (Kind::Boolean, _) => "Edm.Boolean",
            (Kind::Integer, _) => "Edm.Int32",
            (Kind::Guid, _) => "Edm.Guid",
            _ => "Edm.String",
        }
    }

    #[test]
    fn the_columns_are_those_the_service_describes() {
        let Some(description) = description() else { return };
        let types = properties(mailbox(&description));
        assert!(types.len() > 250, "{}", types.len());
        let fits = |name: &str, kind, is_list| {
            types.get(name).is_some_and(|found| *found == expected_type(kind, is_list))
        };
        let expected: BTreeSet<_> = attributes(ObjectClass::Mailbox)
            .filter(|attribute| attribute.read_by() == Some("Get-Mailbox"))
            .filter(|attribute| !matches!(attribute.kind(), Kind::Reference | Kind::Country))
            .filter(|attribute| {
                fits(attribute.name(), attribute.kind(), attribute.is_multi_valued())
            })
            .map(|attribute| attribute.name())
            .collect();
        assert_eq!(COLUMNS.iter().copied().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn the_service_describes_what_can_be_filtered() {
        let Some(description) = description() else { return };
        let mailbox = mailbox(&description);
        let types = properties(mailbox);
        let (_, restricted) = mailbox.split_once("NonFilterableProperties").expect("it is told");
        let restricted = restricted.split_once("</Collection>").expect("it ends").0;
        for name in FILTERABLE {
            assert_eq!(types.get(name), Some(&"Edm.String"), "{name}");
            assert!(!restricted.contains(&format!(">{name}<")), "{name}");
        }
        assert!(restricted.contains(">MailTip<"));
    }

    #[test]
    fn every_column_has_a_form_and_stands_once() {
        assert!(COLUMNS.iter().all(|name| form_of(name).is_some()));
        assert_eq!(COLUMNS.iter().collect::<BTreeSet<_>>().len(), COLUMNS.len());
        for name in ["OriginatingServer", "GrantSendOnBehalfTo", "Department", "guid"] {
            assert!(form_of(name).is_none(), "{name}");
        }
    }
}
