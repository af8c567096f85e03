//! The objects that describe the organisation itself.

use std::sync::Arc;

use time::macros::datetime;
use uuid::Uuid;

use super::{Scope, enumeration, object_id, opaque};
use crate::directory::container_dn;
use crate::object::{Field, ListType, Row, types};

fn configuration_dn(scope: &Scope<'_>, leaf: &str) -> String {
    format!(
        "{leaf}CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,{}",
        container_dn(&scope.organization().domain)
    )
}

fn tail(
    scope: &Scope<'_>,
    name: &str,
    distinguished_name: String,
    guid: Uuid,
) -> Vec<(&'static str, Field)> {
    let id = object_id(name.to_owned(), distinguished_name.clone(), guid);
    let created = datetime!(2024-03-01 08:00:00 UTC);
    vec![
        ("AdminDisplayName", Field::empty()),
        ("ExchangeVersion", opaque(super::core::OBJECT_VERSION, "0.1 (8.0.535.0)")),
        ("Name", Field::text(name)),
        ("DistinguishedName", Field::Text(distinguished_name)),
        ("Identity", id.clone()),
        ("Guid", Field::Guid(guid)),
        ("ObjectClass", Field::List(ListType::Strings, vec![Field::text("top")])),
        ("WhenChanged", super::local(created)),
        ("WhenCreated", super::local(created)),
        ("WhenChangedUTC", Field::Date(created)),
        ("WhenCreatedUTC", Field::Date(created)),
        ("OrganizationId", opaque("Microsoft.Exchange.Data.Directory.OrganizationId", "")),
        ("Id", id),
        ("OriginatingServer", Field::text(scope.domain_controller)),
        ("IsValid", Field::Bool(true)),
        ("ObjectState", enumeration("Microsoft.Exchange.Data.ObjectState", "Unchanged", 1, false)),
    ]
}

fn row(
    chain: &'static [&'static str],
    name: &str,
    guid: Uuid,
    fields: Vec<(&'static str, Field)>,
) -> Row {
    Row {
        types: types::TypeChain::Plain(chain),
        name: Some(name.to_owned()),
        guid: Some(guid),
        fields: fields.into_iter().map(|(name, field)| (Arc::from(name), field)).collect(),
        selected: false,
    }
}

fn stable_guid(name: &str) -> Uuid {
    let bytes: [u8; 16] = {
        use md5::Digest;
        md5::Md5::digest(name).into()
    };
    uuid::Builder::from_md5_bytes(bytes).into_uuid()
}

/// Returns the accepted domains, the default one first.
pub(crate) fn accepted_domains(scope: &Scope<'_>) -> Vec<Row> {
    let domains = scope.organization().accepted_domains.iter().enumerate();
    domains
        .map(|(number, domain)| {
            let guid = stable_guid(domain);
            let mut fields = vec![
                ("DomainName", opaque("Microsoft.Exchange.Data.SmtpDomainWithSubdomains", domain)),
                ("CatchAllRecipientID", Field::Nil),
                (
                    "DomainType",
                    enumeration(
                        "Microsoft.Exchange.Data.Directory.SystemConfiguration.AcceptedDomainType",
                        "Authoritative",
                        0,
                        false,
                    ),
                ),
                ("MatchSubDomains", Field::Bool(false)),
                ("AddressBookEnabled", Field::Bool(true)),
                ("Default", Field::Bool(number == 0)),
                ("EmailOnly", Field::Bool(false)),
                ("ExternallyManaged", Field::Bool(false)),
                ("AuthenticationType", Field::Nil),
                ("PendingRemoval", Field::Bool(false)),
                ("PendingCompletion", Field::Bool(false)),
                ("FederatedOrganizationLink", Field::Nil),
                ("MailFlowPartner", Field::Nil),
                ("OutboundOnly", Field::Bool(false)),
                (
                    "IsCoexistenceDomain",
                    Field::Bool(*domain == scope.organization().routing_domain),
                ),
                ("IsDefaultFederatedDomain", Field::Bool(false)),
                ("InitialDomain", Field::Bool(false)),
            ];
            let leaf = format!("CN={domain},CN=Accepted Domains,CN=Transport Settings,");
            fields.extend(tail(scope, domain, configuration_dn(scope, &leaf), guid));
            row(types::ACCEPTED_DOMAIN, domain, guid, fields)
        })
        .collect()
}

/// Returns the organisation's configuration; a small part of the real object.
pub(crate) fn organization_config(scope: &Scope<'_>) -> Row {
    let guid = stable_guid("Contoso");
    let mut fields = vec![
        ("DefaultPublicFolderAgeLimit", Field::Nil),
        ("ObjectVersion", Field::Int(16_763)),
        ("AdminDisplayVersion", opaque(super::core::OBJECT_VERSION, "0.20 (15.2.1544.4)")),
        ("RBACConfigurationVersion", opaque(super::core::OBJECT_VERSION, "0.1 (15.2.1544.4)")),
        ("IsMixedMode", Field::Bool(false)),
        ("IsDehydrated", Field::Bool(false)),
        (
            "HybridConfigurationStatus",
            enumeration(
                "Microsoft.Exchange.Data.Directory.HybridConfigurationStatusFlags",
                "None",
                0,
                false,
            ),
        ),
        ("DistributionGroupDefaultOU", Field::Nil),
        ("ACLableSyncedObjectEnabled", Field::Bool(false)),
        ("MaxAddressBookPolicies", Field::Nil),
        ("MitigationsEnabled", Field::Bool(true)),
        ("LegacyExchangeDN", Field::text("/o=Contoso")),
        ("MailTipsAllTipsEnabled", Field::Bool(true)),
    ];
    fields.extend(tail(scope, "Contoso", configuration_dn(scope, ""), guid));
    row(types::ORGANIZATION_CONFIG, "Contoso", guid, fields)
}
