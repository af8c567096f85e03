//! A shell over an [`Exchange`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::error::Error;
use super::exchange::{Exchange, SoapRequest};
use crate::error::DecodeError;
use crate::fault::{Fault, FaultCode};
use crate::id::{CommandId, IdSource, MessageId, ResourceUri, ShellId};
use crate::operation::{
    Command, Connect, Create, Disconnect, Enumerate, Operation, Pull, Receive, Reconnect, Send,
    Signal, SignalCode, Verb,
};
use crate::request::SessionContext;
use crate::response::{
    CommandInfo, ConnectResponse, CreateResponse, IdentifyResponse, ReceiveResponse, Response,
    ShellInfo, parse_response,
};
use crate::uri;

/// Ids from the system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no state and never will")]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn next_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// What a shell is told.
///
/// ```
/// use wsman::client::ShellOptions;
/// let options = ShellOptions::new("http://ex01.contoso.com/PowerShell/");
/// assert_eq!(options.context().max_envelope_size(), 153_600);
/// assert_eq!(options.context().resource_uri().as_str(), "http://schemas.microsoft.com/powershell/Microsoft.Exchange");
/// ```
#[derive(Clone)]
pub struct ShellOptions {
    context: SessionContext,
    create: Create,
    ids: Arc<dyn IdSource>,
}

impl std::fmt::Debug for ShellOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellOptions")
            .field("context", &self.context)
            .field("create", &self.create)
            .finish_non_exhaustive()
    }
}

impl ShellOptions {
    /// Opens a shell at the endpoint that is posted to: Exchange's resource, `en-US`, 153 600 bytes, 180 s.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let ids: Arc<dyn IdSource> = Arc::new(RandomIds);
        let context = SessionContext::new(url, ResourceUri::exchange(), ids.next_id())
            .with_operation_timeout(Some(Duration::from_secs(180)));
        Self { context, create: Create::new(None, Vec::new()), ids }
    }

    /// Sets the session configuration; the default is Exchange's.
    #[must_use]
    pub fn resource_uri(mut self, resource: ResourceUri) -> Self {
        self.context = self.context.with_resource_uri(resource);
        self
    }

    /// Sets how long the server may take over one operation, and so how long an idle Receive waits; the default is 180 s.
    #[must_use]
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.context = self.context.with_operation_timeout(Some(timeout));
        self
    }

    /// Sets the largest envelope of either direction in bytes; the default is 153 600.
    #[must_use]
    pub fn max_envelope_size(mut self, bytes: u32) -> Self {
        self.context = self.context.with_max_envelope_size(bytes);
        self
    }

    /// Sets the language of messages and data; the default is `en-US`.
    #[must_use]
    pub fn locale(mut self, locale: &str) -> Self {
        self.context = self.context.with_locale(locale, locale);
        self
    }

    /// Proposes the shell's id, which PowerShell wants to be the id of its runspace pool.
    #[must_use]
    pub fn shell_id(mut self, id: impl Into<ShellId>) -> Self {
        self.create.shell_id = Some(id.into());
        self
    }

    /// Names the shell, for those who list shells; by default it has no name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.create.name = Some(name.to_owned());
        self
    }

    /// Sets how long the server keeps the shell without hearing of its client; by default the server decides.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.create.idle_timeout = Some(timeout);
        self
    }

    /// Sets the option `protocolversion`; the default is `2.3`.
    #[must_use]
    pub fn protocol_version(mut self, version: &str) -> Self {
        self.create.protocol_version = Some(version.to_owned());
        self
    }

    /// Sets where ids come from, for a session that shall be repeatable; the default is [`RandomIds`].
    ///
    /// The session's own id is taken from it at once.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.context = self.context.with_session_id(ids.next_id());
        self.ids = ids;
        self
    }

    /// Returns what all requests will have in common.
    #[must_use]
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Returns how many bytes of fragments fit Create; the rest goes by Send.
    #[must_use]
    pub fn create_budget(&self, exchange: &dyn Exchange) -> usize {
        self.context.create_budget(&self.create, exchange.overhead())
    }
}

/// What a Receive brought.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Received {
    /// Output, or the news that the command is done.
    Output(ReceiveResponse),
    /// Nothing came within the operation timeout: receive again.
    Idle,
}

