//! Imports of changes alone.
#![expect(clippy::unwrap_used, reason = "tests panic")]

use std::path::Path;

use exchange_cmdlets::{CmdletItem, TransportError};
use exchange_connector::{Connector, ImportRequest, Operation, Settings, Status};
use exchange_sim::{Infrastructure, SimOptions, Simulator};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{ANN, BOB, Folder, connector, error, item, mailbox, settings};

const CEM: &str = "cececece-0000-4000-8000-000000000003";
const LONG_AGO: &str = "2024-01-02T03:04:05Z";

/// A mailbox that was changed at a time.
fn changed(id: &str, name: &str, at: &str) -> clixml::Object {
    mailbox(id, name).with_adapted("WhenChangedUTC", at).with_adapted("Alias", name)
}

/// One that changed just now, so that its time is not before every import.
fn newest() -> clixml::Object {
    changed(CEM, "Cem", "2099-01-01T00:00:00Z")
}

/// So many other mailboxes that were changed at a time.
fn many(count: u32, at: &str) -> Vec<CmdletItem> {
    let id = |number: u32| format!("{number:08x}-0000-4000-8000-000000000001");
    let object = |number: u32| item(changed(&id(number), &format!("u{number}"), at));
    (1..=count).map(object).collect()
}

/// Runs an import with a state and gives its lines; `exit N: …` stands for an error.
async fn run(connector: &Connector, request: ImportRequest) -> Vec<Value> {
    let changes = connector.import(request).map(|change| match change {
        Ok(change) => serde_json::to_value(change).unwrap(),
        Err(error) => json!(format!("exit {}: {error}", error.exit_code())),
    });
    changes.collect().await
}

fn names(state: &Path) -> ImportRequest {
    ImportRequest::new().attributes(["Name"]).state(state)
}

/// What happened to which object, in the order of the ids.
fn told(lines: &[Value]) -> Vec<(String, String)> {
    let objects = lines.iter().filter(|line| line["type"] == "object");
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let mut told: Vec<_> = objects.map(|line| (text(line, "id"), text(line, "change"))).collect();
    told.sort();
    told
}

fn upsert(id: &str) -> (String, String) {
    (id.to_owned(), "upsert".to_owned())
}

fn delete(id: &str) -> (String, String) {
    (id.to_owned(), "delete".to_owned())
}

/// A first import that gave Ann, Bob and Cem.
async fn first(state: &Path) {
    let (connector, script) = connector(settings("", ""));
    let (ann, bob) = (changed(ANN, "Ann", LONG_AGO), changed(BOB, "Bob", LONG_AGO));
    script.answer("Get-Mailbox", vec![item(ann), item(bob), item(newest())]);
    let lines = run(&connector, names(state)).await;
    assert_eq!(told(&lines), [upsert(ANN), upsert(BOB), upsert(CEM)]);
    assert_eq!(lines.last().unwrap()["type"], "complete");
}

#[tokio::test]
async fn only_what_changed_is_read_and_told() {
    let folder = Folder::new();
    let state = folder.file("state");
    first(&state).await;

    // Ann is as she was; Bob was renamed; Cem's time proves nothing, but he is the same.
    let (connector, script) = connector(settings("", ""));
    let bob = || changed(BOB, "Robert", "2024-02-03T04:05:06Z");
    script.answer(
        "Get-Mailbox",
        vec![item(changed(ANN, "Ann", LONG_AGO)), item(bob()), item(newest())],
    );
    script.answer("Get-Mailbox", vec![item(bob()), item(newest())]);
    let lines = run(&connector, names(&state)).await;
    assert_eq!(told(&lines), [upsert(BOB)]);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["type"], &last["objects"], &last["deletes"]),
        (&json!("complete"), &json!(1), &json!(0))
    );
    let calls = script.transcript();
    assert!(
        calls[1].contains(BOB) && calls[1].contains(CEM) && !calls[1].contains(ANN),
        "{calls:?}"
    );
}

