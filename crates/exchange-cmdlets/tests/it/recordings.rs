//! Objects of a real Exchange 2019, in the full form, read through the views.

use std::path::PathBuf;

use clixml::Value;
use exchange_cmdlets::schema::{self, ObjectClass};
use exchange_cmdlets::{AcceptedDomain, Mailbox, OrganizationConfig, attribute_value};
use serde_json::{Value as Json, json};

/// Reads the objects of a recording; `None`, and a note, when the recordings are not at hand.
fn objects(name: &str) -> Option<Vec<Value>> {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/realdata");
    let root = std::env::var_os("EXCHANGE_TEST_DATA")
        .map_or_else(|| PathBuf::from(fallback), PathBuf::from);
    if !root.is_dir() {
        eprintln!("skipped: no recordings at {}", root.display());
        return None;
    }
    let path = root.join("css-exchange-e19/Exchange").join(name);
    let bytes = std::fs::read(&path).expect("the recording is readable");
    Some(clixml::read_document(&bytes).expect("the recording is CLIXML").values)
}

#[test]
fn a_group_shows_the_properties_it_shares_with_mailboxes() {
    let Some(objects) = objects("GetDynamicDistributionGroupPfMailboxes.xml") else { return };
    let group = Mailbox::from(objects.into_iter().next().unwrap());
    for (name, expected) in [
        ("Name", json!("PublicFolderMailboxes.419323dd2b7d4d04a724dcc15e467521")),
        ("RecipientType", json!("DynamicDistributionGroup")),
        ("RecipientTypeDetails", json!("DynamicDistributionGroup")),
        ("RecipientContainer", json!("VNext.local/Users")),
        ("MaxSendSize", json!("Unlimited")),
        (
            "PrimarySmtpAddress",
            json!("PublicFolderMailboxes.419323dd2b7d4d04a724dcc15e467521@vnext.local"),
        ),
        ("WhenChangedUTC", json!("2023-10-04T14:16:04Z")),
        ("EmailAddressPolicyEnabled", json!(true)),
        ("CustomAttribute1", json!("")),
        ("ExtensionCustomAttribute1", json!([])),
        ("Guid", json!("9a84412a-cef3-49d3-88ac-38cb0c564721")),
        ("ExchangeVersion", json!("0.10 (14.0.100.0)")),
        ("OrganizationalUnit", json!("vnext.local/Users")),
        ("OrganizationId", json!("")),
        ("ArbitrationMailbox", Json::Null),
        ("NoSuchProperty", Json::Null),
    ] {
        assert_eq!(group.attribute(name), expected, "{name}");
    }
    assert_eq!(group.attribute("Id"), group.attribute("Identity"), "one refers to the other");
    assert!(group.attribute("Id").as_str().unwrap().starts_with("VNext.local/"));
    assert_eq!(group.originating_server().unwrap(), "VNext-DC1.VNext.local");
    assert_eq!(group.identity().unwrap().as_str(), "9a84412a-cef3-49d3-88ac-38cb0c564721");
    let addresses = group.email_addresses().unwrap();
    assert!(addresses.iter().any(|entry| entry.is_primary_smtp()));
    let texts: Vec<Json> = addresses.iter().map(|entry| entry.as_str().into()).collect();
    assert_eq!(group.attribute("EmailAddresses"), Json::Array(texts));
    assert!(group.is_valid());
}

#[test]
fn shared_properties_have_the_shape_the_table_says() {
    let Some(objects) = objects("GetDynamicDistributionGroupPfMailboxes.xml") else { return };
    let group = Mailbox::from(objects.into_iter().next().unwrap());
    let mut seen = 0;
    for attribute in schema::attributes(ObjectClass::Mailbox) {
        let value = group.attribute(attribute.name());
        // A group may be managed by one object where a mailbox has a list, and this one has few values set.
        if value.is_null() {
            continue;
        }
        seen += 1;
        assert_eq!(value.is_array(), attribute.is_multi_valued(), "{attribute:?}: {value}");
        assert_eq!(
            value.is_boolean(),
            attribute.kind() == schema::Kind::Boolean,
            "{attribute:?}: {value}"
        );
    }
    assert!(seen > 60, "{seen} attributes of the table are in the recording");
}

#[test]
fn no_property_of_a_recording_prints_as_an_unexplained_object() {
    for name in [
        "GetDynamicDistributionGroupPfMailboxes.xml",
        "GetAcceptedDomain.xml",
        "GetOrganizationConfig.xml",
    ] {
        let Some(objects) = objects(name) else { return };
        for property in
            objects.iter().filter_map(Value::as_object).flat_map(clixml::Object::properties)
        {
            assert!(!attribute_value(&property.value).is_object(), "{name}: {:?}", property.name);
        }
    }
}

#[test]
fn domains_are_read() {
    let Some(objects) = objects("GetAcceptedDomain.xml") else { return };
    let domains: Vec<_> = objects.into_iter().map(AcceptedDomain::from).collect();
    let first = domains.first().unwrap();
    assert_eq!(first.domain_name().unwrap(), "Solo.com");
    assert_eq!(first.domain_type().unwrap(), "Authoritative");
    assert!(first.is_default());
    assert!(!first.match_sub_domains());
    assert_eq!(domains.iter().filter(|domain| domain.is_default()).count(), 1);
    assert!(domains.iter().all(|domain| domain.guid().is_some()));
}

#[test]
fn the_organisation_tells_its_version() {
    let Some(objects) = objects("GetOrganizationConfig.xml") else { return };
    let organization = OrganizationConfig::from(objects.into_iter().next().unwrap());
    assert_eq!(organization.text("Name").unwrap(), "SoloORG");
    assert_eq!(organization.version().unwrap(), "0.1 (15.2.986.5)");
    assert_eq!(organization.object_version(), Some(16759));
}
