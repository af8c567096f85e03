//! `cargo xtask bench`: how fast mailboxes are decoded, beside what the layers below allow on the same machine at the same time.

mod corpus;
mod svg;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value as Json, json};

use crate::process;

/// Arguments of `bench`.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Folder with clixml.bin and env150.bin; without it made-up mailboxes are written into target/bench
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Print JSON in place of a table
    #[arg(long)]
    json: bool,
    /// Draw the figures into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// How often all stages are run in turn; the median of each counts
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    rounds: u32,
}

/// A stage, and the stage that limits it.
struct Stage {
    name: &'static str,
    says: &'static str,
    limit: Option<&'static str>,
}

const STAGES: [Stage; 9] = [
    Stage { name: "memcpy", says: "copying the CLIXML", limit: None },
    Stage { name: "quick-xml", says: "events of a general XML reader, CLIXML alone", limit: None },
    Stage { name: "base64", says: "decoding the streams, already found", limit: None },
    Stage { name: "x", says: "CLIXML to values", limit: Some("quick-xml") },
    Stage { name: "y", says: "CLIXML to structs", limit: Some("quick-xml") },
    Stage { name: "a", says: "envelopes to stream bytes", limit: Some("base64") },
    Stage { name: "b", says: "envelopes to messages", limit: Some("base64") },
    Stage { name: "c", says: "envelopes to values", limit: Some("base64") },
    Stage { name: "t", says: "envelopes to structs", limit: Some("base64") },
];

/// What one run of a stage took, or the median of its runs.
#[derive(Clone, Copy, Debug)]
struct Figure {
    cpu_ns: u64,
    bytes: u64,
    allocations: u64,
}

impl Bench {
    /// Builds the program that measures, runs each stage in turn, and prints the medians.
    ///
    /// # Errors
    ///
    /// When the corpus cannot be made or read, or a stage fails.
    pub(crate) fn run(&self) -> Result<()> {
        let corpus = self.corpus()?;
        let mut build =
            process::cargo(&["build", "--release", "--package", "xtask", "--bin", "decode-bench"]);
        process::run(&mut build)?;
        let program = release_folder().join("decode-bench");
        let mut rounds: BTreeMap<&str, Vec<Figure>> = BTreeMap::new();
        for _ in 0..self.rounds.max(1) {
            for Stage { name, .. } in &STAGES {
                let mut command = Command::new(&program);
                command.arg(&corpus).args([name, "env150", "3"]);
                let figure = figure(&process::output(&mut command)?)?;
                rounds.entry(*name).or_default().push(figure);
            }
        }
        let figures: BTreeMap<_, _> =
            rounds.into_iter().filter_map(|(name, runs)| Some((name, median(runs)?))).collect();
        let objects = records(&corpus.join("clixml.bin"))?;
        let shown = if self.json { report(&figures, objects)? } else { table(&figures, objects) };
        crate::print(&shown);
        if let Some(file) = &self.svg {
            std::fs::write(file, svg::draw(&figures))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    fn corpus(&self) -> Result<PathBuf> {
        if let Some(corpus) = &self.corpus {
            return Ok(corpus.canonicalize()?);
        }
        let folder = target_folder().join("bench");
        corpus::write(&folder).context("cannot write the corpus")?;
        Ok(folder)
    }
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| process::workspace().join("target"), PathBuf::from)
}

fn release_folder() -> PathBuf {
    target_folder().join("release")
}

/// Reads the line of `key=value` pairs that a stage prints.
fn figure(line: &str) -> Result<Figure> {
    let pairs: BTreeMap<&str, &str> =
        line.split_ascii_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    let number = |key: &str| -> Result<u64> {
        let number = pairs.get(key).with_context(|| format!("no {key} in {line:?}"))?;
        Ok(number.parse()?)
    };
    Ok(Figure {
        cpu_ns: number("cpu_ns")?,
        bytes: number("bytes")?,
        allocations: number("allocs")?,
    })
}

/// The run in the middle; of an even number the faster of the two.
fn median(mut runs: Vec<Figure>) -> Option<Figure> {
    runs.sort_by_key(|figure| figure.cpu_ns);
    runs.get(runs.len().saturating_sub(1) / 2).copied()
}

/// Counts the records of a file of the corpus.
fn records(path: &Path) -> Result<u64> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut rest = bytes.as_slice();
    let mut count = 0;
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length))?;
        rest = tail.get(length..).context("the corpus is cut off")?;
        count += 1;
    }
    Ok(count)
}

