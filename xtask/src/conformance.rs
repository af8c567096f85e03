//! `cargo xtask conformance`: this workspace against what it did not write itself.

mod answers;
mod client;
mod data;
mod reader;
mod server;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

/// Arguments of `conformance`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Conformance {
    /// Folder of real recordings with their EXPECTED.json: the facts of each file are compared
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder with `start`, which runs Microsoft's PowerShell: psrp-client's tests drive it as a server
    #[arg(long, value_name = "DIR")]
    pwsh: Option<PathBuf>,
    /// Folder with the scripts for PowerShell as a client: it administers the simulated Exchange, and its reader judges the
    /// documents of --data that we wrote again. Without --pwsh, the engine in the folder `pwsh` beside this one runs them
    #[arg(long, value_name = "DIR")]
    pwsh_client: Option<PathBuf>,
}

/// One line of the table.
#[derive(Debug, Eq, PartialEq)]
struct Row {
    subject: String,
    passed: usize,
    failed: usize,
    /// What a reader of the counts has to know.
    note: String,
}

impl Row {
    fn new(subject: impl Into<String>, passed: usize, failed: usize) -> Self {
        Self { subject: subject.into(), passed, failed, note: String::new() }
    }
}

impl Conformance {
    /// Runs what its arguments ask for and prints a table of what passed.
    ///
    /// # Errors
    ///
    /// When something failed, or a part could not be run; the other parts are run and told all the same.
    pub(crate) fn run(&self) -> Result<()> {
        let (mut rows, mut broken) = (Vec::new(), 0_usize);
        let mut add = |part: Result<Vec<Row>>| match part {
            Ok(part) => rows.extend(part),
            Err(error) => {
                eprintln!("error: {error:#}");
                broken += 1;
            }
        };
        if let Some(data) = &self.data {
            add(data::compare(data));
            add(answers::compare(data).map(|row| vec![row]));
        }
        if let Some(pwsh) = &self.pwsh {
            add(server::drive(pwsh).map(|row| vec![row]));
        }
        if let Some(scripts) = &self.pwsh_client {
            let engine = self.pwsh.clone().unwrap_or_else(|| scripts.join("../pwsh"));
            add(client::administer(&engine, scripts).map(|row| vec![row]));
            if let Some(data) = &self.data {
                add(reader::judge(data, &engine, scripts).map(|row| vec![row]));
            }
        }
        crate::print(&table(&rows));
        let failed: usize = rows.iter().map(|row| row.failed).sum();
        match (failed, broken) {
            (0, 0) => Ok(()),
            (failed, 0) => bail!("{failed} comparisons failed"),
            (failed, broken) => bail!("{failed} comparisons failed, {broken} parts did not run"),
        }
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("{:<40} {:>6} {:>6}\n", "subject", "passed", "failed");
    for Row { subject, passed, failed, note } in rows {
        let line = format!("{subject:<40} {passed:>6} {failed:>6}  {note}");
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}
