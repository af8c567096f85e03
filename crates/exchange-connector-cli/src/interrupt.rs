//! SIGINT, SIGTERM and SIGHUP: the first asks for an orderly end, the second ends the process at once.

use tokio::sync::watch;

/// Knows whether somebody asked us to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens for signals from now on.
    pub(crate) fn listen() -> Self {
        let (tell, asked) = watch::channel(false);
        tokio::spawn(async move {
            signal().await;
            tell.send_replace(true);
            crate::say("stopping: closing sessions; interrupt again to stop at once");
            signal().await;
            std::process::exit(i32::from(crate::INTERRUPTED));
        });
        Self { asked }
    }

    /// Waits until somebody asks us to stop.
    pub(crate) async fn wait(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            // The listening task is gone, so nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }

    /// Tells whether somebody asked.
    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::SignalKind;

    tokio::select! {
        () = ctrl_c() => {}
        () = of_kind(SignalKind::terminate()) => {}
        () = of_kind(SignalKind::hangup()), if hears_hangup() => {}
    }
}

/// Waits for a signal; for ever where the system does not let us.
#[cfg(unix)]
async fn of_kind(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Whether a hangup ends us, as it does unless we were started to outlive it, by `nohup` for instance. Where the system
/// does not tell, a hangup is left to it.
#[cfg(unix)]
fn hears_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| !ignores_hangup(&status))
}

/// Reads from Linux's description of a process whether it ignores SIGHUP, which is the first signal in the mask.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
async fn signal() {
    ctrl_c().await;
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_is_outlived_where_it_is_ignored() {
        for (status, expected) in [
            ("Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n", false),
            ("SigIgn:\t0000000000001001\n", true),
            ("Name:\tx\n", true),
        ] {
            assert_eq!(ignores_hangup(status), expected, "{status}");
        }
    }
}
