//! Reading answers.
//!
//! Spec: [MS-WSMV] 3.1.4 Message Processing Events and Sequencing Rules.
//!
//! What an answer is, its body says: the action of a fault is not always the one of faults. Windows Server 2008
//! R2 leaves `rsp:Shell` out of the answer to Create, so the id is read from the selectors of `ResourceCreated`.

use std::borrow::Cow;
use std::time::Duration;

use crate::duration;
use crate::error::DecodeError;
use crate::fault::Fault;
use crate::headers::{Envelope, Headers, named, shell_selector};
use crate::id::{CommandId, MessageId, ResourceUri, ShellId};
use crate::operation::Verb;
use crate::uri;
use crate::xml::{Document, Element, Limits, Ns, decode_base64, decode_text};

/// An answer with its headers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reply {
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub response: Response,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Response {
    /// A shell was opened.
    Create(CreateResponse),
    /// A command was started.
    Command(CommandResponse),
    /// Input was taken.
    Send,
    /// Output, or the news that there will be none.
    Receive(ReceiveResponse),
    /// A signal was taken.
    Signal,
    /// The shell was left alone.
    Disconnect,
    /// The shell or command was taken up.
    Reconnect,
    /// The shell or command of another client was taken up.
    Connect(ConnectResponse),
    /// Items of a list.
    Enumerate(EnumerateResponse),
    /// Who is there.
    Identify(IdentifyResponse),
    /// A shell, in answer to Get.
    Shell(ShellInfo),
    /// The server said no.
    Fault(Box<Fault>),
    /// A body without elements: the answer to Delete, and of some servers to others.
    Empty,
    /// A body of another kind.
    Other {
        /// The local name of its first element.
        element: String,
    },
}

/// The answer to Create.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CreateResponse {
    /// The id to use from now on; `None` only when the server gave none at all.
    pub shell_id: Option<ShellId>,
    /// The resource to use from now on.
    pub resource_uri: Option<ResourceUri>,
    /// What the server tells of the shell; older servers tell nothing.
    pub shell: Option<ShellInfo>,
}

/// What a server tells of a shell; all of it is text from a peer.
///
/// Spec: [MS-WSMV] 2.2.4.37 Shell.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ShellInfo {
    /// The shell's id.
    pub shell_id: Option<ShellId>,
    /// The name that its client gave it.
    pub name: Option<String>,
    /// The resource.
    pub resource_uri: Option<String>,
    /// The user.
    pub owner: Option<String>,
    /// The address of the client, perhaps with a zone.
    pub client_ip: Option<String>,
    /// The process behind the shell.
    pub process_id: Option<u32>,
    /// How long it is kept without hearing of its client.
    pub idle_timeout: Option<Duration>,
    /// The most that may be asked for.
    pub max_idle_timeout: Option<Duration>,
    /// `Connected` or `Disconnected`.
    pub state: Option<String>,
    /// How long the shell has been open.
    pub run_time: Option<Duration>,
    /// How long nothing has happened in it.
    pub inactivity: Option<Duration>,
}

/// The answer to Command.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CommandResponse {
    /// The id to use from now on.
    pub command_id: CommandId,
}

impl CommandResponse {
    /// Names the command.
    #[must_use]
    pub fn new(command_id: CommandId) -> Self {
        Self { command_id }
    }
}

/// The answer to Receive.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReceiveResponse {
    /// Pieces of output in order; each was base64 of its own.
    pub streams: Vec<StreamPart>,
    /// What the server says of the command, if anything.
    pub command_state: Option<CommandState>,
    /// The command that the state is about.
    pub command_id: Option<CommandId>,
    /// The exit code of a program; PowerShell has none.
    pub exit_code: Option<i64>,
}

impl ReceiveResponse {
    /// Tells whether there will be no more output.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.command_state == Some(CommandState::Done)
    }
}

/// A piece of output.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StreamPart {
    /// The stream, such as `stdout`.
    pub name: Cow<'static, str>,
    /// The command that the output is of; `None` for the shell.
    pub command_id: Option<CommandId>,
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether the stream ends here.
    pub end: bool,
}

impl StreamPart {
    /// Makes a piece of output.
    #[must_use]
    pub fn new(name: &str, command_id: Option<CommandId>, data: Vec<u8>) -> Self {
        Self { name: stream_name(name), command_id, data, end: false }
    }
}

