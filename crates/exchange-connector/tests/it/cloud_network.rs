//! The way to the service: over TLS with an authority of its own, through a proxy, to pinned certificates alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use exchange_connector::{Change, CheckStatus, Connector, Error, ImportRequest, Settings};
use exchange_online::{HttpExchange, HttpOptions, Method, RestExchange as _, RestRequest};
use exchange_sim::{Infrastructure, SimOptions, Simulator};
use futures_util::StreamExt as _;
use sha2::Digest as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The simulated service over https, and a folder for its authority that goes with it.
struct Site {
    simulator: Simulator,
    folder: std::path::PathBuf,
}

impl Site {
    async fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("exchange-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        let options = SimOptions::default().mailboxes(5).infrastructure(Infrastructure::Cloud);
        let options = options.tls(folder.join("ca.pem"));
        Self { simulator: Simulator::start(options).await.expect("a port is free"), folder }
    }

    /// A connector with further lines in the table `[cloud]`, which stands last.
    async fn open(&self, lines: &str) -> Connector {
        let text = format!("{}{lines}", self.simulator.settings_toml());
        let settings = Settings::from_toml_str(&text).expect("the settings are right");
        Connector::open(settings).await.expect("the settings can be used")
    }

    /// SHA-256 of the server's certificate, as a client is shown it.
    async fn fingerprint(&self) -> String {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&seen);
        let options = HttpOptions::default().ca_file(self.folder.join("ca.pem"));
        let options = options.certificate_check(move |certificate| {
            *shown.lock().expect("nobody panics here") = certificate.to_vec();
            true
        });
        let exchange = HttpExchange::new(&options).expect("the authority is there");
        let url = self.simulator.url().parse().expect("an address");
        exchange.send(RestRequest::new(Method::Get, url)).await.expect("it answers");
        let certificate = seen.lock().expect("nobody panics here").clone();
        sha2::Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    async fn end(self) {
        self.simulator.close().await;
        std::fs::remove_dir_all(&self.folder).expect("it is still there");
    }
}

async fn import(connector: &Connector) -> Option<Change> {
    let mut changes = connector.import(ImportRequest::new().attributes(["DisplayName"]));
    let mut last = None;
    while let Some(Ok(change)) = changes.next().await {
        last = Some(change);
    }
    last
}

/// A proxy that makes tunnels for whoever has the password, and counts them.
async fn proxy(password: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens").to_string();
    let tunnels = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tunnels);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move { tunnel(stream, password, &count).await });
        }
    });
    (address, tunnels)
}

async fn tunnel(stream: TcpStream, password: &str, count: &AtomicUsize) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut target, mut let_in) = (String::new(), password.is_empty());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(' ') {
            Some(("CONNECT", rest)) => {
                rest.split(' ').next().unwrap_or_default().clone_into(&mut target);
            }
            Some(("Proxy-Authorization:", value)) => let_in = value == password,
            _ if line.trim().is_empty() => break,
            _ => {}
        }
    }
    if !let_in {
        return stream.write_all(b"HTTP/1.1 407 No\r\n\r\n").await;
    }
    count.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(target).await?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut stream, &mut server).await.map(|_| ())
}

#[tokio::test]
async fn over_tls_the_authority_is_the_settings_own() {
    let site = Site::start("tls").await;
    let connector = site.open("min_tls = \"1.3\"\nconnect_timeout = \"5s\"\n").await;
    assert!(matches!(import(&connector).await, Some(Change::Complete { objects: 5, .. })));
    let report = connector.check().await;
    assert!(report.ok, "{report:?}");

    let text = site.simulator.settings_toml();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("ca_file")).collect();
    let settings = Settings::from_toml_str(&lines.join("\n")).expect("the settings are right");
    let connector = Connector::open(settings).await.expect("the settings can be used");
    let error = connector.connect().await.expect_err("nobody vouches for it");
    assert_eq!((error.exit_code(), error.is_retryable()), (4, false));
    let report = error.report();
    assert!(report.contains("UnknownIssuer"), "{report}");
    let report = connector.check().await;
    let step = report.steps.iter().find(|step| step.status == CheckStatus::Failed);
    let remedy = step.and_then(|step| step.remedy.clone()).expect("a step fails");
    assert!(remedy.contains("cloud.ca_file"), "{remedy}");
    site.end().await;
}

#[tokio::test]
async fn a_certificate_has_to_be_one_of_the_pinned() {
    let site = Site::start("pin").await;
    let (right, wrong) = (site.fingerprint().await, "00".repeat(32));
    let pins = format!("certificate_pin = [\"{wrong}\", \"{right}\"]\n");
    assert!(matches!(import(&site.open(&pins).await).await, Some(Change::Complete { .. })));
    let connector = site.open(&format!("certificate_pin = \"{wrong}\"\n")).await;
    let error = connector.connect().await.expect_err("it is another one");
    assert!(matches!(error, Error::SignIn { .. }), "{error:?}");
    assert_eq!((error.exit_code(), error.is_retryable()), (4, false));
    assert!(error.report().contains("none of those that are demanded"), "{}", error.report());
    let report = connector.check().await;
    let step = report.steps.iter().find(|step| step.status == CheckStatus::Failed);
    let remedy = step.and_then(|step| step.remedy.clone()).expect("a step fails");
    assert!(remedy.contains("cloud.certificate_pin"), "{remedy}");
    site.end().await;
}

#[tokio::test]
async fn a_proxy_is_asked_for_tunnels_and_let_in_with_its_password() {
    let site = Site::start("proxy").await;
    // ann:secret
    let (address, tunnels) = proxy("Basic YW5uOnNlY3JldA==").await;
    let connector = site.open(&format!("proxy = \"http://ann:secret@{address}\"\n")).await;
    assert!(connector.settings().warnings().iter().any(|text| text.contains("cloud.proxy")));
    assert!(matches!(import(&connector).await, Some(Change::Complete { .. })));
    let made = tunnels.load(Ordering::SeqCst);
    assert!(made > 0);
    let report = connector.check().await;
    let step = report.steps.iter().find(|step| step.name == "connect").expect("it is a step");
    assert_eq!(step.detail, Some(format!("through the proxy {address}")));
    assert!(report.ok, "{report:?}");

    let connector = site.open(&format!("proxy = \"http://{address}\"\n")).await;
    let error = connector.connect().await.expect_err("it is not let in");
    assert_eq!((error.exit_code(), error.is_retryable()), (4, false));
    assert!(error.report().contains("wants other credentials (status 407)"), "{}", error.report());
    let connector = site.open("proxy = \"none\"\n").await;
    assert!(matches!(import(&connector).await, Some(Change::Complete { .. })));
    site.end().await;
}

#[tokio::test]
async fn plain_http_goes_through_a_tunnel_too() {
    let options = SimOptions::default().mailboxes(3).infrastructure(Infrastructure::Cloud);
    let simulator = Simulator::start(options).await.expect("a port is free");
    let (address, tunnels) = proxy("").await;
    let text = format!("{}proxy = \"{address}\"\n", simulator.settings_toml());
    let settings = Settings::from_toml_str(&text).expect("the settings are right");
    let connector = Connector::open(settings).await.expect("the settings can be used");
    assert!(matches!(import(&connector).await, Some(Change::Complete { objects: 3, .. })));
    assert!(tunnels.load(Ordering::SeqCst) > 0);
    simulator.close().await;
}
