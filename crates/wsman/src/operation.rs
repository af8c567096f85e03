//! The operations of a shell: what a request asks for.
//!
//! Spec: [MS-WSMV] 3.1.4 Message Processing Events and Sequencing Rules.
//!
//! A server's parser yields the same types that a client writes, so that the two are inverse.

use std::time::Duration;

use crate::id::{CommandId, ShellId};
use crate::uri;

/// One request, without the headers that every request has.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Opens a shell.
    Create(Create),
    /// Starts a command in a shell.
    Command(Command),
    /// Gives input to a shell or a command.
    Send(Send),
    /// Waits for output of a shell or a command.
    Receive(Receive),
    /// Signals a command.
    Signal(Signal),
    /// Closes a shell.
    Delete,
    /// Asks who is there; has none of the usual headers.
    Identify,
    /// Reads a resource, such as the service's configuration.
    Get,
    /// Leaves a shell alone without closing it.
    Disconnect(Disconnect),
    /// Takes up a shell, or a command of it, that the same client had left alone.
    Reconnect(Reconnect),
    /// Takes up a shell, or a command of it, that another client had left alone.
    Connect(Connect),
    /// Begins to list shells or commands.
    Enumerate(Enumerate),
    /// Goes on listing.
    Pull(Pull),
}

/// The name of an operation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Verb {
    /// Opens a shell.
    Create,
    /// Starts a command.
    Command,
    /// Gives input.
    Send,
    /// Waits for output.
    Receive,
    /// Signals a command.
    Signal,
    /// Closes a shell.
    Delete,
    /// Asks who is there.
    Identify,
    /// Reads a resource.
    Get,
    /// Leaves a shell alone.
    Disconnect,
    /// Takes up the client's own shell.
    Reconnect,
    /// Takes up another client's shell.
    Connect,
    /// Begins to list.
    Enumerate,
    /// Goes on listing.
    Pull,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 13] = [
        Self::Create,
        Self::Command,
        Self::Send,
        Self::Receive,
        Self::Signal,
        Self::Delete,
        Self::Identify,
        Self::Get,
        Self::Disconnect,
        Self::Reconnect,
        Self::Connect,
        Self::Enumerate,
        Self::Pull,
    ];

    /// Returns the action URI; empty for Identify, which has no headers.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Create => uri::ACTION_CREATE,
            Self::Command => uri::ACTION_COMMAND,
            Self::Send => uri::ACTION_SEND,
            Self::Receive => uri::ACTION_RECEIVE,
            Self::Signal => uri::ACTION_SIGNAL,
            Self::Delete => uri::ACTION_DELETE,
            Self::Identify => "",
            Self::Get => uri::ACTION_GET,
            Self::Disconnect => uri::ACTION_DISCONNECT,
            Self::Reconnect => uri::ACTION_RECONNECT,
            Self::Connect => uri::ACTION_CONNECT,
            Self::Enumerate => uri::ACTION_ENUMERATE,
            Self::Pull => uri::ACTION_PULL,
        }
    }

    /// Returns the verb's name, as the specification spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Command => "Command",
            Self::Send => "Send",
            Self::Receive => "Receive",
            Self::Signal => "Signal",
            Self::Delete => "Delete",
            Self::Identify => "Identify",
            Self::Get => "Get",
            Self::Disconnect => "Disconnect",
            Self::Reconnect => "Reconnect",
            Self::Connect => "Connect",
            Self::Enumerate => "Enumerate",
            Self::Pull => "Pull",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Operation {
    /// Returns the operation's name.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self {
            Self::Create(_) => Verb::Create,
            Self::Command(_) => Verb::Command,
            Self::Send(_) => Verb::Send,
            Self::Receive(_) => Verb::Receive,
            Self::Signal(_) => Verb::Signal,
            Self::Delete => Verb::Delete,
            Self::Identify => Verb::Identify,
            Self::Get => Verb::Get,
            Self::Disconnect(_) => Verb::Disconnect,
            Self::Reconnect(_) => Verb::Reconnect,
            Self::Connect(_) => Verb::Connect,
            Self::Enumerate(_) => Verb::Enumerate,
            Self::Pull(_) => Verb::Pull,
        }
    }
}

/// The parameters of Create.
///
/// Spec: [MS-WSMV] 2.2.4.37 Shell.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Create {
    /// The id that the client proposes; without one the server chooses.
    pub shell_id: Option<ShellId>,
    /// A name to show in lists.
    pub name: Option<String>,
    /// The option `protocolversion`, such as `2.3`, which PowerShell's plug-in demands.
    pub protocol_version: Option<String>,
    /// How long the server keeps the shell without hearing of its client; 60 s or more.
    pub idle_timeout: Option<Duration>,
    /// The streams that Send may name.
    pub input_streams: Vec<String>,
    /// The streams that Receive may name.
    pub output_streams: Vec<String>,
    /// What `creationXml` holds: the first fragments of the layer above.
    pub creation_xml: Vec<u8>,
}

impl Create {
    /// Asks for a PowerShell shell: streams `stdin pr` and `stdout`, protocol version 2.3.
    #[must_use]
    pub fn new(shell_id: Option<ShellId>, creation_xml: Vec<u8>) -> Self {
        Self {
            shell_id,
            name: None,
            protocol_version: Some("2.3".to_owned()),
            idle_timeout: None,
            input_streams: vec![
                uri::STREAM_STDIN.to_owned(),
                uri::STREAM_PROMPT_RESPONSE.to_owned(),
            ],
            output_streams: vec![uri::STREAM_STDOUT.to_owned()],
            creation_xml,
        }
    }
}

