//! The engine with cmdlets as Exchange has them, in a session that allows no language.

use psrp_client::psrp::clixml::Value;
use psrp_client::psrp::{Command, GetCommandMetadata, PowerShell};
use psrp_client::{PoolOptions, RunspacePool};
use secrecy::SecretString;

use crate::engine::{on, output, peer, run, texts};

async fn on_exchange(subject: impl AsyncFn(&RunspacePool)) {
    match peer("exchange") {
        Some(engine) => on(engine, PoolOptions::default(), subject).await,
        None => println!("skipped: EXCHANGE_TEST_PEER is not set"),
    }
}

fn command(command: Command) -> PowerShell {
    PowerShell::new().command(command)
}

#[tokio::test]
async fn mailboxes_are_read_and_changed() {
    on_exchange(async |pool: &RunspacePool| {
        let all = command(Command::new("Get-Mailbox").parameter("ResultSize", "Unlimited"));
        let mailboxes = output(pool.invoke(all).await.unwrap()).await.unwrap();
        assert_eq!(mailboxes.len(), 5);
        let guid = mailboxes[0].property("Guid").unwrap().clone();
        assert!(matches!(guid, Value::Guid(_)), "{guid:?}");
        let identity = guid.text().unwrap().into_owned();
        let change = Command::new("Set-Mailbox")
            .parameter("Identity", identity.as_str())
            .parameter("CustomAttribute1", "ours");
        assert_eq!(output(pool.invoke(command(change)).await.unwrap()).await.unwrap(), []);
        let read = command(Command::new("Get-Mailbox").parameter("Identity", identity))
            .command(Command::new("Select-Object").parameter("Property", "CustomAttribute1"));
        let read = output(pool.invoke(read).await.unwrap()).await.unwrap();
        assert_eq!(read[0].property("CustomAttribute1").unwrap().text().unwrap(), "ours");
    })
    .await;
}

#[tokio::test]
async fn a_password_creates_a_mailbox() {
    on_exchange(async |pool: &RunspacePool| {
        let new = Command::new("New-Mailbox")
            .parameter("Name", "Zoë Test")
            .parameter("Alias", "zoe.test")
            .parameter("UserPrincipalName", "zoe.test@contoso.com")
            .secret("Password", SecretString::from("Pa55-wörd!"));
        let made = output(pool.invoke(command(new)).await.unwrap()).await.unwrap();
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].property("Name").unwrap().text().unwrap(), "Zoë Test");
    })
    .await;
}

#[tokio::test]
async fn what_the_session_does_not_allow_fails_without_effect() {
    on_exchange(async |pool: &RunspacePool| {
        let error = run(pool, "1 + 1").await.unwrap_err();
        let id = &error.error_record().unwrap().fully_qualified_error_id;
        assert_eq!(id, "ScriptsNotAllowed");
        let hidden = command(Command::new("Get-ChildItem"));
        let error = output(pool.invoke(hidden).await.unwrap()).await.unwrap_err();
        let id = &error.error_record().unwrap().fully_qualified_error_id;
        assert_eq!(id, "CommandNotFoundException");
    })
    .await;
}

#[tokio::test]
async fn the_cmdlets_are_listed() {
    on_exchange(async |pool: &RunspacePool| {
        let request = GetCommandMetadata::new(["*-Mailbox"]);
        let listed = output(pool.command_metadata(&request).await.unwrap()).await.unwrap();
        let names: Vec<_> =
            listed[1..].iter().map(|command| command.property("Name").unwrap().clone()).collect();
        let names = texts(&names);
        for name in ["Get-Mailbox", "Set-Mailbox", "New-Mailbox"] {
            assert!(names.iter().any(|listed| listed == name), "{names:?}");
        }
    })
    .await;
}
