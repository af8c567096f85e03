//! The properties of `Get-User`'s objects.

use super::Shape::{Bool, Enum, Id, Ids, Int, Nil, Strings, Text};
use super::{EnumType, Property, computed, enumeration, opaque, smtp, stored};
use crate::object::Field;

const DIAL_IN: EnumType = EnumType {
    name: "Microsoft.Exchange.Data.Directory.Recipient.AllowUMCallsFromNonUsersFlags",
    wide: false,
    members: &[("SearchEnabled", 2), ("None", 0)],
};

pub(super) static PROPERTIES: &[Property] = &[
    computed("IsSecurityPrincipal", "b", |_, _| Field::Bool(true)),
    computed("SamAccountName", "s*", |recipient, _| {
        Field::text(recipient.sam_account_name.clone())
    }),
    computed("Sid", "s", |recipient, _| {
        let (_, low) = recipient.guid.as_u64_pair();
        opaque(
            "System.Security.Principal.SecurityIdentifier",
            &format!("S-1-5-21-1004336348-1177238915-682003330-{}", low % 1_000_000_000),
        )
    }),
    stored("SidHistory", "s?", Strings),
    computed("UserPrincipalName", "s*", |recipient, _| {
        Field::text(recipient.user_principal_name.clone())
    }),
    computed("ResetPasswordOnNextLogon", "", |recipient, _| {
        Field::Bool(recipient.reset_password_on_next_logon)
    }),
    stored("CertificateSubject", "s", Strings),
    stored("RemotePowerShellEnabled", "b", Bool(true)),
    stored("WindowsLiveID", "s*?", super::Shape::Smtp),
    stored("NetID", "s", Nil),
    computed("OrganizationalUnit", "", |recipient, _| {
        Field::text(recipient.organizational_unit.as_ref())
    }),
    computed("UserAccountControl", "e", |recipient, _| {
        let (text, number) = if recipient.enabled {
            ("NormalAccount", 512)
        } else {
            ("AccountDisabled, NormalAccount", 514)
        };
        enumeration(
            "Microsoft.Exchange.Data.Directory.Recipient.UserAccountControlFlags",
            text,
            number,
            false,
        )
    }),
    computed("IsLinked", "b", |_, _| Field::Bool(false)),
    stored("LinkedMasterAccount", "", Text),
    stored("ExternalDirectoryObjectId", "s?", Text),
    stored("AllowUMCallsFromNonUsers", "e", Enum(&DIAL_IN)),
    stored("AssistantName", "s*?", Text),
    stored("City", "s*?", Text),
    stored("Company", "s*?", Text),
    stored("CountryOrRegion", "s*", Nil),
    stored("Department", "s*?", Text),
    stored("DirectReports", "n?", Ids),
    computed("DisplayName", "s*", |recipient, _| Field::text(recipient.display_name.clone())),
    stored("Fax", "s*?", Text),
    computed("FirstName", "s*?", |recipient, _| Field::text(recipient.first_name.clone())),
    stored("GeoCoordinates", "", Nil),
    stored("HomePhone", "s*?", Text),
    stored("Initials", "s*?", Text),
    stored("IsDirSynced", "b", Bool(false)),
    computed("LastName", "s*?", |recipient, _| Field::text(recipient.last_name.clone())),
    stored("Manager", "n?", Id),
    stored("MobilePhone", "s*?", Text),
    stored("Notes", "s*?", Text),
    stored("Office", "s*?", Text),
    stored("OtherFax", "s*?", Strings),
    stored("OtherHomePhone", "s*?", Strings),
    stored("OtherTelephone", "s*?", Strings),
    stored("Pager", "s*?", Text),
    stored("Phone", "s*?", Text),
    stored("PhoneticDisplayName", "s*?", Text),
    stored("PostalCode", "s*?", Text),
    stored("PostOfficeBox", "s*?", Strings),
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
    stored("SeniorityIndex", "", Int),
    stored("SimpleDisplayName", "s*?", Text),
    stored("StateOrProvince", "s*?", Text),
    stored("StreetAddress", "s*?", Text),
    stored("Title", "s*?", Text),
    stored("UMDtmfMap", "s*?", Strings),
    stored("VoiceMailSettings", "s*?", Strings),
    stored("WebPage", "s*?", Text),
    computed("WindowsEmailAddress", "s*?", |recipient, _| smtp(recipient.primary_smtp_address())),
];
