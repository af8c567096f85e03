//! The child process that is the server.

use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::PipeError;
use crate::lines::read_line;

/// A child process. Dropping it kills the child.
pub(crate) struct Process {
    program: String,
    id: Option<u32>,
    child: Mutex<Child>,
    last_words: Arc<SyncMutex<Option<String>>>,
    /// Taken when it was waited for.
    complaints: Mutex<Option<JoinHandle<()>>>,
}

impl Process {
    /// Starts a child with pipes for its input and output.
    pub(crate) fn start(
        command: std::process::Command,
    ) -> Result<(Self, ChildStdout, ChildStdin), PipeError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed =
            |source| PipeError::Start { program: program.clone(), source: Arc::new(source) };
        let mut child = tokio::process::Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let pipes = child.stdout.take().zip(child.stdin.take()).zip(child.stderr.take());
        let ((output, input), errors) =
            pipes.ok_or_else(|| failed(std::io::Error::other("the child has no pipes")))?;
        let last_words = Arc::default();
        let complaints = tokio::spawn(listen(errors, Arc::clone(&last_words)));
        let id = child.id();
        tracing::info!(program, id, "child started");
        let (child, complaints) = (Mutex::new(child), Mutex::new(Some(complaints)));
        Ok((Self { program, id, child, last_words, complaints }, output, input))
    }

    /// Waits for the end of the child, for so long at most.
    pub(crate) async fn status(&self, wait: Duration) -> Option<ExitStatus> {
        let mut child = self.child.lock().await;
        timeout(wait, child.wait()).await.ok()?.ok()
    }

    /// The last line that the child wrote to its error stream.
    pub(crate) async fn last_words(&self) -> Option<String> {
        // A grandchild may keep the stream open, so its end is not awaited for long.
        if let Some(complaints) = self.complaints.lock().await.take() {
            let _ = timeout(TIME_FOR_COMPLAINTS, complaints).await;
        }
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the end of a child whose input is closed, and kills it when it takes too long.
    pub(crate) async fn end(&self, wait: Duration) {
        if let Some(status) = self.status(wait).await {
            tracing::info!(%self, %status, "child ended");
            return;
        }
        tracing::warn!(%self, "the child does not end and is killed");
        if let Err(error) = self.child.lock().await.kill().await {
            tracing::warn!(%self, %error, "the child could not be killed");
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{} (process {id})", self.program),
            None => f.write_str(&self.program),
        }
    }
}

/// Reads the error stream to its end, so that the child never waits for it, and logs its first lines.
async fn listen(errors: ChildStderr, last_words: Arc<SyncMutex<Option<String>>>) {
    let mut reader = BufReader::new(errors);
    let mut line = Vec::new();
    let mut logged = 0;
    loop {
        match read_line(&mut reader, &mut line, MAX_LOGGED_LINE).await {
            Ok(true) | Err(PipeError::LineTooLong { .. }) => {}
            _ => return,
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        *last_words.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
        logged += 1;
        if logged <= MAX_LOGGED_LINES {
            tracing::debug!(text, "the child wrote to its error stream");
        }
    }
}

/// Bytes of a line of the error stream; what is longer counts as several.
const MAX_LOGGED_LINE: usize = 1000;
/// Lines of the error stream that are logged.
const MAX_LOGGED_LINES: usize = 1000;
/// How long the end of the error stream may take to come after that of the output.
const TIME_FOR_COMPLAINTS: Duration = Duration::from_millis(500);
