//! Microsoft's reader as judge of what we write.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Row;
use super::data::read_expected;
use crate::inspect::rewrite_document;
use crate::process::workspace;

/// Folder of the recordings that the engine wrote itself, with the truth about their values.
const RECORDED: &str = "pwsh-7.6";

/// Writes every CLIXML document of the engine again and lets `import-check.ps1` compare the values.
///
/// # Errors
///
/// When a document cannot be read, or the engine does not run.
pub(super) fn judge(data: &Path, pwsh: &Path, client: &Path) -> Result<Row> {
    let recorded = absolute(&data.join(RECORDED))?;
    let written = workspace().join("target/conformance").join(RECORDED);
    if written.exists() {
        std::fs::remove_dir_all(&written)
            .with_context(|| format!("cannot clear {}", written.display()))?;
    }
    let mut documents = 0;
    for (name, expected) in read_expected(&recorded.join("EXPECTED.json"))? {
        if expected.get("kind").and_then(Value::as_str) == Some("clixml") {
            let bytes = std::fs::read(recorded.join(&name))
                .with_context(|| format!("cannot read {name}"))?;
            rewrite_document(&bytes, &written.join(&name))
                .with_context(|| format!("cannot rewrite {name}"))?;
            documents += 1;
        }
    }
    let output = Command::new(absolute(&pwsh.join("start"))?)
        .args(["-NoProfile", "-File"])
        .arg(absolute(&client.join("import-check.ps1"))?)
        .arg("-Folder")
        .arg(&written)
        .arg("-Truth")
        .arg(recorded.join("TRUTH.json"))
        .arg("-Quiet")
        .output()
        .context("cannot start PowerShell")?;
    let verdict = String::from_utf8_lossy(&output.stdout);
    eprint!("{verdict}{}", String::from_utf8_lossy(&output.stderr));
    row(documents, output.status.success(), &verdict)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}

/// Reads the count in the last line; what the engine did not judge has failed.
fn row(documents: usize, success: bool, verdict: &str) -> Result<Row> {
    let last = verdict.lines().last().unwrap_or_default();
    let equal = last.split_once(" equal,").and_then(|(count, _)| count.parse::<usize>().ok());
    let passed = equal.with_context(|| format!("the judge gave no count: {last}"))?;
    let failed = documents.saturating_sub(passed);
    if !success && failed == 0 {
        bail!("the judge failed without naming a document");
    }
    Ok(Row { subject: "our writer, read by the engine".to_owned(), passed, failed })
}

#[cfg(test)]
mod tests {
    use super::row;

    #[test]
    fn documents_that_were_not_judged_have_failed() {
        let row = row(5, false, "differs a\n3 equal, 1 different, 9 missing\n").unwrap();
        assert_eq!((row.passed, row.failed), (3, 2));
    }

    #[test]
    fn a_judge_without_a_count_is_an_error() {
        assert!(row(5, true, "").is_err());
    }
}
