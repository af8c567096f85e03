//! Exports with a journal: interrupted, run again, looked at.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use exchange_cmdlets::testing::ScriptedTransport;
use exchange_cmdlets::{
    CmdletCall, CmdletItem, CmdletStream, CmdletTransport, ErrorRecord, TransportError,
};
use exchange_connector::{Connector, Journal, JournalError, Operation, Outcome, Status};
use futures_util::StreamExt as _;
use serde_json::Value;

use crate::support::{ANN, BOB, Folder, connector, error, item, mailbox, not_found, settings};

const CREATE: &str = r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann","UserPrincipalName":"ann@contoso.com","CustomAttribute2":"x","_param_password":"hunter2-secret"}}"#;
const UPDATE: &str = r#"{"ref":"2","operation":"update","id":"b0b0b0b0-0000-4000-8000-000000000002","attributes":{"DisplayName":"Bob B."}}"#;
const DELETE: &str =
    r#"{"ref":"3","operation":"delete","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"}"#;

/// A journal of its own.
struct File {
    path: PathBuf,
    _folder: Folder,
}

impl File {
    fn new() -> Self {
        let folder = Folder::new();
        Self { path: folder.file("export.journal"), _folder: folder }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }

    /// The events so far, by name.
    fn events(&self) -> Vec<String> {
        let lines = self.text();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
    }

    async fn export(&self, connector: &Connector, lines: &[&str]) -> Vec<Outcome> {
        let journal = Journal::open(&self.path).unwrap();
        let operations = Operation::from_json_lines(&lines.join("\n"));
        connector.export_with_journal(operations, journal).collect().await
    }
}

fn statuses(outcomes: &[Outcome]) -> Vec<Status> {
    outcomes.iter().map(|outcome| outcome.status).collect()
}

fn unlimited() -> exchange_connector::Settings {
    settings("", "[export]\nmax_deletes = 10")
}

/// Prepares what a create and an update need to be applied.
fn script_both(script: &ScriptedTransport) {
    script.answer("Get-Mailbox", vec![not_found()]);
    script.answer("New-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Set-Mailbox", vec![]);
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    script.answer("Set-Mailbox", vec![]);
}

#[tokio::test]
async fn the_same_input_again_repeats_nothing_and_answers_the_same() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script_both(&script);
    let outcomes = file.export(&first, &[CREATE, UPDATE]).await;
    assert_eq!(statuses(&outcomes), [Status::Applied, Status::Applied]);
    assert_eq!(
        file.events(),
        ["begin", "intent", "made", "intent", "outcome", "intent", "outcome"]
    );

    let (again, script) = connector(settings("", ""));
    let repeated = file.export(&again, &[CREATE, UPDATE]).await;
    assert_eq!(serde_json::to_value(&repeated).unwrap(), serde_json::to_value(&outcomes).unwrap());
    assert_eq!(script.transcript(), [""; 0]);

    // Another input is another matter, although it holds the same line.
    let (other, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    script.answer("Set-Mailbox", vec![]);
    assert_eq!(statuses(&file.export(&other, &[UPDATE]).await), [Status::Applied]);
}

#[tokio::test]
async fn no_secret_is_in_the_journal_nor_decides_what_is_the_same() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script_both(&script);
    file.export(&first, &[CREATE, UPDATE]).await;
    assert!(!file.text().contains("hunter2"), "{}", file.text());
    assert!(file.text().contains("-Password <redacted>"), "{}", file.text());
    let changed = CREATE.replace("hunter2-secret", "another one");
    let (again, script) = connector(settings("", ""));
    file.export(&again, &[&changed, UPDATE]).await;
    assert_eq!(script.transcript(), [""; 0]);
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_by_reading() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.fail("New-Mailbox", vec![], TransportError::Stopped);
    assert_eq!(statuses(&file.export(&first, &[CREATE]).await), [Status::Unknown]);

    let (again, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Set-Mailbox", vec![]);
    let outcomes = file.export(&again, &[CREATE]).await;
    assert_eq!(statuses(&outcomes), [Status::Applied]);
    assert_eq!(outcomes[0].id.as_deref(), Some(ANN));
    assert!(!script.transcript().iter().any(|call| call.starts_with("New-")), "made twice");
}

#[tokio::test(start_paused = true)]
async fn a_create_of_which_nothing_came_is_made() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.fail("New-Mailbox", vec![], TransportError::Stopped);
    file.export(&first, &[CREATE]).await;

    // It may still be running at the server, so it is looked for twice.
    let (again, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.answer("Get-Mailbox", vec![not_found()]);
    script_both(&script);
    assert_eq!(statuses(&file.export(&again, &[CREATE]).await), [Status::Applied]);
}

#[tokio::test]
async fn a_create_that_cannot_be_looked_for_stays_unknown() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.fail("New-Mailbox", vec![], TransportError::Stopped);
    file.export(&first, &[CREATE]).await;

    let (again, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![error("ADTransientException", "the directory is away")]);
    script.answer("Get-Mailbox", vec![error("ADOperationException", "and stays away")]);
    let outcomes = file.export(&again, &[CREATE]).await;
    assert_eq!(statuses(&outcomes), [Status::Unknown]);
    assert!(!script.transcript().iter().any(|call| call.starts_with("New-")), "made blindly");
}

