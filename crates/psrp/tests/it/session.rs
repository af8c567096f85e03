//! Our client against our server, in memory, under a clock the test holds.

use std::time::{Duration, Instant};

use clixml::Value;
use psrp::fragment::{FragmentLimits, Fragmenter};
use psrp::host::{HostMethod, HostResult};
use psrp::message::{Destination, Message, MessageType};
use psrp::pool_messages::{Availability, RunspaceRequest};
use psrp::server::{ServerEvent, ServerOptions};
use psrp::state::RunspacePoolState;
use psrp::{
    ArgumentValue, BreakCause, Command, Credential, CryptoError, DecodeError, ErrorRecord, Event,
    FinalState, GetCommandMetadata, InformationRecord, InputStream, PipelineEvent, PipelineId,
    PipelineLoss, PipelineSignal, PoolOptions, PowerShell, ProgressRecord, ProtocolVersion,
    RunspacePool, RunspacePoolId, StateError, StreamTarget, Transmit,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::pair::{Pair, get_mailbox, inject, with_secret};
use crate::support::rng;

#[test]
fn a_pipeline_runs_and_is_terminated_once() {
    let mut pair = Pair::open();
    let (id, powershell) = pair.start(get_mailbox());
    assert_eq!(powershell.commands()[0].name, "Get-Mailbox");
    assert!(powershell.no_input);
    let server = &mut pair.server;
    server.output(id, &Value::from("ann")).unwrap();
    server.output(id, &Value::Nil).unwrap();
    server.warning(id, "careful").unwrap();
    server.verbose(id, "wordy").unwrap();
    server.debug(id, "deep").unwrap();
    server.progress(id, &ProgressRecord::new("a", "s").percent_complete(50)).unwrap();
    server.information(id, &InformationRecord::new("news".into(), "Get-Mailbox")).unwrap();
    server.error(id, &ErrorRecord::new("bad", "Id")).unwrap();
    server.complete(id).unwrap();
    pair.pump();
    let events = pair.pipeline_events();
    let shown: Vec<String> = events
        .iter()
        .map(|event| match event {
            PipelineEvent::Output(value) => format!("output {:?}", value.text()),
            PipelineEvent::Error(record) => format!("error {}", record.message),
            PipelineEvent::Warning(record) => format!("warning {}", record.message),
            PipelineEvent::Verbose(record) => format!("verbose {}", record.message),
            PipelineEvent::Debug(record) => format!("debug {}", record.message),
            PipelineEvent::Progress(record) => format!("progress {}", record.percent_complete),
            PipelineEvent::Information(record) => format!("information {}", record.message()),
            PipelineEvent::Finished(outcome) => format!("{:?}", outcome.state),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "output Some(\"ann\")",
        "output None",
        "warning careful",
        "verbose wordy",
        "debug deep",
        "progress 50",
        "information news",
        "error bad",
        "Completed",
    ];
    assert_eq!(shown, expected);
    assert_eq!(pair.signals, [(id, PipelineSignal::Terminate)]);
    assert!(!pair.client.is_running(id));
    // What comes after the end changes nothing.
    pair.client.handle_command_done(id);
    pair.client.pipeline_lost(id, "late");
    pair.pump();
    assert!(pair.events.is_empty());
    assert_eq!(pair.signals.len(), 1);
}

#[test]
fn bytes_may_be_cut_anywhere() {
    for cut in [1, 7, 22, 500] {
        let options = PoolOptions::default().max_fragment_size(100);
        let mut pair = Pair::open_with(options, ServerOptions::default().max_fragment_size(64));
        pair.cut = cut;
        let (id, powershell) = pair.start(get_mailbox());
        assert_eq!(powershell.commands().len(), 1);
        pair.server.output(id, &Value::from("x".repeat(300))).unwrap();
        pair.server.complete(id).unwrap();
        pair.pump();
        assert_eq!(pair.events.len(), 2);
    }
}

#[test]
fn a_secret_waits_for_the_key_and_arrives_decrypted() {
    let mut pair = Pair::open();
    let id = pair.client.create_pipeline(with_secret()).unwrap();
    let Some(Transmit::Send { target: None, stream: InputStream::Stdin, payload, .. }) =
        pair.client.poll_transmit()
    else {
        panic!("no public key")
    };
    assert!(pair.client.poll_transmit().is_none());
    pair.server.handle_fragments(StreamTarget::Pool, payload.as_bytes()).unwrap();
    pair.pump();
    assert!(matches!(pair.events.pop_front(), Some(Event::SessionKeyReady)));
    let Some(ServerEvent::PipelineCreated { id: created, powershell, .. }) =
        pair.server_events.pop_front()
    else {
        panic!("no pipeline")
    };
    assert_eq!(created, id);
    let ArgumentValue::Secret(secret) = &powershell.commands()[0].arguments[0].value else {
        panic!("no secret")
    };
    assert_eq!(secret.expose_secret(), "P@ss €");
    // The second one needs no exchange.
    pair.server.complete(id).unwrap();
    pair.start(with_secret());
}

#[test]
fn output_with_a_secret_makes_the_client_ask_for_the_key() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let secret = pair.server.secure_string(&SecretString::from("hidden"));
    pair.server.output(id, &secret).unwrap();
    pair.pump();
    let mut events = pair.events.drain(..);
    let Some(Event::Pipeline { event: PipelineEvent::Output(Value::SecureString(bytes)), .. }) =
        events.next()
    else {
        panic!("no secure string")
    };
    assert!(matches!(events.next(), Some(Event::SessionKeyReady)));
    drop(events);
    assert_eq!(pair.client.decrypt_secure_string(&bytes).unwrap().expose_secret(), "hidden");
}

#[test]
fn protocol_2_4_needs_no_key() {
    let options = PoolOptions::default().protocol_version(ProtocolVersion::V2_4);
    let mut pair =
        Pair::open_with(options, ServerOptions::default().protocol_version(ProtocolVersion::V2_4));
    let (_, powershell) = pair.start(with_secret());
    let ArgumentValue::Secret(secret) = &powershell.commands()[0].arguments[0].value else {
        panic!("no secret")
    };
    assert_eq!(secret.expose_secret(), "P@ss €");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do, and there is no other way to make one"
)]
fn the_wait_for_the_key_is_bounded() {
    let mut pair = Pair::open();
    let id = pair.client.create_pipeline(with_secret()).unwrap();
    while pair.client.poll_transmit().is_some() {}
    let start = Instant::now();
    assert_eq!(pair.client.poll_timeout(start), Some(start + Duration::from_secs(60)));
    pair.client.handle_timeout(start + Duration::from_secs(59));
    assert!(pair.client.is_running(id));
    pair.client.handle_timeout(start + Duration::from_secs(60));
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::NoSessionKey)));
    assert!(pair.signals.is_empty());
    assert_eq!(pair.client.poll_timeout(start), None);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do, and there is no other way to make one"
)]
fn a_key_that_may_be_lost_is_not_waited_for_long() {
    let start = Instant::now();
    let soon = start + Duration::from_secs(2);
    // Nothing else runs, so the pool makes room for a new one.
    let mut pair = Pair::open();
    pair.client.handle_lost_answer(start);
    assert_eq!(pair.client.poll_timeout(start), None);
    pair.client.create_pipeline(with_secret()).unwrap();
    while pair.client.poll_transmit().is_some() {}
    pair.client.handle_lost_answer(start);
    assert_eq!(pair.client.poll_timeout(start), Some(soon));
    pair.client.handle_timeout(soon);
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::NotSent)));
    assert_eq!(pair.client.state(), RunspacePoolState::Broken);
    // What runs goes on.
    let mut pair = Pair::open();
    let (running, _) = pair.start(PowerShell::new().command(Command::new("Wait")));
    let waiting = pair.client.create_pipeline(with_secret()).unwrap();
    while pair.client.poll_transmit().is_some() {}
    pair.client.poll_timeout(start);
    pair.client.handle_lost_answer(start);
    pair.client.handle_timeout(soon);
    assert!(pair.client.is_running(running) && !pair.client.is_running(waiting));
    assert_eq!(pair.client.state(), RunspacePoolState::Opened);
    // One that came all the same ends the wait.
    let mut pair = Pair::open();
    let id = pair.client.create_pipeline(with_secret()).unwrap();
    pair.client.handle_lost_answer(start);
    pair.pump();
    assert_eq!(pair.client.poll_timeout(start), None);
    assert!(pair.client.is_running(id));
}

