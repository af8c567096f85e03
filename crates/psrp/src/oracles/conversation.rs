//! Whole sessions by script: one half of ours, told whatever a fuzzer thinks of, while its owner asks for this and that.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use clixml::Value;
use rand_core::CryptoRng;
use secrecy::SecretString;

use super::LIMITS;
use super::script::{Delivery, Script};
use crate::client::{Event, PipelineEvent, PoolOptions, RunspacePool, Transmit};
use crate::command_metadata::GetCommandMetadata;
use crate::crypto::KeyPair;
use crate::fragment::Fragmenter;
use crate::host::{HostInfo, HostRequest};
use crate::id::{PipelineId, StreamTarget};
use crate::message::Destination;
use crate::pool_messages::RunspaceRequest;
use crate::powershell::{Command, PowerShell};
use crate::records::ErrorRecord;
use crate::server::{ServerEvent, ServerOptions, ServerPool};
use crate::user_event::UserEvent;

/// Pipelines that one script may have; more tell nothing new.
const MOST_PIPELINES: usize = 8;

/// What a step of a script is; [`super::seeds`] writes the first three.
pub(super) const MESSAGE: u8 = 0;
pub(super) const PIPELINE: u8 = 1;
pub(super) const SECRET: u8 = 2;

/// A client survives any server and any owner: one last event of the pool, one end of each pipeline, nothing after either.
///
/// # Panics
///
/// When that does not hold.
pub fn client_script(bytes: &[u8], rng: Box<dyn CryptoRng + Send + Sync>) {
    let mut side = Client::new(rng);
    let mut script = Script::new(bytes);
    while side.step(&mut script).is_some() {
        side.note();
    }
    drop(side.client.close());
    side.client.handle_shell_deleted();
    side.note();
    assert_eq!(side.last, 1, "the pool ends once");
    for id in &side.created {
        assert_eq!(side.ends.get(id), Some(&1), "each pipeline ends once");
        assert!(!side.client.is_running(*id), "what has ended does not run");
    }
}

struct Client {
    client: RunspacePool,
    peer: Fragmenter,
    created: Vec<PipelineId>,
    calls: Vec<(Option<PipelineId>, i64)>,
    ends: BTreeMap<PipelineId, usize>,
    last: usize,
}

impl Client {
    fn new(mut rng: Box<dyn CryptoRng + Send + Sync>) -> Self {
        static PAIR: OnceLock<Option<KeyPair>> = OnceLock::new();
        let pair = PAIR.get_or_init(|| KeyPair::generate(&mut *rng).ok());
        let options = PoolOptions::default().limits(LIMITS).host(HostInfo::user_interface());
        let mut client = RunspacePool::new(options, rng);
        if let Some(pair) = pair {
            client.set_key_pair(pair.duplicate());
        }
        drop(client.open());
        Self {
            client,
            peer: Fragmenter::default(),
            created: Vec::new(),
            calls: Vec::new(),
            ends: BTreeMap::new(),
            last: 0,
        }
    }

    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        let client = &mut self.client;
        match script.byte()? % 24 {
            MESSAGE => {
                let (pool, peer) = (client.id(), &mut self.peer);
                let to = script.message(Destination::Client, pool, &self.created, peer)?;
                deliver(to, |target, piece| client.handle_fragments(target, piece).is_ok());
            }
            3 => {
                let target = script.target(&self.created)?;
                drop(client.handle_fragments(target, script.bytes()?));
            }
            kind @ (PIPELINE | SECRET | 4) if self.created.len() < MOST_PIPELINES => {
                let created = match kind {
                    SECRET => client.create_pipeline(with_secret()),
                    PIPELINE => client.create_pipeline(get_date().with_input()),
                    _ => client.get_command_metadata(&GetCommandMetadata::new(["*"])),
                };
                self.created.extend(created);
            }
            5 => drop(client.send_input(script.pipeline(&self.created)?, &Value::from("item"))),
            6 => drop(client.send_secret_input(script.pipeline(&self.created)?, secret())),
            7 => drop(client.end_input(script.pipeline(&self.created)?)),
            8 => drop(client.stop(script.pipeline(&self.created)?)),
            9 => drop(client.request_runspaces(RunspaceRequest::SetMax(2))),
            10 => {
                if let Some((pipeline, call_id)) = self.calls.pop() {
                    drop(client.respond(pipeline, call_id, secret()));
                }
            }
            11 => drop(client.disconnect()),
            12 => client.handle_disconnected(),
            13 => client.handle_disconnect_failed(),
            14 => drop(client.reconnect()),
            15 => client.handle_reconnected(),
            16 => client.handle_reconnect_failed(),
            17 => {
                let id = script.pipeline(&self.created)?;
                if client.attach_pipeline(id).is_ok() && client.is_running(id) {
                    self.ends.remove(&id);
                }
            }
            18 => client.handle_command_done(script.pipeline(&self.created)?),
            19 => client.pipeline_lost(script.pipeline(&self.created)?, "lost"),
            20 => client.broken("lost"),
            21 => drop(client.close()),
            22 => drop(client.handle_connect_response(script.bytes()?)),
            _ => drop(client.request_session_key()),
        }
        Some(())
    }

    /// Takes what the client wants sent and what it tells.
    fn note(&mut self) {
        while let Some(transmit) = self.client.poll_transmit() {
            if let Transmit::DeleteShell = transmit {
                self.client.handle_shell_deleted();
            }
        }
        while let Some(event) = self.client.poll_event() {
            assert_eq!(self.last, 0, "nothing follows the last event");
            match event {
                Event::Pipeline { id, event } => {
                    let ends = self.ends.entry(id).or_default();
                    assert_eq!(*ends, 0, "nothing follows the end of a pipeline");
                    match event {
                        PipelineEvent::Finished(_) => *ends += 1,
                        PipelineEvent::HostCall(call) => self.calls.push((Some(id), call.call_id)),
                        _ => {}
                    }
                }
                Event::HostCall(call) => self.calls.push((None, call.call_id)),
                Event::Closed | Event::Broken { .. } => self.last += 1,
                _ => {}
            }
        }
    }
}

