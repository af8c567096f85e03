//! Checks and tools of this workspace.
//!
//! `cargo xtask ci` runs what has to hold before a change goes in, each part of it also alone as `cargo xtask check`;
//! `inspect` reads recordings; `conformance` compares this workspace with recordings and with Microsoft's engine;
//! `fuzz` runs the fuzz targets; `bench` measures how fast mailboxes are decoded; `scrub` makes recordings safe to share;
//! `release-check` says whether the crates can be published.

mod bench;
mod check;
mod conformance;
mod fixture;
mod fuzz;
mod inspect;
mod process;
mod record;
mod release;
mod replay;
mod scrub;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks and tools of this workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check, cheap ones first, and print a table of what passed
    Ci(check::Ci),
    /// Run one check
    Check(check::Check),
    /// Show recordings readably, as facts, as canonical dumps, or write them again
    Inspect(inspect::Inspect),
    /// Record a session with a server as a fixture
    Record(record::Record),
    /// Replay fixtures without a network, and show the first difference
    Replay(replay::Replay),
    /// Compare this workspace with recordings and with Microsoft's engine
    Conformance(conformance::Conformance),
    /// Run fuzz targets, one after the other
    Fuzz(fuzz::Fuzz),
    /// Measure how fast mailboxes are decoded, beside what limits it
    Bench(bench::Bench),
    /// Copy recordings without what nobody else may see
    Scrub(scrub::Scrub),
    /// Name what stands in the way of a release, and pack the crates
    ReleaseCheck(release::ReleaseCheck),
}

fn main() -> ExitCode {
    let done = match Xtask::parse().command {
        Command::Ci(ci) => ci.run(),
        Command::Check(check) => check.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Record(record) => record.run(),
        Command::Replay(replay) => replay.run(),
        Command::Conformance(conformance) => conformance.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Bench(bench) => bench.run(),
        Command::Scrub(scrub) => scrub.run(),
        Command::ReleaseCheck(release) => release.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard output; a reader that went away ends the program without a word.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}
