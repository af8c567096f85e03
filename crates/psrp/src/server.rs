//! The server half: a runspace pool as its server sees it.
//!
//! Spec: [MS-PSRP] 3.2 Server Details.
//!
//! It behaves as Microsoft's engine was seen to: the opening is answered in a fixed order, pipelines wait in line for a
//! free runspace without any message, a message that cannot be read is never answered, a message for another pool closes
//! this one, and a pipeline that holds SecureStrings before any key makes the server ask for the key.

mod connection;
mod event;
mod receive;
mod send;

use core::fmt;
use std::collections::{BTreeMap, VecDeque};

use clixml::Value;
use rand_core::CryptoRng;
use secrecy::SecretString;

pub use event::{ServerEvent, ServerOptions};

use crate::command_metadata::GetCommandMetadata;
use crate::crypto::{SecretEncoding, SessionKey};
use crate::error::CryptoError;
use crate::fragment::{Defragmenter, Fragmenter};
use crate::host::HostMethod;
use crate::id::{PipelineId, RunspacePoolId, StreamTarget};
use crate::message::Message;
use crate::powershell::PowerShell;
use crate::state::RunspacePoolState;
use crate::version::ProtocolVersion;

/// A runspace pool as its server sees it.
///
/// After any call with `&mut self`, drain [`poll_transmit`](Self::poll_transmit) and then
/// [`poll_event`](Self::poll_event) until both are `None`.
pub struct ServerPool {
    options: ServerOptions,
    rng: Box<dyn CryptoRng + Send + Sync>,
    /// The id the client gave the pool, from its first message on.
    id: Option<RunspacePoolId>,
    state: RunspacePoolState,
    version: Option<ProtocolVersion>,
    fragmenter: Fragmenter,
    stream: Defragmenter,
    prompt_responses: Defragmenter,
    pipelines: BTreeMap<PipelineId, Pipeline>,
    /// Those that wait for a free runspace, in order.
    queue: VecDeque<PipelineId>,
    min_runspaces: i32,
    max_runspaces: i32,
    key: SessionKey,
    /// Set when the client has the key.
    key_sent: bool,
    key_requested: bool,
    next_call_id: i64,
    /// Host calls that wait for an answer.
    calls: BTreeMap<i64, (Option<PipelineId>, HostMethod)>,
    transmits: VecDeque<(StreamTarget, Vec<u8>)>,
    events: VecDeque<ServerEvent>,
}

struct Pipeline {
    stream: Defragmenter,
    prompt_responses: Defragmenter,
    phase: Phase,
    /// Input that came before the pipeline started.
    early: Vec<ServerEvent>,
    /// Bytes of the messages that those came in.
    early_bytes: usize,
}

enum Phase {
    /// Its first message is not complete yet.
    Announced,
    /// It holds SecureStrings and waits for the client's key.
    NeedsKey(Box<Message>),
    /// It waits for a free runspace.
    Queued(Box<Work>),
    /// It runs; nested ones take no runspace of their own.
    Running { nested: bool },
}

enum Work {
    PowerShell(PowerShell),
    Metadata(GetCommandMetadata),
}

impl ServerPool {
    /// Makes a pool that waits for its client. `rng` gives the session key.
    #[must_use]
    pub fn new(options: ServerOptions, mut rng: Box<dyn CryptoRng + Send + Sync>) -> Self {
        Self {
            id: None,
            state: RunspacePoolState::BeforeOpen,
            version: None,
            fragmenter: Fragmenter::new(options.max_fragment_size),
            stream: Defragmenter::new(options.limits),
            prompt_responses: Defragmenter::new(options.limits),
            pipelines: BTreeMap::new(),
            queue: VecDeque::new(),
            min_runspaces: 1,
            max_runspaces: 1,
            key: SessionKey::generate(&mut *rng),
            key_sent: false,
            key_requested: false,
            next_call_id: 1,
            calls: BTreeMap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            options,
            rng,
        }
    }

    /// The state of the pool.
    #[must_use]
    pub const fn state(&self) -> RunspacePoolState {
        self.state
    }

