//! Through the WinRM service of the simulated Exchange, where the cmdlets have to be loaded.

use std::sync::Arc;
use std::time::Duration;

use exchange_connector::{
    CheckStatus, Connector, Error, ImportRequest, Operation, Outcome, Settings, Status,
};
use exchange_sim::{ManagementTools, SimOptions, Simulator};
use futures_util::StreamExt as _;
use psrp_client::wsman::ResourceUri;
use psrp_client::wsman::client::{ClientOptions, Credentials, HttpClient, Shell, ShellOptions};
use serde_json::{Value, json};

async fn connector(settings: &str) -> Connector {
    Connector::open(Settings::from_toml_str(settings).unwrap()).await.unwrap()
}

async fn objects(connector: &Connector) -> Vec<Value> {
    let lines: Vec<_> = connector.import(ImportRequest::new()).collect().await;
    let mut lines: Vec<_> =
        lines.into_iter().map(|line| serde_json::to_value(line.unwrap()).unwrap()).collect();
    let end = lines.pop().unwrap();
    assert_eq!(end["type"], "complete", "{end}");
    lines
}

async fn end(connector: Connector, simulator: Simulator) {
    connector.close().await.unwrap();
    assert_eq!(simulator.open_shells(), 0, "no session is left behind");
    simulator.close().await;
}

#[tokio::test]
async fn both_ways_in_show_the_same_mailboxes() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(60)).await.unwrap();
    // Each session has another domain controller by default, and objects name theirs.
    let pinned = |settings: String| format!("{settings}domain_controller = 'dc01.contoso.com'\n");
    let by_winrm = connector(&pinned(simulator.settings_toml_winrm())).await;
    let by_exchange = connector(&pinned(simulator.settings_toml())).await;
    let (seen, expected) = (objects(&by_winrm).await, objects(&by_exchange).await);
    assert_eq!(seen.len(), expected.len());
    for (one, other) in seen.iter().zip(&expected) {
        assert_eq!(one, other);
    }
    by_exchange.close().await.unwrap();
    end(by_winrm, simulator).await;
}

