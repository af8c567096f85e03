//! Any sequence of operations, on our client against our server.

use std::collections::BTreeMap;

use clixml::Value;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::{prop_assert, prop_assert_eq, prop_oneof};
use psrp::host::{HostInfo, HostRequest};
use psrp::pool_messages::RunspaceRequest;
use psrp::server::{ServerEvent, ServerOptions};
use psrp::state::RunspacePoolState;
use psrp::{
    ErrorRecord, Event, GetCommandMetadata, PipelineEvent, PipelineId, PipelineSignal, PoolOptions,
    UserEvent,
};
use secrecy::SecretString;

use crate::pair::{Pair, get_mailbox, with_secret};

/// What either side may do; numbers choose a pipeline.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Create { input: bool, secret: bool },
    Metadata,
    Input { which: usize, secret: bool },
    EndInput(usize),
    Stop(usize),
    Runspaces(i32),
    Answer(usize),
    Disconnect,
    Reconnect,
    Close,
    Break,
    CommandDone(usize),
    Lose(usize),
    ServerOutput(usize),
    ServerError(usize),
    ServerHostCall(usize),
    ServerUserEvent,
    ServerComplete(usize),
    ServerFail(usize),
    ServerStopped(usize),
    ServerClose,
    Pump,
}

fn operation() -> impl Strategy<Value = Operation> {
    let which = 0_usize..4;
    prop_oneof![
        6 => (any::<bool>(), any::<bool>())
            .prop_map(|(input, secret)| Operation::Create { input, secret }),
        1 => proptest::strategy::Just(Operation::Metadata),
        3 => (which.clone(), any::<bool>())
            .prop_map(|(which, secret)| Operation::Input { which, secret }),
        1 => which.clone().prop_map(Operation::EndInput),
        2 => which.clone().prop_map(Operation::Stop),
        1 => (0_i32..4).prop_map(Operation::Runspaces),
        2 => which.clone().prop_map(Operation::Answer),
        2 => proptest::strategy::Just(Operation::Disconnect),
        3 => proptest::strategy::Just(Operation::Reconnect),
        1 => proptest::strategy::Just(Operation::Close),
        1 => proptest::strategy::Just(Operation::Break),
        1 => which.clone().prop_map(Operation::CommandDone),
        1 => which.clone().prop_map(Operation::Lose),
        3 => which.clone().prop_map(Operation::ServerOutput),
        1 => which.clone().prop_map(Operation::ServerError),
        2 => which.clone().prop_map(Operation::ServerHostCall),
        1 => proptest::strategy::Just(Operation::ServerUserEvent),
        3 => which.clone().prop_map(Operation::ServerComplete),
        1 => which.clone().prop_map(Operation::ServerFail),
        1 => which.prop_map(Operation::ServerStopped),
        1 => proptest::strategy::Just(Operation::ServerClose),
        8 => proptest::strategy::Just(Operation::Pump),
    ]
}

/// A session under test. What is refused is refused; only what happens counts.
struct Session {
    pair: Pair,
    created: Vec<PipelineId>,
    /// Calls of the server that reached the client.
    calls: Vec<(Option<PipelineId>, i64)>,
    ends: BTreeMap<PipelineId, usize>,
    late: usize,
    last_events: usize,
    after_last: usize,
}

impl Session {
    fn new() -> Self {
        let options = PoolOptions::default().max_runspaces(2).host(HostInfo::user_interface());
        Self {
            pair: Pair::open_with(options, ServerOptions::default()),
            created: Vec::new(),
            calls: Vec::new(),
            ends: BTreeMap::new(),
            late: 0,
            last_events: 0,
            after_last: 0,
        }
    }

    fn pick(&self, which: usize) -> PipelineId {
        let recent = self.created.len().saturating_sub(which + 1);
        self.created.get(recent).copied().unwrap_or(PipelineId::NIL)
    }

    fn perform(&mut self, operation: Operation) {
        self.client(operation);
        self.server(operation);
        if let Operation::Pump = operation {
            self.pair.pump();
        }
        self.note();
    }

