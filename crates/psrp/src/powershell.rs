//! What a pipeline runs: statements of commands with arguments.
//!
//! Spec: [MS-PSRP] 2.2.3.11 Pipeline, [MS-PSRP] 2.2.3.12 Command.
//!
//! What surprised: a pipeline with input but without any item runs on an EMPTY pipeline, so that a cmdlet with a parameter
//! from the pipeline returns nothing and no error. Hence `no_input` is true unless one asks for input.

use clixml::Value;
use secrecy::SecretString;

use crate::argument::{Argument, ArgumentValue};
use crate::host::HostInfo;
use crate::pool_messages::ApartmentState;

/// A pipeline to be: statements, and how to run them.
///
/// ```
/// use psrp::{Command, PowerShell};
///
/// let pipeline = PowerShell::new()
///     .command(Command::new("Get-Mailbox").parameter("ResultSize", 10).switch("Archive"))
///     .command(Command::new("Select-Object").parameter("First", 1));
/// assert_eq!(pipeline.commands().len(), 2);
/// assert!(!pipeline.has_secrets());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PowerShell {
    /// The statements, run one after the other; more than one from protocol 2.2 on.
    pub statements: Vec<Statement>,
    /// True when no input follows. Default true.
    pub no_input: bool,
    /// Adds the pipeline to the history of the runspace. Default false.
    pub add_to_history: bool,
    /// Runs inside a pipeline that waits. Default false.
    pub is_nested: bool,
    /// The text for the history.
    pub history: Option<String>,
    /// Where the errors of a shell go; affects the server alone. Default true.
    pub redirect_shell_error_output_pipe: bool,
    /// Which records carry information on their invocation. Default none, which keeps records small.
    pub remote_stream_options: RemoteStreamOptions,
    /// COM. Default: as the server likes.
    pub apartment_state: ApartmentState,
    /// The host of this pipeline. Default: that of the pool.
    pub host: HostInfo,
}

impl PowerShell {
    /// Makes a pipeline without commands and without input.
    #[must_use]
    pub fn new() -> Self {
        Self {
            statements: Vec::new(),
            no_input: true,
            add_to_history: false,
            is_nested: false,
            history: None,
            redirect_shell_error_output_pipe: true,
            remote_stream_options: RemoteStreamOptions::NONE,
            apartment_state: ApartmentState::Unknown,
            host: HostInfo::none(),
        }
    }

    /// Adds a command to the last statement; its input is the output of the one before.
    #[must_use]
    pub fn command(mut self, command: Command) -> Self {
        match self.statements.last_mut() {
            Some(statement) => statement.commands.push(command),
            None => self.statements.push(Statement { commands: vec![command] }),
        }
        self
    }

    /// Begins the next statement, as `;` does.
    #[must_use]
    pub fn statement(mut self) -> Self {
        self.statements.push(Statement::default());
        self
    }

    /// Takes input: items are sent after the pipeline was made, and their end must be.
    #[must_use]
    pub const fn with_input(mut self) -> Self {
        self.no_input = false;
        self
    }

    /// Sets which records carry information on their invocation.
    #[must_use]
    pub const fn remote_stream_options(mut self, options: RemoteStreamOptions) -> Self {
        self.remote_stream_options = options;
        self
    }

    /// The commands of the first statement.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        self.statements.first().map_or(&[], |statement| &statement.commands)
    }

    /// True when an argument anywhere is a secret.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        self.statements
            .iter()
            .flat_map(|statement| &statement.commands)
            .flat_map(|command| &command.arguments)
            .any(|argument| argument.value.has_secrets())
    }
}

impl Default for PowerShell {
    fn default() -> Self {
        Self::new()
    }
}

/// Commands joined by `|`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Statement {
    /// The commands, in the order of the pipe.
    pub commands: Vec<Command>,
}

impl Statement {
    pub(crate) const fn new(commands: Vec<Command>) -> Self {
        Self { commands }
    }
}

/// A command or script with its arguments.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Command {
    /// The name of the command, or the text of the script.
    pub name: String,
    /// True for the text of a script, which servers without a language (Exchange) refuse.
    pub is_script: bool,
    /// Whether variables stay inside; `None` leaves it to the server.
    pub use_local_scope: Option<bool>,
    /// Which streams are redirected.
    pub merges: Merges,
    /// The arguments in their order.
    pub arguments: Vec<Argument>,
}

