//! `cargo xtask conformance`: this workspace against what it did not write itself.

mod answers;
mod data;
mod engine;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `conformance`.
#[derive(Args, Debug)]
pub(crate) struct Conformance {
    /// Folder of real recordings with their EXPECTED.json: the facts of each file are compared
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder with `start`, which runs Microsoft's PowerShell
    #[arg(long, value_name = "DIR", requires = "pwsh_client", requires = "data")]
    pwsh: Option<PathBuf>,
    /// Folder with the judging scripts: Microsoft's reader judges the documents of --data that we wrote again
    #[arg(long, value_name = "DIR", requires = "pwsh")]
    pwsh_client: Option<PathBuf>,
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    subject: String,
    passed: usize,
    failed: usize,
}

impl Conformance {
    /// Runs what its arguments ask for and prints a table of what passed.
    ///
    /// # Errors
    ///
    /// When nothing is given, something failed, or a part could not be run.
    pub(crate) fn run(&self) -> Result<()> {
        let Some(data) = &self.data else { bail!("nothing to compare with: give --data") };
        let mut rows = data::compare(data)?;
        rows.push(answers::compare(data)?);
        if let (Some(pwsh), Some(client)) = (&self.pwsh, &self.pwsh_client) {
            rows.push(engine::judge(data, pwsh, client)?);
        }
        crate::print(&table(&rows));
        let failed: usize = rows.iter().map(|row| row.failed).sum();
        if failed > 0 { bail!("{failed} comparisons failed") } else { Ok(()) }
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("{:<32} {:>6} {:>6}\n", "subject", "passed", "failed");
    for Row { subject, passed, failed } in rows {
        table.push_str(&format!("{subject:<32} {passed:>6} {failed:>6}\n"));
    }
    table
}
