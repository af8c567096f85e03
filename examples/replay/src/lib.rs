//! Lists the accepted domains of an Exchange organisation.
//!
//! The tests need no server: they replay a session that was recorded once.

use std::sync::Arc;

use psrp_client::psrp::clixml::{TypeNames, Value};
use psrp_client::psrp::{Command, PowerShell};
use psrp_client::{Error, PoolOptions, Record, RunspacePool};
use wsman::client::{Exchange, ShellOptions};

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Domains {
    /// The domain controller that answered.
    pub server: Option<String>,
    /// The names of the accepted domains.
    pub names: Vec<String>,
}

/// Opens a session, asks which domain controller answers, lists the domains, and closes the session.
///
/// # Errors
///
/// Whatever went wrong with the session.
pub async fn accepted_domains(
    exchange: Arc<dyn Exchange>,
    shell: ShellOptions,
    options: PoolOptions,
) -> Result<Domains, Error> {
    let pool = RunspacePool::open(exchange, shell, options).await?;
    let names = ["Guid", "OriginatingServer"].map(Value::from).to_vec();
    let look = PowerShell::new()
        .command(Command::new("Get-Mailbox").parameter("ResultSize", "1"))
        .command(
            Command::new("Select-Object")
                .parameter("Property", Value::list(TypeNames::array_list(), names)),
        );
    let server = texts(&pool, look, "OriginatingServer").await?.into_iter().next();
    let list = PowerShell::new().command(Command::new("Get-AcceptedDomain"));
    let names = texts(&pool, list, "DomainName").await?;
    pool.close().await;
    Ok(Domains { server, names })
}

/// Runs a pipeline and returns a property of every object that comes.
async fn texts(pool: &RunspacePool, run: PowerShell, property: &str) -> Result<Vec<String>, Error> {
    let mut records = pool.invoke(run).await?;
    let mut found = Vec::new();
    while let Some(record) = records.next().await {
        if let Record::Output(object) = record? {
            let text = object.property(property).and_then(Value::text);
            found.extend(text.map(|text| text.into_owned()));
        }
    }
    Ok(found)
}