#[tokio::test]
async fn what_was_made_is_only_completed() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.answer("New-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Set-Mailbox", vec![error("RecipientTaskException", "no")]);
    assert_eq!(statuses(&file.export(&first, &[CREATE]).await), [Status::Failed]);

    let (again, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Set-Mailbox", vec![]);
    assert_eq!(statuses(&file.export(&again, &[CREATE]).await), [Status::Applied]);
    assert_eq!(script.calls().len(), 2, "{:?}", script.transcript());
}

#[tokio::test]
async fn a_delete_in_doubt_is_done_when_the_object_is_gone() {
    let file = File::new();
    let (first, script) = connector(unlimited());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.fail("Disable-Mailbox", vec![], TransportError::Stopped);
    assert_eq!(statuses(&file.export(&first, &[DELETE]).await), [Status::Unknown]);

    let (again, script) = connector(unlimited());
    script.answer("Get-Mailbox", vec![not_found()]);
    assert_eq!(statuses(&file.export(&again, &[DELETE]).await), [Status::Applied]);

    // Nobody began this one, so that it is not there is a failure.
    let other = File::new();
    let (fresh, script) = connector(unlimited());
    script.answer("Get-Mailbox", vec![not_found()]);
    assert_eq!(statuses(&other.export(&fresh, &[DELETE]).await), [Status::Failed]);
}

#[tokio::test]
async fn an_update_in_doubt_that_shows_no_difference_was_applied() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    script.fail("Set-Mailbox", vec![], TransportError::Stopped);
    assert_eq!(statuses(&file.export(&first, &[UPDATE]).await), [Status::Unknown]);

    let (again, script) = connector(settings("", ""));
    let bob = mailbox(BOB, "Bob").with_adapted("DisplayName", "Bob B.");
    script.answer("Get-Mailbox", vec![item(bob)]);
    assert_eq!(statuses(&file.export(&again, &[UPDATE]).await), [Status::Applied]);
}

/// Looks into the journal whenever something is about to be written.
struct Watching {
    script: Arc<ScriptedTransport>,
    journal: PathBuf,
}

impl CmdletTransport for Watching {
    fn invoke(&self, call: CmdletCall) -> CmdletStream<'_> {
        if call.is_writing() {
            let text = std::fs::read_to_string(&self.journal).unwrap();
            let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert_eq!(last["event"], "intent");
            assert_eq!(last["cmdlet"], call.to_string());
        }
        self.script.invoke(call)
    }
}

#[tokio::test]
async fn what_is_about_to_be_sent_is_in_the_journal_first() {
    let file = File::new();
    let script = Arc::new(ScriptedTransport::new());
    script_both(&script);
    let transport = Watching { script: Arc::clone(&script), journal: file.path().to_owned() };
    let connector = Connector::with_transport(settings("", ""), Arc::new(transport));
    let outcomes = file.export(&connector, &[CREATE, UPDATE]).await;
    assert_eq!(statuses(&outcomes), [Status::Applied, Status::Applied]);
    assert_eq!(script.calls().iter().filter(|call| call.is_writing()).count(), 3);
}

#[tokio::test]
async fn an_intent_shows_what_changes() {
    let file = File::new();
    let (connector, script) = connector(settings("", ""));
    let bob = mailbox(BOB, "Bob").with_adapted("DisplayName", "Bob");
    script.answer("Get-Mailbox", vec![item(bob)]);
    script.answer("Set-Mailbox", vec![CmdletItem::Warning("mind".to_owned())]);
    file.export(&connector, &[UPDATE]).await;
    let line = file.text().lines().nth(1).map(serde_json::from_str::<Value>).unwrap().unwrap();
    assert_eq!(line["server"], "dc01.contoso.com");
    assert_eq!(line["ref"], "2");
    assert_eq!(
        line["changes"],
        serde_json::json!([{"attribute": "DisplayName", "before": "Bob", "after": "Bob B."}])
    );
}

#[tokio::test]
async fn a_plan_leaves_the_journal_and_what_was_done_alone() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script_both(&script);
    file.export(&first, &[CREATE, UPDATE]).await;
    let before = file.text();

    let (again, script) = connector(settings("", ""));
    let operations = Operation::from_json_lines(&[CREATE, UPDATE].join("\n"));
    let journal = Journal::read(file.path()).unwrap();
    let planned: Vec<_> = again.plan_with_journal(operations, journal).collect().await;
    assert_eq!(statuses(&planned), [Status::Unchanged, Status::Unchanged]);
    assert_eq!((script.calls().len(), file.text()), (0, before));

    let missing = Journal::read(file.path().with_extension("missing"));
    assert!(missing.is_ok(), "no journal: nothing was done");
}

