//! What is tried in a mode.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use exchange_connector::{Connector, Status};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::client::{self, Imported, PRINCIPAL, Pace, Unusable, Way};
use super::economy;
use super::server::Peer;
use super::verdict::{self, Verdict};

/// What is tried in a mode.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trial {
    /// An import, a create with password and a delete, all of which have to go well.
    Tour(Way),
    /// An import that has to be complete.
    Import(Way),
    /// No session, and the report says why in these words.
    Refused(Way, &'static str),
    /// A session, over which the server takes no password: the create fails and makes nothing.
    NoPassword(Way),
    /// A change larger than the server takes in one request.
    LargeChange(Way),
    /// The session is left alone until the server has ended it.
    Idle(Way),
    /// One session more than the server allows: it waits for its turn, or says in time that there is none.
    OneTooMany(Way),
    /// What opening a session and one cmdlet over it cost.
    Economy(Way),
}

/// What came of a trial.
#[derive(Debug)]
pub(super) enum Tried {
    Passed,
    /// The reason.
    Skipped(String),
    /// The reason.
    Failed(String),
}

/// How long closing may take.
const CLOSING: Duration = Duration::from_secs(40);

/// A trial of a mode that is slow by itself.
const LONGEST: Duration = Duration::from_secs(240);

impl Trial {
    pub(super) fn way(&self) -> Way {
        match self {
            Self::Tour(way)
            | Self::Import(way)
            | Self::Refused(way, _)
            | Self::NoPassword(way)
            | Self::LargeChange(way)
            | Self::Idle(way)
            | Self::OneTooMany(way)
            | Self::Economy(way) => *way,
        }
    }

    /// What it is called in the table.
    pub(super) fn name(&self) -> String {
        let Way { method, scheme, kerberos, .. } = self.way();
        let table = if kerberos && method != "Kerberos" { " with [kerberos]" } else { "" };
        let what = match self {
            Self::Tour(_) => "import, create, delete",
            Self::Import(_) => "import",
            Self::Refused(..) => "is refused",
            Self::NoPassword(_) => "create is refused",
            Self::LargeChange(_) => "large update",
            Self::Idle(_) => "import, create after a rest",
            Self::OneTooMany(_) => "one session too many",
            Self::Economy(_) => "requests and connections",
        };
        format!("{method}{table} over {scheme}: {what}")
    }

    /// Tries it; whatever happens, within a time.
    pub(super) async fn run(&self, peer: &Peer, pace: Pace) -> Tried {
        let connector = match self.way().open(&peer.facts, pace, "").await {
            Ok(connector) => connector,
            Err(Unusable::NotAvailable(reason)) => return Tried::Skipped(reason),
            Err(Unusable::Refused(reason)) => return Tried::Failed(reason),
        };
        let tried = timeout(LONGEST, self.with(peer, pace, &connector)).await;
        let closed = close_all(peer, connector).await;
        match tried.unwrap_or_else(|_| bail_hung()).and(closed) {
            Ok(()) => Tried::Passed,
            Err(error) => Tried::Failed(format!("{error:#}")),
        }
    }

    async fn with(&self, peer: &Peer, pace: Pace, connector: &Connector) -> Result<()> {
        match self {
            Self::Tour(_) => {
                import(peer, connector, &[Verdict::Complete]).await?;
                create(peer, connector, &[Verdict::Applied]).await?;
                delete(peer, connector).await
            }
            Self::Import(_) => import(peer, connector, &[Verdict::Complete]).await,
            Self::Refused(_, words) => match client::import(connector).await? {
                Imported::NotOpened(reason) if reason.contains(words) => Ok(()),
                Imported::NotOpened(reason) => bail!("refused for another reason: {reason}"),
                _ => bail!("was let in"),
            },
            Self::NoPassword(_) => {
                import(peer, connector, &[Verdict::Complete]).await?;
                create(peer, connector, &[Verdict::Failed]).await
            }
            Self::LargeChange(way) => large_change(peer, connector, way.method).await,
            Self::Idle(_) => {
                connector.connect().await?;
                sleep(Duration::from_secs(5)).await;
                import(peer, connector, &[Verdict::Complete, Verdict::Incomplete]).await?;
                sleep(Duration::from_secs(5)).await;
                let fair = [Verdict::Applied, Verdict::Failed, Verdict::Unknown, Verdict::Partly];
                create(peer, connector, &fair).await
            }
            Self::OneTooMany(way) => one_too_many(peer, pace, *way, connector).await,
            Self::Economy(way) => economy::measure(peer, pace, *way).await,
        }
    }
}

