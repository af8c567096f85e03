//! Servers for the sessions of the library, each started for one session.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use exchange_sim::{Fault, Infrastructure, ManagementTools, SimOptions, Simulator};
use tokio::runtime::Runtime;
use toml::{Table, Value};

use super::table::{Listed, Place};
use crate::conformance::peer::{Pace, Peer, Program};
use crate::record::Task;

/// What can start servers.
pub(super) struct Servers {
    runtime: Runtime,
    program: Option<Program>,
}

/// A server, until its session is over.
pub(super) enum Server {
    Simulator(Box<Simulator>),
    Peer(Peer),
}

impl Servers {
    pub(super) fn new(folder: Option<&Path>, python: Option<&Path>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("cannot start a runtime")?;
        let program = match folder {
            Some(folder) => Some(runtime.block_on(Program::in_folder(folder, python))?),
            None => None,
        };
        Ok(Self { runtime, program })
    }

    /// Whether the server of a session is at hand.
    pub(super) fn have(&self, session: &Listed) -> bool {
        match session.place {
            Place::Simulator => true,
            Place::Peer => self.program.is_some(),
            Place::Engine => self.program.as_ref().is_some_and(Program::has_engine),
        }
    }

    /// Starts the server of a session; returns what to do there.
    pub(super) fn prepare(&self, session: &Listed) -> Result<(Task, Server)> {
        match session.place {
            Place::Simulator => self.simulator(session),
            Place::Peer | Place::Engine => self.peer(session),
        }
    }

    fn simulator(&self, session: &Listed) -> Result<(Task, Server)> {
        let mut options = SimOptions::default().mailboxes(session.mailboxes).plain_users(2);
        for option in session.options {
            options = match *option {
                "cloud" => options.infrastructure(Infrastructure::Cloud),
                "both sides" => options.infrastructure(Infrastructure::Hybrid),
                "linked" => options,
                "small pages" => options.page_size(3),
                "no permission" => options.application_roles([""; 0]),
                "permission V2" => options.application_roles(["Exchange.ManageAsAppV2"]),
                "no role" => options.exchange_role(false),
                "hybrid" => options.infrastructure(Infrastructure::Hybrid),
                "plain" => options.allow_unencrypted(true),
                "snap-in" => options.management_tools(ManagementTools::SnapIn),
                "no tools" => options.management_tools(ManagementTools::Missing),
                "small fragments" => options.fragment_size(40),
                "small answers" => options.blob_size(400),
                "one shell" => options.max_shells(1),
                other => bail!("the simulator has no option {other:?}"),
            };
        }
        for fault in session.faults {
            options = options.fault(fault.parse::<Fault>()?);
        }
        let simulator = self.runtime.block_on(Simulator::start(options))?;
        let settings = match session.way.method {
            _ if session.options.contains(&"both sides") => simulator.settings_toml_both(),
            "Basic" => simulator.settings_toml_basic(),
            "CredSSP" => simulator.settings_toml_winrm(),
            _ => simulator.settings_toml(),
        };
        let mut recipients = simulator.recipients();
        if session.options.contains(&"linked") {
            // Those that name their mailbox in the service come first.
            recipients.sort_by_key(|one| one.exchange_guid.is_nil());
        }
        let ids = recipients.iter().map(|one| (one.kind.details(true).0, one.guid.to_string()));
        let task = task(session, &settings, ids)?;
        Ok((task, Server::Simulator(Box::new(simulator))))
    }

    fn peer(&self, session: &Listed) -> Result<(Task, Server)> {
        let program = self.program.as_ref().context("there is no test server")?;
        let count = session.mailboxes.to_string();
        let mut options: Vec<&str> = session.options.to_vec();
        options.extend(["--mailboxes", &count, "--cert-key", "ec"]);
        options.extend(session.faults.iter().flat_map(|fault| ["--fault", fault]));
        if matches!(session.place, Place::Engine) {
            options.extend(["--engine", "pwsh"]);
        }
        let peer = self.runtime.block_on(program.start(&options))?;
        let settings = session.way.settings(&peer.facts, Pace::SHORT, "");
        let state = self.runtime.block_on(peer.state())?;
        let ids = state.recipients.iter().map(|one| (one.kind.as_str(), one.guid.clone()));
        let task = task(session, &settings, ids)?;
        Ok((task, Server::Peer(peer)))
    }

    /// Ends a server.
    pub(super) fn stop(&self, server: Server) {
        self.runtime.block_on(async {
            match server {
                Server::Simulator(simulator) => simulator.close().await,
                Server::Peer(peer) => peer.stop().await,
            }
        });
    }
}

/// What to do: the settings with what the session changes in them, the input with the ids of objects that are there.
fn task<'a>(
    session: &Listed,
    settings: &str,
    ids: impl Iterator<Item = (&'a str, String)>,
) -> Result<Task> {
    let mut table: Table = settings.parse().context("the server's settings")?;
    merge(&mut table, session.settings.parse().context("the session's settings")?);
    let ids: Vec<_> = ids.map(|(kind, id)| (format!("{{{kind}}}"), id)).collect();
    let fill = |text: &&str| {
        ids.iter().fold((*text).to_owned(), |text, (kind, id)| text.replace(kind, id))
    };
    let input: Vec<String> = session.input.iter().map(fill).collect();
    let command: Vec<String> = session.command.iter().map(fill).collect();
    if let Some(line) = input.iter().find(|line| line.contains("\"{")) {
        bail!("there is no such object: {line}");
    }
    let (product, build) = session.place.product();
    Ok(Task {
        command,
        settings: table.to_string(),
        config: None,
        input: (!input.is_empty()).then(|| input.join("\n") + "\n"),
        scenario: session.name.to_owned(),
        product: product.to_owned(),
        build: build.to_owned(),
    })
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(further)) => merge(inner, further),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
