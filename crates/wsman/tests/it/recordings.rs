//! Recordings of real servers and clients must read as an independent parse of them says.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use wsman::facts::{EnvelopeFacts, FaultFacts, StreamFacts, envelope_facts};
use wsman::mime::{Protocol, decode, encode};
use wsman::{DecodeError, FaultCode, Limits, Operation, Response, parse_response, server};

use crate::data;

/// Fields that other layers answer for.
const FOREIGN: [&str; 8] =
    ["psrp", "raw_sha256", "bytes", "encoding", "kind", "sha256", "index", "side"];

fn expected(folder: &Path) -> Map<String, Value> {
    let text = fs::read_to_string(folder.join("EXPECTED.json")).unwrap();
    let Value::Object(map) = serde_json::from_str(&text).unwrap() else { panic!("no object") };
    map
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

fn stream_json(stream: &StreamFacts) -> Value {
    let mut map = Map::new();
    map.insert("in".to_owned(), json!(stream.element));
    map.insert("len".to_owned(), json!(stream.data.len()));
    map.insert("sha256".to_owned(), json!(sha256(&stream.data)));
    for (key, value) in [("name", &stream.name), ("end", &stream.end)] {
        if let Some(value) = value {
            map.insert(key.to_owned(), json!(value));
        }
    }
    Value::Object(map)
}

fn fault_json(fault: &FaultFacts) -> Value {
    without_nulls(json!({
        "values": fault.values, "reason": fault.reason, "detail": fault.detail,
        "wsman_code": fault.wsman_code, "wsman_machine": fault.wsman_machine, "provider": fault.provider,
    }))
}

fn facts_json(facts: &EnvelopeFacts) -> Value {
    let selectors: Map<String, Value> =
        facts.selectors.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let streams: Vec<Value> = facts.streams.iter().map(stream_json).collect();
    without_nulls(json!({
        "action": facts.action, "message_id": facts.message_id, "relates_to": facts.relates_to,
        "body": facts.body, "resource_uri": facts.resource_uri,
        "selectors": Some(selectors).filter(|map| !map.is_empty()),
        "shell_id": facts.shell_id, "idle_timeout": facts.idle_timeout,
        "fault": facts.fault.as_ref().map(fault_json), "command_state": facts.command_state,
        "exit_code": facts.exit_code, "streams": Some(streams).filter(|list| !list.is_empty()),
    }))
}

fn without_nulls(value: Value) -> Value {
    let Value::Object(mut map) = value else { return value };
    map.retain(|_, value| !value.is_null());
    Value::Object(map)
}

#[track_caller]
fn check(name: &str, envelope: &[u8], expected: &Value, has_streams: bool) {
    let mut expected = expected.as_object().unwrap().clone();
    expected.retain(|key, _| !FOREIGN.contains(&key.as_str()));
    let mut got = facts_json(&envelope_facts(envelope).unwrap());
    if !has_streams {
        got.as_object_mut().unwrap().remove("streams");
    }
    assert_eq!(got, Value::Object(expected), "{name}");
}

/// Cuts the envelopes out of a recorded conversation, whatever their prefix is.
fn envelopes(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let start = text.len() - after.len() - 1;
        let name = after.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
        rest = after;
        if !name.starts_with('/') && name.rsplit(':').next() == Some("Envelope") {
            let closing = format!("</{name}>");
            let end = start + text[start..].find(&closing).unwrap() + closing.len();
            found.push(&text[start..end]);
            rest = &text[end..];
        }
    }
    found
}

#[test]
fn single_envelopes_have_the_expected_facts() {
    let Some(folder) = data::folder() else { return };
    let mut count = 0;
    for (name, facts) in expected(&folder) {
        if facts["kind"] == "soap" {
            check(&name, &fs::read(folder.join(&name)).unwrap(), &facts, true);
            count += 1;
        }
    }
    assert!(count >= 13, "{count}");
}

#[test]
fn conversations_have_the_expected_facts_and_read_as_what_they_are() {
    let Some(folder) = data::folder() else { return };
    let mut count = 0;
    for (name, facts) in expected(&folder) {
        if facts["kind"] != "wsman-conversation" {
            continue;
        }
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        let messages = facts["messages"].as_array().unwrap();
        let envelopes = envelopes(&text);
        assert_eq!(envelopes.len(), messages.len(), "{name}");
        let has_streams = messages.iter().any(|message| message.get("streams").is_some());
        for (envelope, message) in envelopes.iter().zip(messages) {
            check(
                &format!("{name} {}", message["index"]),
                envelope.as_bytes(),
                message,
                has_streams,
            );
            read_as_protocol(&name, envelope, message);
            count += 1;
        }
    }
    assert!(count >= 483, "{count}");
}

