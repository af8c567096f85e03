//! What a client writes a server reads, and the other way round.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop};
use uuid::Uuid;
use wsman::{
    Command, CommandId, CommandResponse, CommandState, Connect, ConnectResponse, Create,
    CreateResponse, Disconnect, Enumerate, EnumerateResponse, Fault, FaultCode, IdentifyResponse,
    Limits, MessageId, Operation, Pull, Receive, ReceiveResponse, Reconnect, ResourceUri, Response,
    Send, SessionContext, ShellId, ShellInfo, Signal, SignalCode, StreamPart, Verb, parse_response,
    server,
};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..100)
}

fn command() -> impl Strategy<Value = Option<CommandId>> {
    prop::option::of(any::<u128>().prop_map(|id| CommandId::from(Uuid::from_u128(id))))
}

fn operation() -> impl Strategy<Value = Operation> {
    let shell = any::<u128>().prop_map(|id| ShellId::from(Uuid::from_u128(id)));
    proptest::prop_oneof![
        (prop::option::of(shell), bytes(), "[a-z<&>\" ]{0,9}").prop_map(|(id, data, name)| {
            let mut create = Create::new(id, data);
            create.name = Some(name).filter(|name| !name.is_empty());
            create.idle_timeout = Some(Duration::from_millis(240_500));
            Operation::Create(create)
        }),
        (command(), bytes()).prop_map(|(id, data)| Operation::Command(Command::new(id, data))),
        (command(), bytes()).prop_map(|(id, data)| Operation::Send(Send::new(id, "pr", data))),
        command().prop_map(|id| Operation::Receive(Receive::new(id))),
        Just(Operation::Signal(Signal::new("a".into(), SignalCode::PowerShellStop))),
        Just(Operation::Signal(Signal::new("a".into(), SignalCode::Other("x<y".to_owned())))),
        Just(Operation::Delete),
        Just(Operation::Get),
        Just(Operation::Disconnect(Disconnect::default())),
        command().prop_map(|id| Operation::Reconnect(Reconnect::new(id))),
        bytes().prop_map(|data| Operation::Connect(Connect::shell(data))),
        Just(Operation::Connect(Connect::command("b".into()))),
        Just(Operation::Enumerate(Enumerate::commands_of("c".into()))),
        Just(Operation::Pull(Pull::new("ctx & <1>".to_owned()))),
    ]
}

proptest::proptest! {
    #[test]
    fn a_server_reads_what_a_client_writes(operation in operation(), id in any::<u128>()) {
        let context = SessionContext::new("http://h/PowerShell/?a=1;b=2&c", ResourceUri::exchange(), Uuid::from_u128(id))
            .with_operation_timeout(Some(Duration::from_secs(180)))
            .with_max_envelope_size(512_000);
        let message_id = MessageId::from(Uuid::from_u128(id));
        let shell = ShellId::from(Uuid::from_u128(!id));
        let envelope = context.write(&message_id, Some(&shell), &operation);
        let request = server::parse_request(envelope.as_bytes(), Limits::default()).unwrap();
        proptest::prop_assert_eq!(request.operation, operation);
        proptest::prop_assert_eq!(request.shell_id, Some(shell));
        proptest::prop_assert_eq!(request.headers.message_id, Some(message_id));
        proptest::prop_assert_eq!(request.headers.to.as_deref(), Some("http://h/PowerShell/?a=1;b=2&c"));
        proptest::prop_assert_eq!(request.headers.resource_uri, Some(ResourceUri::exchange()));
        proptest::prop_assert_eq!(request.headers.max_envelope_size, Some(512_000));
        proptest::prop_assert_eq!(request.headers.operation_timeout, Some(Duration::from_secs(180)));
        proptest::prop_assert_eq!(request.headers.locale.as_deref(), Some("en-US"));
        proptest::prop_assert_eq!(request.headers.data_locale.as_deref(), Some("en-US"));
    }
}

