//! The command line of `scrub`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use wsman::fixture::Fixture;

use super::file::File;
use super::fixture::{Checked, check_folders, drawn_ids, scrub_fixture};
use super::secrets::words_of_settings;
use super::{Facts, Part, Scrubbed, scrub};

/// Arguments of `scrub`.
#[derive(Args, Debug)]
pub(crate) struct Scrub {
    /// Write the scrubbed copies below this folder
    #[arg(long, value_name = "DIR", required_unless_present = "check", conflicts_with = "check")]
    out: Option<PathBuf>,
    /// Change nothing: look through fixtures and other files for what is no stand-in
    #[arg(long)]
    check: bool,
    /// The secrets of the recording, one a line
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// The settings of the recording, whose hosts, names and passwords are secrets too
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Recordings, or folders of them; together they are one recording, in which a name has one stand-in
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Scrub {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written, or the check found something.
    pub(crate) fn run(&self) -> Result<()> {
        let mut secrets = self.words.as_deref().map(words).transpose()?.unwrap_or_default();
        if let Some(config) = &self.config {
            secrets.extend(words_of_settings(config)?);
        }
        match &self.out {
            Some(out) => self.copy(out, &secrets),
            None => check(&self.paths, &secrets),
        }
    }

    fn copy(&self, out: &Path, secrets: &[String]) -> Result<()> {
        let is_fixture = |path: &&PathBuf| path.join("session.toml").is_file();
        let (fixtures, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
            self.paths.iter().partition(is_fixture);
        for folder in fixtures {
            let mut fixture = Fixture::read(folder)?;
            let drawn = drawn_ids(&fixture);
            let counts = scrub_fixture(&mut fixture, &drawn, secrets)?;
            fixture.write(&out.join(folder.file_name().unwrap_or_default()))?;
            crate::print(&format!("{}: {counts}\n", folder.display()));
        }
        if others.is_empty() {
            return Ok(());
        }
        let mut files = Vec::new();
        for (path, name) in files_in(&others)? {
            files.push(File::read(&path, &name, files.len())?);
        }
        let mut parts: Vec<Part<'_>> = files.iter_mut().flat_map(File::parts).collect();
        let Scrubbed { counts, .. } = scrub(&mut parts, &Facts { secrets, ..Facts::default() })?;
        for file in &files {
            file.write(out)?;
        }
        crate::print(&format!("{} files written: {counts}\n", files.len()));
        Ok(())
    }
}

/// Checks the fixtures in and below `folders`, and prints every finding.
///
/// # Errors
///
/// When something was found, or a fixture cannot be read.
pub(crate) fn check(folders: &[PathBuf], words: &[String]) -> Result<()> {
    let Checked { fixtures, others, findings } = check_folders(folders, words)?;
    let report: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    crate::print(&report);
    if !findings.is_empty() {
        bail!("{} places hold what is no stand-in", findings.len());
    }
    crate::print(&format!(
        "{fixtures} fixtures and {others} other files hold nothing but stand-ins\n"
    ));
    Ok(())
}

/// Reads a list of words, one a line.
///
/// # Errors
///
/// When the file cannot be read.
pub(super) fn words(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the words in {}", path.display()))?;
    Ok(text.lines().map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// Returns all files at and below `paths`, each with its name below the path that led to it.
///
/// # Errors
///
/// When a folder cannot be read, or there is no file.
pub(super) fn files_in(paths: &[impl AsRef<Path>]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        let mut open = vec![path.to_owned()];
        while let Some(next) = open.pop() {
            if !next.is_dir() {
                let base = if path.is_dir() { Some(path) } else { path.parent() };
                let name = base.and_then(|base| next.strip_prefix(base).ok()).unwrap_or(&next);
                files.push((next.clone(), name.to_owned()));
                continue;
            }
            let entries = std::fs::read_dir(&next)
                .with_context(|| format!("cannot read the folder {}", next.display()))?;
            for entry in entries {
                open.push(entry?.path());
            }
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("there is no file in the folders");
    }
    Ok(files)
}
