//! The properties that only remote mailboxes have.

use uuid::Uuid;

use super::Shape::{Bool, Count, Date, Id, Nil, Size, Strings, Text};
use super::{Property, Scope, computed, enumeration, proxy, stored};
use crate::directory::{MailboxKind, Recipient};
use crate::object::{Field, ListType};

const GB: u64 = 1 << 30;

pub(super) static PROPERTIES: &[Property] = &[
    computed("RemoteRoutingAddress", "", |recipient, _| {
        proxy(&format!("SMTP:{}", recipient.remote_routing_address))
    }),
    computed("ExternalEmailAddress", "s*?", |recipient, _| {
        proxy(&format!("SMTP:{}", recipient.remote_routing_address))
    }),
    computed("RemoteRecipientType", "e?", |recipient, _| {
        let (text, number) = match recipient.kind.mailbox_kind() {
            Some(MailboxKind::Room) => ("ProvisionMailbox, RoomMailbox", 33),
            Some(MailboxKind::Equipment) => ("ProvisionMailbox, EquipmentMailbox", 65),
            Some(MailboxKind::Shared) => ("ProvisionMailbox, SharedMailbox", 97),
            _ => ("ProvisionMailbox", 1),
        };
        enumeration(
            "Microsoft.Exchange.Data.Directory.Recipient.RemoteRecipientType",
            text,
            number,
            true,
        )
    }),
    computed("OnPremisesOrganizationalUnit", "", |recipient, _| {
        Field::text(recipient.organizational_unit.as_ref())
    }),
    computed("ExchangeGuid", "s", |recipient, _| Field::Guid(recipient.exchange_guid)),
    computed("ArchiveGuid", "s?", |recipient, _| Field::Guid(recipient.archive_guid)),
    computed("ArchiveName", "s*?", archive_name),
    computed("ArchiveState", "e", |recipient, _| {
        let (text, number) =
            if recipient.archive_guid.is_nil() { ("None", 0) } else { ("HostedPending", 3) };
        enumeration("Microsoft.Exchange.Data.Directory.Recipient.ArchiveState", text, number, false)
    }),
    computed("ArchiveStatus", "e", |_, _| {
        enumeration(
            "Microsoft.Exchange.Data.Directory.Recipient.ArchiveStatusFlags",
            "None",
            0,
            false,
        )
    }),
    stored("ArchiveQuota", "u", Size(Some(100 * GB))),
    stored("ArchiveWarningQuota", "u", Size(Some(90 * GB))),
    computed("DisabledArchiveGuid", "s?", |_, _| Field::Guid(Uuid::nil())),
    computed("UserPrincipalName", "s*", |recipient, _| {
        Field::text(recipient.user_principal_name.clone())
    }),
    computed("SamAccountName", "s*", |recipient, _| {
        Field::text(recipient.sam_account_name.clone())
    }),
    stored("ImmutableId", "s?", Text),
    stored("IsDirSynced", "b", Bool(false)),
    stored("ForwardingAddress", "n?", Id),
    stored("DeliverToMailboxAndForward", "", Bool(false)),
    stored("LitigationHoldEnabled", "b", Bool(false)),
    stored("LitigationHoldDate", "d?", Date),
    stored("LitigationHoldOwner", "s*?", Text),
    stored("ProhibitSendQuota", "u", Size(None)),
    stored("ProhibitSendReceiveQuota", "u", Size(None)),
    stored("IssueWarningQuota", "u", Size(None)),
    stored("RecoverableItemsQuota", "u", Size(Some(30 * GB))),
    stored("RecoverableItemsWarningQuota", "u", Size(Some(20 * GB))),
    stored("RecipientLimits", "", Count(None)),
    stored("ProtocolSettings", "s*?", Strings),
    stored("MailboxRelease", "e?", Text),
    stored("CalendarVersionStoreDisabled", "", Bool(false)),
    stored("InPlaceHolds", "s", Strings),
    computed("AccountDisabled", "", |recipient, _| Field::Bool(!recipient.enabled)),
    computed("ResetPasswordOnNextLogon", "", |recipient, _| {
        Field::Bool(recipient.reset_password_on_next_logon)
    }),
    computed("WhenMailboxCreated", "d", |recipient, _| super::local(recipient.when_created)),
    stored("WhenSoftDeleted", "d?", Nil),
    stored("UsageLocation", "s", Nil),
];

/// Returns the archive's name: stored, or made from the display name when there is an archive.
pub(super) fn archive_name(recipient: &Recipient, _: &Scope<'_>) -> Field {
    if let Some(name) = recipient.values.get("ArchiveName") {
        return name.clone();
    }
    let name = (!recipient.archive_guid.is_nil())
        .then(|| Field::Text(format!("In-Place Archive -{}", recipient.display_name)));
    Field::List(ListType::Strings, name.into_iter().collect())
}