const NO_KEY: &[u8] = b"<Obj RefId=\"0\"><MS><S N=\"EncryptedSessionKey\">AAAA</S></MS></Obj>";

#[test]
fn an_unusable_key_is_asked_for_once_more() {
    let mut pair = Pair::open();
    let id = pair.client.create_pipeline(with_secret()).unwrap();
    while pair.client.poll_transmit().is_some() {}
    inject(&mut pair.client, MessageType::EncryptedSessionKey, NO_KEY.to_vec());
    // The second public key reaches the server, and the pipeline runs.
    pair.pump();
    assert!(pair.events.iter().any(|event| matches!(event, Event::SessionKeyReady)));
    assert!(matches!(pair.server_events.pop_front(), Some(ServerEvent::PipelineCreated { .. })));
    assert!(pair.client.is_running(id));
}

#[test]
fn a_second_unusable_key_ends_what_waits_for_it() {
    let mut pair = Pair::open();
    pair.client.create_pipeline(with_secret()).unwrap();
    for _ in 0..2 {
        while pair.client.poll_transmit().is_some() {}
        inject(&mut pair.client, MessageType::EncryptedSessionKey, NO_KEY.to_vec());
    }
    pair.pump();
    assert!(pair.events.iter().any(|event| {
        matches!(event, Event::SessionKeyFailed { error: CryptoError::Unusable, .. })
    }));
    assert_eq!(
        pair.client.create_pipeline(with_secret()).unwrap_err(),
        StateError::Secret(CryptoError::Unusable)
    );
    let undecodable = pair.events.iter().any(|event| {
        matches!(event, Event::Undecodable { error: DecodeError::SessionKey { .. }, .. })
    });
    assert!(undecodable);
    assert!(matches!(&pair.pipeline_events()[..], [PipelineEvent::Finished(_)]));
    assert_eq!(pair.client.state(), RunspacePoolState::Opened);
}