#[tokio::test]
async fn a_mailbox_is_made_with_a_password_after_the_session_was_replaced() {
    let fault = "expire@Command:6".parse().unwrap();
    let simulator =
        Simulator::start(SimOptions::default().mailboxes(3).fault(fault)).await.unwrap();
    let connector = connector(&simulator.settings_toml_winrm()).await;
    let create = |name: &str| {
        json!({"operation": "create", "attributes": {"Name": name,
            "UserPrincipalName": format!("{name}@contoso.com"), "_param_password": "Str0ng!Pass-word"}})
        .to_string()
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for name in ["one", "two", "three"] {
        let operations = Operation::from_json_lines(&create(name));
        outcomes.extend(connector.export(operations).collect::<Vec<_>>().await);
    }
    let applied = outcomes.iter().filter(|outcome| outcome.status == Status::Applied).count();
    assert!(applied >= 2, "{outcomes:?}");
    let last = outcomes.last().unwrap();
    assert_eq!(last.status, Status::Applied, "{last:?}");
    let made = simulator.recipients().into_iter().find(|one| one.name == "three").unwrap();
    assert!(made.has_password("Str0ng!Pass-word"));
    end(connector, simulator).await;
}

#[tokio::test]
async fn a_check_says_how_the_cmdlets_were_loaded() {
    for (tools, expected) in [
        (ManagementTools::Full, "RemoteExchange.ps1 and Connect-ExchangeServer"),
        (ManagementTools::SnapIn, "the snap-in Microsoft.Exchange.Management.PowerShell.SnapIn"),
    ] {
        let options = SimOptions::default().mailboxes(3).management_tools(tools);
        let simulator = Simulator::start(options).await.unwrap();
        let connector = connector(&simulator.settings_toml_winrm()).await;
        let report = connector.check().await;
        assert!(report.ok, "{report:?}");
        let load = report.steps.iter().find(|step| step.name == "load Exchange").unwrap();
        assert_eq!(load.detail.as_deref(), Some(expected));
        end(connector, simulator).await;
    }
}

#[tokio::test]
async fn a_server_without_exchange_is_told_from_one_that_cannot_be_reached() {
    let options = SimOptions::default().mailboxes(3).management_tools(ManagementTools::Missing);
    let simulator = Simulator::start(options).await.unwrap();
    let connector = connector(&simulator.settings_toml_winrm()).await;
    let error = connector.connect().await.unwrap_err();
    assert!(matches!(error, Error::NoExchange { .. }), "{error:?}");
    assert_eq!((error.exit_code(), error.is_retryable()), (4, false));
    assert!(error.report().contains("No snap-ins have been registered"), "{}", error.report());
    let report = connector.check().await;
    assert_eq!(report.exit_code, 4);
    let step = |name: &str| report.steps.iter().find(|step| step.name == name).unwrap();
    assert_eq!(step("open session").status, CheckStatus::Ok);
    assert_eq!(step("load Exchange").status, CheckStatus::Failed);
    assert!(step("load Exchange").remedy.as_deref().unwrap().contains("CredSSP"));
    assert_eq!(step("organization").status, CheckStatus::Skipped);
    end(connector, simulator).await;
}

/// Opens a session as this program names its own, and leaves it.
async fn leave_behind(simulator: &Simulator) -> Shell {
    let url = simulator.winrm_url();
    let credentials = Credentials::negotiate(simulator.user(), simulator.password());
    let client = HttpClient::new(ClientOptions::new(&url, credentials)).unwrap();
    let options = ShellOptions::new(&url)
        .resource_uri(ResourceUri::powershell())
        .name("exchange-connector")
        .shell_id(uuid::Uuid::from_u128(7));
    let (shell, _) = Shell::create(Arc::new(client), options, Vec::new()).await.unwrap();
    shell
}

#[tokio::test]
async fn a_check_names_the_session_that_leaves_no_room_for_another() {
    let options = SimOptions::default().mailboxes(3).max_shells(1);
    let simulator = Simulator::start(options).await.unwrap();
    let shell = leave_behind(&simulator).await;
    let settings = simulator.settings_toml_winrm() + "operation_timeout = '1s'\n";
    let connector = connector(&settings).await;
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let report = connector.check().await;
    let step = |name: &str| report.steps.iter().find(|step| step.name == name).unwrap();
    assert!(!report.ok && report.exit_code == 4, "{report:?}");
    let open = step("open session");
    assert_eq!(open.status, CheckStatus::Failed, "{report:?}");
    assert!(open.detail.as_deref().unwrap().contains("as many sessions"), "{open:?}");
    let found = step("left-over sessions");
    assert!(found.detail.as_deref().unwrap().contains(shell.id().as_str()), "{found:?}");
    assert!(found.remedy.as_deref().unwrap().contains("Remove-WSManInstance"), "{found:?}");
    // Nobody's session is ended unasked.
    assert_eq!(simulator.open_shells(), 1);
    shell.delete().await.unwrap();
    assert!(connector.check().await.ok);
    end(connector, simulator).await;
}

#[tokio::test]
async fn a_check_tells_of_a_session_that_was_left_behind() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(3)).await.unwrap();
    let shell = leave_behind(&simulator).await;

    let settings = simulator.settings_toml_winrm() + "operation_timeout = '1s'\n";
    let connector = connector(&settings).await;
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let report = connector.check().await;
    assert!(report.ok, "{report:?}");
    let found = report.steps.iter().find(|step| step.name == "left-over sessions").unwrap();
    assert!(found.detail.as_deref().unwrap().contains(shell.id().as_str()), "{found:?}");
    assert!(found.remedy.as_deref().unwrap().contains("Remove-WSManInstance"), "{found:?}");

    shell.delete().await.unwrap();
    let report = connector.check().await;
    assert!(report.ok, "{report:?}");
    let found = report.steps.iter().find(|step| step.name == "left-over sessions").unwrap();
    assert_eq!(found.detail.as_deref(), Some("none"));
    end(connector, simulator).await;
}
