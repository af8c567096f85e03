//! The properties that only local mailboxes have.

use uuid::Uuid;

use super::Shape::{
    Bool, Certificates, Count, Cultures, Date, Enum, Guid, Id, Int, Nil, Opaque, Proxy, Size, Smtp,
    Strings, Text,
};
use super::{EnumType, Property, Scope, computed, enumeration, object_id, opaque, size, stored};
use crate::directory::{MailboxKind, Recipient, SplitMix, database_name};
use crate::object::{Field, ListType};

const GB: u64 = 1 << 30;
const SPAN: &str = "Microsoft.Exchange.Data.EnhancedTimeSpan";

const OOF: EnumType = EnumType {
    name: "Microsoft.Exchange.Data.Directory.Recipient.ExternalOofOptions",
    wide: false,
    members: &[("External", 0), ("InternalOnly", 1)],
};
const MOVE_STATUS: EnumType = EnumType {
    name: "Microsoft.Exchange.Data.Directory.Recipient.RequestStatus",
    wide: false,
    members: &[("None", 0)],
};
const MOVE_FLAGS: EnumType = EnumType {
    name: "Microsoft.Exchange.Data.Directory.Recipient.RequestFlags",
    wide: false,
    members: &[("None", 0)],
};
const REMOTE_TYPE: EnumType = EnumType {
    name: "Microsoft.Exchange.Data.Directory.Recipient.RemoteRecipientType",
    wide: true,
    members: &[("None", 0)],
};

