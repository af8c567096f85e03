//! What an independent server does to sessions, and what is left on it afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
#[cfg(unix)]
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Folder, Peer, Run, run};

/// The objects of an import by id, each of which came once.
#[track_caller]
fn objects(run: &Run) -> BTreeMap<String, Value> {
    let objects = run.of_type("object");
    let by_id: BTreeMap<_, _> = objects
        .iter()
        .map(|object| (object["id"].as_str().unwrap().to_owned(), (*object).clone()))
        .collect();
    assert_eq!(by_id.len(), objects.len(), "an object came twice");
    by_id
}

/// Imports everything from a server with these options.
fn import(options: &[&str]) -> Option<(Run, Peer)> {
    let peer = Peer::start(options)?;
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    Some((run(&["--config", &config, "import"], ""), peer))
}

#[test]
fn an_import_whose_session_is_lost_again_and_again_gives_the_same() {
    let Some((undisturbed, _)) = import(&["--mailboxes", "3000"]) else { return };
    let undisturbed = undisturbed.expect_code(0);
    let faults = [
        "drop@Receive:12",
        "expire@Receive:24",
        "drop-after@Receive:33",
        "drop-mid@Receive:40",
        "http=503@Receive:47",
        "garble@Receive:55",
        "close@Receive:60x5",
        "drop@Command:9",
    ];
    let mut options = vec!["--mailboxes", "3000", "--receive-delay", "0.01"];
    for fault in &faults {
        options.extend(["--fault", fault]);
    }
    let Some((disturbed, peer)) = import(&options) else { return };
    let disturbed = disturbed.expect_code(0);
    assert_eq!(disturbed.last()["type"], "complete", "{}", disturbed.stderr);
    assert_eq!(objects(&disturbed), objects(&undisturbed));
    let state = peer.state();
    assert_eq!(state["open_shells"], json!(0), "a shell was left open");
    let struck = state["faults_struck"].as_u64().unwrap();
    assert!(struck >= 6, "{}", state["faults_struck"]);
}

#[test]
fn a_session_that_cannot_be_opened_again_makes_an_import_incomplete() {
    let options =
        ["--mailboxes", "400", "--fault", "expire@Receive:6", "--fault", "http=503@Create:2x0"];
    let Some(peer) = Peer::start(&options) else { return };
    let folder = Folder::new();
    let settings = peer.settings("OnPremises", "Negotiate", "New").replace("\"60s\"", "\"3s\"");
    let config = folder.write("settings.toml", &settings);
    let cut = run(&["--config", &config, "import"], "").expect_code(3);
    assert_eq!(cut.last()["type"], "incomplete");
    let reason = cut.last()["reason"].as_str().unwrap();
    assert!(reason.contains("could not open a session") && reason.contains("503"), "{reason}");
}

#[test]
fn a_first_session_that_cannot_be_opened_ends_with_its_reason() {
    let cases = [
        ("http=503@Create:1x0", "HTTP 503"),
        ("throttle@Create:1x0", "as many sessions"),
        ("fault=5@Create:1x0", "ACCESS_DENIED"),
    ];
    for (fault, reason) in cases {
        let Some(peer) = Peer::start(&["--mailboxes", "2", "--fault", fault]) else { return };
        let folder = Folder::new();
        let settings = peer.settings("OnPremises", "Negotiate", "New").replace("\"60s\"", "\"2s\"");
        let config = folder.write("settings.toml", &settings);
        let refused = run(&["--config", &config, "import"], "").expect_code(4);
        assert!(refused.lines.is_empty(), "{:?}", refused.lines);
        assert!(refused.stderr.contains(reason), "{fault}: {}", refused.stderr);
    }
}

