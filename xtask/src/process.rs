//! Other programs, run in the folder of the workspace.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Returns the folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Returns a command that runs cargo with `arguments`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(arguments).current_dir(workspace());
    command
}

/// Runs `command`, its output shown as it comes.
///
/// # Errors
///
/// When it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs `command` and returns what it writes to standard output.
///
/// # Errors
///
/// When it cannot be started, does not succeed, or writes something else than text.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown}` failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{shown}` writes something else than text"))
}

/// Returns what cargo says of each member of the workspace.
///
/// # Errors
///
/// When cargo says nothing of that kind.
pub(crate) fn members() -> Result<Vec<Value>> {
    let said = output(&mut cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let mut metadata: Value = serde_json::from_str(&said)?;
    match metadata.get_mut("packages").map(Value::take) {
        Some(Value::Array(members)) => Ok(members),
        _ => bail!("cargo names no packages"),
    }
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