impl Figure {
    fn milliseconds(self) -> f64 {
        to_float(self.cpu_ns) / 1e6
    }

    fn megabytes_a_second(self) -> f64 {
        to_float(self.bytes) / to_float(self.cpu_ns) * 1e3
    }
}

/// Counts here are far below 2^53.
fn to_float(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
    let float = number as f64;
    float
}

fn table(figures: &BTreeMap<&str, Figure>, objects: u64) -> String {
    let mut table = format!(
        "{:<10} {:>9} {:>9} {:>10} {:>9}  {:<22} what\n",
        "stage", "CPU ms", "MB/s", "objects/s", "allocs/o", "limit (CPU ms, ratio)"
    );
    for Stage { name, says, limit } in &STAGES {
        let Some(figure) = figures.get(name) else { continue };
        let seconds = to_float(figure.cpu_ns) / 1e9;
        let limit = limit.and_then(|limit| Some((limit, figures.get(limit)?)));
        let limit = limit.map_or_else(String::new, |(name, limit)| {
            let ratio = figure.milliseconds() / limit.milliseconds();
            format!("{name} {:.1}, {ratio:.2}x", limit.milliseconds())
        });
        table.push_str(&format!(
            "{name:<10} {:>9.1} {:>9.0} {:>10.0} {:>9.1}  {limit:<22} {says}\n",
            figure.milliseconds(),
            figure.megabytes_a_second(),
            to_float(objects) / seconds,
            to_float(figure.allocations) / to_float(objects),
        ));
    }
    table
}

fn report(figures: &BTreeMap<&str, Figure>, objects: u64) -> Result<String> {
    let stages: Vec<Json> = STAGES
        .iter()
        .filter_map(|Stage { name, says, limit }| {
            let figure = figures.get(name)?;
            Some(json!({
                "stage": name,
                "what": says,
                "cpu_ns": figure.cpu_ns,
                "bytes": figure.bytes,
                "allocations": figure.allocations,
                "limit": limit,
                "limit_cpu_ns": limit.and_then(|limit| figures.get(limit)).map(|limit| limit.cpu_ns),
            }))
        })
        .collect();
    let report = json!({"objects": objects, "stages": stages});
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{figure, report, table};

    const LINE: &str = "name=clixml/x/clixml wall_ns=5 cpu_ns=2000000 bytes=4000000 sum=7 allocs=30 alloc_bytes=9 rss_kib=1\n";

    #[test]
    fn a_line_of_figures_becomes_a_row_beside_its_limit() {
        let x = figure(LINE).unwrap();
        let limit = figure(&LINE.replace("cpu_ns=2000000", "cpu_ns=1000000")).unwrap();
        let figures = BTreeMap::from([("x", x), ("quick-xml", limit)]);
        let table = table(&figures, 10);
        let row = table.lines().find(|row| row.starts_with("x ")).unwrap();
        let words: Vec<&str> = row.split_whitespace().take(8).collect();
        assert_eq!(words, ["x", "2.0", "2000", "5000", "3.0", "quick-xml", "1.0,", "2.00x"]);
        let report: serde_json::Value =
            serde_json::from_str(&report(&figures, 10).unwrap()).unwrap();
        assert_eq!(report["stages"][1]["limit_cpu_ns"], 1_000_000);
        let svg = super::svg::draw(&figures);
        assert!(svg.contains("x: CLIXML to values") && svg.contains(">2.0</text>"), "{svg}");
        assert_eq!(svg.matches("fill=\"#123\"").count(), 1, "x alone has a limit here: {svg}");
        assert!(figure("name=x").is_err());
    }
}
