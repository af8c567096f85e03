//! The table itself: one line an attribute.
//!
//! Its order is that of presentation. Parameter names equal the attributes' names throughout; where an object is made
//! is no attribute but a parameter of its own (`OrganizationalUnit`, `OnPremisesOrganizationalUnit`).

use super::{Kind, ObjectClass, Side};

/// One attribute over all classes.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) multi_valued: bool,
    pub(super) read: u8,
    pub(super) create: u8,
    pub(super) create_side: Side,
    pub(super) update: u8,
    pub(super) update_side: Side,
    pub(super) default: bool,
}

const GET_MAILBOX: u8 = 1;
const GET_REMOTE_MAILBOX: u8 = 2;
const GET_USER: u8 = 4;
const GET_CAS_MAILBOX: u8 = 8;
/// The cmdlets that read a class itself.
pub(super) const GET_OWN: u8 = GET_MAILBOX | GET_REMOTE_MAILBOX;
const GET_ALL: u8 = GET_OWN | GET_USER;

const NEW_MAILBOX: u8 = 1;
const ENABLE_MAILBOX: u8 = 2;
const NEW_REMOTE_MAILBOX: u8 = 4;
const ENABLE_REMOTE_MAILBOX: u8 = 8;
const NEW_ANY: u8 = NEW_MAILBOX | NEW_REMOTE_MAILBOX;
const ENABLE_ANY: u8 = ENABLE_MAILBOX | ENABLE_REMOTE_MAILBOX;
const CREATE_ALL: u8 = NEW_ANY | ENABLE_ANY;

const SET_MAILBOX: u8 = 1;
const SET_REMOTE_MAILBOX: u8 = 2;
const SET_USER: u8 = 4;
const SET_CAS_MAILBOX: u8 = 8;
const SET_OWN: u8 = SET_MAILBOX | SET_REMOTE_MAILBOX;

/// Returns the first of the class's reading cmdlets that `mask` holds.
pub(super) fn reader(class: ObjectClass, mask: u8) -> Option<&'static str> {
    let order: &[(u8, &str)] = match class {
        ObjectClass::Mailbox => &[
            (GET_MAILBOX, "Get-Mailbox"),
            (GET_USER, "Get-User"),
            (GET_CAS_MAILBOX, "Get-CASMailbox"),
        ],
        ObjectClass::RemoteMailbox => {
            &[(GET_REMOTE_MAILBOX, "Get-RemoteMailbox"), (GET_USER, "Get-User")]
        }
    };
    first(order, mask)
}

/// Returns the first of the class's writing cmdlets that `mask` holds.
pub(super) fn writer(class: ObjectClass, mask: u8) -> Option<&'static str> {
    let order: &[(u8, &str)] = match class {
        ObjectClass::Mailbox => &[
            (SET_MAILBOX, "Set-Mailbox"),
            (SET_USER, "Set-User"),
            (SET_CAS_MAILBOX, "Set-CASMailbox"),
        ],
        ObjectClass::RemoteMailbox => {
            &[(SET_REMOTE_MAILBOX, "Set-RemoteMailbox"), (SET_USER, "Set-User")]
        }
    };
    first(order, mask)
}

/// Returns the creating cmdlet of this name, in any case, if `mask` holds it.
pub(super) fn creator(mask: u8, cmdlet: &str) -> Option<&'static str> {
    let known = CREATORS.iter().filter(|(bit, _)| mask & bit != 0);
    known.map(|(_, name)| *name).find(|name| name.eq_ignore_ascii_case(cmdlet))
}

const CREATORS: [(u8, &str); 4] = [
    (NEW_MAILBOX, "New-Mailbox"),
    (ENABLE_MAILBOX, "Enable-Mailbox"),
    (NEW_REMOTE_MAILBOX, "New-RemoteMailbox"),
    (ENABLE_REMOTE_MAILBOX, "Enable-RemoteMailbox"),
];

