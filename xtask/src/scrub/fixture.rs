//! Fixtures: scrubbed before they are written, and checked as they lie in their folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use psrp::crypto::KeyPair;
use uuid::Uuid;
use wsman::fixture::Fixture;
use wsman::recording::RecordedAnswer;

use super::check::{Checker, DrawnIds, Finding};
use super::file::File;
use super::walk::Walk;
use super::{Counts, Facts, Form, Part, scrub, walk_parts};

/// The throw-away key of a recording, which is no secret: it opens nothing but this fixture.
const KEY: &str = "key.pem";

/// Takes from a fixture what nobody else may see, before it touches the disk.
///
/// The envelopes, failures, attachments and the command are scrubbed together. `drawn` are the ids that the client drew
/// itself, which stay; `secrets` are looked for everywhere. What came out is checked, also for the words that were replaced.
///
/// # Errors
///
/// When the key of the fixture cannot be read, or something was left.
pub(crate) fn scrub_fixture(
    fixture: &mut Fixture,
    drawn: &[Uuid],
    secrets: &[String],
) -> Result<Counts> {
    let keys = keys_of(fixture);
    let others = fixture.attachments.iter().filter(|(name, _)| *name != KEY);
    let mut attachments: Vec<(String, String)> = others
        .map(|(name, bytes)| (name.clone(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    let scrubbed = {
        let mut parts = parts_of(fixture);
        for (name, text) in &mut attachments {
            parts.push(Part::new(name.clone(), form_of(name), text));
        }
        scrub(&mut parts, &Facts { drawn, keys: &keys, secrets })?
    };
    for (name, text) in attachments {
        fixture.attachments.insert(name, text.into_bytes());
    }
    let left = look_through(fixture, &scrubbed.secrets, &scrubbed.names);
    if !left.is_empty() {
        let left: Vec<String> = left.iter().map(Finding::to_string).collect();
        bail!("{} places hold what is no stand-in:\n{}", left.len(), left.join("\n"));
    }
    Ok(scrubbed.counts)
}

fn keys_of(fixture: &Fixture) -> Vec<String> {
    let key = fixture.attachments.get(KEY);
    key.map(|key| String::from_utf8_lossy(key).into_owned()).into_iter().collect()
}

/// The texts of a fixture but for its attachments.
fn parts_of(fixture: &mut Fixture) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for (index, exchange) in fixture.recording.exchanges.iter_mut().enumerate() {
        let number = index + 1;
        let request = format!("{number:02}-request.xml");
        parts.push(Part::new(request, Form::Request(number), &mut exchange.request));
        let answer = format!("{number:02}-response.xml");
        match &mut exchange.answer {
            RecordedAnswer::Envelope { envelope, .. } => {
                parts.push(Part::new(answer, Form::Answer(number), envelope));
            }
            RecordedAnswer::Failure(failure) => {
                parts.push(Part::new(answer.clone(), Form::Text, &mut failure.message));
                for (name, value) in &mut failure.fields {
                    parts.push(Part::new(answer.clone(), Form::Named(name.clone()), value));
                }
            }
            RecordedAnswer::Dropped => {}
        }
    }
    let filter = || Form::Named("filter".to_owned());
    for argument in &mut fixture.manifest.command {
        parts.push(Part::new("session.toml", filter(), argument));
    }
    for text in [&mut fixture.manifest.build, &mut fixture.manifest.note] {
        parts.push(Part::new("session.toml", Form::Text, text));
    }
    parts
}

fn form_of(name: &str) -> Form {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Form::Toml,
        Some("json" | "jsonl") => Form::Json,
        Some("http") => Form::Http,
        Some("xml" | "clixml") => Form::Clixml,
        _ => Form::Text,
    }
}

/// Returns the ids that the client of a recording drew itself, told by the places where the protocol lets it choose.
pub(crate) fn drawn_ids(fixture: &Fixture) -> Vec<Uuid> {
    let mut fixture = fixture.clone();
    let mut drawn = DrawnIds::default();
    walk_parts(&mut Walk::new(&mut drawn, &[]), &mut parts_of(&mut fixture));
    drawn.0.into_iter().collect()
}

/// Looks through everything in a fixture for what is no stand-in, and for `words`.
pub(crate) fn check_fixture(fixture: &Fixture, words: &[String]) -> Vec<Finding> {
    look_through(fixture, words, &[])
}

fn look_through(fixture: &Fixture, words: &[String], names: &[String]) -> Vec<Finding> {
    let mut fixture = fixture.clone();
    let keys: Vec<KeyPair> =
        keys_of(&fixture).iter().filter_map(|key| KeyPair::from_pkcs8_pem(key).ok()).collect();
    let attachments = std::mem::take(&mut fixture.attachments);
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut binaries = Vec::new();
    for (name, bytes) in attachments.into_iter().filter(|(name, _)| name != KEY) {
        match String::from_utf8(bytes) {
            Ok(text) => texts.push((name, text)),
            Err(error) => binaries.push((name, error.into_bytes())),
        }
    }
    let mut parts = parts_of(&mut fixture);
    for (name, text) in &mut texts {
        parts.push(Part::new(name.clone(), form_of(name), text));
    }
    let mut drawn = DrawnIds::default();
    walk_parts(&mut Walk::new(&mut drawn, &keys), &mut parts);
    let mut checker = Checker::new(words, drawn.0).with_names(names);
    let mut walk = Walk::new(&mut checker, &keys);
    walk_parts(&mut walk, &mut parts);
    for (name, bytes) in binaries {
        walk.within(name, |walk| walk.bytes(super::Class::Free, &bytes));
    }
    checker.findings()
}

/// What a check of folders came to.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) fixtures: usize,
    /// Files that belong to no fixture.
    pub(crate) others: usize,
    /// Each with the folder before its place.
    pub(crate) findings: Vec<Finding>,
}

