//! The servers' side of conversations over WS-Man, played to our client.

use std::collections::HashMap;

use psrp::fragment::Defragmenter;
use psrp::message::{Message, MessageType};
use psrp::pool_messages::ConnectRunspacePool;
use psrp::state::RunspacePoolState;
use psrp::{
    Command, Event, FinalState, GetCommandMetadata, PipelineEvent, PipelineId, PipelineLoss,
    PoolOptions, PowerShell, RunspacePool, RunspacePoolId, StreamTarget,
};
use serde_json::Value as Json;

use crate::envelopes::{attribute, envelopes, id_of_command, soap_streams};
use crate::support::{json, readdressed, recordings, rng, text};

/// Clients of a conversation, and what became of them.
#[derive(Default)]
struct Replay {
    pools: HashMap<String, RunspacePool>,
    /// Our ids by those recorded.
    pipelines: HashMap<String, PipelineId>,
    ends: Vec<FinalState>,
    losses: Vec<PipelineLoss>,
    outputs: usize,
    host_calls: usize,
    opened: usize,
    closed: usize,
    disconnected: usize,
    connected: usize,
}

impl Replay {
    fn request(&mut self, action: &str, shell: &str, envelope: &str) {
        let first =
            soap_streams(envelope).into_iter().flat_map(|(_, bytes)| messages(&bytes)).next();
        match action {
            "Create" => {
                let id = first.unwrap().pool;
                let options = PoolOptions::default().id(id).max_runspaces(3);
                let mut pool = RunspacePool::new(options, rng(1));
                pool.open().unwrap();
                self.pools.insert(attribute(envelope, "Shell", "ShellId").unwrap(), pool);
            }
            "Connect" => {
                // Another client than the one that disconnected.
                let left = self.pools.remove(shell).unwrap();
                assert_eq!(left.state(), RunspacePoolState::Disconnected);
                let mut pool = RunspacePool::new(PoolOptions::default().id(left.id()), rng(2));
                pool.connect(ConnectRunspacePool::new(None)).unwrap();
                self.pools.insert(shell.to_owned(), pool);
            }
            "Command" => {
                let pool = self.pools.get_mut(shell).unwrap();
                let id = match first.map(|first| first.message_type) {
                    Some(MessageType::GetCommandMetadata) => {
                        pool.get_command_metadata(&GetCommandMetadata::new(["*"]))
                    }
                    _ => pool.create_pipeline(PowerShell::new().command(Command::new("Any"))),
                };
                self.pipelines.insert(id_of_command(envelope).unwrap(), id.unwrap());
            }
            "Send" if first.is_some_and(|first| first.message_type == MessageType::PublicKey) => {
                self.pools.get_mut(shell).unwrap().request_session_key().unwrap();
            }
            "Disconnect" => self.pools.get_mut(shell).unwrap().disconnect().unwrap(),
            "Reconnect" => self.pools.get_mut(shell).unwrap().reconnect().unwrap(),
            "Delete" => self.pools.get_mut(shell).unwrap().close().unwrap(),
            _ => {}
        }
    }

    fn response(&mut self, action: &str, shell: &str, envelope: &str) {
        let Some(pool) = self.pools.get_mut(shell) else { return };
        match action {
            "ConnectResponse" => {
                let (_, bytes) = soap_streams(envelope).remove(0);
                pool.handle_connect_response(&bytes).unwrap();
            }
            "DisconnectResponse" => pool.handle_disconnected(),
            "ReconnectResponse" => pool.handle_reconnected(),
            "DeleteResponse" => pool.handle_shell_deleted(),
            "ReceiveResponse" => {
                for (command, bytes) in soap_streams(envelope) {
                    let (target, bytes) = match command.as_str() {
                        "" => (StreamTarget::Pool, bytes),
                        command => {
                            let id = pipeline(&self.pipelines, command);
                            (StreamTarget::Pipeline(id), readdressed(bytes, id))
                        }
                    };
                    pool.handle_fragments(target, &bytes).unwrap();
                }
                let state = attribute(envelope, "CommandState", "State").unwrap_or_default();
                if state.ends_with("/DONE") {
                    let command = attribute(envelope, "CommandState", "CommandId").unwrap();
                    pool.handle_command_done(pipeline(&self.pipelines, &command));
                }
            }
            _ => {}
        }
        self.note(shell);
    }

    fn note(&mut self, shell: &str) {
        let pool = self.pools.get_mut(shell).unwrap();
        while pool.poll_transmit().is_some() {}
        while let Some(event) = pool.poll_event() {
            match event {
                Event::Opened { .. } => self.opened += 1,
                Event::Connected { .. } => self.connected += 1,
                Event::Disconnected => self.disconnected += 1,
                Event::Closed => self.closed += 1,
                Event::Pipeline { event: PipelineEvent::Output(_), .. } => self.outputs += 1,
                Event::Pipeline { event: PipelineEvent::HostCall(_), .. } => self.host_calls += 1,
                Event::Pipeline { event: PipelineEvent::Finished(outcome), .. } => {
                    self.losses.extend(outcome.loss.clone());
                    self.ends.extend(outcome.loss.is_none().then_some(outcome.state));
                }
                // Its private key was not recorded.
                Event::Undecodable { message_type: MessageType::EncryptedSessionKey, .. } => {}
                Event::Broken { .. }
                | Event::Undecodable { .. }
                | Event::Unhandled { .. }
                | Event::Pipeline { event: PipelineEvent::Undecodable { .. }, .. } => {
                    panic!("{event:?}")
                }
                _ => {}
            }
        }
    }
}