impl Command {
    /// Makes a command without arguments.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_script: false,
            use_local_scope: None,
            merges: Merges::default(),
            arguments: Vec::new(),
        }
    }

    /// Makes a command of the text of a script.
    #[must_use]
    pub fn script(text: impl Into<String>) -> Self {
        Self { is_script: true, ..Self::new(text) }
    }

    /// Adds a named parameter with a value.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<ArgumentValue>) -> Self {
        self.arguments.push(Argument::new(Some(name.into()), value.into()));
        self
    }

    /// Adds a switch that is on.
    #[must_use]
    pub fn switch(self, name: impl Into<String>) -> Self {
        self.parameter(name, true)
    }

    /// Adds an argument without a name, bound by its position.
    #[must_use]
    pub fn argument(mut self, value: impl Into<ArgumentValue>) -> Self {
        self.arguments.push(Argument::new(None, value.into()));
        self
    }

    /// Adds a named parameter whose value travels as a SecureString.
    #[must_use]
    pub fn secret(self, name: impl Into<String>, value: SecretString) -> Self {
        self.parameter(name, value)
    }

    /// The arguments as a server binds them: bare names, `-Name` joined with the value that follows it, switches as
    /// booleans.
    ///
    /// `is_switch` tells of a bare name whether the parameter is a switch, which takes no value from the next argument.
    ///
    /// ```
    /// use clixml::Value;
    /// use psrp::{ArgumentValue, Command};
    ///
    /// let sent = Command::new("Get-Mailbox")
    ///     .parameter("-ResultSize", Value::Nil)
    ///     .argument(5)
    ///     .parameter("-Archive", Value::Nil)
    ///     .argument("ann");
    /// let bound = sent.bind(|name| name == "Archive");
    /// let names: Vec<_> = bound.iter().map(|argument| argument.name.as_deref()).collect();
    /// assert_eq!(names, [Some("ResultSize"), Some("Archive"), None]);
    /// assert!(matches!(bound[0].value, ArgumentValue::Value(Value::I32(5))));
    /// ```
    #[must_use]
    pub fn bind(&self, is_switch: impl Fn(&str) -> bool) -> Vec<Argument> {
        let mut bound = Vec::with_capacity(self.arguments.len());
        let mut rest = self.arguments.as_slice();
        while let Some((argument, after)) = rest.split_first() {
            rest = after;
            let Some(name) = argument.bare_name() else {
                bound.push(argument.clone());
                continue;
            };
            let value = match after.split_first() {
                _ if is_switch(name) => match argument.switch_state() {
                    Some(on) => ArgumentValue::Value(on.into()),
                    None => argument.value.clone(),
                },
                Some((next, after)) if argument.is_split() && next.name.is_none() => {
                    rest = after;
                    next.value.clone()
                }
                _ => argument.value.clone(),
            };
            bound.push(Argument::new(Some(name.to_owned()), value));
        }
        bound
    }

    /// Redirects streams.
    #[must_use]
    pub const fn merges(mut self, merges: Merges) -> Self {
        self.merges = merges;
        self
    }
}

/// A stream of a command, or where it goes.
///
/// The numbers are those of the engine; the table in the specification shows others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum PipelineResultTypes {
    /// 0: stays what it is.
    #[default]
    None,
    /// 1: output.
    Output,
    /// 2: errors.
    Error,
    /// 3: warnings.
    Warning,
    /// 4: verbose messages.
    Verbose,
    /// 5: debug messages.
    Debug,
    /// 6: information (all, on servers before protocol 2.3).
    Information,
    /// 7: all streams.
    All,
    /// 8: nowhere.
    Null,
    /// Another number.
    Other(i32),
}