    fn client(&mut self, operation: Operation) {
        let client = &mut self.pair.client;
        let pick = |which: usize| {
            let recent = self.created.len().saturating_sub(which + 1);
            self.created.get(recent).copied().unwrap_or(PipelineId::NIL)
        };
        match operation {
            Operation::Create { input, secret } => {
                let mut powershell = if secret { with_secret() } else { get_mailbox() };
                powershell.no_input = !input;
                self.created.extend(client.create_pipeline(powershell));
            }
            Operation::Metadata => {
                self.created.extend(client.get_command_metadata(&GetCommandMetadata::new(["*"])));
            }
            Operation::Input { which, secret: false } => {
                let _ = client.send_input(pick(which), &Value::from("item"));
            }
            Operation::Input { which, secret: true } => {
                let _ = client.send_secret_input(pick(which), SecretString::from("item"));
            }
            Operation::EndInput(which) => drop(client.end_input(pick(which))),
            Operation::Stop(which) => drop(client.stop(pick(which))),
            Operation::Runspaces(count) => {
                let _ = client.request_runspaces(RunspaceRequest::SetMax(count));
            }
            Operation::Answer(which) => {
                if let Some((pipeline, call_id)) = self.calls.get(which).copied() {
                    let _ = client.respond(pipeline, call_id, SecretString::from("answer"));
                }
            }
            Operation::Disconnect => drop(client.disconnect()),
            Operation::Reconnect => drop(client.reconnect()),
            Operation::Close => drop(client.close()),
            Operation::Break => client.broken("lost"),
            Operation::CommandDone(which) => client.handle_command_done(pick(which)),
            Operation::Lose(which) => client.pipeline_lost(pick(which), "lost"),
            _ => {}
        }
    }

    fn server(&mut self, operation: Operation) {
        let (complete, record) = (Value::from("x"), ErrorRecord::new("bad", "Id"));
        let id = match operation {
            Operation::ServerOutput(which)
            | Operation::ServerError(which)
            | Operation::ServerHostCall(which)
            | Operation::ServerComplete(which)
            | Operation::ServerFail(which)
            | Operation::ServerStopped(which) => self.pick(which),
            _ => PipelineId::NIL,
        };
        let server = &mut self.pair.server;
        match operation {
            Operation::ServerOutput(_) => drop(server.output(id, &complete)),
            Operation::ServerError(_) => drop(server.error(id, &record)),
            Operation::ServerHostCall(_) => {
                let _ = server.host_request(Some(id), &HostRequest::ReadLineAsSecureString);
            }
            Operation::ServerUserEvent => server.user_event(&UserEvent::default()),
            Operation::ServerComplete(_) => drop(server.complete(id)),
            Operation::ServerFail(_) => drop(server.fail(id, record)),
            Operation::ServerStopped(_) => drop(server.stopped(id)),
            Operation::ServerClose => server.close(),
            _ => {}
        }
    }

    fn note(&mut self) {
        let fresh = std::iter::from_fn(|| self.pair.client.poll_event());
        for event in self.pair.events.drain(..).chain(fresh) {
            self.after_last += self.last_events.min(1);
            match event {
                Event::Pipeline { id, event, .. } => {
                    self.late += usize::from(self.ends.contains_key(&id));
                    match event {
                        PipelineEvent::Finished(_) => *self.ends.entry(id).or_default() += 1,
                        PipelineEvent::HostCall(call) => self.calls.push((Some(id), call.call_id)),
                        _ => {}
                    }
                }
                Event::Closed | Event::Broken { .. } => self.last_events += 1,
                _ => {}
            }
        }
        for event in self.pair.server_events.drain(..) {
            assert!(!matches!(event, ServerEvent::Undecodable { .. }), "{event:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_sequence_keeps_the_promises(operations in vec(operation(), 1..60)) {
        let mut session = Session::new();
        for operation in operations {
            session.perform(operation);
        }
        let _ = session.pair.client.close();
        session.perform(Operation::Pump);
        let client = &session.pair.client;
        prop_assert!(matches!(
            client.state(),
            RunspacePoolState::Closed | RunspacePoolState::Broken
        ));
        // Every pipeline ends once, and nothing comes after its end or after that of the pool.
        prop_assert_eq!(session.ends.len(), session.created.len());
        prop_assert!(session.ends.values().all(|count| *count == 1));
        prop_assert_eq!((session.late, session.last_events, session.after_last), (0, 1, 0));
        // Each is terminated at most once, and stopped never after that.
        for id in &session.created {
            let signals: Vec<_> = session
                .pair
                .signals
                .iter()
                .filter(|(of, _)| of == id)
                .map(|(_, signal)| *signal)
                .collect();
            let ended = signals.iter().position(|signal| *signal == PipelineSignal::Terminate);
            prop_assert!(ended.is_none_or(|place| place + 1 == signals.len()), "{:?}", signals);
            prop_assert!(!client.is_running(*id));
        }
    }
}
