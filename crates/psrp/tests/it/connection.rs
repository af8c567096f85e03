//! Leaving a pool and coming back, with the same client and with another.

use clixml::Value;
use psrp::pool_messages::ConnectRunspacePool;
use psrp::server::ServerEvent;
use psrp::state::RunspacePoolState;
use psrp::{
    DecodeError, Event, FinalState, PipelineEvent, PipelineId, PipelineLoss, PoolOptions,
    ProtocolVersion, RunspacePool, StateError, StreamTarget, Transmit,
};
use secrecy::ExposeSecret as _;

use crate::pair::{Pair, get_mailbox, with_secret};
use crate::support::rng;

fn disconnected(pair: &mut Pair) {
    pair.client.disconnect().unwrap();
    pair.pump();
    assert!(matches!(pair.events.pop_back(), Some(Event::Disconnected)));
    assert_eq!(pair.client.state(), RunspacePoolState::Disconnected);
}

fn outputs(pair: &mut Pair) -> Vec<String> {
    let events = pair.pipeline_events();
    events
        .iter()
        .filter_map(|event| match event {
            PipelineEvent::Output(value) => Some(value.text().unwrap().into_owned()),
            _ => None,
        })
        .collect()
}

#[test]
fn output_written_meanwhile_comes_after_the_reconnection() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    pair.server.output(id, &Value::from("before")).unwrap();
    pair.pump();
    disconnected(&mut pair);
    pair.server.output(id, &Value::from("meanwhile")).unwrap();
    pair.pump();
    assert_eq!(outputs(&mut pair), ["before"]);
    pair.client.reconnect().unwrap();
    pair.pump();
    assert!(matches!(pair.events.pop_front(), Some(Event::Reconnected)));
    assert_eq!(outputs(&mut pair), ["meanwhile"]);
    pair.server.complete(id).unwrap();
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Completed, None, None));
}

#[test]
fn a_disconnected_pool_says_what_it_needs() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox().with_input());
    assert_eq!(
        pair.client.reconnect().unwrap_err().to_string(),
        "reconnect needs a pool that is disconnected, this one is Opened"
    );
    disconnected(&mut pair);
    let refused = |error: StateError| {
        assert!(matches!(error, StateError::Pool { state: "Disconnected", expected: "open", .. }));
    };
    refused(pair.client.create_pipeline(get_mailbox()).unwrap_err());
    refused(pair.client.send_input(id, &Value::Nil).unwrap_err());
    refused(pair.client.end_input(id).unwrap_err());
    refused(pair.client.stop(id).unwrap_err());
    refused(pair.client.disconnect().unwrap_err());
    refused(pair.client.attach_pipeline(id).unwrap_err());
    assert!(pair.client.is_running(id));
    assert!(matches!(
        pair.server.handle_disconnect(),
        Err(StateError::Pool { state: "Disconnected", .. })
    ));
}

#[test]
fn what_is_due_waits_for_the_reconnection() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    pair.server.complete(id).unwrap();
    let (target, bytes) = pair.server.poll_transmit().unwrap();
    pair.client.disconnect().unwrap();
    // A Receive that was out brings the end; its signal cannot be sent to a disconnected shell.
    pair.client.handle_fragments(target, &bytes).unwrap();
    assert!(matches!(pair.client.poll_transmit(), Some(Transmit::Disconnect)));
    assert!(pair.client.poll_transmit().is_none());
    pair.client.handle_disconnected();
    pair.server.handle_disconnect().unwrap();
    assert!(pair.client.poll_transmit().is_none());
    pair.client.reconnect().unwrap();
    pair.pump();
    assert_eq!(pair.signals.len(), 1);
}

#[test]
fn a_pipeline_that_was_not_sent_is_sent_after_the_reconnection() {
    let mut pair = Pair::open();
    let id = pair.client.create_pipeline(get_mailbox()).unwrap();
    // The server disconnects on its own before the command goes out.
    pair.client.handle_disconnected();
    pair.server.handle_disconnect().unwrap();
    pair.client.reconnect().unwrap();
    let Some(Transmit::Reconnect { pipelines, .. }) = pair.client.poll_transmit() else {
        panic!("no reconnection")
    };
    assert!(pipelines.is_empty());
    pair.server.handle_reconnect().unwrap();
    pair.client.handle_reconnected();
    pair.pump();
    assert!(matches!(pair.server_events.pop_front(), Some(ServerEvent::PipelineCreated { .. })));
    assert!(pair.client.is_running(id));
}

#[test]
fn attempts_that_fail_lead_back() {
    let mut pair = Pair::open();
    pair.client.disconnect().unwrap();
    pair.client.handle_disconnect_failed();
    assert_eq!(pair.client.state(), RunspacePoolState::Opened);
    while pair.client.poll_transmit().is_some() {}
    disconnected(&mut pair);
    pair.client.reconnect().unwrap();
    pair.client.handle_reconnect_failed();
    assert_eq!(pair.client.state(), RunspacePoolState::Disconnected);
    pair.client.broken("gone");
    assert_eq!(pair.client.state(), RunspacePoolState::Broken);
}

#[test]
fn a_disconnected_pool_is_closed_by_deleting_it_alone() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    disconnected(&mut pair);
    pair.client.close().unwrap();
    assert!(matches!(pair.client.poll_transmit(), Some(Transmit::DeleteShell)));
    assert!(pair.client.poll_transmit().is_none());
    pair.client.handle_shell_deleted();
    pair.pump();
    assert!(!pair.client.is_running(id));
    assert!(matches!(pair.events.back(), Some(Event::Closed)));
}