fn first(order: &[(u8, &'static str)], mask: u8) -> Option<&'static str> {
    order.iter().find(|(bit, _)| mask & bit != 0).map(|(_, name)| *name)
}

impl Row {
    pub(super) const fn is_created_in(&self, class: ObjectClass) -> bool {
        let mask = match class {
            ObjectClass::Mailbox => NEW_MAILBOX | ENABLE_MAILBOX,
            ObjectClass::RemoteMailbox => NEW_REMOTE_MAILBOX | ENABLE_REMOTE_MAILBOX,
        };
        self.create & mask != 0
    }

    const fn list(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    const fn read(mut self, cmdlets: u8) -> Self {
        self.read = cmdlets;
        self
    }

    const fn create(mut self, cmdlets: u8) -> Self {
        self.create = cmdlets;
        self
    }

    const fn update(mut self, cmdlets: u8) -> Self {
        self.update = cmdlets;
        self
    }

    /// Says where it can be set on creation, and where changed.
    const fn sides(mut self, create: Side, update: Side) -> Self {
        self.create_side = create;
        self.update_side = update;
        self
    }

    const fn by_default(mut self) -> Self {
        self.default = true;
        self
    }
}

const fn row(name: &'static str, kind: Kind) -> Row {
    Row {
        name,
        kind,
        multi_valued: false,
        read: 0,
        create: 0,
        create_side: Side::Both,
        update: 0,
        update_side: Side::Both,
        default: false,
    }
}

pub(super) static ROWS: &[Row] = &[
    row("Guid", Kind::Guid).read(GET_ALL).by_default(),
    row("DistinguishedName", Kind::Text).read(GET_ALL).by_default(),
    row("Identity", Kind::Reference).read(GET_ALL),
    row("Id", Kind::Reference).read(GET_ALL),
    row("Name", Kind::Text).read(GET_ALL).create(NEW_ANY).update(SET_OWN | SET_USER).by_default(),
    row("Alias", Kind::Text).read(GET_OWN).create(CREATE_ALL).update(SET_OWN).by_default(),
    row("DisplayName", Kind::Text)
        .read(GET_ALL)
        .create(CREATE_ALL)
        .update(SET_OWN | SET_USER)
        .by_default(),
    row("SimpleDisplayName", Kind::Text).read(GET_ALL).update(SET_MAILBOX | SET_USER).by_default(),
    row("UserPrincipalName", Kind::Text)
        .read(GET_ALL)
        .create(NEW_ANY)
        .update(SET_OWN | SET_USER)
        .sides(Side::OnPremises, Side::OnPremises)
        .by_default(),
    row("SamAccountName", Kind::Text)
        .read(GET_ALL)
        .create(NEW_ANY)
        .update(SET_OWN | SET_USER)
        .sides(Side::OnPremises, Side::OnPremises)
        .by_default(),
    row("MicrosoftOnlineServicesID", Kind::SmtpAddress)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Online, Side::Online),
    row("ImmutableId", Kind::Text).read(GET_OWN).create(NEW_ANY).update(SET_OWN),
    row("ExternalDirectoryObjectId", Kind::Text).read(GET_OWN).by_default(),
    row("EmailAddresses", Kind::ProxyAddress).list().read(GET_OWN).update(SET_OWN).by_default(),
    row("PrimarySmtpAddress", Kind::SmtpAddress)
        .read(GET_OWN)
        .create(CREATE_ALL)
        .update(SET_OWN)
        .sides(Side::Both, Side::OnPremises)
        .by_default(),
    row("WindowsEmailAddress", Kind::SmtpAddress)
        .read(GET_ALL)
        .update(SET_OWN | SET_USER)
        .by_default(),
    row("EmailAddressPolicyEnabled", Kind::Boolean)
        .read(GET_OWN)
        .update(SET_OWN)
        .sides(Side::Both, Side::OnPremises)
        .by_default(),
    row("PoliciesIncluded", Kind::Text).list().read(GET_OWN),
    row("PoliciesExcluded", Kind::Text).list().read(GET_OWN),
    row("LegacyExchangeDN", Kind::Text).read(GET_OWN).by_default(),
    row("RecipientType", Kind::Enumeration).read(GET_ALL).by_default(),
    row("RecipientTypeDetails", Kind::Enumeration).read(GET_ALL).by_default(),
    row("Type", Kind::Enumeration).update(SET_OWN),
    row("OrganizationalUnit", Kind::Text).read(GET_ALL).by_default(),
    row("OnPremisesOrganizationalUnit", Kind::Text).read(GET_REMOTE_MAILBOX).by_default(),
    row("RemoteRoutingAddress", Kind::ProxyAddress)
        .read(GET_REMOTE_MAILBOX)
        .create(NEW_REMOTE_MAILBOX | ENABLE_REMOTE_MAILBOX)
        .update(SET_REMOTE_MAILBOX)
        .by_default(),
    row("RemoteRecipientType", Kind::Enumeration).read(GET_OWN).by_default(),
    row("HiddenFromAddressListsEnabled", Kind::Boolean).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute1", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute2", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute3", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute4", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute5", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute6", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute7", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute8", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute9", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute10", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute11", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute12", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute13", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute14", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("CustomAttribute15", Kind::Text).read(GET_OWN).update(SET_OWN).by_default(),
    row("ExtensionCustomAttribute1", Kind::Text).list().read(GET_OWN).update(SET_OWN).by_default(),
    row("ExtensionCustomAttribute2", Kind::Text).list().read(GET_OWN).update(SET_OWN).by_default(),
    row("ExtensionCustomAttribute3", Kind::Text).list().read(GET_OWN).update(SET_OWN).by_default(),
    row("ExtensionCustomAttribute4", Kind::Text).list().read(GET_OWN).update(SET_OWN).by_default(),
    row("ExtensionCustomAttribute5", Kind::Text).list().read(GET_OWN).update(SET_OWN).by_default(),
    row("MailTip", Kind::Text).read(GET_OWN).update(SET_OWN),
    row("MailTipTranslations", Kind::Text).list().read(GET_OWN).update(SET_OWN),
    row("RequireSenderAuthenticationEnabled", Kind::Boolean)
        .read(GET_OWN)
        .update(SET_OWN)
        .by_default(),
    row("AcceptMessagesOnlyFrom", Kind::Reference).list().read(GET_OWN).update(SET_OWN),
    row("AcceptMessagesOnlyFromDLMembers", Kind::Reference).list().read(GET_OWN).update(SET_OWN),
    row("AcceptMessagesOnlyFromSendersOrMembers", Kind::Reference)
        .list()
        .read(GET_OWN)
        .update(SET_OWN),
    row("RejectMessagesFrom", Kind::Reference).list().read(GET_OWN).update(SET_OWN),
    row("RejectMessagesFromDLMembers", Kind::Reference).list().read(GET_OWN).update(SET_OWN),
    row("RejectMessagesFromSendersOrMembers", Kind::Reference).list().read(GET_OWN).update(SET_OWN),
    row("BypassModerationFromSendersOrMembers", Kind::Reference)
        .list()
        .read(GET_OWN)
        .update(SET_OWN),
    row("ModeratedBy", Kind::Reference).list().read(GET_OWN).create(NEW_ANY).update(SET_OWN),
    row("ModerationEnabled", Kind::Boolean).read(GET_OWN).create(NEW_ANY).update(SET_OWN),
    row("SendModerationNotifications", Kind::Enumeration)
        .read(GET_OWN)
        .create(NEW_ANY)
        .update(SET_OWN),
    row("ArbitrationMailbox", Kind::Reference)
        .read(GET_OWN)
        .create(NEW_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::OnPremises),
    row("GrantSendOnBehalfTo", Kind::Reference).list().read(GET_OWN).update(SET_MAILBOX),
    row("AddressListMembership", Kind::Reference).list().read(GET_OWN),
    row("AdministrativeUnits", Kind::Reference).list().read(GET_OWN),
    row("MaxSendSize", Kind::Size).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("MaxReceiveSize", Kind::Size).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("RecipientLimits", Kind::Limit).read(GET_OWN).update(SET_MAILBOX),
    row("ForwardingAddress", Kind::Reference).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("ForwardingSmtpAddress", Kind::ProxyAddress)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .by_default(),
    row("DeliverToMailboxAndForward", Kind::Boolean).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("Database", Kind::Reference)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX | ENABLE_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::OnPremises)
        .by_default(),
    row("ServerName", Kind::Text).read(GET_MAILBOX).by_default(),
    row("AdminDisplayVersion", Kind::Text).read(GET_MAILBOX),
    row("ExchangeGuid", Kind::Guid).read(GET_OWN).update(SET_REMOTE_MAILBOX).by_default(),
    row("ArchiveGuid", Kind::Guid).read(GET_OWN).update(SET_REMOTE_MAILBOX).by_default(),
    row("ArchiveName", Kind::Text).list().read(GET_OWN).create(ENABLE_ANY).update(SET_OWN),
    row("ArchiveStatus", Kind::Enumeration)
        .read(GET_OWN)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises)
        .by_default(),
    row("ArchiveState", Kind::Enumeration).read(GET_OWN),
    row("ArchiveDatabase", Kind::Reference)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX | ENABLE_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::OnPremises),
    row("ArchiveDomain", Kind::Text)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX | ENABLE_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::OnPremises),
    row("ArchiveQuota", Kind::Size)
        .read(GET_OWN)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("ArchiveWarningQuota", Kind::Size)
        .read(GET_OWN)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("IssueWarningQuota", Kind::Size).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("ProhibitSendQuota", Kind::Size).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("ProhibitSendReceiveQuota", Kind::Size).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("UseDatabaseQuotaDefaults", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .by_default(),
    row("UseDatabaseRetentionDefaults", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX),
    row("RetainDeletedItemsFor", Kind::Duration).read(GET_OWN).update(SET_MAILBOX),
    row("RetainDeletedItemsUntilBackup", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("RecoverableItemsQuota", Kind::Size)
        .read(GET_OWN)
        .update(SET_OWN)
        .sides(Side::Both, Side::OnPremises),
    row("RecoverableItemsWarningQuota", Kind::Size)
        .read(GET_OWN)
        .update(SET_OWN)
        .sides(Side::Both, Side::OnPremises),
    row("CalendarLoggingQuota", Kind::Size)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("RulesQuota", Kind::Size).read(GET_MAILBOX).update(SET_MAILBOX),
    row("LitigationHoldEnabled", Kind::Boolean).read(GET_OWN).update(SET_MAILBOX).by_default(),
    row("LitigationHoldDate", Kind::Date).read(GET_OWN).update(SET_MAILBOX),
    row("LitigationHoldOwner", Kind::Text).read(GET_OWN).update(SET_MAILBOX),
    row("LitigationHoldDuration", Kind::Duration).read(GET_MAILBOX).update(SET_MAILBOX),
    row("RetentionHoldEnabled", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX),
    row("StartDateForRetentionHold", Kind::Date).read(GET_MAILBOX).update(SET_MAILBOX),
    row("EndDateForRetentionHold", Kind::Date).read(GET_MAILBOX).update(SET_MAILBOX),
    row("RetentionPolicy", Kind::Reference)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX | ENABLE_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::Both)
        .by_default(),
    row("RetentionComment", Kind::Text).read(GET_MAILBOX).update(SET_MAILBOX),
    row("RetentionUrl", Kind::Text).read(GET_MAILBOX).update(SET_MAILBOX),
    row("SingleItemRecoveryEnabled", Kind::Boolean).read(GET_OWN).update(SET_MAILBOX),
    row("InPlaceHolds", Kind::Text).list().read(GET_OWN),
    row("AuditEnabled", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX),
    row("AuditLogAgeLimit", Kind::Duration).read(GET_MAILBOX).update(SET_MAILBOX),
    row("AuditAdmin", Kind::Enumeration).list().read(GET_MAILBOX).update(SET_MAILBOX),
    row("AuditDelegate", Kind::Enumeration).list().read(GET_MAILBOX).update(SET_MAILBOX),
    row("AuditOwner", Kind::Enumeration).list().read(GET_MAILBOX).update(SET_MAILBOX),
    row("AddressBookPolicy", Kind::Reference)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX | ENABLE_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::Both),
    row("OfflineAddressBook", Kind::Reference)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("RoleAssignmentPolicy", Kind::Reference)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX | ENABLE_MAILBOX)
        .update(SET_MAILBOX)
        .by_default(),
    row("SharingPolicy", Kind::Reference)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::Both),
    row("ThrottlingPolicy", Kind::Reference)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::OnPremises, Side::OnPremises),
    row("DefaultPublicFolderMailbox", Kind::Reference).read(GET_MAILBOX).update(SET_MAILBOX),
    row("JournalArchiveAddress", Kind::SmtpAddress)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::Online),
    row("Languages", Kind::Culture).list().read(GET_MAILBOX).update(SET_MAILBOX),
    row("ResourceCapacity", Kind::Integer)
        .read(GET_MAILBOX)
        .create(NEW_MAILBOX)
        .update(SET_MAILBOX),
    row("ResourceCustom", Kind::Text).list().read(GET_MAILBOX).update(SET_MAILBOX),
    row("ResourceType", Kind::Enumeration).read(GET_MAILBOX),
    row("IsMailboxEnabled", Kind::Boolean).read(GET_MAILBOX),
    row("IsResource", Kind::Boolean).read(GET_MAILBOX),
    row("IsShared", Kind::Boolean).read(GET_MAILBOX).by_default(),
    row("IsLinked", Kind::Boolean).read(GET_MAILBOX),
    row("LinkedMasterAccount", Kind::Text)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("AccountDisabled", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX).by_default(),
    row("ResetPasswordOnNextLogon", Kind::Boolean)
        .read(GET_MAILBOX)
        .create(NEW_ANY)
        .update(SET_OWN)
        .sides(Side::Both, Side::OnPremises),
    row("ExternalOofOptions", Kind::Enumeration).read(GET_MAILBOX).update(SET_MAILBOX),
    row("AntispamBypassEnabled", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("CalendarRepairDisabled", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX),
    row("CalendarVersionStoreDisabled", Kind::Boolean).read(GET_OWN).update(SET_MAILBOX),
    row("MessageCopyForSentAsEnabled", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX),
    row("MessageCopyForSendOnBehalfEnabled", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX),
    row("MessageTrackingReadStatusEnabled", Kind::Boolean).read(GET_MAILBOX).update(SET_MAILBOX),
    row("DowngradeHighPriorityMessagesEnabled", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLDeleteEnabled", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLDeleteThreshold", Kind::Integer)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLRejectEnabled", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLRejectThreshold", Kind::Integer)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLQuarantineEnabled", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLQuarantineThreshold", Kind::Integer)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLJunkEnabled", Kind::Boolean)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SCLJunkThreshold", Kind::Integer)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("MaxSafeSenders", Kind::Integer)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("MaxBlockedSenders", Kind::Integer)
        .read(GET_MAILBOX)
        .update(SET_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("UsageLocation", Kind::Text).read(GET_MAILBOX),
    row("IsDirSynced", Kind::Boolean).read(GET_MAILBOX).by_default(),
    row("ProtocolSettings", Kind::Text).list().read(GET_OWN),
    row("MailboxLocations", Kind::Text).list().read(GET_MAILBOX),
    row("WhenMailboxCreated", Kind::Date).read(GET_OWN).by_default(),
    row("IsValid", Kind::Boolean).read(GET_ALL).by_default(),
    row("ExchangeVersion", Kind::Text).read(GET_ALL),
    row("ObjectCategory", Kind::Reference).read(GET_ALL),
    row("ObjectClass", Kind::Text).list().read(GET_ALL),
    row("WhenCreated", Kind::Date).read(GET_ALL),
    row("WhenCreatedUTC", Kind::Date).read(GET_ALL).by_default(),
    row("WhenChanged", Kind::Date).read(GET_ALL),
    row("WhenChangedUTC", Kind::Date).read(GET_ALL).by_default(),
    row("OriginatingServer", Kind::Text).read(GET_ALL).by_default(),
    row("FirstName", Kind::Text).read(GET_USER).create(NEW_ANY).update(SET_USER),
    row("Initials", Kind::Text).read(GET_USER).create(NEW_ANY).update(SET_USER),
    row("LastName", Kind::Text).read(GET_USER).create(NEW_ANY).update(SET_USER),
    row("Title", Kind::Text).read(GET_USER).update(SET_USER),
    row("Department", Kind::Text).read(GET_USER).update(SET_USER),
    row("Company", Kind::Text).read(GET_USER).update(SET_USER),
    row("Office", Kind::Text)
        .read(GET_MAILBOX | GET_USER)
        .create(NEW_MAILBOX)
        .update(SET_MAILBOX | SET_USER)
        .by_default(),
    row("Manager", Kind::Reference).read(GET_USER).update(SET_USER),
    row("DirectReports", Kind::Reference).list().read(GET_USER),
    row("Phone", Kind::Text).read(GET_USER).create(NEW_MAILBOX).update(SET_USER),
    row("MobilePhone", Kind::Text).read(GET_USER).update(SET_USER),
    row("HomePhone", Kind::Text).read(GET_USER).update(SET_USER),
    row("Pager", Kind::Text).read(GET_USER).update(SET_USER),
    row("Fax", Kind::Text).read(GET_USER).update(SET_USER),
    row("OtherTelephone", Kind::Text).list().read(GET_USER).update(SET_USER),
    row("OtherHomePhone", Kind::Text).list().read(GET_USER).update(SET_USER),
    row("OtherFax", Kind::Text).list().read(GET_USER).update(SET_USER),
    row("StreetAddress", Kind::Text).read(GET_USER).update(SET_USER),
    row("City", Kind::Text).read(GET_USER).update(SET_USER),
    row("StateOrProvince", Kind::Text).read(GET_USER).update(SET_USER),
    row("PostalCode", Kind::Text).read(GET_USER).update(SET_USER),
    row("PostOfficeBox", Kind::Text).list().read(GET_USER).update(SET_USER),
    row("CountryOrRegion", Kind::Country).read(GET_USER).update(SET_USER),
    row("AssistantName", Kind::Text).read(GET_USER).update(SET_USER),
    row("TelephoneAssistant", Kind::Text)
        .read(GET_USER)
        .update(SET_USER)
        .sides(Side::Both, Side::OnPremises),
    row("Notes", Kind::Text).read(GET_USER).update(SET_USER),
    row("WebPage", Kind::Text).read(GET_USER).update(SET_USER),
    row("PhoneticDisplayName", Kind::Text).read(GET_USER).update(SET_USER),
    row("GeoCoordinates", Kind::Text).read(GET_USER).update(SET_USER),
    row("SeniorityIndex", Kind::Integer).read(GET_USER).update(SET_USER),
    row("RemotePowerShellEnabled", Kind::Boolean).read(GET_USER).create(NEW_ANY).update(SET_USER),
    row("ActiveSyncEnabled", Kind::Boolean).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
    row("OWAEnabled", Kind::Boolean).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
    row("OWAforDevicesEnabled", Kind::Boolean).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
    row("PopEnabled", Kind::Boolean).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
    row("ImapEnabled", Kind::Boolean).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
    row("MAPIEnabled", Kind::Boolean).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
    row("EwsEnabled", Kind::Boolean).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
    row("ECPEnabled", Kind::Boolean)
        .read(GET_CAS_MAILBOX)
        .update(SET_CAS_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("MapiHttpEnabled", Kind::Boolean)
        .read(GET_CAS_MAILBOX)
        .update(SET_CAS_MAILBOX)
        .sides(Side::Both, Side::OnPremises),
    row("SmtpClientAuthenticationDisabled", Kind::Boolean)
        .read(GET_CAS_MAILBOX)
        .update(SET_CAS_MAILBOX)
        .sides(Side::Both, Side::Online),
    row("ActiveSyncMailboxPolicy", Kind::Reference)
        .read(GET_CAS_MAILBOX)
        .create(NEW_MAILBOX | ENABLE_MAILBOX)
        .update(SET_CAS_MAILBOX),
    row("OwaMailboxPolicy", Kind::Reference).read(GET_CAS_MAILBOX).update(SET_CAS_MAILBOX),
];
