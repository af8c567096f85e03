//! The engine's side of recorded conversations, played to our client.

use std::collections::HashMap;
use std::path::Path;

use clixml::Value;
use psrp::crypto::KeyPair;
use psrp::outofproc::Packet;
use psrp::{
    Command, Event, FinalState, PipelineEvent, PipelineId, PipelineLoss, PoolOptions, PowerShell,
    RunspacePool, StreamTarget,
};
use secrecy::ExposeSecret as _;
use serde_json::Value as Json;

use crate::support::{json, recordings, rng, text};

/// What a conversation came to.
#[derive(Default)]
struct Seen {
    /// Final states in order.
    ends: Vec<FinalState>,
    output: Vec<Value>,
    losses: Vec<PipelineLoss>,
    closed: bool,
    broken: bool,
    host_calls: usize,
    records: usize,
}

fn note(pool: &mut RunspacePool, seen: &mut Seen) {
    while pool.poll_transmit().is_some() {}
    while let Some(event) = pool.poll_event() {
        match event {
            Event::Pipeline { event, .. } => match event {
                PipelineEvent::Output(value) => seen.output.push(value),
                PipelineEvent::Finished(outcome) => {
                    seen.losses.extend(outcome.loss);
                    seen.ends.push(outcome.state);
                }
                PipelineEvent::HostCall(_) => seen.host_calls += 1,
                PipelineEvent::Undecodable { message_type, error, .. } => {
                    panic!("{message_type}: {error:?}")
                }
                _ => seen.records += 1,
            },
            Event::Closed => seen.closed = true,
            Event::Undecodable { message_type, error, .. } => panic!("{message_type}: {error:?}"),
            Event::Broken { .. } => seen.broken = true,
            Event::Unhandled { message, .. } => panic!("{message:?}"),
            _ => {}
        }
    }
}

fn replay(file: &Path, key: Option<KeyPair>) -> (RunspacePool, Seen) {
    let mut pool = RunspacePool::new(PoolOptions::default().max_runspaces(3), rng(1));
    let mut seen = Seen::default();
    let mut ids: HashMap<StreamTarget, PipelineId> = HashMap::new();
    if let Some(key) = key {
        pool.set_key_pair(key);
    }
    pool.open().unwrap();
    for line in text(file).lines() {
        let entry: Json = serde_json::from_str(line).unwrap();
        let Ok(packet) = Packet::parse(entry["line"].as_str().unwrap()) else { continue };
        match (entry["dir"].as_str().unwrap(), packet) {
            ("c2s", Packet::Command(target)) => {
                let powershell = PowerShell::new().command(Command::new("Anything"));
                ids.insert(target, pool.create_pipeline(powershell).unwrap());
            }
            ("c2s", Packet::Close(StreamTarget::Pool)) => pool.close().unwrap(),
            ("c2s", Packet::Data { bytes, .. }) if is_public_key(&bytes) => {
                pool.request_session_key().unwrap();
            }
            ("s2c", Packet::Data { target, bytes, .. }) => {
                let target = ids.get(&target).map_or(target, |id| StreamTarget::Pipeline(*id));
                pool.handle_fragments(target, &bytes).unwrap();
            }
            _ => {}
        }
        note(&mut pool, &mut seen);
    }
    (pool, seen)
}

fn is_public_key(bytes: &[u8]) -> bool {
    let name = b"N=\"PublicKey\"";
    bytes.windows(name.len()).any(|window| window == name)
}

/// The final states that an independent client saw.
fn expected_ends(summary: &Json) -> Vec<FinalState> {
    let messages = summary["messages"].as_array().unwrap();
    messages
        .iter()
        .filter(|message| message["type"] == "PipelineState")
        .filter_map(|message| match message["state"].as_str() {
            Some("Completed") => Some(FinalState::Completed),
            Some("Failed") => Some(FinalState::Failed),
            Some("Stopped") => Some(FinalState::Stopped),
            _ => None,
        })
        .collect()
}

#[test]
fn every_conversation_ends_as_an_independent_client_saw_it() {
    let Some(folder) = recordings() else { return };
    let folder = folder.join("pwsh-7.6/conversations");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let Some(name) = file.to_str().unwrap().strip_suffix(".jsonl") else { continue };
        if ["key-exchange", "host-secure-answers", "input-cut-off"]
            .iter()
            .any(|other| name.ends_with(other))
        {
            continue;
        }
        let summary = json(format!("{name}.summary.json"));
        let (_, seen) = replay(&file, None);
        assert_eq!(seen.ends, expected_ends(&summary), "{name}");
        assert!(seen.losses.is_empty() && !seen.broken, "{name}");
        let typed = |wanted: &str| {
            let messages = summary["messages"].as_array().unwrap();
            messages
                .iter()
                .filter(|message| message["dir"] == "s2c" && message["type"] == wanted)
                .count()
        };
        assert_eq!(seen.output.len(), typed("PipelineOutput"), "{name}");
        assert_eq!(seen.host_calls, typed("PipelineHostCall"), "{name}");
        count += 1;
    }
    assert_eq!(count, 26);
}

#[test]
fn secure_strings_of_the_engine_are_decrypted() {
    let Some(folder) = recordings() else { return };
    let folder = folder.join("pwsh-7.6/conversations");
    let pem = text(folder.join("key-exchange.key.pem"));
    let key = KeyPair::from_pkcs8_pem(&pem).unwrap();
    let (pool, seen) = replay(&folder.join("key-exchange.jsonl"), Some(key));
    assert_eq!(seen.ends, [FinalState::Completed]);
    assert!(seen.closed);
    let texts: Vec<String> = seen
        .output
        .iter()
        .map(|value| match value {
            Value::SecureString(bytes) => {
                pool.decrypt_secure_string(bytes).unwrap().expose_secret().to_owned()
            }
            value => value.text().unwrap().into_owned(),
        })
        .collect();
    assert_eq!(texts, ["from client é😀", "from client é😀", "from server", ""]);
}

#[test]
fn a_server_that_ends_unasked_breaks_the_pool() {
    let Some(folder) = recordings() else { return };
    let (_, seen) = replay(&folder.join("pwsh-7.6/conversations/input-cut-off.jsonl"), None);
    assert_eq!(seen.losses, [PipelineLoss::PoolBroken]);
    assert!(seen.broken && !seen.closed);
}
