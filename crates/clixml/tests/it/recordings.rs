//! The recordings and what an independent parser found in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clixml::{Document, Value, dump};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// One recorded document and the facts about it.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) facts: Json,
}

/// Gives the folder of the recordings, which need not exist.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("EXCHANGE_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/realdata")),
        PathBuf::from,
    )
}

/// Finds the recordings of one kind; says so and gives none when there are none on this machine.
pub(crate) fn recordings(kind: &str) -> Vec<Recording> {
    let root = root();
    let mut found = Vec::new();
    for folder in [root.clone(), root.join("pwsh-7.6")] {
        match fs::read(folder.join("EXPECTED.json")) {
            Ok(expected) => collect(&folder, &expected, kind, &mut found),
            Err(_) => eprintln!("skipped: no recordings at {}", folder.display()),
        }
    }
    found
}

fn collect(folder: &Path, expected: &[u8], kind: &str, found: &mut Vec<Recording>) {
    let expected: BTreeMap<String, Json> =
        serde_json::from_slice(expected).expect("EXPECTED.json is JSON");
    for (name, facts) in expected {
        if facts.get("kind").and_then(Json::as_str) == Some(kind) {
            let bytes = fs::read(folder.join(&name)).expect("a file named in EXPECTED.json exists");
            found.push(Recording { name, bytes, facts });
        }
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_document_gives_the_facts_expected() {
    for Recording { name, bytes, facts: expected } in recordings("clixml") {
        let facts = dump::facts(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(facts.encoding, expected["encoding"], "{name}");
        assert_eq!(facts.root, expected["root"], "{name}");
        assert_eq!(facts.top_level, expected["top_level"], "{name}");
        if let Some(first_type) = &facts.first_type {
            assert_eq!(first_type, &expected["first_type"], "{name}");
        }
        assert_eq!(Json::from(facts.first_adapted), expected["first_adapted"], "{name}");
        assert_eq!(Json::from(facts.first_extended), expected["first_extended"], "{name}");
        assert_eq!(serde_json::to_value(&facts.elements).unwrap(), expected["elements"], "{name}");
        assert_eq!(
            sha256(&facts.raw),
            expected["raw_sha256"],
            "{name}: raw dump\n{:.2000}",
            facts.raw
        );
        assert_eq!(
            sha256(&facts.decoded),
            expected["decoded_sha256"],
            "{name}: decoded dump\n{:.4000}",
            facts.decoded
        );
    }
}

#[test]
fn every_envelope_and_other_xml_gives_the_raw_dump_expected() {
    for Recording { name, bytes, facts } in recordings("soap").into_iter().chain(recordings("xml"))
    {
        let raw = dump::raw(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(sha256(&raw), facts["raw_sha256"], "{name}");
    }
}

#[test]
fn every_malformed_document_is_refused() {
    for Recording { name, bytes, .. } in recordings("malformed-xml") {
        // The parser that made the expectations does not know this encoding.
        if name == "encodings/utf32.xml" {
            continue;
        }
        assert!(dump::raw(&bytes).is_err(), "{name}");
        assert!(clixml::read_document(&bytes).is_err(), "{name}");
    }
}

#[test]
fn every_document_survives_reading_writing_and_reading() {
    for Recording { name, bytes, .. } in recordings("clixml") {
        let document =
            clixml::read_document(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = document.to_xml();
        let again = clixml::read_document(written.as_bytes())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        // Not a number is unequal to itself, so the debug form is compared.
        assert_eq!(format!("{document:?}"), format!("{again:?}"), "{name}");
        check_body(&name, &document);
    }
}

/// A document of one value is a message body too.
#[track_caller]
fn check_body(name: &str, document: &Document) {
    if let Document { values, .. } = document
        && let [value] = values.as_slice()
    {
        let again: Value = clixml::read_value(clixml::write_value(value).as_bytes())
            .expect("what is written can be read");
        assert_eq!(format!("{value:?}"), format!("{again:?}"), "{name}");
    }
}

#[test]
fn what_is_written_gives_the_same_decoded_dump_as_what_was_read() {
    for Recording { name, bytes, .. } in recordings("clixml") {
        // This hostile document names the items of a list, which have no names.
        if name == "powershell/corruptedcim.clixml" {
            continue;
        }
        let document = clixml::read_document(&bytes).expect("a recorded document is CLIXML");
        let before = dump::decoded(&bytes).expect("a recorded document is CLIXML");
        let after = dump::decoded(document.to_xml().as_bytes()).expect("what is written is CLIXML");
        for (before, after) in before.lines().zip(after.lines()) {
            assert_eq!(normalized(before), after, "{name}");
        }
        assert_eq!(before.lines().count(), after.lines().count(), "{name}");
    }
}

/// Older servers write more digits of a number than are needed, and one document has blanks around base64.
fn normalized(line: &str) -> String {
    let fields: Vec<&str> = line.splitn(4, '|').collect();
    match fields.as_slice() {
        [depth, "Db", name, number] => match number.parse::<f64>() {
            Ok(parsed) if number.contains('.') && !number.contains('E') => {
                format!("{depth}|Db|{name}|{parsed}")
            }
            _ => line.to_owned(),
        },
        [depth, "SS", name, text] => {
            format!("{depth}|SS|{name}|{}", text.replace("\\n", "").trim())
        }
        _ => line.to_owned(),
    }
}
