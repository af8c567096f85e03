//! Exports with a journal, killed and run again.

use serde_json::{Value, json};

use crate::support::{Folder, Peer, run};
use crate::survival::Working;

#[cfg(unix)]
#[test]
fn an_export_that_was_killed_goes_on_where_it_was_and_makes_nothing_twice() {
    let Some(peer) = Peer::start(&["--mailboxes", "2", "--delay", "0.7"]) else { return };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    let journal = folder.write("export.journal", "");
    let names = ["ann", "bob", "cem"];
    let input: String = names
        .iter()
        .map(|name| {
            let attributes = json!({"Name": name, "UserPrincipalName": format!("{name}@test.local"),
                "CustomAttribute1": "x", "_param_password": "Str0ng-enough!"});
            json!({"ref": name, "operation": "create", "attributes": attributes}).to_string() + "\n"
        })
        .collect();
    let export = ["--config", &config, "export", "--input", "-", "--journal", &journal];
    let mut killed = Working::start(&export, &input);
    assert_eq!(killed.next().unwrap()["status"], "applied");
    // The second mailbox is being made, and nobody will hear what came of it.
    let begun = || {
        let text = std::fs::read_to_string(&journal).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let creates = lines.filter(|line| line["cmdlet"].to_string().contains("New-Mailbox"));
        creates.count() == 2
    };
    while !begun() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    killed.signal("-KILL");
    killed.end();

    let again = run(&export, &input).expect_code(0);
    let statuses: Vec<_> = again.lines.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, ["applied"; 3], "{:?}", again.lines);
    // Whether the call under way took effect is the server's affair; one too many would have met a conflict.
    let warned = again.lines.iter().any(|line| line.get("warnings").is_some());
    assert!(!warned, "{:?}", again.lines);
    let creates = || peer.cmdlets(0).iter().filter(|cmdlet| *cmdlet == "New-Mailbox").count();
    let made = creates();
    assert!((3..=4).contains(&made), "{made} creates");
    for name in names {
        let recipient = peer.recipient(&format!("{name}@test.local"));
        assert_eq!(recipient["values"]["customattribute1"], "x", "{recipient}");
    }

    let third = run(&export, &input).expect_code(0);
    assert_eq!(third.lines, again.lines);
    assert_eq!(creates(), made, "what was done was done again");
    assert!(!std::fs::read_to_string(&journal).unwrap().contains("Str0ng"), "a secret");
}

#[test]
fn a_journal_that_was_changed_stops_an_export_before_it_begins() {
    let folder = Folder::new();
    let journal = folder.write("export.journal", "{\"seq\":0}\n");
    let input = r#"{"operation":"delete","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"}"#;
    let arguments = ["export", "--simulate", "1", "--input", "-", "--journal", &journal];
    let refused = run(&arguments, input).expect_code(2);
    assert!(refused.lines.is_empty(), "{:?}", refused.lines);
    assert!(refused.stderr.contains("line 1 of the journal"), "{}", refused.stderr);
    assert!(refused.stderr.contains("begin a new one"), "{}", refused.stderr);
}

#[test]
fn a_journal_serves_every_kind_of_organisation() {
    for kind in ["onpremises", "hybrid", "cloud"] {
        let folder = Folder::new();
        let journal = folder.write("export.journal", "");
        let input = json!({"ref": "1", "operation": "create", "attributes": {"Name": "Ann",
            "UserPrincipalName": "ann@contoso.com", "_param_password": "Str0ng-enough!"}});
        let export = [
            "--simulate",
            "3",
            "--simulate-as",
            kind,
            "export",
            "--input",
            "-",
            "--journal",
            &journal,
        ];
        let first = run(&export, &input.to_string()).expect_code(0);
        assert_eq!(first.last()["status"], "applied");
        // Each run has an Exchange of its own, so one that wrote again would make another mailbox.
        let again = run(&export, &input.to_string()).expect_code(0);
        assert_eq!(again.lines, first.lines, "{kind}");
    }
}