/// An open shell. Its methods take `&self` and may run side by side; a Receive that waits holds up nothing.
///
/// The protocol's own bounds are the caller's to keep: one Send and one Receive at a time for the shell and for each
/// command. Dropping a shell leaves it open on the server until its idle timeout; [`Shell::delete`] closes it.
pub struct Shell {
    exchange: Arc<dyn Exchange>,
    ids: Arc<dyn IdSource>,
    context: SessionContext,
    max_envelope_size: AtomicU32,
    shell_id: ShellId,
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell")
            .field("shell_id", &self.shell_id)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Shell {
    /// Opens a shell; `creation_xml` has at most [`ShellOptions::create_budget`] bytes.
    ///
    /// The server's id and resource are adopted.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses; the others when the exchange fails. A server's id of more than 1024
    /// characters, or with others than printed ones of ASCII, is [`Error::Decode`].
    pub async fn create(
        exchange: Arc<dyn Exchange>,
        options: ShellOptions,
        creation_xml: Vec<u8>,
    ) -> Result<(Self, CreateResponse), Error> {
        let ShellOptions { mut context, create, ids } = options;
        let proposed = create.shell_id.clone();
        let create = Operation::Create(Create { creation_xml, ..create });
        let answer = run(&*exchange, &*ids, &context, None, create).await?;
        let Response::Create(created) = answer else {
            return Err(unexpected(Verb::Create, "CreateResponse", &answer));
        };
        let shell_id = created.shell_id.clone().or(proposed).ok_or(Error::Decode {
            verb: Verb::Create,
            source: DecodeError::Missing { element: "ShellId" },
        })?;
        if !is_plain(shell_id.as_str()) {
            return Err(malformed(Verb::Create, "ShellId"));
        }
        if let Some(resource) = &created.resource_uri {
            if !is_plain(resource.as_str()) {
                return Err(malformed(Verb::Create, "ResourceURI"));
            }
            context = context.with_resource_uri(resource.clone());
        }
        let max_envelope_size = AtomicU32::new(context.max_envelope_size());
        let shell = Self { exchange, ids, context, max_envelope_size, shell_id };
        tracing::info!(shell = %shell.shell_id, "shell opened");
        Ok((shell, created))
    }

    /// Addresses a shell by its id without asking whether it exists: one whose creation got no answer may, and is to be
    /// deleted.
    #[must_use]
    pub fn attach(exchange: Arc<dyn Exchange>, options: ShellOptions, shell_id: ShellId) -> Self {
        let ShellOptions { context, ids, .. } = options;
        let max_envelope_size = AtomicU32::new(context.max_envelope_size());
        Self { exchange, ids, context, max_envelope_size, shell_id }
    }

    /// Returns the shell's id.
    #[must_use]
    pub fn id(&self) -> &ShellId {
        &self.shell_id
    }

    /// Raises or lowers the largest envelope from now on; 512 000 is right once the server claimed PSRP 2.2.
    pub fn set_max_envelope_size(&self, bytes: u32) {
        self.max_envelope_size.store(bytes.max(8192), Ordering::Relaxed);
    }

    /// Returns how many bytes of fragments fit one [`Shell::send`].
    #[must_use]
    pub fn send_budget(&self) -> usize {
        self.context().send_budget(&self.shell_id, self.exchange.overhead())
    }

    /// Returns how many bytes of fragments fit one [`Shell::command`]; the rest goes by [`Shell::send`].
    #[must_use]
    pub fn command_budget(&self) -> usize {
        self.context().command_budget(&self.shell_id, self.exchange.overhead())
    }

    /// Starts a command and returns the id to use from now on, which old servers choose themselves.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses; after another error the command may or may not run.
    pub async fn command(
        &self,
        command_id: Option<CommandId>,
        arguments: &[u8],
    ) -> Result<CommandId, Error> {
        let command = Command::new(command_id, arguments.to_vec());
        match self.run(Operation::Command(command)).await? {
            Response::Command(started) if !is_plain(started.command_id.as_str()) => {
                Err(malformed(Verb::Command, "CommandId"))
            }
            Response::Command(started) => Ok(started.command_id),
            other => Err(unexpected(Verb::Command, "CommandResponse", &other)),
        }
    }

    /// Gives input to the shell, or to a command, on `stdin` or `pr`.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses; after another error the input may have arrived or not.
    pub async fn send(
        &self,
        command_id: Option<&CommandId>,
        stream: &str,
        data: &[u8],
    ) -> Result<(), Error> {
        let send = Send::new(command_id.cloned(), stream, data.to_vec());
        self.run(Operation::Send(send)).await.map(|_response| ())
    }

    /// Waits for output of the shell, or of a command.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses, for instance because the shell is gone. After a lost connection
    /// the call may be repeated, but output may be missing, which the numbers of its fragments show.
    pub async fn receive(&self, command_id: Option<&CommandId>) -> Result<Received, Error> {
        let receive = Receive::new(command_id.cloned());
        let began = Instant::now();
        match self.run(Operation::Receive(receive)).await {
            Ok(Response::Receive(output)) => Ok(Received::Output(output)),
            Ok(other) => Err(unexpected(Verb::Receive, "ReceiveResponse", &other)),
            Err(Error::Fault { fault, .. }) if is_idle(&fault) => {
                // A server that does not wait at all would be asked without a pause, as often as it answers.
                tokio::time::sleep(LEAST_WAIT.saturating_sub(began.elapsed())).await;
                Ok(Received::Idle)
            }
            Err(error) => Err(error),
        }
    }

    /// Signals a command; a command that is gone already counts as success.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses; the signal may be repeated after other errors.
    pub async fn signal(&self, command_id: &CommandId, code: SignalCode) -> Result<(), Error> {
        let signal = Signal::new(command_id.clone(), code);
        gone_is_fine(self.run(Operation::Signal(signal)).await)
    }

    /// Closes the shell; a shell that is gone already counts as success.
    ///
    /// A server that says that the operation was aborted mostly means that the shell is going; it may have meant the request
    /// alone, so it is asked once more.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses; it may be repeated after other errors.
    pub async fn delete(&self) -> Result<(), Error> {
        let mut answer = self.run(Operation::Delete).await;
        if is_aborted(&answer) {
            answer = self.run(Operation::Delete).await;
        }
        let result = gone_is_fine(answer);
        if result.is_ok() {
            tracing::info!(shell = %self.shell_id, "shell closed");
        }
        result
    }

    /// Leaves the shell alone, so that this client or another can take it up again.
    ///
    /// The server keeps its output meanwhile, and ends Receives that wait. Needs Windows Server 2012 and a shell whose id
    /// the client proposed.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses, and 5 or "not supported" where the endpoint has no such operation.
    pub async fn disconnect(&self, disconnect: Disconnect) -> Result<(), Error> {
        self.run(Operation::Disconnect(disconnect)).await.map(|_response| ())
    }

    /// Takes up the shell that this client left alone, or after it a command of the shell.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses, for instance because another client has taken it up.
    pub async fn reconnect(&self, command_id: Option<&CommandId>) -> Result<(), Error> {
        let reconnect = Reconnect::new(command_id.cloned());
        self.run(Operation::Reconnect(reconnect)).await.map(|_response| ())
    }

    /// Takes up a shell that another client left alone; `connect_xml` holds two whole messages of the layer above.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses, for instance because the shell is in use.
    pub async fn connect(
        exchange: Arc<dyn Exchange>,
        options: ShellOptions,
        shell_id: ShellId,
        connect_xml: Vec<u8>,
    ) -> Result<(Self, ConnectResponse), Error> {
        let ShellOptions { context, create, ids } = options;
        let max_envelope_size = AtomicU32::new(context.max_envelope_size());
        let shell = Self { exchange, ids, context, max_envelope_size, shell_id };
        let mut connect = Connect::shell(connect_xml);
        connect.protocol_version = create.protocol_version;
        let connected = shell.take_up(connect).await?;
        tracing::info!(shell = %shell.shell_id, "shell taken up");
        Ok((shell, connected))
    }

    /// Takes up a command of a shell that [`Shell::connect`] took up; its output comes by Receive.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses, for instance because the command is gone.
    pub async fn connect_command(&self, command_id: CommandId) -> Result<(), Error> {
        self.take_up(Connect::command(command_id)).await.map(|_connected| ())
    }

    async fn take_up(&self, connect: Connect) -> Result<ConnectResponse, Error> {
        match self.run(Operation::Connect(connect)).await? {
            Response::Connect(connected) => Ok(connected),
            Response::Empty => Ok(ConnectResponse::default()),
            other => Err(unexpected(Verb::Connect, "ConnectResponse", &other)),
        }
    }

    /// Lists the commands of the shell.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when the server refuses; Exchange's endpoint has no lists.
    pub async fn commands(&self) -> Result<Vec<CommandInfo>, Error> {
        let resource = ResourceUri::new(uri::RESOURCE_COMMANDS);
        let context = self.context().with_resource_uri(resource);
        let first = Enumerate::commands_of(self.shell_id.clone());
        let (_, commands) = list(&*self.exchange, &*self.ids, &context, first).await?;
        Ok(commands)
    }

    fn context(&self) -> SessionContext {
        let bytes = self.max_envelope_size.load(Ordering::Relaxed);
        self.context.clone().with_max_envelope_size(bytes)
    }

    async fn run(&self, operation: Operation) -> Result<Response, Error> {
        let context = self.context();
        run(&*self.exchange, &*self.ids, &context, Some(&self.shell_id), operation).await
    }
}

/// Lists the shells of the user at the endpoint.
///
/// # Errors
///
/// [`Error::Fault`] when the server refuses; Exchange's endpoint has no lists.
pub async fn list_shells(
    exchange: &dyn Exchange,
    options: &ShellOptions,
) -> Result<Vec<ShellInfo>, Error> {
    let resource = ResourceUri::new(uri::RESOURCE_SHELLS);
    let context = options.context.clone().with_resource_uri(resource);
    let (shells, _) = list(exchange, &*options.ids, &context, Enumerate::default()).await?;
    Ok(shells)
}

/// Asks who answers at the endpoint.
///
/// WinRM answers without a login too, over a client of [`Credentials::anonymous`](super::Credentials::anonymous), at the same
/// path or at `/wsman-anon/identify`, and keeps the version of its system to itself then.
///
/// # Errors
///
/// [`Error::Fault`] when the server refuses; Exchange's endpoint may answer with a page, which is [`Error::Http`].
pub async fn identify(
    exchange: &dyn Exchange,
    options: &ShellOptions,
) -> Result<IdentifyResponse, Error> {
    let context = &options.context;
    match run(exchange, &*options.ids, context, None, Operation::Identify).await? {
        Response::Identify(who) => Ok(who),
        other => Err(unexpected(Verb::Identify, "IdentifyResponse", &other)),
    }
}

/// Lists shells or commands to the end, in as many answers as it takes up to a limit.
async fn list(
    exchange: &dyn Exchange,
    ids: &dyn IdSource,
    context: &SessionContext,
    first: Enumerate,
) -> Result<(Vec<ShellInfo>, Vec<CommandInfo>), Error> {
    let (mut shells, mut commands) = (Vec::new(), Vec::new());
    let mut next = Operation::Enumerate(first);
    for _ in 0..MOST_PULLS {
        let verb = next.verb();
        let mut answer = match run(exchange, ids, context, None, next).await? {
            Response::Enumerate(answer) => answer,
            other => return Err(unexpected(verb, "EnumerateResponse", &other)),
        };
        shells.append(&mut answer.shells);
        commands.append(&mut answer.commands);
        match answer.context.filter(|context| !answer.end && !context.is_empty()) {
            Some(context) => next = Operation::Pull(Pull::new(context)),
            None => break,
        }
    }
    Ok((shells, commands))
}

/// Carries out one operation; a fault is an error.
async fn run(
    exchange: &dyn Exchange,
    ids: &dyn IdSource,
    context: &SessionContext,
    shell: Option<&ShellId>,
    operation: Operation,
) -> Result<Response, Error> {
    let verb = operation.verb();
    let message_id = MessageId::from(ids.next_id());
    let envelope = context.write(&message_id, shell, &operation);
    let timeout = context.operation_timeout();
    let request = SoapRequest::new(verb, message_id.clone(), envelope, timeout);
    let answer = exchange.exchange(request).await?;
    let decode = |source| Error::Decode { verb, source };
    let reply = parse_response(&answer.envelope).map_err(decode)?;
    // Identify has no headers, so neither has its answer.
    if verb != Verb::Identify {
        reply.check_relates_to(&message_id).map_err(decode)?;
        reply.check_action(verb).map_err(decode)?;
    }
    match reply.response {
        Response::Fault(fault) => Err(Error::Fault { verb, fault }),
        response => Ok(response),
    }
}

/// Tells whether a fault of Receive only says that there is no output yet.
fn is_idle(fault: &Fault) -> bool {
    fault.is_operation_timeout() || fault.code == Some(FaultCode::RECEIVE_NO_DATA)
}

fn is_aborted(answer: &Result<Response, Error>) -> bool {
    let fault = answer.as_ref().err().and_then(Error::fault);
    fault.is_some_and(|fault| fault.code == Some(FaultCode::OPERATION_ABORTED))
}

fn gone_is_fine(result: Result<Response, Error>) -> Result<(), Error> {
    match result {
        Err(Error::Fault { fault, .. }) if fault.is_already_gone() => Ok(()),
        other => other.map(|_response| ()),
    }
}

fn unexpected(verb: Verb, expected: &'static str, got: &Response) -> Error {
    let source = DecodeError::Unexpected { expected, got: got.name().to_owned() };
    Error::Decode { verb, source }
}

/// Tells whether a server's text may be adopted as an id and sent back.
fn is_plain(id: &str) -> bool {
    (1..=1024).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn malformed(verb: Verb, element: &'static str) -> Error {
    Error::Decode { verb, source: DecodeError::Value { element } }
}

/// How long a Receive without output takes at least.
const LEAST_WAIT: Duration = Duration::from_millis(100);

/// The most answers that one list is read from.
const MOST_PULLS: usize = 1000;
