//! A shell over a double of the carrier, which answers from a list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::Uuid;
use wsman::client::{
    BoxFuture, Error, Exchange, Received, Shell, ShellOptions, SoapRequest, SoapResponse, identify,
    list_shells,
};
use wsman::{
    CommandResponse, CommandState, ConnectResponse, CreateResponse, DecodeError, Disconnect,
    EnumerateResponse, Fault, FaultCode, IdentifyResponse, Limits, Operation, ReceiveResponse,
    Response, ShellInfo, SignalCode, StreamPart, Verb, server,
};

/// Answers from a list and keeps what it was asked.
#[derive(Default)]
struct Answers {
    answers: Mutex<VecDeque<Response>>,
    asked: Mutex<Vec<server::Request>>,
    foreign: bool,
}

impl Exchange for Answers {
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
        let asked = server::parse_request(request.envelope.as_bytes(), Limits::default()).unwrap();
        let related = if self.foreign { Uuid::nil().into() } else { request.message_id };
        let response = self.answers.lock().unwrap().pop_front().unwrap();
        let id = Uuid::nil().into();
        let envelope = server::write_response(&id, Some(&related), request.verb, &response);
        self.asked.lock().unwrap().push(asked);
        Box::pin(async move { Ok(SoapResponse::new(200, envelope.into_bytes())) })
    }

    fn overhead(&self) -> usize {
        400
    }
}

fn created() -> Response {
    let mut created = CreateResponse::default();
    created.shell_id = Some("server-chosen".into());
    Response::Create(created)
}

fn fault(code: FaultCode) -> Response {
    Response::Fault(Box::new(Fault::new(code, "x", "text")))
}

async fn open(answers: Vec<Response>) -> (Arc<Answers>, Shell) {
    let mut all = VecDeque::from([created()]);
    all.extend(answers);
    let carrier = Arc::new(Answers { answers: Mutex::new(all), ..Answers::default() });
    let next = Arc::new(Mutex::new(0));
    let ids = move || {
        let mut next = next.lock().unwrap();
        *next += 1;
        Uuid::from_u128(*next)
    };
    let options = ShellOptions::new("http://ex01/PowerShell/?serializationLevel=None")
        .ids(Arc::new(ids))
        .idle_timeout(Duration::from_secs(240))
        .operation_timeout(Duration::from_secs(20));
    assert!(options.create_budget(&*carrier) > 100_000);
    let exchange: Arc<dyn Exchange> = carrier.clone();
    let (shell, _) = Shell::create(exchange, options, b"creation".to_vec()).await.unwrap();
    (carrier, shell)
}

#[tokio::test]
async fn ids_of_the_server_are_adopted_and_used() {
    let started = Response::Command(CommandResponse::new("other".into()));
    let (carrier, shell) = open(vec![started, Response::Send, Response::Empty]).await;
    assert_eq!(shell.id().as_str(), "server-chosen");
    let command = shell.command(Some("mine".into()), b"fragments").await.unwrap();
    assert_eq!(command.as_str(), "other");
    shell.send(Some(&command), "pr", b"input").await.unwrap();
    shell.delete().await.unwrap();
    let asked = carrier.asked.lock().unwrap();
    let Operation::Create(create) = &asked[0].operation else { panic!() };
    assert_eq!(create.creation_xml, b"creation");
    assert_eq!(create.idle_timeout, Some(Duration::from_secs(240)));
    assert_eq!(asked[0].shell_id, None);
    let Operation::Send(send) = &asked[2].operation else { panic!() };
    assert_eq!((send.command_id.as_ref(), send.stream.as_str()), (Some(&command), "pr"));
    for request in asked.iter().skip(1) {
        assert_eq!(request.shell_id.as_ref(), Some(shell.id()));
        assert_eq!(
            request.headers.to.as_deref(),
            Some("http://ex01/PowerShell/?serializationLevel=None")
        );
    }
    let ids: Vec<_> = asked.iter().map(|request| request.headers.message_id.clone()).collect();
    assert_eq!(ids[0], Some(Uuid::from_u128(2).into()));
    assert_eq!(ids[3], Some(Uuid::from_u128(5).into()));
}

#[tokio::test]
async fn receive_tells_output_idleness_and_loss_apart() {
    let mut output = ReceiveResponse::default();
    output.streams = vec![StreamPart::new("stdout", None, b"data".to_vec())];
    output.command_state = Some(CommandState::Done);
    let (_, shell) = open(vec![
        Response::Receive(output.clone()),
        fault(FaultCode::OPERATION_TIMED_OUT),
        fault(FaultCode::RECEIVE_NO_DATA),
        fault(FaultCode::UNEXPECTED_SELECTORS),
        Response::Send,
    ])
    .await;
    assert_eq!(shell.receive(None).await.unwrap(), Received::Output(output));
    assert_eq!(shell.receive(None).await.unwrap(), Received::Idle);
    assert_eq!(shell.receive(None).await.unwrap(), Received::Idle);
    let gone = shell.receive(None).await.unwrap_err();
    assert!(gone.fault().is_some_and(Fault::is_shell_gone));
    let other = shell.receive(None).await.unwrap_err();
    assert!(matches!(
        other,
        Error::Decode { verb: Verb::Receive, source: DecodeError::Unexpected { .. } }
    ));
}

