//! The connector against an independent server: every mode the server knows, and every fault it can make.
//!
//! The server runs as a process of its own, one for each mode and one for each fault; the connector runs in this process,
//! as a program that uses the library would run it. What the server holds and counts afterwards is the judge.

mod client;
mod economy;
mod faults;
mod modes;
mod python;
mod server;
mod trial;
mod verdict;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

pub(crate) use self::client::{Pace, Way};
pub(crate) use self::server::{Peer, Program};
use super::Row;

/// What of the matrix to run, and how.
#[derive(Debug)]
pub(super) struct Options<'a> {
    /// Folder of `peer_server.py`.
    pub(super) folder: &'a Path,
    /// The interpreter that has the server's packages.
    pub(super) python: Option<PathBuf>,
    /// How many servers run at a time.
    pub(super) jobs: usize,
    /// Whether to import 50,000 mailboxes too.
    pub(super) large: bool,
    /// Whether to say of every fault what the client made of it.
    pub(super) explain: bool,
    /// The messages at which faults strike.
    pub(super) messages: &'a [u32],
    /// Only what has one of these words in its name.
    pub(super) only: &'a [String],
}

impl Options<'_> {
    /// Whether something of this name is to be run.
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
    }
}

/// Runs the matrix and prints it; a row for each part of it.
///
/// # Errors
///
/// When the server cannot be run at all, or nothing has the words that were asked for.
pub(super) fn compare(options: &Options<'_>) -> Result<Vec<Row>> {
    let folder = options
        .folder
        .canonicalize()
        .with_context(|| format!("cannot find {}", options.folder.display()))?;
    let python = python::interpreter(options.python.as_deref(), &folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let rows = runtime.block_on(async {
        let program = Program::new(&python, folder).await?;
        let mut rows = vec![modes::run(&program, options).await];
        rows.extend(faults::run(&program, options).await?);
        if !options.only.is_empty() {
            rows.retain(|row| !row.is_empty());
            ensure!(!rows.is_empty(), "no run has {} in its name", options.only.join(" or "));
        }
        Ok(rows)
    });
    // A client that hangs must not keep this program from ending.
    runtime.shutdown_background();
    rows
}
