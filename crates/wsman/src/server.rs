//! The far end: reading requests, writing answers and faults. Pure, as everything around it.
//!
//! Simulators and tests are built on this. What it reads is what [`SessionContext::write`](crate::SessionContext::write)
//! writes and what other clients are known to write; what it writes has the shape of recorded answers.

use crate::duration;
use crate::error::DecodeError;
use crate::fault::Fault;
use crate::headers::{Envelope, Headers, named, shell_selector};
use crate::id::{CommandId, MessageId, ShellId};
use crate::operation::{
    BufferMode, Command, Connect, Create, Disconnect, Enumerate, Operation, Pull, Receive,
    Reconnect, Send, Signal, SignalCode, Verb,
};
use crate::response::{
    CreateResponse, EnumerateResponse, IdentifyResponse, ReceiveResponse, Response, ShellInfo,
    read_stream,
};
use crate::uri;
use crate::xml::{
    Document, Element, Limits, Ns, Writer, decode_base64, decode_text, encode_base64,
};

/// A request as a server sees it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// The headers; of Identify there are none.
    pub headers: Headers,
    /// The shell that the selectors name.
    pub shell_id: Option<ShellId>,
    /// What is asked for.
    pub operation: Operation,
}

/// Reads a request.
///
/// # Errors
///
/// [`DecodeError`] when the bytes are no SOAP 1.2 envelope, break a limit, or lack what their operation needs;
/// [`DecodeError::Unexpected`] when the action is unknown.
pub fn parse_request(bytes: &[u8], limits: Limits) -> Result<Request, DecodeError> {
    let text = decode_text(bytes)?;
    let document = Document::parse(&text, limits)?;
    let envelope = Envelope::read(&document)?;
    let content = envelope.content();
    if content.is_some_and(|content| content.is(Ns::Identity, "Identify")) {
        let headers = envelope.headers;
        return Ok(Request { headers, shell_id: None, operation: Operation::Identify });
    }
    let action = envelope.headers.action.as_deref();
    let action = action.ok_or(DecodeError::Missing { element: "Action" })?;
    let verb = Verb::ALL.into_iter().find(|verb| verb.action() == action);
    let verb = verb.ok_or_else(|| DecodeError::Unexpected {
        expected: "a known action",
        got: action.to_owned(),
    })?;
    let operation = read_operation(verb, content, &envelope.headers)?;
    let shell_id = envelope.headers.shell_id();
    Ok(Request { headers: envelope.headers, shell_id, operation })
}

fn read_operation(
    verb: Verb,
    content: Option<Element<'_>>,
    headers: &Headers,
) -> Result<Operation, DecodeError> {
    let body = |name: &'static str, ns| {
        let found = content.filter(|content| content.is(ns, name));
        found.ok_or(DecodeError::Missing { element: name })
    };
    Ok(match verb {
        Verb::Create => Operation::Create(read_create(body("Shell", Ns::Shell)?, headers)?),
        Verb::Command => Operation::Command(read_command(body("CommandLine", Ns::Shell)?)?),
        Verb::Send => Operation::Send(read_send(body("Send", Ns::Shell)?)?),
        Verb::Receive => Operation::Receive(read_receive(body("Receive", Ns::Shell)?, headers)?),
        Verb::Signal => Operation::Signal(read_signal(body("Signal", Ns::Shell)?)?),
        Verb::Delete => Operation::Delete,
        Verb::Identify => Operation::Identify,
        Verb::Get => Operation::Get,
        Verb::Disconnect => Operation::Disconnect(read_disconnect(content)?),
        Verb::Reconnect => Operation::Reconnect(Reconnect::new(content.and_then(command_of))),
        Verb::Connect => Operation::Connect(read_connect(body("Connect", Ns::Shell)?, headers)?),
        Verb::Enumerate => {
            Operation::Enumerate(read_enumerate(body("Enumerate", Ns::Enumeration)?))
        }
        Verb::Pull => Operation::Pull(read_pull(body("Pull", Ns::Enumeration)?)?),
    })
}