impl PipelineResultTypes {
    pub(crate) const NAMES: &[(&str, i32)] = &[
        ("None", 0),
        ("Output", 1),
        ("Error", 2),
        ("Warning", 3),
        ("Verbose", 4),
        ("Debug", 5),
        ("Information", 6),
        ("All", 7),
        ("Null", 8),
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Output => 1,
            Self::Error => 2,
            Self::Warning => 3,
            Self::Verbose => 4,
            Self::Debug => 5,
            Self::Information => 6,
            Self::All => 7,
            Self::Null => 8,
            Self::Other(code) => code,
        }
    }

    /// The stream of a number.
    #[must_use]
    pub const fn from_code(code: i32) -> Self {
        match code {
            0 => Self::None,
            1 => Self::Output,
            2 => Self::Error,
            3 => Self::Warning,
            4 => Self::Verbose,
            5 => Self::Debug,
            6 => Self::Information,
            7 => Self::All,
            8 => Self::Null,
            other => Self::Other(other),
        }
    }

    pub(crate) fn to_value(self) -> Value {
        let code = self.code();
        let name =
            Self::NAMES.iter().find(|(_, number)| *number == code).map_or("", |(name, _)| name);
        Value::enumeration("System.Management.Automation.Runspaces.PipelineResultTypes", name, code)
    }
}

/// Where the streams of a command go: each stays what it is, unless it is sent to output or nowhere.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Merges {
    /// `MergeMyResult`: the stream that is redirected, as protocol 2.1 says it.
    pub my_result: PipelineResultTypes,
    /// `MergeToResult`: where it goes.
    pub to_result: PipelineResultTypes,
    /// `MergePreviousResults`: what of the command before is input here.
    pub previous_results: PipelineResultTypes,
    /// `MergeError`, from 2.2 on.
    pub error: PipelineResultTypes,
    /// `MergeWarning`, from 2.2 on.
    pub warning: PipelineResultTypes,
    /// `MergeVerbose`, from 2.2 on.
    pub verbose: PipelineResultTypes,
    /// `MergeDebug`, from 2.2 on.
    pub debug: PipelineResultTypes,
    /// `MergeInformation`, from 2.3 on.
    pub information: PipelineResultTypes,
}

impl Merges {
    /// Sends errors to output (`2>&1`), in words that every version understands.
    #[must_use]
    pub const fn error_to_output() -> Self {
        let mut merges = Self::none();
        merges.my_result = PipelineResultTypes::Error;
        merges.to_result = PipelineResultTypes::Output;
        merges.error = PipelineResultTypes::Output;
        merges
    }

    /// Sends every stream to output (`*>&1`); protocol 2.1 knows only that of errors.
    #[must_use]
    pub const fn all_to_output() -> Self {
        let mut merges = Self::error_to_output();
        merges.warning = PipelineResultTypes::Output;
        merges.verbose = PipelineResultTypes::Output;
        merges.debug = PipelineResultTypes::Output;
        merges.information = PipelineResultTypes::Output;
        merges
    }

    const fn none() -> Self {
        Self {
            my_result: PipelineResultTypes::None,
            to_result: PipelineResultTypes::None,
            previous_results: PipelineResultTypes::None,
            error: PipelineResultTypes::None,
            warning: PipelineResultTypes::None,
            verbose: PipelineResultTypes::None,
            debug: PipelineResultTypes::None,
            information: PipelineResultTypes::None,
        }
    }
}

/// Which records carry information on their invocation: flags.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RemoteStreamOptions(i32);

impl RemoteStreamOptions {
    /// None.
    pub const NONE: Self = Self(0);
    /// Errors.
    pub const ERROR: Self = Self(1);
    /// All kinds.
    pub const ALL: Self = Self(15);

    /// Wraps a number: 1 errors, 2 warnings, 4 debug, 8 verbose, or a sum of these.
    #[must_use]
    pub const fn from_bits(bits: i32) -> Self {
        Self(bits)
    }

    /// The number.
    #[must_use]
    pub const fn bits(self) -> i32 {
        self.0
    }

    pub(crate) const NAMES: &[(&str, i32)] = &[
        ("None", 0),
        ("AddInvocationInfoToErrorRecord", 1),
        ("AddInvocationInfoToWarningRecord", 2),
        ("AddInvocationInfoToDebugRecord", 4),
        ("AddInvocationInfoToVerboseRecord", 8),
        ("AddInvocationInfo", 15),
    ];

    pub(crate) fn to_value(self) -> Value {
        let name = Self::NAMES.iter().find(|(_, bits)| *bits == self.0);
        let label = name.map_or_else(|| self.0.to_string(), |(name, _)| (*name).to_owned());
        Value::enumeration("System.Management.Automation.RemoteStreamOptions", label, self.0)
    }
}
