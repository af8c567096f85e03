//! The cmdlets: names and parameters are bound as PowerShell binds them, and what they do to the directory is what the
//! vendor documents.

mod bind;
mod change;
mod commands;
mod create;
mod error;
mod parameters;
mod passwords;
mod pipeline;
mod read;
mod remove;
mod resolve;
mod select;
mod task;

use std::collections::BTreeMap;

use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::directory::{Directory, SplitMix, whole_seconds};
use crate::options::SimOptions;
use crate::views::Scope;

pub(crate) use self::bind::is_switch;
pub(crate) use self::commands::{Described, Description, all as all_commands, is_session_command};
pub use self::error::{CmdletError, ErrorCategory, ErrorTarget};
pub use self::pipeline::{Answer, Missing, Prompt, Record, Run};

/// The value of an argument as it came over the wire.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Argument {
    /// `$null`; of a switch it means on.
    Nil,
    /// Text.
    Text(String),
    /// A Boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A GUID.
    Guid(Uuid),
    /// A date.
    Date(OffsetDateTime),
    /// A list.
    List(Vec<Self>),
    /// A hashtable.
    Table(Vec<(String, Self)>),
    /// A decrypted secure string.
    Secret(SecretString),
    /// Another object; its text, which most parameters refuse.
    Object(String),
}

impl Argument {
    /// Returns the text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// One command of a pipeline with its arguments; those without a name are positional.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a command is a name or script, and arguments")]
pub struct Invocation {
    /// The cmdlet's name, or the script's text.
    pub command: String,
    /// Whether it is a script; the runspace refuses those.
    pub is_script: bool,
    /// The arguments in order.
    pub arguments: Vec<(Option<String>, Argument)>,
}

impl Invocation {
    /// Returns a cmdlet call without arguments.
    #[must_use]
    pub fn new(command: &str) -> Self {
        Self { command: command.to_owned(), is_script: false, arguments: Vec::new() }
    }

    /// Adds a named argument.
    #[must_use]
    pub fn with(mut self, name: &str, value: Argument) -> Self {
        self.arguments.push((Some(name.to_owned()), value));
        self
    }

    /// Adds a named text argument.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.with(name, Argument::Text(value.to_owned()))
    }
}

/// A cmdlet that was bound, for tests to look at.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// The cmdlet's name in its own spelling.
    pub cmdlet: &'static str,
    /// The bound parameters in their own spelling; secrets stand as `<SecureString>`.
    pub parameters: BTreeMap<&'static str, String>,
}

/// Who calls, and what the runspace has chosen for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// The domain controller that answers unless a call names another.
    pub domain_controller: String,
    /// Whether the authentication lets the server write passwords.
    pub may_set_passwords: bool,
}

impl Session {
    /// Returns a session on a domain controller.
    #[must_use]
    pub fn new(domain_controller: &str) -> Self {
        Self { domain_controller: domain_controller.to_owned(), may_set_passwords: true }
    }
}

/// The organisation with everything that cmdlets need: its directory, a clock, and a record of the calls.
#[derive(Debug)]
pub struct Exchange {
    directory: Directory,
    policy_guards_primary: bool,
    random: SplitMix,
    clock: Clock,
    calls: Vec<Call>,
}

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
enum Clock {
    System,
    Fixed(OffsetDateTime),
}

/// How many calls are remembered; older ones are forgotten.
const MAX_CALLS: usize = 10_000;

impl Exchange {
    /// Makes the organisation that the options describe.
    #[must_use]
    pub fn new(options: &SimOptions) -> Self {
        Self::of(Directory::new(options), options, 1 << 41)
    }

    /// Makes the service's side of a hybrid organisation whose own directory is `own`.
    pub(crate) fn linked(options: &SimOptions, own: &Directory) -> Self {
        Self::of(Directory::linked(options, own), options, 1 << 42)
    }

    /// Carries changes of the own directory to this one, as synchronisation does.
    pub(crate) fn take_over(&mut self, own: &Directory) {
        self.directory.take_over(own);
    }

    fn of(directory: Directory, options: &SimOptions, stream: u64) -> Self {
        let random = SplitMix::new(directory.seed(), stream);
        Self {
            directory,
            policy_guards_primary: options.policy_guards_primary,
            random,
            clock: Clock::System,
            calls: Vec::new(),
        }
    }

    /// Makes a recipient one that is synchronised from another directory; false when there is none of this GUID.
    pub fn synchronise(&mut self, guid: Uuid) -> bool {
        let found = self.directory.recipients().find(|recipient| recipient.guid == guid).cloned();
        let Some(mut recipient) = found else { return false };
        recipient.values.insert("IsDirSynced".into(), crate::object::Field::Bool(true));
        self.directory.replace(recipient);
        true
    }

    /// Frees all recipients of address policies: the service has none.
    pub(crate) fn detach_policies(&mut self) {
        let bound: Vec<_> = self
            .directory
            .recipients()
            .filter(|recipient| recipient.email_address_policy_enabled)
            .cloned()
            .collect();
        for mut recipient in bound {
            recipient.email_address_policy_enabled = false;
            self.directory.replace(recipient);
        }
    }

    /// Stops the clock at a time, for tests.
    pub const fn set_time(&mut self, now: OffsetDateTime) {
        self.clock = Clock::Fixed(now);
    }

    /// Returns the time in UTC and whole seconds.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        whole_seconds(match self.clock {
            Clock::System => OffsetDateTime::now_utc(),
            Clock::Fixed(now) => now,
        })
    }

    /// Returns the recipients.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns the calls that were bound, oldest first; at most the last 10 000.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Returns the name of the domain controller of the n-th session: sessions are spread over all of them.
    #[must_use]
    pub fn domain_controller(&self, session: usize) -> &str {
        let controllers = &self.directory.organization().domain_controllers;
        controllers
            .iter()
            .cycle()
            .nth(session % controllers.len().max(1))
            .map_or("", String::as_str)
    }

    fn log(&mut self, call: Call) {
        if self.calls.len() >= MAX_CALLS {
            self.calls.drain(..MAX_CALLS / 10);
        }
        self.calls.push(call);
    }

    const fn scope<'a>(&'a self, domain_controller: &'a str) -> Scope<'a> {
        Scope { directory: &self.directory, domain_controller }
    }
}

#[cfg(test)]
mod tests;
