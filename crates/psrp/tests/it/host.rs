//! Clients that claim a host and answer its calls.

use clixml::Value;
use psrp::host::{
    ChoiceDescription, FieldDescription, HostAnswer, HostCall, HostDefaultData, HostInfo,
    HostMethod, HostRequest, HostResult,
};
use psrp::server::{ServerEvent, ServerOptions};
use psrp::{Credential, ErrorRecord, Event, PipelineEvent, PoolOptions, StateError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::pair::{Pair, get_mailbox};

fn pair() -> Pair {
    let host = HostInfo::console(&HostDefaultData::console());
    Pair::open_with(PoolOptions::default().host(host), ServerOptions::default())
}

fn call(pair: &mut Pair) -> HostCall {
    let events = pair.pipeline_events();
    let mut calls = events.into_iter().filter_map(|event| match event {
        PipelineEvent::HostCall(call) => Some(call),
        _ => None,
    });
    calls.next().unwrap()
}

fn answer(pair: &mut Pair) -> HostResult {
    loop {
        match pair.server_events.pop_front().unwrap() {
            ServerEvent::HostResponse { response, .. } => return response.result,
            _ => continue,
        }
    }
}

#[test]
fn requests_come_through_and_wait_for_their_answer() {
    let mut pair = pair();
    let (id, _) = pair.start(get_mailbox());
    let choice = HostRequest::choice(
        "Confirm",
        "Remove it?",
        vec![ChoiceDescription::new("&Yes", "do"), ChoiceDescription::new("&No", "")],
        1,
    );
    let requests = [
        HostRequest::prompt("c", "m", vec![FieldDescription::new("Name", "System.String")]),
        choice,
        HostRequest::credential("c", "m", "ann", "mail"),
        HostRequest::ReadLine,
        HostRequest::ReadLineAsSecureString,
    ];
    for request in requests {
        let call_id = pair.server.host_request(Some(id), &request).unwrap().unwrap();
        pair.pump();
        let call = call(&mut pair);
        assert_eq!(call.request().unwrap(), request);
        assert!(pair.client.awaits_answer(Some(id), call_id));
        assert!(pair.server_events.is_empty());
        pair.client.respond(Some(id), call_id, 1).unwrap();
        pair.pump();
        let HostResult::Returned(value) = answer(&mut pair) else { panic!("it threw") };
        assert_eq!(value, Value::from(1));
        assert_eq!(
            pair.client.respond(Some(id), call_id, 1),
            Err(StateError::UnknownHostCall { call_id })
        );
    }
}

#[test]
fn secrets_in_answers_wait_for_the_key() {
    let mut pair = pair();
    let (id, _) = pair.start(get_mailbox());
    let request = HostRequest::credential("c", "m", "", "");
    let call_id = pair.server.host_request(Some(id), &request).unwrap().unwrap();
    pair.pump();
    let credential = Credential::new("ann", SecretString::from("P@ss"));
    pair.client.respond(Some(id), call_id, credential).unwrap();
    pair.pump();
    let HostResult::Returned(value) = answer(&mut pair) else { panic!("it threw") };
    let Some(Value::SecureString(bytes)) = value.property("Password") else { panic!("{value:?}") };
    assert_eq!(pair.server.decrypt_secure_string(bytes).unwrap().expose_secret(), "P@ss");
    assert_eq!(value.property("UserName").and_then(Value::as_str), Some("ann"));
}

#[test]
fn a_host_may_throw() {
    let mut pair = pair();
    let (id, _) = pair.start(get_mailbox());
    let call_id = pair.server.host_request(Some(id), &HostRequest::ReadLine).unwrap().unwrap();
    pair.pump();
    let record = ErrorRecord::new("nobody is here", "Absent");
    pair.client.respond(Some(id), call_id, HostResult::Threw(Box::new(record))).unwrap();
    pair.pump();
    let HostResult::Threw(error) = answer(&mut pair) else { panic!("it returned") };
    assert_eq!(error.message, "nobody is here");
}

#[test]
fn calls_of_pool_and_pipelines_have_ids_of_their_own() {
    let mut pair = pair();
    let (id, _) = pair.start(get_mailbox());
    let call_id = pair.server.host_call(None, HostMethod::GetName, Vec::new()).unwrap().unwrap();
    pair.pump();
    assert!(pair.events.iter().any(|event| matches!(event, Event::HostCall(_))));
    assert!(pair.client.respond(Some(id), call_id, "console").is_err());
    pair.client.respond(None, call_id, "console").unwrap();
    pair.pump();
    let HostResult::Returned(value) = answer(&mut pair) else { panic!("it threw") };
    assert_eq!(value.as_str(), Some("console"));
}

#[test]
fn calls_end_with_their_pipeline() {
    let mut pair = pair();
    let (id, _) = pair.start(get_mailbox());
    let call_id = pair.server.host_request(Some(id), &HostRequest::ReadLine).unwrap().unwrap();
    pair.server.complete(id).unwrap();
    pair.pump();
    assert!(!pair.client.awaits_answer(Some(id), call_id));
    assert!(pair.client.respond(Some(id), call_id, "late").is_err());
}

#[test]
fn a_pipeline_may_claim_a_host_of_its_own() {
    let mut pair = Pair::open();
    let mut powershell = get_mailbox();
    powershell.host = HostInfo::user_interface();
    let (id, received) = pair.start(powershell);
    assert!(!received.host.is_host_null);
    let call_id = pair.server.host_request(Some(id), &HostRequest::ReadLine).unwrap().unwrap();
    let of_pool = pair.server.host_call(None, HostMethod::GetName, Vec::new()).unwrap().unwrap();
    pair.pump();
    assert!(pair.client.awaits_answer(Some(id), call_id));
    assert!(!pair.client.awaits_answer(None, of_pool));
}

#[test]
fn other_answers_and_data_of_the_console_come_back() {
    let data = HostDefaultData::console();
    assert_eq!(HostInfo::console(&data).console_data(), Some(data));
    let HostAnswer::Returned(value) = HostAnswer::choices(&[0, 2]) else { panic!("it throws") };
    assert!(!value.has_secrets());
    let HostAnswer::Returned(value) =
        HostAnswer::fields([("Password", SecretString::from("P@ss"))])
    else {
        panic!("it throws")
    };
    assert!(value.has_secrets());
}