fn read_create(shell: Element<'_>, headers: &Headers) -> Result<Create, DecodeError> {
    let words = |name| -> Vec<String> {
        let text = shell.child_text(Ns::Shell, name).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let creation = shell.child_text(Ns::PowerShell, "creationXml").unwrap_or_default();
    Ok(Create {
        shell_id: shell.attribute("ShellId").map(ShellId::from),
        name: shell.attribute("Name").map(str::to_owned),
        protocol_version: headers.option("protocolversion").map(str::to_owned),
        idle_timeout: idle_timeout(shell)?,
        input_streams: words("InputStreams"),
        output_streams: words("OutputStreams"),
        creation_xml: decode_base64(&creation)
            .ok_or(DecodeError::Value { element: "creationXml" })?,
    })
}

fn idle_timeout(parent: Element<'_>) -> Result<Option<std::time::Duration>, DecodeError> {
    parent
        .child_text(Ns::Shell, "IdleTimeOut")
        .map(|text| duration::parse(&text).ok_or(DecodeError::Value { element: "IdleTimeOut" }))
        .transpose()
}

fn read_command(line: Element<'_>) -> Result<Command, DecodeError> {
    let arguments = line.child_text(Ns::Shell, "Arguments").unwrap_or_default();
    Ok(Command {
        command_id: command_of(line),
        command_line: line.child_text(Ns::Shell, "Command").unwrap_or_default(),
        arguments: decode_base64(&arguments).ok_or(DecodeError::Value { element: "Arguments" })?,
    })
}

fn read_send(send: Element<'_>) -> Result<Send, DecodeError> {
    let stream = send.child(Ns::Shell, "Stream");
    let part = read_stream(stream.ok_or(DecodeError::Missing { element: "Stream" })?, None)?;
    Ok(Send {
        command_id: part.command_id,
        stream: part.name.into_owned(),
        data: part.data,
        end: part.end,
    })
}

fn read_receive(receive: Element<'_>, headers: &Headers) -> Result<Receive, DecodeError> {
    let desired = receive.child(Ns::Shell, "DesiredStream");
    let desired = desired.ok_or(DecodeError::Missing { element: "DesiredStream" })?;
    Ok(Receive {
        command_id: command_of(desired),
        streams: desired.raw_text().split_whitespace().map(str::to_owned).collect(),
        keep_alive: headers.option("WSMAN_CMDSHELL_OPTION_KEEPALIVE").is_some(),
    })
}

fn read_signal(signal: Element<'_>) -> Result<Signal, DecodeError> {
    let code = signal.child_text(Ns::Shell, "Code");
    let code = code.ok_or(DecodeError::Missing { element: "Code" })?;
    Ok(Signal { command_id: command_of(signal), code: SignalCode::from(code.as_str()) })
}

fn read_disconnect(content: Option<Element<'_>>) -> Result<Disconnect, DecodeError> {
    let Some(disconnect) = content else { return Ok(Disconnect::default()) };
    let mode = disconnect.child_text(Ns::Shell, "BufferMode");
    let mode = match mode.as_deref() {
        None => None,
        Some("Block") => Some(BufferMode::Block),
        Some("Drop") => Some(BufferMode::Drop),
        Some(_) => return Err(DecodeError::Value { element: "BufferMode" }),
    };
    Ok(Disconnect { idle_timeout: idle_timeout(disconnect)?, buffer_mode: mode })
}

fn read_connect(connect: Element<'_>, headers: &Headers) -> Result<Connect, DecodeError> {
    let text = connect.child_text(Ns::PowerShell, "connectXml").unwrap_or_default();
    Ok(Connect {
        command_id: command_of(connect),
        protocol_version: headers.option("protocolversion").map(str::to_owned),
        connect_xml: decode_base64(&text).ok_or(DecodeError::Value { element: "connectXml" })?,
    })
}

fn read_enumerate(enumerate: Element<'_>) -> Enumerate {
    let selectors = enumerate
        .child(Ns::Wsman, "Filter")
        .and_then(|filter| filter.child(Ns::Wsman, "SelectorSet"))
        .map_or_else(Vec::new, |set| named(set, "Selector"));
    Enumerate { shell_id: shell_selector(&selectors), max_elements: max_elements(enumerate) }
}

fn read_pull(pull: Element<'_>) -> Result<Pull, DecodeError> {
    let context = pull.child_text(Ns::Enumeration, "EnumerationContext");
    let context = context.ok_or(DecodeError::Missing { element: "EnumerationContext" })?;
    Ok(Pull { context, max_elements: max_elements(pull) })
}

fn max_elements(parent: Element<'_>) -> u32 {
    [Ns::Wsman, Ns::Enumeration]
        .into_iter()
        .find_map(|ns| parent.child_text(ns, "MaxElements"))
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

fn command_of(element: Element<'_>) -> Option<CommandId> {
    element.attribute("CommandId").map(CommandId::from)
}

/// Writes an answer to the request of id `relates_to` of a verb.
///
/// A [`Response::Other`] becomes an empty body.
#[must_use]
pub fn write_response(
    message_id: &MessageId,
    relates_to: Option<&MessageId>,
    verb: Verb,
    response: &Response,
) -> String {
    let mut writer = Writer::default();
    let action = match response {
        Response::Fault(_) => uri::ACTION_FAULT.to_owned(),
        _ => format!("{}Response", verb.action()),
    };
    writer.open("s:Envelope", NAMESPACES);
    if !matches!(response, Response::Identify(_)) {
        writer.open("s:Header", &[]);
        writer.leaf("a:Action", &[], &action);
        writer.leaf("a:MessageID", &[], message_id.as_str());
        writer.leaf("a:To", &[], uri::ANONYMOUS);
        if let Some(id) = relates_to {
            writer.leaf("a:RelatesTo", &[], id.as_str());
        }
        writer.close("s:Header");
    }
    writer.open("s:Body", &[]);
    write_body(&mut writer, response);
    writer.close("s:Body");
    writer.close("s:Envelope");
    writer.finish()
}

/// Writes a fault in answer to the request of id `relates_to`; the HTTP status that goes with it is 500.
#[must_use]
pub fn write_fault(
    message_id: &MessageId,
    relates_to: Option<&MessageId>,
    fault: &Fault,
) -> String {
    let response = Response::Fault(Box::new(fault.clone()));
    write_response(message_id, relates_to, Verb::Get, &response)
}

fn write_body(writer: &mut Writer, response: &Response) {
    match response {
        Response::Create(create) => write_create(writer, create),
        Response::Command(command) => {
            writer.open("rsp:CommandResponse", &[]);
            writer.leaf("rsp:CommandId", &[], command.command_id.as_str());
            writer.close("rsp:CommandResponse");
        }
        Response::Send => writer.empty("rsp:SendResponse", &[]),
        Response::Receive(receive) => write_receive(writer, receive),
        Response::Signal => writer.empty("rsp:SignalResponse", &[]),
        Response::Disconnect => writer.empty("rsp:DisconnectResponse", &[]),
        Response::Reconnect => writer.empty("rsp:ReconnectResponse", &[]),
        Response::Connect(connect) => {
            writer.open("rsp:ConnectResponse", &[]);
            let text = encode_base64(&connect.connect_xml);
            writer.leaf("connectResponseXml", &[("xmlns", uri::NS_POWERSHELL)], &text);
            writer.close("rsp:ConnectResponse");
        }
        Response::Enumerate(list) => write_enumerate(writer, list),
        Response::Identify(identify) => write_identify(writer, identify),
        Response::Shell(shell) => write_shell(writer, shell),
        Response::Fault(fault) => write_fault_body(writer, fault),
        Response::Empty | Response::Other { .. } => {}
    }
}

fn write_create(writer: &mut Writer, create: &CreateResponse) {
    writer.open("x:ResourceCreated", &[]);
    writer.leaf("a:Address", &[], uri::ANONYMOUS);
    writer.open("a:ReferenceParameters", &[]);
    if let Some(resource) = &create.resource_uri {
        writer.leaf("w:ResourceURI", &[], resource.as_str());
    }
    if let Some(id) = &create.shell_id {
        writer.open("w:SelectorSet", &[]);
        writer.leaf("w:Selector", &[("Name", "ShellId")], id.as_str());
        writer.close("w:SelectorSet");
    }
    writer.close("a:ReferenceParameters");
    writer.close("x:ResourceCreated");
    if let Some(shell) = &create.shell {
        write_shell(writer, shell);
    }
}

fn write_shell(writer: &mut Writer, shell: &ShellInfo) {
    let span = |span: Option<std::time::Duration>| span.map(duration::write);
    let fields = [
        ("rsp:ShellId", shell.shell_id.as_ref().map(|id| id.as_str().to_owned())),
        ("rsp:Name", shell.name.clone()),
        ("rsp:ResourceUri", shell.resource_uri.clone()),
        ("rsp:Owner", shell.owner.clone()),
        ("rsp:ClientIP", shell.client_ip.clone()),
        ("rsp:ProcessId", shell.process_id.map(|id| id.to_string())),
        ("rsp:IdleTimeOut", span(shell.idle_timeout)),
        ("rsp:MaxIdleTimeOut", span(shell.max_idle_timeout)),
        ("rsp:State", shell.state.clone()),
        ("rsp:ShellRunTime", span(shell.run_time)),
        ("rsp:ShellInactivity", span(shell.inactivity)),
    ];
    writer.open("rsp:Shell", &[]);
    for (name, value) in fields {
        if let Some(value) = value {
            writer.leaf(name, &[], &value);
        }
    }
    writer.close("rsp:Shell");
}

fn write_receive(writer: &mut Writer, receive: &ReceiveResponse) {
    writer.open("rsp:ReceiveResponse", &[]);
    for part in &receive.streams {
        let mut attributes = vec![("Name", &*part.name)];
        attributes.extend(part.command_id.as_ref().map(|id| ("CommandId", id.as_str())));
        if part.end {
            attributes.push(("End", "true"));
        }
        writer.leaf("rsp:Stream", &attributes, &encode_base64(&part.data));
    }
    if let Some(state) = &receive.command_state {
        let uri = state.uri();
        let mut attributes = Vec::new();
        attributes.extend(receive.command_id.as_ref().map(|id| ("CommandId", id.as_str())));
        attributes.push(("State", uri.as_str()));
        writer.open("rsp:CommandState", &attributes);
        if let Some(code) = receive.exit_code {
            writer.leaf("rsp:ExitCode", &[], &code.to_string());
        }
        writer.close("rsp:CommandState");
    }
    writer.close("rsp:ReceiveResponse");
}

fn write_enumerate(writer: &mut Writer, list: &EnumerateResponse) {
    writer.open("n:EnumerateResponse", &[]);
    writer.leaf("n:EnumerationContext", &[], list.context.as_deref().unwrap_or_default());
    writer.open("w:Items", &[]);
    for shell in &list.shells {
        write_shell(writer, shell);
    }
    for command in &list.commands {
        writer.open("rsp:Command", &[]);
        if let Some(id) = &command.command_id {
            writer.leaf("rsp:CommandId", &[], id.as_str());
        }
        if let Some(line) = &command.command_line {
            writer.leaf("rsp:CommandLine", &[], line);
        }
        if let Some(state) = &command.state {
            writer.leaf("rsp:CommandState", &[], state);
        }
        writer.close("rsp:Command");
    }
    writer.close("w:Items");
    if list.end {
        writer.empty("w:EndOfSequence", &[]);
    }
    writer.close("n:EnumerateResponse");
}

fn write_identify(writer: &mut Writer, identify: &IdentifyResponse) {
    let fields = [
        ("wsmid:ProtocolVersion", &identify.protocol_version),
        ("wsmid:ProductVendor", &identify.product_vendor),
        ("wsmid:ProductVersion", &identify.product_version),
    ];
    writer.open("wsmid:IdentifyResponse", &[("xmlns:wsmid", uri::NS_IDENTITY)]);
    for (name, value) in fields {
        if let Some(value) = value {
            writer.leaf(name, &[], value);
        }
    }
    writer.close("wsmid:IdentifyResponse");
}

fn write_fault_body(writer: &mut Writer, fault: &Fault) {
    writer.open("s:Fault", &[]);
    writer.open("s:Code", &[]);
    let code = if fault.soap_code.is_empty() { "s:Receiver" } else { &fault.soap_code };
    writer.leaf("s:Value", &[], code);
    if let Some(subcode) = &fault.subcode {
        writer.open("s:Subcode", &[]);
        writer.leaf("s:Value", &[], &format!("w:{subcode}"));
        writer.close("s:Subcode");
    }
    writer.close("s:Code");
    writer.open("s:Reason", &[]);
    writer.leaf("s:Text", &[("xml:lang", "en-US")], &fault.reason);
    writer.close("s:Reason");
    writer.open("s:Detail", &[]);
    if let Some(detail) = &fault.detail {
        writer.leaf("w:FaultDetail", &[], detail);
    }
    write_wsman_fault(writer, fault);
    writer.close("s:Detail");
    writer.close("s:Fault");
}

fn write_wsman_fault(writer: &mut Writer, fault: &Fault) {
    let code = fault.code.map(|code| code.get().to_string());
    let mut attributes = vec![("xmlns:f", uri::NS_FAULT)];
    attributes.extend(code.as_deref().map(|code| ("Code", code)));
    attributes.extend(fault.machine.as_deref().map(|machine| ("Machine", machine)));
    let text = fault.message.as_deref().unwrap_or(&fault.reason);
    writer.open("f:WSManFault", &attributes);
    match &fault.provider {
        Some(provider) => {
            let mut attributes = vec![("provider", provider.as_str())];
            attributes.extend(fault.provider_path.as_deref().map(|path| ("path", path)));
            writer.open("f:Message", &[]);
            writer.leaf("f:ProviderFault", &attributes, text);
            writer.close("f:Message");
        }
        None => writer.leaf("f:Message", &[], text),
    }
    writer.close("f:WSManFault");
}

const NAMESPACES: &[(&str, &str)] = &[
    ("xml:lang", "en-US"),
    ("xmlns:s", uri::NS_SOAP),
    ("xmlns:a", uri::NS_ADDRESSING),
    ("xmlns:x", uri::NS_TRANSFER),
    ("xmlns:n", uri::NS_ENUMERATION),
    ("xmlns:w", uri::NS_WSMAN),
    ("xmlns:rsp", uri::NS_SHELL),
    ("xmlns:p", uri::NS_WSMV),
];
