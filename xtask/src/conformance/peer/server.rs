//! The server: starting it, and asking it what it holds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long the server may take to start, on a machine that is busy.
const STARTING: Duration = Duration::from_secs(60);

/// How long an answer about its state may take.
const ANSWERING: Duration = Duration::from_secs(30);

/// What starts the server.
#[derive(Debug)]
pub(super) struct Program {
    python: PathBuf,
    folder: PathBuf,
}

/// A running server. It ends with this value.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) facts: Facts,
    /// The server ends when its standard input closes.
    child: Child,
    /// How often it was asked for its state, which it counts among its connections.
    asked: AtomicU64,
}

/// What the server prints when it has started.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Facts {
    pub(super) http: u16,
    pub(super) https: u16,
    pub(super) ca: PathBuf,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) domain: String,
    pub(super) realm: String,
    pub(super) kdc: Option<String>,
}

/// What the server holds and has counted.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub(super) recipients: Vec<Recipient>,
    pub(super) calls: Vec<Call>,
    /// Messages by the last word of their action, and `connections`.
    pub(super) requests: BTreeMap<String, u64>,
    pub(super) open_shells: u64,
    pub(super) faults_struck: u64,
}

/// A user of the server's directory, with or without a mailbox.
#[derive(Debug, Deserialize)]
pub(super) struct Recipient {
    pub(super) guid: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) upn: String,
    /// Empty where the name is shown instead.
    pub(super) display_name: String,
    pub(super) addresses: Vec<String>,
    /// As the server decrypted it.
    pub(super) password: Option<String>,
    pub(super) values: BTreeMap<String, Value>,
}

/// A cmdlet that the server ran.
#[derive(Debug, Deserialize)]
pub(super) struct Call {
    pub(super) cmdlet: String,
}

impl Program {
    pub(super) fn new(python: PathBuf, folder: PathBuf) -> Self {
        Self { python, folder }
    }

    /// Whether Microsoft's engine lies where the server looks for it.
    pub(super) fn has_engine(&self) -> bool {
        self.folder.join("../pwsh/start").exists()
    }

    /// Starts a server with these options.
    ///
    /// # Errors
    ///
    /// When it does not start, with what it said.
    pub(super) async fn start<S: AsRef<str>>(&self, options: &[S]) -> Result<Peer> {
        let mut child = Command::new(&self.python)
            .arg(self.folder.join("peer_server.py"))
            .args(options.iter().map(AsRef::as_ref))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.python.display()))?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        let stderr = child.stderr.take().context("the server has no standard error")?;
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        let read = stdout.read_line(&mut line);
        timeout(STARTING, read).await.context("the server takes too long to start")??;
        if line.is_empty() {
            let mut said = String::new();
            BufReader::new(stderr).read_to_string(&mut said).await?;
            bail!("the server did not start: {}", said.trim_end());
        }
        tokio::spawn(drain(stderr));
        let facts = serde_json::from_str(&line)
            .with_context(|| format!("the server does not say where it listens: {line}"))?;
        Ok(Peer { facts, child, asked: AtomicU64::new(0) })
    }
}

/// Reads what the server says so that it never waits for a reader.
async fn drain(mut stderr: tokio::process::ChildStderr) {
    // Its end is the end of the server.
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
}

impl Peer {
    /// Asks the server for its state.
    ///
    /// # Errors
    ///
    /// When it does not answer, or not with a state.
    pub(super) async fn state(&self) -> Result<State> {
        let body = timeout(ANSWERING, self.get("/state"))
            .await
            .context("the server does not answer about its state")??;
        let mut state: State =
            serde_json::from_slice(&body).context("the server's state cannot be read")?;
        let asked = self.asked.load(Ordering::Relaxed);
        if let Some(connections) = state.requests.get_mut("connections") {
            *connections = connections.saturating_sub(asked);
        }
        Ok(state)
    }

    async fn get(&self, path: &str) -> Result<Bytes> {
        let stream = TcpStream::connect(("127.0.0.1", self.facts.http)).await?;
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = hyper::Request::get(path)
            .header("Host", "localhost")
            .header("Connection", "close")
            .body(Empty::<Bytes>::new())?;
        let body = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
        connection.abort();
        Ok(body)
    }

    /// Waits until the server has no shell any more, for a moment only; returns how many there are.
    ///
    /// # Errors
    ///
    /// As for [`Self::state`].
    pub(super) async fn open_shells(&self) -> Result<u64> {
        let mut open = self.state().await?.open_shells;
        for _ in 0..10 {
            if open == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            open = self.state().await?.open_shells;
        }
        Ok(open)
    }

    /// Ends the server and waits for it.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        // One that does not end in time is ended when the value is dropped.
        let _ = timeout(Duration::from_secs(5), self.child.wait()).await;
    }
}
