//! Logs on standard error.
//!
//! Only our own crates are heard: an authentication library's trace output shows tokens and keys.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, LogLevel};

const CRATES: [&str; 9] = [
    "clixml",
    "psrp",
    "wsman",
    "psrp_client",
    "address_policy",
    "exchange_cmdlets",
    "exchange_online",
    "exchange_connector",
    "exchange_sim",
];

/// Starts logging.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let builder = tracing_subscriber::fmt().with_writer(|| Unheeded).with_env_filter(filter(level));
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// Standard error, of which it does not matter whether anybody reads it: a failure to log would itself be logged, there.
struct Unheeded;

impl Write for Unheeded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    let name = match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let directives: Vec<_> = CRATES.iter().map(|target| format!("{target}={name}")).collect();
    EnvFilter::new(format!("off,{}", directives.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_are_never_heard() {
        let shown = filter(LogLevel::Trace).to_string();
        assert!(shown.contains("off") && shown.contains("exchange_connector=trace"));
        assert!(!shown.contains("sspi"));
    }
}
