//! What a session and a cmdlet over it cost, counted by the server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use exchange_connector::{Connector, InvokeItem, InvokeRequest};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::sleep;

use super::client::{Pace, Way};
use super::server::Peer;

/// What pypsrp 0.9.1 needs to open a runspace pool on the same server (`RunspacePool.open()` over NTLM, read from
/// `/state`): one Create, one Receive, over one connection.
const OPENING: Cost = Cost { requests: 2, connections: 1 };

/// Command, Receive and Signal.
const CMDLET: Cost = Cost { requests: 3, connections: 1 };

/// After so long a session listens to its own stream too, which takes one more request and a connection to wait on.
const LISTENING: Duration = Duration::from_secs(4);

/// Messages and connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Cost {
    requests: u64,
    connections: u64,
}

impl Cost {
    /// With what listening costs, if the session may have begun to.
    fn since(self, opened: Instant) -> Self {
        let more = u64::from(opened.elapsed() > LISTENING);
        Self { requests: self.requests + more, connections: self.connections + more }
    }
}

/// Opens a session and runs one cmdlet twice: over a session that has just been opened, and over a warm one.
///
/// # Errors
///
/// When it costs more than it may.
pub(super) async fn measure(peer: &Peer, pace: Pace, way: Way) -> Result<()> {
    // Else a recipient is read to find a domain controller, which is no part of the opening.
    let further = "domain_controller = \"dc01.test.local\"";
    let connector = way.open(&peer.facts, pace, further).await;
    let connector = connector.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let cold = counted(peer).await?;
    let start = Instant::now();
    connector.connect().await?;
    let opened = counted(peer).await?;
    within("opening", &cold, &opened, OPENING.since(start))?;
    for name in ["the first cmdlet", "a cmdlet over a warm session"] {
        let before = counted(peer).await?;
        run(&connector).await?;
        within(name, &before, &counted(peer).await?, CMDLET.since(start))?;
    }
    connector.close().await?;
    Ok(())
}

/// The server's counters when nothing is under way any more.
async fn counted(peer: &Peer) -> Result<BTreeMap<String, u64>> {
    sleep(Duration::from_millis(500)).await;
    Ok(peer.state().await?.requests)
}

async fn run(connector: &Connector) -> Result<()> {
    let request = InvokeRequest::new("Get-Mailbox")?.parameter("ResultSize", &json!(5))?;
    let mut items = connector.invoke(request);
    let mut objects = 0;
    while let Some(item) = items.next().await {
        objects += usize::from(matches!(item?, InvokeItem::Object(_)));
    }
    if objects == 5 { Ok(()) } else { bail!("{objects} objects came") }
}

fn within(
    what: &str,
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
    limit: Cost,
) -> Result<()> {
    let grown = |name: &str| {
        let count = |counts: &BTreeMap<String, u64>| counts.get(name).copied().unwrap_or_default();
        count(after).saturating_sub(count(before))
    };
    let connections = grown("connections");
    let messages = after.keys().filter(|name| *name != "connections");
    let grown: Vec<_> =
        messages.map(|name| (name, grown(name))).filter(|(_, count)| *count > 0).collect();
    let requests = grown.iter().map(|(_, count)| count).sum();
    let cost = Cost { requests, connections };
    if cost.requests > limit.requests || cost.connections > limit.connections {
        bail!("{what} costs {cost:?} ({grown:?}), may cost {limit:?}");
    }
    Ok(())
}
