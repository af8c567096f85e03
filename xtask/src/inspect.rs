//! `cargo xtask inspect`: recordings made readable, told as stories or facts, dumped, or written again.

mod clixml_facts;
mod dump;
mod envelope;
mod expat;
mod json;
mod packets;
mod recording;
mod rewrite;
mod story;
mod text;
mod traffic;
mod tree;
mod view;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::recording::{Content, Recording};
pub(crate) use self::rewrite::rewrite_document;

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// Print one JSON object of facts a file
    #[arg(long, conflicts_with_all = ["dump", "rewrite"])]
    facts: bool,
    /// Print the canonical dump of each file
    #[arg(long, value_enum, conflicts_with = "rewrite")]
    dump: Option<Dump>,
    /// Read each CLIXML document and write it again into this folder
    #[arg(long, value_name = "DIR")]
    rewrite: Option<PathBuf>,
    /// Recordings: CLIXML, SOAP envelopes, conversations, PSRP fragments; fixtures and folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The canonical dumps.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dump {
    /// The elements of an XML document
    Raw,
    /// The objects of a CLIXML document
    Decoded,
}

impl Inspect {
    /// Runs the command; a file that fails is reported and the others are still done.
    ///
    /// # Errors
    ///
    /// When a file failed.
    pub(crate) fn run(&self) -> Result<()> {
        if let Some(folder) = &self.rewrite {
            return rewrite::rewrite(folder, &self.files);
        }
        let mut failed = 0_usize;
        for file in &self.files {
            match self.show(file) {
                Ok(shown) => crate::print(&shown),
                Err(error) => {
                    eprintln!("{}: {error:#}", file.display());
                    failed += 1;
                }
            }
        }
        if failed > 0 {
            bail!("{failed} of {} files could not be read", self.files.len());
        }
        Ok(())
    }

    fn show(&self, file: &Path) -> Result<String> {
        match self.dump {
            _ if self.facts => Ok(format!("{}\n", facts_of(file)?)),
            Some(dump) => dump.of(file),
            None if file.is_dir() => stories(file),
            None if file.extension().is_some_and(|extension| extension == "http") => http(file),
            None if let Some(view) = story::envelope_of_fixture(file)? => Ok(view),
            None => Ok(format!("{}: {}", file.display(), view::view(&Recording::open(file)?)?)),
        }
    }
}

/// Shows an HTTP message, which is text already.
fn http(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut view = format!("{}: http, {} bytes\n", file.display(), bytes.len());
    let text = String::from_utf8_lossy(&bytes);
    text.lines().for_each(|line| view::push_line(&mut view, "  ", line));
    Ok(view)
}

/// Tells all fixtures in `folder`, one after the other.
fn stories(folder: &Path) -> Result<String> {
    let mut told = String::new();
    for fixture in crate::fixture::find(folder)? {
        told.push_str(&format!("{}: {}\n", fixture.display(), story::story(&fixture)?));
    }
    Ok(told)
}

impl Dump {
    fn of(self, file: &Path) -> Result<String> {
        let recording = Recording::open(file)?;
        match self {
            Self::Decoded => Ok(clixml::dump::decoded(&recording.bytes)?),
            Self::Raw => {
                if let Content::Malformed(defect) = recording.content {
                    bail!("{defect}");
                }
                Ok(tree::Tree::parse(&recording.text.document)?.root().raw_dump())
            }
        }
    }
}

/// Returns the facts of `file`, in the form of the recordings' `EXPECTED.json`.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn facts_of(file: &Path) -> Result<Value> {
    let facts = Recording::open(file)?.facts();
    Ok(Value::Object(
        facts.with_context(|| format!("cannot tell the facts of {}", file.display()))?,
    ))
}

/// Returns the answers of a conversation, each with its place among all envelopes, as they stand in the recording.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn answers_of(file: &Path) -> Result<Vec<(usize, String)>> {
    let Content::Conversation(messages) = Recording::open(file)?.content else {
        return Ok(Vec::new());
    };
    let answers = messages.into_iter().enumerate().filter(|(_, (side, _))| *side == "response");
    Ok(answers.filter_map(|(index, (_, envelope))| Some((index, envelope.source?))).collect())
}

/// Returns the SHA-256 hash of `bytes` in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
