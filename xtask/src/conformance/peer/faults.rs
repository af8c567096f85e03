//! Every fault of the server at each of the first messages of an import and of a create with password.
//!
//! A fault strikes once. What was read or made is compared with what the server holds, a shell that is left over counts
//! against the client, and so does a run that does not end in time.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use exchange_connector::Connector;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::timeout;

use super::Options;
use super::client::{self, Imported, Objects, Pace, Unusable, Way};
use super::server::{Peer, Program};
use super::trial::close_all;
use super::verdict::{self, Verdict};
use crate::conformance::Row;

/// The faults, as the server's command line takes them.
const KINDS: &[&str] = &[
    "drop",
    "drop-after",
    "drop-mid",
    "close",
    "http=503",
    "html=503",
    // An error that no client can know, the end of an operation's time, and a shell that its server gave up.
    "fault=1359",
    "fault=2150858793",
    "fault=995",
    "throttle",
    "busy",
    "expire",
    "slow=3",
    "garble",
    "badsig",
    "unsolicited401",
];

/// Mailboxes, and answers so small that their import takes more than twelve messages.
const SERVER: &[&str] = &["--mailboxes", "40", "--max-envelope", "24576", "--cert-key", "ec"];

/// The longest a run may take: an answer is awaited for half a minute beyond the operation's time.
const LIMIT: Duration = Duration::from_secs(90);

/// What a client does while a fault strikes.
#[derive(Clone, Copy, Debug)]
enum Task {
    Import,
    Create,
}

/// What came of one fault.
#[derive(Debug)]
struct Cell {
    verdict: Verdict,
    /// What the client said, if it was not that all is well.
    said: String,
    took: Duration,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Create => "create",
        }
    }
}

/// Runs the whole matrix and prints it.
///
/// # Errors
///
/// When an import that nothing disturbs is not complete.
pub(super) async fn run(program: &Program, options: &Options<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for task in [Task::Import, Task::Create] {
        if options.wants(&format!("faults, {}", task.name())) {
            rows.push(matrix(program, options, task).await?);
        }
    }
    if !rows.is_empty() {
        crate::print(&format!("\n{}\n", verdict::LEGEND));
    }
    Ok(rows)
}

/// Runs one half of the matrix.
async fn matrix(program: &Program, options: &Options<'_>, task: Task) -> Result<Row> {
    let whole = undisturbed(program).await.context("an import that nothing disturbs")?;
    let messages = options.messages;
    let head = messages.iter().fold(String::new(), |head, message| format!("{head} {message:>2}"));
    crate::print(&format!("\n{:<24}{head}\n", format!("{}, struck at message", task.name())));
    let runs = KINDS.iter().flat_map(|kind| messages.iter().map(move |message| (*kind, *message)));
    let whole = &whole;
    let cells = runs.map(|(kind, message)| async move {
        (kind, message, strike(program, task, kind, message, whole).await)
    });
    let mut done = stream::iter(cells).buffered(options.jobs);
    let mut row = Row::new(format!("peer, faults, {}", task.name()), 0, 0);
    let (mut letters, mut said) = (String::new(), String::new());
    while let Some((kind, message, cell)) = done.next().await {
        let _ = write!(letters, " {:>2}", cell.verdict.letter());
        match &cell.verdict {
            Verdict::Wrong(reason) => {
                row.failed += 1;
                let _ = writeln!(said, "  X {message}: {reason}; {}", cell.said);
            }
            verdict => {
                row.passed += 1;
                if options.explain && !cell.said.is_empty() {
                    let _ = writeln!(said, "  {} {message}: {}", verdict.letter(), cell.said);
                }
            }
        }
        if options.explain {
            let _ = writeln!(said, "  {message}: {:.1} s", cell.took.as_secs_f32());
        }
        if Some(&message) == messages.last() {
            crate::print(&format!("{kind:<24}{letters}\n{said}"));
            letters.clear();
            said.clear();
        }
    }
    Ok(row)
}

/// What an import gives when nothing goes wrong.
async fn undisturbed(program: &Program) -> Result<Objects> {
    let peer = program.start(SERVER).await?;
    let connector = open(&peer).await?;
    let imported = client::import(&connector).await?;
    let verdict = verdict::of_import(&imported, &peer.state().await?);
    close_all(&peer, connector).await?;
    peer.stop().await;
    match imported {
        Imported::Complete(objects) if verdict == Verdict::Complete => Ok(objects),
        other => bail!("{verdict:?}: {other:.400?}"),
    }
}

async fn open(peer: &Peer) -> Result<Connector> {
    match Way::NTLM.open(&peer.facts, Pace::SHORT, "").await {
        Ok(connector) => Ok(connector),
        Err(Unusable::NotAvailable(reason) | Unusable::Refused(reason)) => bail!("{reason}"),
    }
}

/// Starts a server that makes one fault, and judges what a client makes of it.
async fn strike(program: &Program, task: Task, kind: &str, message: u32, whole: &Objects) -> Cell {
    let start = Instant::now();
    let mut said = String::new();
    let verdict = match struck(program, task, kind, message, whole, &mut said).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Wrong(format!("{error:#}")),
    };
    Cell { verdict, said, took: start.elapsed() }
}

async fn struck(
    program: &Program,
    task: Task,
    kind: &str,
    message: u32,
    whole: &Objects,
    said: &mut String,
) -> Result<Verdict> {
    let fault = format!("{kind}@{message}");
    let peer = program.start(&[SERVER, &["--fault", &fault]].concat()).await?;
    let connector = open(&peer).await?;
    let run = timeout(LIMIT, perform(task, &peer, &connector, whole, said)).await;
    let closed = close_all(&peer, connector).await;
    let struck = peer.state().await?.faults_struck;
    peer.stop().await;
    let verdict = run.context("nothing was said in time")??;
    closed?;
    if struck == 0 {
        bail!("the fault found no such message");
    }
    Ok(verdict)
}

async fn perform(
    task: Task,
    peer: &Peer,
    connector: &Connector,
    whole: &Objects,
    said: &mut String,
) -> Result<Verdict> {
    match task {
        Task::Import => {
            let imported = client::import(connector).await?;
            if let Imported::NotOpened(reason) | Imported::Incomplete { reason, .. } = &imported {
                said.clone_from(reason);
            }
            let verdict = verdict::of_import(&imported, &peer.state().await?);
            Ok(match imported {
                Imported::Complete(objects) if objects != *whole => {
                    Verdict::Wrong("complete, with other values than ever".to_owned())
                }
                Imported::Incomplete { objects, .. }
                    if objects.iter().any(|(id, object)| whole.get(id) != Some(object)) =>
                {
                    Verdict::Wrong("an object came with other values than ever".to_owned())
                }
                _ => verdict,
            })
        }
        Task::Create => {
            let before = peer.state().await?;
            let answer = client::create(connector).await?;
            said.clone_from(answer.error.as_ref().unwrap_or(&String::new()));
            Ok(verdict::of_create(&answer, &before, &peer.state().await?))
        }
    }
}
