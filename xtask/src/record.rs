//! `cargo xtask record`: a session with a server as a fixture.
//!
//! What is recorded lies in memory until everything that tells of somebody has been replaced. Only then it is written, and it is
//! replayed once before.

mod library;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use exchange_connector::exchange_online::RestExchange;
use exchange_connector::exchange_online::recording::{RestRecorder, RestRecording};
use exchange_connector::{Connector, Environment, Settings};
use psrp_client::Seed;
use time::OffsetDateTime;
use wsman::client::{Exchange, Recorder};
use wsman::fixture::{Fixture, Manifest};
use wsman::recording::{Order, Recording};

use self::library::Library;
use crate::fixture::{INTERRUPTED, Said, Scenario, Session};
use crate::replay;
use crate::scrub::Counts;
use crate::scrub::fixture::scrub_fixture;

/// Arguments of `record`.
#[derive(Args, Debug)]
pub(crate) struct Record {
    /// The settings of the server
    #[arg(long, value_name = "FILE", required_unless_present = "library")]
    config: Option<PathBuf>,
    /// What to do there
    #[arg(long, value_enum, required_unless_present = "library")]
    scenario: Option<Kind>,
    /// What to export, JSON Lines
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where to write the fixture
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the server is, as far as known
    #[arg(long, default_value = "Exchange")]
    product: String,
    /// Its build, as far as known
    #[arg(long, default_value = "")]
    build: String,
    /// Record the sessions anew that every change is held against
    #[arg(long, conflicts_with_all = ["config", "scenario", "input"])]
    library: bool,
    /// Folder of the test server's `peer_server.py`, for the library
    #[arg(long, value_name = "DIR", requires = "library")]
    peer: Option<PathBuf>,
    /// The interpreter that has the test server's packages
    #[arg(long, value_name = "FILE", requires = "peer")]
    python: Option<PathBuf>,
    /// Only sessions of the library with one of these words in their names
    #[arg(long, value_name = "WORD", requires = "library")]
    only: Vec<String>,
    /// Further arguments of the command, such as `--class UserMailbox`; for invoke the cmdlet and its parameters
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// The commands that can be recorded.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Try everything that has to work
    Check,
    /// Read mailboxes
    Import,
    /// Apply operations
    Export,
    /// Run one cmdlet
    Invoke,
}

/// What is to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// The command with its arguments.
    pub(crate) command: Vec<String>,
    /// The settings, TOML.
    pub(crate) settings: String,
    /// The file that they are of, if they are of one: paths in it begin at its folder.
    pub(crate) config: Option<PathBuf>,
    /// What the command reads.
    pub(crate) input: Option<String>,
    /// A name for what happens.
    pub(crate) scenario: String,
    /// What answers, and its build.
    pub(crate) product: String,
    pub(crate) build: String,
}

impl Record {
    /// Records a session, and writes it when it is safe to.
    ///
    /// # Errors
    ///
    /// When nothing could be recorded or written, or what was written does not replay.
    pub(crate) fn run(&self) -> Result<()> {
        let (Some(config), Some(scenario)) = (&self.config, self.scenario) else {
            let library = Library {
                out: &self.out,
                peer: self.peer.as_deref(),
                python: self.python.as_deref(),
                only: &self.only,
            };
            return library.record();
        };
        let read = |path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let name = scenario.to_possible_value().map(|value| value.get_name().to_owned());
        let command = name.into_iter().chain(self.arguments.iter().cloned()).collect();
        let folder = self.out.file_name().map(|name| name.to_string_lossy().into_owned());
        let task = Task {
            command,
            settings: settings::inlined(&read(config)?, config.parent())?,
            config: Some(config.clone()),
            input: self.input.as_deref().map(read).transpose()?,
            scenario: folder.unwrap_or_default(),
            product: self.product.clone(),
            build: self.build.clone(),
        };
        let session = task.record(rand::random())?;
        crate::print(&Summary(&session).to_string());
        finish(session, &self.out)
    }
}

