//! The journal of exports: what was about to be written, and what came of it.
//!
//! A file of JSON Lines that only grows. Each line carries a number, the SHA-256 of the line before it, a time and one
//! event: a run begins, a cmdlet is about to be sent, an object was made, an operation has its outcome. What is about to
//! be sent is on the disk before it is sent, so a run that is killed leaves behind what it may have done. The lines never
//! hold a secret, nor anything made of one.
//!
//! An operation is known by the whole input it stands in and by its place there. The same input run again with the same
//! journal repeats nothing that was done; an operation that was begun and has no certain outcome is settled by reading.

mod error;
mod history;
mod line;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

pub use self::error::JournalError;
pub(crate) use self::history::{Made, Progress};
pub(crate) use self::line::{Event, Place, digest};

use self::history::History;
use self::line::{Chain, Line};

/// A journal, open for one run at a time.
///
/// ```
/// use exchange_connector::Journal;
///
/// # let folder = std::env::temp_dir().join(format!("journal-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("export.journal");
/// let journal = Journal::open(&path)?;
/// assert!(Journal::open(&path).is_err(), "somebody else writes it");
/// drop(journal);
///
/// std::fs::write(&path, "{\"seq\":0}\n")?;
/// assert!(Journal::open(&path).is_err(), "this is not what a journal wrote");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    history: History,
    writer: Mutex<Option<Writer>>,
}

/// The end of the file.
struct Writer {
    file: File,
    chain: Chain,
}

impl Journal {
    /// Opens a journal, or begins one where there is none, and verifies every line of it.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the file cannot be opened, when another run has it open, or when a line is not what was once
    /// written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(JournalError::InUse { path: path.to_owned() });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        let (history, chain, length) = History::read(path, BufReader::new(&file))?;
        file.set_len(length).map_err(io)?;
        if length == 0 {
            sync_folder(path).map_err(io)?;
        }
        let writer = Mutex::new(Some(Writer { file, chain }));
        Ok(Self { shared: Arc::new(Shared { path: path.to_owned(), history, writer }) })
    }

    /// Reads what a journal says without writing to it, for a plan. Without the file nothing was done.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        let history = match File::open(path) {
            Ok(file) => History::read(path, BufReader::new(file))?.0,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => History::default(),
            Err(source) => return Err(JournalError::Io { path: path.to_owned(), source }),
        };
        Ok(Self {
            shared: Arc::new(Shared { path: path.to_owned(), history, writer: Mutex::new(None) }),
        })
    }

    /// What earlier runs say of an operation.
    pub(crate) fn progress(&self, place: &Place) -> Progress {
        self.shared.history.of(place)
    }

    /// Writes an event; it is on the disk when this returns. Does nothing to a journal that is only read.
    pub(crate) async fn append(&self, event: Event) -> Result<(), JournalError> {
        let shared = Arc::clone(&self.shared);
        let written = tokio::task::spawn_blocking(move || shared.append(&event)).await;
        written.unwrap_or_else(|panic| {
            Err(JournalError::Io {
                path: self.shared.path.clone(),
                source: std::io::Error::other(panic),
            })
        })
    }
}

/// Has the disk know of a new file's name, as far as the system can.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

impl Shared {
    fn append(&self, event: &Event) -> Result<(), JournalError> {
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = slot.as_mut() else { return Ok(()) };
        writer.append(event).map_err(|source| JournalError::Io { path: self.path.clone(), source })
    }
}

impl Writer {
    /// Writes one line, and waits until the disk has it.
    fn append(&mut self, event: &Event) -> std::io::Result<()> {
        let line = Line::new(&self.chain, SystemTime::now(), event);
        let text = serde_json::to_string(&line)?;
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(format!("{text}\n").as_bytes());
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // What got there is cut off again, as far as that works; the next reader does it too.
            let _ = self.file.set_len(before);
            return Err(error);
        }
        self.chain.push(digest(text.as_bytes()));
        Ok(())
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use exchange_cmdlets::testing::ScriptedTransport;
    use futures_util::StreamExt as _;

    use super::*;
    use crate::{Connector, Operation, Settings, Status};

    #[tokio::test]
    async fn what_cannot_be_written_down_is_not_done() {
        // A file that was opened for reading takes no line.
        let file = File::open("Cargo.toml").unwrap();
        let writer = Mutex::new(Some(Writer { file, chain: Chain::new() }));
        let (path, history) = (PathBuf::from("full.journal"), History::default());
        let journal = Journal { shared: Arc::new(Shared { path, history, writer }) };

        let settings = Settings::from_toml_str(
            "infrastructure_type = 'OnPremises'\nhostname = 'ex01'\nauthentication_method = 'Default'\n\
             username = 'svc'\npassword = 'x'\ncreate_method = 'New'",
        );
        let script = Arc::new(ScriptedTransport::new());
        let transport: Arc<ScriptedTransport> = Arc::clone(&script);
        let connector = Connector::with_transport(settings.unwrap(), transport);
        let operations = Operation::from_json_lines(
            r#"{"operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"Alias":"a"}}"#,
        );
        let outcomes: Vec<_> = connector.export_with_journal(operations, journal).collect().await;
        let [outcome] = outcomes.as_slice() else { panic!("{outcomes:?}") };
        assert_eq!(outcome.status, Status::Failed);
        let message = &outcome.error.as_ref().unwrap().message;
        assert!(
            message.contains("nothing was sent") && message.contains("full.journal"),
            "{message}"
        );
        assert!(script.calls().is_empty(), "{:?}", script.transcript());
    }
}
