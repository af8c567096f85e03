//! Recorded sessions: a command, what it was given, what it said, and what went over the wire meanwhile.

mod scenario;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use exchange_connector::exchange_online::recording::RestRecording;
use psrp_client::recording::list_messages;
use uuid::Uuid;
use wsman::fixture::{Fixture, Manifest};
use wsman::recording::Recording;
use wsman::server::parse_request;
use wsman::{Limits, Operation};

pub(crate) use self::scenario::{INTERRUPTED, Said, Scenario};

/// One recorded session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// What was recorded, of what, and when.
    pub(crate) manifest: Manifest,
    /// The settings, TOML, with every secret in clear.
    pub(crate) settings: String,
    /// What the command read, JSON Lines.
    pub(crate) input: Option<String>,
    /// What it wrote to its standard output, JSON Lines.
    pub(crate) output: String,
    /// What it wrote to its standard error.
    pub(crate) errors: String,
    /// What went over the wire to the own servers.
    pub(crate) soap: Recording,
    /// What went over the wire to the service.
    pub(crate) rest: RestRecording,
    /// The key pair under which secrets were sent, PKCS#8 in PEM: made for this recording, and worth nothing.
    pub(crate) key: Option<String>,
    /// The ids that the client drew from the seed: they say nothing about anybody.
    pub(crate) client_ids: BTreeSet<Uuid>,
}

impl Session {
    /// Reads a folder.
    ///
    /// # Errors
    ///
    /// When it is no fixture.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let fixture = Fixture::read(folder);
        let fixture = fixture.with_context(|| format!("{} is no fixture", folder.display()))?;
        Self::from_fixture(fixture).with_context(|| format!("{}", folder.display()))
    }

    /// Takes a session out of its fixture.
    ///
    /// # Errors
    ///
    /// When a file is missing, or is no text.
    pub(crate) fn from_fixture(mut fixture: Fixture) -> Result<Self> {
        let mut text = |name: &str| {
            let bytes = fixture.attachments.remove(name);
            let text = bytes.map(String::from_utf8).transpose();
            text.with_context(|| format!("{name} is no text"))
        };
        let settings = text(SETTINGS)?.with_context(|| format!("{SETTINGS} is missing"))?;
        let (input, key) = (text(INPUT)?, text(KEY)?);
        let (output, errors) =
            (text(OUTPUT)?.unwrap_or_default(), text(ERRORS)?.unwrap_or_default());
        let rest = RestRecording::from_files(&mut fixture.attachments);
        let rest = rest.context("a request to the service, or its answer, is not as recorded")?;
        let client_ids = client_ids(&fixture.recording);
        let Fixture { manifest, recording: soap, .. } = fixture;
        Ok(Self { manifest, settings, input, output, errors, soap, rest, key, client_ids })
    }

    /// Puts a session into a fixture, with its messages as a list.
    pub(crate) fn to_fixture(&self) -> Fixture {
        let mut fixture = Fixture::new(self.manifest.clone(), self.soap.clone());
        let mut put = |name: &str, text: &str| {
            if !text.is_empty() {
                fixture.attachments.insert(name.to_owned(), text.as_bytes().to_vec());
            }
        };
        put(SETTINGS, &self.settings);
        put(INPUT, self.input.as_deref().unwrap_or_default());
        put(OUTPUT, &self.output);
        put(ERRORS, &self.errors);
        put(KEY, self.key.as_deref().unwrap_or_default());
        put(MESSAGES, &list_messages(&self.soap));
        fixture.attachments.extend(self.rest.to_files());
        fixture
    }

    /// Writes a folder, which is made; whatever an earlier recording left in it is replaced.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for path in former(folder)? {
            std::fs::remove_file(&path)
                .with_context(|| format!("cannot replace {}", path.display()))?;
        }
        let written = self.to_fixture().write(folder);
        written.with_context(|| format!("cannot write {}", folder.display()))
    }
}

/// The files of an earlier recording in a folder that a new one may not have.
fn former(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut former = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_former = [INPUT, OUTPUT, ERRORS, KEY, MESSAGES].contains(&name.as_str());
        if is_former || RestRecording::is_file(&name) {
            former.push(entry.path());
        }
    }
    Ok(former)
}

/// Finds the fixtures in a folder: itself, or those below it, in order.
///
/// # Errors
///
/// When a folder cannot be read, or there is none.
pub(crate) fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        if folder.join(MANIFEST).is_file() {
            found.push(folder);
            continue;
        }
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    if found.is_empty() {
        bail!("there is no {MANIFEST} in {} or below", folder.display());
    }
    found.sort();
    Ok(found)
}

/// The ids in requests that are the client's own to choose.
fn client_ids(recording: &Recording) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    for exchange in &recording.exchanges {
        let Ok(request) = parse_request(exchange.request.as_bytes(), Limits::default()) else {
            continue;
        };
        let headers = request.headers;
        let messages = [headers.message_id, headers.session_id, headers.operation_id];
        let messages = messages.iter().flatten().filter_map(|id| id.as_str().strip_prefix("uuid:"));
        ids.extend(messages.filter_map(|id| Uuid::parse_str(id).ok()));
        ids.extend(match request.operation {
            Operation::Create(create) => create.shell_id.and_then(|id| id.uuid()),
            Operation::Command(command) => command.command_id.and_then(|id| id.uuid()),
            _ => None,
        });
    }
    ids
}

const MANIFEST: &str = "session.toml";
const SETTINGS: &str = "settings.toml";
const INPUT: &str = "input.jsonl";
const OUTPUT: &str = "output.jsonl";
const ERRORS: &str = "errors.txt";
const KEY: &str = "key.pem";
/// The list of messages, for people.
pub(crate) const MESSAGES: &str = "messages.txt";