/// What a server says of a command.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CommandState {
    /// More output will come.
    Running,
    /// The command is being ended.
    Pending,
    /// There will be no more output.
    Done,
    /// A state that this crate does not know, whole.
    Other(String),
}

impl CommandState {
    /// Returns the URI as it goes over the wire.
    #[must_use]
    pub fn uri(&self) -> String {
        let name = match self {
            Self::Running => "Running",
            Self::Pending => "Pending",
            Self::Done => "Done",
            Self::Other(whole) => return whole.clone(),
        };
        format!("{}{name}", uri::COMMAND_STATE_PREFIX)
    }
}

impl From<&str> for CommandState {
    fn from(text: &str) -> Self {
        let text = text.trim();
        match text.strip_prefix(uri::COMMAND_STATE_PREFIX) {
            Some("Running") => Self::Running,
            Some("Pending") => Self::Pending,
            Some("Done") => Self::Done,
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// The answer to Connect.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ConnectResponse {
    /// What `connectResponseXml` holds; empty in the answer about a command.
    pub connect_xml: Vec<u8>,
}

/// The answer to Enumerate or Pull.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EnumerateResponse {
    /// What Pull has to name.
    pub context: Option<String>,
    /// Whether the list is complete; else Pull goes on.
    pub end: bool,
    /// How many items came, of whatever kind.
    pub items: usize,
    /// The shells among them.
    pub shells: Vec<ShellInfo>,
    /// The commands among them.
    pub commands: Vec<CommandInfo>,
}

/// What a server tells of a command.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CommandInfo {
    /// The command's id.
    pub command_id: Option<CommandId>,
    /// The text that its client gave for the log.
    pub command_line: Option<String>,
    /// Its state.
    pub state: Option<String>,
}

/// The answer to Identify.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct IdentifyResponse {
    /// The version of WS-Management, a URI.
    pub protocol_version: Option<String>,
    /// The vendor, such as `Microsoft Corporation`.
    pub product_vendor: Option<String>,
    /// The product, such as `OS: 10.0.14393 SP: 0.0 Stack: 3.0`.
    pub product_version: Option<String>,
}

/// Reads an answer within the default limits.
///
/// ```
/// use wsman::{Response, parse_response};
/// let xml = br#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body/></s:Envelope>"#;
/// assert_eq!(parse_response(xml)?.response, Response::Empty);
/// assert!(parse_response(b"<html>Service unavailable</html>").is_err());
/// # Ok::<(), wsman::DecodeError>(())
/// ```
///
/// # Errors
///
/// [`DecodeError`] when the bytes are no SOAP 1.2 envelope, break a limit, or lack what their operation needs.
pub fn parse_response(bytes: &[u8]) -> Result<Reply, DecodeError> {
    parse_response_with_limits(bytes, Limits::default())
}

/// Reads an answer within limits.
///
/// # Errors
///
/// The same as [`parse_response`].
pub fn parse_response_with_limits(bytes: &[u8], limits: Limits) -> Result<Reply, DecodeError> {
    let text = decode_text(bytes)?;
    let document = Document::parse(&text, limits)?;
    let envelope = Envelope::read(&document)?;
    let response = match envelope.content() {
        Some(content) => Response::read(content, &envelope)?,
        None => Response::Empty,
    };
    Ok(Reply { headers: envelope.headers, response })
}

impl Reply {
    /// Checks that this answers a request of that verb. An answer that names no action is let through, and so is a fault, for
    /// the action of a fault is not always the one of faults.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Unexpected`] when the action is that of another answer.
    pub fn check_action(&self, verb: Verb) -> Result<(), DecodeError> {
        let last = |action: &str| action.rsplit('/').next().unwrap_or_default().to_owned();
        match (&self.headers.action, &self.response) {
            (None, _) | (_, Response::Fault(_)) => Ok(()),
            (Some(action), _) => match last(action).strip_suffix("Response") {
                Some(answered) if answered.eq_ignore_ascii_case(&last(verb.action())) => Ok(()),
                _ => Err(DecodeError::Unexpected {
                    expected: "the action of the answer",
                    got: action.clone(),
                }),
            },
        }
    }

