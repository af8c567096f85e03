//! On Microsoft's own engine, which `EXCHANGE_TEST_PWSH` names; what a server has of Exchange is played by functions.

use std::path::PathBuf;

use psrp_client::PoolOptions;

use super::*;

/// A folder like Exchange's, with a script that knows how its own function is called.
struct Installation(PathBuf);

impl Installation {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("exchange-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        let script = "function Connect-ExchangeServer([switch]$Auto, [string]$ClientApplication) {
            if (-not $Auto -or $ClientApplication -ne 'ManagementShell') { throw 'called in another way' }
            function global:Get-Mailbox($ResultSize) { [pscustomobject]@{ Guid = [guid]::Empty } }
        }
        Write-Host 'Welcome'
        Write-Error 'The title of the window cannot be set.'";
        std::fs::write(folder.join("bin/RemoteExchange.ps1"), script).unwrap();
        Self(folder)
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens a session on the engine, or says why not.
async fn engine(installation: Option<&Installation>) -> Option<RunspacePool> {
    let Some(folder) = std::env::var_os("EXCHANGE_TEST_PWSH").map(PathBuf::from) else {
        println!("skipped: EXCHANGE_TEST_PWSH does not name the folder of the PowerShell engine");
        return None;
    };
    let mut command = std::process::Command::new(folder.join("start"));
    command.args(["-NoLogo", "-NoProfile", "-s"]).env_remove("ExchangeInstallPath");
    if let Some(installation) = installation {
        command.env("ExchangeInstallPath", &installation.0);
    }
    Some(RunspacePool::open_child(command, PoolOptions::default()).await.unwrap())
}

async fn run(pool: &RunspacePool, script: &str) {
    let pipeline = PowerShell::new().command(Command::script(script));
    assert!(first_error(pool, pipeline).await.unwrap().is_none());
}

const FAMILIES: &[Family] = &[Family::Mailbox];

#[tokio::test]
async fn the_script_of_the_management_shell_is_run() {
    let installation = Installation::new("script");
    let Some(pool) = engine(Some(&installation)).await else { return };
    assert_eq!(load(&pool, FAMILIES, None).await.unwrap(), Way::ManagementShell);
    assert_eq!(load(&pool, FAMILIES, None).await.unwrap(), Way::Present);
    pool.close().await;
}

#[tokio::test]
async fn the_snap_in_is_added_where_there_is_no_script() {
    let Some(pool) = engine(None).await else { return };
    run(
        &pool,
        "function global:Add-PSSnapin($Name) {
            if ($Name -notlike '*.E2010') { throw \"$Name is not installed\" }
            function global:Get-Mailbox($ResultSize) {}
        }",
    )
    .await;
    assert_eq!(load(&pool, FAMILIES, None).await.unwrap(), Way::OldSnapIn);
    assert_eq!(load(&pool, FAMILIES, Some(Way::OldSnapIn)).await.unwrap(), Way::OldSnapIn);
    pool.close().await;
}

#[tokio::test]
async fn a_server_without_exchange_is_told_of_with_all_that_was_tried() {
    let Some(pool) = engine(None).await else { return };
    let error = load(&pool, FAMILIES, None).await.unwrap_err();
    let text = error.to_string();
    for part in [
        "RemoteExchange.ps1 and Connect-ExchangeServer: there are no management tools of Exchange",
        "the snap-in Microsoft.Exchange.Management.PowerShell.SnapIn: ",
        "Microsoft.Exchange.Management.PowerShell.E2010: ",
        "'Add-PSSnapin'",
    ] {
        assert!(text.contains(part), "{text}");
    }
    pool.close().await;
}
