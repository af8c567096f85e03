//! Against an independent server: psrpcore and pyspnego, or Microsoft's own PowerShell engine behind the same HTTP.
//!
//! The environment variable `EXCHANGE_TEST_PEER` names its folder and `EXCHANGE_TEST_PYTHON` the interpreter that has its
//! packages; without them each test says that it was skipped.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Folder, Peer, run};

pub(crate) const GOOD_PASSWORD: &str = "Str0ng-enough!";

/// Every recipient of a kind and its visible addresses, sorted.
fn held(peer: &Peer, kind: &str) -> BTreeMap<String, Vec<String>> {
    let state = peer.state();
    let recipients = state["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|recipient| recipient["kind"] == kind);
    recipients
        .map(|recipient| (text(&recipient["guid"]), visible(&recipient["addresses"])))
        .collect()
}

/// The addresses that an import shows: all but those of the excluded domain.
fn visible(addresses: &Value) -> Vec<String> {
    let mut addresses: Vec<_> = addresses.as_array().unwrap().iter().map(text).collect();
    addresses.retain(|address| !address.ends_with("@contoso.test"));
    addresses.sort();
    addresses
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Imports everything and compares with what the server holds.
fn check_import(engine: &[&str], method: &str, mailboxes: usize) {
    let count = mailboxes.to_string();
    let Some(peer) = Peer::start(&[&["--mailboxes", &count][..], engine].concat()) else { return };
    import_all(&peer, &peer.settings("OnPremises", method, "New"), mailboxes);
}

/// Imports all mailboxes of the peer and gives them as they were printed.
pub(crate) fn import_all(peer: &Peer, settings: &str, mailboxes: usize) -> Vec<Value> {
    let folder = Folder::new();
    let config = folder.write("settings.toml", settings);
    let imported = run(&["--config", &config, "import"], "").expect_code(0);
    let last = imported.last();
    assert_eq!((&last["type"], &last["objects"]), (&json!("complete"), &json!(mailboxes)));
    let objects = imported.of_type("object");
    let seen: BTreeMap<_, _> = objects
        .iter()
        .map(|object| {
            assert_eq!(object["change"], "upsert");
            assert_eq!(object["class"], "UserMailbox");
            (text(&object["id"]), visible(&object["attributes"]["EmailAddresses"]))
        })
        .collect();
    assert_eq!(objects.len(), mailboxes);
    assert_eq!(seen, held(peer, "UserMailbox"));
    for object in &objects {
        let of_excluded_domain = |address: &Value| text(address).ends_with("@contoso.test");
        assert!(
            !object["attributes"]["EmailAddresses"]
                .as_array()
                .unwrap()
                .iter()
                .any(of_excluded_domain)
        );
    }
    assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
    objects.into_iter().cloned().collect()
}

fn check_export(engine: &[&str], infrastructure: &str, create_method: &str) {
    let Some(peer) = Peer::start(&[&["--mailboxes", "5"][..], engine].concat()) else { return };
    let settings = peer.settings(infrastructure, "Negotiate", create_method);
    export_all(&peer, &settings, infrastructure, create_method);
}

/// Creates, changes and deletes, with either create method, and looks at what the server holds after each.
pub(crate) fn export_all(peer: &Peer, settings: &str, infrastructure: &str, create_method: &str) {
    let folder = Folder::new();
    let config = folder.write("settings.toml", settings);
    let export =
        |line: &Value| run(&["--config", &config, "export", "--input", "-"], &format!("{line}\n"));
    let kind = if infrastructure == "Hybrid" { "RemoteUserMailbox" } else { "UserMailbox" };

    let mut attributes = json!({
        "EmailAddresses": ["ann.e@test.local", "ann.example@test.local"],
        "CustomAttribute1": "staff",
    });
    let upn = if create_method == "New" { "ann@test.local" } else { "plain001@test.local" };
    attributes["UserPrincipalName"] = json!(upn);
    if create_method == "New" {
        attributes["Name"] = json!("Ann Example");
        attributes["_param_password"] = json!(GOOD_PASSWORD);
    }
    if infrastructure == "Hybrid" {
        attributes["_param_RemoteRoutingAddress"] = json!("ann@test.mail.onmicrosoft.com");
    }
    let create = json!({"ref": "1", "operation": "create", "attributes": attributes});
    let created = export(&create).expect_code(0);
    let answer = created.last();
    assert_eq!((&answer["ref"], &answer["status"]), (&json!("1"), &json!("applied")), "{answer}");
    let now = peer.recipient(upn);
    assert_eq!(now["kind"], kind);
    assert_eq!(now["guid"], answer["id"]);
    assert_eq!(now["values"]["customattribute1"], "staff");
    let addresses = visible(&now["addresses"]);
    assert!(addresses.contains(&"SMTP:ann.example@test.local".to_owned()), "{addresses:?}");
    assert!(addresses.contains(&"smtp:ann.e@test.local".to_owned()), "{addresses:?}");
    assert_eq!(addresses.iter().filter(|address| address.starts_with("SMTP:")).count(), 1);
    if create_method == "New" {
        assert_eq!(now["password"], GOOD_PASSWORD, "the server decrypted another password");
    }

    let id = text(&answer["id"]);
    let update = json!({"ref": "2", "operation": "update", "id": id, "attributes": {
        "EmailAddresses": ["ann.new@test.local", "ann.e@test.local"],
        "DisplayName": "Ann B. Example",
        "CustomAttribute1": null,
    }});
    let updated = export(&update).expect_code(0);
    assert_eq!(updated.last()["status"], "applied", "{}", updated.last());
    let now = peer.recipient(upn);
    assert_eq!(now["display_name"], "Ann B. Example");
    assert!(now["values"]["customattribute1"].as_str().unwrap_or_default().is_empty());
    let smtp: Vec<_> = visible(&now["addresses"])
        .into_iter()
        .filter(|a| a.to_lowercase().starts_with("smtp:"))
        .collect();
    assert_eq!(smtp, ["SMTP:ann.e@test.local", "smtp:ann.new@test.local"]);

    let calls = peer.cmdlets(0).len();
    let again = export(&update).expect_code(0);
    assert_eq!(again.last()["status"], "unchanged", "{}", again.last());
    let since = peer.cmdlets(calls);
    assert!(
        since.iter().all(|cmdlet| cmdlet.starts_with("Get-") || cmdlet.starts_with("Select-")),
        "{since:?}"
    );

    let deleted = export(&json!({"ref": "3", "operation": "delete", "id": id})).expect_code(0);
    assert_eq!(deleted.last()["status"], "applied", "{}", deleted.last());
    assert_eq!(peer.recipient(upn)["kind"], "User");
    let gone = export(&update).expect_code(1);
    assert_eq!(gone.last()["status"], "failed");
    assert_eq!(gone.last()["error"]["class"], "not-found");
    assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
}

/// An address that is taken, an object that is not there, a password that is too weak: each has its class.
fn check_classes(engine: &[&str]) {
    let Some(peer) = Peer::start(&[&["--mailboxes", "5"][..], engine].concat()) else { return };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    let state = peer.state();
    let first = text(&state["recipients"][0]["guid"]);
    let input = [
        json!({"ref": "taken", "operation": "update", "id": first,
            "attributes": {"EmailAddresses": ["user00002@test.local", "user00001@test.local"]}}),
        json!({"ref": "missing", "operation": "update", "id": "11111111-2222-3333-4444-555555555555",
            "attributes": {"DisplayName": "x"}}),
        json!({"ref": "weak", "operation": "create", "attributes": {"Name": "Weak", "UserPrincipalName": "weak@test.local",
            "_param_password": "short"}}),
        json!({"ref": "twin", "operation": "create", "attributes": {"Name": "User 00003",
            "UserPrincipalName": "user00003@test.local", "_param_password": GOOD_PASSWORD}}),
    ]
    .map(|line| line.to_string())
    .join("\n");
    let answers = run(&["--config", &config, "export", "--input", "-"], &input).expect_code(1);
    let class = |reference: &str| {
        let answer = answers.lines.iter().find(|line| line["ref"] == reference).unwrap();
        assert_eq!(answer["status"], "failed", "{answer}");
        text(&answer["error"]["class"])
    };
    assert_eq!(
        ["taken", "missing", "weak", "twin"].map(class),
        ["conflict", "not-found", "invalid", "conflict"]
    );
    assert!(!answers.stderr.contains(GOOD_PASSWORD));
}

/// A plan reads, writes nothing and shows no secret.
fn check_plan(engine: &[&str]) {
    let Some(peer) = Peer::start(&[&["--mailboxes", "2"][..], engine].concat()) else { return };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    let state = peer.state();
    let first = text(&state["recipients"][0]["guid"]);
    let input = [
        json!({"ref": "1", "operation": "update", "id": first, "attributes": {"DisplayName": "Planned"}}),
        json!({"ref": "2", "operation": "create", "attributes": {"Name": "New", "UserPrincipalName": "new@test.local",
            "_param_password": GOOD_PASSWORD}}),
    ]
    .map(|line| line.to_string())
    .join("\n");
    let planned =
        run(&["--config", &config, "export", "--input", "-", "--dry-run"], &input).expect_code(0);
    assert!(planned.lines.iter().all(|line| line["status"] == "planned"), "{:#?}", planned.lines);
    assert_eq!(planned.lines[0]["changes"][0]["after"], "Planned");
    let shown = serde_json::to_string(&planned.lines).unwrap();
    assert!(
        shown.contains("New-Mailbox")
            && shown.contains("<redacted>")
            && !shown.contains(GOOD_PASSWORD)
    );
    let calls = peer.cmdlets(0);
    assert!(
        calls.iter().all(|cmdlet| cmdlet.starts_with("Get-") || cmdlet.starts_with("Select-")),
        "{calls:?}"
    );
}

#[test]
fn import_with_negotiate_over_http() {
    check_import(&[], "Negotiate", 1000);
}

#[test]
fn import_with_basic_over_https() {
    check_import(&[], "Basic", 1000);
}

#[test]
fn import_with_negotiate_from_the_engine() {
    check_import(&["--engine", "pwsh"], "Negotiate", 1000);
}

#[test]
fn import_with_basic_from_the_engine() {
    check_import(&["--engine", "pwsh"], "Basic", 1000);
}

#[test]
fn import_without_trimming_on_the_server() {
    check_import(&["--engine", "pwsh", "--restricted-proxies"], "Negotiate", 200);
}

#[test]
fn import_of_fragments_cut_anywhere() {
    check_import(&["--fragment-size", "400", "--blob-size", "1017"], "Negotiate", 20);
}

#[test]
fn import_between_other_records() {
    check_import(&["--chatter", "--host-calls"], "Negotiate", 20);
}

#[test]
fn export_by_new_on_premises() {
    check_export(&[], "OnPremises", "New");
}

#[test]
fn export_by_enable_on_premises() {
    check_export(&[], "OnPremises", "Enable");
}

#[test]
fn export_by_new_in_hybrid() {
    check_export(&[], "Hybrid", "New");
}

#[test]
fn export_by_enable_in_hybrid() {
    check_export(&[], "Hybrid", "Enable");
}

#[test]
fn export_by_new_on_premises_to_the_engine() {
    check_export(&["--engine", "pwsh"], "OnPremises", "New");
}

#[test]
fn export_by_enable_on_premises_to_the_engine() {
    check_export(&["--engine", "pwsh"], "OnPremises", "Enable");
}

#[test]
fn export_by_new_in_hybrid_to_the_engine() {
    check_export(&["--engine", "pwsh"], "Hybrid", "New");
}

#[test]
fn export_by_enable_in_hybrid_to_the_engine() {
    check_export(&["--engine", "pwsh"], "Hybrid", "Enable");
}

#[test]
fn export_without_trimming_on_the_server() {
    check_export(&["--engine", "pwsh", "--restricted-proxies"], "OnPremises", "New");
}

#[test]
fn errors_have_their_classes() {
    check_classes(&[]);
}

#[test]
fn errors_of_the_engine_have_their_classes() {
    check_classes(&["--engine", "pwsh"]);
}

#[test]
fn a_plan_writes_nothing() {
    check_plan(&[]);
}

#[test]
fn a_plan_against_the_engine_writes_nothing() {
    check_plan(&["--engine", "pwsh"]);
}

#[test]
fn a_wrong_password_is_a_failed_sign_in() {
    let Some(peer) = Peer::start(&["--mailboxes", "1"]) else { return };
    let folder = Folder::new();
    for method in ["Negotiate", "Basic"] {
        let settings =
            peer.settings("OnPremises", method, "New").replace("Passw0rd!", "wrong-password");
        let config = folder.write("settings.toml", &settings);
        let failed = run(&["--config", &config, "import"], "").expect_code(4);
        assert!(!failed.stderr.contains("wrong-password"), "{}", failed.stderr);
        let last = failed.lines.last().map_or(&Value::Null, |line| &line["type"]);
        assert_ne!(last, "complete");
    }
}

#[test]
fn the_channel_is_bound_over_https() {
    let Some(peer) = Peer::start(&["--mailboxes", "3", "--cbt", "required"]) else { return };
    let folder = Folder::new();
    let http = format!("http://localhost:{}", peer.facts["http"]);
    let https = format!("https://localhost:{}", peer.facts["https"]);
    let settings = peer.settings("OnPremises", "Negotiate", "New").replace(&http, &https);
    let config = folder.write("settings.toml", &settings);
    let imported = run(&["--config", &config, "import"], "").expect_code(0);
    assert_eq!(imported.last()["objects"], 3);
}

#[test]
fn an_import_cut_short_is_incomplete() {
    let options = ["--mailboxes", "300", "--fault", "http=503@Receive:6x0", "--blob-size", "20000"];
    let Some(peer) = Peer::start(&options) else { return };
    let folder = Folder::new();
    // A server that is sick for longer than this is given up.
    let settings = peer.settings("OnPremises", "Negotiate", "New").replace("\"60s\"", "\"3s\"");
    let config = folder.write("settings.toml", &settings);
    let cut = run(&["--config", &config, "import"], "").expect_code(3);
    assert_eq!(cut.last()["type"], "incomplete");
    assert!(cut.of_type("complete").is_empty());
}

#[test]
fn import_with_kerberos() {
    let Some(peer) = Peer::start(&["--mailboxes", "30", "--kerberos"]) else { return };
    let folder = Folder::new();
    let kdc = peer.facts["kdc"].as_str().unwrap();
    for method in ["Kerberos", "Negotiate"] {
        let settings =
            peer.settings("OnPremises", method, "New").replace(r"TEST\svc", "svc@test.local")
                + &format!("[kerberos]\nrealm = \"TEST.LOCAL\"\nkdc = \"{kdc}\"\n");
        let config = folder.write("settings.toml", &settings);
        let imported = run(&["--config", &config, "import"], "").expect_code(0);
        assert_eq!(imported.last()["objects"], 30);
    }
    assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
}

#[test]
fn a_lost_answer_to_the_creation_of_a_shell_leaves_none_behind() {
    let Some(peer) = Peer::start(&["--mailboxes", "1", "--fault", "drop-after@Create:1"]) else {
        return;
    };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    run(&["--config", &config, "import"], "").expect_code(0);
    assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
}

#[test]
fn changes_alone_are_told_of_an_independent_server() {
    let Some(peer) = Peer::start(&["--mailboxes", "40"]) else { return };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    let state = folder.write("unused", "").replace("unused", "import.state");
    let import = ["--config", &config, "import", "--state", &state];
    let all = run(&import, "").expect_code(0);
    assert_eq!(all.of_type("object").len(), 40);
    assert!(run(&import, "").expect_code(0).of_type("object").is_empty());

    let ids: Vec<_> = all.of_type("object").iter().map(|line| line["id"].clone()).collect();
    let input = [
        json!({"operation": "update", "id": ids[4], "attributes": {"DisplayName": "New Name"}}),
        json!({"operation": "delete", "id": ids[9]}),
    ];
    let input = input.map(|line| line.to_string()).join("\n");
    run(&["--config", &config, "export", "--input", "-"], &input).expect_code(0);
    let changes = run(&import, "").expect_code(0);
    let told: Vec<_> =
        changes.of_type("object").iter().map(|line| (&line["change"], &line["id"])).collect();
    assert_eq!(told, [(&json!("upsert"), &ids[4]), (&json!("delete"), &ids[9])]);
    let last = changes.last();
    assert_eq!((&last["objects"], &last["deletes"]), (&json!(1), &json!(1)));
}
