//! A small session, told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use psrp::crypto::SecretEncoding;
use psrp::fragment::Fragmenter;
use psrp::message::{Destination, Message, MessageType};
use psrp::secrecy::SecretString;
use psrp::{ArgumentValue, Command, PipelineId, PowerShell, ProtocolVersion, RunspacePoolId};
use wsman::fixture::Manifest;
use wsman::recording::Recording;

use super::*;

fn envelope(action: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:r='http://schemas.microsoft.com/wbem/wsman/1/windows/shell'><s:Header><s:Action>u/{action}</s:Action><s:ResourceURI>u/powershell/x</s:ResourceURI>\
         <s:Selector Name='ShellId'>A</s:Selector></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn stream(destination: Destination, message_type: MessageType, body: &str) -> String {
    let message = Message {
        destination,
        message_type,
        pool: RunspacePoolId::NIL,
        pipeline: PipelineId::NIL,
        body: body.as_bytes().to_vec().into(),
    };
    let mut bytes = Vec::new();
    Fragmenter::new(100).fragment(&message.to_bytes(), &mut bytes);
    STANDARD.encode(bytes)
}

fn exchange(sent: u64, answered: u64, request: String, answer: RecordedAnswer) -> RecordedExchange {
    let at = Duration::from_millis;
    RecordedExchange::new(at(sent), at(answered), request, answer)
}

fn answered(status: u16, envelope: String) -> RecordedAnswer {
    RecordedAnswer::Envelope { status, envelope }
}

fn fixture() -> Fixture {
    let secret = ArgumentValue::Secret(SecretString::from("Winter2026"));
    let command =
        Command::new("New-Mailbox").parameter("Name", "Ann").parameter("Password", secret);
    let pipeline = PowerShell::new().command(command);
    let pipeline = pipeline.to_value(ProtocolVersion::V2_4, &SecretEncoding::Unprotected).unwrap();
    let pipeline = stream(
        Destination::Server,
        MessageType::CreatePipeline,
        &clixml::to_string(&pipeline).unwrap(),
    );
    let object = stream(Destination::Client, MessageType::PipelineOutput, "<S>Ann</S>");
    let command = envelope(
        "Command",
        &format!("<r:CommandLine><r:Arguments>{pipeline}</r:Arguments></r:CommandLine>"),
    );
    let receive = || envelope("Receive", "<r:Receive/>");
    let objects: String =
        (0..5).map(|_| format!("<r:Stream Name='stdout'>{object}</r:Stream>")).collect();
    let fault = "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>too slow</s:Text></s:Reason>\
         <s:Detail><WSManFault xmlns='http://schemas.microsoft.com/wbem/wsman/1/wsmanfault' Code='2150858793' Machine='ex01'/></s:Detail></s:Fault>";
    let recording = Recording::new(vec![
        exchange(1, 9, command, answered(200, envelope("CommandResponse", "<r:CommandResponse/>"))),
        exchange(2, 12_345, receive(), answered(500, envelope("fault", fault))),
        exchange(
            3,
            4,
            receive(),
            answered(
                200,
                envelope(
                    "ReceiveResponse",
                    &format!("<r:ReceiveResponse>{objects}</r:ReceiveResponse>"),
                ),
            ),
        ),
        exchange(12_400, 12_500, receive(), RecordedAnswer::Dropped),
    ]);
    let mut manifest = Manifest::default();
    manifest.command = vec!["export".to_owned()];
    manifest.product = "Exchange 2019".to_owned();
    manifest.started = 3_661;
    manifest.exit_code = Some(1);
    let mut fixture = Fixture::new(manifest, recording);
    let mut put = |name: &str, text: &str| {
        fixture.attachments.insert(name.to_owned(), text.as_bytes().to_vec())
    };
    put("settings.toml", "hostname = \"ex01\"\npassword = \"Winter2026\"\n");
    put(
        "output.jsonl",
        "{\"operation\":\"create\",\"status\":\"failed\"}\n{\"type\":\"warning\"}\n",
    );
    fixture
}

#[test]
fn a_fixture_reads_as_it_happened() {
    let told = told(&fixture());
    let expected = [
        "`export`, Exchange 2019, recorded on ",
        "at 01:01:01 UTC",
        "settings: hostname ex01, password <redacted>",
        "0.001 s  #01 client starts a pipeline (Command) (",
        "runs New-Mailbox -Name Ann -Password <redacted> (CREATE_PIPELINE)",
        "0.002 s  #02 client waits for output (Receive) (",
        "0.003 s  #03 client waits",
        "0.004 s  #03 server sends (",
        "gives Ann (PIPELINE_OUTPUT)",
        "… and 2 more, 5 objects of 50 bytes in all",
        "0.009 s  #01 server has started it (",
        "12.345 s  #02 server refuses with fault 2150858793 OPERATION_TIMEDOUT on ex01, which only means: ask again: too slow (HTTP 500, ",
        "12.500 s  #04 nobody waited for the answer after 0.100 s",
        "ended with exit code 1 after 12.500 s: 4 exchanges",
        "output: 2 lines: 1 create failed, 1 warning",
    ];
    let mut rest = told.as_str();
    for part in expected {
        let found = rest.split_once(part);
        assert!(found.is_some(), "`{part}` does not follow in\n{told}");
        rest = found.map(|(_, rest)| rest).unwrap_or_default();
    }
    assert!(!told.contains("Winter2026"), "{told}");
}
