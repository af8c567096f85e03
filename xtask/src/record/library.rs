//! `cargo xtask record --library`: the sessions that every change is held against, recorded anew.
//!
//! They come from the simulator, from an independent test server, and from that server with Microsoft's engine in it. Each
//! session has a server of its own, so nothing depends on what went before.

mod servers;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail};

use self::servers::Servers;
use self::table::SESSIONS;
use super::finish;

/// Where the library is recorded from, and to.
#[derive(Debug)]
pub(super) struct Library<'a> {
    /// Where the fixtures are written.
    pub(super) out: &'a Path,
    /// The folder of the test server; without it only the simulator is recorded.
    pub(super) peer: Option<&'a Path>,
    /// The interpreter that has the server's packages.
    pub(super) python: Option<&'a Path>,
    /// Only sessions with one of these words in their names.
    pub(super) only: &'a [String],
}

/// How many sessions are recorded at a time.
const JOBS: usize = 4;

impl Library<'_> {
    /// Records every session, and says which could not be.
    ///
    /// # Errors
    ///
    /// When one could not be recorded, or does not replay.
    pub(super) fn record(&self) -> Result<()> {
        let servers = Servers::new(self.peer, self.python)?;
        let wanted = |name: &str| {
            self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
        };
        let sessions: Vec<_> = SESSIONS
            .iter()
            .flat_map(|sessions| sessions.iter())
            .filter(|session| wanted(session.name) && servers.have(session))
            .collect();
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..JOBS {
                scope.spawn(|| {
                    while let Some(session) = sessions.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(error) = self.record_one(&servers, session) {
                            crate::print(&format!("{}: {error:#}\n", session.name));
                            failed
                                .lock()
                                .unwrap_or_else(|lock| lock.into_inner())
                                .push(session.name);
                        }
                    }
                });
            }
        });
        let failed = failed.into_inner().unwrap_or_else(|lock| lock.into_inner());
        if !failed.is_empty() {
            bail!(
                "{} of {} could not be recorded: {}",
                failed.len(),
                sessions.len(),
                failed.join(", ")
            );
        }
        crate::print(&format!("{} sessions recorded\n", sessions.len()));
        Ok(())
    }

    fn record_one(&self, servers: &Servers, session: &table::Listed) -> Result<()> {
        let (task, server) = servers.prepare(session).context("the server")?;
        let recorded = task.record(seed_of(session.name));
        servers.stop(server);
        finish(recorded?, &folder(self.out, session.name))
    }
}

fn folder(out: &Path, name: &str) -> PathBuf {
    name.split('/').fold(out.to_owned(), |folder, part| folder.join(part))
}

/// A seed by the name, so that a session that is recorded again has the same ids.
fn seed_of(name: &str) -> u64 {
    // FNV-1a: any spread will do.
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
