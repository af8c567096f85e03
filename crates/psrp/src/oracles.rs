//! What holds for any bytes: called by fuzzers and property tests, no part of the interface.

mod conversation;
mod script;
mod seeds;

use bytes::Bytes;
use rand_core::CryptoRng;

pub use conversation::{client_script, server_script};
pub use seeds::{Seed, seeds};

use script::Script;

use crate::client::{Event, PoolOptions, RunspacePool};
use crate::fragment::{
    CompleteObject, Defragmenter, FRAGMENT_HEADER_LEN, FragmentLimits, Fragmenter,
};
use crate::id::{RunspacePoolId, StreamTarget};
use crate::message::{Destination, Message, MessageType};
use crate::outofproc::Packet;
use crate::powershell::{Command, PowerShell};
use crate::server::{ServerOptions, ServerPool};
use crate::{Body, PipelineEvent};

const LIMITS: FragmentLimits =
    FragmentLimits { max_object_size: 1 << 20, max_buffered: 2 << 20, max_open_objects: 1 };

/// The pool that clients of scripts talk of.
const POOL: RunspacePoolId = RunspacePoolId::NIL;

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

/// Any bytes may be the body of a message of any type.
///
/// # Panics
///
/// When a message that was written is not read.
pub fn bodies(bytes: &[u8]) {
    for message_type in MessageType::ALL {
        let message = Message {
            destination: Destination::Client,
            message_type: *message_type,
            pool: POOL,
            pipeline: crate::PipelineId::NIL,
            body: Bytes::copy_from_slice(bytes),
        };
        self::message(&message.to_bytes());
    }
}

/// Objects whose fragments interleave, cut anywhere, come out whole, each once, in the order of their ends.
///
/// # Panics
///
/// When that does not hold.
pub fn streams(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let Some(objects) = written(&mut script) else { return };
    let mut rests: Vec<_> = objects.iter().map(|object| object.fragments.iter()).collect();
    let (mut wire, mut ends) = (Vec::new(), Vec::new());
    let mut places: Vec<usize> = (0..rests.len()).collect();
    while !places.is_empty() {
        let turn = usize::from(script.byte().unwrap_or(0)) % places.len();
        let Some(place) = places.get(turn).copied() else { break };
        let Some(rest) = rests.get_mut(place) else { break };
        wire.extend(rest.next().into_iter().flatten());
        if rest.len() == 0 {
            ends.push(place);
            places.remove(turn);
        }
    }
    let mut stream = Defragmenter::new(LIMITS.max_open_objects(objects.len()));
    let mut found = Vec::new();
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        let size = usize::from(script.byte().unwrap_or(u8::MAX)).max(1);
        let (piece, tail) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        stream.push(piece).expect("the stream is well-formed and small");
        while let Some(object) = stream.next_object().expect("the stream is well-formed") {
            found.push(object.bytes);
        }
        rest = tail;
    }
    assert!(stream.is_idle(), "nothing is left over");
    let expected = ends.iter().filter_map(|place| objects.get(*place)).map(|object| object.bytes);
    assert!(found.iter().map(Bytes::as_ref).eq(expected), "objects come out whole, in order");
}

/// An object, and the fragments it was cut into.
struct Written<'a> {
    bytes: &'a [u8],
    fragments: Vec<Vec<u8>>,
}

/// Up to four objects of a script.
fn written<'a>(script: &mut Script<'a>) -> Option<Vec<Written<'a>>> {
    let mut objects = Vec::new();
    let mut fragmenter = Fragmenter::default();
    for _ in 0..=script.byte()? % 4 {
        let size = FRAGMENT_HEADER_LEN + 1 + usize::from(script.byte()?);
        let bytes = script.bytes()?;
        fragmenter.set_max_fragment_size(size);
        let mut wire = Vec::new();
        fragmenter.fragment(bytes, &mut wire);
        let fragments = wire.chunks(size).map(<[u8]>::to_vec).collect();
        objects.push(Written { bytes, fragments });
    }
    Some(objects)
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
        let pushed = match cut {
            // Whole bytes go the way that does not copy.
            usize::MAX => stream.push_bytes(Bytes::copy_from_slice(piece)),
            _ => stream.push(piece),
        };
        if pushed.is_err() {
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