fn bail_hung() -> Result<()> {
    bail!("nothing was said within {LONGEST:?}")
}

/// Closes a connector and looks whether a shell is left.
pub(super) async fn close_all(peer: &Peer, connector: Connector) -> Result<()> {
    client::close(connector, CLOSING).await?;
    match peer.open_shells().await? {
        0 => Ok(()),
        open => bail!("{open} shells were left open"),
    }
}

fn expect(verdict: Verdict, fair: &[Verdict], said: &dyn std::fmt::Debug) -> Result<()> {
    match verdict {
        Verdict::Wrong(reason) => bail!("{reason}"),
        verdict if fair.contains(&verdict) => Ok(()),
        verdict => bail!("{verdict:?}: {said:.400?}"),
    }
}

async fn import(peer: &Peer, connector: &Connector, fair: &[Verdict]) -> Result<()> {
    let imported = client::import(connector).await?;
    let verdict = verdict::of_import(&imported, &peer.state().await?);
    let said = match imported {
        Imported::Complete(_) => String::new(),
        Imported::Incomplete { reason, .. } | Imported::NotOpened(reason) => reason,
    };
    expect(verdict, fair, &said).context("import")
}

async fn create(peer: &Peer, connector: &Connector, fair: &[Verdict]) -> Result<()> {
    let before = peer.state().await?;
    let answer = client::create(connector).await?;
    let after = peer.state().await?;
    expect(verdict::of_create(&answer, &before, &after), fair, &answer).context("create")
}

/// Deletes what was created; over a session that asks for confirmation nothing may wait for an answer.
async fn delete(peer: &Peer, connector: &Connector) -> Result<()> {
    let state = peer.state().await?;
    let made = state.recipients.iter().find(|recipient| recipient.upn == PRINCIPAL);
    let guid = &made.context("what was created is gone")?.guid;
    let operation = json!({"ref": "2", "operation": "delete", "id": guid});
    let answer = client::export(connector, operation).await?;
    let state = peer.state().await?;
    let kept = state.recipients.iter().find(|recipient| recipient.upn == PRINCIPAL);
    match kept {
        None if answer.status == Status::Applied => Ok(()),
        None => bail!("delete: {answer:?}, but it is gone"),
        Some(kept) => bail!("delete: {answer:?}, and it is still there as {}", kept.kind),
    }
}

/// Sets thousands of addresses: a request of several hundred kilobytes.
async fn large_change(peer: &Peer, connector: &Connector, word: &str) -> Result<()> {
    let state = peer.state().await?;
    let first = state.recipients.iter().find(|recipient| recipient.kind == "UserMailbox");
    let guid = first.context("there is no mailbox")?.guid.clone();
    let addresses: Vec<_> =
        (0..LARGE).map(|number| format!("another.{word}.{number}@test.local")).collect();
    let operation = json!({"ref": "1", "operation": "update", "id": guid,
        "attributes": {"EmailAddresses": addresses}});
    let answer = client::export(connector, operation).await?;
    if answer.status != Status::Applied {
        bail!("update: {answer:?}");
    }
    let state = peer.state().await?;
    let now = state.recipients.iter().find(|recipient| recipient.guid == guid);
    let held = now.map_or(0, |now| {
        let word = format!("another.{word}.");
        now.addresses.iter().filter(|address| address.contains(&word)).count()
    });
    if held == LARGE { Ok(()) } else { bail!("the server holds {held} of {LARGE} addresses") }
}

/// Addresses that make a request larger than any server takes at once.
const LARGE: usize = 6000;

/// The server allows two sessions, `connector` is to have the third.
async fn one_too_many(peer: &Peer, pace: Pace, way: Way, connector: &Connector) -> Result<()> {
    let open = || async {
        let opened = way.open(&peer.facts, pace, "").await;
        let other = opened.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        other.connect().await?;
        anyhow::Ok(other)
    };
    let (first, second) = (open().await?, open().await?);
    let free_one = async {
        sleep(Duration::from_secs(2)).await;
        client::close(first, CLOSING).await
    };
    let (closed, waited) = tokio::join!(free_one, connector.connect());
    closed?;
    waited.context("the session that became free was not taken")?;
    import(peer, connector, &[Verdict::Complete]).await?;
    // Now there is none, and none becomes free.
    let refused = open().await;
    client::close(second, CLOSING).await?;
    match refused {
        Ok(_) => bail!("a third session was opened"),
        Err(error) if format!("{error:#}").contains("maximum number of connections") => Ok(()),
        Err(error) => bail!("refused for another reason: {error:#}"),
    }
}