#[test]
fn a_request_for_the_key_is_answered_once() {
    let mut pair = Pair::open();
    inject(&mut pair.client, MessageType::PublicKeyRequest, b"<S></S>".to_vec());
    assert!(matches!(pair.client.poll_transmit(), Some(Transmit::Send { target: None, .. })));
    inject(&mut pair.client, MessageType::PublicKeyRequest, b"<S></S>".to_vec());
    assert!(pair.client.poll_transmit().is_none());
}

#[test]
fn a_server_asks_for_the_key_when_a_pipeline_needs_it() {
    let mut pair = Pair::open();
    let pool = pair.client.id();
    let pipeline = PipelineId::from_wire([9; 16]);
    let value = get_mailbox()
        .to_value(ProtocolVersion::V2_3, &psrp::crypto::SecretEncoding::NoKey)
        .unwrap();
    let body = clixml::write_value(&value)
        .replace("<I32 N=\"V\">1</I32>", "<SS N=\"V\">AAAA</SS>")
        .into_bytes();
    let message_type = MessageType::CreatePipeline;
    let message = Message {
        destination: Destination::Server,
        message_type,
        pool,
        pipeline,
        body: body.into(),
    };
    let mut bytes = Vec::new();
    Fragmenter::default().fragment(&message.to_bytes(), &mut bytes);
    pair.server.handle_fragments(StreamTarget::Pipeline(pipeline), &bytes).unwrap();
    assert!(pair.server.poll_event().is_none());
    // The client answers the request, and the bytes turn out to be no secure string: then there is no answer.
    pair.pump();
    assert!(matches!(pair.server_events.pop_front(), Some(ServerEvent::Undecodable { .. })));
    assert!(pair.server_events.is_empty());
}

#[test]
fn input_is_streamed_and_ends() {
    let mut pair = Pair::open();
    let (id, powershell) =
        pair.start(PowerShell::new().command(Command::new("Set-User")).with_input());
    assert!(!powershell.no_input);
    pair.client.send_input(id, &Value::from(1)).unwrap();
    pair.client.send_input(id, &Value::from("two")).unwrap();
    pair.client.end_input(id).unwrap();
    pair.pump();
    let shown: Vec<String> = pair
        .server_events
        .drain(..)
        .map(|event| match event {
            ServerEvent::Input { item, .. } => item.text().unwrap().into_owned(),
            ServerEvent::InputEnded { .. } => "end".to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shown, ["1", "two", "end"]);
    assert_eq!(pair.client.send_input(id, &Value::Nil), Err(StateError::NoInput { pipeline: id }));
}

#[test]
fn input_waits_with_its_pipeline() {
    let mut pair = Pair::open();
    let id = pair.client.create_pipeline(with_secret().with_input()).unwrap();
    pair.client.send_input(id, &Value::from(1)).unwrap();
    pair.client.end_input(id).unwrap();
    pair.pump();
    let mut events = pair.server_events.drain(..);
    assert!(matches!(events.next(), Some(ServerEvent::PipelineCreated { .. })));
    assert!(matches!(events.next(), Some(ServerEvent::Input { .. })));
    assert!(matches!(events.next(), Some(ServerEvent::InputEnded { .. })));
}

#[test]
fn input_that_waits_is_bounded() {
    let limits = FragmentLimits::default().max_buffered(20_000);
    let mut pair = Pair::open_with(PoolOptions::default(), ServerOptions::default().limits(limits));
    let (running, _) = pair.start(get_mailbox());
    let waits = PowerShell::new().command(Command::new("Set-User")).with_input();
    let waiting = pair.client.create_pipeline(waits).unwrap();
    for _ in 0..100 {
        pair.client.send_input(waiting, &Value::from("x".repeat(1000).as_str())).unwrap();
        pair.pump();
    }
    let refused = |event: &ServerEvent| {
        matches!(event, ServerEvent::Undecodable { error: DecodeError::BufferFull { .. }, .. })
    };
    let taken = 100 - pair.server_events.drain(..).filter(refused).count();
    assert!((10..20).contains(&taken), "{taken} of 100 were kept");
    pair.server.complete(running).unwrap();
    pair.pump();
    let given = |event: &ServerEvent| matches!(event, ServerEvent::Input { .. });
    assert_eq!(pair.server_events.drain(..).filter(given).count(), taken);
}

#[test]
fn host_calls_for_a_value_are_answered_and_others_not() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let none =
        pair.server.host_call(Some(id), HostMethod::SetShouldExit, vec![Value::from(3)]).unwrap();
    assert_eq!(none, None);
    let call = pair.server.host_call(Some(id), HostMethod::ReadLine, Vec::new()).unwrap();
    let pool_call = pair.server.host_call(None, HostMethod::GetName, Vec::new()).unwrap();
    pair.pump();
    let mut answered = Vec::new();
    for event in pair.server_events.drain(..) {
        let ServerEvent::HostResponse { pipeline, response, .. } = event else {
            panic!("{event:?}")
        };
        let HostResult::Threw(error) = &response.result else { panic!("{response:?}") };
        assert!(error.message.contains(response.method.name()));
        answered.push((pipeline, response.call_id));
    }
    assert_eq!(answered, [(Some(id), call.unwrap()), (None, pool_call.unwrap())]);
    let calls = pair.events.iter().filter(|event| {
        matches!(
            event,
            Event::HostCall(_) | Event::Pipeline { event: PipelineEvent::HostCall(_), .. }
        )
    });
    assert_eq!(calls.count(), 3);
}

