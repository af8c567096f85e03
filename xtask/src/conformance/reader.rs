//! Microsoft's reader as judge of what we write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::data::read_expected;
use super::{Row, absolute};
use crate::inspect::rewrite_document;
use crate::process::workspace;

/// Folder of the recordings that the engine wrote itself, with the truth about their values.
const RECORDED: &str = "pwsh-7.6";

/// Writes every CLIXML document of the engine again and lets `import-check.ps1` compare the values.
///
/// What an independent parser finds malformed is not written again, as `inspect --rewrite` would not: the judge has to miss
/// that, and nothing else.
///
/// # Errors
///
/// When a document cannot be read, or the engine does not run.
pub(super) fn judge(data: &Path, engine: &Path, scripts: &Path) -> Result<Row> {
    let recorded = absolute(&data.join(RECORDED))?;
    let written = workspace().join("target/conformance").join(RECORDED);
    let expected = write_again(&recorded, &written)?;
    let output = Command::new(absolute(&engine.join("start"))?)
        .args(["-NoProfile", "-File"])
        .arg(absolute(&scripts.join("import-check.ps1"))?)
        .arg("-Folder")
        .arg(&written)
        .arg("-Truth")
        .arg(recorded.join("TRUTH.json"))
        .arg("-Quiet")
        .output()
        .context("cannot start PowerShell")?;
    let verdict = String::from_utf8_lossy(&output.stdout);
    let row = expected.row(output.status.success(), &verdict)?;
    if row.failed > 0 {
        eprint!("{verdict}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(row)
}

/// What the judge should find.
#[derive(Debug, Default)]
struct Expected {
    documents: usize,
    /// Those that the judge has to miss.
    malformed: BTreeSet<String>,
}

/// Writes the documents that have a truth to `written`, which is emptied before.
fn write_again(recorded: &Path, written: &Path) -> Result<Expected> {
    if written.exists() {
        std::fs::remove_dir_all(written)
            .with_context(|| format!("cannot clear {}", written.display()))?;
    }
    let facts = read_expected(&recorded.join("EXPECTED.json"))?;
    let mut expected = Expected::default();
    for name in names(&recorded.join("TRUTH.json"))? {
        let kind = facts.get(&name).and_then(|facts| facts.get("kind")).and_then(Value::as_str);
        match kind {
            Some("clixml") => {
                let bytes = std::fs::read(recorded.join(&name))
                    .with_context(|| format!("cannot read {name}"))?;
                rewrite_document(&bytes, &written.join(&name))
                    .with_context(|| format!("cannot rewrite {name}"))?;
                expected.documents += 1;
            }
            Some("malformed-xml") => drop(expected.malformed.insert(name)),
            _ => bail!("{name} has a truth, but is no document"),
        }
    }
    Ok(expected)
}

/// Returns the documents of a truth file. The truths themselves nest too deep for a tree.
fn names(truth: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(truth)
        .with_context(|| format!("cannot read {}", truth.display()))?;
    let entries: BTreeMap<String, IgnoredAny> = serde_json::from_str(&text)
        .with_context(|| format!("{} is not an object of truths", truth.display()))?;
    Ok(entries.into_keys().collect())
}

impl Expected {
    /// Compares the verdict with what it should be: every document equal, none different, and those missing that are
    /// malformed.
    fn row(&self, success: bool, verdict: &str) -> Result<Row> {
        let last = verdict.lines().last().unwrap_or_default();
        let counts: Vec<usize> =
            last.split(", ").filter_map(|part| part.split(' ').next()?.parse().ok()).collect();
        let &[equal, different, missing] = &*counts else {
            bail!("the judge gave no counts: {last}");
        };
        let named: BTreeSet<String> = verdict
            .lines()
            .filter_map(|line| line.strip_prefix("missing "))
            .map(str::to_owned)
            .collect();
        if success == (different > 0) || named.len() != missing {
            bail!("the judge contradicts itself: {last}");
        }
        let strays = named.symmetric_difference(&self.malformed).count();
        let failed = self.documents.abs_diff(equal).max(different).max(strays);
        let note = format!(
            "{equal} equal, {different} different, {missing} missing (malformed originals)"
        );
        Ok(Row { note, ..Row::new("our writer, read by the engine", equal, failed) })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Expected, judge};

    fn five_and_one_malformed() -> Expected {
        Expected { documents: 5, malformed: ["bad.xml".to_owned()].into() }
    }

    #[track_caller]
    fn check(success: bool, verdict: &str, passed: usize, failed: usize) {
        let row = five_and_one_malformed().row(success, verdict).unwrap();
        assert_eq!((row.passed, row.failed), (passed, failed), "{verdict}");
    }

    #[test]
    fn all_equal_and_the_malformed_missing_passes() {
        check(true, "missing bad.xml\n5 equal, 0 different, 1 missing\n", 5, 0);
    }

    #[test]
    fn anything_else_fails() {
        check(false, "differs a\nmissing bad.xml\n4 equal, 1 different, 1 missing\n", 4, 1);
        check(true, "missing bad.xml\nmissing b\n4 equal, 0 different, 2 missing\n", 4, 1);
        check(true, "missing b\n5 equal, 0 different, 1 missing\n", 5, 2);
        check(true, "5 equal, 0 different, 0 missing\n", 5, 1);
        check(true, "missing bad.xml\n6 equal, 0 different, 1 missing\n", 6, 1);
    }

    #[test]
    fn a_judge_that_makes_no_sense_is_an_error() {
        for (success, verdict) in [
            (true, ""),
            (true, "missing bad.xml\n4 equal, 1 different, 1 missing\n"),
            (false, "missing bad.xml\n5 equal, 0 different, 1 missing\n"),
            (true, "missing bad.xml\n5 equal, 0 different, 2 missing\n"),
        ] {
            assert!(five_and_one_malformed().row(success, verdict).is_err(), "{verdict}");
        }
    }

    /// Runs where the variables name the recordings, the engine and the scripts.
    #[test]
    fn the_engine_finds_the_values_it_wrote_in_what_we_wrote_again() {
        let folder = |name| std::env::var_os(name).map(PathBuf::from);
        let (Some(data), Some(engine), Some(scripts)) = (
            folder("EXCHANGE_TEST_DATA"),
            folder("EXCHANGE_TEST_PWSH"),
            folder("EXCHANGE_TEST_PWSH_CLIENT"),
        ) else {
            eprintln!("skipped: EXCHANGE_TEST_DATA, _PWSH and _PWSH_CLIENT are not all set");
            return;
        };
        let row = judge(&data, &engine, &scripts).unwrap();
        assert_eq!((row.passed, row.failed), (244, 0));
        assert_eq!(row.note, "244 equal, 0 different, 2 missing (malformed originals)");
    }
}
