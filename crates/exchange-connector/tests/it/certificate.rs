//! Signing in with a client certificate: a gate that demands one stands before the simulator, and maps it to the account.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exchange_connector::{Connector, Error, Settings};
use exchange_sim::{SimOptions, Simulator};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A folder that goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "connector-certificate-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a gate before a server, and writes `ca.pem`, `svc.pem` with its key, and `stranger.pem`.
async fn gate(folder: &Path, simulator: &Simulator) -> u16 {
    let server = simulator.url().replace("http://", "").replace("/PowerShell", "");
    let server = server.trim_matches('/').to_owned();
    let account = STANDARD.encode(format!("{}:{}", simulator.user(), simulator.password()));
    let basic = format!("Basic {account}");
    let issuer = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (own, strange) = (issuer(), issuer());
    let issue = |name: &str, issuer: &CertifiedIssuer<'_, KeyPair>| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, issuer).unwrap(), key)
    };
    std::fs::write(folder.join("ca.pem"), own.pem()).unwrap();
    for (file, issuer) in [("svc.pem", &own), ("stranger.pem", &strange)] {
        let (certificate, key) = issue("svc", issuer);
        // The key goes first, as some tools write it.
        std::fs::write(folder.join(file), key.serialize_pem() + &certificate.pem()).unwrap();
    }
    let (certificate, key) = issue("localhost", &own);
    let mut roots = RootCertStore::empty();
    roots.add(own.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass(acceptor.clone(), stream, server.clone(), basic.clone()));
        }
    });
    port
}

/// Hands requests on, with the account's password in the place of the certificate.
async fn pass(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    server: String,
    basic: String,
) -> io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(acceptor.accept(stream).await?);
    let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = Vec::new();
    while from_client.read_buf(&mut bytes).await? > 0 {
        if bytes.starts_with(b"POST ") {
            // The client waits for each answer, so a head stands at the beginning of what comes.
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            assert!(head.contains(MUTUAL), "{head}");
            to_server.write_all(head.replace(MUTUAL, &basic).as_bytes()).await?;
            bytes.drain(..end);
        }
        to_server.write_all(&bytes).await?;
        bytes.clear();
    }
    Ok(())
}

const MUTUAL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

fn settings(folder: &Path, port: u16, file: &str, more: &str) -> Settings {
    let folder = folder.display();
    let text = format!(
        r#"
        infrastructure_type = "OnPremises"
        hostname = "localhost"
        authentication_method = "Default"
        create_method = "New"
        [endpoint]
        url = "https://localhost:{port}/PowerShell/"
        ca_file = "{folder}/ca.pem"
        client_certificate_file = "{folder}/{file}"
        proxy = "none"
        {more}
        "#
    );
    Settings::from_toml_str(&text).unwrap()
}

async fn simulator() -> Simulator {
    let options = SimOptions::default().mailboxes(3).allow_unencrypted(true);
    Simulator::start(options).await.unwrap()
}

#[tokio::test]
async fn a_certificate_in_a_file_signs_in() {
    let (folder, simulator) = (Folder::new(), simulator().await);
    let port = gate(&folder.0, &simulator).await;
    let connector = Connector::open(settings(&folder.0, port, "svc.pem", "")).await.unwrap();
    let report = connector.check().await;
    assert!(report.ok, "{report:?}");
    connector.close().await.unwrap();
    assert_eq!(simulator.open_shells(), 0);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (folder, simulator) = (Folder::new(), simulator().await);
    let port = gate(&folder.0, &simulator).await;
    let connector = Connector::open(settings(&folder.0, port, "stranger.pem", "")).await.unwrap();
    let report = connector.check().await;
    assert!(!report.ok && report.exit_code == 4, "{report:?}");
    assert!(simulator.calls().is_empty());
    connector.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_of_no_use_is_refused_before_any_traffic() {
    let folder = Folder::new();
    let locked = concat!(env!("CARGO_MANIFEST_DIR"), "/../exchange-online/tests/data/locked.pem");
    std::fs::copy(locked, folder.0.join("locked.pem")).unwrap();
    std::fs::write(
        folder.0.join("ca.pem"),
        CertifiedIssuer::self_signed(
            CertificateParams::new(Vec::new()).unwrap(),
            KeyPair::generate().unwrap(),
        )
        .unwrap()
        .pem(),
    )
    .unwrap();
    std::fs::write(folder.0.join("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    std::fs::write(folder.0.join("noise.pfx"), b"\x30\x82\xff\xff no PFX").unwrap();
    let password = |text: &str| format!("client_certificate_password = \"{text}\"");
    for (file, more, key) in [
        ("missing.pfx", String::new(), "client_certificate_file"),
        ("noise.pfx", String::new(), "client_certificate_file"),
        ("key.pem", String::new(), "client_certificate_file"),
        ("ca.pem", String::new(), "client_certificate_file"),
        ("locked.pem", String::new(), "client_certificate_password"),
        ("locked.pem", password("wrong-one"), "client_certificate_password"),
    ] {
        let opened = Connector::open(settings(&folder.0, 1, file, &more)).await;
        let Err(Error::Settings(error)) = opened else { panic!("{file} was accepted") };
        assert_eq!(error.key(), Some(format!("endpoint.{key}").as_str()), "{file}: {error}");
        assert!(!error.to_string().contains("wrong-one"), "{error}");
    }
    let right = settings(&folder.0, 1, "locked.pem", &password("hunter2"));
    assert!(Connector::open(right).await.is_ok());
}
