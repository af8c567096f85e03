//! The server: starting it, and asking it what it holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long the server may take to start, on a machine that is busy.
const STARTING: Duration = Duration::from_secs(60);

/// How long an answer about its state may take.
const ANSWERING: Duration = Duration::from_secs(30);

/// Imports what the server needs once, and then becomes one server after the other.
const NURSERY: &str = include_str!("nursery.py");

/// Starts servers. They end with it.
#[derive(Debug)]
pub(crate) struct Program {
    folder: PathBuf,
    socket: Socket,
    /// It ends when its standard input closes.
    _nursery: Child,
}

/// A socket in a folder of its own, removed at the end.
#[derive(Debug)]
struct Socket(PathBuf);

/// A running server. It ends with this value.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) facts: Facts,
    /// The server's standard input: it ends when that closes.
    leash: OwnedWriteHalf,
    /// Reads what the server says, until it has ended.
    said: JoinHandle<()>,
    /// How often it was asked for its state, which it counts among its connections.
    asked: AtomicU64,
}

/// What the server prints when it has started.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Facts {
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
pub(crate) struct State {
    pub(crate) recipients: Vec<Recipient>,
    pub(super) calls: Vec<Call>,
    /// Messages by the last word of their action, and `connections`.
    pub(super) requests: BTreeMap<String, u64>,
    pub(super) open_shells: u64,
    pub(super) faults_struck: u64,
}

/// A user of the server's directory, with or without a mailbox.
#[derive(Debug, Deserialize)]
pub(crate) struct Recipient {
    pub(crate) guid: String,
    pub(crate) kind: String,
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
    /// Prepares servers of the program in `folder`.
    ///
    /// # Errors
    ///
    /// When the interpreter does not start or lacks what the server needs.
    pub(super) async fn new(python: &Path, folder: PathBuf) -> Result<Self> {
        let socket = Socket::new()?;
        let mut nursery = Command::new(python)
            .args(["-c", NURSERY])
            .args([&folder, &socket.0])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let stdout = nursery.stdout.take().context("the interpreter has no standard output")?;
        let mut line = String::new();
        timeout(STARTING, BufReader::new(stdout).read_line(&mut line))
            .await
            .context("the interpreter takes too long to start")??;
        if line.is_empty() {
            bail!("{} cannot run the server", python.display());
        }
        Ok(Self { folder, socket, _nursery: nursery })
    }

    /// Prepares servers of the program in a folder; without an interpreter one is looked for.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub(crate) async fn in_folder(folder: &Path, python: Option<&Path>) -> Result<Self> {
        let found = folder.canonicalize();
        let folder = found.with_context(|| format!("cannot find {}", folder.display()))?;
        let python = super::python::interpreter(python, &folder)?;
        Self::new(&python, folder).await
    }

    /// Whether Microsoft's engine lies where the server looks for it.
    pub(crate) fn has_engine(&self) -> bool {
        self.folder.join("../pwsh/start").exists()
    }

    /// Starts a server with these options.
    ///
    /// # Errors
    ///
    /// When it does not start, with what it said.
    pub(crate) async fn start(&self, options: &[&str]) -> Result<Peer> {
        let (read, mut leash) = UnixStream::connect(&self.socket.0).await?.into_split();
        let mut line = serde_json::to_vec(options)?;
        line.push(b'\n');
        leash.write_all(&line).await?;
        let mut said = BufReader::new(read);
        let facts = timeout(STARTING, facts(&mut said))
            .await
            .context("the server takes too long to start")??;
        let said = tokio::spawn(async move {
            // What it says when it has started is for people who look for a fault in it.
            let _ = tokio::io::copy(&mut said, &mut tokio::io::sink()).await;
        });
        Ok(Peer { facts, leash, said, asked: AtomicU64::new(0) })
    }
}

/// Reads where the server listens; warnings may come before.
async fn facts(said: &mut BufReader<OwnedReadHalf>) -> Result<Facts> {
    let mut before = String::new();
    loop {
        let mut line = String::new();
        if said.read_line(&mut line).await? == 0 {
            bail!("the server did not start: {}", before.trim_end());
        }
        if line.starts_with('{') {
            return serde_json::from_str(&line)
                .with_context(|| format!("the server does not say where it listens: {line}"));
        }
        before.push_str(&line);
    }
}

impl Socket {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("exchange-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder.join("socket")))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(folder) = self.0.parent() {
            // A folder that is left in the place for temporary ones does no harm.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Peer {
    /// Asks the server for its state.
    ///
    /// # Errors
    ///
    /// When it does not answer, or not with a state.
    pub(crate) async fn state(&self) -> Result<State> {
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

    /// Ends the server and waits for it, so that it can remove what it made.
    pub(crate) async fn stop(self) {
        drop(self.leash);
        // One that does not end in time ends with the nursery.
        let _ = timeout(Duration::from_secs(5), self.said).await;
    }
}
