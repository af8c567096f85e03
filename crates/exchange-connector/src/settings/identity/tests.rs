use super::super::{Endpoint, Settings};
use super::*;

/// A settings file with these lines in the first table and these tables.
fn parse(lines: &str, tables: &str) -> Result<Endpoint, SettingsError> {
    let text = format!(
        "infrastructure_type = 'OnPremises'\nhostname = 'ex01.contoso.com'\ncreate_method = 'New'\n{lines}\n{tables}"
    );
    Settings::from_toml_str(&text).map(|settings| settings.endpoint().unwrap().clone())
}

#[track_caller]
fn refused(lines: &str, tables: &str, expected: &str) {
    let error = parse(lines, tables).unwrap_err().to_string();
    assert_eq!(error, expected);
}

const ACCOUNT: &str = "username = 'CONTOSO\\svc'\npassword = { env = 'PATH' }\n";
const DEFAULT: &str = "authentication_method = 'Default'";
const CERTIFICATE: &str = "[endpoint]\nclient_certificate_file = 'svc.pfx'\n";

fn account(method: &str) -> String {
    format!("{ACCOUNT}authentication_method = '{method}'")
}

#[test]
fn a_certificate_signs_in_alone_and_over_https() {
    let endpoint = parse(DEFAULT, CERTIFICATE).unwrap();
    assert_eq!(endpoint.url.as_str(), "https://ex01.contoso.com/PowerShell/");
    assert!(
        matches!(&endpoint.identity, Identity::Certificate { file, password: None } if file == Path::new("svc.pfx"))
    );
    let winrm = parse(DEFAULT, &format!("{CERTIFICATE}kind = 'winrm'")).unwrap();
    assert_eq!(winrm.url.as_str(), "https://ex01.contoso.com:5986/wsman");
    let locked = format!("{CERTIFICATE}client_certificate_password = {{ env = 'PATH' }}");
    let locked = parse(DEFAULT, &locked).unwrap().identity;
    assert!(matches!(&locked, Identity::Certificate { password: Some(_), .. }));
    assert!(locked.environment().is_empty() && locked.name().ends_with("svc.pfx"));

    refused(
        "authentication_method = 'Negotiate'",
        CERTIFICATE,
        "endpoint.client_certificate_file = \"svc.pfx\": cannot be combined with authentication_method = \"Negotiate\"; the certificate itself signs in: write authentication_method = \"Default\"",
    );
    refused(
        &account("Default"),
        CERTIFICATE,
        "username = 'CONTOSO\\svc': cannot be combined with endpoint.client_certificate_file; the certificate says who signs in; remove username",
    );
    refused(
        DEFAULT,
        &format!("{CERTIFICATE}url = 'http://ex01/PowerShell'"),
        "endpoint.client_certificate_file = \"svc.pfx\": cannot be combined with the address http://ex01/PowerShell; there is no certificate over http: use https",
    );
    refused(
        DEFAULT,
        &format!("{CERTIFICATE}[kerberos]\nrealm = 'X'"),
        "kerberos.realm = \"X\": cannot be combined with endpoint.client_certificate_file; the certificate itself signs in; remove kerberos.realm",
    );
    let error = parse(&account("Default"), "[endpoint]\nclient_certificate_password = 'hunter2'");
    let error = error.unwrap_err().to_string();
    assert!(error.contains("client_certificate_file") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_fallback_and_redirects_are_only_on_request_and_where_they_can_be() {
    let plain = parse(&account("Negotiate"), "").unwrap();
    assert!(!plain.kerberos.ntlm_fallback && !plain.follow_redirects);
    let fallback = "[kerberos]\nntlm_fallback = true";
    assert!(parse(&account("Negotiate"), fallback).unwrap().kerberos.ntlm_fallback);
    refused(
        &account("Kerberos"),
        fallback,
        "kerberos.ntlm_fallback = true: cannot be combined with authentication_method = \"Kerberos\"; that method is Kerberos alone: use authentication_method = \"Negotiate\"",
    );
    let follow = "[endpoint]\nfollow_redirects = true\n";
    assert!(parse(&account("Basic"), follow).unwrap().follow_redirects);
    refused(
        &account("Negotiate"),
        follow,
        "endpoint.follow_redirects = true: cannot be combined with the address http://ex01.contoso.com/PowerShell/; a redirect is followed over https alone: use https",
    );
}

#[test]
fn a_ticket_needs_the_systems_library() {
    let cases = [
        ("authentication_method = 'Kerberos'", "", "password: missing; "),
        (
            "authentication_method = 'Negotiate'",
            "[kerberos]\nkeytab = 'svc.keytab'",
            "kerberos.keytab = \"svc.keytab\": needs the system's Kerberos library",
        ),
        (
            "authentication_method = 'Kerberos'",
            "[kerberos]\nccache = 'KEYRING:x'",
            "kerberos.ccache = \"KEYRING:x\": needs the system's Kerberos library",
        ),
    ];
    for (lines, tables, expected) in cases {
        match parse(lines, tables) {
            Ok(endpoint) => {
                assert!(SYSTEM_KERBEROS && matches!(endpoint.identity, Identity::Ticket { .. }));
            }
            Err(error) => {
                let error = error.to_string();
                assert!(!SYSTEM_KERBEROS && error.starts_with(expected), "{error}");
                assert!(error.contains("--features gssapi"), "{error}");
            }
        }
    }
}

#[test]
fn a_ticket_and_a_password_exclude_each_other() {
    let keytab = "[kerberos]\nkeytab = 'svc.keytab'";
    let error = parse(&account("Kerberos"), keytab).unwrap_err().to_string();
    assert!(error.ends_with("sign in with one or the other: remove password"), "{error}");
    refused(
        &account("Basic"),
        keytab,
        "kerberos.keytab = \"svc.keytab\": cannot be combined with authentication_method = \"Basic\"; use authentication_method = \"Kerberos\" or \"Negotiate\"",
    );
}

#[test]
fn what_the_library_reads_comes_from_the_environment() {
    if !SYSTEM_KERBEROS {
        return;
    }
    let kerberos = "authentication_method = 'Kerberos'";
    let ticket = |tables: &str| parse(kerberos, tables).unwrap().identity;
    assert!(ticket("").environment().is_empty());
    ticket("").check_environment().unwrap();
    let keytab = ticket("[kerberos]\nkeytab = 'svc.keytab'");
    let expected =
        [("KRB5CCNAME", "MEMORY:exchange-connector"), ("KRB5_CLIENT_KTNAME", "svc.keytab")];
    assert_eq!(keytab.environment(), expected.map(|(name, value)| (name, OsString::from(value))));
    let error = keytab.check_environment().unwrap_err().to_string();
    assert!(error.contains("start the process with"), "{error}");
    for (written, name) in [("svc.cc", "FILE:svc.cc"), ("KEYRING:user:x", "KEYRING:user:x")] {
        let cache = ticket(&format!("[kerberos]\nccache = '{written}'"));
        assert_eq!(cache.environment(), [("KRB5CCNAME", OsString::from(name))]);
    }
    refused(
        kerberos,
        "[kerberos]\nrealm = 'X'",
        "kerberos.realm = \"X\": cannot be combined with a ticket of this machine; the system's library reads krb5.conf: write it there, and remove kerberos.realm",
    );
    let backslash = format!("username = 'CONTOSO\\svc'\n{kerberos}");
    let error = parse(&backslash, "").unwrap_err().to_string();
    assert!(error.contains("is not the name of a ticket"), "{error}");
}
