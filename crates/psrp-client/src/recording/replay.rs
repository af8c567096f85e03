//! Opening a pool on a recording.

use std::sync::Arc;

use psrp::CryptoError;
use wsman::client::{ReplayTransport, ShellOptions};
use wsman::recording::{Difference, Order, Recording};
use wsman::server::parse_request;
use wsman::{Limits, Operation};

use super::streams::PsrpStreams;
use crate::pool::PoolOptions;
use crate::seed::Seed;

/// A recording, with what a client needs to ask as the recorded one did.
///
/// With the feature `fixtures`, a test that needs no server is begun with one line:
///
/// ```no_run
/// # #[cfg(feature = "fixtures")]
/// # async fn test() {
/// use psrp_client::RunspacePool;
/// use psrp_client::recording::Replay;
///
/// let replay = Replay::read("fixtures/mailboxes").unwrap();
/// let pool = RunspacePool::open(replay.transport(), replay.shell(), replay.pool()).await.unwrap();
/// // … what the recorded client did …
/// pool.close().await;
/// replay.finish().unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Replay {
    transport: Arc<ReplayTransport>,
    shell: ShellOptions,
    seed: Arc<Seed>,
}

/// Why the fixture in a folder cannot be played.
#[cfg(feature = "fixtures")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// The folder is no fixture.
    #[error("{} is no fixture", folder.display())]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// What is wrong with it.
        #[source]
        source: wsman::fixture::FixtureError,
    },
    /// Its `key.pem` is no key.
    #[error("key.pem holds no key pair")]
    Key(#[source] CryptoError),
}

impl Replay {
    /// Reads a folder and prepares to play it in its strict order.
    ///
    /// # Errors
    ///
    /// [`FixtureError`] when the folder is no fixture, or its key is none.
    #[cfg(feature = "fixtures")]
    pub fn read(folder: impl AsRef<std::path::Path>) -> Result<Self, FixtureError> {
        let folder = folder.as_ref();
        let fixture = wsman::fixture::Fixture::read(folder)
            .map_err(|source| FixtureError::Folder { folder: folder.to_owned(), source })?;
        let key = fixture.attachments.get("key.pem").map(|key| String::from_utf8_lossy(key));
        Self::new(fixture.recording, fixture.manifest.seed, key.as_deref(), Order::Strict)
            .map_err(FixtureError::Key)
    }

    /// Prepares to play a recording whose ids were drawn from `seed`, and whose key pair is `key` where it needed one.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PrivateKey`] when the key is none.
    pub fn new(
        recording: Recording,
        seed: u64,
        key: Option<&str>,
        order: Order,
    ) -> Result<Self, CryptoError> {
        let seed = Seed::danger_predictable(seed);
        let seed = Arc::new(match key {
            Some(pem) => seed.with_key(pem)?,
            None => seed,
        });
        let shell = shell_of(&recording).unwrap_or_else(|| ShellOptions::new(""));
        let transport = ReplayTransport::with(recording, &PsrpStreams::default(), order);
        Ok(Self { transport: Arc::new(transport), shell, seed })
    }

    /// Gives answers at the recorded times by tokio's clock; see [`ReplayTransport::as_recorded`].
    ///
    /// # Panics
    ///
    /// After [`transport`](Self::transport) was handed out.
    #[must_use]
    pub fn as_recorded(self) -> Self {
        self.with(ReplayTransport::as_recorded)
    }

    /// Takes requests that differ for the nearest recorded ones; see [`ReplayTransport::accepting_changes`].
    ///
    /// # Panics
    ///
    /// After [`transport`](Self::transport) was handed out.
    #[must_use]
    pub fn accepting_changes(self) -> Self {
        self.with(ReplayTransport::accepting_changes)
    }

    fn with(self, change: impl FnOnce(ReplayTransport) -> ReplayTransport) -> Self {
        let transport = Arc::into_inner(self.transport)
            .expect("a replay is set up before its transport is handed out");
        Self { transport: Arc::new(change(transport)), ..self }
    }

    /// Returns what answers in the server's place.
    #[must_use]
    pub fn transport(&self) -> Arc<ReplayTransport> {
        Arc::clone(&self.transport)
    }

    /// Returns the options under which the recorded client opened its first shell; they make no sense where it opened none.
    #[must_use]
    pub fn shell(&self) -> ShellOptions {
        // The seed is drawn from here, as it was by the recorded client.
        self.shell.clone().ids(Arc::clone(&self.seed) as _)
    }

    /// Returns options of a pool that draws the recorded ids; set what else the recorded client had set.
    #[must_use]
    pub fn pool(&self) -> PoolOptions {
        PoolOptions::default().danger_seed(Arc::clone(&self.seed))
    }

    /// Returns the seed.
    #[must_use]
    pub fn seed(&self) -> Arc<Seed> {
        Arc::clone(&self.seed)
    }

    /// Tells whether the client did all that was recorded, and nothing else.
    ///
    /// # Errors
    ///
    /// The first [`Difference`].
    pub fn finish(&self) -> Result<(), Difference> {
        self.transport.finish()
    }
}

/// The options of the first shell that was created.
fn shell_of(recording: &Recording) -> Option<ShellOptions> {
    let mut requests = recording
        .exchanges
        .iter()
        .filter_map(|exchange| parse_request(exchange.request.as_bytes(), Limits::default()).ok());
    let (headers, create) = requests.find_map(|request| match request.operation {
        Operation::Create(create) => Some((request.headers, create)),
        _ => None,
    })?;
    let mut options = ShellOptions::new(headers.to.as_deref().unwrap_or_default());
    if let Some(resource) = headers.resource_uri {
        options = options.resource_uri(resource);
    }
    if let Some(timeout) = headers.operation_timeout {
        options = options.operation_timeout(timeout);
    }
    if let Some(size) = headers.max_envelope_size {
        options = options.max_envelope_size(size);
    }
    if let Some(name) = &create.name {
        options = options.name(name);
    }
    if let Some(timeout) = create.idle_timeout {
        options = options.idle_timeout(timeout);
    }
    Some(options)
}
