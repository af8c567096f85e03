//! What holds for every input.

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::prop_assert_eq;
use psrp::server::{ServerOptions, ServerPool};
use psrp::{
    Command, ErrorRecord, Event, PipelineId, PoolOptions, PowerShell, RunspacePool, StreamTarget,
    Transmit, oracles,
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

/// What two pipelines of one pool write, by stream.
fn two_streams() -> (RunspacePool, Vec<(PipelineId, Vec<u8>)>) {
    let options = PoolOptions::default().max_runspaces(2);
    let mut client = RunspacePool::new(options, rng(1));
    client.open().unwrap();
    let mut server = ServerPool::new(ServerOptions::default().max_fragment_size(60), rng(2));
    let mut traffic =
        Traffic { pipeline: PipelineId::NIL, to_client: Vec::new(), to_server: Vec::new() };
    exchange(&mut client, &mut server, &mut traffic);
    let ids = [(); 2].map(|()| client.create_pipeline(powershell()).unwrap());
    exchange(&mut client, &mut server, &mut traffic);
    for (number, id) in ids.into_iter().enumerate() {
        server.output(id, &format!("{number} {}", "y".repeat(200)).into()).unwrap();
        server.warning(id, "careful").unwrap();
        server.complete(id).unwrap();
    }
    while client.poll_event().is_some() {}
    let sent: Vec<_> = std::iter::from_fn(|| server.poll_transmit()).collect();
    let of = |id| {
        let parts = sent.iter().filter(|(target, _)| *target == StreamTarget::Pipeline(id));
        (id, parts.flat_map(|(_, bytes)| bytes.clone()).collect())
    };
    (client, ids.map(of).to_vec())
}

/// Plays both streams in pieces of these sizes, from the stream that each piece names, and tells the events of each.
fn play_both(pieces: &[(bool, usize)]) -> Vec<Vec<String>> {
    let (mut client, mut streams) = two_streams();
    let ids: Vec<_> = streams.iter().map(|(id, _)| *id).collect();
    let mut events = vec![Vec::new(); 2];
    // What is left at the end comes whole.
    let rest = [(false, usize::MAX), (true, usize::MAX)];
    for (second, size) in pieces.iter().chain(&rest) {
        let (id, bytes) = &mut streams[usize::from(*second)];
        let tail = bytes.split_off(bytes.len().min(*size));
        client.handle_fragments(StreamTarget::Pipeline(*id), bytes).unwrap();
        *bytes = tail;
        while let Some(event) = client.poll_event() {
            let Event::Pipeline { id, event, .. } = event else { panic!("{event:?}") };
            let place = ids.iter().position(|of| *of == id).unwrap();
            events[place].push(format!("{event:?}"));
        }
    }
    events
}

proptest! {
    #[test]
    fn streams_interleave_in_any_way(pieces in vec((any::<bool>(), 1_usize..90), 0..40)) {
        let events = play_both(&pieces);
        prop_assert_eq!(&events, &play_both(&[]));
        prop_assert_eq!(events[0].len(), 3);
    }

    #[test]
    fn what_holds_for_any_bytes_holds(
        bytes in vec(any::<u8>(), 0..300),
        changes in vec((any::<usize>(), any::<u8>()), 0..6),
        cut in 1_usize..100,
    ) {
        let traffic = traffic();
        let of = |sent: &[(StreamTarget, Vec<u8>)], pool: bool| -> Vec<u8> {
            let of = sent.iter().filter(|(target, _)| (*target == StreamTarget::Pool) == pool);
            damage(&of.flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>(), &changes)
        };
        oracles::message(&bytes);
        oracles::fragments(&bytes, cut);
        oracles::fragments(&of(&traffic.to_client, false), cut);
        oracles::client(&of(&traffic.to_client, true), &of(&traffic.to_client, false), rng(1));
        oracles::client(&bytes, &bytes, rng(1));
        oracles::server(&of(&traffic.to_server, true), &of(&traffic.to_server, false), rng(2));
        oracles::packet(&String::from_utf8_lossy(&bytes));
    }

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