#[test]
fn a_stopped_pipeline_still_has_its_end() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    pair.client.stop(id).unwrap();
    pair.pump();
    assert!(matches!(pair.server_events.pop_front(), Some(ServerEvent::StopRequested { .. })));
    assert!(pair.client.is_running(id));
    pair.server.stopped(id).unwrap();
    pair.pump();
    let (state, error, loss) = pair.end();
    assert_eq!((state, loss), (FinalState::Stopped, None));
    assert_eq!(error.as_deref(), Some("The pipeline has been stopped."));
    assert_eq!(pair.signals, [(id, PipelineSignal::Stop), (id, PipelineSignal::Terminate)]);
}

#[test]
fn a_stopped_pipeline_that_waits_for_the_key_ends_at_once() {
    let mut pair = Pair::open();
    let id = pair.client.create_pipeline(with_secret()).unwrap();
    pair.client.stop(id).unwrap();
    pair.pump();
    let finished = pair.pipeline_events();
    assert!(
        matches!(&finished[..], [PipelineEvent::Finished(outcome)] if outcome.state == FinalState::Stopped)
    );
    assert!(pair.signals.is_empty());
    assert!(pair.server_events.is_empty());
}

#[test]
fn a_failed_pipeline_brings_its_record() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    pair.server.fail(id, ErrorRecord::new("not found", "Id")).unwrap();
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, Some("not found".to_owned()), None));
}

#[test]
fn a_command_that_is_done_without_a_final_state_is_lost() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    pair.client.handle_command_done(id);
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::NoFinalState)));
    assert_eq!(pair.signals, [(id, PipelineSignal::Terminate)]);
    assert_eq!(pair.client.state(), RunspacePoolState::Opened);
}

#[test]
fn pipelines_wait_for_a_free_runspace() {
    let mut pair = Pair::open();
    let (first, _) = pair.start(get_mailbox());
    let second = pair.client.create_pipeline(get_mailbox()).unwrap();
    let third = pair.client.create_pipeline(get_mailbox()).unwrap();
    pair.pump();
    assert!(pair.server_events.is_empty());
    assert_eq!(
        pair.server.complete(second).unwrap_err().to_string().split(' ').next(),
        Some("complete")
    );
    pair.client.stop(second).unwrap();
    pair.pump();
    assert!(matches!(pair.end().0, FinalState::Stopped));
    pair.server.complete(first).unwrap();
    pair.pump();
    assert!(
        matches!(pair.server_events.pop_front(), Some(ServerEvent::PipelineCreated { id, .. }) if id == third)
    );
}

