//! The properties that all directory objects have, and those that all mail-enabled recipients have.

use uuid::Uuid;

use super::Shape::{Bool, Date, Enum, Id, Ids, NullText, Size, Strings, Text};
use super::{
    EnumType, Property, computed, enumeration, local, opaque, proxy, recipient_id, smtp, stored,
    strings,
};
use crate::object::{Field, ListType};

const NOTIFICATIONS: EnumType = EnumType {
    name: "Microsoft.Exchange.Data.Directory.Recipient.TransportModerationNotificationFlags",
    wide: false,
    members: &[("Always", 3), ("Never", 0), ("Internal", 1)],
};

pub(super) const OBJECT_VERSION: &str = "Microsoft.Exchange.Data.ExchangeObjectVersion";

/// The GUID that stands for "no policy" among the excluded ones and for "all of it" among the included ones.
const POLICY_MARK: &str = "{26491cfc-9e50-4857-861b-0cb8df22b5d7}";
const POLICY: &str = "c1d7b1a5-6f0e-4b0e-9f7a-1b2e5e8a9c10";

/// What every object of the directory has, at the end of each object.
pub(super) static DIRECTORY_OBJECT: &[Property] = &[
    computed("ExchangeVersion", "i", |recipient, _| {
        opaque(
            OBJECT_VERSION,
            if recipient.kind.is_mail_enabled() { "0.20 (15.0.0.0)" } else { "0.0 (6.5.6500.0)" },
        )
    }),
    computed("Name", "s*", |recipient, _| Field::text(recipient.name.clone())),
    computed("DistinguishedName", "n", |recipient, _| Field::text(recipient.distinguished_name())),
    computed("Identity", "", |recipient, _| recipient_id(recipient)),
    computed("Guid", "s", |recipient, _| Field::Guid(recipient.guid)),
    computed("ObjectCategory", "s", |_, scope| {
        super::object_id(
            format!("{}/Configuration/Schema/Person", scope.organization().domain),
            format!(
                "CN=Person,CN=Schema,CN=Configuration,{}",
                crate::directory::container_dn(&scope.organization().domain)
            ),
            Uuid::nil(),
        )
    }),
    computed("ObjectClass", "s", |_, _| strings(["top", "person", "organizationalPerson", "user"])),
    computed("WhenChanged", "d", |recipient, _| local(recipient.when_changed)),
    computed("WhenCreated", "d", |recipient, _| local(recipient.when_created)),
    computed("WhenChangedUTC", "d", |recipient, _| Field::Date(recipient.when_changed)),
    computed("WhenCreatedUTC", "d", |recipient, _| Field::Date(recipient.when_created)),
    computed("OrganizationId", "", |_, _| {
        opaque("Microsoft.Exchange.Data.Directory.OrganizationId", "")
    }),
    computed("Id", "n", |recipient, _| recipient_id(recipient)),
    computed("OriginatingServer", "", |_, scope| Field::text(scope.domain_controller)),
    computed("IsValid", "", |_, _| Field::Bool(true)),
    computed("ObjectState", "", |_, _| {
        enumeration("Microsoft.Exchange.Data.ObjectState", "Unchanged", 1, false)
    }),
];