/// The parameters of Command.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Command {
    /// The id that the client proposes; Windows Server 2008 R2 ignores it.
    pub command_id: Option<CommandId>,
    /// Text for the server's log; PowerShell never executes it.
    pub command_line: String,
    /// The first fragments of the layer above.
    pub arguments: Vec<u8>,
}

impl Command {
    /// Asks for a command with the given id and fragments.
    #[must_use]
    pub fn new(command_id: Option<CommandId>, arguments: Vec<u8>) -> Self {
        Self { command_id, command_line: String::new(), arguments }
    }
}

/// The parameters of Send.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Send {
    /// The command; without one the shell itself is meant.
    pub command_id: Option<CommandId>,
    /// The stream: [`uri::STREAM_STDIN`] or [`uri::STREAM_PROMPT_RESPONSE`].
    pub stream: String,
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether the stream ends here; not used by PowerShell.
    pub end: bool,
}

impl Send {
    /// Gives bytes to one stream.
    #[must_use]
    pub fn new(command_id: Option<CommandId>, stream: &str, data: Vec<u8>) -> Self {
        Self { command_id, stream: stream.to_owned(), data, end: false }
    }
}

/// The parameters of Receive.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Receive {
    /// The command; without one the shell itself is meant.
    pub command_id: Option<CommandId>,
    /// The streams wanted.
    pub streams: Vec<String>,
    /// Whether to send the option `WSMAN_CMDSHELL_OPTION_KEEPALIVE`.
    pub keep_alive: bool,
}

impl Receive {
    /// Waits for `stdout`.
    #[must_use]
    pub fn new(command_id: Option<CommandId>) -> Self {
        Self { command_id, streams: vec![uri::STREAM_STDOUT.to_owned()], keep_alive: true }
    }
}

/// The parameters of Signal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Signal {
    /// The command.
    pub command_id: Option<CommandId>,
    /// What is signalled.
    pub code: SignalCode,
}

impl Signal {
    /// Signals a command.
    #[must_use]
    pub fn new(command_id: CommandId, code: SignalCode) -> Self {
        Self { command_id: Some(command_id), code }
    }
}

/// What a Signal says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignalCode {
    /// Ends the command and frees its slot; also due after a command is done.
    Terminate,
    /// Interrupts a command of the plain command shell.
    CtrlC,
    /// Stops a PowerShell pipeline, whose state still arrives by Receive.
    PowerShellStop,
    /// A code that this crate does not know, whole.
    Other(String),
}

impl SignalCode {
    /// Returns the code as it goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Terminate => uri::SIGNAL_TERMINATE,
            Self::CtrlC => uri::SIGNAL_CTRL_C,
            Self::PowerShellStop => uri::SIGNAL_PS_CRTL_C,
            Self::Other(code) => code,
        }
    }
}

impl From<&str> for SignalCode {
    fn from(code: &str) -> Self {
        [Self::Terminate, Self::CtrlC, Self::PowerShellStop]
            .into_iter()
            .find(|known| known.as_str() == code)
            .unwrap_or_else(|| Self::Other(code.to_owned()))
    }
}

/// The parameters of Disconnect.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Disconnect {
    /// How long the server keeps the shell.
    pub idle_timeout: Option<Duration>,
    /// What the server does with output meanwhile.
    pub buffer_mode: Option<BufferMode>,
}

/// What a server does when the output of a disconnected shell fills its buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BufferMode {
    /// The command waits.
    Block,
    /// The oldest output is lost.
    Drop,
}

impl BufferMode {
    /// Returns the name as it goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "Block",
            Self::Drop => "Drop",
        }
    }
}

/// The parameters of Reconnect.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Reconnect {
    /// The command; without one the shell itself is meant, which has to come first.
    pub command_id: Option<CommandId>,
}

impl Reconnect {
    /// Takes up the shell, or one command of it.
    #[must_use]
    pub fn new(command_id: Option<CommandId>) -> Self {
        Self { command_id }
    }
}

/// The parameters of Connect.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Connect {
    /// The command; without one the shell itself is meant, which has to come first.
    pub command_id: Option<CommandId>,
    /// The option `protocolversion`.
    pub protocol_version: Option<String>,
    /// What `connectXml` holds: two whole messages of the layer above.
    pub connect_xml: Vec<u8>,
}

impl Connect {
    /// Takes up the shell itself.
    #[must_use]
    pub fn shell(connect_xml: Vec<u8>) -> Self {
        Self { command_id: None, protocol_version: Some("2.3".to_owned()), connect_xml }
    }

    /// Takes up one command.
    #[must_use]
    pub fn command(command_id: CommandId) -> Self {
        Self { command_id: Some(command_id), ..Self::default() }
    }
}

/// The parameters of Enumerate; what is listed is the resource of the session context.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Enumerate {
    /// The shell whose commands are listed.
    pub shell_id: Option<ShellId>,
    /// The most items in one answer.
    pub max_elements: u32,
}

impl Default for Enumerate {
    fn default() -> Self {
        Self { shell_id: None, max_elements: 32_000 }
    }
}

impl Enumerate {
    /// Lists the commands of a shell; the default lists shells.
    #[must_use]
    pub fn commands_of(shell_id: ShellId) -> Self {
        Self { shell_id: Some(shell_id), ..Self::default() }
    }
}

/// The parameters of Pull.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pull {
    /// The context that the answer before carried.
    pub context: String,
    /// The most items in one answer.
    pub max_elements: u32,
}

impl Pull {
    /// Goes on where the answer before ended.
    #[must_use]
    pub fn new(context: String) -> Self {
        Self { context, max_elements: 32_000 }
    }
}
