//! What is recorded: every command and class, each way to sign in with its outcomes, and each fault, of every kind of server.

mod cloud;
mod commands;
mod faults;
mod sign_in;

use crate::conformance::peer::Way;

/// All sessions, by subject.
pub(super) const SESSIONS: &[&[Listed]] = &[
    commands::IMPORTS,
    commands::EXPORTS,
    commands::OTHERS,
    commands::REMOTE,
    commands::PEER,
    commands::ENGINE,
    sign_in::SIMULATOR,
    sign_in::PEER,
    faults::SIMULATOR,
    faults::PEER,
    cloud::SERVICE,
    cloud::SIGN_IN,
    cloud::FAULTS,
    cloud::BOTH_SIDES,
];

/// A session of the library.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// Its folder below that of all fixtures.
    pub(super) name: &'static str,
    pub(super) place: Place,
    /// The command with its arguments.
    pub(super) command: &'static [&'static str],
    /// The lines it reads; `{Kind}` stands for the id of the first object of a kind.
    pub(super) input: &'static [&'static str],
    /// What is different in the settings, TOML.
    pub(super) settings: &'static str,
    /// Options of the server.
    pub(super) options: &'static [&'static str],
    /// Faults of the server.
    pub(super) faults: &'static [&'static str],
    pub(super) mailboxes: usize,
    pub(super) way: Way,
}

/// Which server answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Simulator,
    /// The test server.
    Peer,
    /// The test server with Microsoft's engine.
    Engine,
}

impl Place {
    /// What answers, and its build.
    pub(super) fn product(self) -> (&'static str, &'static str) {
        match self {
            Self::Simulator => ("exchange-sim", env!("CARGO_PKG_VERSION")),
            Self::Peer => ("test server with psrpcore", ""),
            Self::Engine => ("test server with the PowerShell engine", ""),
        }
    }
}

const IMPORT: &[&str] = &["import"];
const EXPORT: &[&str] = &["export"];

impl Listed {
    const fn simulator(name: &'static str, command: &'static [&'static str]) -> Self {
        Self {
            name,
            place: Place::Simulator,
            command,
            input: &[],
            settings: "",
            options: &[],
            faults: &[],
            mailboxes: 5,
            way: Way::NTLM,
        }
    }

    const fn peer(name: &'static str, command: &'static [&'static str]) -> Self {
        Self { place: Place::Peer, ..Self::simulator(name, command) }
    }

    const fn engine(name: &'static str, command: &'static [&'static str]) -> Self {
        Self { place: Place::Engine, ..Self::simulator(name, command) }
    }

    const fn input(mut self, lines: &'static [&'static str]) -> Self {
        self.input = lines;
        self
    }

    const fn settings(mut self, changes: &'static str) -> Self {
        self.settings = changes;
        self
    }

    const fn options(mut self, options: &'static [&'static str]) -> Self {
        self.options = options;
        self
    }

    const fn fault(mut self, faults: &'static [&'static str]) -> Self {
        self.faults = faults;
        self
    }

    const fn mailboxes(mut self, count: usize) -> Self {
        self.mailboxes = count;
        self
    }

    const fn by(mut self, way: Way) -> Self {
        self.way = way;
        self
    }
}
