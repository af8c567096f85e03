//! Microsoft's client as administrator of the simulated Exchange: its half of the protocol judges our server half.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{Row, absolute};
use crate::process::{cargo, output};

/// How many mailboxes the simulated Exchange has.
const MAILBOXES: &str = "20";

/// Runs `exchange.ps1` against `exchange-connector simulate --stdio`; each of its checks counts.
///
/// # Errors
///
/// When the command line cannot be built, or the engine does not run.
pub(super) fn administer(engine: &Path, scripts: &Path) -> Result<Row> {
    let start = absolute(&engine.join("start"))?;
    let script = absolute(&scripts.join("exchange.ps1"))?;
    let binary = build()?;
    let server = format!("'{}' simulate --stdio --mailboxes {MAILBOXES}", binary.display());
    let output = Command::new(start)
        .args(["-NoProfile", "-File"])
        .arg(script)
        .args(["-Mailboxes", MAILBOXES])
        .env("PSRP_SERVER", server)
        .output()
        .context("cannot start PowerShell")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let row = row(output.status.success(), &said)?;
    if row.failed > 0 {
        eprint!("{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(row)
}

/// Builds the command line and returns where it is.
fn build() -> Result<PathBuf> {
    let arguments = [
        "build",
        "--package",
        "exchange-connector-cli",
        "--message-format",
        "json-render-diagnostics",
    ];
    let messages = output(cargo(&arguments).stderr(Stdio::inherit()))?;
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    };
    messages.lines().find_map(executable).context("cargo named no program that it built")
}

fn row(success: bool, said: &str) -> Result<Row> {
    let lines = |start| said.lines().filter(|line| line.starts_with(start)).count();
    let (passed, failed) = (lines("ok "), lines("FAILED "));
    if success != (failed == 0) || passed + failed == 0 {
        bail!("exchange.ps1 did not end as it should:\n{said}");
    }
    Ok(Row::new("our server half, used by the engine", passed, failed))
}

#[cfg(test)]
mod tests {
    use super::row;

    #[test]
    fn each_check_counts() {
        let row = row(false, "ok a\nFAILED b: why\nok c\n").unwrap();
        assert_eq!((row.passed, row.failed), (2, 1));
    }

    #[test]
    fn a_script_that_ended_without_a_word_is_an_error() {
        assert!(row(true, "").is_err());
        assert!(row(false, "ok a\n").is_err());
    }
}
