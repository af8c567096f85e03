//! What fuzzers begin with: a session of our two halves, message by message and as scripts.

use clixml::Value;
use rand_core::CryptoRng;

use super::conversation::{MESSAGE, PIPELINE, SECRET, get_date, with_secret};
use super::script::write_message;
use crate::client::{Event, InputStream, PipelineEvent, PoolOptions, RunspacePool, Transmit};
use crate::command_metadata::{CommandMetadata, GetCommandMetadata};
use crate::error::StateError;
use crate::fragment::{Defragmenter, Fragmenter};
use crate::host::{HostInfo, HostRequest};
use crate::id::{PipelineId, StreamTarget};
use crate::message::{Destination, Message, MessageType};
use crate::outofproc::Packet;
use crate::pool_messages::{ConnectRunspacePool, RunspaceRequest};
use crate::records::{ErrorRecord, InformationRecord, ProgressRecord};
use crate::server::{ServerOptions, ServerPool};
use crate::user_event::UserEvent;
use crate::version::{ProtocolVersion, SessionCapability};

/// One input of one target.
#[derive(Debug)]
#[non_exhaustive]
pub struct Seed {
    /// The target it is meant for, as its program is called.
    pub target: &'static str,
    /// A name, different from those of the others of the target.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// Writes the seeds of every target of this crate.
///
/// # Panics
///
/// When our two halves do not understand each other.
#[must_use]
pub fn seeds(rng: [Box<dyn CryptoRng + Send + Sync>; 2]) -> Vec<Seed> {
    let mut talk = Talk::new(rng);
    talk.run().expect("our halves understand each other");
    let mut seeds = Vec::new();
    let mut add = |target, name: String, bytes| seeds.push(Seed { target, name, bytes });
    let (mut to_client, mut to_server) = (vec![PIPELINE, SECRET], Vec::new());
    let mut wire = Vec::new();
    for (number, Sent { message, prompt, by_server }) in talk.sent.iter().enumerate() {
        add("psrp_message", format!("{number:02}"), message.to_bytes());
        let place = talk.ids.iter().position(|id| *id == message.pipeline);
        let address = place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0);
        let script = if *by_server { &mut to_client } else { &mut to_server };
        script.push(if *prompt { 4 } else { MESSAGE });
        write_message(script, message, address);
        Fragmenter::new(64).fragment(&message.to_bytes(), &mut wire);
        if number % 8 == 7 {
            add("psrp_fragments", format!("{number:02}"), [&[7], &*wire].concat());
            wire.clear();
        }
        let target = if address == 0 {
            StreamTarget::Pool
        } else {
            StreamTarget::Pipeline(message.pipeline)
        };
        let packet = Packet::data(target, InputStream::Stdin, message.to_bytes());
        add("psrp_packet", format!("{number:02}"), packet.to_line().into_bytes());
    }
    add("psrp_client", "session".to_owned(), to_client);
    add("psrp_server", "session".to_owned(), to_server);
    add("psrp_streams", "three".to_owned(), (0..90).collect());
    seeds
}

/// A message, and how it travelled.
struct Sent {
    message: Message,
    prompt: bool,
    by_server: bool,
}

/// A client and a server that talk.
struct Talk {
    client: RunspacePool,
    server: ServerPool,
    /// The pipelines, in the order of their creation.
    ids: Vec<PipelineId>,
    sent: Vec<Sent>,
}

