//! Every message of the recordings, put together and decoded, compared with what an independent parser found.

use std::collections::HashMap;

use psrp::fragment::Defragmenter;
use psrp::outofproc::Packet;
use serde_json::Value as Json;

use crate::envelopes::{envelopes, soap_streams};
use crate::support::{base64, check_message, json, recordings, text};

/// Streams by direction and name.
#[derive(Default)]
struct Streams(HashMap<String, Defragmenter>);

impl Streams {
    /// Feeds bytes, compares the messages they complete, and returns how many those were.
    #[track_caller]
    fn feed(&mut self, name: String, bytes: &[u8], expected: &[Json], seen: usize) -> usize {
        let stream = self.0.entry(name).or_default();
        stream.push(bytes).unwrap();
        let mut count = seen;
        while let Some(object) = stream.next_object().unwrap() {
            check_message(&object, &expected[count]);
            count += 1;
        }
        count
    }
}

fn check_conversation(text: &str, expected: &Json) -> usize {
    let mut streams = Streams::default();
    let mut total = 0;
    // Streams of other shells than PowerShell's hold plain text.
    let is_psrp =
        expected["messages"].as_array().unwrap().iter().any(|message| message["psrp"].is_array());
    let envelopes = envelopes(text);
    for ((side, envelope), expected) in
        envelopes.iter().zip(expected["messages"].as_array().unwrap())
    {
        assert_eq!(expected["side"], *side);
        let messages = expected["psrp"].as_array().map_or(&[][..], Vec::as_slice);
        let mut seen = 0;
        if is_psrp {
            for (name, bytes) in soap_streams(envelope) {
                seen = streams.feed(format!("{side} {name}"), &bytes, messages, seen);
            }
        }
        assert_eq!(seen, messages.len(), "{envelope}");
        total += seen;
    }
    total
}

#[test]
fn wsman_conversations_of_windows_servers() {
    let Some(folder) = recordings() else { return };
    let expected = json(folder.join("EXPECTED.json"));
    let mut total = 0;
    for (name, facts) in expected.as_object().unwrap() {
        let is_conversation = facts["kind"] == "wsman-conversation";
        if is_conversation && name.starts_with("pypsrp/") {
            total += check_conversation(&text(folder.join(name)), facts);
        }
    }
    assert_eq!(total, 323);
}

#[test]
fn packets_of_the_out_of_process_transport() {
    let Some(folder) = recordings() else { return };
    let expected = json(folder.join("EXPECTED.json"));
    let files = [
        "pipeline_state_completed",
        "two_messages",
        "runspacepool_state_closed",
        "pipeline_state_completed_2",
    ];
    for file in files {
        let name = format!("ansible-debugger/{file}.txt");
        let packet = &expected[&name]["packets"][0];
        let Packet::Data { bytes, .. } = Packet::parse(&text(folder.join(&name))).unwrap() else {
            panic!("{name} is no Data packet")
        };
        let messages = packet["psrp"].as_array().unwrap();
        let seen = Streams::default().feed(String::new(), &bytes, messages, 0);
        assert_eq!(seen, messages.len(), "{name}");
    }
}

#[test]
fn opening_of_a_rust_client() {
    let Some(folder) = recordings() else { return };
    let expected = json(folder.join("EXPECTED.json"));
    let messages = expected["ironposh/creationXml"]["psrp"].as_array().unwrap();
    let bytes = base64(&text(folder.join("ironposh/creationXml")));
    assert_eq!(Streams::default().feed(String::new(), &bytes, messages, 0), 2);
}

#[test]
fn conversations_of_the_engine() {
    let Some(folder) = recordings() else { return };
    let folder = folder.join("pwsh-7.6");
    let expected = json(folder.join("EXPECTED.json"));
    let mut total = 0;
    for (name, facts) in expected.as_object().unwrap() {
        if facts["kind"] != "psrp-conversation" {
            continue;
        }
        let mut streams = Streams::default();
        let content = text(folder.join(name));
        for (line, facts) in content.lines().zip(facts["packets"].as_array().unwrap()) {
            let entry: Json = serde_json::from_str(line).unwrap();
            // One recording holds a line that is no packet, to see what the server does.
            let Ok(packet) = Packet::parse(entry["line"].as_str().unwrap()) else {
                assert!(name.contains("unknown-line"), "{name}: {line}");
                continue;
            };
            let Packet::Data { target, stream, bytes } = packet else { continue };
            let messages = facts["psrp"].as_array().map_or(&[][..], Vec::as_slice);
            let stream = format!("{} {target:?} {stream:?}", entry["dir"]);
            assert_eq!(streams.feed(stream, &bytes, messages, 0), messages.len(), "{name}");
            total += messages.len();
        }
    }
    assert!(total == 429, "{total} messages");
}
