//! SIGINT and SIGTERM: the first asks for an orderly end, the second ends the process at once.

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
            eprintln!("stopping: closing sessions; interrupt again to stop at once");
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
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => ctrl_c().await,
    }
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
