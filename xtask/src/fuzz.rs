//! `cargo xtask fuzz`: the targets in `fuzz/`, each for a while, from seeds that our own writers make.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::process::{cargo, output, workspace};

/// Arguments of `fuzz`.
#[derive(Args, Debug)]
pub(crate) struct Fuzz {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// The targets; all of them when none is named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

impl Fuzz {
    /// Runs each target and prints a table of how often it was executed.
    ///
    /// # Errors
    ///
    /// When a target is unknown, cargo-fuzz is missing, or a target found something; the others run all the same.
    pub(crate) fn run(&self) -> Result<()> {
        let known = targets()?;
        if let Some(stranger) = self.targets.iter().find(|name| !known.contains(name)) {
            bail!("there is no target {stranger}, but {}", known.join(", "));
        }
        output(&mut cargo(&["fuzz", "--version"]))
            .context("`cargo install cargo-fuzz --locked` installs what runs the targets")?;
        let wanted = if self.targets.is_empty() { &known } else { &self.targets };
        write_seeds()?;
        let (mut table, mut failed) =
            (String::from("target              executions  result\n"), Vec::new());
        for target in wanted {
            let (executions, passed) = self.run_target(target)?;
            let result = if passed { "ok" } else { "FAILED" };
            table.push_str(&format!("{target:<20}{executions:>10}  {result}\n"));
            if !passed {
                failed.push(target.as_str());
            }
        }
        crate::print(&table);
        if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
    }

    /// Returns how often the target was executed, and whether nothing was found.
    fn run_target(&self, target: &str) -> Result<(String, bool)> {
        // What libFuzzer needs of the compiler is there in every release, but named stable in none. There is no unsafe code
        // for a sanitizer to look at.
        let mut command = cargo(&["fuzz", "run", "--sanitizer", "none", target]);
        command.env("RUSTC_BOOTSTRAP", "1").args(corpora(target)?).arg("--").args([
            format!("-max_total_time={}", self.seconds),
            "-timeout=120".to_owned(),
            "-rss_limit_mb=1024".to_owned(),
            "-print_final_stats=1".to_owned(),
        ]);
        let mut running =
            command.stderr(Stdio::piped()).spawn().context("cannot start cargo fuzz")?;
        let mut executions = "0".to_owned();
        let said = running.stderr.take().context("cargo fuzz has no error stream")?;
        for line in BufReader::new(said).split(b'\n') {
            let line = String::from_utf8_lossy(&line.context("cannot read what cargo fuzz says")?)
                .into_owned();
            if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
                executions = count.trim().to_owned();
            }
            eprintln!("{line}");
        }
        Ok((executions, running.wait().context("cargo fuzz is lost")?.success()))
    }
}

/// Returns the names of the targets.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in files(&folder().join("fuzz_targets"))? {
        names.extend(file.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Returns the folders of inputs to begin with; new ones go to the first.
fn corpora(target: &str) -> Result<Vec<PathBuf>> {
    let grown = folder().join("corpus").join(target);
    fs::create_dir_all(&grown).with_context(|| format!("cannot make {}", grown.display()))?;
    let kept = folder().join("seeds").join(target);
    let of_the_crate = target
        .starts_with("clixml_")
        .then(|| [folder().join("seeds/clixml"), workspace().join("crates/clixml/tests/golden")]);
    let more = of_the_crate.into_iter().flatten().chain([kept]).filter(|folder| folder.is_dir());
    Ok([grown].into_iter().chain(more).collect())
}

/// Writes the seeds that `psrp` makes of a session of its two halves.
fn write_seeds() -> Result<()> {
    for seed in psrp::oracles::seeds([1, 2].map(|seed| Box::new(StdRng::seed_from_u64(seed)) as _))
    {
        let folder = folder().join("corpus").join(seed.target);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(format!("seed-{}", seed.name));
        fs::write(&file, seed.bytes).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn folder() -> PathBuf {
    workspace().join("fuzz")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{files, folder, targets};

    #[test]
    fn every_target_is_a_program_and_every_program_a_target() {
        let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
        let programs: BTreeSet<_> = manifest
            .split("[[bin]]")
            .skip(1)
            .filter_map(|part| part.split('"').nth(1))
            .map(str::to_owned)
            .collect();
        assert_eq!(programs, targets().unwrap().into_iter().collect());
        assert!(programs.len() >= 9);
        assert!(files(&folder().join("nowhere")).is_err());
    }
}
