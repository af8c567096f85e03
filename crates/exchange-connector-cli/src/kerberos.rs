//! The environment that the system's Kerberos library reads.
//!
//! Ticket cache and keytab of the settings reach the library by variables alone, which a running process cannot change
//! safely. So this program starts itself again with them, in the same process and before anything is open.

use exchange_connector::Settings;

use crate::{USAGE, complain};

/// Starts this program again where the settings want other variables than there are; returns where they are right.
///
/// # Errors
///
/// The exit code when it cannot be started; why has been said by then.
pub(crate) fn start_again(settings: &Settings) -> Result<(), u8> {
    let wanted = settings.endpoint().map(|endpoint| endpoint.identity.environment());
    let mut missing = wanted.unwrap_or_default();
    missing.retain(|(name, value)| std::env::var_os(name).as_ref() != Some(value));
    if missing.is_empty() {
        return Ok(());
    }
    let failed = match std::env::current_exe() {
        Ok(program) => replace(std::process::Command::new(program), missing),
        Err(error) => error,
    };
    complain(&format!(
        "cannot start again with the ticket cache and keytab of the settings: {failed}"
    ));
    Err(USAGE)
}

/// Puts another program in the place of this one; returns only when that fails.
#[cfg(unix)]
fn replace(
    mut program: std::process::Command,
    variables: Vec<(&str, std::ffi::OsString)>,
) -> std::io::Error {
    use std::os::unix::process::CommandExt as _;

    program.args(std::env::args_os().skip(1)).envs(variables).exec()
}

/// There is no such library elsewhere, so no settings want this.
#[cfg(not(unix))]
fn replace(
    _program: std::process::Command,
    _variables: Vec<(&str, std::ffi::OsString)>,
) -> std::io::Error {
    std::io::ErrorKind::Unsupported.into()
}