#[test]
fn identify_has_no_headers() {
    let context = SessionContext::new("http://h/", ResourceUri::powershell(), Uuid::nil());
    let envelope = context.write(&Uuid::nil().into(), None, &Operation::Identify);
    let request = server::parse_request(envelope.as_bytes(), Limits::default()).unwrap();
    assert_eq!(request.operation, Operation::Identify);
    assert_eq!(request.headers.action, None);
}

#[track_caller]
fn check(verb: Verb, response: Response) {
    let sent = MessageId::from(Uuid::from_u128(1));
    let envelope = server::write_response(&Uuid::nil().into(), Some(&sent), verb, &response);
    let reply = parse_response(envelope.as_bytes()).unwrap();
    assert_eq!(reply.response, response, "{envelope}");
    reply.check_relates_to(&sent).unwrap();
    if verb != Verb::Identify {
        assert!(reply.check_relates_to(&MessageId::from(Uuid::from_u128(2))).is_err());
    }
}

fn shell_info() -> ShellInfo {
    let mut shell = ShellInfo::default();
    shell.shell_id = Some("CCF84E0D-D0B5-4CFB-95B5-BCF3BFE15F36".into());
    shell.owner = Some("TEST\\svc & co".to_owned());
    shell.process_id = Some(4711);
    shell.idle_timeout = Some(Duration::from_secs(7200));
    shell.state = Some("Connected".to_owned());
    shell
}

#[test]
fn a_client_reads_what_a_server_writes() {
    let mut create = CreateResponse::default();
    create.shell_id = Some("CCF84E0D-D0B5-4CFB-95B5-BCF3BFE15F36".into());
    create.resource_uri = Some(ResourceUri::exchange());
    create.shell = Some(shell_info());
    check(Verb::Create, Response::Create(create));
    check(Verb::Command, Response::Command(CommandResponse::new("07936B27".into())));
    check(Verb::Send, Response::Send);
    check(Verb::Signal, Response::Signal);
    check(Verb::Delete, Response::Empty);
    check(Verb::Disconnect, Response::Disconnect);
    check(Verb::Reconnect, Response::Reconnect);
    let mut connect = ConnectResponse::default();
    connect.connect_xml = vec![1, 2, 3];
    check(Verb::Connect, Response::Connect(connect));
    let mut list = EnumerateResponse::default();
    list.context = Some("c".to_owned());
    list.end = true;
    list.items = 2;
    list.shells = vec![shell_info(), shell_info()];
    check(Verb::Enumerate, Response::Enumerate(list));
    let mut identify = IdentifyResponse::default();
    identify.product_vendor = Some("Microsoft Corporation".to_owned());
    check(Verb::Get, Response::Shell(shell_info()));
    check(Verb::Identify, Response::Identify(identify));
}

#[test]
fn output_and_state_arrive() {
    let mut receive = ReceiveResponse::default();
    receive.streams = vec![
        StreamPart::new("stdout", None, b"one".to_vec()),
        StreamPart::new("stdout", Some("07936B27".into()), Vec::new()),
    ];
    receive.streams[1].end = true;
    receive.command_state = Some(CommandState::Done);
    receive.command_id = Some("07936B27".into());
    receive.exit_code = Some(-1);
    assert!(receive.is_done());
    check(Verb::Receive, Response::Receive(receive));
}

#[test]
fn a_fault_keeps_its_parts() {
    let text =
        "[Server=EX01,RequestId=7] [FailureCategory=WSMan-InvalidShellID] The shell is gone.";
    let mut fault = Fault::new(FaultCode::UNEXPECTED_SELECTORS, "InvalidSelectors", text);
    fault.machine = Some("ex01.test.local".to_owned());
    fault.provider = Some("Microsoft.Exchange".to_owned());
    fault.provider_path = Some("C:\\x.dll".to_owned());
    fault.detail = Some("http://x/UnexpectedSelectors".to_owned());
    assert!(fault.is_shell_gone() && fault.is_already_gone());
    assert_eq!(fault.text(), "The shell is gone.");
    check(Verb::Receive, Response::Fault(Box::new(fault)));
}
