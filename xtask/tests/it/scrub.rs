//! The scrubber over recordings that others made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{inspect, recordings, stdout};

/// Recordings of each kind: conversations, exports of a server, objects and bodies of the cloud.
const FOLDERS: [&str; 4] =
    ["pypsrp", "css-exchange-e19/Exchange", "exo-json-scubagear", "exo-rest-graph2otel"];

/// Facts that tell the structure, not what is in it.
const STRUCTURE: [&str; 11] = [
    "kind",
    "encoding",
    "root",
    "name",
    "type",
    "body",
    "action",
    "side",
    "command_state",
    "first_type",
    "in",
];

/// Leaves of facts what a scrubbed copy has in common with its original: structure, and the length of everything else.
fn structure(name: &str, facts: &Value) -> Value {
    match facts {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !name.contains("sha256"));
            kept.map(|(name, value)| (name.clone(), structure(name, value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| structure(name, item)).collect(),
        Value::String(text) if !STRUCTURE.contains(&name) => text.len().into(),
        other => other.clone(),
    }
}

fn facts(folder: &Path, names: &[String]) -> Vec<Value> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let output = inspect(folder, &["--facts"], &names);
    stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

fn views(folder: &Path, names: &[String]) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    stdout(&inspect(folder, &[], &names)).to_owned()
}

/// Identifiers in a text, told by their ends and signs, without what the scrubber knows about their forms.
fn identifiers(text: &str) -> BTreeSet<&str> {
    let words = text.split(|sign: char| {
        sign.is_whitespace()
            || matches!(
                sign,
                '"' | '\'' | '<' | '>' | ',' | ';' | '=' | '(' | ')' | '/' | ':' | '{' | '}' | '\\'
            )
    });
    words
        .filter(|word| {
            let lower = word.to_ascii_lowercase();
            let is_host =
                [".com", ".local", ".test", ".lan"].iter().any(|end| lower.ends_with(end));
            let is_sid = lower.starts_with("s-1-5-21-");
            let is_guid = lower.len() == 36 && lower.matches('-').count() == 4;
            word.starts_with(char::is_alphanumeric) && (is_host || is_sid || is_guid)
        })
        .collect()
}

/// Everybody's, and what the protocol's own documents call things.
const PUBLIC: [&str; 10] = [
    "microsoft.com",
    "www.microsoft.com",
    "schemas.microsoft.com",
    "outlook.office365.com",
    "example.com",
    "00000000-0000-0000-0000-000000000000",
    "00000002-0000-0ff1-ce00-000000000000",
    "test.domain.com",
    "26491cfc-9e50-4857-861b-0cb8df22b5d7",
    "schemas.dmtf.org",
];

#[test]
fn scrubbed_recordings_keep_their_structure_and_none_of_their_identifiers() {
    let Some(folder) = recordings() else { return };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scrubbed");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("EXPECTED.json")).unwrap())
            .unwrap();
    for subject in FOLDERS {
        let out = target.join(subject);
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let done =
            command.arg("scrub").arg("--out").arg(&out).arg(folder.join(subject)).output().unwrap();
        assert!(stdout(&done).contains("files written"));
        let start = format!("{subject}/");
        let names = expected.as_object().unwrap().keys();
        let names: Vec<String> =
            names.filter_map(|name| name.strip_prefix(&start)).map(str::to_owned).collect();
        let before = facts(&folder.join(subject), &names);
        let after = facts(&out, &names);
        assert_eq!((before.len(), before.is_empty()), (after.len(), false));
        for ((name, before), after) in names.iter().zip(before).zip(after) {
            let (mut before, mut after) = (structure("", &before), structure("", &after));
            // A list of messages in YAML is written again, with other quotes.
            if before["kind"] == "wsman-conversation" {
                before["bytes"] = Value::Null;
                after["bytes"] = Value::Null;
            }
            assert_eq!(before, after, "{subject}/{name}");
        }
        let (before, after) = (views(&folder.join(subject), &names), views(&out, &names));
        let left: Vec<&str> =
            identifiers(&before).intersection(&identifiers(&after)).copied().collect();
        let left: Vec<&str> = left.into_iter().filter(|word| !PUBLIC.contains(word)).collect();
        assert_eq!(left, Vec::<&str>::new(), "{subject}");
        let (clean, told) = check(&out, &[]);
        assert!(clean, "{told}");
        assert!(!check(&folder.join(subject), &[]).0, "{subject} as it was recorded");
    }
}

