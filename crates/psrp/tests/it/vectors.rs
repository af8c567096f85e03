//! Messages known to the byte.

use clixml::Value;
use psrp::fragment::{Defragmenter, Fragmenter};
use psrp::message::{Destination, Message, MessageType};
use psrp::{Body, PipelineId, ProtocolVersion, RunspacePoolId, SessionCapability};

use crate::support::base64;

fn message(message_type: MessageType, pipeline: PipelineId, body: Vec<u8>) -> Message {
    let pool: RunspacePoolId = "00112233-4455-6677-8899-AABBCCDDEEFF".parse().unwrap();
    Message { destination: Destination::Server, message_type, pool, pipeline, body: body.into() }
}

fn read(wire: &[u8]) -> (u64, Message) {
    let mut stream = Defragmenter::default();
    stream.push(wire).unwrap();
    let object = stream.next_object().unwrap().unwrap();
    assert!(stream.is_idle());
    (object.object_id.get(), Message::from_bytes(object.bytes).unwrap())
}

#[test]
fn the_capability_of_a_client() {
    let wire = base64(
        "AAAAAAAAAAEAAAAAAAAAAAMAAADHAgAAAAIAAQAzIhEAVUR3ZoiZqrvM3e7/AAAAAAAAAAAAAAAAAAAAADxPYmogUmVmSWQ9IjAiPjxNUz48\
         VmVyc2lvbiBOPSJwcm90b2NvbHZlcnNpb24iPjIuMzwvVmVyc2lvbj48VmVyc2lvbiBOPSJQU1ZlcnNpb24iPjIuMDwvVmVyc2lvbj48VmVy\
         c2lvbiBOPSJTZXJpYWxpemF0aW9uVmVyc2lvbiI+MS4xLjAuMTwvVmVyc2lvbj48L01TPjwvT2JqPg==",
    );
    let capability = SessionCapability::new(ProtocolVersion::V2_3);
    let body = clixml::write_value(&capability.to_value()).into_bytes();
    let message = message(MessageType::SessionCapability, PipelineId::NIL, body);
    let mut written = Vec::new();
    Fragmenter::default().fragment(&message.to_bytes(), &mut written);
    assert_eq!(written, wire);
    let (object, read) = read(&wire);
    assert_eq!((object, &read), (1, &message));
    let Body::SessionCapability(decoded) = Body::decode(&read).unwrap() else {
        panic!("another type")
    };
    assert_eq!(decoded, capability);
}

#[test]
fn the_end_of_input() {
    let wire = base64(
        "AAAAAAAAAAcAAAAAAAAAAAMAAAAoAgAAAAMQBAAzIhEAVUR3ZoiZqrvM3e7/Z0UjAauJ780BI0VniavN7w==",
    );
    assert_eq!(wire.len(), 61);
    let pipeline = "01234567-89AB-CDEF-0123-456789ABCDEF".parse().unwrap();
    let message = message(MessageType::EndOfPipelineInput, pipeline, Vec::new());
    assert_eq!(read(&wire), (7, message.clone()));
    let mut fragmenter = Fragmenter::default();
    let mut written = Vec::new();
    for _ in 0..7 {
        written.clear();
        fragmenter.fragment(&message.to_bytes(), &mut written);
    }
    assert_eq!(written, wire);
}

#[test]
fn null_as_output_has_no_body() {
    let message = message(MessageType::PipelineOutput, PipelineId::NIL, Vec::new());
    assert_eq!(message.to_bytes().len(), 40);
    assert!(matches!(Body::decode(&message).unwrap(), Body::PipelineOutput(Value::Nil)));
}
