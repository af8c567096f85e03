//! A shell of WS-Management as carrier.
//!
//! Spec: [MS-PSRP] 3.1.5.3 Rules for Processing WS-MAN Messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use psrp::{InputStream, Payload, PipelineId, PipelineSignal, ProtocolVersion, StreamTarget};
use tokio::time::timeout;
use wsman::client::{Error, Exchange, Received, Shell, ShellOptions};
use wsman::{
    Advice, CommandId, CommandInfo, DecodeError, Disconnect, ReceiveResponse, ShellId, SignalCode,
    Verb,
};

use crate::carrier::{CarrierError, Heard, NotCreated};
use crate::driver::chain;
use crate::error;

/// A shell and its commands.
pub(crate) struct ShellCarrier {
    shell: Shell,
    /// The largest payload of a command and of a send, as computed for the smallest envelope.
    budgets: (usize, usize),
    /// The names under which the server knows the pipelines; kept until they are terminated.
    commands: Mutex<HashMap<PipelineId, CommandId>>,
    control_timeout: Duration,
}

/// Why a shell could not be created.
pub(crate) enum NotOpened {
    Refused(Error),
    NoAnswer,
}

impl ShellCarrier {
    /// Creates a shell. What the first message could not carry stays in the payload.
    ///
    /// When the answer is lost, a shell of this id may exist all the same, so it is deleted.
    pub(crate) async fn create(
        exchange: Arc<dyn Exchange>,
        options: ShellOptions,
        id: ShellId,
        payload: &mut Payload,
        (open_timeout, control_timeout): (Duration, Duration),
    ) -> Result<Self, NotOpened> {
        let options = options.shell_id(id.clone());
        let first = payload.split_to(options.create_budget(&*exchange));
        let creation = Shell::create(Arc::clone(&exchange), options.clone(), first);
        let failure = match timeout(open_timeout, creation).await {
            Ok(Ok((shell, _))) => return Ok(Self::new(shell, control_timeout)),
            Ok(Err(error)) if !may_exist(&error) => return Err(NotOpened::Refused(error)),
            Ok(Err(error)) => NotOpened::Refused(error),
            Err(_) => NotOpened::NoAnswer,
        };
        let perhaps = Self::new(Shell::attach(exchange, options, id), control_timeout);
        if let Err(reason) = perhaps.try_delete().await {
            tracing::debug!(shell = %perhaps.id(), reason, "if there is a shell, it stays");
        }
        Err(failure)
    }

    /// Connects to a shell of another client; returns what the server answers to these fragments.
    pub(crate) async fn connect(
        exchange: Arc<dyn Exchange>,
        options: ShellOptions,
        id: ShellId,
        payload: Payload,
        control_timeout: Duration,
    ) -> Result<(Self, Vec<u8>), Error> {
        let (shell, answer) = Shell::connect(exchange, options, id, payload.into_bytes()).await?;
        Ok((Self::new(shell, control_timeout), answer.connect_xml))
    }

    fn new(shell: Shell, control_timeout: Duration) -> Self {
        let budgets = (shell.command_budget(), shell.send_budget());
        Self { shell, budgets, commands: Mutex::default(), control_timeout }
    }

    pub(crate) fn id(&self) -> &ShellId {
        self.shell.id()
    }

    pub(crate) fn negotiated(&self, version: ProtocolVersion) {
        if version >= ProtocolVersion::V2_2 {
            self.shell.set_max_envelope_size(ENVELOPE_SINCE_2_2);
        }
    }