#[test]
fn requests_about_runspaces_are_answered_as_the_engine_does() {
    let mut pair =
        Pair::open_with(PoolOptions::default().max_runspaces(2), ServerOptions::default());
    pair.start(get_mailbox());
    let requests = [
        (RunspaceRequest::GetAvailable, Availability::Count(1)),
        (RunspaceRequest::SetMax(4), Availability::Done(true)),
        (RunspaceRequest::SetMax(4), Availability::Done(true)),
        (RunspaceRequest::SetMin(2), Availability::Done(true)),
        (RunspaceRequest::SetMax(1), Availability::Done(false)),
        (RunspaceRequest::SetMax(0), Availability::Done(false)),
        (RunspaceRequest::ResetState, Availability::Done(false)),
        (RunspaceRequest::GetAvailable, Availability::Count(3)),
    ];
    for (request, expected) in requests {
        let call_id = pair.client.request_runspaces(request).unwrap();
        pair.pump();
        let Some(Event::RunspaceAvailability(answer)) = pair.events.pop_front() else {
            panic!("no answer")
        };
        assert_eq!((answer.call_id, answer.response), (call_id, expected), "{request:?}");
    }
}

#[test]
fn command_metadata_comes_as_a_pipeline() {
    let mut pair = Pair::open();
    let id = pair.client.get_command_metadata(&GetCommandMetadata::new(["Get-*"])).unwrap();
    pair.pump();
    let Some(ServerEvent::CommandMetadataRequested { id: asked, request, .. }) =
        pair.server_events.pop_front()
    else {
        panic!("no request")
    };
    assert_eq!((asked, request.names), (id, vec!["Get-*".to_owned()]));
    pair.server.output(id, &GetCommandMetadata::count_value(0)).unwrap();
    pair.server.complete(id).unwrap();
    pair.pump();
    assert_eq!(pair.pipeline_events().len(), 2);
}

#[test]
fn the_lower_version_is_in_force() {
    for (ours, theirs, expected) in [
        (ProtocolVersion::V2_3, ProtocolVersion::V2_2, ProtocolVersion::V2_2),
        (ProtocolVersion::V2_1, ProtocolVersion::V2_3, ProtocolVersion::V2_1),
        (ProtocolVersion::V2_4, ProtocolVersion::V2_3, ProtocolVersion::V2_3),
        (ProtocolVersion::new(2, 5), ProtocolVersion::V2_4, ProtocolVersion::V2_4),
    ] {
        let options = PoolOptions::default().protocol_version(ours);
        let pair = Pair::open_with(options, ServerOptions::default().protocol_version(theirs));
        assert_eq!(pair.client.version(), Some(expected));
        assert_eq!(pair.server.version(), Some(expected));
    }
}

#[test]
fn another_major_version_breaks_the_pool() {
    let options = PoolOptions::default().protocol_version(ProtocolVersion::new(3, 0));
    let mut pair = Pair::new(options, ServerOptions::default());
    pair.client.open().unwrap();
    pair.pump();
    assert!(matches!(
        pair.events.pop_front(),
        Some(Event::Broken { cause: BreakCause::Version { .. }, .. })
    ));
    assert_eq!(pair.client.state(), RunspacePoolState::Broken);
}

#[test]
fn what_the_version_lacks_is_refused() {
    let options = PoolOptions::default().protocol_version(ProtocolVersion::V2_1);
    let mut pair = Pair::open_with(options, ServerOptions::default());
    let two = get_mailbox().statement().command(Command::new("Get-User"));
    let error = pair.client.create_pipeline(two).unwrap_err();
    assert_eq!(error.to_string(), "several statements needs protocol 2.2, the server speaks 2.1");
    assert!(pair.client.request_runspaces(RunspaceRequest::ResetState).is_err());
    assert_eq!(pair.client.create_pipeline(PowerShell::new()), Err(StateError::NoCommands));
    assert_eq!(pair.client.create_pipeline(get_mailbox().statement()), Err(StateError::NoCommands));
}

#[test]
fn refusals_name_what_is_and_what_could_be() {
    let mut pool = RunspacePool::new(PoolOptions::default(), rng(1));
    let error = pool.create_pipeline(get_mailbox()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "create_pipeline needs a pool that is open, this one is BeforeOpen"
    );
    assert_eq!(
        pool.close().unwrap_err().to_string(),
        "close needs a pool that is open, this one is BeforeOpen"
    );
    pool.open().unwrap();
    assert!(pool.open().is_err());
    let unknown = PipelineId::from_wire([1; 16]);
    assert_eq!(
        pool.stop(unknown),
        Err(StateError::UnknownPipeline { operation: "stop", pipeline: unknown })
    );
}