#[test]
fn older_servers_cannot_disconnect() {
    let options = PoolOptions::default().protocol_version(ProtocolVersion::V2_1);
    let mut pair = Pair::open_with(options, psrp::server::ServerOptions::default());
    assert!(matches!(
        pair.client.disconnect(),
        Err(StateError::Version { needed: ProtocolVersion::V2_2, .. })
    ));
}

/// Puts another client in the place of the first.
fn join(pair: &mut Pair) {
    let id = pair.client.id();
    pair.client = RunspacePool::new(PoolOptions::default().id(id), rng(3));
    pair.client.connect(ConnectRunspacePool::new(None)).unwrap();
    pair.pump();
}

#[test]
fn another_client_joins_and_takes_over() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    disconnected(&mut pair);
    pair.server.output(id, &Value::from("meanwhile")).unwrap();
    pair.server.complete(id).unwrap();
    let id_of_pool = pair.client.id();
    pair.client = RunspacePool::new(PoolOptions::default().id(id_of_pool), rng(3));
    pair.client.connect(ConnectRunspacePool::new(None)).unwrap();
    let Some(Transmit::Connect { payload, .. }) = pair.client.poll_transmit() else {
        panic!("no connection")
    };
    let answer = pair.server.handle_connect(payload.as_bytes()).unwrap();
    pair.client.handle_connect_response(&answer).unwrap();
    let Some(Event::Connected { version, init, .. }) = pair.client.poll_event() else {
        panic!("not connected")
    };
    assert_eq!(version, ProtocolVersion::V2_3);
    assert_eq!((init.min_runspaces, init.max_runspaces), (1, 1));
    pair.client.attach_pipeline(id).unwrap();
    pair.client.attach_pipeline(id).unwrap();
    let Some(Transmit::ConnectCommand { pipeline, .. }) = pair.client.poll_transmit() else {
        panic!("no command")
    };
    assert_eq!(pipeline, id);
    pair.pump();
    assert!(pair.events.iter().any(|event| matches!(event, Event::ApplicationPrivateData(_))));
    let events = pair.pipeline_events();
    let [PipelineEvent::Output(value), PipelineEvent::Finished(outcome)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(value.as_str(), Some("meanwhile"));
    assert_eq!(outcome.state, FinalState::Completed);
}

#[test]
fn a_joined_pool_runs_pipelines_with_secrets_of_its_own() {
    let mut pair = Pair::open();
    let (first, _) = pair.start(with_secret());
    pair.server.complete(first).unwrap();
    disconnected(&mut pair);
    join(&mut pair);
    assert!(matches!(pair.server_events.pop_front(), Some(ServerEvent::Connected { .. })));
    let (_, powershell) = pair.start(with_secret());
    let psrp::ArgumentValue::Secret(secret) = &powershell.commands()[0].arguments[0].value else {
        panic!("no secret")
    };
    assert_eq!(secret.expose_secret(), "P@ss €");
}

#[test]
fn the_rest_of_an_object_is_skipped_after_joining() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    disconnected(&mut pair);
    join(&mut pair);
    pair.client.attach_pipeline(id).unwrap();
    pair.server.output(id, &Value::from("x".repeat(40_000))).unwrap();
    pair.server.output(id, &Value::from("whole")).unwrap();
    let mut bytes = Vec::new();
    while let Some((target, fragments)) = pair.server.poll_transmit() {
        if target == StreamTarget::Pipeline(id) {
            bytes.extend(fragments);
        }
    }
    // The first fragment went to the client before.
    pair.client.handle_fragments(StreamTarget::Pipeline(id), &bytes[32_768..]).unwrap();
    pair.pump();
    assert_eq!(outputs(&mut pair), ["whole"]);
}

#[test]
fn an_answer_without_its_messages_breaks_the_attempt_but_not_the_shell() {
    let mut pair = Pair::open();
    disconnected(&mut pair);
    let id = pair.client.id();
    let mut client = RunspacePool::new(PoolOptions::default().id(id), rng(3));
    client.connect(ConnectRunspacePool::new(None)).unwrap();
    let error = client.handle_connect_response(&[]).unwrap_err();
    assert!(matches!(error, DecodeError::Unexpected { expected: "RUNSPACEPOOL_INIT_DATA", .. }));
    assert_eq!(client.state(), RunspacePoolState::Broken);
    assert!(client.poll_transmit().is_none());
    assert!(matches!(client.poll_event(), Some(Event::Broken { .. })));
}

#[test]
fn servers_refuse_connections_out_of_place() {
    let mut pair = Pair::open();
    let mut other = RunspacePool::new(PoolOptions::default(), rng(4));
    other.connect(ConnectRunspacePool::new(None)).unwrap();
    let Some(Transmit::Connect { payload, .. }) = other.poll_transmit() else { panic!("nothing") };
    let bytes = payload.into_bytes();
    assert!(matches!(pair.server.handle_connect(&bytes), Err(DecodeError::Unexpected { .. })));
    pair.server.handle_disconnect().unwrap();
    assert!(matches!(pair.server.handle_connect(&bytes), Err(DecodeError::ForeignPool { .. })));
    assert!(matches!(pair.server.handle_connect(&[]), Err(DecodeError::Unexpected { .. })));
    assert_eq!(pair.server.state(), RunspacePoolState::Disconnected);
}

#[test]
fn a_pool_that_breaks_while_away_ends_its_pipelines() {
    let mut pair = Pair::open();
    let (id, _): (PipelineId, _) = pair.start(get_mailbox());
    disconnected(&mut pair);
    pair.client.broken("deleted on the server");
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::PoolBroken)));
    assert!(!pair.client.is_running(id));
}