/// The binary at work.
pub(crate) struct Working {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Working {
    pub(crate) fn start(arguments: &[&str], input: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_exchange-connector"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// The last line and the exit code.
    pub(crate) fn end(mut self) -> (Option<Value>, Option<i32>) {
        let mut last = None;
        while let Some(line) = self.next() {
            last = Some(line);
        }
        (last, self.child.wait().unwrap().code())
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_import_leaves_no_shell() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let options = ["--mailboxes", "2000", "--receive-delay", "0.2"];
        let Some(peer) = Peer::start(&options) else { return };
        let folder = Folder::new();
        let config =
            folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
        // With a title the second session is open too.
        let wanted = ["--config", &config, "import", "--attributes", "Name,Title"];
        let mut working = Working::start(&wanted, "");
        assert_eq!(working.next().unwrap()["type"], "object");
        working.signal(signal);
        let (last, code) = working.end();
        let last = last.unwrap();
        assert_eq!((&last["type"], &last["reason"]), (&json!("incomplete"), &json!("interrupted")));
        assert_eq!(code, Some(130));
        assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open after {signal}");
    }
}

#[test]
fn a_shell_is_deleted_although_the_server_stumbles_over_it() {
    for fault in [
        "http=500",
        "http=503",
        "html=503",
        "fault=2150859175",
        "fault=995",
        "fault=1359",
        "garble",
        "badsig",
        "drop-after",
    ] {
        let Some((done, peer)) =
            import(&["--mailboxes", "3", "--fault", &format!("{fault}@Delete:1")])
        else {
            return;
        };
        let done = done.expect_code(0);
        let state = peer.state();
        assert_eq!(
            (&state["open_shells"], &state["faults_struck"]),
            (&json!(0), &json!(1)),
            "{fault}"
        );
        assert!(!done.stderr.contains("could not be deleted"), "{fault}: {}", done.stderr);
    }
}

#[test]
fn a_server_that_forgets_who_signed_in_is_not_taken_for_one_that_refuses_the_password() {
    let options = ["--mailboxes", "100", "--fault", "unsolicited401@3x2"];
    let Some((done, peer)) = import(&options) else { return };
    let done = done.expect_code(0);
    assert_eq!(done.last()["objects"], 100, "{}", done.stderr);
    assert_eq!(peer.state()["faults_struck"], json!(2));
}

#[test]
fn readers_that_go_away_leave_no_shell() {
    let Some(peer) = Peer::start(&["--mailboxes", "2000", "--receive-delay", "0.05"]) else {
        return;
    };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_exchange-connector"))
        .args(["--config", &config, "--log-level", "trace", "import"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody hears of it, and that is all: nothing fails, and the objects come.
    drop(child.stderr.take());
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("\"object\""), "{line}");
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
}

#[cfg(unix)]
#[test]
fn an_interrupt_does_not_wait_for_the_end_of_the_input() {
    let folder = Folder::new();
    let settings = "infrastructure_type = \"OnPremises\"\nhostname = \"localhost\"\nauthentication_method = \"Negotiate\"\n\
                    username = \"svc\"\npassword = \"x\"\ncreate_method = \"New\"\n";
    let config = folder.write("settings.toml", settings);
    let mut child = Command::new(env!("CARGO_BIN_EXE_exchange-connector"))
        .args(["--config", &config, "export", "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // The warning of a password in clear; signals are heard by then.
    said.read_line(&mut line).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success()
    );
    let input = child.stdin.take().unwrap();
    let (tell, code) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait().unwrap().code()));
    let code = code.recv_timeout(Duration::from_secs(20));
    drop(input);
    assert_eq!(code, Ok(Some(130)), "{line}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_export_ends_its_operation_and_leaves_no_shell() {
    let Some(peer) = Peer::start(&["--mailboxes", "5", "--delay", "0.5"]) else { return };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    let state = peer.state();
    let input: String = state["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|recipient| recipient["kind"] == "UserMailbox")
        .map(|recipient| {
            json!({"operation": "update", "id": recipient["guid"], "attributes": {"CustomAttribute1": "x"}})
                .to_string()
                + "\n"
        })
        .collect();
    let mut working = Working::start(&["--config", &config, "export", "--input", "-"], &input);
    assert_eq!(working.next().unwrap()["status"], "applied");
    working.signal("-TERM");
    let (last, code) = working.end();
    assert_eq!(code, Some(130));
    // The operation under way was told of, and no other begun.
    assert!(last.is_none_or(|last| last["status"] == "applied"));
    let state = peer.state();
    assert_eq!(state["open_shells"], json!(0), "a shell was left open");
    let is_write = |call: &&Value| call["cmdlet"] == "Set-Mailbox" || call["name"] == "Set-Mailbox";
    assert!(state["calls"].as_array().unwrap().iter().filter(is_write).count() <= 2);
}

#[cfg(unix)]
#[test]
fn the_sessions_of_a_run_that_was_killed_are_outwaited() {
    let options = [
        "--mailboxes",
        "500",
        "--receive-delay",
        "0.2",
        "--max-shells",
        "1",
        "--idle-timeout",
        "4",
    ];
    let Some(peer) = Peer::start(&options) else { return };
    let folder = Folder::new();
    let config = folder.write("settings.toml", &peer.settings("OnPremises", "Negotiate", "New"));
    let mut killed = Working::start(&["--config", &config, "import"], "");
    assert_eq!(killed.next().unwrap()["type"], "object");
    killed.signal("-KILL");
    killed.end();
    let next = run(&["--config", &config, "import"], "").expect_code(0);
    assert_eq!(next.last()["objects"], 500);
    assert!(next.stderr.contains("no session can be opened now"), "{}", next.stderr);
    assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
}

#[test]
fn a_lost_answer_with_the_session_key_costs_seconds() {
    let create = json!({"operation": "create", "attributes": {"Name": "Ann Example",
        "UserPrincipalName": "ann@test.local", "_param_password": "Str0ng-enough!"}});
    // One of these answers is the one with the key.
    for number in 1..=8 {
        let fault = format!("drop-after@Receive:{number}");
        let Some(peer) = Peer::start(&["--fault", &fault]) else { return };
        let folder = Folder::new();
        let settings = peer.settings("OnPremises", "Negotiate", "New");
        let config = folder.write("settings.toml", &settings);
        let began = std::time::Instant::now();
        let export = ["--config", &config, "export", "--input", "-"];
        let done = run(&export, &format!("{create}\n"));
        // The wait for a key takes a minute where nothing says that it is lost.
        assert!(began.elapsed().as_secs() < 45, "{fault}: {:?}", began.elapsed());
        // Whether a lost answer of the cmdlet itself said yes nobody knows.
        let status = done.last()["status"].as_str().unwrap();
        assert!(matches!(status, "applied" | "unknown"), "{fault}: {}", done.last());
        assert_eq!(peer.recipient("ann@test.local")["password"], "Str0ng-enough!");
        assert_eq!(peer.state()["open_shells"], json!(0), "a shell was left open");
    }
}