/// Our id of a command. One recording was edited, and its only command has another id in the answers.
fn pipeline(pipelines: &HashMap<String, PipelineId>, command: &str) -> PipelineId {
    let only = || pipelines.values().next().filter(|_| pipelines.len() == 1);
    *pipelines.get(command).or_else(only).unwrap_or_else(|| panic!("{command}: {pipelines:?}"))
}

fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut stream = Defragmenter::joining(Default::default());
    stream.push(bytes).unwrap();
    std::iter::from_fn(|| stream.next_object().unwrap())
        .map(|object| Message::from_bytes(object.bytes).unwrap())
        .collect()
}

/// Counts the messages of servers of one type, as an independent parser found them.
fn count(facts: &Json, name: &str) -> usize {
    let envelopes = facts["messages"].as_array().unwrap();
    envelopes
        .iter()
        .filter(|envelope| envelope["side"] == "response")
        .filter_map(|envelope| envelope["psrp"].as_array())
        .flatten()
        .filter(|message| message["name"] == name)
        .count()
}

fn replay(conversation: &str, facts: &Json) -> Replay {
    let mut replay = Replay::default();
    let envelopes = envelopes(conversation);
    let facts = facts["messages"].as_array().unwrap();
    let mut shell = None;
    for ((side, envelope), facts) in envelopes.iter().zip(facts) {
        let action = facts["action"].as_str().unwrap_or_default();
        let action = action.rsplit('/').next().unwrap();
        if *side == "request" {
            let uri = facts["resource_uri"].as_str().unwrap_or_default();
            let of = facts["selectors"]["ShellId"].as_str().map(str::to_uppercase);
            let of = of.or_else(|| attribute(envelope, "Shell", "ShellId"));
            shell = of.filter(|_| uri.contains("/powershell/"));
        }
        // A server may give the shell another id than was asked for.
        if let (Some(asked), Some(given)) = (&shell, facts["selectors"]["ShellId"].as_str())
            && action == "CreateResponse"
        {
            let pool = replay.pools.remove(asked).unwrap();
            replay.pools.insert(given.to_uppercase(), pool);
            shell = Some(given.to_uppercase());
        }
        let Some(shell) = &shell else { continue };
        match *side {
            "request" => replay.request(action, shell, envelope),
            _ => replay.response(action, shell, envelope),
        }
    }
    replay
}

/// The final states that can be read off the bytes of the servers.
fn states(conversation: &str) -> Vec<FinalState> {
    let mut found = Vec::new();
    for (side, envelope) in envelopes(conversation) {
        if side != "response" {
            continue;
        }
        for (_, bytes) in soap_streams(&envelope) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for (_, rest) in text
                .match_indices("N=\"PipelineState\">")
                .map(|(at, tag)| text.split_at(at + tag.len()))
            {
                found.push(match rest.chars().next() {
                    Some('3') => FinalState::Stopped,
                    Some('4') => FinalState::Completed,
                    Some('5') => FinalState::Failed,
                    other => panic!("{other:?}"),
                });
            }
        }
    }
    found
}

#[test]
fn every_conversation_ends_as_recorded() {
    let Some(folder) = recordings() else { return };
    let expected = json(folder.join("EXPECTED.json"));
    let (mut conversations, mut ends, mut closed, mut disconnected) = (0, 0, 0, 0);
    for (name, facts) in expected.as_object().unwrap() {
        if !name.starts_with("pypsrp/") || facts["kind"] != "wsman-conversation" {
            continue;
        }
        if count(facts, "RUNSPACEPOOL_STATE") == 0 {
            continue;
        }
        let conversation = text(folder.join(name));
        let replay = replay(&conversation, facts);
        assert_eq!(replay.ends, states(&conversation), "{name}");
        assert_eq!(replay.outputs, count(facts, "PIPELINE_OUTPUT"), "{name}");
        assert_eq!(replay.host_calls, count(facts, "PIPELINE_HOST_CALL"), "{name}");
        assert_eq!(replay.connected, count(facts, "RUNSPACEPOOL_INIT_DATA"), "{name}");
        let inside = replay.losses.iter().filter(|loss| **loss != PipelineLoss::PoolClosed);
        assert_eq!(inside.count(), 0, "{name}: {:?}", replay.losses);
        for pool in replay.pools.values() {
            assert!(matches!(pool.state(), RunspacePoolState::Closed | RunspacePoolState::Opened));
            assert_ne!(pool.id(), RunspacePoolId::NIL);
        }
        assert!(replay.opened >= 1, "{name}");
        conversations += 1;
        ends += replay.ends.len();
        closed += replay.closed;
        disconnected += replay.disconnected;
    }
    assert_eq!((conversations, ends, closed, disconnected), (24, 22, 24, 3));
}
