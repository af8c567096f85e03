//! The client against a server whose authentication and encryption are other people's work.
//!
//! Runs when `EXCHANGE_TEST_PEER` names the folder of `peer_server.py`, and `EXCHANGE_TEST_PYTHON` a Python that has what
//! it needs.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wsman::client::{
    CertificateProblem, ClientOptions, Credentials, Error, Exchange, HttpClient, Phase, Received,
    Shell, ShellOptions, SoapRequest, identify, list_shells,
};
use wsman::{Advice, Disconnect, FaultCode, SignalCode, Verb};

/// A server that ends with this value.
pub(crate) struct Peer {
    child: Child,
    facts: Value,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Closing its standard input ends the server in order.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Peer {
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let folder = std::env::var_os("EXCHANGE_TEST_PEER").map(PathBuf::from);
        let Some(script) = folder.map(|folder| folder.join("peer_server.py")) else {
            eprintln!("skipped: EXCHANGE_TEST_PEER does not name the folder of a peer");
            return None;
        };
        let python = std::env::var_os("EXCHANGE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut child = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("EXCHANGE_TEST_PYTHON names an interpreter");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the peer says where it listens");
        if line.is_empty() && arguments.contains(&"--kerberos") {
            let _ = child.wait();
            eprintln!("skipped: the peer cannot start a KDC");
            return None;
        }
        let facts = serde_json::from_str(&line).expect("the peer speaks JSON");
        Some(Self { child, facts })
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.facts.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        let port = self.facts.get(scheme).and_then(Value::as_u64).unwrap_or_default();
        format!("{scheme}://localhost:{port}{path}")
    }

    pub(crate) fn options(
        &self,
        scheme: &str,
        path: &str,
        credentials: Credentials,
    ) -> ClientOptions {
        ClientOptions::new(self.url(scheme, path), credentials)
            .native_roots(false)
            .ca_file(self.text("ca"))
            .connect_timeout(Duration::from_secs(20))
    }

    pub(crate) fn negotiate(&self) -> Credentials {
        Credentials::negotiate(r"TEST\svc", self.text("password"))
    }

    fn basic(&self) -> Credentials {
        Credentials::basic("svc", self.text("password"))
    }

    /// Returns a client, and a shell that it opened.
    pub(crate) async fn shell(&self, options: ClientOptions) -> Result<Shell, Error> {
        let url = self.url("http", "/PowerShell");
        let client: Arc<dyn Exchange> = Arc::new(HttpClient::new(options)?);
        let options = ShellOptions::new(&url)
            .operation_timeout(Duration::from_secs(5))
            .shell_id(uuid::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff));
        Shell::create(client, options, creation_xml()).await.map(|(shell, _)| shell)
    }
}

/// SESSION_CAPABILITY of a client of version 2.3, as object 1.
fn creation_xml() -> Vec<u8> {
    fragment(
        1,
        0x0001_0002,
        r#"<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version><Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>"#,
    )
}

/// SESSION_CAPABILITY and INIT_RUNSPACEPOOL, which open the pool.
fn opening_xml() -> Vec<u8> {
    let init = fragment(
        2,
        0x0001_0004,
        r#"<Obj RefId="0"><MS><I32 N="MinRunspaces">1</I32><I32 N="MaxRunspaces">1</I32><Obj N="PSThreadOptions" RefId="1"><TN RefId="0"><T>System.Management.Automation.Runspaces.PSThreadOptions</T><T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN><ToString>Default</ToString><I32>0</I32></Obj><Obj N="ApartmentState" RefId="2"><TN RefId="1"><T>System.Threading.ApartmentState</T><T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN><ToString>Unknown</ToString><I32>2</I32></Obj><Obj N="HostInfo" RefId="3"><MS><B N="_isHostNull">true</B><B N="_isHostUINull">true</B><B N="_isHostRawUINull">true</B><B N="_useRunspaceHost">true</B></MS></Obj><Nil N="ApplicationArguments" /></MS></Obj>"#,
    );
    [creation_xml(), init].concat()
}

