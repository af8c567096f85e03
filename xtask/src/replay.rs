//! `cargo xtask replay`: recorded sessions once more, without a network, and the first difference.

mod accept;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use exchange_connector::exchange_online::RestExchange;
use exchange_connector::exchange_online::recording::{RestDifference, RestReplay};
use exchange_connector::{Connector, Environment, Settings};
use psrp_client::recording::Replay as Recorded;
use wsman::recording::{Difference, Order, diff};

use crate::fixture::{self, INTERRUPTED, Said, Scenario, Session};

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// Let commands change places, each of which has to be as it was
    #[arg(long)]
    lenient: bool,
    /// Take what differs for the new recording: requests and what the command says are written again, answers stay. To be
    /// looked at in the version control's difference
    #[arg(long, conflicts_with = "lenient")]
    accept: bool,
    /// Fixtures, or folders of them
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
}

/// Where a replay went another way than the recording.
#[derive(Debug)]
pub(crate) enum Mismatch {
    /// A request was another, or one was missing.
    Request(Box<Difference>),
    /// The same of a request to the service.
    Rest(Box<RestDifference>),
    /// The command said something else.
    Said { file: &'static str, recorded: String, now: String },
    /// The command ended with another code.
    ExitCode { recorded: u8, now: u8 },
}

impl Replay {
    /// Replays everything and reports what differs.
    ///
    /// # Errors
    ///
    /// When something differs, or is no fixture.
    pub(crate) fn run(&self) -> Result<()> {
        let order = if self.lenient { Order::Lenient } else { Order::Strict };
        let mut folders = Vec::new();
        for folder in &self.folders {
            folders.extend(fixture::find(folder)?);
        }
        if self.accept {
            return accept::accept(&folders);
        }
        let began = Instant::now();
        let failures = replay_all(&folders, order);
        for (folder, problem) in &failures {
            crate::print(&format!("{}: {problem}\n\n", folder.display()));
        }
        let (count, seconds) = (folders.len(), began.elapsed().as_secs_f32());
        match failures.len() {
            0 => crate::print(&format!("{count} replayed, none differs ({seconds:.1} s)\n")),
            failed => bail!("{failed} of {count} differ ({seconds:.1} s)"),
        }
        Ok(())
    }
}

/// Replays fixtures side by side; returns those that went wrong, in order, with what went wrong.
pub(crate) fn replay_all(folders: &[PathBuf], order: Order) -> Vec<(PathBuf, String)> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
            let problem = match replay_folder(folder, order) {
                Ok(None) => continue,
                Ok(Some(mismatch)) => mismatch.to_string(),
                Err(error) => format!("{error:#}"),
            };
            failures
                .lock()
                .unwrap_or_else(|lock| lock.into_inner())
                .push((folder.clone(), problem));
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(folders.len()) {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(|lock| lock.into_inner());
    failures.sort();
    failures
}

fn replay_folder(folder: &Path, order: Order) -> Result<Option<Mismatch>> {
    replay(&Session::read(folder)?, order)
}

/// Replays one session, under a clock of its own that takes no time; returns what differs.
///
/// # Errors
///
/// When the session is not one that can be replayed.
pub(crate) fn replay(session: &Session, order: Order) -> Result<Option<Mismatch>> {
    let networks = Networks::of(session, order)?;
    let (said, code) = played(session, &networks)?;
    let Networks { soap, rest } = networks;
    if let Some(difference) = soap.transport().difference() {
        return Ok(Some(Mismatch::Request(Box::new(difference))));
    }
    if let Some(difference) = rest.difference() {
        return Ok(Some(Mismatch::Rest(Box::new(difference))));
    }
    let is_whole = session.manifest.exit_code != Some(INTERRUPTED);
    if is_whole && let Err(difference) = soap.finish() {
        return Ok(Some(Mismatch::Request(Box::new(difference))));
    }
    if is_whole && let Err(difference) = rest.finish() {
        return Ok(Some(Mismatch::Rest(Box::new(difference))));
    }
    Ok(compare(session, &said, code))
}

/// What stands in the places of the own servers and of the service.
struct Networks {
    soap: Recorded,
    rest: Arc<RestReplay>,
}

impl Networks {
    fn of(session: &Session, order: Order) -> Result<Self> {
        let (seed, key) = (session.manifest.seed, session.key.as_deref());
        let soap = Recorded::new(session.soap.clone(), seed, key, order).context("key.pem")?;
        let rest = RestReplay::new(session.rest.clone()).as_recorded();
        Ok(Self { soap: soap.as_recorded(), rest: Arc::new(rest) })
    }
}

/// Runs the command of a session on its recording; returns what it said and its exit code.
fn played(session: &Session, networks: &Networks) -> Result<(Said, u8)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let scenario = Scenario::read(&session.manifest.command)?;
        let settings = Settings::from_toml_str(&session.settings).context("settings.toml")?;
        let environment = Environment::default()
            .danger_seed(networks.soap.seed())
            .at(started(session))
            .without_network(networks.soap.transport())
            .without_online_network(Arc::clone(&networks.rest) as Arc<dyn RestExchange>);
        let said = Said::default();
        let code = play(&scenario, settings, environment, session, &said).await?;
        // Sessions end in tasks of their own.
        tokio::time::sleep(CLOSING).await;
        Ok((said, code))
    })
}