/// Checks all fixtures in and below `folders`, and all other files there.
///
/// # Errors
///
/// When a fixture or a folder cannot be read.
pub(crate) fn check_folders(folders: &[PathBuf], words: &[String]) -> Result<Checked> {
    let mut checked = Checked::default();
    let mut fixtures = BTreeSet::new();
    let files = super::command::files_in(folders)?;
    for (path, _) in &files {
        if path.file_name().is_some_and(|name| name == "session.toml") {
            fixtures.extend(path.parent().map(Path::to_owned));
        }
    }
    for folder in &fixtures {
        let fixture = Fixture::read(folder)
            .with_context(|| format!("{} is no readable fixture", folder.display()))?;
        checked.fixtures += 1;
        checked.add(folder, check_fixture(&fixture, words));
    }
    // The files themselves too: what no reader of fixtures looks at, such as comments, is shared all the same.
    for (path, below) in &files {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let in_fixture = path.parent().is_some_and(|folder| fixtures.contains(folder));
        checked.others += usize::from(!in_fixture);
        let mut checker = Checker::new(words, BTreeSet::new());
        checker.raw(&name, below.to_string_lossy().as_bytes());
        checker.raw(&name, &bytes);
        if !in_fixture || name == "session.toml" {
            let mut file = File::read(path, Path::new(&name), 0)?;
            let mut parts: Vec<Part<'_>> = file.parts().collect();
            walk_parts(&mut Walk::new(&mut checker, &[]), &mut parts);
        }
        checked.add(path.parent().unwrap_or(path), checker.findings());
    }
    Ok(checked)
}

impl Checked {
    fn add(&mut self, folder: &Path, findings: Vec<Finding>) {
        self.findings.extend(findings.into_iter().map(|finding| Finding {
            place: format!("{}: {}", folder.display(), finding.place),
            ..finding
        }));
        self.findings.sort();
        self.findings.dedup();
    }
}