/// One message of the pool in one fragment.
fn fragment(object: u8, message_type: u32, body: &str) -> Vec<u8> {
    let mut message = vec![2, 0, 0, 0];
    message.extend_from_slice(&message_type.to_le_bytes());
    message.extend_from_slice(&[0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99]);
    message.extend_from_slice(&[0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
    message.extend_from_slice(&[0; 16]);
    message.extend_from_slice(body.as_bytes());
    let mut fragment = vec![0, 0, 0, 0, 0, 0, 0, object, 0, 0, 0, 0, 0, 0, 0, 0, 3];
    let length = u32::try_from(message.len()).expect("the message is short");
    fragment.extend_from_slice(&length.to_be_bytes());
    fragment.extend_from_slice(&message);
    fragment
}

pub(crate) fn request(body: String) -> SoapRequest {
    let id = wsman::MessageId::from(uuid::Uuid::nil());
    SoapRequest::new(Verb::Get, id, body, Some(Duration::from_secs(5)))
}

/// Sends bodies of growing length and checks what comes back.
pub(crate) async fn echo(client: &HttpClient, expected_scheme: &str) {
    for length in [1, 2, 15, 16, 17, 1000, 65_535, 65_536, 150_000, 500_000] {
        let body: String = ('a'..='z').cycle().take(length).collect();
        let answer = client.exchange(request(body.clone())).await.expect("an echo");
        let text = String::from_utf8(answer.envelope).expect("text");
        assert!(text.starts_with(expected_scheme), "{}", text.chars().take(60).collect::<String>());
        assert!(text.ends_with(&body), "{length}");
    }
}

pub(crate) fn error_of<T>(result: Result<T, Error>) -> Error {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn ntlm_seals_messages_over_http() {
    for arguments in [&[][..], &["--chunked"]] {
        let Some(peer) = Peer::start(arguments) else { return };
        for path in ["/echo", "/echo?serializationLevel=None"] {
            let client = HttpClient::new(peer.options("http", path, peer.negotiate())).unwrap();
            assert_eq!(client.overhead(), wsman::mime::OVERHEAD);
            echo(&client, "Negotiate|").await;
        }
    }
}

#[tokio::test]
async fn ntlm_within_spnego_seals_and_is_bound() {
    for arguments in [&["--cbt", "required"][..], &["--cbt", "required", "--tls-max", "1.2"]] {
        let Some(peer) = Peer::start(arguments) else { return };
        for scheme in ["http", "https"] {
            let credentials = peer.negotiate().within_spnego(true);
            let client = HttpClient::new(peer.options(scheme, "/echo", credentials)).unwrap();
            echo(&client, "Negotiate|ntlm|").await;
            let wrong = Credentials::negotiate("svc", "wrong").within_spnego(true);
            let client = HttpClient::new(peer.options(scheme, "/echo", wrong)).unwrap();
            let error = error_of(client.exchange(request("x".to_owned())).await);
            assert!(matches!(error, Error::BadCredentials { .. }), "{error:?}");
        }
        let credentials = peer.negotiate().within_spnego(true);
        let unbound = peer.options("https", "/echo", credentials).channel_binding(false);
        let client = HttpClient::new(unbound).unwrap();
        let error = error_of(client.exchange(request("x".to_owned())).await);
        assert!(matches!(error, Error::BadCredentials { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn all_forms_of_a_user_name_sign_in() {
    let Some(peer) = Peer::start(&[]) else { return };
    for username in [r"TEST\svc", "svc@test.local", "svc"] {
        let credentials = Credentials::negotiate(username, peer.text("password"));
        let client = HttpClient::new(peer.options("http", "/echo", credentials)).unwrap();
        client.exchange(request("x".to_owned())).await.unwrap();
    }
}

#[tokio::test]
async fn basic_and_negotiate_go_over_https() {
    let Some(peer) = Peer::start(&[]) else { return };
    let client = HttpClient::new(peer.options("https", "/echo", peer.basic())).unwrap();
    assert_eq!(client.overhead(), 0);
    echo(&client, "Basic|").await;
    let client = HttpClient::new(peer.options("https", "/echo", peer.negotiate())).unwrap();
    echo(&client, "Negotiate|").await;
}

#[tokio::test]
async fn a_server_that_demands_channel_bindings_gets_them() {
    for arguments in [
        &["--cbt", "required"][..],
        &["--cbt", "required", "--cert-key", "ec", "--cert-hash", "sha384"],
        &["--cbt", "required", "--cert-hash", "sha512", "--tls-max", "1.2"],
    ] {
        let Some(peer) = Peer::start(arguments) else { return };
        let options = || peer.options("https", "/echo", peer.negotiate());
        let client = HttpClient::new(options()).unwrap();
        client.exchange(request("x".to_owned())).await.unwrap();
        let unbound = HttpClient::new(options().channel_binding(false)).unwrap();
        let error = error_of(unbound.exchange(request("x".to_owned())).await);
        assert!(matches!(error, Error::BadCredentials { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn wrong_credentials_and_schemes_are_told_apart() {
    let Some(peer) = Peer::start(&["--auth", "negotiate,basic"]) else { return };
    let wrong = |basic: bool| {
        if basic {
            Credentials::basic("svc", "wrong")
        } else {
            Credentials::negotiate("svc", "wrong")
        }
    };
    for (scheme, credentials) in
        [("http", wrong(false)), ("https", wrong(false)), ("https", wrong(true))]
    {
        let client = HttpClient::new(peer.options(scheme, "/echo", credentials)).unwrap();
        let error = error_of(client.exchange(request("x".to_owned())).await);
        assert!(
            matches!(&error, Error::BadCredentials { username } if username == "svc"),
            "{error:?}"
        );
        assert_eq!(error.advice(), Advice::Never);
    }
    let Some(peer) = Peer::start(&["--auth", "credssp,basic"]) else { return };
    let client = HttpClient::new(peer.options("https", "/echo", peer.negotiate())).unwrap();
    let error = error_of(client.exchange(request("x".to_owned())).await);
    let Error::NotOffered { asked, offered } = &error else { panic!("{error:?}") };
    assert_eq!((*asked, offered.join(",").as_str()), ("Negotiate", "CredSSP,Basic"));
    let Some(peer) = Peer::start(&["--auth", "negotiate"]) else { return };
    let client = HttpClient::new(peer.options("https", "/echo", peer.basic())).unwrap();
    let error = error_of(client.exchange(request("x".to_owned())).await);
    assert!(matches!(&error, Error::NotOffered { asked: "Basic", .. }), "{error:?}");
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let Some(peer) = Peer::start(&[]) else { return };
    let options = ClientOptions::new(peer.url("https", "/echo"), peer.basic()).native_roots(false);
    let client = HttpClient::new(options).unwrap();
    let error = error_of(client.exchange(request("x".to_owned())).await);
    let problem = CertificateProblem::UnknownIssuer;
    assert!(
        matches!(&error, Error::Certificate { problem: found, .. } if *found == problem),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_shell_is_opened_used_and_closed() {
    let Some(peer) = Peer::start(&[]) else { return };
    let shell = peer.shell(peer.options("http", "/PowerShell", peer.negotiate())).await.unwrap();
    assert!(shell.send_budget() > 110_000 && shell.send_budget() < 115_200);
    shell.set_max_envelope_size(512_000);
    assert!(shell.command_budget() > 380_000);
    let Received::Output(output) = shell.receive(None).await.unwrap() else { panic!("idle") };
    assert!(output.streams.iter().all(|part| part.name == "stdout"));
    assert!(output.streams.iter().any(|part| !part.data.is_empty()));
    shell
        .signal(&"07936B27-7752-4325-8B0D-E7A1E9448320".into(), SignalCode::Terminate)
        .await
        .unwrap();
    shell.delete().await.unwrap();
    shell.delete().await.unwrap();
    let error = error_of(shell.receive(None).await);
    assert_eq!(error.fault().and_then(|fault| fault.code), Some(FaultCode::UNEXPECTED_SELECTORS));
    assert_eq!(error.advice(), Advice::NewShell);
}

#[tokio::test]
async fn a_shell_of_winrm_is_listed_left_alone_and_taken_up_again() {
    let Some(peer) = Peer::start(&[]) else { return };
    let options = peer.options("http", "/wsman", peer.negotiate());
    let client: Arc<dyn Exchange> = Arc::new(HttpClient::new(options).unwrap());
    let options = ShellOptions::new(&peer.url("http", "/wsman"))
        .operation_timeout(Duration::from_secs(5))
        .shell_id(uuid::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff));
    let who = identify(&*client, &options).await.unwrap();
    assert!(who.product_vendor.is_some_and(|vendor| !vendor.is_empty()));
    let (shell, _) =
        Shell::create(Arc::clone(&client), options.clone(), opening_xml()).await.unwrap();
    let state = async || {
        let shells = list_shells(&*client, &options).await.unwrap();
        let own = shells.into_iter().find(|other| other.shell_id.as_ref() == Some(shell.id()));
        own.and_then(|own| own.state)
    };
    assert_eq!(state().await.as_deref(), Some("Connected"));
    assert!(shell.commands().await.unwrap().is_empty());
    shell.disconnect(Disconnect::default()).await.unwrap();
    assert_eq!(state().await.as_deref(), Some("Disconnected"));
    shell.reconnect(None).await.unwrap();
    assert_eq!(state().await.as_deref(), Some("Connected"));
    shell.delete().await.unwrap();
    assert_eq!(state().await, None);
}

#[tokio::test]
async fn who_answers_is_told_to_nobody_in_particular() {
    let Some(peer) = Peer::start(&[]) else { return };
    let client = |path| {
        let options = peer.options("http", path, Credentials::anonymous());
        (Arc::new(HttpClient::new(options).unwrap()), ShellOptions::new(&peer.url("http", path)))
    };
    let (nobody, options) = client("/wsman-anon/identify");
    let who = identify(&*nobody, &options).await.unwrap();
    assert_eq!(who.product_vendor.as_deref(), Some("Microsoft Corporation"));
    assert_eq!(who.product_version.as_deref(), Some("OS: 0.0.0 SP: 0.0 Stack: 3.0"));
    // This server answers at its usual path only to those whom it knows.
    let (nobody, options) = client("/wsman");
    let error = error_of(identify(&*nobody, &options).await);
    assert!(
        matches!(&error, Error::NotOffered { offered, .. } if offered.contains(&"Negotiate".to_owned()))
    );
    let error = error_of(Shell::create(nobody, options, creation_xml()).await);
    assert!(matches!(error, Error::OnlyIdentify { verb: Verb::Create }), "{error:?}");
}

#[tokio::test]
async fn a_waiting_receive_holds_up_nothing_and_ends_idle() {
    let Some(peer) = Peer::start(&[]) else { return };
    let options = peer.options("http", "/PowerShell", peer.negotiate());
    let shell = Arc::new(peer.shell(options).await.unwrap());
    shell.receive(None).await.unwrap();
    let waiting = tokio::spawn({
        let shell = Arc::clone(&shell);
        async move { shell.receive(None).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let command = "07936B27-7752-4325-8B0D-E7A1E9448320".into();
    let signal = shell.signal(&command, SignalCode::Terminate);
    tokio::time::timeout(Duration::from_secs(2), signal).await.unwrap().unwrap();
    assert!(!waiting.is_finished());
    assert_eq!(waiting.await.unwrap().unwrap(), Received::Idle);
}

#[tokio::test]
async fn a_dropped_exchange_does_not_spoil_the_next() {
    let Some(peer) = Peer::start(&[]) else { return };
    let options = peer.options("http", "/PowerShell", peer.negotiate()).max_connections(1);
    let shell = peer.shell(options).await.unwrap();
    shell.receive(None).await.unwrap();
    for _ in 0..3 {
        let receive = shell.receive(None);
        assert!(tokio::time::timeout(Duration::from_millis(200), receive).await.is_err());
    }
    shell.delete().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    for fault in ["close@Create:1", "unsolicited401@Receive:1"] {
        let Some(peer) = Peer::start(&["--fault", fault]) else { return };
        let options = peer.options("http", "/PowerShell", peer.negotiate());
        let shell = peer.shell(options).await.unwrap();
        assert!(matches!(shell.receive(None).await.unwrap(), Received::Output(_)), "{fault}");
        shell.delete().await.unwrap();
    }
}

#[tokio::test]
async fn broken_answers_are_told_apart() {
    let unavailable = |error: &Error| {
        matches!(error, Error::Http(answer) if answer.status == 503
            && answer.content_type.starts_with("text/html") && !answer.excerpt.contains('<'))
    };
    let cases: [(&str, Check); 9] = [
        ("drop", lost),
        ("drop-after", lost),
        ("drop-mid", lost),
        ("badsig", |error| matches!(error, Error::Unseal { .. })),
        ("garble", |error| matches!(error, Error::Decode { verb: Verb::Receive, .. })),
        ("http=503", |error| matches!(error, Error::Http(answer) if answer.status == 503)),
        // Over http the peer seals whatever has a body, even a page that no service would have had the keys for.
        ("html=503", unavailable),
        ("http=404", |error| matches!(error, Error::Http(answer) if answer.status == 404)),
        ("fault=2150859175", |error| error.advice() == Advice::Later),
    ];
    let struck = cases.iter().map(|(fault, _)| *fault).chain(["html=503"]);
    let faults = struck.zip(1..).map(|(fault, number)| format!("--fault={fault}@Receive:{number}"));
    let faults: Vec<String> = faults.collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let Some(peer) = Peer::start(&faults) else { return };
    let options = peer.options("http", "/PowerShell", peer.negotiate());
    let shell = peer.shell(options).await.unwrap();
    for (fault, check) in cases {
        // Each exchange uses a connection of its own, for what was on the last one is not trusted.
        let error = error_of(shell.receive(None).await);
        assert!(check(&error), "{fault}: {error:?}");
    }
    shell.delete().await.unwrap();
    let options = peer.options("https", "/PowerShell", peer.negotiate());
    let shell = peer.shell(options).await.unwrap();
    let error = error_of(shell.receive(None).await);
    assert!(unavailable(&error), "{error:?}");
    assert!(shell.receive(None).await.is_ok());
}

type Check = fn(&Error) -> bool;

fn lost(error: &Error) -> bool {
    matches!(error, Error::Lost { sent: true, .. }) && error.outcome_unknown()
}

#[tokio::test]
async fn a_request_that_is_too_large_gets_413() {
    let Some(peer) = Peer::start(&["--max-envelope", "153600"]) else { return };
    let client = HttpClient::new(peer.options("https", "/echo", peer.basic())).unwrap();
    let error = error_of(client.exchange(request("x".repeat(400_000))).await);
    assert!(matches!(&error, Error::Http(answer) if answer.status == 413), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused() {
    let Some(peer) = Peer::start(&[]) else { return };
    let options = peer.options("https", "/echo", peer.basic()).max_response_size(1000);
    let client = HttpClient::new(options).unwrap();
    let error = error_of(client.exchange(request("x".repeat(2000))).await);
    assert!(matches!(error, Error::TooLarge { limit: 1000 }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let Some(peer) = Peer::start(&["--fault", "slow=30@Create:1"]) else { return };
    let options = peer.options("http", "/PowerShell", peer.negotiate());
    let client: Arc<dyn Exchange> =
        Arc::new(HttpClient::new(options.answer_margin(Duration::ZERO)).unwrap());
    let options = ShellOptions::new(&peer.url("http", "/PowerShell"))
        .operation_timeout(Duration::from_secs(1));
    let error = error_of(Shell::create(client, options, creation_xml()).await);
    assert!(matches!(error, Error::Timeout { phase: Phase::Answer, .. }), "{error:?}");
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn the_cookie_of_a_load_balancer_is_kept() {
    let Some(peer) = Peer::start(&["--affinity-cookie"]) else { return };
    let shell = peer.shell(peer.options("http", "/PowerShell", peer.negotiate())).await.unwrap();
    assert!(matches!(shell.receive(None).await.unwrap(), Received::Output(_)));
    // Without it the request reaches another server, which knows neither the shell nor, in this one's case, the request.
    let astray = HttpClient::new(peer.options("http", "/PowerShell", peer.negotiate())).unwrap();
    let options = ShellOptions::new(&peer.url("http", "/PowerShell"));
    let astray = Shell::attach(Arc::new(astray), options, shell.id().clone());
    let error = error_of(astray.receive(None).await);
    assert_eq!(error.fault().and_then(|fault| fault.code), Some(FaultCode::UNEXPECTED_SELECTORS));
    shell.delete().await.unwrap();
}

#[tokio::test]
async fn throttling_in_a_bare_answer_keeps_its_category() {
    let Some(peer) = Peer::start(&["--fault", "throttle@Create:1"]) else { return };
    let options = peer.options("http", "/PowerShell", peer.negotiate());
    let error = error_of(peer.shell(options).await);
    let category = match &error {
        Error::Http(answer) => answer.diagnostics.failure_category(),
        other => other.fault().and_then(|fault| fault.diagnostics.failure_category()),
    };
    assert!(category.is_some_and(|category| category.starts_with("AuthZ-")), "{error:?}");
    assert_eq!(error.advice(), Advice::Later, "{error:?}");
}

#[tokio::test]
async fn no_server_is_an_error_of_its_own() {
    let credentials = Credentials::negotiate("svc", "x");
    let client = HttpClient::new(ClientOptions::new("http://127.0.0.1:1/", credentials)).unwrap();
    let error = error_of(client.exchange(request("x".to_owned())).await);
    assert!(matches!(error, Error::Connect { port: 1, .. }), "{error:?}");
}