pub(super) static PROPERTIES: &[Property] = &[
    computed("Database", "n", |recipient, scope| {
        let organization = scope.organization();
        object_id(
            database_name(recipient.database),
            organization.database_dn(recipient.database),
            Uuid::from_u128(u128::from(recipient.database)),
        )
    }),
    stored("MailboxProvisioningConstraint", "", Nil),
    stored("MailboxRegion", "", Nil),
    stored("MailboxRegionLastUpdateTime", "", Nil),
    stored("MailboxProvisioningPreferences", "", Strings),
    stored("UseDatabaseRetentionDefaults", "", Bool(true)),
    stored("RetainDeletedItemsUntilBackup", "", Bool(false)),
    stored("DeliverToMailboxAndForward", "b", Bool(false)),
    stored("IsExcludedFromServingHierarchy", "b", Bool(false)),
    stored("IsHierarchyReady", "b", Bool(true)),
    stored("IsHierarchySyncEnabled", "b", Bool(true)),
    stored("HasSnackyAppData", "", Bool(false)),
    stored("LitigationHoldEnabled", "b", Bool(false)),
    stored("SingleItemRecoveryEnabled", "b", Bool(false)),
    stored("RetentionHoldEnabled", "", Bool(false)),
    stored("EndDateForRetentionHold", "", Date),
    stored("StartDateForRetentionHold", "", Date),
    stored("RetentionComment", "s*?", Text),
    stored("RetentionUrl", "s*?", Text),
    stored("LitigationHoldDate", "d?", Date),
    stored("LitigationHoldOwner", "s*?", Text),
    stored("ElcProcessingDisabled", "", Bool(false)),
    stored("ComplianceTagHoldApplied", "b", Bool(false)),
    stored("WasInactiveMailbox", "", Bool(false)),
    stored("DelayHoldApplied", "", Bool(false)),
    stored("InactiveMailboxRetireTime", "", Nil),
    stored("OrphanSoftDeleteTrackingTime", "", Nil),
    stored("LitigationHoldDuration", "", Count(None)),
    stored("ManagedFolderMailboxPolicy", "n?", Nil),
    stored("RetentionPolicy", "n?", Id),
    stored("AddressBookPolicy", "n?", Id),
    stored("CalendarRepairDisabled", "b", Bool(false)),
    computed("ExchangeGuid", "s", |recipient, _| Field::Guid(recipient.exchange_guid)),
    stored("MailboxContainerGuid", "s?", Nil),
    stored("UnifiedMailbox", "", Nil),
    computed("MailboxLocations", "", mailbox_locations),
    stored("AggregatedMailboxGuids", "s?", Strings),
    stored(
        "ExchangeSecurityDescriptor",
        "",
        Opaque(
            "System.Security.AccessControl.RawSecurityDescriptor",
            "System.Security.AccessControl.RawSecurityDescriptor",
        ),
    ),
    computed("ExchangeUserAccountControl", "e", |recipient, _| {
        let (text, number) = if recipient.enabled { ("None", 0) } else { ("AccountDisabled", 2) };
        enumeration(
            "Microsoft.Exchange.Data.Directory.Recipient.UserAccountControlFlags",
            text,
            number,
            false,
        )
    }),
    computed("AdminDisplayVersion", "", |_, _| {
        opaque("Microsoft.Exchange.Data.ServerVersion", "Version 15.2 (Build 1544.4)")
    }),
    stored("MessageTrackingReadStatusEnabled", "", Bool(true)),
    stored("ExternalOofOptions", "e", Enum(&OOF)),
    stored("ForwardingAddress", "n?", Id),
    stored("ForwardingSmtpAddress", "s*?", Proxy),
    stored("RetainDeletedItemsFor", "", Opaque(SPAN, "14.00:00:00")),
    computed("IsMailboxEnabled", "b", |_, _| Field::Bool(true)),
    stored("Languages", "", Cultures),
    stored("OfflineAddressBook", "n?", Nil),
    stored("ProhibitSendQuota", "u", Size(None)),
    stored("ProhibitSendReceiveQuota", "u", Size(None)),
    stored("RecoverableItemsQuota", "u", Size(Some(30 * GB))),
    stored("RecoverableItemsWarningQuota", "u", Size(Some(20 * GB))),
    stored("CalendarLoggingQuota", "u", Size(Some(6 * GB))),
    stored("DowngradeHighPriorityMessagesEnabled", "", Bool(false)),
    stored("ProtocolSettings", "s*?", Strings),
    stored("RecipientLimits", "u", Count(None)),
    stored("ImListMigrationCompleted", "", Bool(false)),
    computed("IsResource", "b", |recipient, _| Field::Bool(resource(recipient).is_some())),
    computed("IsLinked", "b", |_, _| Field::Bool(false)),
    computed("IsShared", "b", |recipient, _| {
        Field::Bool(recipient.kind.mailbox_kind() == Some(MailboxKind::Shared))
    }),
    stored("IsRootPublicFolderMailbox", "", Bool(false)),
    stored("LinkedMasterAccount", "", Text),
    computed("ResetPasswordOnNextLogon", "", |recipient, _| {
        Field::Bool(recipient.reset_password_on_next_logon)
    }),
    stored("ResourceCapacity", "i?", Int),
    stored("ResourceCustom", "s", Strings),
    computed("ResourceType", "e", |recipient, _| match resource(recipient) {
        Some((text, number)) => enumeration(
            "Microsoft.Exchange.Data.Directory.Recipient.ExchangeResourceType",
            text,
            number,
            false,
        ),
        None => Field::Nil,
    }),
    stored("RoomMailboxAccountEnabled", "", Nil),
    computed("SamAccountName", "s*", |recipient, _| {
        Field::text(recipient.sam_account_name.clone())
    }),
    stored("SCLDeleteThreshold", "", Int),
    stored("SCLDeleteEnabled", "", Nil),
    stored("SCLRejectThreshold", "", Int),
    stored("SCLRejectEnabled", "", Nil),
    stored("SCLQuarantineThreshold", "", Int),
    stored("SCLQuarantineEnabled", "", Nil),
    stored("SCLJunkThreshold", "", Int),
    stored("SCLJunkEnabled", "", Nil),
    stored("AntispamBypassEnabled", "", Bool(false)),
    computed("ServerLegacyDN", "s*", |_, scope| {
        Field::text(format!(
            "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn={}",
            scope.organization().server
        ))
    }),
    computed("ServerName", "s", |_, scope| Field::text(scope.organization().server.to_lowercase())),
    stored("UseDatabaseQuotaDefaults", "b", Bool(true)),
    stored("IssueWarningQuota", "u", Size(None)),
    computed("RulesQuota", "u", |_, _| size(256 << 10)),
    stored("Office", "s*?", Text),
    computed("UserPrincipalName", "s*", |recipient, _| {
        Field::text(recipient.user_principal_name.clone())
    }),
    stored("UMEnabled", "b", Bool(false)),
    stored("MaxSafeSenders", "i?", Int),
    stored("MaxBlockedSenders", "i?", Int),
    stored("NetID", "s", Nil),
    stored("ReconciliationId", "", Nil),
    stored("WindowsLiveID", "s*?", Smtp),
    stored("MicrosoftOnlineServicesID", "", Smtp),
    stored("ThrottlingPolicy", "n?", Id),
    stored(
        "RoleAssignmentPolicy",
        "s*?",
        Opaque("Microsoft.Exchange.Data.Directory.ADObjectId", "Default Role Assignment Policy"),
    ),
    stored("DefaultPublicFolderMailbox", "n?", Id),
    stored("EffectivePublicFolderMailbox", "", Nil),
    stored(
        "SharingPolicy",
        "n?",
        Opaque("Microsoft.Exchange.Data.Directory.ADObjectId", "Default Sharing Policy"),
    ),
    stored("RemoteAccountPolicy", "s?", Nil),
    stored("MailboxPlan", "n", Nil),
    computed("ArchiveDatabase", "n?", |recipient, scope| {
        if recipient.archive_guid.is_nil() {
            return Field::Nil;
        }
        object_id(
            database_name(recipient.database),
            scope.organization().database_dn(recipient.database),
            Uuid::from_u128(u128::from(recipient.database)),
        )
    }),
    computed("ArchiveGuid", "s?", |recipient, _| Field::Guid(recipient.archive_guid)),
    computed("ArchiveName", "s*?", super::remote_mailbox::archive_name),
    stored("JournalArchiveAddress", "s", Smtp),
    stored("ArchiveQuota", "u", Size(Some(100 * GB))),
    stored("ArchiveWarningQuota", "u", Size(Some(90 * GB))),
    stored("ArchiveDomain", "s*?", Nil),
    stored(
        "ArchiveStatus",
        "e",
        Enum(&EnumType {
            name: "Microsoft.Exchange.Data.Directory.Recipient.ArchiveStatusFlags",
            wide: false,
            members: &[("None", 0), ("Active", 1)],
        }),
    ),
    computed("ArchiveState", "e", |recipient, _| {
        let (text, number) =
            if recipient.archive_guid.is_nil() { ("None", 0) } else { ("Local", 1) };
        enumeration("Microsoft.Exchange.Data.Directory.Recipient.ArchiveState", text, number, false)
    }),
    stored("AutoExpandingArchiveEnabled", "", Bool(false)),
    stored("DisabledMailboxLocations", "", Bool(false)),
    stored("RemoteRecipientType", "e?", Enum(&REMOTE_TYPE)),
    stored("DisabledArchiveDatabase", "n?", Nil),
    stored("DisabledArchiveGuid", "s?", Guid),
    stored("QueryBaseDN", "s?", Nil),
    stored("QueryBaseDNRestrictionEnabled", "", Bool(false)),
    stored("MailboxMoveTargetMDB", "n?", Nil),
    stored("MailboxMoveSourceMDB", "n?", Nil),
    stored("MailboxMoveFlags", "e", Enum(&MOVE_FLAGS)),
    stored("MailboxMoveRemoteHostName", "s?", Text),
    stored("MailboxMoveBatchName", "s*?", Text),
    stored("MailboxMoveStatus", "e", Enum(&MOVE_STATUS)),
    stored("MailboxRelease", "e?", Text),
    stored("ArchiveRelease", "e?", Text),
    stored("IsPersonToPersonTextMessagingEnabled", "", Bool(false)),
    stored("IsMachineToPersonTextMessagingEnabled", "", Bool(false)),
    computed("UserSMimeCertificate", "", |_, _| Certificates.default_value()),
    computed("UserCertificate", "", certificates),
    stored("CalendarVersionStoreDisabled", "", Bool(false)),
    stored("ImmutableId", "s?", Text),
    stored("PersistedCapabilities", "s", Strings),
    stored("SKUAssigned", "b?", Nil),
    stored("AuditEnabled", "b", Bool(false)),
    stored("AuditLogAgeLimit", "", Opaque(SPAN, "90.00:00:00")),
    computed("AuditAdmin", "", |_, _| {
        super::strings([
            "Update",
            "Move",
            "MoveToDeletedItems",
            "SoftDelete",
            "HardDelete",
            "FolderBind",
            "SendAs",
            "SendOnBehalf",
            "Create",
        ])
    }),
    computed("AuditDelegate", "", |_, _| {
        super::strings(["Update", "SoftDelete", "HardDelete", "SendAs", "Create"])
    }),
    stored("AuditOwner", "", Strings),
    computed("WhenMailboxCreated", "d", |recipient, _| super::local(recipient.when_created)),
    stored("SourceAnchor", "s*?", Text),
    stored("UsageLocation", "s", Nil),
    stored("IsSoftDeletedByRemove", "b", Bool(false)),
    stored("IsSoftDeletedByDisable", "b", Bool(false)),
    stored("IsInactiveMailbox", "b", Bool(false)),
    stored("IncludeInGarbageCollection", "b", Bool(false)),
    stored("WhenSoftDeleted", "d?", Nil),
    stored("InPlaceHolds", "s", Strings),
    stored("GeneratedOfflineAddressBooks", "n?", Strings),
    computed("AccountDisabled", "", |recipient, _| Field::Bool(!recipient.enabled)),
    stored("StsRefreshTokensValidFrom", "d?", Nil),
    stored("DataEncryptionPolicy", "", Nil),
    stored("SiloName", "", Nil),
    stored("MessageCopyForSentAsEnabled", "", Bool(false)),
    stored("MessageCopyForSendOnBehalfEnabled", "", Bool(false)),
    stored("DisableThrottling", "", Bool(false)),
    stored("HasPicture", "", Bool(false)),
    stored("HasSpokenName", "", Bool(false)),
    stored("IsDirSynced", "b", Bool(false)),
    stored("Extensions", "", Strings),
];

fn resource(recipient: &Recipient) -> Option<(&'static str, i64)> {
    match recipient.kind.mailbox_kind()? {
        MailboxKind::Room => Some(("Room", 0)),
        MailboxKind::Equipment => Some(("Equipment", 1)),
        _ => None,
    }
}

fn mailbox_locations(recipient: &Recipient, scope: &Scope<'_>) -> Field {
    let database = Uuid::from_u128(u128::from(recipient.database));
    let text =
        format!("1;{};Primary;{};{database}", recipient.exchange_guid, scope.organization().domain);
    Field::List(ListType::Strings, vec![Field::Text(text)])
}

/// Makes up the user's certificates; they depend on the GUID alone, so that they need no room in memory.
fn certificates(recipient: &Recipient, _: &Scope<'_>) -> Field {
    let (high, low) = recipient.guid.as_u64_pair();
    let mut random = SplitMix::new(high, low);
    let items = (0..recipient.certificates).map(|_| Field::Bytes(random.bytes(1500))).collect();
    Field::List(ListType::Certificates, items)
}