/// Runs the command to its end; one that was interrupted in the recording is interrupted when that ends.
async fn play(
    scenario: &Scenario,
    settings: Settings,
    environment: Environment,
    session: &Session,
    said: &Said,
) -> Result<u8> {
    let connector = Connector::open_in(settings, environment).await.context("settings.toml")?;
    let input = session.input.as_deref().unwrap_or_default();
    let running = scenario.run(&connector, input, said);
    let code = match session.manifest.exit_code {
        Some(INTERRUPTED) => {
            let times = session.soap.exchanges.iter().map(|exchange| exchange.sent);
            let rest = session.rest.exchanges.iter().map(|exchange| exchange.sent);
            let end = times.chain(rest).max().unwrap_or_default() + Duration::from_millis(1);
            tokio::time::timeout(end, running).await.unwrap_or(INTERRUPTED)
        }
        _ => running.await,
    };
    connector.close().await.context("closing")?;
    Ok(code)
}

/// How long tasks may go on after the command has ended; it is not waited for really.
const CLOSING: Duration = Duration::from_secs(120);

/// The time of day at which the recording began.
pub(crate) fn started(session: &Session) -> SystemTime {
    let since = Duration::from_secs(session.manifest.started);
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

fn compare(session: &Session, said: &Said, code: u8) -> Option<Mismatch> {
    for (file, recorded, now) in [
        ("output.jsonl", &session.output, said.output()),
        ("errors.txt", &session.errors, said.errors()),
    ] {
        let is_same = match session.manifest.exit_code {
            Some(INTERRUPTED) => now.starts_with(recorded.as_str()) || recorded.starts_with(&now),
            _ => now == *recorded,
        };
        if !is_same {
            return Some(Mismatch::Said { file, recorded: recorded.clone(), now });
        }
    }
    let recorded = session.manifest.exit_code.unwrap_or(code);
    (recorded != code && recorded != INTERRUPTED)
        .then_some(Mismatch::ExitCode { recorded, now: code })
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(difference) => write!(f, "{difference}"),
            Self::Rest(difference) => {
                let lines = |text: &Option<String>| -> Vec<String> {
                    text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
                };
                let shown = diff(&lines(&difference.recorded), &lines(&difference.now));
                write!(f, "{difference} (- recorded, + now):\n{shown}")
            }
            Self::Said { file, recorded, now } => {
                let shown = diff(&spread(recorded), &spread(now));
                write!(f, "{file} differs (- recorded, + now):\n{shown}")
            }
            Self::ExitCode { recorded, now } => {
                write!(f, "the command ended with {now}, recorded is {recorded}")
            }
        }
    }
}

/// The lines of a text; those that are JSON spread over several, so that a difference inside shows.
fn spread(text: &str) -> Vec<String> {
    let lines = text.lines().flat_map(|line| {
        let json = serde_json::from_str::<serde_json::Value>(line).ok();
        let shown = json.and_then(|json| serde_json::to_string_pretty(&json).ok());
        let shown = shown.unwrap_or_else(|| line.to_owned());
        shown.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.collect()
}
