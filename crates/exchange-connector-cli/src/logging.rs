//! Logs on standard error.
//!
//! Only our own crates are heard: an authentication library's trace output shows tokens and keys. What a server said may
//! stand in a line, so characters that steer a terminal are escaped there, and an event stays one line.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, LogLevel};
use crate::output::steers;

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
    /// Takes one event; the formatter gives each as a whole.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(inert(&String::from_utf8_lossy(bytes)).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

/// Escapes what would act on a terminal, as JSON does; the end of the line stays.
fn inert(line: &str) -> Cow<'_, str> {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    if !text.contains(steers) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len().saturating_add(16));
    for character in text.chars() {
        if steers(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown.push_str(end);
    Cow::Owned(shown)
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
    fn an_event_is_one_line_that_steers_nothing() {
        assert_eq!(inert("all is é well\n"), "all is é well\n");
        let line = "reason=a\u{1b}[31m\u{202e}b\r\nFAKE\u{9b}\n";
        assert_eq!(inert(line), "reason=a\\u001b[31m\\u202eb\\u000d\\u000aFAKE\\u009b\n");
        let line = "{\"reason\":\"\u{202e}x\"}\n";
        let json: serde_json::Value = serde_json::from_str(&inert(line)).unwrap();
        assert_eq!(json["reason"], "\u{202e}x");
    }

    #[test]
    fn other_crates_are_never_heard() {
        let shown = filter(LogLevel::Trace).to_string();
        assert!(shown.contains("off") && shown.contains("exchange_connector=trace"));
        assert!(!shown.contains("sspi"));
    }
}