#[tokio::test]
async fn closing_what_is_gone_is_success() {
    let (_, shell) = open(vec![
        fault(FaultCode::OPERATION_ABORTED),
        fault(FaultCode::UNEXPECTED_SELECTORS),
        fault(FaultCode::ACCESS_DENIED),
    ])
    .await;
    shell.signal(&"c".into(), SignalCode::Terminate).await.unwrap();
    shell.delete().await.unwrap();
    let denied = shell.delete().await.unwrap_err();
    assert_eq!(denied.fault().and_then(|fault| fault.code), Some(FaultCode::ACCESS_DENIED));
}

#[tokio::test]
async fn an_aborted_closing_is_asked_for_once_more() {
    let aborted = || fault(FaultCode::OPERATION_ABORTED);
    let (answers, shell) = open(vec![aborted(), Response::Empty, aborted(), aborted()]).await;
    shell.delete().await.unwrap();
    assert_eq!(
        answers.answers.lock().unwrap().len(),
        2,
        "the answer to the second request was taken"
    );
    shell.delete().await.unwrap();
    assert!(answers.answers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_to_another_request_is_refused() {
    let answers = Mutex::new(VecDeque::from([created()]));
    let carrier: Arc<dyn Exchange> =
        Arc::new(Answers { answers, foreign: true, ..Answers::default() });
    let result = Shell::create(carrier, ShellOptions::new("http://x/"), Vec::new()).await;
    assert!(matches!(result, Err(Error::Decode { source: DecodeError::RelatesTo { .. }, .. })));
}

#[tokio::test]
async fn a_shell_is_left_alone_and_taken_up_again() {
    let mut connected = ConnectResponse::default();
    connected.connect_xml = b"state".to_vec();
    let (carrier, shell) = open(vec![
        Response::Disconnect,
        Response::Reconnect,
        Response::Reconnect,
        Response::Connect(connected),
        Response::Connect(ConnectResponse::default()),
        fault(FaultCode::ACCESS_DENIED),
    ])
    .await;
    shell.disconnect(Disconnect::default()).await.unwrap();
    shell.reconnect(None).await.unwrap();
    shell.reconnect(Some(&"c".into())).await.unwrap();
    let exchange: Arc<dyn Exchange> = carrier.clone();
    let options = ShellOptions::new("http://ex01/wsman");
    let (other, state) =
        Shell::connect(exchange, options, "S".into(), b"messages".to_vec()).await.unwrap();
    assert_eq!((other.id().as_str(), state.connect_xml.as_slice()), ("S", &b"state"[..]));
    other.connect_command("c".into()).await.unwrap();
    let denied = other.disconnect(Disconnect::default()).await.unwrap_err();
    assert_eq!(denied.fault().and_then(|fault| fault.code), Some(FaultCode::ACCESS_DENIED));
    let asked = carrier.asked.lock().unwrap();
    let Operation::Connect(connect) = &asked[4].operation else { panic!() };
    assert_eq!(connect.connect_xml, b"messages");
    assert_eq!(connect.protocol_version.as_deref(), Some("2.3"));
    let Operation::Connect(connect) = &asked[5].operation else { panic!() };
    assert_eq!(connect.command_id, Some("c".into()));
    assert_eq!(asked[5].shell_id, Some("S".into()));
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let page = |context: &str, end: bool, id: &str| {
        let mut shell = ShellInfo::default();
        shell.shell_id = Some(id.into());
        let mut page = EnumerateResponse::default();
        (page.context, page.end, page.shells) = (Some(context.to_owned()), end, vec![shell]);
        page.items = 1;
        Response::Enumerate(page)
    };
    let mut empty = EnumerateResponse::default();
    empty.end = true;
    let empty = Response::Enumerate(empty);
    let mut who = IdentifyResponse::default();
    who.product_vendor = Some("Contoso".to_owned());
    let (carrier, shell) = open(vec![
        page("1", false, "a"),
        page("2", true, "b"),
        empty,
        Response::Identify(who.clone()),
        Response::Send,
    ])
    .await;
    let options = ShellOptions::new("http://ex01/wsman");
    let shells = list_shells(&*carrier, &options).await.unwrap();
    let ids: Vec<_> = shells.iter().filter_map(|shell| shell.shell_id.clone()).collect();
    assert_eq!(ids, ["a".into(), "b".into()]);
    assert!(shell.commands().await.unwrap().is_empty());
    assert_eq!(identify(&*carrier, &options).await.unwrap(), who);
    let other = list_shells(&*carrier, &options).await.unwrap_err();
    assert!(matches!(other, Error::Decode { verb: Verb::Enumerate, .. }), "{other:?}");
    let asked = carrier.asked.lock().unwrap();
    let Operation::Pull(pull) = &asked[2].operation else { panic!() };
    assert_eq!(pull.context, "1");
    let Operation::Enumerate(commands) = &asked[3].operation else { panic!() };
    assert_eq!(commands.shell_id.as_ref(), Some(shell.id()));
}

#[tokio::test]
async fn budgets_follow_the_envelope_size() {
    let (_, shell) = open(Vec::new()).await;
    let before = (shell.send_budget(), shell.command_budget());
    shell.set_max_envelope_size(512_000);
    let after = (shell.send_budget(), shell.command_budget());
    let grown = (512_000 - 153_600) / 4 * 3;
    assert!(after.0.abs_diff(before.0 + grown) <= 3 && after.1.abs_diff(before.1 + grown) <= 3);
}