#[test]
fn closing_ends_everything() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    pair.client.close().unwrap();
    assert_eq!(pair.client.state(), RunspacePoolState::Closing);
    pair.pump();
    let finished = matches!(
        pair.events.pop_front(),
        Some(Event::Pipeline { id: ended, event: PipelineEvent::Finished(outcome), .. })
            if ended == id && outcome.loss == Some(PipelineLoss::PoolClosed) && outcome.state == FinalState::Stopped
    );
    assert!(finished);
    assert!(matches!(pair.events.pop_front(), Some(Event::Closed)));
    assert!(pair.events.is_empty());
    assert_eq!(pair.signals, [(id, PipelineSignal::Terminate)]);
    pair.client.close().unwrap();
    assert!(pair.client.poll_transmit().is_none());
}

#[test]
fn a_pool_the_server_breaks_takes_its_pipelines_along() {
    let mut pair = Pair::open();
    pair.start(get_mailbox());
    pair.server.break_pool(ErrorRecord::new("out of order", "Id"));
    pair.pump();
    assert!(matches!(
        pair.events.pop_front(),
        Some(Event::Pipeline { event: PipelineEvent::Finished(outcome), .. })
            if outcome.loss == Some(PipelineLoss::PoolBroken)
    ));
    let Some(Event::Broken { cause, .. }) = pair.events.pop_front() else { panic!("not broken") };
    assert_eq!(cause.to_string(), "the server ended the pool: out of order");
    assert!(pair.client.create_pipeline(get_mailbox()).is_err());
}

#[test]
fn a_command_that_waited_when_the_pool_broke_was_never_sent() {
    let mut pair = Pair::open();
    // One waits for the session key, the other one to be handed out.
    pair.client.create_pipeline(with_secret()).unwrap();
    pair.client.create_pipeline(get_mailbox()).unwrap();
    pair.client.broken("the connection was lost");
    for _ in 0..2 {
        let Some(Event::Pipeline { event: PipelineEvent::Finished(outcome), .. }) =
            pair.client.poll_event()
        else {
            panic!("a pipeline did not end");
        };
        assert_eq!(outcome.loss, Some(PipelineLoss::NotSent));
    }
}

#[test]
fn a_lost_shell_is_deleted_once() {
    let mut pair = Pair::open();
    pair.client.create_pipeline(get_mailbox()).unwrap();
    pair.client.broken("connection reset");
    pair.client.broken("again");
    assert!(matches!(pair.client.poll_transmit(), Some(Transmit::DeleteShell)));
    assert!(pair.client.poll_transmit().is_none());
}

#[test]
fn a_message_for_another_pool_closes_the_server() {
    let mut pair = Pair::open();
    let message = Message {
        destination: Destination::Server,
        message_type: MessageType::GetAvailableRunspaces,
        pool: RunspacePoolId::from_wire([3; 16]),
        pipeline: PipelineId::NIL,
        body: b"<Obj RefId=\"0\"><MS><I64 N=\"ci\">1</I64></MS></Obj>".to_vec().into(),
    };
    let mut bytes = Vec::new();
    Fragmenter::default().fragment(&message.to_bytes(), &mut bytes);
    pair.server.handle_fragments(StreamTarget::Pool, &bytes).unwrap();
    assert!(matches!(pair.server.poll_event(), Some(ServerEvent::Closed)));
    pair.pump();
    assert!(matches!(
        pair.events.pop_front(),
        Some(Event::Broken { cause: BreakCause::Server(None), .. })
    ));
}

#[test]
fn a_damaged_stream_loses_its_pipeline_alone() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let target = StreamTarget::Pipeline(id);
    assert!(matches!(
        pair.client.handle_fragments(target, &[0; 30]),
        Err(DecodeError::ZeroObjectId)
    ));
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::Damaged)));
    assert_eq!(pair.client.state(), RunspacePoolState::Opened);
    // Bytes that are still under way are nobody's.
    pair.client.handle_fragments(target, &[0; 30]).unwrap();
    assert!(pair.client.handle_fragments(StreamTarget::Pool, &[0; 30]).is_err());
    assert_eq!(pair.client.state(), RunspacePoolState::Broken);
}