    fn commands(&self) -> MutexGuard<'_, HashMap<PipelineId, CommandId>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, pipeline: PipelineId) -> Option<CommandId> {
        self.commands().get(&pipeline).cloned()
    }

    pub(crate) async fn create_command(
        &self,
        pipeline: PipelineId,
        mut payload: Payload,
    ) -> Result<(), NotCreated> {
        let failed =
            |started| move |error| NotCreated { error: CarrierError::Shell(error), started };
        let id = CommandId::from(pipeline.uuid());
        let first = payload.split_to(self.budgets.0);
        let command = self.shell.command(Some(id), &first).await.map_err(failed(false))?;
        self.commands().insert(pipeline, command.clone());
        for piece in payload.split(self.budgets.1) {
            self.shell
                .send(Some(&command), InputStream::Stdin.name(), &piece)
                .await
                .map_err(failed(true))?;
        }
        Ok(())
    }

    pub(crate) async fn send(
        &self,
        target: StreamTarget,
        stream: InputStream,
        payload: Payload,
    ) -> Result<(), Error> {
        let command = match target {
            StreamTarget::Pool => None,
            StreamTarget::Pipeline(pipeline) => match self.command(pipeline) {
                Some(command) => Some(command),
                None => return Ok(()),
            },
        };
        for piece in payload.split(self.budgets.1) {
            self.shell.send(command.as_ref(), stream.name(), &piece).await?;
        }
        Ok(())
    }

    pub(crate) async fn signal(&self, pipeline: PipelineId, signal: PipelineSignal) {
        let (command, code) = match signal {
            PipelineSignal::Stop => (self.command(pipeline), SignalCode::PowerShellStop),
            PipelineSignal::Terminate => (self.commands().remove(&pipeline), SignalCode::Terminate),
        };
        // A command that was never created needs no signal.
        let Some(command) = command else { return };
        match timeout(self.control_timeout, self.shell.signal(&command, code)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%command, %error, "a signal failed"),
            Err(_) => tracing::debug!(%command, "a signal got no answer"),
        }
    }

    pub(crate) async fn disconnect(&self, disconnect: Disconnect) -> Result<(), error::Error> {
        self.in_time("disconnected", self.shell.disconnect(disconnect)).await
    }

    pub(crate) async fn reconnect(&self) -> Result<(), error::Error> {
        self.in_time("reconnected", self.shell.reconnect(None)).await
    }

    pub(crate) async fn reconnect_command(&self, pipeline: PipelineId) -> Result<(), Error> {
        match self.command(pipeline) {
            Some(command) => self.shell.reconnect(Some(&command)).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn connect_command(&self, pipeline: PipelineId) -> Result<(), Error> {
        let command = CommandId::from(pipeline.uuid());
        self.shell.connect_command(command.clone()).await?;
        self.commands().insert(pipeline, command);
        Ok(())
    }

    /// Lists the commands whose ids can be those of pipelines.
    pub(crate) async fn list_commands(&self) -> Result<Vec<PipelineId>, error::Error> {
        let commands = self.in_time("listed", self.shell.commands()).await?;
        let id = |command: CommandInfo| command.command_id?.uuid();
        Ok(commands.into_iter().filter_map(id).map(PipelineId::from).collect())
    }

    async fn in_time<T>(
        &self,
        step: &'static str,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, error::Error> {
        let after = self.control_timeout;
        match timeout(after, operation).await {
            Ok(result) => result.map_err(|source| error::Error::Transport { step, source }),
            Err(_) => {
                let waiting_for = format!("the answer that the session is {step}");
                Err(error::Error::Stalled { waiting_for, after })
            }
        }
    }

    /// Deletes the shell. It is asked again when the answer was lost or may be another one later, for a shell that stays
    /// behind counts against the account's limit until it idles out.
    pub(crate) async fn delete(&self) {
        if let Err(reason) = self.try_delete().await {
            tracing::warn!(shell = %self.id(), reason, "the shell could not be deleted");
        }
    }

    async fn try_delete(&self) -> Result<(), String> {
        let deletion = async {
            let mut tries = 0;
            loop {
                match self.shell.delete().await {
                    Err(Error::Lost { .. }) if tries < MOST_DELETES => {}
                    Err(error) if tries < MOST_DELETES && may_be_repeated(&error) => {
                        tokio::time::sleep(BEFORE_DELETE * (1 << tries)).await;
                    }
                    result => break result,
                }
                tries += 1;
            }
        };
        match timeout(self.control_timeout, deletion).await {
            Ok(result) => result.map_err(|error| chain(&error)),
            Err(_) => Err("there was no answer".to_owned()),
        }
    }

    pub(crate) async fn receive(&self, target: StreamTarget) -> Result<Heard, Error> {
        let command = match target {
            StreamTarget::Pool => None,
            StreamTarget::Pipeline(pipeline) => match self.command(pipeline) {
                Some(command) => Some(command),
                None => return Ok(Heard::Gone),
            },
        };
        match self.shell.receive(command.as_ref()).await? {
            Received::Output(output) => heard(command.as_ref(), output),
            _ => Ok(Heard::Idle),
        }
    }
}

/// Whether there may be a shell although its creation failed: what broke under way may have been made before it broke.
fn may_exist(error: &Error) -> bool {
    error.outcome_unknown() || matches!(error.advice(), Advice::NewShell | Advice::NewConnection)
}

/// Takes the output out of an answer. Anything but the stream of this command is refused: what was left out would be missing.
fn heard(command: Option<&CommandId>, output: ReceiveResponse) -> Result<Heard, Error> {
    let done = output.is_done();
    let mut pieces = Vec::with_capacity(output.streams.len());
    for part in output.streams {
        let theirs = part.command_id.as_ref();
        if part.name != OUTPUT || theirs.is_some_and(|theirs| Some(theirs) != command) {
            let whose = theirs.map_or_else(|| "the shell".to_owned(), ToString::to_string);
            let source = DecodeError::Unexpected {
                expected: "the output that was asked for",
                got: format!("{} of {whose}", part.name),
            };
            return Err(Error::Decode { verb: Verb::Receive, source });
        }
        pieces.push(part.data);
    }
    Ok(Heard::Output { pieces, done })
}

/// Whether a server that answered, though not as it should, may answer better. One that is not there is not waited for.
fn may_be_repeated(error: &Error) -> bool {
    match error {
        // What a code that nobody knows means is seen by asking again.
        Error::Fault { fault, .. } if fault.code.is_none_or(|code| code.name().is_none()) => true,
        Error::Http(_) | Error::Fault { .. } => {
            matches!(error.advice(), Advice::Later | Advice::Unknown)
        }
        Error::Decode { .. } | Error::Unseal { .. } | Error::SignedOut => true,
        _ => false,
    }
}

/// How often Delete is asked for again.
const MOST_DELETES: u32 = 3;

/// The pause before Delete is asked for again after a refusal; it doubles.
const BEFORE_DELETE: Duration = Duration::from_millis(500);

/// The stream of a shell's output.
const OUTPUT: &str = "stdout";

/// What servers since protocol 2.2 can send, in bytes; requests keep to the smaller size of before.
const ENVELOPE_SINCE_2_2: u32 = 512_000;

#[cfg(test)]
mod tests {
    use wsman::StreamPart;

    use super::*;

    #[test]
    fn only_what_was_asked_for_is_heard() {
        let command = CommandId::from("11111111-1111-1111-1111-111111111111");
        let other = CommandId::from("22222222-2222-2222-2222-222222222222");
        let hear = |command: Option<&CommandId>, part: StreamPart| {
            let mut answer = ReceiveResponse::default();
            answer.streams = vec![StreamPart::new("stdout", None, vec![1]), part];
            match heard(command, answer) {
                Ok(Heard::Output { pieces, done: false }) => pieces.len(),
                Err(Error::Decode { source: DecodeError::Unexpected { .. }, .. }) => 0,
                _ => panic!("neither output nor a refusal"),
            }
        };
        let part =
            |name: &str, command: &CommandId| StreamPart::new(name, Some(command.clone()), vec![2]);
        assert_eq!(hear(Some(&command), part("stdout", &command)), 2);
        assert_eq!(hear(Some(&command), part("stderr", &command)), 0);
        assert_eq!(hear(Some(&command), part("stdout", &other)), 0);
        assert_eq!(hear(None, part("stdout", &other)), 0);
    }

    #[test]
    fn a_shell_that_broke_while_it_was_made_may_exist() {
        let fault = |code: u32| Error::Fault {
            verb: Verb::Create,
            fault: Box::new(wsman::Fault::new(wsman::FaultCode::new(code), "w:InternalError", "")),
        };
        assert!(may_exist(&fault(995)) && may_exist(&fault(1726)));
        // Access denied, and too many shells.
        assert!(!may_exist(&fault(5)) && !may_exist(&fault(2_150_859_173)));
    }
}
