//! Against the independent server's WinRM service: a whole PowerShell, which CredSSP reaches.

use serde_json::{Value, json};

use crate::peer::{GOOD_PASSWORD, export_all, import_all, text};
use crate::support::{Folder, Peer, run};
#[cfg(unix)]
use crate::survival::Working;

/// Imports by both ways in, which have to give the same.
fn check_import(options: &[&str], scheme: &str, method: &str, mailboxes: usize) {
    let count = mailboxes.to_string();
    let Some(peer) = Peer::start(&[&["--mailboxes", &count][..], options].concat()) else { return };
    let sorted = |mut objects: Vec<Value>| {
        objects.sort_by_key(|object| text(&object["id"]));
        objects
    };
    let settings = peer.winrm_settings(scheme, "OnPremises", method, "New");
    let by_winrm = sorted(import_all(&peer, &settings, mailboxes));
    let by_exchange =
        sorted(import_all(&peer, &peer.settings("OnPremises", "Negotiate", "New"), mailboxes));
    for (one, other) in by_winrm.iter().zip(&by_exchange) {
        assert_eq!(one, other);
    }
}

fn check_export(options: &[&str], scheme: &str, infrastructure: &str, create_method: &str) {
    let Some(peer) = Peer::start(&[&["--mailboxes", "5"][..], options].concat()) else { return };
    let settings = peer.winrm_settings(scheme, infrastructure, "CredSSP", create_method);
    export_all(&peer, &settings, infrastructure, create_method);
}

#[test]
fn import_with_credssp_over_http() {
    check_import(&["--tls-max", "1.3"], "http", "CredSSP", 300);
}

#[test]
fn import_with_credssp_over_http_and_the_older_tls() {
    check_import(&["--tls-max", "1.2"], "http", "CredSSP", 300);
}

#[test]
fn import_with_credssp_over_https() {
    check_import(&["--tls-max", "1.3"], "https", "CredSSP", 300);
}

#[test]
fn import_with_credssp_over_https_and_the_older_tls() {
    check_import(&["--tls-max", "1.2"], "https", "CredSSP", 300);
}

#[test]
fn import_with_credssp_from_the_engine() {
    check_import(&["--engine", "pwsh"], "http", "CredSSP", 300);
}

#[test]
fn import_with_negotiate_from_winrm() {
    check_import(&[], "http", "Negotiate", 30);
}

#[test]
fn import_with_basic_from_winrm() {
    check_import(&[], "https", "Basic", 30);
}

#[test]
fn import_of_objects_that_were_read_by_another_session() {
    check_import(&["--deserialized-prefix"], "http", "CredSSP", 30);
}

#[test]
fn export_with_credssp_over_http() {
    check_export(&["--tls-max", "1.3"], "http", "OnPremises", "New");
}

#[test]
fn export_with_credssp_over_http_and_the_older_tls() {
    check_export(&["--tls-max", "1.2"], "http", "OnPremises", "New");
}

#[test]
fn export_with_credssp_over_https_and_the_older_tls() {
    check_export(&["--tls-max", "1.2"], "https", "Hybrid", "New");
}

#[test]
fn export_with_credssp_to_the_engine() {
    check_export(&["--engine", "pwsh"], "https", "OnPremises", "New");
}

#[test]
fn export_by_enable_with_credssp_to_the_engine() {
    check_export(&["--engine", "pwsh"], "http", "OnPremises", "Enable");
}

#[test]
fn a_check_says_how_the_cmdlets_came_into_the_session() {
    for options in [&[][..], &["--engine", "pwsh"]] {
        let Some(peer) = Peer::start(&[&["--mailboxes", "3"], options].concat()) else { return };
        let folder = Folder::new();
        let settings = peer.winrm_settings("http", "OnPremises", "CredSSP", "New");
        let config = folder.write("settings.toml", &settings);
        let report = run(&["--config", &config, "check", "--json"], "").expect_code(0);
        let steps = report.last()["steps"].as_array().unwrap().clone();
        let load = steps.iter().find(|step| step["name"] == "load Exchange").unwrap();
        assert_eq!(load["status"], "ok");
        assert_eq!(load["detail"], "the session has them from the start");
        assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
    }
}

#[test]
fn a_wrong_password_is_a_failed_sign_in_of_credssp() {
    let Some(peer) = Peer::start(&["--mailboxes", "1"]) else { return };
    let folder = Folder::new();
    for scheme in ["http", "https"] {
        let settings = peer
            .winrm_settings(scheme, "OnPremises", "CredSSP", "New")
            .replace("Passw0rd!", "wrong-password");
        let config = folder.write("settings.toml", &settings);
        let failed = run(&["--config", &config, "check", "--json"], "").expect_code(4);
        let report = failed.last();
        let steps = report["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["status"] == "failed").unwrap();
        assert_eq!(step["name"], "authenticate", "{report}");
        assert!(text(&step["remedy"]).contains("WinRM"), "{report}");
        assert!(!failed.stderr.contains("wrong-password"), "{}", failed.stderr);
    }
}

#[test]
fn one_cmdlet_and_a_plan_run_with_credssp() {
    let Some(peer) = Peer::start(&["--mailboxes", "3"]) else { return };
    let folder = Folder::new();
    let config =
        folder.write("settings.toml", &peer.winrm_settings("http", "OnPremises", "CredSSP", "New"));
    let invoked =
        run(&["--config", &config, "invoke", "Get-Mailbox", "-ResultSize", "2"], "").expect_code(0);
    assert!(invoked.lines.len() >= 2, "{:?}", invoked.lines);
    let create = json!({"ref": "1", "operation": "create", "attributes": {"Name": "New",
        "UserPrincipalName": "new@test.local", "_param_password": GOOD_PASSWORD}});
    let planned =
        run(&["--config", &config, "plan", "--input", "-"], &create.to_string()).expect_code(0);
    assert_eq!(planned.last()["status"], "planned");
    assert!(!planned.last().to_string().contains(GOOD_PASSWORD));
}

#[cfg(unix)]
#[test]
fn a_check_names_the_session_of_a_run_that_was_killed() {
    let Some(peer) = Peer::start(&["--mailboxes", "500", "--receive-delay", "0.2"]) else { return };
    let folder = Folder::new();
    let config =
        folder.write("settings.toml", &peer.winrm_settings("http", "OnPremises", "CredSSP", "New"));
    let mut killed = Working::start(&["--config", &config, "import"], "");
    assert_eq!(killed.next().unwrap()["type"], "object");
    killed.signal("-KILL");
    killed.end();
    assert_eq!(peer.state()["open_shells"], json!(1));
    let report = run(&["--config", &config, "check", "--json"], "").expect_code(0);
    let steps = report.last()["steps"].as_array().unwrap().clone();
    let found = steps.iter().find(|step| step["name"] == "left-over sessions").unwrap();
    assert!(text(&found["detail"]).contains(r"TEST\svc, open for"), "{found}");
    assert!(text(&found["remedy"]).contains("Remove-WSManInstance"), "{found}");
    assert_eq!(peer.state()["open_shells"], json!(1), "somebody's session was ended unasked");
}
