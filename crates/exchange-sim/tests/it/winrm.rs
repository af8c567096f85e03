//! The simulator's WinRM service, by this workspace's own client.

use std::sync::Arc;
use std::time::Duration;

use exchange_sim::{ManagementTools, SimOptions, Simulator};
use psrp_client::psrp::{self, Command, PowerShell, Transmit};
use psrp_client::wsman::client::{
    ClientOptions, Credentials, Error, Exchange, HttpClient, Shell, ShellOptions, identify,
    list_shells,
};
use psrp_client::wsman::{Disconnect, FaultCode, ResourceUri};
use psrp_client::{PoolOptions, RunspacePool};

fn client(simulator: &Simulator, url: &str) -> Arc<dyn Exchange> {
    let credentials = Credentials::negotiate(simulator.user(), simulator.password());
    Arc::new(HttpClient::new(ClientOptions::new(url, credentials)).unwrap())
}

fn options(url: &str) -> ShellOptions {
    ShellOptions::new(url)
        .resource_uri(ResourceUri::powershell())
        .operation_timeout(Duration::from_secs(5))
        .name("test")
}

fn code(error: &Error) -> Option<FaultCode> {
    error.fault().and_then(|fault| fault.code)
}

/// The id of a pool, and what opens it.
fn opening() -> (uuid::Uuid, Vec<u8>) {
    let rng = rand::make_rng::<rand::rngs::StdRng>();
    let mut machine = psrp::RunspacePool::new(psrp::PoolOptions::default(), Box::new(rng));
    machine.open().unwrap();
    let Some(Transmit::OpenShell { payload, .. }) = machine.poll_transmit() else {
        panic!("there is nothing to open")
    };
    (machine.id().uuid(), payload.into_bytes())
}

#[tokio::test]
async fn a_session_is_listed_left_alone_and_taken_up() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(2)).await.unwrap();
    let url = simulator.winrm_url();
    let client = client(&simulator, &url);
    let who = identify(&*client, &options(&url)).await.unwrap();
    assert_eq!(who.product_version.as_deref(), Some("OS: 10.0.20348 SP: 0.0 Stack: 3.0"));
    let (id, opening) = opening();
    let create = options(&url).shell_id(id);
    let (shell, _) = Shell::create(Arc::clone(&client), create, opening).await.unwrap();
    let list = async || list_shells(&*client, &options(&url)).await.unwrap();
    let [only] = &list().await[..] else { panic!("one shell is open") };
    assert_eq!(only.name.as_deref(), Some("test"));
    assert_eq!(only.owner.as_deref(), Some(simulator.user().as_str()));
    assert_eq!(only.resource_uri.as_deref(), Some(ResourceUri::powershell().as_str()));
    assert_eq!(only.state.as_deref(), Some("Connected"));
    assert_eq!(only.shell_id.as_ref(), Some(shell.id()));

    shell.disconnect(Disconnect::default()).await.unwrap();
    assert_eq!(list().await[0].state.as_deref(), Some("Disconnected"));
    let refused = shell.receive(None).await.unwrap_err();
    assert_eq!(code(&refused), Some(FaultCode::SHELL_DISCONNECTED));
    shell.reconnect(None).await.unwrap();
    let twice = shell.reconnect(None).await.unwrap_err();
    assert_eq!(code(&twice), Some(FaultCode::RECONNECT_NOT_VALID));
    shell.delete().await.unwrap();
    assert!(list().await.is_empty());
    simulator.close().await;
}

