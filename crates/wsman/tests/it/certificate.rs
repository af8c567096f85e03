//! Client certificates, against a TLS server that demands one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wsman::client::{ClientOptions, Credentials, Error, Exchange as _, HttpClient, TlsProblem};

use super::peer::{error_of, request};

/// A folder that goes with this value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn issuer() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Starts a server that answers one request per connection with its head, and writes `ca.pem`, `ann.pem`, `ann.key`.
async fn serve(folder: &Path) -> String {
    let issuer = issuer();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap(), key)
    };
    let (own, own_key) = issue("ann");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
    std::fs::write(folder.join("ann.pem"), own.pem()).unwrap();
    std::fs::write(folder.join("ann.key"), own_key.serialize_pem()).unwrap();

    let (server, server_key) = issue("localhost");
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![server.der().clone()],
            PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(&head[..length]).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    format!("https://localhost:{port}/wsman")
}

fn options(url: &str, folder: &Path, credentials: Credentials) -> ClientOptions {
    ClientOptions::new(url, credentials).native_roots(false).ca_file(folder.join("ca.pem"))
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let folder = Folder(std::env::temp_dir().join(format!("wsman-cert-{}", std::process::id())));
    let url = serve(&folder.0).await;
    let own = Credentials::certificate(folder.0.join("ann.pem"), folder.0.join("ann.key"));
    let client = HttpClient::new(options(&url, &folder.0, own)).unwrap();
    assert_eq!(client.overhead(), 0);
    let answer = client.exchange(request("x".to_owned())).await.unwrap();
    let head = String::from_utf8(answer.envelope).unwrap();
    let header =
        "Authorization: http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";
    assert!(head.contains(header), "{head}");

    let without = options(&url, &folder.0, Credentials::basic("ann", "x"));
    let error = error_of(HttpClient::new(without).unwrap().exchange(request("x".to_owned())).await);
    assert!(
        matches!(error, Error::Tls { problem: TlsProblem::ClientCertificate, .. }),
        "{error:?}"
    );

    let swapped = Credentials::certificate(folder.0.join("ann.key"), folder.0.join("ann.key"));
    let error = error_of(HttpClient::new(options(&url, &folder.0, swapped)));
    assert!(matches!(error, Error::ClientCertificate { .. }), "{error:?}");
    let no_key = Credentials::certificate(folder.0.join("ann.pem"), folder.0.join("ann.pem"));
    let error = error_of(HttpClient::new(options(&url, &folder.0, no_key)));
    assert!(matches!(error, Error::ClientCertificate { .. }), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_was_read_already_is_shown_with_the_key_that_belongs_to_it() {
    let folder = Folder(std::env::temp_dir().join(format!("wsman-loaded-{}", std::process::id())));
    let url = serve(&folder.0).await;
    let der = |name: &str| CertificateDer::from_pem_file(folder.0.join(name)).unwrap().to_vec();
    let key =
        |pem: &str| PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap().secret_der().to_vec();
    let own = std::fs::read_to_string(folder.0.join("ann.key")).unwrap();
    let other = KeyPair::generate().unwrap().serialize_pem();
    let keys = |pems: &[&str]| pems.iter().map(|pem| key(pem).into()).collect();
    // The authority's certificate stands first, and a key of nobody's.
    let certificates = vec![der("ca.pem"), der("ann.pem")];
    let loaded = |keys| Credentials::loaded_certificate("ann.pfx", certificates.clone(), keys);
    let own = loaded(keys(&[&other, &own]));
    assert_eq!(format!("{own:?}"), "Certificate { username: \"ann.pfx\", kerberos: None, .. }");
    let client = HttpClient::new(options(&url, &folder.0, own)).unwrap();
    client.exchange(request("x".to_owned())).await.unwrap();
    for keys in [keys(&[]), keys(&[&other]), vec![vec![1, 2, 3].into()]] {
        let error = error_of(HttpClient::new(options(&url, &folder.0, loaded(keys))));
        assert!(
            matches!(&error, Error::ClientCertificate { path, .. } if path == Path::new("ann.pfx")),
            "{error:?}"
        );
    }
}

#[test]
fn a_certificate_needs_tls() {
    let own = Credentials::certificate("ann.pem", "ann.key");
    let error = error_of(HttpClient::new(ClientOptions::new("http://ex01/wsman", own)));
    assert!(matches!(error, Error::CertificateWithoutTls), "{error:?}");
}