#[tokio::test]
async fn what_is_not_listed_any_more_is_deleted() {
    let folder = Folder::new();
    let state = folder.file("state");
    first(&state).await;
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(changed(ANN, "Ann", LONG_AGO)), item(newest())]);
    script.answer("Get-Mailbox", vec![item(newest())]);
    let lines = run(&connector, names(&state)).await;
    assert_eq!(told(&lines), [delete(BOB)]);
    assert_eq!(lines.last().unwrap()["deletes"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_import_deletes_nothing_and_leaves_the_state() {
    let folder = Folder::new();
    let state = folder.file("state");
    first(&state).await;
    let before = std::fs::read(&state).unwrap();
    let cases: [Vec<CmdletItem>; 2] = [
        vec![item(changed(ANN, "Ann", LONG_AGO)), error("X", "an object is damaged")],
        vec![CmdletItem::Warning("There are more results available than are currently displayed. To view them, increase the value for the ResultSize parameter.".to_owned())],
    ];
    for items in cases {
        let (connector, script) = connector(settings("", ""));
        script.answer("Get-Mailbox", items);
        let lines = run(&connector, names(&state)).await;
        assert_eq!(told(&lines), []);
        assert_eq!(lines[lines.len() - 2]["type"], "incomplete", "{lines:?}");
        assert_eq!(std::fs::read(&state).unwrap(), before);
    }
    let (connector, script) = connector(settings("", ""));
    for _ in 0..7 {
        let lost = TransportError::ConnectionLost { source: "reset".into() };
        script.fail("Get-Mailbox", vec![], lost);
    }
    let lines = run(&connector, names(&state)).await;
    assert_eq!(lines[lines.len() - 2]["type"], "incomplete", "{lines:?}");
    assert_eq!(std::fs::read(&state).unwrap(), before);
}

#[tokio::test]
async fn a_list_that_shrank_by_half_is_not_believed_unless_it_is_asked_for() {
    let folder = Folder::new();
    let state = folder.file("state");
    let (one, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", [many(40, LONG_AGO), vec![item(newest())]].concat());
    run(&one, names(&state)).await;

    let (again, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", [many(5, LONG_AGO), vec![item(newest())]].concat());
    script.answer("Get-Mailbox", vec![item(newest())]);
    let lines = run(&again, names(&state)).await;
    assert_eq!(told(&lines), []);
    let last = &lines[lines.len() - 2];
    assert_eq!(last["type"], "incomplete");
    assert!(last["reason"].as_str().unwrap().contains("35 of the 41 objects"), "{last}");

    let (full, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", [many(5, LONG_AGO), vec![item(newest())]].concat());
    let lines = run(&full, names(&state).full()).await;
    let last = lines.last().unwrap();
    assert_eq!((&last["objects"], &last["deletes"]), (&json!(6), &json!(35)));
}

#[tokio::test]
async fn another_request_reads_everything_and_deletes_nothing() {
    let folder = Folder::new();
    let state = folder.file("state");
    first(&state).await;
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(changed(ANN, "Ann", LONG_AGO))]);
    let request = ImportRequest::new().attributes(["Name", "Alias"]).state(&state);
    let lines = run(&connector, request).await;
    assert_eq!(told(&lines), [upsert(ANN)]);
    assert_eq!(lines.last().unwrap()["deletes"], 0);
}

#[tokio::test]
async fn a_state_that_is_none_is_refused_before_anything_is_sent() {
    let folder = Folder::new();
    let state = folder.file("state");
    first(&state).await;
    let whole = std::fs::read_to_string(&state).unwrap();
    let cut = whole.lines().take(2).collect::<Vec<_>>().join("\n");
    for text in ["", "{}", "{\"format\":9,\"scope\":\"\",\"cursor\":\"\",\"objects\":0}", &cut] {
        std::fs::write(&state, text).unwrap();
        let (connector, script) = connector(settings("", ""));
        let lines = run(&connector, names(&state)).await;
        let said = lines[0].as_str().unwrap();
        assert!(said.starts_with("exit 2: the state ") && said.contains("--full"), "{said}");
        assert_eq!((lines.len(), script.calls().len()), (1, 0));
    }
    // What never was a state is not overwritten.
    for text in ["hostname = 'ex01'\n", "{\"ref\":1}\n", "{}"] {
        std::fs::write(&state, text).unwrap();
        let (connector, script) = connector(settings("", ""));
        let lines = run(&connector, names(&state).full()).await;
        assert!(lines[0].as_str().unwrap().contains("name another file"), "{lines:?}");
        assert_eq!((lines.len(), script.calls().len()), (1, 0));
        assert_eq!(std::fs::read_to_string(&state).unwrap(), text);
    }
    // Whoever asks for everything does without.
    std::fs::write(&state, &cut).unwrap();
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(changed(ANN, "Ann", LONG_AGO))]);
    let lines = run(&connector, names(&state).full()).await;
    assert_eq!(told(&lines), [upsert(ANN)]);
    assert!(std::fs::read_to_string(&state).unwrap().contains(ANN));
}

#[tokio::test]
async fn many_changes_are_read_as_a_whole_and_told_only_if_they_are_some() {
    let folder = Folder::new();
    let state = folder.file("state");
    let (one, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", [many(60, LONG_AGO), vec![item(newest())]].concat());
    run(&one, names(&state)).await;
    // Another domain controller has other times for everything, but what it shows is the same.
    let (connector, script) = connector(settings("", ""));
    for _ in 0..2 {
        let all = many(60, "2024-01-02T03:04:09Z");
        script.answer("Get-Mailbox", [all, vec![item(newest())]].concat());
    }
    let lines = run(&connector, names(&state)).await;
    assert_eq!(told(&lines), []);
    assert_eq!(lines.last().unwrap()["type"], "complete");
    let calls = script.transcript();
    assert!(calls.len() == 2 && !calls[1].contains("-Filter"), "{calls:?}");
}

#[tokio::test]
async fn a_simulated_organisation_of_every_kind_tells_its_changes() {
    for kind in [Infrastructure::OnPremises, Infrastructure::Hybrid, Infrastructure::Cloud] {
        let folder = Folder::new();
        let state = folder.file("state");
        let simulator = Simulator::start(SimOptions::default().mailboxes(60).infrastructure(kind))
            .await
            .unwrap();
        let settings = format!(
            "{}\n[export]\ndeprovision = \"remove\"\nmax_deletes = 5\n",
            simulator.settings_toml()
        );
        let connector = Connector::open(Settings::from_toml_str(&settings).unwrap()).await.unwrap();
        let request = || {
            ImportRequest::new()
                .attributes(["DisplayName", "Title", "EmailAddresses"])
                .state(&state)
        };
        let all = run(&connector, request()).await;
        assert_eq!(all.last().unwrap()["objects"], 60);
        let none = run(&connector, request()).await;
        assert_eq!(told(&none), [], "nothing was changed");

        let ids: Vec<_> = told(&all).into_iter().map(|(id, _)| id).collect();
        let operations = [
            json!({"operation": "update", "id": ids[3], "attributes": {"DisplayName": "New Name"}}),
            json!({"operation": "delete", "id": ids[7]}),
            json!({"operation": "create", "attributes": {"Name": "Ann", "UserPrincipalName":
                "ann@contoso.com", "_param_password": "Str0ng!Pass-word"}}),
        ];
        let text: Vec<_> = operations.iter().map(Value::to_string).collect();
        let outcomes: Vec<_> =
            connector.export(Operation::from_json_lines(&text.join("\n"))).collect().await;
        assert!(outcomes.iter().all(|outcome| outcome.status == Status::Applied), "{outcomes:?}");

        let changes = run(&connector, request()).await;
        let mut expected =
            vec![upsert(&ids[3]), delete(&ids[7]), upsert(outcomes[2].id.as_ref().unwrap())];
        expected.sort();
        assert_eq!(told(&changes), expected);
        assert_eq!(told(&run(&connector, request()).await), []);
        assert_eq!(told(&run(&connector, request().full()).await).len(), 60);
        connector.close().await.unwrap();
        simulator.close().await;
    }
}