/// What every mail-enabled recipient has.
pub(super) static MAIL_ENABLED: &[Property] = &[
    stored("AcceptMessagesOnlyFrom", "n?", Ids),
    stored("AcceptMessagesOnlyFromDLMembers", "n?", Ids),
    stored("AcceptMessagesOnlyFromSendersOrMembers", "", Ids),
    computed("AddressListMembership", "n?", |_, _| {
        let lists = ["\\All Users", "\\Default Global Address List"];
        Field::List(
            ListType::Ids,
            lists
                .into_iter()
                .map(|list| super::object_id(list.to_owned(), String::new(), Uuid::nil()))
                .collect(),
        )
    }),
    stored("AdministrativeUnits", "?", Ids),
    computed("Alias", "s*", |recipient, _| Field::text(recipient.alias.clone())),
    stored("ArbitrationMailbox", "n?", Id),
    stored("BypassModerationFromSendersOrMembers", "", Ids),
    computed("OrganizationalUnit", "", |recipient, _| {
        Field::text(recipient.organizational_unit.as_ref())
    }),
    computed("DisplayName", "s*", |recipient, _| Field::text(recipient.display_name.clone())),
    computed("EmailAddresses", "s*", |recipient, _| {
        Field::List(
            ListType::Proxies,
            recipient.email_addresses.iter().map(|address| proxy(address)).collect(),
        )
    }),
    stored("GrantSendOnBehalfTo", "n?", Ids),
    stored("ExternalDirectoryObjectId", "s?", Text),
    stored("HiddenFromAddressListsEnabled", "b", Bool(false)),
    stored("LastExchangeChangedTime", "d?", Date),
    computed("LegacyExchangeDN", "s", |recipient, _| Field::text(recipient.legacy_exchange_dn())),
    stored("MaxSendSize", "u", Size(None)),
    stored("MaxReceiveSize", "u", Size(None)),
    stored("ModeratedBy", "n", Ids),
    stored("ModerationEnabled", "b", Bool(false)),
    computed("PoliciesIncluded", "s?", |recipient, _| {
        strings(
            recipient
                .email_address_policy_enabled
                .then_some([POLICY, POLICY_MARK])
                .into_iter()
                .flatten(),
        )
    }),
    computed("PoliciesExcluded", "s?", |recipient, _| {
        strings((!recipient.email_address_policy_enabled).then_some(POLICY_MARK))
    }),
    computed("EmailAddressPolicyEnabled", "b", |recipient, _| {
        Field::Bool(recipient.email_address_policy_enabled)
    }),
    computed("PrimarySmtpAddress", "s*", |recipient, _| smtp(recipient.primary_smtp_address())),
    computed("RecipientType", "e", |recipient, _| {
        let (text, number) = recipient.kind.recipient_type();
        enumeration(
            "Microsoft.Exchange.Data.Directory.Recipient.RecipientType",
            text,
            number,
            false,
        )
    }),
    computed("RecipientTypeDetails", "s", |recipient, _| {
        let (text, number) = recipient.kind.details(recipient.enabled);
        enumeration(
            "Microsoft.Exchange.Data.Directory.Recipient.RecipientTypeDetails",
            text,
            number,
            true,
        )
    }),
    stored("RejectMessagesFrom", "n?", Ids),
    stored("RejectMessagesFromDLMembers", "n?", Ids),
    stored("RejectMessagesFromSendersOrMembers", "", Ids),
    stored("RequireSenderAuthenticationEnabled", "b", Bool(false)),
    stored("SimpleDisplayName", "s*?", Text),
    stored("SendModerationNotifications", "", Enum(&NOTIFICATIONS)),
    stored("UMDtmfMap", "s*?", Strings),
    computed("WindowsEmailAddress", "s*?", |recipient, _| smtp(recipient.primary_smtp_address())),
    stored("MailTip", "", NullText),
    stored("MailTipTranslations", "s*?", Strings),
];

/// The attributes that an organisation fills as it likes.
pub(super) static CUSTOM_ATTRIBUTES: &[Property] = &[
    stored("CustomAttribute1", "s*?", Text),
    stored("CustomAttribute10", "s*?", Text),
    stored("CustomAttribute11", "s*?", Text),
    stored("CustomAttribute12", "s*?", Text),
    stored("CustomAttribute13", "s*?", Text),
    stored("CustomAttribute14", "s*?", Text),
    stored("CustomAttribute15", "s*?", Text),
    stored("CustomAttribute2", "s*?", Text),
    stored("CustomAttribute3", "s*?", Text),
    stored("CustomAttribute4", "s*?", Text),
    stored("CustomAttribute5", "s*?", Text),
    stored("CustomAttribute6", "s*?", Text),
    stored("CustomAttribute7", "s*?", Text),
    stored("CustomAttribute8", "s*?", Text),
    stored("CustomAttribute9", "s*?", Text),
    stored("ExtensionCustomAttribute1", "s*?", Strings),
    stored("ExtensionCustomAttribute2", "s*?", Strings),
    stored("ExtensionCustomAttribute3", "s*?", Strings),
    stored("ExtensionCustomAttribute4", "s*?", Strings),
    stored("ExtensionCustomAttribute5", "s*?", Strings),
];