    /// Checks that this answers the request of that id; an answer that names none is let through.
    ///
    /// # Errors
    ///
    /// [`DecodeError::RelatesTo`] when the answer names another request.
    pub fn check_relates_to(&self, sent: &MessageId) -> Result<(), DecodeError> {
        match &self.headers.relates_to {
            Some(got) if got != sent => {
                Err(DecodeError::RelatesTo { sent: sent.clone(), got: got.clone() })
            }
            _ => Ok(()),
        }
    }
}

impl Response {
    /// Returns the name of the body, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Create(_) => "CreateResponse",
            Self::Command(_) => "CommandResponse",
            Self::Send => "SendResponse",
            Self::Receive(_) => "ReceiveResponse",
            Self::Signal => "SignalResponse",
            Self::Disconnect => "DisconnectResponse",
            Self::Reconnect => "ReconnectResponse",
            Self::Connect(_) => "ConnectResponse",
            Self::Enumerate(_) => "EnumerateResponse",
            Self::Identify(_) => "IdentifyResponse",
            Self::Shell(_) => "Shell",
            Self::Fault(_) => "Fault",
            Self::Empty => "an empty body",
            Self::Other { element } => element,
        }
    }

    fn read(content: Element<'_>, envelope: &Envelope<'_>) -> Result<Self, DecodeError> {
        let is = |ns, name| content.is(ns, name);
        let response = if is(Ns::Soap, "Fault") {
            Self::Fault(Box::new(Fault::read(content)))
        } else if is(Ns::Shell, "ReceiveResponse") {
            Self::Receive(read_receive(content)?)
        } else if is(Ns::Shell, "CommandResponse") {
            Self::Command(read_command(content)?)
        } else if is(Ns::Shell, "SendResponse") {
            Self::Send
        } else if is(Ns::Shell, "SignalResponse") {
            Self::Signal
        } else if is(Ns::Shell, "DisconnectResponse") {
            Self::Disconnect
        } else if is(Ns::Shell, "ReconnectResponse") {
            Self::Reconnect
        } else if is(Ns::Shell, "ConnectResponse") {
            Self::Connect(read_connect(content)?)
        } else if is(Ns::Transfer, "ResourceCreated") {
            Self::Create(read_create(envelope))
        } else if is(Ns::Shell, "Shell") {
            Self::Shell(ShellInfo::read(content))
        } else if is(Ns::Enumeration, "EnumerateResponse") || is(Ns::Enumeration, "PullResponse") {
            Self::Enumerate(read_enumerate(content))
        } else if is(Ns::Identity, "IdentifyResponse") {
            Self::Identify(read_identify(content))
        } else {
            Self::Other { element: content.name().to_owned() }
        };
        Ok(response)
    }
}

fn read_create(envelope: &Envelope<'_>) -> CreateResponse {
    let Some(body) = envelope.body else { return CreateResponse::default() };
    let shell = body.child(Ns::Shell, "Shell").map(ShellInfo::read);
    let parameters = body
        .child(Ns::Transfer, "ResourceCreated")
        .and_then(|created| created.child(Ns::Addressing, "ReferenceParameters"));
    let selectors = parameters
        .and_then(|parameters| parameters.child(Ns::Wsman, "SelectorSet"))
        .map_or_else(Vec::new, |set| named(set, "Selector"));
    let resource_uri =
        parameters.and_then(|parameters| parameters.child_text(Ns::Wsman, "ResourceURI"));
    CreateResponse {
        shell_id: shell_selector(&selectors)
            .or_else(|| shell.as_ref().and_then(|shell| shell.shell_id.clone())),
        resource_uri: resource_uri.map(ResourceUri::from),
        shell,
    }
}

impl ShellInfo {
    fn read(shell: Element<'_>) -> Self {
        let text = |name| shell.child_text(Ns::Shell, name);
        let span = |name| text(name).and_then(|text| duration::parse(&text));
        Self {
            shell_id: text("ShellId").map(ShellId::from),
            name: text("Name"),
            resource_uri: text("ResourceUri"),
            owner: text("Owner"),
            client_ip: text("ClientIP"),
            process_id: text("ProcessId").and_then(|text| text.parse().ok()),
            idle_timeout: span("IdleTimeOut"),
            max_idle_timeout: span("MaxIdleTimeOut"),
            state: text("State"),
            run_time: span("ShellRunTime"),
            inactivity: span("ShellInactivity"),
        }
    }
}

