//! What holds for every input.

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::prop_assert_eq;
use psrp::server::{ServerOptions, ServerPool};
use psrp::{
    Command, ErrorRecord, Event, PipelineId, PoolOptions, PowerShell, RunspacePool, StreamTarget,
    Transmit,
};

use crate::support::rng;

/// What both sides of one session sent.
struct Traffic {
    pipeline: PipelineId,
    to_client: Vec<(StreamTarget, Vec<u8>)>,
    to_server: Vec<(StreamTarget, Vec<u8>)>,
}

fn opened_client() -> RunspacePool {
    let mut client = RunspacePool::new(PoolOptions::default().max_fragment_size(200), rng(1));
    client.open().unwrap();
    client
}

fn powershell() -> PowerShell {
    PowerShell::new()
        .command(Command::new("Get-Mailbox").parameter("Identity", "ann").switch("Archive"))
}

fn traffic() -> Traffic {
    let mut client = opened_client();
    let mut server = ServerPool::new(ServerOptions::default().max_fragment_size(300), rng(2));
    let mut traffic =
        Traffic { pipeline: PipelineId::NIL, to_client: Vec::new(), to_server: Vec::new() };
    exchange(&mut client, &mut server, &mut traffic);
    let id = client.create_pipeline(powershell()).unwrap();
    traffic.pipeline = id;
    exchange(&mut client, &mut server, &mut traffic);
    server.output(id, &"x".repeat(500).into()).unwrap();
    server.error(id, &ErrorRecord::new("bad", "Id")).unwrap();
    server.warning(id, "careful").unwrap();
    server.complete(id).unwrap();
    exchange(&mut client, &mut server, &mut traffic);
    traffic
}

fn exchange(client: &mut RunspacePool, server: &mut ServerPool, traffic: &mut Traffic) {
    while let Some(transmit) = client.poll_transmit() {
        let (target, payload) = match transmit {
            Transmit::OpenShell { payload, .. } => (StreamTarget::Pool, payload),
            Transmit::CreateCommand { pipeline, payload, .. } => {
                (StreamTarget::Pipeline(pipeline), payload)
            }
            _ => continue,
        };
        server.handle_fragments(target, payload.as_bytes()).unwrap();
        traffic.to_server.push((target, payload.into_bytes()));
    }
    while let Some((target, bytes)) = server.poll_transmit() {
        client.handle_fragments(target, &bytes).unwrap();
        traffic.to_client.push((target, bytes));
    }
}

/// Plays the server's bytes to a new client in pieces of these sizes, and tells what it made of them.
fn play(traffic: &Traffic, cuts: &[usize]) -> Vec<String> {
    let mut client = opened_client();
    let mut events = Vec::new();
    let mut cuts = cuts.iter().copied().cycle();
    let mut created = PipelineId::NIL;
    for (target, bytes) in &traffic.to_client {
        if *target == StreamTarget::Pipeline(traffic.pipeline) && created.is_nil() {
            // The same source of randomness gives the same id again.
            created = client.create_pipeline(powershell()).unwrap();
            assert_eq!(created, traffic.pipeline);
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            client.handle_fragments(*target, piece).unwrap();
            events.extend(
                std::iter::from_fn(|| client.poll_event()).map(|event| format!("{event:?}")),
            );
            rest = tail;
        }
    }
    events
}

/// Replaces bytes at some places.
fn damage(bytes: &[u8], changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, value) in changes {
        let place = place % bytes.len();
        bytes[place] = *value;
    }
    bytes
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_events(cuts in vec(1_usize..400, 1..30)) {
        let traffic = traffic();
        let whole = play(&traffic, &[usize::MAX]);
        prop_assert_eq!(whole.len(), 6);
        prop_assert_eq!(play(&traffic, &cuts), whole);
    }

    #[test]
    fn damaged_bytes_never_make_a_client_panic(changes in vec((any::<usize>(), any::<u8>()), 1..8)) {
        let traffic = traffic();
        let mut client = opened_client();
        for (target, bytes) in &traffic.to_client {
            // Errors are what is to be expected, and tell nothing here.
            let _ = client.handle_fragments(*target, &damage(bytes, &changes));
            let _ = client.create_pipeline(powershell());
        }
        let ends = std::iter::from_fn(|| client.poll_event())
            .filter(|event| matches!(event, Event::Broken { .. } | Event::Closed));
        proptest::prop_assert!(ends.count() <= 1);
    }

    #[test]
    fn damaged_bytes_never_make_a_server_panic(changes in vec((any::<usize>(), any::<u8>()), 1..8)) {
        let traffic = traffic();
        let mut server = ServerPool::new(ServerOptions::default(), rng(2));
        for (target, bytes) in &traffic.to_server {
            let _ = server.handle_fragments(*target, &damage(bytes, &changes));
        }
        let answers = std::iter::from_fn(|| server.poll_transmit()).count();
        proptest::prop_assert!(answers <= 10);
    }
}
