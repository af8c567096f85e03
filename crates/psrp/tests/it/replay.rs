//! The engine's side of recorded conversations, played to our client.

use std::collections::HashMap;
use std::path::Path;

use clixml::Value;
use psrp::crypto::KeyPair;
use psrp::fragment::Defragmenter;
use psrp::host::{HostAnswer, HostDefaultData, HostInfo, HostRequest, HostResult};
use psrp::message::Message;
use psrp::outofproc::Packet;
use psrp::{
    Body, Command, Credential, Event, FinalState, InputStream, PipelineEvent, PipelineId,
    PipelineLoss, PoolOptions, PowerShell, RunspacePool, StreamTarget, Transmit,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;

use crate::support::{json, readdressed, recordings, rng, text};

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
                let (target, bytes) = match ids.get(&target) {
                    Some(id) => (StreamTarget::Pipeline(*id), readdressed(bytes.to_vec(), *id)),
                    None => (target, bytes.to_vec()),
                };
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

/// What our client sends as answers, and what the recorded client sent.
fn answers(file: &Path, key: KeyPair) -> (Vec<Value>, Vec<Value>, Seen) {
    let host = HostInfo::console(&HostDefaultData::console());
    let mut pool = RunspacePool::new(PoolOptions::default().host(host), rng(1));
    pool.set_key_pair(key);
    pool.open().unwrap();
    let (mut seen, mut sent, mut recorded) = (Seen::default(), Vec::new(), Vec::new());
    let mut id = PipelineId::NIL;
    for line in text(file).lines() {
        let entry: Json = serde_json::from_str(line).unwrap();
        let Ok(packet) = Packet::parse(entry["line"].as_str().unwrap()) else { continue };
        match (entry["dir"].as_str().unwrap(), packet) {
            ("c2s", Packet::Command(_)) => {
                id = pool.create_pipeline(PowerShell::new().command(Command::new("Any"))).unwrap();
            }
            ("c2s", Packet::Close(StreamTarget::Pool)) => pool.close().unwrap(),
            ("c2s", Packet::Data { bytes, .. }) if is_public_key(&bytes) => {
                pool.request_session_key().unwrap();
            }
            ("c2s", Packet::Data { stream: InputStream::PromptResponse, bytes, .. }) => {
                recorded.push(result(&bytes));
            }
            ("s2c", Packet::Data { target, bytes, .. }) => {
                let of_pool = target == StreamTarget::Pool;
                let (target, bytes) = match of_pool {
                    true => (target, bytes.to_vec()),
                    false => (StreamTarget::Pipeline(id), readdressed(bytes.to_vec(), id)),
                };
                pool.handle_fragments(target, &bytes).unwrap();
            }
            _ => {}
        }
        while let Some(event) = pool.poll_event() {
            match event {
                Event::Pipeline { id, event: PipelineEvent::HostCall(call), .. } => {
                    let answer = answer(&call.request().unwrap());
                    pool.respond(Some(id), call.call_id, answer).unwrap();
                    seen.host_calls += 1;
                }
                Event::Pipeline { event: PipelineEvent::Finished(outcome), .. } => {
                    seen.ends.push(outcome.state);
                }
                Event::Closed => seen.closed = true,
                _ => {}
            }
        }
        while let Some(due) = pool.poll_transmit() {
            if let Transmit::Send { stream: InputStream::PromptResponse, payload, .. } = due {
                sent.push(result(payload.as_bytes()));
            }
        }
    }
    (sent, recorded, seen)
}

fn answer(request: &HostRequest) -> HostAnswer {
    let typed = || SecretString::from("typed secret");
    match request {
        HostRequest::Prompt { fields, .. } => {
            assert!(fields[0].is_secret());
            HostAnswer::fields([(fields[0].name.as_str(), typed())])
        }
        HostRequest::ReadLineAsSecureString => typed().into(),
        HostRequest::PromptForCredential { user_name, target_name, options, .. } => {
            assert_eq!((target_name.as_str(), *options), ("target", Some(1)));
            Credential::new(user_name.as_str(), SecretString::from("P@ss")).into()
        }
        other => panic!("{other:?}"),
    }
}

/// The value in an answer, and the SecureString in it as it is on the wire.
fn result(fragments: &[u8]) -> Value {
    let mut stream = Defragmenter::default();
    stream.push(fragments).unwrap();
    let object = stream.next_object().unwrap().unwrap();
    let message = Message::from_bytes(object.bytes).unwrap();
    let Body::HostResponse(response) = Body::decode(&message).unwrap() else { panic!("no answer") };
    match response.result {
        HostResult::Returned(value) => value,
        other => panic!("{other:?}"),
    }
}

fn secure_string(value: &Value) -> Vec<u8> {
    match value {
        Value::SecureString(bytes) => bytes.clone(),
        value => match value.entries() {
            Some(entries) => secure_string(&entries[0].1),
            None => secure_string(value.property("Password").unwrap()),
        },
    }
}

#[test]
fn secret_answers_are_those_the_engine_took() {
    let Some(folder) = recordings() else { return };
    let folder = folder.join("pwsh-7.6/conversations");
    let key = KeyPair::from_pkcs8_pem(&text(folder.join("host-secure-answers.key.pem"))).unwrap();
    let (sent, recorded, seen) = answers(&folder.join("host-secure-answers.jsonl"), key);
    assert_eq!((seen.host_calls, seen.closed), (3, true));
    assert_eq!(seen.ends, [FinalState::Completed]);
    let wire = |answers: &[Value]| answers.iter().map(secure_string).collect::<Vec<_>>();
    assert_eq!(wire(&sent), wire(&recorded));
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2].property("UserName").and_then(Value::as_str), Some("user"));
}

#[test]
fn a_server_that_ends_unasked_breaks_the_pool() {
    let Some(folder) = recordings() else { return };
    let (_, seen) = replay(&folder.join("pwsh-7.6/conversations/input-cut-off.jsonl"), None);
    assert_eq!(seen.losses, [PipelineLoss::PoolBroken]);
    assert!(seen.broken && !seen.closed);
}