impl Talk {
    fn new([ours, theirs]: [Box<dyn CryptoRng + Send + Sync>; 2]) -> Self {
        let options = PoolOptions::default().host(HostInfo::user_interface());
        Self {
            client: RunspacePool::new(options, ours),
            server: ServerPool::new(ServerOptions::default(), theirs),
            ids: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// A session in which every message comes that has a place in one.
    fn run(&mut self) -> Result<(), StateError> {
        self.client.open()?;
        self.pump();
        let date = self.client.create_pipeline(get_date().with_input())?;
        self.ids.push(date);
        self.client.send_input(date, &Value::from("item"))?;
        self.client.end_input(date)?;
        self.pump();
        self.write(date)?;
        self.server.host_request(Some(date), &HostRequest::ReadLine)?;
        self.server.host_request(None, &HostRequest::ReadLine)?;
        self.pump();
        self.server.complete(date)?;
        let new = self.client.create_pipeline(with_secret())?;
        self.ids.push(new);
        self.pump();
        self.server.fail(new, ErrorRecord::new("bad", "Id"))?;
        let listing = self.client.get_command_metadata(&GetCommandMetadata::new(["Get-*"]))?;
        self.ids.push(listing);
        self.pump();
        self.server.command_metadata(listing, &[CommandMetadata::cmdlet("Get-Date")])?;
        for request in [
            RunspaceRequest::SetMax(3),
            RunspaceRequest::SetMin(2),
            RunspaceRequest::GetAvailable,
            RunspaceRequest::ResetState,
        ] {
            self.client.request_runspaces(request)?;
        }
        self.server.user_event(&UserEvent::default());
        self.client.disconnect()?;
        self.pump();
        self.join();
        self.server.close();
        self.pump();
        Ok(())
    }

    /// Writes a record of every kind.
    fn write(&mut self, id: PipelineId) -> Result<(), StateError> {
        self.server.output(id, &Value::from("x"))?;
        self.server.output(id, &Value::Nil)?;
        self.server.error(id, &ErrorRecord::new("bad", "Id"))?;
        self.server.warning(id, "careful")?;
        self.server.verbose(id, "much")?;
        self.server.debug(id, "more")?;
        self.server.progress(id, &ProgressRecord::new("Doing", "half").percent_complete(50))?;
        self.server.information(id, &InformationRecord::new(Value::from("news"), "here"))
    }

    /// Another client joins, and only its messages are of interest.
    fn join(&mut self) {
        let mut wire = Vec::new();
        let request = ConnectRunspacePool::new(Some((1, 2)));
        for (message_type, value) in [
            (
                MessageType::SessionCapability,
                SessionCapability::new(ProtocolVersion::V2_3).to_value(),
            ),
            (MessageType::ConnectRunspacePool, request.to_value()),
        ] {
            let message = Message {
                destination: Destination::Server,
                message_type,
                pool: self.client.id(),
                pipeline: PipelineId::NIL,
                body: clixml::write_value(&value).into_bytes().into(),
            };
            Fragmenter::default().fragment(&message.to_bytes(), &mut wire);
        }
        self.keep(&wire, false, false);
        if let Ok(answer) = self.server.handle_connect(&wire) {
            self.keep(&answer, false, true);
        }
    }

    fn pump(&mut self) {
        loop {
            if let Some(transmit) = self.client.poll_transmit() {
                self.carry(transmit);
            } else if let Some((target, bytes)) = self.server.poll_transmit() {
                self.keep(&bytes, false, true);
                drop(self.client.handle_fragments(target, &bytes));
            } else if let Some(event) = self.client.poll_event() {
                self.answer(event);
            } else if self.server.poll_event().is_none() {
                return;
            }
        }
    }

    fn answer(&mut self, event: Event) {
        let (pipeline, call) = match event {
            Event::HostCall(call) => (None, call),
            Event::Pipeline { id, event: PipelineEvent::HostCall(call) } => (Some(id), call),
            _ => return,
        };
        drop(self.client.respond(pipeline, call.call_id, Value::from("line")));
    }

    fn carry(&mut self, transmit: Transmit) {
        let (target, payload, prompt) = match transmit {
            Transmit::OpenShell { payload } => (StreamTarget::Pool, payload, false),
            Transmit::CreateCommand { pipeline, payload } => {
                (StreamTarget::Pipeline(pipeline), payload, false)
            }
            Transmit::Send { target, stream, payload } => {
                let target = target.map_or(StreamTarget::Pool, StreamTarget::Pipeline);
                (target, payload, stream == InputStream::PromptResponse)
            }
            Transmit::Disconnect => {
                self.client.handle_disconnected();
                return drop(self.server.handle_disconnect());
            }
            _ => return,
        };
        self.keep(payload.as_bytes(), prompt, false);
        drop(match prompt {
            true => self.server.handle_prompt_responses(target, payload.as_bytes()),
            false => self.server.handle_fragments(target, payload.as_bytes()),
        });
    }

    fn keep(&mut self, wire: &[u8], prompt: bool, by_server: bool) {
        let mut stream = Defragmenter::default();
        drop(stream.push(wire));
        while let Ok(Some(object)) = stream.next_object() {
            if let Ok(message) = Message::from_bytes(object.bytes) {
                self.sent.push(Sent { message, prompt, by_server });
            }
        }
    }
}
