//! What holds for any bytes: called by fuzzers and property tests, no part of the interface.

use bytes::Bytes;
use rand_core::CryptoRng;

use crate::client::{Event, PoolOptions, RunspacePool};
use crate::fragment::{CompleteObject, Defragmenter, FragmentLimits, Fragmenter};
use crate::id::StreamTarget;
use crate::message::Message;
use crate::outofproc::Packet;
use crate::powershell::{Command, PowerShell};
use crate::server::{ServerOptions, ServerPool};
use crate::{Body, PipelineEvent};

const LIMITS: FragmentLimits =
    FragmentLimits { max_object_size: 1 << 20, max_buffered: 2 << 20, max_open_objects: 1 };

/// A message is written as it was read, and reading its body does not panic.
///
/// # Panics
///
/// When that does not hold.
pub fn message(bytes: &[u8]) {
    let Ok(message) = Message::from_bytes(Bytes::copy_from_slice(bytes)) else { return };
    let again = Message::from_bytes(message.to_bytes());
    assert_eq!(again.ok().as_ref(), Some(&message), "a message is written as it was read");
    // Whether a body can be read tells nothing here.
    drop(Body::decode(&message));
}

/// Objects come out the same however their bytes are cut, keep to the limits, and go in again.
///
/// # Panics
///
/// When that does not hold.
pub fn fragments(bytes: &[u8], cut: usize) {
    let whole = objects(bytes, usize::MAX);
    let cut = objects(bytes, cut);
    assert_eq!(whole, cut, "a cut changes nothing");
    let mut wire = Vec::new();
    let mut fragmenter = Fragmenter::new(64);
    for object in &whole {
        assert!(object.bytes.len() <= LIMITS.max_object_size, "objects keep to the limit");
        fragmenter.fragment(&object.bytes, &mut wire);
    }
    let again = objects(&wire, usize::MAX);
    assert!(
        whole.iter().map(|object| &object.bytes).eq(again.iter().map(|object| &object.bytes)),
        "objects go in again"
    );
}

fn objects(bytes: &[u8], cut: usize) -> Vec<CompleteObject> {
    let mut stream = Defragmenter::new(LIMITS);
    let mut objects = Vec::new();
    for piece in bytes.chunks(cut.max(1)) {
        if stream.push(piece).is_err() {
            break;
        }
        while let Ok(Some(object)) = stream.next_object() {
            objects.push(object);
        }
        assert!(stream.buffered() <= LIMITS.max_buffered, "the buffer keeps to the limit");
    }
    objects
}

/// A client survives any server: one last event of the pool, one end of each pipeline, nothing after either.
///
/// # Panics
///
/// When that does not hold.
pub fn client(pool: &[u8], pipeline: &[u8], rng: Box<dyn CryptoRng + Send + Sync>) {
    let mut client = RunspacePool::new(PoolOptions::default().limits(LIMITS), rng);
    drop(client.open());
    drop(client.handle_fragments(StreamTarget::Pool, pool));
    let created = client.create_pipeline(PowerShell::new().command(Command::new("Get-Date")));
    if let Ok(id) = created {
        drop(client.handle_fragments(StreamTarget::Pipeline(id), pipeline));
        client.handle_command_done(id);
        assert!(!client.is_running(id), "a command that is done has ended");
    }
    drop(client.close());
    client.handle_shell_deleted();
    let (mut ended, mut last) = (0, 0);
    while let Some(event) = client.poll_event() {
        assert_eq!(last, 0, "nothing follows the last event");
        match event {
            Event::Pipeline { event: PipelineEvent::Finished(_), .. } => ended += 1,
            Event::Pipeline { .. } => assert_eq!(ended, 0, "nothing follows the end"),
            Event::Closed | Event::Broken { .. } => last += 1,
            _ => {}
        }
    }
    assert_eq!((ended, last), (usize::from(created.is_ok()), 1), "each ends once");
}

/// A server survives any client.
pub fn server(pool: &[u8], pipeline: &[u8], rng: Box<dyn CryptoRng + Send + Sync>) {
    let mut server = ServerPool::new(ServerOptions::default().limits(LIMITS), rng);
    drop(server.handle_fragments(StreamTarget::Pool, pool));
    let id = crate::PipelineId::from_wire([7; 16]);
    drop(server.handle_fragments(StreamTarget::Pipeline(id), pipeline));
    drop(server.handle_prompt_responses(StreamTarget::Pipeline(id), pool));
    while server.poll_event().is_some() {}
    server.close();
    while server.poll_transmit().is_some() {}
}

/// A line that is a packet is written as one that reads the same.
///
/// # Panics
///
/// When that does not hold.
pub fn packet(line: &str) {
    if let Ok(packet) = Packet::parse(line) {
        assert_eq!(Packet::parse(&packet.to_line()).as_ref(), Ok(&packet), "a packet comes back");
    }
}