/// Reads an envelope with the strict readers and compares what matters.
fn read_as_protocol(name: &str, envelope: &str, message: &Value) {
    let at = format!("{name} {}", message["index"]);
    if message["side"] == "request" {
        // The arguments of the plain command shell are text, which this crate does not read.
        let is_text =
            message["resource_uri"].as_str().is_some_and(|uri| uri.ends_with("/shell/cmd"));
        match server::parse_request(envelope.as_bytes(), Limits::default()) {
            Ok(request) => {
                let action = request.headers.action.clone().unwrap_or_default();
                assert_eq!(action, message["action"].as_str().unwrap_or_default(), "{at}");
                assert_eq!(request.operation.verb().action(), action, "{at}");
            }
            Err(DecodeError::Value { element: "Arguments" }) if is_text => {}
            // There a client asks for the time "invalid", to see the fault.
            Err(DecodeError::Value { element: "OperationTimeout" })
                if name.ends_with("other_wsman_error.yml") => {}
            Err(error) => panic!("{at}: {error}"),
        }
        return;
    }
    let reply = parse_response(envelope.as_bytes()).unwrap();
    let body = message["body"].as_str();
    match (&reply.response, body) {
        (Response::Create(created), Some("ResourceCreated")) => {
            let id = message["selectors"]["ShellId"].as_str().unwrap();
            assert_eq!(created.shell_id, Some(id.into()), "{at}");
        }
        (Response::Receive(received), Some("ReceiveResponse")) => {
            if let Some(streams) = message["streams"].as_array() {
                let lengths: Vec<Value> =
                    received.streams.iter().map(|part| json!(part.data.len())).collect();
                let expected: Vec<Value> =
                    streams.iter().map(|stream| stream["len"].clone()).collect();
                assert_eq!(lengths, expected, "{at}");
            }
            assert_eq!(received.is_done(), message["command_state"] == "Done", "{at}");
        }
        (Response::Fault(fault), Some("Fault")) => {
            let code = message["fault"]["wsman_code"].as_str().and_then(FaultCode::parse);
            assert_eq!(fault.code, code, "{at}");
        }
        (Response::Create(_) | Response::Receive(_) | Response::Fault(_), _) => {
            panic!("{at}: {} for {body:?}", reply.response.name())
        }
        (Response::Empty, None) => {}
        (response, Some(body)) => assert_eq!(response.name(), body, "{at}"),
        (response, None) => panic!("{at}: {}", response.name()),
    }
}

#[test]
fn recorded_requests_survive_being_written_again() {
    let Some(folder) = data::folder() else { return };
    let text =
        fs::read_to_string(folder.join("pypsrp/test_psrp_disconnect_runspaces.yml")).unwrap();
    let mut verbs = Vec::new();
    for envelope in envelopes(&text).into_iter().step_by(2) {
        let request = server::parse_request(envelope.as_bytes(), Limits::default()).unwrap();
        let headers = &request.headers;
        let session = headers.session_id.as_ref().unwrap().as_str().replace("uuid:", "");
        let context = wsman::SessionContext::new(
            headers.to.as_deref().unwrap(),
            headers.resource_uri.clone().unwrap(),
            session.parse().unwrap(),
        );
        let id = headers.message_id.clone().unwrap();
        let again = context.write(&id, request.shell_id.as_ref(), &request.operation);
        let again = server::parse_request(again.as_bytes(), Limits::default()).unwrap();
        assert_eq!(again.operation, request.operation);
        assert_eq!(again.shell_id, request.shell_id);
        assert_eq!(again.headers.session_id, request.headers.session_id);
        verbs.push(request.operation.verb());
    }
    assert!(verbs.contains(&wsman::Verb::Disconnect) && verbs.contains(&wsman::Verb::Connect));
}

