//! What belongs together before belongs together after.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Facts, Form, Part, scrub};

/// Scrubs a record, the settings and a message as one recording.
fn scrubbed(record: &Value, settings: &str, message: &str) -> (Value, String, String) {
    let mut texts = [record.to_string(), settings.to_owned(), message.to_owned()];
    let [record, settings, message] = &mut texts;
    let mut parts = [
        Part::new("a.jsonl", Form::Json, record),
        Part::new("b.toml", Form::Toml, settings),
        Part::new("c.txt", Form::Text, message),
    ];
    scrub(&mut parts, &Facts::default()).unwrap();
    let [record, settings, message] = texts;
    (serde_json::from_str(&record).unwrap(), settings, message)
}

fn text<'v>(record: &'v Value, name: &str) -> &'v str {
    record[name].as_str().unwrap()
}

#[test]
fn a_person_is_known_by_name_address_account_and_message() {
    let guid = Uuid::from_u128(0x9b93_87fe_e1b1_4695_97bd_b0a0_bebe_7ce2);
    let record = json!({
        "DisplayName": "Ann Meyer",
        "UserPrincipalName": "ann.meyer@eu.contoso.com",
        "PrimarySmtpAddress": "Ann.Meyer@contoso.com",
        "RoutingAddress": "ann@contoso.onmicrosoft.com",
        "DistinguishedName": "CN=Ann Meyer,OU=Sales,DC=eu,DC=contoso,DC=com",
        "Guid": guid.to_string(),
        "ImmutableId": STANDARD.encode(guid.to_bytes_le()),
        "RecipientTypeDetails": "UserMailbox",
        "Database": "Mailbox Database 01",
    });
    let settings = "hostname = \"ex01.eu.contoso.com\"\nusername = 'CONTOSO\\ann'\nexcluded_smtp_domains = [\"contoso.com\", \"mycontoso.com\"]\n";
    let message = "The mailbox of 'ann meyer' (CONTOSO\\ann) is not on EX01: see ex01.eu.contoso.com/x for ANN.MEYER@CONTOSO.COM.";
    let (record, settings, message) = scrubbed(&record, settings, message);
    let name = text(&record, "DisplayName");
    let (first, last) = name.split_once(' ').unwrap();
    let (local, domain) = text(&record, "UserPrincipalName").split_once('@').unwrap();
    let (eu, contoso) = domain.strip_suffix(".com").unwrap().split_once('.').unwrap();
    assert_eq!(local, format!("{first}.{last}").to_lowercase());
    assert_eq!(text(&record, "PrimarySmtpAddress"), format!("{first}.{last}@{contoso}.com"));
    assert_eq!(
        text(&record, "RoutingAddress"),
        format!("{}@{contoso}.onmicrosoft.com", first.to_lowercase())
    );
    let components: Vec<&str> = text(&record, "DistinguishedName").split(',').collect();
    let expected =
        [format!("CN={name}"), format!("DC={eu}"), format!("DC={contoso}"), "DC=com".to_owned()];
    assert_eq!([components[0], components[2], components[3], components[4]], expected);
    let guid: Uuid = text(&record, "Guid").parse().unwrap();
    assert_eq!(text(&record, "ImmutableId"), STANDARD.encode(guid.to_bytes_le()));
    assert_eq!(
        (text(&record, "RecipientTypeDetails"), text(&record, "Database")),
        ("UserMailbox", "Mailbox Database 01")
    );
    let account = format!("{}\\{}", contoso.to_uppercase(), first.to_lowercase());
    assert!(settings.contains(&format!("username = '{account}'")), "{settings}");
    assert!(settings.contains(&format!("[\"{contoso}.com\", \"")), "{settings}");
    let host = settings.split('"').nth(1).unwrap();
    assert!(host.ends_with(&format!(".{eu}.{contoso}.com")), "{settings}");
    let short = host.split('.').next().unwrap().to_uppercase();
    let expected = format!(
        "The mailbox of '{}' ({account}) is not on {short}: see {host}/x for {}@{}.COM.",
        name.to_lowercase(),
        format_args!("{first}.{last}").to_string().to_uppercase(),
        contoso.to_uppercase()
    );
    assert_eq!(message, expected);
}