/// Copies a fixture of the repository, to be changed.
fn copied(name: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(FIXTURE);
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&to).expect("the folder of the target can be written");
    for entry in std::fs::read_dir(from).expect("the fixture is there") {
        let path = entry.expect("the fixture can be read").path();
        let name = path.file_name().expect("it is a file");
        std::fs::copy(&path, to.join(name)).expect("it can be copied");
    }
    to
}

const FIXTURE: &str = "simulator/export/create-new";

fn check(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env("SCRUB_TEST_PASSWORD", "Winter2026");
    let output = command.arg("scrub").arg("--check").arg(folder).args(arguments).output();
    let output = output.expect("the binary was built for this test");
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&told).into_owned())
}

fn plant(file: &Path, at: &str, secret: &str) {
    let text = std::fs::read_to_string(file).expect("it is text");
    assert!(text.contains(at), "{at} is not in {}", file.display());
    std::fs::write(file, text.replacen(at, secret, 1)).expect("it can be written");
}

#[test]
fn what_is_planted_into_the_files_of_a_fixture_is_found_and_named() {
    let folder = copied("planted");
    let (clean, told) = check(&folder, &[]);
    assert!(
        clean && told.contains("1 fixtures and 0 other files hold nothing but stand-ins"),
        "{told}"
    );
    plant(&folder.join("settings.toml"), "hostname = \"", "hostname = \"mx.fabrikam.com\" #");
    plant(
        &folder.join("session.toml"),
        "scenario = \"",
        "note = \"asked by ann@tailspin.org\"\nscenario = \"",
    );
    plant(&folder.join("01-request.xml"), "<s:Body>", "<!-- seen on dc7.adatum.local --><s:Body>");
    let (clean, told) = check(&folder, &[]);
    assert!(!clean);
    for expected in [
        "settings.toml, hostname: host or domain mx…",
        "session.toml, note: address an…",
        "01-request.xml: host or domain dc…",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
    for secret in ["fabrikam", "tailspin", "adatum"] {
        assert!(!told.contains(secret), "the report tells {secret}:\n{told}");
    }
}

#[test]
fn the_secrets_that_the_settings_name_are_looked_for() {
    let folder = copied("named");
    plant(&folder.join("messages.txt"), "\n", "\nafter winter2026 the kraken woke\n");
    let settings = folder.with_file_name("named.toml");
    let text = "hostname = \"kraken.org\"\npassword = { env = \"SCRUB_TEST_PASSWORD\" }\n";
    std::fs::write(&settings, text).expect("it can be written");
    let settings = settings.to_str().expect("the path is UTF-8");
    assert!(check(&folder, &[]).0, "nobody can tell from the words alone");
    let (clean, told) = check(&folder, &["--config", settings]);
    assert!(!clean && told.matches("messages.txt: word of the recording").count() >= 2, "{told}");
    let words = folder.with_file_name("named.txt");
    std::fs::write(&words, "Kraken\n").expect("it can be written");
    let (clean, told) = check(&folder, &["--words", words.to_str().expect("the path is UTF-8")]);
    assert!(!clean && told.contains("word of the recording kr…"), "{told}");
}

#[test]
fn a_fixture_that_cannot_be_read_does_not_pass() {
    let folder = copied("damaged");
    std::fs::remove_file(folder.join("02-request.xml")).expect("it was there");
    let (clean, told) = check(&folder, &[]);
    assert!(!clean && told.contains("02-request.xml is missing"), "{told}");
}
