use std::time::Duration;

use exchange_cmdlets::TransportError;
use exchange_connector::{CheckStatus, Connector, Settings};

use crate::support::{ANN, connector, error, item, list, mailbox, settings};

fn named(name: &str) -> clixml::Object {
    clixml::Object::new().with_adapted("Name", name).with_adapted("DomainName", name)
}

#[tokio::test]
async fn what_works_is_reported() {
    let (connector, script) = connector(settings("", ""));
    let organization =
        named("Contoso").with_adapted("AdminDisplayVersion", "Version 15.2 (Build 1544.4)");
    script.answer("Get-OrganizationConfig", vec![item(organization)]);
    script.answer("Get-AcceptedDomain", vec![item(named("contoso.com"))]);
    let cmdlets = ["Get-Mailbox", "Set-Mailbox", "New-Mailbox", "Disable-Mailbox"];
    script.answer("Get-Command", cmdlets.iter().map(|name| item(named(name))).collect());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann").with_adapted("X", list(&[])))]);
    let report = connector.check().await;
    assert!(report.ok, "{report:?}");
    assert_eq!(report.exit_code, 0);
    assert_eq!(report.version.as_deref(), Some("Version 15.2 (Build 1544.4)"));
    assert_eq!(report.domain_controller.as_deref(), Some("dc01.contoso.com"));
    assert_eq!(report.accepted_domains, ["contoso.com"]);
    assert_eq!(report.trims_properties, Some(false));
    assert_eq!(report.cmdlets, cmdlets);
}

#[tokio::test]
async fn each_failed_step_comes_with_a_remedy_and_the_others_go_on() {
    let (connector, script) = connector(settings("", ""));
    script.answer(
        "Get-OrganizationConfig",
        vec![error("CommandNotFoundException", "not recognized\u{1b}[2J")],
    );
    script.answer("Get-AcceptedDomain", vec![item(named("contoso.com"))]);
    script.answer("Get-Command", vec![item(named("Get-Mailbox"))]);
    script.fail("Get-Mailbox", vec![], TransportError::Stopped);
    let report = connector.check().await;
    assert_eq!((report.ok, report.exit_code), (false, 1));
    let failed: Vec<_> = report
        .steps
        .iter()
        .filter(|step| step.status == CheckStatus::Failed)
        .map(|step| (step.name, step.detail.as_deref().unwrap(), step.remedy.is_some()))
        .collect();
    assert_eq!(
        failed,
        [
            ("organization", "not recognized [2J", true),
            ("cmdlets", "the account cannot run Set-Mailbox, Disable-Mailbox, New-Mailbox", true),
            ("property selection", "the command was stopped", true),
        ]
    );
}

/// A server whose queue of connections is full lets further ones wait, which only Linux does reliably.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_is_awaited_as_long_as_the_settings_say() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let wait = Duration::from_millis(300);
    let full: Vec<_> =
        (0..8).map_while(|_| std::net::TcpStream::connect_timeout(&address, wait).ok()).collect();
    assert!(full.len() < 8, "the queue takes everything");
    let text = format!(
        "infrastructure_type = \"OnPremises\"\nhostname = \"ex01\"\nauthentication_method = \"Negotiate\"\n\
         username = \"svc\"\npassword = \"x\"\ncreate_method = \"New\"\n[endpoint]\n\
         url = \"http://{address}/PowerShell/\"\nconnect_timeout = \"1s\"\n"
    );
    let connector = Connector::open(Settings::from_toml_str(&text).unwrap()).await.unwrap();
    let report = connector.check().await;
    let step = report.steps.iter().find(|step| step.status == CheckStatus::Failed).unwrap();
    assert_eq!((step.name, step.detail.as_deref()), ("connect", Some("no answer within 1 s")));
}
