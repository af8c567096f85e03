//! Exchange's cmdlets in a session of the WinRM service.
//!
//! Exchange's own endpoint has its cmdlets from the start. `Microsoft.PowerShell` of WinRM is a PowerShell like any other,
//! and they have to be loaded into each of its sessions. There are two documented ways. The script of the management shell
//! opens a session to Exchange's endpoint behind the one we have, with the roles of the account. The snap-in runs the
//! cmdlets here, without roles, with whatever rights the account has in the directory; therefore it comes second.
//!
//! Both reach for other servers in the name of the account, which needs its password there (CredSSP, Basic) or delegation.
//!
//! Nothing but constant text is run: the language of such a session never sees what a user wrote.

use std::fmt;
use std::time::Duration;

use psrp_client::psrp::{self, Command, PowerShell};
use psrp_client::{Record, RunspacePool};
use tokio::time::timeout;

use super::SELECT;
use crate::schema::Family;
use crate::text::sanitized;
use crate::value::list_argument;

/// How the cmdlets come into a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// They are there from the start.
    Present,
    /// The script of the management shell, which connects to an Exchange server of the site.
    ManagementShell,
    /// The snap-in.
    SnapIn,
    /// The snap-in under its older name.
    OldSnapIn,
}

/// Why a session has no Exchange cmdlets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The session failed, which says nothing about the cmdlets.
    #[error("the session ended while Exchange was loaded")]
    Session(#[source] psrp_client::Error),
    /// No way led to them.
    #[error("{}", told(.0))]
    NotLoaded(Vec<Attempt>),
}

/// A way that did not lead to the cmdlets, and what the server said.
#[derive(Debug)]
pub(crate) struct Attempt {
    way: Way,
    reason: String,
}

/// How long one way may take. The script looks for servers and imports hundreds of commands.
const LOAD_TIMEOUT: Duration = Duration::from_secs(180);

/// Run as it stands. Functions must stay behind it, so it is dot-sourced twice: here, and by `use_local_scope`.
const MANAGEMENT_SHELL: &str = "if (-not $env:ExchangeInstallPath) { throw 'there are no management tools of Exchange: the environment variable ExchangeInstallPath is not set' }\n. (Join-Path $env:ExchangeInstallPath 'bin\\RemoteExchange.ps1')\nConnect-ExchangeServer -Auto -ClientApplication:ManagementShell";

impl Way {
    const ALL: [Self; 4] = [Self::Present, Self::ManagementShell, Self::SnapIn, Self::OldSnapIn];

    fn pipeline(self) -> Option<PowerShell> {
        let command = match self {
            Self::Present => return None,
            Self::ManagementShell => {
                let mut script = Command::script(MANAGEMENT_SHELL);
                script.use_local_scope = Some(false);
                script
            }
            Self::SnapIn => add_snap_in("Microsoft.Exchange.Management.PowerShell.SnapIn"),
            Self::OldSnapIn => add_snap_in("Microsoft.Exchange.Management.PowerShell.E2010"),
        };
        Some(PowerShell::new().command(command))
    }

    /// Tries this way; an answer says why it did not lead there.
    async fn try_it(
        self,
        pool: &RunspacePool,
        families: &[Family],
    ) -> Result<Option<String>, LoadError> {
        let said = match self.pipeline() {
            None => None,
            Some(pipeline) => match timeout(LOAD_TIMEOUT, first_error(pool, pipeline)).await {
                Ok(said) => said?.map(|record| record.message),
                Err(_) => Some(format!("no end within {} s", LOAD_TIMEOUT.as_secs())),
            },
        };
        // The script reports errors that matter to people alone, so only the cmdlets tell whether it went well.
        for family in families {
            if is_known(pool, *family).await? {
                return Ok(None);
            }
        }
        Ok(Some(said.unwrap_or_else(|| "it brought no cmdlet".to_owned())))
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "the session has them from the start",
            Self::ManagementShell => "RemoteExchange.ps1 and Connect-ExchangeServer",
            Self::SnapIn => "the snap-in Microsoft.Exchange.Management.PowerShell.SnapIn",
            Self::OldSnapIn => "the snap-in Microsoft.Exchange.Management.PowerShell.E2010",
        })
    }
}

/// Loads the cmdlets, first as it went in an earlier session.
pub(super) async fn load(
    pool: &RunspacePool,
    families: &[Family],
    known: Option<Way>,
) -> Result<Way, LoadError> {
    let others = Way::ALL.into_iter().filter(|way| Some(*way) != known);
    let mut tried = Vec::new();
    for way in known.into_iter().chain(others) {
        match way.try_it(pool, families).await? {
            None => {
                if matches!(way, Way::SnapIn | Way::OldSnapIn) {
                    tracing::warn!(
                        "Exchange runs from its snap-in: not the account's roles count, but its rights in the directory"
                    );
                }
                tracing::info!(%way, "loaded the Exchange cmdlets");
                return Ok(way);
            }
            Some(reason) => tried.push(Attempt { way, reason }),
        }
    }
    Err(LoadError::NotLoaded(tried))
}

fn add_snap_in(name: &str) -> Command {
    Command::new("Add-PSSnapin").parameter("Name", name)
}

/// Whether the session knows the cmdlet that reads mailboxes of this kind: one that it does not know never runs.
async fn is_known(pool: &RunspacePool, family: Family) -> Result<bool, LoadError> {
    let read = Command::new(family.get()).parameter("ResultSize", "1");
    let select = Command::new(SELECT).parameter("Property", list_argument(vec!["Guid".into()]));
    let error = first_error(pool, PowerShell::new().command(read).command(select)).await?;
    Ok(!error.is_some_and(|record| {
        record.fully_qualified_error_id.starts_with("CommandNotFoundException")
    }))
}

/// Runs a pipeline to its end and gives the first error of it; what it puts out is not wanted.
async fn first_error(
    pool: &RunspacePool,
    pipeline: PowerShell,
) -> Result<Option<Box<psrp::ErrorRecord>>, LoadError> {
    let mut records = pool.invoke(pipeline).await.map_err(LoadError::Session)?;
    let mut first = None;
    while let Some(record) = records.next().await {
        match record {
            Ok(Record::Error(record)) => {
                first.get_or_insert(record);
            }
            Ok(_) => {}
            Err(psrp_client::Error::Failed { record, .. }) => {
                first.get_or_insert(record);
            }
            Err(error) => return Err(LoadError::Session(error)),
        }
    }
    Ok(first)
}

fn told(tried: &[Attempt]) -> String {
    let attempts = tried.iter().filter(|attempt| attempt.way != Way::Present);
    let attempts = attempts.map(|Attempt { way, reason }| format!("{way}: {}", reason.trim_end()));
    let told = attempts.collect::<Vec<_>>().join("; ");
    format!("they could not be loaded ({})", sanitized(&told))
}

#[cfg(test)]
mod tests;