impl Task {
    /// Does it, listening.
    ///
    /// # Errors
    ///
    /// When the settings or the command are wrong.
    pub(crate) fn record(&self, seed: u64) -> Result<Session> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context("cannot start a runtime")?.block_on(self.record_here(seed))
    }

    async fn record_here(&self, seed: u64) -> Result<Session> {
        let scenario = Scenario::read(&self.command)?;
        let settings = match &self.config {
            Some(file) => Settings::from_file(file),
            None => Settings::from_toml_str(&self.settings),
        };
        let settings = settings.context("the settings")?;
        let seed = Arc::new(Seed::danger_predictable(seed));
        let now = SystemTime::now();
        let started = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let recorder: Arc<OnceLock<Arc<Listener>>> = Arc::default();
        let listening = Arc::clone(&recorder);
        let rest: Arc<OnceLock<Arc<RestListener>>> = Arc::default();
        let listening_online = Arc::clone(&rest);
        let environment = Environment::default()
            .danger_seed(Arc::clone(&seed))
            .at(UNIX_EPOCH + std::time::Duration::from_secs(started))
            .listening(move |network| {
                Arc::clone(listening.get_or_init(|| Arc::new(Recorder::new(network))))
            })
            .listening_online(move |network| {
                Arc::clone(listening_online.get_or_init(|| Arc::new(RestRecorder::new(network))))
            });
        let said = Said::default();
        let connector = Connector::open_in(settings, environment).await.context("the settings")?;
        let code = tokio::select! {
            code = scenario.run(&connector, self.input.as_deref().unwrap_or_default(), &said) => code,
            _ = tokio::signal::ctrl_c() => INTERRUPTED,
        };
        connector.close().await.context("closing")?;
        let soap = match recorder.get() {
            Some(recorder) if recorder.is_full() => {
                bail!("the session is larger than a recording may be; read less")
            }
            Some(recorder) => recorder.recording(),
            None => Recording::default(),
        };
        let rest = match rest.get() {
            Some(recorder) if recorder.is_full() => {
                bail!("the session is larger than a recording may be; read less")
            }
            Some(recorder) => recorder.recording(),
            None => RestRecording::default(),
        };
        let mut manifest = Manifest::default();
        manifest.scenario = self.scenario.clone();
        manifest.product = self.product.clone();
        manifest.build = match self.build.as_str() {
            "" => version(&said.output()).unwrap_or_default(),
            known => known.to_owned(),
        };
        manifest.date = OffsetDateTime::from(now).date().to_string();
        manifest.started = started;
        manifest.seed = seed.number();
        manifest.command = self.command.clone();
        manifest.exit_code = Some(code);
        Ok(Session {
            manifest,
            settings: settings::without_folders(&self.settings)?,
            input: self.input.clone(),
            output: said.output(),
            errors: said.errors(),
            soap,
            rest,
            key: seed.key(),
            client_ids: seed.issued(),
        })
    }
}

/// The version that the report of a check names.
fn version(output: &str) -> Option<String> {
    let report: serde_json::Value = serde_json::from_str(output.lines().next()?).ok()?;
    Some(report.get("version")?.as_str()?.to_owned())
}

type Listener = Recorder<Arc<dyn Exchange>>;
type RestListener = RestRecorder<Arc<dyn RestExchange>>;

/// Scrubs a session, replays it as it would be read, and writes it.
///
/// # Errors
///
/// When it cannot be scrubbed or written, or what was written does not replay.
pub(crate) fn finish(session: Session, folder: &Path) -> Result<()> {
    let session = scrubbed(session).context("nothing was written, for it could not be scrubbed")?;
    let mismatch = replay::replay(&session, Order::Strict)?;
    session.write(folder)?;
    let folder = folder.display();
    match mismatch {
        None => {
            crate::print(&format!("{folder}: written, and it replays\n"));
            Ok(())
        }
        Some(mismatch) => bail!("{folder} was written, but does not replay: {mismatch}"),
    }
}

/// Takes from a session what nobody else may see; returns it as it will be read again.
///
/// # Errors
///
/// When its key is none, or something of it could not be read again.
pub(crate) fn scrubbed(session: Session) -> Result<Session> {
    let mut fixture = session.to_fixture();
    let drawn: Vec<_> = session.client_ids.iter().copied().collect();
    let counts = scrub_fixture(&mut fixture, &drawn, &[])?;
    fixture.manifest.scrubbed = told(counts);
    let written = Fixture::from_files(fixture.to_files());
    Session::from_fixture(written.context("what would be written cannot be read")?)
}

/// What was replaced, for the manifest.
fn told(counts: Counts) -> Vec<String> {
    let Counts { names, addresses, hosts, identifiers, secrets, phones } = counts;
    let counts = [
        (names, "names"),
        (addresses, "addresses"),
        (hosts, "hosts"),
        (identifiers, "identifiers"),
        (secrets, "secrets"),
        (phones, "telephone numbers"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, what)| format!("{count} {what}")).collect()
}

/// What was recorded, in a few words.
struct Summary<'a>(&'a Session);

impl std::fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Session { soap, rest, output, errors, .. } = self.0;
        let exchanges = soap.exchanges.len() + rest.exchanges.len();
        writeln!(f, "{exchanges} exchanges, {} lines of output", output.lines().count())?;
        f.write_str(errors)
    }
}