fn read_command(response: Element<'_>) -> Result<CommandResponse, DecodeError> {
    let id = response.child_text(Ns::Shell, "CommandId").filter(|id| !id.is_empty());
    let id = id.ok_or(DecodeError::Missing { element: "CommandId" })?;
    Ok(CommandResponse { command_id: CommandId::from(id) })
}

fn read_receive(response: Element<'_>) -> Result<ReceiveResponse, DecodeError> {
    let mut read = ReceiveResponse::default();
    for child in response.children() {
        if child.is(Ns::Shell, "Stream") {
            let before = read.streams.last().and_then(|part| part.command_id.as_ref());
            let part = read_stream(child, before)?;
            read.streams.push(part);
        } else if child.is(Ns::Shell, "CommandState") {
            let state = child.attribute("State");
            let state = state.ok_or(DecodeError::Missing { element: "CommandState/@State" })?;
            read.command_state = Some(state.into());
            read.command_id = child.attribute("CommandId").map(CommandId::from);
            let code = child.child_text(Ns::Shell, "ExitCode");
            read.exit_code = code
                .map(|code| code.parse())
                .transpose()
                .map_err(|_error| DecodeError::Value { element: "ExitCode" })?;
        }
    }
    Ok(read)
}

/// Reads a `rsp:Stream` of either direction. The command is mostly that of the part before, which is then shared.
pub(crate) fn read_stream(
    stream: Element<'_>,
    before: Option<&CommandId>,
) -> Result<StreamPart, DecodeError> {
    let data = decode_base64(&stream.raw_text());
    let command = |id: &str| match before {
        Some(before) if before.as_str() == id => before.clone(),
        _ => CommandId::from(id),
    };
    Ok(StreamPart {
        name: stream_name(stream.attribute("Name").unwrap_or_default()),
        command_id: stream.attribute("CommandId").map(command),
        data: data.ok_or(DecodeError::Value { element: "Stream" })?,
        end: stream.attribute("End").is_some_and(|end| end.eq_ignore_ascii_case("true")),
    })
}

/// The name of a stream, without a copy of those that shells have.
fn stream_name(name: &str) -> Cow<'static, str> {
    let known = [uri::STREAM_STDOUT, uri::STREAM_STDIN, uri::STREAM_PROMPT_RESPONSE];
    match known.into_iter().find(|known| *known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

fn read_connect(response: Element<'_>) -> Result<ConnectResponse, DecodeError> {
    let text = response.child_text(Ns::PowerShell, "connectResponseXml").unwrap_or_default();
    let data = decode_base64(&text);
    let connect_xml = data.ok_or(DecodeError::Value { element: "connectResponseXml" })?;
    Ok(ConnectResponse { connect_xml })
}

fn read_enumerate(response: Element<'_>) -> EnumerateResponse {
    let either =
        |name| response.child(Ns::Wsman, name).or_else(|| response.child(Ns::Enumeration, name));
    let items: Vec<Element<'_>> =
        either("Items").map_or_else(Vec::new, |items| items.children().collect());
    let command = |item: Element<'_>| CommandInfo {
        command_id: item.child_text(Ns::Shell, "CommandId").map(CommandId::from),
        command_line: item.child_text(Ns::Shell, "CommandLine"),
        state: item.child_text(Ns::Shell, "CommandState"),
    };
    EnumerateResponse {
        context: response.child_text(Ns::Enumeration, "EnumerationContext"),
        end: either("EndOfSequence").is_some(),
        items: items.len(),
        shells: items
            .iter()
            .filter(|item| item.is(Ns::Shell, "Shell"))
            .map(|item| ShellInfo::read(*item))
            .collect(),
        commands: items
            .iter()
            .filter(|item| item.is(Ns::Shell, "Command"))
            .map(|item| command(*item))
            .collect(),
    }
}

fn read_identify(response: Element<'_>) -> IdentifyResponse {
    let text = |name| response.child_text(Ns::Identity, name);
    IdentifyResponse {
        protocol_version: text("ProtocolVersion"),
        product_vendor: text("ProductVendor"),
        product_version: text("ProductVersion"),
    }
}
