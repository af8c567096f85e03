//! Whom the client trusts over https, and how it says why it does not.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use wsman::Advice;
use wsman::client::{
    CertificatePin, CertificateProblem, ClientOptions, Credentials, Error, Exchange as _,
    HttpClient, TlsProblem, TlsVersion,
};

use super::hostile::{Server, read_request};
use super::peer::{error_of, request};

/// An authority, and the file with its certificate, which goes with this value.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("Authority {number}"));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file =
            std::env::temp_dir().join(format!("wsman-ca-{}-{number}.pem", std::process::id()));
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// Starts a server with a certificate for a name and years, which answers whatever it is asked.
    async fn serve(&self, name: &str, years: (i32, i32), versions: Versions<'_>) -> Server {
        self.serve_and_tell(name, years, versions).await.0
    }

    /// Does so and returns the certificate too.
    async fn serve_and_tell(
        &self,
        name: &str,
        years: (i32, i32),
        versions: Versions<'_>,
    ) -> (Server, CertificateDer<'static>) {
        let (acceptor, own) = self.acceptor(name, years, versions);
        (Server::start(move |stream| answer(acceptor.clone(), stream)).await, own)
    }

    /// Makes a certificate for a name and years, and what accepts connections with it.
    pub(crate) fn acceptor(
        &self,
        name: &str,
        years: (i32, i32),
        versions: Versions<'_>,
    ) -> (TlsAcceptor, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let own = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        (TlsAcceptor::from(Arc::new(config)), own.der().clone())
    }

    fn options(&self, server: &Server) -> ClientOptions {
        let port = server.address.rsplit(':').next().unwrap();
        ClientOptions::new(
            format!("https://localhost:{port}/"),
            Credentials::basic("ann", "hunter2"),
        )
        .native_roots(false)
        .ca_file(&self.file)
    }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut buffer = vec![0; 4096];
    tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await?;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\n<a/>")
        .await?;
    stream.flush().await?;
    std::future::pending().await
}

async fn failure(options: ClientOptions) -> Error {
    error_of(HttpClient::new(options).unwrap().exchange(request("x".to_owned())).await)
}

pub(crate) type Versions<'a> = &'a [&'static rustls::SupportedProtocolVersion];

pub(crate) const VALID: (i32, i32) = (2020, 2090);
pub(crate) const BOTH: Versions<'_> = rustls::ALL_VERSIONS;

#[tokio::test]
async fn each_flaw_of_a_certificate_has_a_name() {
    let authority = Authority::new();
    let good = authority.serve("localhost", VALID, BOTH).await;
    let client = HttpClient::new(authority.options(&good)).unwrap();
    client.exchange(request("x".to_owned())).await.unwrap();
    let other = Authority::new();
    let cases = [
        (other.options(&good), CertificateProblem::UnknownIssuer, "no trusted authority"),
        (
            authority.options(&authority.serve("ex01.contoso.com", VALID, BOTH).await),
            CertificateProblem::WrongName,
            "another name",
        ),
        (
            authority.options(&authority.serve("localhost", (2001, 2002), BOTH).await),
            CertificateProblem::Expired,
            "has expired",
        ),
        (
            authority.options(&authority.serve("localhost", (2090, 2091), BOTH).await),
            CertificateProblem::NotYetValid,
            "not valid yet",
        ),
    ];
    for (options, expected, text) in cases {
        let error = failure(options).await;
        let Error::Certificate { problem, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*problem, expected);
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.advice(), Advice::Never);
    }
}

#[tokio::test]
async fn a_pin_narrows_what_is_trusted() {
    let authority = Authority::new();
    let (server, certificate) = authority.serve_and_tell("localhost", VALID, BOTH).await;
    let wrong = CertificatePin::new([7; 32]);
    let right = CertificatePin::new(Sha256::digest(&certificate).into());
    let both = authority.options(&server).certificate_pin(wrong).certificate_pin(right);
    HttpClient::new(both).unwrap().exchange(request("x".to_owned())).await.unwrap();
    // A pin alone makes nobody trusted.
    let error = failure(Authority::new().options(&server).certificate_pin(right)).await;
    let problem = CertificateProblem::UnknownIssuer;
    assert!(matches!(&error, Error::Certificate { problem: found, .. } if *found == problem));
    let error = failure(authority.options(&server).certificate_pin(wrong)).await;
    assert!(
        matches!(error, Error::Certificate { problem: CertificateProblem::NotPinned, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_older_version_than_allowed_is_refused() {
    let authority = Authority::new();
    for (versions, min, works) in [
        (&[&rustls::version::TLS12][..], TlsVersion::Tls12, true),
        (&[&rustls::version::TLS12], TlsVersion::Tls13, false),
        (&[&rustls::version::TLS13], TlsVersion::Tls13, true),
    ] {
        let server = authority.serve("localhost", VALID, versions).await;
        let options = authority.options(&server).min_tls(min);
        let result = HttpClient::new(options).unwrap().exchange(request("x".to_owned())).await;
        match result {
            Ok(_) => assert!(works),
            Err(error) => assert!(
                !works && matches!(error, Error::Tls { problem: TlsProblem::Version, .. }),
                "{error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn a_port_without_tls_is_told_apart_from_one_that_hangs_up() {
    let authority = Authority::new();
    let plain = Server::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
        read_request(&mut stream).await.map(|_| ())
    })
    .await;
    let error = failure(authority.options(&plain)).await;
    assert!(matches!(error, Error::Tls { problem: TlsProblem::NotTls, .. }), "{error:?}");
    let closing = Server::start(|stream| async move {
        stream.readable().await?;
        Ok(())
    })
    .await;
    let error = failure(authority.options(&closing)).await;
    assert!(matches!(error, Error::Tls { problem: TlsProblem::Closed, .. }), "{error:?}");
    assert_eq!(error.advice(), Advice::Later);
}