    /// The id the client gave the pool, once its first message has come.
    #[must_use]
    pub const fn id(&self) -> Option<RunspacePoolId> {
        self.id
    }

    /// The version in force, once the client has claimed one.
    #[must_use]
    pub const fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }

    /// True while this pipeline runs: created, started and not ended.
    #[must_use]
    pub fn is_running(&self, pipeline: PipelineId) -> bool {
        self.pipelines
            .get(&pipeline)
            .is_some_and(|pipeline| matches!(pipeline.phase, Phase::Running { .. }))
    }

    /// True while this pipeline is known: announced, waiting or running.
    #[must_use]
    pub fn knows(&self, pipeline: PipelineId) -> bool {
        self.pipelines.contains_key(&pipeline)
    }

    /// Makes a SecureString for output.
    ///
    /// Like Microsoft's engine this encrypts at once, under a key that the client may ask for later.
    #[must_use]
    pub fn secure_string(&self, secret: &SecretString) -> Value {
        let encoded = match self.secrets() {
            SecretEncoding::NoKey => self.key.encrypt(secret),
            SecretEncoding::Encrypted(key) => key.encrypt(secret),
            SecretEncoding::Unprotected => crate::crypto::encode_unprotected(secret),
        };
        Value::SecureString(encoded)
    }

    /// Decrypts a SecureString that came inside another value or as input.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] before the client has the key, [`CryptoError::Decryption`] and [`CryptoError::Utf16`] for
    /// bytes that are no SecureString of this session.
    pub fn decrypt_secure_string(&self, bytes: &[u8]) -> Result<SecretString, CryptoError> {
        self.secrets().decode(bytes)
    }

    /// What to send next, in this order: whole fragments of one message, and the stream they belong to. Nothing while the
    /// client is disconnected.
    pub fn poll_transmit(&mut self) -> Option<(StreamTarget, Vec<u8>)> {
        if self.state == RunspacePoolState::Disconnected {
            return None;
        }
        self.transmits.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    fn secrets(&self) -> SecretEncoding {
        if self.version.is_some_and(|version| !version.encrypts_secure_strings()) {
            SecretEncoding::Unprotected
        } else if self.key_sent {
            SecretEncoding::Encrypted(self.key.clone())
        } else {
            SecretEncoding::NoKey
        }
    }

    fn busy_runspaces(&self) -> usize {
        self.pipelines
            .values()
            .filter(|pipeline| matches!(pipeline.phase, Phase::Running { nested: false }))
            .count()
    }

    fn free_runspaces(&self) -> usize {
        usize::try_from(self.max_runspaces).unwrap_or(0).saturating_sub(self.busy_runspaces())
    }

    /// Starts waiting pipelines as long as runspaces are free.
    fn start_queued(&mut self) {
        while self.free_runspaces() > 0
            && let Some(id) = self.queue.pop_front()
        {
            self.start(id);
        }
    }

    fn start(&mut self, id: PipelineId) {
        let Some(pipeline) = self.pipelines.get_mut(&id) else { return };
        let Phase::Queued(work) =
            core::mem::replace(&mut pipeline.phase, Phase::Running { nested: false })
        else {
            return;
        };
        self.events.push_back(match *work {
            Work::PowerShell(powershell) => {
                pipeline.phase = Phase::Running { nested: powershell.is_nested };
                ServerEvent::PipelineCreated { id, powershell: Box::new(powershell) }
            }
            Work::Metadata(request) => ServerEvent::CommandMetadataRequested { id, request },
        });
        self.events.extend(core::mem::take(&mut pipeline.early));
    }

    /// Forgets a pipeline and starts the next.
    fn forget(&mut self, id: PipelineId) {
        self.pipelines.remove(&id);
        self.queue.retain(|queued| *queued != id);
        self.calls.retain(|_, (pipeline, _)| *pipeline != Some(id));
        self.start_queued();
    }
}

impl fmt::Debug for ServerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerPool")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("version", &self.version)
            .field("pipelines", &self.pipelines.len())
            .finish_non_exhaustive()
    }
}
