//! Our client and our server, joined in memory.

use std::collections::VecDeque;

use psrp::fragment::Fragmenter;
use psrp::message::{Destination, Message, MessageType};
use psrp::server::{ServerEvent, ServerOptions, ServerPool};
use psrp::{
    Command, Event, FinalState, InputStream, PipelineEvent, PipelineId, PipelineLoss,
    PipelineSignal, PoolOptions, PowerShell, RunspacePool, StreamTarget, Transmit,
};
use secrecy::SecretString;

use crate::support::rng;

pub(crate) struct Pair {
    pub(crate) client: RunspacePool,
    pub(crate) server: ServerPool,
    /// Bytes that are handed over at once.
    pub(crate) cut: usize,
    pub(crate) events: VecDeque<Event>,
    pub(crate) server_events: VecDeque<ServerEvent>,
    pub(crate) signals: Vec<(PipelineId, PipelineSignal)>,
}

impl Pair {
    pub(crate) fn new(options: PoolOptions, server: ServerOptions) -> Self {
        Self {
            client: RunspacePool::new(options, rng(1)),
            server: ServerPool::new(server, rng(2)),
            cut: usize::MAX,
            events: VecDeque::new(),
            server_events: VecDeque::new(),
            signals: Vec::new(),
        }
    }

    pub(crate) fn open_with(options: PoolOptions, server: ServerOptions) -> Self {
        let mut pair = Self::new(options, server);
        pair.client.open().unwrap();
        pair.pump();
        assert!(matches!(pair.events.pop_front(), Some(Event::ApplicationPrivateData(_))));
        assert!(matches!(pair.events.pop_front(), Some(Event::Opened { .. })));
        assert!(matches!(pair.server_events.pop_front(), Some(ServerEvent::Opened { .. })));
        pair
    }

    pub(crate) fn open() -> Self {
        Self::open_with(PoolOptions::default(), ServerOptions::default())
    }

    /// Carries everything over that either side wants to send, until both are quiet.
    pub(crate) fn pump(&mut self) {
        loop {
            if let Some(transmit) = self.client.poll_transmit() {
                self.carry(transmit);
            } else if let Some((target, bytes)) = self.server.poll_transmit() {
                for piece in bytes.chunks(self.cut) {
                    self.client.handle_fragments(target, piece).unwrap();
                }
            } else {
                break;
            }
        }
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
        self.server_events.extend(std::iter::from_fn(|| self.server.poll_event()));
    }

    pub(crate) fn carry(&mut self, transmit: Transmit) {
        let (target, payload, prompt) = match transmit {
            Transmit::OpenShell { payload, .. } => (StreamTarget::Pool, payload, false),
            Transmit::CreateCommand { pipeline, payload, .. } => {
                (StreamTarget::Pipeline(pipeline), payload, false)
            }
            Transmit::Send { target, stream, payload, .. } => {
                let target = target.map_or(StreamTarget::Pool, StreamTarget::Pipeline);
                (target, payload, stream == InputStream::PromptResponse)
            }
            Transmit::Signal { pipeline, signal, .. } => {
                self.signals.push((pipeline, signal));
                return match signal {
                    PipelineSignal::Stop => self.server.handle_stop(pipeline),
                    PipelineSignal::Terminate => self.server.handle_terminate(pipeline),
                };
            }
            Transmit::Disconnect => {
                return match self.server.handle_disconnect() {
                    Ok(()) => self.client.handle_disconnected(),
                    Err(_) => self.client.handle_disconnect_failed(),
                };
            }
            Transmit::Reconnect { .. } => {
                return match self.server.handle_reconnect() {
                    Ok(()) => self.client.handle_reconnected(),
                    Err(error) => self.client.broken(error.to_string()),
                };
            }
            Transmit::Connect { payload, .. } => {
                let answer = self.server.handle_connect(payload.as_bytes()).unwrap();
                return self.client.handle_connect_response(&answer).unwrap();
            }
            Transmit::ConnectCommand { pipeline, .. } => {
                return assert!(self.server.knows(pipeline));
            }
            Transmit::DeleteShell => {
                self.server.close();
                return self.client.handle_shell_deleted();
            }
            other => panic!("{other:?}"),
        };
        for piece in payload.split(self.cut) {
            if prompt {
                self.server.handle_prompt_responses(target, &piece).unwrap();
            } else {
                self.server.handle_fragments(target, &piece).unwrap();
            }
        }
    }

    /// Creates a pipeline and lets the server start it.
    #[track_caller]
    pub(crate) fn start(&mut self, powershell: PowerShell) -> (PipelineId, PowerShell) {
        let id = self.client.create_pipeline(powershell).unwrap();
        self.pump();
        match self.server_events.pop_front() {
            Some(ServerEvent::PipelineCreated { id: created, powershell, .. }) => {
                assert_eq!(created, id);
                (id, *powershell)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The events of pipelines so far.
    pub(crate) fn pipeline_events(&mut self) -> Vec<PipelineEvent> {
        self.events
            .drain(..)
            .filter_map(|event| match event {
                Event::Pipeline { event, .. } => Some(event),
                _ => None,
            })
            .collect()
    }

    #[track_caller]
    pub(crate) fn end(&mut self) -> (FinalState, Option<String>, Option<PipelineLoss>) {
        let mut events = self.pipeline_events();
        let Some(PipelineEvent::Finished(outcome)) = events.pop() else { panic!("{events:?}") };
        assert!(events.iter().all(|event| !matches!(event, PipelineEvent::Finished(_))));
        (outcome.state, outcome.error.map(|error| error.message), outcome.loss)
    }
}

pub(crate) fn get_mailbox() -> PowerShell {
    PowerShell::new().command(Command::new("Get-Mailbox").parameter("ResultSize", 1))
}

pub(crate) fn with_secret() -> PowerShell {
    PowerShell::new()
        .command(Command::new("New-Mailbox").secret("Password", SecretString::from("P@ss €")))
}

/// Gives the client a message of the pool as a server would send it.
pub(crate) fn inject(client: &mut RunspacePool, message_type: MessageType, body: Vec<u8>) {
    let pool = client.id();
    let message = Message {
        destination: Destination::Client,
        message_type,
        pool,
        pipeline: PipelineId::NIL,
        body: body.into(),
    };
    let mut bytes = Vec::new();
    Fragmenter::default().fragment(&message.to_bytes(), &mut bytes);
    client.handle_fragments(StreamTarget::Pool, &bytes).unwrap();
}
