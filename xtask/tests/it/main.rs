//! The binary against recordings that others made.

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod record;
mod scrub;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Map, Value};

/// Returns the folder of recordings, if there is one.
fn recordings() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/realdata");
    let folder =
        std::env::var_os("EXCHANGE_TEST_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no recordings at {}", folder.display());
    None
}

fn inspect(folder: &Path, arguments: &[&str], files: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(folder).arg("inspect").args(arguments).args(files);
    command.output().expect("the binary was built for this test")
}

#[track_caller]
fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::str::from_utf8(&output.stdout).expect("the output is UTF-8")
}

#[track_caller]
fn facts_are_as_expected(folder: &Path) {
    let expected =
        std::fs::read_to_string(folder.join("EXPECTED.json")).expect("the folder has its facts");
    let expected: Map<String, Value> =
        serde_json::from_str(&expected).expect("the facts are an object");
    let names: Vec<&str> = expected.keys().map(String::as_str).collect();
    let output = inspect(folder, &["--facts"], &names);
    let lines: Vec<&str> = stdout(&output).lines().collect();
    assert_eq!(lines.len(), names.len());
    let mut different = Vec::new();
    for (name, line) in names.iter().zip(lines) {
        let facts: Value = serde_json::from_str(line).expect("each line is JSON");
        if expected.get(*name) != Some(&facts) {
            different.push(*name);
        }
    }
    assert_eq!(different, Vec::<&str>::new());
}

#[test]
fn facts_of_the_recordings_equal_those_of_an_independent_parser() {
    let Some(folder) = recordings() else { return };
    facts_are_as_expected(&folder);
}

#[test]
fn facts_of_what_powershell_wrote_equal_those_of_an_independent_parser() {
    let Some(folder) = recordings() else { return };
    facts_are_as_expected(&folder.join("pwsh-7.6"));
}

#[test]
fn a_decoded_dump_shows_the_objects() {
    let Some(folder) = recordings() else { return };
    let file = "ms-psrp-examples/2.2.2.15_RUNSPACEPOOL_HOST_CALL.xml";
    let expected = "0|Obj||\n1|MS||\n2|I64|ci|1\n2|Obj|mi|ReadLine\n";
    let output = inspect(&folder, &["--dump", "decoded"], &[file]);
    assert!(stdout(&output).starts_with(expected), "{}", stdout(&output));
    let output = inspect(&folder, &["--dump", "raw"], &[file]);
    assert!(stdout(&output).starts_with("0|Obj||#0\n1|MS||\n2|I64|ci|1\n"), "{}", stdout(&output));
}

#[test]
fn a_conversation_is_shown_with_its_messages() {
    let Some(folder) = recordings() else { return };
    let output = inspect(&folder, &[], &["pypsrp/test_psrp_open_runspace.yml"]);
    let shown = stdout(&output);
    for expected in [
        "wsman-conversation",
        "0 request Create",
        "-> #1 SESSION_CAPABILITY",
        "protocolversion: 2.",
    ] {
        assert!(shown.contains(expected), "{expected} is not in\n{shown}");
    }
}

#[test]
fn a_rewritten_document_holds_the_same_values() {
    let Some(folder) = recordings() else { return };
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rewritten");
    let folder_argument = written.to_str().expect("the folder of the target is UTF-8");
    let names =
        ["objects/wrapped-primitives.xml", "references/ring-of-two.xml", "encodings/unicode.xml"];
    let recorded = folder.join("pwsh-7.6");
    stdout(&inspect(&recorded, &["--rewrite", folder_argument], &names));
    for name in names {
        let dumps =
            [&recorded, &written].map(|folder| inspect(folder, &["--dump", "decoded"], &[name]));
        let [before, after] = dumps.each_ref().map(stdout);
        assert_eq!(before, after, "{name}");
    }
}

#[test]
fn a_file_that_is_missing_is_named_and_the_others_are_read() {
    let Some(folder) = recordings() else { return };
    let output = inspect(&folder, &["--facts"], &["missing", "sitecore-remoting/test-account.xml"]);
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing"));
}

#[test]
fn the_recordings_pass_the_comparison() {
    let Some(folder) = recordings() else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command
        .arg("conformance")
        .arg("--data")
        .arg(folder)
        .output()
        .expect("the binary was built");
    let table = stdout(&output);
    let answers = table.lines().find(|line| line.starts_with("answers, read by wsman"));
    let counts: Vec<&str> =
        answers.expect("there is a row").split_whitespace().rev().take(2).collect();
    assert_eq!(counts.first(), Some(&"0"), "{table}");
    assert_ne!(counts.last(), Some(&"0"), "{table}");
}