#[tokio::test]
async fn exchange_own_endpoint_knows_nothing_of_this() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(2)).await.unwrap();
    let (exchange, winrm) = (simulator.url(), simulator.winrm_url());
    let at_exchange = client(&simulator, &exchange);
    let refused = list_shells(&*at_exchange, &options(&exchange)).await.unwrap_err();
    assert_eq!(code(&refused), Some(FaultCode::ACTION_NOT_SUPPORTED));
    let opening = RunspacePool::open(at_exchange, options(&exchange), PoolOptions::default()).await;
    let foreign = opening.unwrap_err();
    assert_eq!(foreign.transport().and_then(code), Some(FaultCode::INVALID_RESOURCE_URI));

    // A shell is known to the endpoint that made it alone.
    let at_winrm = client(&simulator, &winrm);
    let pool = RunspacePool::open(Arc::clone(&at_winrm), options(&winrm), PoolOptions::default())
        .await
        .unwrap();
    let id = pool.id().uuid().into();
    let shell = Shell::attach(client(&simulator, &exchange), options(&exchange), id);
    let unknown = shell.receive(None).await.unwrap_err();
    assert_eq!(code(&unknown), Some(FaultCode::UNEXPECTED_SELECTORS));
    pool.close().await;
    simulator.close().await;
}

#[tokio::test]
async fn scripts_are_refused_with_a_reason() {
    let options_ = SimOptions::default().mailboxes(2).management_tools(ManagementTools::Missing);
    let simulator = Simulator::start(options_).await.unwrap();
    let url = simulator.winrm_url();
    let client = client(&simulator, &url);
    let pool = RunspacePool::open(client, options(&url), PoolOptions::default()).await.unwrap();
    for (command, expected) in [
        (Command::script("Get-Date"), "no script engine"),
        (Command::new("Get-Mailbox"), "'Get-Mailbox' is not recognized"),
        (Command::new("Add-PSSnapin").parameter("Name", "x"), "No snap-ins"),
    ] {
        let mut records = pool.invoke(PowerShell::new().command(command)).await.unwrap();
        let error = records.next().await.unwrap().unwrap_err();
        let message = &error.error_record().unwrap().message;
        assert!(message.contains(expected), "{message}");
    }
    pool.close().await;
    simulator.close().await;
}

#[tokio::test]
async fn who_answers_is_told_without_signing_in() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let simulator = Simulator::start(SimOptions::default().mailboxes(1)).await.unwrap();
    let ask = async |path: &str, header: &str| {
        let body = r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/></s:Body></s:Envelope>"#;
        let mut stream = tokio::net::TcpStream::connect(simulator.addr()).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}Content-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let header = "WSMANIDENTIFY: unauthenticated\r\n";
    for (path, header) in [("/wsman-anon/identify", ""), ("/wsman", header)] {
        let answer = ask(path, header).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("OS: 0.0.0 SP: 0.0 Stack: 3.0"), "{answer}");
    }
    for (path, header) in [("/wsman", ""), ("/PowerShell", header)] {
        let answer = ask(path, header).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let url = simulator.winrm_url();
    let nobody = HttpClient::new(ClientOptions::new(&url, Credentials::anonymous())).unwrap();
    let who = identify(&nobody, &ShellOptions::new(&url)).await.unwrap();
    assert_eq!(who.product_version.as_deref(), Some("OS: 0.0.0 SP: 0.0 Stack: 3.0"));
    simulator.close().await;
}

#[tokio::test]
async fn credssp_signs_in_at_winrm_alone_and_with_the_right_password() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(1)).await.unwrap();
    let open = async |url: &str, password: &str| {
        let credentials = Credentials::credssp(simulator.user(), password);
        let http = Arc::new(HttpClient::new(ClientOptions::new(url, credentials)).unwrap());
        let shell = match url.ends_with("/wsman") {
            true => options(url),
            false => options(url).resource_uri(ResourceUri::exchange()),
        };
        RunspacePool::open(http, shell, PoolOptions::default()).await
    };
    let winrm = simulator.winrm_url();
    open(&winrm, simulator.password()).await.unwrap().close().await;
    let wrong = open(&winrm, "wrong").await.unwrap_err();
    assert!(matches!(wrong.transport(), Some(Error::BadCredentials { .. })), "{wrong:?}");
    let exchange = open(&simulator.url(), simulator.password()).await.unwrap_err();
    assert!(matches!(exchange.transport(), Some(Error::NotOffered { .. })), "{exchange:?}");
    assert_eq!(simulator.open_shells(), 0);
    simulator.close().await;
}
