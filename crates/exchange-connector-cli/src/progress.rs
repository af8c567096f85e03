//! A counter on standard error while a long import runs, shown only on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Counts objects.
pub(crate) struct Counter {
    bar: ProgressBar,
}

impl Counter {
    /// Starts at zero; hidden when standard error is no terminal, or `quiet`.
    pub(crate) fn start(what: &'static str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(5)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos} {msg}, {per_sec}, {elapsed}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// One more.
    pub(crate) fn tick(&self) {
        self.bar.inc(1);
    }

    /// Leaves the terminal as it was.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