/// The fragments of one message to the client, as the object with this number.
fn wire(
    pair: &Pair,
    id: PipelineId,
    message_type: MessageType,
    body: &str,
    number: u64,
) -> Vec<u8> {
    let message = Message {
        destination: Destination::Client,
        message_type,
        pool: pair.client.id(),
        pipeline: id,
        body: body.to_owned().into(),
    };
    let mut bytes = Vec::new();
    Fragmenter::default().fragment(&message.to_bytes(), &mut bytes);
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

const COMPLETED: &str = r#"<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>"#;

#[test]
fn a_pipeline_that_goes_on_after_its_end_has_not_completed() {
    let row = (MessageType::PipelineOutput, "<S>late</S>");
    let error = (MessageType::ErrorRecord, "<S>late</S>");
    let warning = (MessageType::WarningRecord, "<S>late</S>");
    for (message_type, body) in [row, error, warning] {
        for in_one_piece in [false, true] {
            let mut pair = Pair::open();
            let (id, _) = pair.start(get_mailbox());
            let end = wire(&pair, id, MessageType::PipelineState, COMPLETED, 70);
            let late = wire(&pair, id, message_type, body, 71);
            let pieces = if in_one_piece { vec![[end, late].concat()] } else { vec![end, late] };
            for piece in pieces {
                pair.client.handle_fragments(StreamTarget::Pipeline(id), &piece).unwrap();
            }
            pair.pump();
            let lost = (FinalState::Failed, None, Some(PipelineLoss::Damaged));
            assert_eq!(pair.end(), lost, "{message_type}");
        }
    }
}

#[test]
fn half_a_message_after_the_end_is_noticed_and_another_state_is_not() {
    for (change, expected) in [(5, Some(PipelineLoss::Damaged)), (0, None)] {
        let mut pair = Pair::open();
        let (id, _) = pair.start(get_mailbox());
        let end = wire(&pair, id, MessageType::PipelineState, COMPLETED, 70);
        let again = wire(&pair, id, MessageType::PipelineState, COMPLETED, 71);
        let target = StreamTarget::Pipeline(id);
        pair.client.handle_fragments(target, &end).unwrap();
        pair.client.handle_fragments(target, &again[change..]).unwrap();
        pair.pump();
        assert_eq!(pair.end().2, expected);
    }
}

#[test]
fn what_a_server_dropped_on_the_way_keeps_a_pipeline_from_completing() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let mut begun = wire(&pair, id, MessageType::PipelineOutput, "<S>lost</S>", 70);
    begun[16] &= !2;
    let end = wire(&pair, id, MessageType::PipelineState, COMPLETED, 71);
    pair.client.handle_fragments(StreamTarget::Pipeline(id), &[begun, end].concat()).unwrap();
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::Damaged)));
}

#[test]
fn the_end_of_another_pipeline_is_no_good_end() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let other = PipelineId::random(&mut *rng(9));
    let end = wire(&pair, other, MessageType::PipelineState, COMPLETED, 70);
    assert!(matches!(
        pair.client.handle_fragments(StreamTarget::Pipeline(id), &end),
        Err(DecodeError::Misdirected { expected, got, .. }) if (expected, got) == (id, other)
    ));
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::Damaged)));
}

#[test]
fn a_message_to_the_server_is_not_left_out_of_the_output() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let mut row = wire(&pair, id, MessageType::PipelineOutput, "<S>row</S>", 70);
    row[21] = 2;
    let end = wire(&pair, id, MessageType::PipelineState, COMPLETED, 71);
    assert!(matches!(
        pair.client.handle_fragments(StreamTarget::Pipeline(id), &[row, end].concat()),
        Err(DecodeError::Unexpected { got: MessageType::PipelineOutput, .. })
    ));
    pair.pump();
    assert_eq!(pair.end(), (FinalState::Failed, None, Some(PipelineLoss::Damaged)));
}

#[test]
fn an_error_that_comes_with_a_good_end_is_an_error() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let body = COMPLETED.replace(
        "</MS>",
        r#"<Obj N="ExceptionAsErrorRecord" RefId="1"><MS><S N="FullyQualifiedErrorId">boom</S></MS></Obj></MS>"#,
    );
    let end = wire(&pair, id, MessageType::PipelineState, &body, 70);
    pair.client.handle_fragments(StreamTarget::Pipeline(id), &end).unwrap();
    pair.pump();
    let events = pair.pipeline_events();
    let [PipelineEvent::Error(record), PipelineEvent::Finished(outcome)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(record.fully_qualified_error_id, "boom");
    assert_eq!((outcome.state, outcome.error.is_none()), (FinalState::Completed, true));
}

#[test]
fn a_message_of_too_many_elements_is_left_out() {
    for (limit, readable) in [(1001, true), (1000, false)] {
        let mut pair =
            Pair::open_with(PoolOptions::default().max_elements(limit), ServerOptions::default());
        let (id, _) = pair.start(get_mailbox());
        let body = format!("<Obj RefId=\"0\"><LST>{}</LST></Obj>", "<Nil/>".repeat(999));
        let row = wire(&pair, id, MessageType::PipelineOutput, &body, 70);
        pair.client.handle_fragments(StreamTarget::Pipeline(id), &row).unwrap();
        pair.pump();
        let events = pair.pipeline_events();
        let is_output = matches!(&events[..], [PipelineEvent::Output(_)]);
        let is_left_out = matches!(&events[..], [PipelineEvent::Undecodable { .. }]);
        assert_eq!((is_output, is_left_out), (readable, !readable), "{events:?}");
    }
}

