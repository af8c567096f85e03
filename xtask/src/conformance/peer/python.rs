//! The interpreter that has the server's packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::process::{run, workspace};

/// What names the interpreter when no argument does.
const VARIABLE: &str = "EXCHANGE_TEST_PYTHON";

/// Returns `given`, or what the environment names, or an interpreter in an environment made for the server in `folder`.
///
/// # Errors
///
/// When no environment can be made.
pub(super) fn interpreter(given: Option<&Path>, folder: &Path) -> Result<PathBuf> {
    if let Some(python) = given {
        return Ok(python.to_owned());
    }
    if let Some(python) = std::env::var_os(VARIABLE) {
        return Ok(python.into());
    }
    let venv = workspace().join("target/peer-venv");
    let python = venv.join("bin/python");
    if !is_ready(&python) {
        make(&venv, &python, folder).with_context(|| {
            format!(
                "cannot make a Python environment; name an interpreter in --python or {VARIABLE}"
            )
        })?;
    }
    Ok(python)
}

/// Whether the interpreter is there and has what the server imports.
fn is_ready(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import psrpcore, spnego, cryptography"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Installs what the server requires; without Kerberos where its packages cannot be built.
fn make(venv: &Path, python: &Path, folder: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    let wanted = folder.join("requirements.txt");
    if run(&mut pip(python, &wanted)).is_ok() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&wanted)
        .with_context(|| format!("cannot read {}", wanted.display()))?;
    let reduced = venv.join("requirements.txt");
    std::fs::write(&reduced, without_kerberos(&text))
        .with_context(|| format!("cannot write {}", reduced.display()))?;
    run(&mut pip(python, &reduced))
}

fn pip(python: &Path, requirements: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements);
    command
}

fn without_kerberos(requirements: &str) -> String {
    let lines = requirements
        .lines()
        .filter(|line| !line.starts_with("gssapi") && !line.starts_with("krb5"))
        .map(|line| line.replace("[kerberos]", ""));
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::without_kerberos;

    #[test]
    fn what_needs_a_system_library_is_left_out() {
        let text = "psrpcore==0.3.1\npyspnego[kerberos]==0.12.4\ngssapi==1.12.0\nkrb5==0.10.0\n";
        assert_eq!(without_kerberos(text), "psrpcore==0.3.1\npyspnego==0.12.4\n");
    }
}
