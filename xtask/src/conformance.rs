//! `cargo xtask conformance`: this workspace against what it did not write itself.

mod answers;
mod client;
mod data;
pub(crate) mod peer;
mod reader;
mod server;

use std::num::NonZeroUsize;
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
    /// Folder of the test server: the connector runs against each of its modes
    #[arg(long, value_name = "DIR")]
    peer: Option<PathBuf>,
    #[command(flatten)]
    matrix: Matrix,
}

/// How to run the matrix of the test server.
#[derive(Args, Debug)]
struct Matrix {
    /// Python with the test server's packages; else EXCHANGE_TEST_PYTHON, else one is set up in target/peer-venv
    #[arg(long, value_name = "PATH", requires = "peer")]
    python: Option<PathBuf>,
    /// How many servers to run at a time
    #[arg(long, value_name = "N", requires = "peer")]
    jobs: Option<NonZeroUsize>,
    /// Import 50,000 mailboxes too
    #[arg(long, requires = "peer")]
    large: bool,
    /// Say of every fault what the client made of it
    #[arg(long, requires = "peer")]
    explain: bool,
    /// The messages at which faults strike, instead of each of the first twelve
    #[arg(long, value_name = "N,…", requires = "peer", value_delimiter = ',', default_values_t = 1..=12)]
    messages: Vec<u32>,
    /// Run only what has this word in its name; repeatable
    #[arg(long, value_name = "WORD", requires = "peer")]
    only: Vec<String>,
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

    /// Whether nothing was compared.
    fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
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
        if let Some(folder) = &self.peer {
            add(peer::compare(&self.matrix.options(folder)));
        }
        crate::print(&table(&rows));
        for row in rows.iter().filter(|row| row.is_empty()) {
            eprintln!("error: nothing was compared: {}", row.subject);
            broken += 1;
        }
        let failed: usize = rows.iter().map(|row| row.failed).sum();
        match (failed, broken) {
            (0, 0) => Ok(()),
            (failed, 0) => bail!("{failed} comparisons failed"),
            (failed, broken) => bail!("{failed} comparisons failed, {broken} parts did not run"),
        }
    }
}

impl Matrix {
    fn options<'a>(&'a self, folder: &'a Path) -> peer::Options<'a> {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        peer::Options {
            folder,
            python: self.python.clone(),
            jobs: self.jobs.map_or(processors, NonZeroUsize::get),
            large: self.large,
            explain: self.explain,
            messages: &self.messages,
            only: &self.only,
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
