//! Answers others recorded from the service.

use std::path::PathBuf;

use exchange_cmdlets::{ErrorClass, Mailbox, Retry};
use exchange_online::{Answer, AnswerError};
use serde_json::{Value as Json, json};

/// Reads a recording; `None`, and a note, when the recordings are not at hand.
fn recording(name: &str) -> Option<Vec<u8>> {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/realdata");
    let root = std::env::var_os("EXCHANGE_TEST_DATA")
        .map_or_else(|| PathBuf::from(fallback), PathBuf::from);
    if !root.is_dir() {
        eprintln!("skipped: no recordings at {}", root.display());
        return None;
    }
    Some(std::fs::read(root.join(name)).expect("the recording is readable"))
}

/// Reads recorded rows, of which only the bare rows were kept, in the envelope the service puts around them.
fn rows(name: &str) -> Option<Answer> {
    let row = recording(name)?;
    let row = String::from_utf8(row).expect("the recording is text");
    let value = if row.trim_start().starts_with('[') { row } else { format!("[{row}]") };
    Some(
        Answer::parse(200, format!("{{\"value\":{value}}}").as_bytes())
            .expect("the recording is JSON"),
    )
}

#[test]
fn a_page_has_rows_and_a_link() {
    let Some(body) = recording("exo-rest-graph2otel/envelope_truncated.json") else { return };
    let answer = Answer::parse(200, &body).unwrap();
    assert_eq!(answer.rows.len(), 1);
    assert_eq!(
        answer.rows[0].property("PrimarySmtpAddress").and_then(|value| value.as_str()),
        Some("one@example.com")
    );
    assert!(answer.next_link.unwrap().contains("%24skiptoken="));
    assert_eq!(
        answer.warnings,
        Vec::<String>::new(),
        "the link leads to what the warning speaks of"
    );
}

#[test]
fn a_mailbox_reads_as_on_premises() {
    let Some(answer) = rows("exo-rest-graph2otel/mailbox_discovery.json") else { return };
    let mailbox = Mailbox::from(answer.rows.into_iter().next().unwrap());
    assert_eq!(mailbox.recipient_type_details().unwrap(), "DiscoveryMailbox");
    assert_eq!(mailbox.email_addresses().unwrap().len(), 1);
    assert_eq!(mailbox.guid(), None, "the row came without it");
    for (name, expected) in [
        ("LitigationHoldDuration", json!("Unlimited")),
        ("LitigationHoldDate", Json::Null),
        ("LitigationHoldOwner", json!("")),
        ("InPlaceHolds", json!([])),
        ("ProhibitSendQuota", json!("50 GB (53,687,091,200 bytes)")),
        ("RetainDeletedItemsFor", json!("14.00:00:00")),
        ("ArchiveGuid", json!("00000000-0000-0000-0000-000000000000")),
        ("HiddenFromAddressListsEnabled", json!(true)),
    ] {
        assert_eq!(mailbox.attribute(name), expected, "{name}");
    }
}

#[test]
fn annotated_rows_keep_their_properties_only() {
    let Some(answer) = rows("exo-rest-graph2otel/mailboxauditbypassassociation.json") else {
        return;
    };
    let row = Mailbox::from(answer.rows.into_iter().next().unwrap());
    assert_eq!(row.identity().unwrap().as_str(), "01176116-2ff9-46a7-ba2a-ce67be8b4d8f");
    assert_eq!(row.attribute("WhenChangedUTC"), "2026-07-15T16:40:06Z");
    assert_eq!(
        row.attribute("ObjectClass"),
        json!(["top", "person", "organizationalPerson", "user"])
    );
    assert!(
        row.value()
            .as_object()
            .unwrap()
            .properties()
            .all(|property| !property.name.to_string().contains('@'))
    );
}

#[test]
fn all_rows_of_a_list_arrive() {
    let Some(answer) = rows("exo-json-scubagear/accepted_domains.json") else { return };
    assert_eq!(answer.rows.len(), 7);
    for name in [
        "exo-rest-graph2otel/organizationconfig.json",
        "exo-rest-graph2otel/mailboxpermission.json",
    ] {
        assert_eq!(rows(name).unwrap().rows.len(), 1);
    }
}

#[track_caller]
fn check_error(
    name: &str,
    status: u16,
    class: ErrorClass,
    retry: Retry,
    exception: &str,
    message: &str,
) {
    let Some(body) = recording(name) else { return };
    let error = Answer::parse(status, &body).expect_err("the recording is an error");
    assert_eq!((error.class(), error.retry()), (class, retry));
    let record = error.record().expect("the body tells the cause");
    assert_eq!(record.exception(), exception);
    assert!(record.message.starts_with(message), "{}", record.message);
    assert!(matches!(error, AnswerError::Cmdlet { status: own, .. } if own == status));
}

#[test]
fn a_wrong_value_is_told_by_the_internal_exception() {
    let name = "exo-rest-graph2otel/error_invalid_enum.json";
    let exception = "ParameterTransformationException";
    let message = "Cannot process argument transformation on parameter 'QuarantineTypes'.";
    check_error(name, 400, ErrorClass::Invalid, Retry::Never, exception, message);
}

#[test]
fn an_error_without_a_cause_is_told_by_its_status() {
    let name = "exo-rest-issues/error_404_getexomailboxpermission.json";
    check_error(name, 404, ErrorClass::NotFound, Retry::Never, "", "An server side error occured.");
}

#[test]
fn a_brace_too_many_hides_nothing() {
    let name = "exo-rest-issues/error_500_extra_brace.json";
    let message = "The call to Microsoft Exchange Active Directory Topology service";
    check_error(name, 500, ErrorClass::Transient, Retry::Later, "ADTransientException", message);
}