#[tokio::test]
async fn a_plan_says_what_is_left_of_what_was_begun() {
    let file = File::new();
    let (first, script) = connector(unlimited());
    script.answer("Get-Mailbox", vec![not_found()]);
    script.fail("New-Mailbox", vec![], TransportError::Stopped);
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    script.fail("Set-Mailbox", vec![], TransportError::Stopped);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.fail("Disable-Mailbox", vec![], TransportError::Stopped);
    let lines = [CREATE, UPDATE, DELETE];
    assert_eq!(statuses(&file.export(&first, &lines).await), [Status::Unknown; 3]);

    let (again, script) = connector(unlimited());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    let bob = mailbox(BOB, "Bob").with_adapted("DisplayName", "Bob B.");
    script.answer("Get-Mailbox", vec![item(bob)]);
    script.answer("Get-Mailbox", vec![not_found()]);
    let operations = Operation::from_json_lines(&lines.join("\n"));
    let journal = Journal::read(file.path()).unwrap();
    let planned: Vec<_> = again.plan_with_journal(operations, journal).collect().await;
    assert_eq!(statuses(&planned), [Status::Planned, Status::Unchanged, Status::Unchanged]);
    let cmdlets = planned[0].cmdlets.as_deref().unwrap();
    assert!(matches!(cmdlets, [set] if set.starts_with("Set-Mailbox")), "{cmdlets:?}");
    assert!(script.calls().iter().all(|call| !call.is_writing()), "{:?}", script.transcript());
}

#[tokio::test]
async fn every_change_to_a_journal_is_noticed() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script_both(&script);
    file.export(&first, &[CREATE, UPDATE]).await;
    let whole = file.text();
    let lines: Vec<&str> = whole.lines().collect();
    let cases = [
        (lines[1..].join("\n"), 1),
        ([&lines[..2], &lines[3..]].concat().join("\n"), 3),
        (whole.replacen("ann@contoso.com", "bob@contoso.com", 1).trim_end().to_owned(), 3),
        ([&lines[..3], &["not a line"], &lines[3..]].concat().join("\n"), 4),
    ];
    for (text, expected) in cases {
        std::fs::write(file.path(), format!("{text}\n")).unwrap();
        match Journal::open(file.path()) {
            Err(JournalError::Broken { line, .. }) => assert_eq!(line, expected, "{text}"),
            other => panic!("{other:?} of {text}"),
        }
    }
}

#[tokio::test]
async fn a_line_that_was_cut_off_counts_as_not_written() {
    let file = File::new();
    let (first, script) = connector(settings("", ""));
    script_both(&script);
    file.export(&first, &[CREATE, UPDATE]).await;
    // The last outcome did not get to the disk whole, so the update is in doubt.
    let whole = file.text();
    std::fs::write(file.path(), whole.get(..whole.len() - 40).unwrap()).unwrap();

    let (again, script) = connector(settings("", ""));
    let bob = mailbox(BOB, "Bob").with_adapted("DisplayName", "Bob B.");
    script.answer("Get-Mailbox", vec![item(bob)]);
    let outcomes = file.export(&again, &[CREATE, UPDATE]).await;
    assert_eq!(statuses(&outcomes), [Status::Applied, Status::Applied]);
    assert!(Journal::open(file.path()).is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_left_as_it_is() {
    let file = File::new();
    for text in ["hostname = 'ex01'", "{}", "{\"seq\":0}", "{\"seq\":1,\"prev\":", "a\nb\n"] {
        std::fs::write(file.path(), text).unwrap();
        let opened = Journal::open(file.path());
        assert!(matches!(opened, Err(JournalError::Broken { line: 1, .. })), "{text}: {opened:?}");
        assert_eq!(file.text(), text);
    }
    // The first line of a journal, cut off anywhere, is one.
    let (first, script) = connector(settings("", ""));
    script_both(&script);
    std::fs::remove_file(file.path()).unwrap();
    file.export(&first, &[CREATE, UPDATE]).await;
    let text = file.text();
    let line = text.lines().next().unwrap();
    for length in 0..line.len() {
        std::fs::write(file.path(), line.get(..length).unwrap()).unwrap();
        assert!(Journal::open(file.path()).is_ok(), "{length} bytes");
        assert_eq!(file.text(), "");
    }
}

#[tokio::test]
async fn deletes_that_were_done_do_not_count_against_the_limit_again() {
    let file = File::new();
    let one = || settings("", "[export]\nmax_deletes = 2");
    let second = DELETE.replace(ANN, BOB);
    let (first, script) = connector(one());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Disable-Mailbox", vec![]);
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    let record = ErrorRecord::new("away", "ADOperationException");
    script.answer("Disable-Mailbox", vec![CmdletItem::Error(record)]);
    let outcomes = file.export(&first, &[DELETE, &second]).await;
    assert_eq!(statuses(&outcomes), [Status::Applied, Status::Failed]);

    let (again, script) = connector(settings("", "[export]\nmax_deletes = 1"));
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    script.answer("Disable-Mailbox", vec![]);
    let outcomes = file.export(&again, &[DELETE, &second]).await;
    assert_eq!(statuses(&outcomes), [Status::Applied, Status::Applied]);
}