#[test]
fn an_unreadable_record_does_not_kill_its_neighbours() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox());
    let mut bytes = Vec::new();
    let message = Message {
        destination: Destination::Client,
        message_type: MessageType::PipelineOutput,
        pool: pair.client.id(),
        pipeline: id,
        body: b"<Obj".to_vec().into(),
    };
    Fragmenter::default().fragment(&message.to_bytes(), &mut bytes);
    pair.client.handle_fragments(StreamTarget::Pipeline(id), &bytes).unwrap();
    pair.server.output(id, &Value::from(1)).unwrap();
    pair.server.complete(id).unwrap();
    pair.pump();
    let events = pair.pipeline_events();
    assert!(matches!(
        &events[..],
        [PipelineEvent::Undecodable { .. }, PipelineEvent::Output(_), PipelineEvent::Finished(_)]
    ));
}

#[test]
fn limits_hold_on_both_sides() {
    let limits = FragmentLimits::default().max_object_size(20_000).max_buffered(40_000);
    let mut pair = Pair::open_with(
        PoolOptions::default().limits(limits),
        ServerOptions::default().limits(limits),
    );
    let (id, _) = pair.start(get_mailbox());
    pair.server.output(id, &Value::from("x".repeat(30_000))).unwrap();
    let (target, bytes) = pair.server.poll_transmit().unwrap();
    assert!(matches!(
        pair.client.handle_fragments(target, &bytes),
        Err(DecodeError::ObjectTooLarge { .. })
    ));
    let script = Command::script("x".repeat(30_000));
    pair.client.create_pipeline(PowerShell::new().command(script)).unwrap();
    let large =
        std::iter::from_fn(|| pair.client.poll_transmit()).find_map(|transmit| match transmit {
            Transmit::CreateCommand { payload, .. } => Some(payload),
            _ => None,
        });
    let target = StreamTarget::Pipeline(PipelineId::from_wire([1; 16]));
    let refused = pair.server.handle_fragments(target, large.unwrap().as_bytes());
    assert!(matches!(refused, Err(DecodeError::ObjectTooLarge { .. })));
}

#[test]
fn secrets_do_not_show() {
    let pipeline = with_secret();
    assert!(!format!("{pipeline:?}").contains("P@ss"));
    let mut pair = Pair::open_with(
        PoolOptions::default().protocol_version(ProtocolVersion::V2_4),
        ServerOptions::default().protocol_version(ProtocolVersion::V2_4),
    );
    pair.client.create_pipeline(pipeline).unwrap();
    let transmit = pair.client.poll_transmit();
    let shown = format!("{:?} {transmit:?}", pair.client);
    assert!(shown.contains("Payload { len:"), "{shown}");
}

#[test]
fn secrets_anywhere_in_an_argument_arrive_decoded() {
    let mut pair = Pair::open();
    let users = ArgumentValue::List(vec![
        Credential::new("ann", SecretString::from("one")).into(),
        ArgumentValue::hashtable([("Password", SecretString::from("two"))]),
    ]);
    let (_, powershell) =
        pair.start(PowerShell::new().command(Command::new("New-User").parameter("Users", users)));
    let ArgumentValue::List(users) = &powershell.commands()[0].arguments[0].value else {
        panic!("not a list")
    };
    let [ArgumentValue::Credential(ann), ArgumentValue::Hashtable(table)] = &users[..] else {
        panic!("{users:?}")
    };
    assert_eq!((ann.user_name.as_str(), ann.password.expose_secret()), ("ann", "one"));
    let ArgumentValue::Secret(secret) = &table[0].1 else { panic!("{table:?}") };
    assert_eq!(secret.expose_secret(), "two");
}

#[test]
fn secret_input_waits_for_the_key_and_holds_back_what_follows() {
    let mut pair = Pair::open();
    let (id, _) = pair.start(get_mailbox().with_input());
    pair.client.send_input(id, &Value::from("first")).unwrap();
    pair.client.send_secret_input(id, SecretString::from("second")).unwrap();
    pair.client.send_input(id, &Value::from("third")).unwrap();
    pair.client.end_input(id).unwrap();
    pair.pump();
    let mut shown = Vec::new();
    while let Some(event) = pair.server_events.pop_front() {
        shown.push(match event {
            ServerEvent::Input { item: Value::SecureString(bytes), .. } => {
                pair.server.decrypt_secure_string(&bytes).unwrap().expose_secret().to_owned()
            }
            ServerEvent::Input { item, .. } => item.text().unwrap().into_owned(),
            ServerEvent::InputEnded { .. } => "end".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(shown, ["first", "second", "third", "end"]);
}
