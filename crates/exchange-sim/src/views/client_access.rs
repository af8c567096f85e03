//! The properties of `Get-CASMailbox`'s objects: by which protocols a mailbox may be reached.

use super::Shape::{Bool, Id, Nil, Strings, Text};
use super::{Property, computed, smtp, stored};
use crate::object::Field;

pub(super) static PROPERTIES: &[Property] = &[
    computed("SamAccountName", "s*", |recipient, _| {
        Field::text(recipient.sam_account_name.clone())
    }),
    computed("DisplayName", "s*", |recipient, _| Field::text(recipient.display_name.clone())),
    computed("PrimarySmtpAddress", "s*", |recipient, _| smtp(recipient.primary_smtp_address())),
    stored("LinkedMasterAccount", "s", Text),
    stored("ActiveSyncEnabled", "b", Bool(true)),
    stored("ActiveSyncMailboxPolicy", "n?", Id),
    computed("ActiveSyncMailboxPolicyIsDefaulted", "", |_, _| Field::Bool(true)),
    stored("ActiveSyncDebugLogging", "", Nil),
    stored("ActiveSyncSuppressReadReceipt", "b", Bool(false)),
    stored("ActiveSyncAllowedDeviceIDs", "s*?", Strings),
    stored("ActiveSyncBlockedDeviceIDs", "s*?", Strings),
    computed("HasActiveSyncDevicePartnership", "b", |_, _| Field::Bool(false)),
    stored("OWAEnabled", "b", Bool(true)),
    stored("OWAforDevicesEnabled", "b", Bool(true)),
    stored("OwaMailboxPolicy", "n?", Id),
    stored("ECPEnabled", "b", Bool(true)),
    stored("PopEnabled", "b", Bool(true)),
    stored("PopUseProtocolDefaults", "b", Bool(true)),
    stored("PopSuppressReadReceipt", "", Bool(false)),
    stored("PopForceICalForCalendarRetrievalOption", "", Bool(false)),
    stored("ImapEnabled", "b", Bool(true)),
    stored("ImapUseProtocolDefaults", "b", Bool(true)),
    stored("ImapSuppressReadReceipt", "", Bool(false)),
    stored("ImapForceICalForCalendarRetrievalOption", "", Bool(false)),
    stored("MAPIEnabled", "b", Bool(true)),
    stored("MapiHttpEnabled", "", Nil),
    stored("MAPIBlockOutlookNonCachedMode", "b", Bool(false)),
    stored("EwsEnabled", "", Bool(true)),
    stored("EwsAllowList", "s*?", Strings),
    stored("EwsBlockList", "s*?", Strings),
    stored("SmtpClientAuthenticationDisabled", "", Nil),
    stored("ShowGalAsDefaultView", "b", Bool(true)),
];