/// A server survives any client and any driver: it is told of a pipeline once, and of nothing that is not there.
///
/// # Panics
///
/// When that does not hold.
pub fn server_script(bytes: &[u8], rng: Box<dyn CryptoRng + Send + Sync>) {
    let mut side = Server::new(rng);
    let mut script = Script::new(bytes);
    while side.step(&mut script).is_some() {
        side.note();
    }
    side.server.close();
    side.note();
    assert_eq!(side.server.pipelines().count(), 0, "a closed pool has no pipelines");
}

struct Server {
    server: ServerPool,
    peer: Fragmenter,
    /// The ids that the client of the script uses.
    ids: Vec<PipelineId>,
    runs: BTreeMap<PipelineId, bool>,
}

impl Server {
    fn new(rng: Box<dyn CryptoRng + Send + Sync>) -> Self {
        let ids = (1..).take(MOST_PIPELINES).map(|number| PipelineId::from_wire([number; 16]));
        Self {
            server: ServerPool::new(ServerOptions::default().limits(LIMITS), rng),
            peer: Fragmenter::default(),
            ids: ids.collect(),
            runs: BTreeMap::new(),
        }
    }

    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        let server = &mut self.server;
        match script.byte()? % 20 {
            MESSAGE => {
                let to =
                    script.message(Destination::Server, super::POOL, &self.ids, &mut self.peer)?;
                deliver(to, |target, piece| server.handle_fragments(target, piece).is_ok());
            }
            3 => {
                let target = script.target(&self.ids)?;
                drop(server.handle_fragments(target, script.bytes()?));
            }
            4 => {
                let to =
                    script.message(Destination::Server, super::POOL, &self.ids, &mut self.peer)?;
                deliver(to, |target, piece| server.handle_prompt_responses(target, piece).is_ok());
            }
            5 => server.announce_pipeline(script.pipeline(&self.ids)?),
            6 => server.handle_stop(script.pipeline(&self.ids)?),
            7 => server.handle_terminate(script.pipeline(&self.ids)?),
            8 => drop(server.output(script.pipeline(&self.ids)?, &Value::from("x"))),
            9 => drop(server.error(script.pipeline(&self.ids)?, &ErrorRecord::new("bad", "Id"))),
            10 => {
                drop(
                    server.host_request(Some(script.pipeline(&self.ids)?), &HostRequest::ReadLine),
                );
            }
            11 => drop(server.host_request(None, &HostRequest::ReadLineAsSecureString)),
            12 => server.user_event(&UserEvent::default()),
            13 => drop(server.complete(script.pipeline(&self.ids)?)),
            14 => drop(server.fail(script.pipeline(&self.ids)?, ErrorRecord::new("bad", "Id"))),
            15 => drop(server.stopped(script.pipeline(&self.ids)?)),
            16 => drop(server.handle_disconnect()),
            17 => drop(server.handle_reconnect()),
            18 => drop(server.handle_connect(script.bytes()?)),
            _ => drop(server.command_metadata(script.pipeline(&self.ids)?, &[])),
        }
        Some(())
    }

    fn note(&mut self) {
        while self.server.poll_transmit().is_some() {}
        while let Some(event) = self.server.poll_event() {
            match event {
                ServerEvent::PipelineCreated { id, .. }
                | ServerEvent::CommandMetadataRequested { id, .. } => {
                    self.runs.insert(id, true);
                }
                ServerEvent::StopRequested { id } => {
                    assert!(self.runs.contains_key(&id), "only what ran is asked to stop");
                }
                _ => {}
            }
        }
    }
}

fn deliver(delivery: Delivery, mut push: impl FnMut(StreamTarget, &[u8]) -> bool) {
    for piece in &delivery.pieces {
        if !push(delivery.target, piece) {
            break;
        }
    }
}

fn secret() -> SecretString {
    SecretString::from("geheim")
}

pub(super) fn get_date() -> PowerShell {
    PowerShell::new().command(Command::new("Get-Date").parameter("Year", 2013))
}

pub(super) fn with_secret() -> PowerShell {
    PowerShell::new().command(Command::new("New-Mailbox").secret("Password", secret()))
}
