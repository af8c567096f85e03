//! `cargo xtask check` and `cargo xtask ci`: the same checks, one or all.

mod layers;
mod spec;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::process::{cargo, run, workspace};

/// Arguments of `check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[arg(value_enum, value_name = "CHECK")]
    subject: Subject,
}

/// Arguments of `ci`.
#[derive(Args, Debug)]
pub(crate) struct Ci {
    /// Leave out the tests, for a caller that runs them itself
    #[arg(long)]
    no_test: bool,
}

/// What can be checked; in this order by `ci`: what takes no compiler first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Subject {
    /// The code is formatted
    Fmt,
    /// No crate reaches a crate above it, and the protocol crates reach no network
    Layers,
    /// Cited sections of specifications exist under that number and title
    Spec,
    /// The recorded fixtures hold nothing but stand-ins
    Fixtures,
    /// Licences, sources and bans of the dependencies
    Deny,
    /// No warnings of the compiler and of clippy
    Lint,
    /// The documentation builds without warnings
    Doc,
    /// A project outside of the workspace replays a recording with the crates that it uses
    Example,
    /// The tests pass
    Test,
}

impl Check {
    /// Runs the check.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub(crate) fn run(&self) -> Result<()> {
        self.subject.check()
    }
}

impl Ci {
    /// Runs all checks, also those after a failure, and prints what passed.
    ///
    /// # Errors
    ///
    /// When one failed.
    pub(crate) fn run(&self) -> Result<()> {
        let mut rows = Vec::new();
        let wanted = |subject: &&Subject| !(self.no_test && **subject == Subject::Test);
        for subject in Subject::value_variants().iter().filter(wanted) {
            let start = Instant::now();
            let failure = subject.check().err();
            if let Some(error) = &failure {
                eprintln!("{}: {error:#}", subject.name());
            }
            rows.push((subject.name(), failure.is_none(), start.elapsed()));
        }
        crate::print(&table(&rows));
        let failed: Vec<&str> =
            rows.iter().filter(|(_, passed, _)| !passed).map(|(name, ..)| name.as_str()).collect();
        if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
    }
}

impl Subject {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn check(self) -> Result<()> {
        match self {
            Self::Fmt => run(&mut cargo(&["fmt", "--all", "--check"])),
            Self::Layers => layers::check(),
            Self::Spec => spec::check(),
            Self::Fixtures => fixtures(),
            Self::Deny => deny(),
            Self::Lint => lint(),
            Self::Doc => {
                let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
                run(doc.args(features()).env("RUSTDOCFLAGS", "-D warnings"))
            }
            Self::Example => example(),
            Self::Test => run(&mut cargo(&["test", "--workspace"])),
        }
    }
}

/// Tests the project in `examples/`, with the versions of the workspace's lock file and in its build folder.
fn example() -> Result<()> {
    let root = workspace();
    let project = root.join("examples/replay");
    std::fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock"))
        .context("cannot lend the lock file")?;
    let target = root.join("target");
    run(cargo(&["test", "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target))
}

/// Looks for leaks in the recorded fixtures.
fn fixtures() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    crate::scrub::check(&[folder], &[])
}

/// Everything in the lock file is fetched before, also what only other systems need, so that the check itself takes no
/// network.
fn deny() -> Result<()> {
    run(&mut cargo(&["fetch", "--locked"]))?;
    let checks = run(&mut cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]));
    checks.context("`cargo install cargo-deny --locked` installs it where it is missing")
}

/// The workspace has every feature on but `gssapi`, for its members ask for them; `wsman` has to compile without them too.
fn lint() -> Result<()> {
    run(clippy().args(["--workspace", "--all-targets"]).args(features()).args(DENY_WARNINGS))?;
    run(clippy()
        .args(["--package", "wsman", "--all-targets", "--features", "client"])
        .args(DENY_WARNINGS))?;
    run(clippy().args(["--package", "wsman", "--no-default-features"]).args(DENY_WARNINGS))
}

fn clippy() -> Command {
    cargo(&["clippy"])
}

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// Every feature, where the system's Kerberos library and what reads its headers are there to build `gssapi`.
fn features() -> &'static [&'static str] {
    if has_system_kerberos() {
        return &["--all-features"];
    }
    eprintln!("without the feature gssapi: libkrb5-dev and libclang1 are not installed");
    &[]
}

fn has_system_kerberos() -> bool {
    let says = |program: &str, argument: &str| {
        let said = Command::new(program).arg(argument).stderr(Stdio::null()).output();
        said.ok().filter(|said| said.status.success()).map(|said| said.stdout)
    };
    let clang = std::env::var_os("LIBCLANG_PATH").is_some()
        || ["ldconfig", "/sbin/ldconfig"].iter().any(|program| {
            let libraries = says(program, "-p").unwrap_or_default();
            memchr::memmem::find(&libraries, b"libclang-").is_some()
                || memchr::memmem::find(&libraries, b"libclang.so").is_some()
        });
    clang && says("krb5-config", "--cflags").is_some()
}

fn table(rows: &[(String, bool, Duration)]) -> String {
    let mut table = String::from("\ncheck      result      time\n");
    for (name, passed, time) in rows {
        let result = if *passed { "ok" } else { "FAILED" };
        table.push_str(&format!("{name:<10} {result:<8} {:>6.1}s\n", time.as_secs_f64()));
    }
    table
}
