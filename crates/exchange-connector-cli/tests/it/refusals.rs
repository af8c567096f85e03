//! What is refused before any traffic, with the key, the value and the remedy.

use crate::support::{Folder, run};

const GOOD: &str = r#"
infrastructure_type = "OnPremises"
hostname = "ex01.invalid"
authentication_method = "Negotiate"
username = 'CONTOSO\svc'
password = "secret-of-the-test"
create_method = "New"
"#;

#[track_caller]
fn refused(settings: &str, words: &[&str]) {
    let folder = Folder::new();
    let config = folder.write("settings.toml", settings);
    let run = run(&["--config", &config, "import"], "").expect_code(2);
    assert!(run.lines.is_empty());
    assert!(!run.stderr.contains("secret-of-the-test"), "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word} is missing in: {}", run.stderr);
    }
}

#[test]
fn an_unknown_key() {
    refused(&format!("hostnam = 'x'\n{GOOD}"), &["hostnam"]);
}

#[test]
fn a_missing_key() {
    refused(&GOOD.replace("hostname = \"ex01.invalid\"", ""), &["hostname"]);
}

#[test]
fn an_unknown_value() {
    refused(
        &GOOD.replace("Negotiate", "Digest"),
        &["authentication_method", "Digest", "Negotiate"],
    );
}

#[test]
fn basic_over_plain_http() {
    let settings = GOOD.replace("Negotiate", "Basic")
        + "[endpoint]\nurl = \"http://ex01.invalid/PowerShell/\"\n";
    refused(&settings, &["allow_unencrypted"]);
}

#[test]
fn a_host_name_in_the_cloud() {
    refused(&GOOD.replace("OnPremises", "Cloud"), &["hostname"]);
}

#[test]
fn a_password_with_a_method_that_cannot_carry_it() {
    let folder = Folder::new();
    let config = folder.write("settings.toml", &GOOD.replace("Negotiate", "Basic"));
    let line = r#"{"ref":"1","operation":"create","attributes":{"Name":"A","UserPrincipalName":"a@b.example","_param_password":"another-secret"}}"#;
    let run = run(&["--config", &config, "export", "--input", "-"], line);
    let said = format!("{:?} {}", run.lines, run.stderr);
    assert_ne!(run.code, Some(0), "{said}");
    assert!(said.contains("password_methods"), "{said}");
    assert!(!said.contains("another-secret"), "{said}");
}

#[test]
fn a_settings_file_that_is_not_there() {
    let run = run(&["--config", "/nowhere/settings.toml", "import"], "").expect_code(2);
    assert!(run.stderr.contains("/nowhere/settings.toml"), "{}", run.stderr);
}

#[test]
fn no_settings_at_all() {
    let run = run(&["import"], "").expect_code(2);
    assert!(run.stderr.contains("--config") && run.stderr.contains("--simulate"), "{}", run.stderr);
}