#[test]
fn malformed_envelopes_are_refused() {
    let Some(folder) = data::folder() else { return };
    let read = |name: &str| {
        let bytes = fs::read(folder.join("ironposh/malformed").join(name)).unwrap();
        parse_response(&bytes).map(|reply| reply.response)
    };
    assert!(matches!(
        read("invalid_xml_syntax.xml"),
        Ok(Response::Empty) | Err(DecodeError::Xml { .. })
    ));
    assert!(matches!(read("truncated_mid_tag.xml"), Err(DecodeError::Xml { .. })));
    assert!(matches!(read("not_xml_at_all.xml"), Err(DecodeError::Unexpected { .. })));
    assert!(
        matches!(read("missing_envelope.xml"), Err(DecodeError::NotAnEnvelope { found }) if found == "Body")
    );
    assert!(matches!(read("wrong_namespace.xml"), Err(DecodeError::NotAnEnvelope { .. })));
    assert_eq!(read("empty_body.xml").unwrap(), Response::Empty);
    assert_eq!(read("missing_body.xml").unwrap(), Response::Empty);
    let Response::Receive(received) = read("extra_unknown_elements.xml").unwrap() else { panic!() };
    assert_eq!(received.streams[0].data, b"Hello World");
}

#[test]
fn faults_of_all_kinds_have_their_code() {
    let Some(folder) = data::folder() else { return };
    let read = |name: &str| match parse_response(&fs::read(folder.join(name)).unwrap())
        .unwrap()
        .response
    {
        Response::Fault(fault) => *fault,
        other => panic!("{}", other.name()),
    };
    let schema = read("ironposh/error_response.xml");
    assert_eq!(schema.code, Some(FaultCode::SCHEMA_VALIDATION_ERROR));
    assert_eq!(schema.subcode.as_deref(), Some("SchemaValidationError"));
    assert!(schema.text().starts_with("The Windows Remote Shell cannot process the request."));
    let quota = read("winrb/wmi_error_v2.xml");
    assert_eq!(quota.code, Some(FaultCode::QUOTA_MAX_SHELLS));
    assert!(quota.is_quota() && quota.text().contains("maximum number of 30 concurrent shells"));
    let provider = read("winrb/soap_fault_v1.xml");
    assert_eq!(provider.code, Some(FaultCode::new(2_150_858_778)));
    assert!(provider.provider.is_some());
    let omi = read("winrb/get_omi_config_response.xml");
    assert_eq!((omi.code, omi.subcode.as_deref()), (None, Some("InternalError")));
}

#[test]
fn a_sealed_message_of_a_real_client_is_framed_as_ours() {
    let Some(folder) = data::folder() else { return };
    let hex = fs::read_to_string(folder.join("ironposh/real_encrypted_soap.txt")).unwrap();
    let hex: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let body: Vec<u8> = hex
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let facts = &expected(&folder)["ironposh/real_encrypted_soap.txt"];
    assert_eq!(facts["decoded_bytes_sha256"], json!(sha256(&body)));
    let parts = decode(&Protocol::Spnego.content_type(1), &body).unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!((parts[0].length, parts[0].data.len(), parts[0].signature.len()), (2162, 2162, 16));
    assert_eq!(encode(Protocol::Spnego, &parts), body);
}

#[test]
fn a_recorded_create_is_read_whole() {
    let Some(folder) = data::folder() else { return };
    let bytes = fs::read(folder.join("ironposh/resource_created.xml")).unwrap();
    let Response::Create(created) = parse_response(&bytes).unwrap().response else { panic!() };
    let shell = created.shell.unwrap();
    assert_eq!(created.shell_id, shell.shell_id);
    assert_eq!(shell.name.as_deref(), Some("Runspace1"));
    assert_eq!(shell.process_id, Some(6228));
    assert_eq!(shell.idle_timeout, Some(std::time::Duration::from_secs(7200)));
    assert_eq!(shell.run_time, Some(std::time::Duration::ZERO));
    let text = fs::read_to_string(folder.join("pypsrp/test_psrp_open_runspace.yml")).unwrap();
    let request = server::parse_request(envelopes(&text)[0].as_bytes(), Limits::default()).unwrap();
    let Operation::Create(create) = request.operation else { panic!() };
    assert_eq!(create.input_streams, ["stdin", "pr"]);
    assert_eq!(create.output_streams, ["stdout"]);
    assert!(create.protocol_version.is_some() && !create.creation_xml.is_empty());
}
