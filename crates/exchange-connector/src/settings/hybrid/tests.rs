use super::super::{Infrastructure, Settings};
use super::*;
use crate::settings::{CloudCredential, Deprovision};

/// Settings of both sides with further lines for the first table and further tables.
fn both(lines: &str, tables: &str) -> String {
    format!(
        r#"
        infrastructure_type = "Hybrid"
        hostname = "ex01.contoso.com"
        authentication_method = "Negotiate"
        username = 'CONTOSO\svc'
        password = "x"
        create_method = "New"
        application_id = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"
        {lines}
        {tables}
        "#
    )
}

const TENANT: &str = "organization = 'contoso.onmicrosoft.com'";
const SECRET: &str = "[cloud]\nclient_secret = 's'";

fn parse(lines: &str, tables: &str) -> Result<Settings, SettingsError> {
    Settings::from_toml_str(&both(lines, tables))
}

#[track_caller]
fn refused(lines: &str, tables: &str, expected: &str) {
    match parse(lines, tables) {
        Ok(_) => panic!("accepted: {lines} {tables}"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

#[track_caller]
fn check(settings: &Settings, name: &str, expected: Authority) {
    let side = settings.online_side().expect("both sides are named");
    assert_eq!(side.authority.of(name), expected, "{name}");
}

#[test]
fn the_service_is_one_side_when_it_is_named() {
    let settings = parse(TENANT, SECRET).unwrap();
    let side = settings.online_side().unwrap();
    assert!(matches!(side.cloud.credential, CloudCredential::ClientSecret { .. }));
    assert!(side.join);
    let alone = settings.online_alone().unwrap();
    assert!(matches!(alone.infrastructure, Infrastructure::Cloud(_)));
    assert_eq!(alone.export.deprovision, Deprovision::Refuse);
    assert_eq!(alone.operation_timeout.as_secs(), 960);
    let certificate = "certificate_thumbprint = '84E05C1D98BCE3A5421D225B140B36E86A3D5534'";
    let settings = parse(&format!("{TENANT}\n{certificate}"), "").unwrap();
    let side = settings.online_side().unwrap();
    assert!(matches!(side.cloud.credential, CloudCredential::Certificate { .. }));
    assert!(settings.own_alone().online_side().is_none());
}

#[test]
fn half_a_side_is_refused_with_what_is_missing() {
    refused(
        TENANT,
        "",
        "certificate_thumbprint: missing; the service is named, where an application signs in: write \
         certificate_thumbprint, or cloud.client_secret",
    );
    refused("", SECRET, "organization: missing; write organization = \"contoso.onmicrosoft.com\"");
    refused(
        TENANT,
        "[cloud]\nclient_id = '9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2'",
        "cloud.client_id = \"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2\": cannot be combined with infrastructure_type = \
         \"Hybrid\"; user name and password are the own servers' there: write application_id and remove cloud.client_id",
    );
}

#[test]
fn attributes_belong_to_the_side_that_can_keep_them() {
    let settings = parse(TENANT, SECRET).unwrap();
    for name in ["DisplayName", "EmailAddresses", "CustomAttribute7", "Department", "MailTip"] {
        check(&settings, name, Authority::OnPremises);
    }
    for name in ["ProhibitSendQuota", "AuditEnabled", "OWAEnabled", "LitigationHoldEnabled"] {
        check(&settings, name, Authority::Cloud);
    }
    for name in ["GrantSendOnBehalfTo", "MicrosoftOnlineServicesID"] {
        check(&settings, name, Authority::Nowhere);
    }
}

#[test]
fn the_settings_move_attributes() {
    let tables = format!(
        "{SECRET}\n[authority]\njoin = false\ncustomattribute1 = 'Cloud'\nMailTip = 'nowhere'\nProhibitSendQuota = 'nowhere'"
    );
    let settings = parse(TENANT, &tables).unwrap();
    check(&settings, "CustomAttribute1", Authority::Cloud);
    check(&settings, "MailTip", Authority::Nowhere);
    check(&settings, "ProhibitSendQuota", Authority::Nowhere);
    check(&settings, "CustomAttribute2", Authority::OnPremises);
    assert!(!settings.online_side().unwrap().join);
}

#[test]
fn a_map_that_cannot_work_is_refused() {
    let with = |line: &str| format!("{SECRET}\n[authority]\n{line}");
    refused(
        TENANT,
        &with("Department = 'cloud'"),
        "authority.Department = \"cloud\": names a side where synchronisation takes every change back; use on-premises or \
         nowhere, or remove it",
    );
    refused(
        TENANT,
        &with("AuditEnabled = 'on-premises'"),
        "authority.AuditEnabled = \"on-premises\": names a side that cannot write it for a remote mailbox; use cloud or \
         nowhere, or remove it",
    );
    refused(
        TENANT,
        &with("DisplyName = 'cloud'"),
        "authority.DisplyName: unknown key; did you mean DisplayName?",
    );
    refused(
        TENANT,
        &with("DisplayName = true"),
        "authority.DisplayName: true or false where a side is expected; write DisplayName = \"on-premises\", \"cloud\" or \
         \"nowhere\"",
    );
    refused(
        TENANT,
        &with("DisplayName = 'both'"),
        "authority.DisplayName = \"both\": is not a known value; use one of on-premises, cloud, nowhere",
    );
    refused(
        TENANT,
        &with("DisplayName = 'cloud'\ndisplayname = 'nowhere'"),
        "authority.displayname = \"nowhere\": is given twice; DisplayName is there twice: remove one of them",
    );
}

#[test]
fn a_map_needs_two_sides() {
    let own = both("", "[authority]\njoin = true").replace("application_id", "#");
    let error = Settings::from_toml_str(&own).unwrap_err();
    assert_eq!(
        error.to_string(),
        "authority.join = true: cannot be combined with a service that is not named; write organization, application_id \
         and certificate_thumbprint, or remove authority.join"
    );
    let local = own.replace("Hybrid", "OnPremises");
    let error = Settings::from_toml_str(&local).unwrap_err();
    assert_eq!(
        error.to_string(),
        "authority.join = true: cannot be combined with infrastructure_type = \"OnPremises\"; this table belongs to Hybrid; \
         remove authority.join"
    );
}
