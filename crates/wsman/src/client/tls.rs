//! TLS settings: the system's roots and one file, perhaps a certificate of the client's own; verification cannot be
//! switched off.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;

use super::credentials::CertificateSource;
use super::error::Error;
use super::options::{ClientOptions, TlsVersion};
use super::tls_error::CertificateProblem;

/// Makes the settings of all connections of a client.
pub(crate) fn config(options: &ClientOptions) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    if options.native_roots {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a root certificate of the system could not be read");
        }
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(added, ignored, "root certificates of the system");
    }
    if let Some(path) = &options.ca_file {
        for certificate in read_certificates(path)? {
            roots.add(certificate).map_err(Error::TlsSettings)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[_] = match options.min_tls {
        TlsVersion::Tls12 => rustls::ALL_VERSIONS,
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(Error::TlsSettings)?
        .with_root_certificates(roots);
    let own = options.credentials.certificate_source().map(|source| own(source, &provider));
    let config = match own.transpose()? {
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(Error::TlsSettings)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// Compares the server's own certificate with the pins, before anything is sent.
pub(crate) fn check_pins(options: &ClientOptions, host: &str, own: &[u8]) -> Result<(), Error> {
    if options.pins.is_empty() || options.pins.iter().any(|pin| pin.matches(own)) {
        return Ok(());
    }
    let problem = CertificateProblem::NotPinned;
    Err(Error::Certificate { host: host.to_owned(), problem, source: None })
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Returns the client's own certificate with those that lead up from it, and its key.
fn own(source: &CertificateSource, provider: &CryptoProvider) -> Result<Own, Error> {
    match source {
        CertificateSource::Files { certificate, key } => {
            Ok((read_own_certificates(certificate)?, read_key(key)?))
        }
        CertificateSource::Loaded { name, certificates, keys } => {
            let keys = keys.iter().filter_map(|key| {
                PrivateKeyDer::try_from(key.expose_secret()).ok().map(|key| key.clone_key())
            });
            let mut pairs =
                keys.filter_map(|key| Some((own_first(certificates, &key, provider)?, key)));
            pairs.next().ok_or_else(|| {
                let text = "it holds no certificate together with its private key";
                let source = io::Error::new(io::ErrorKind::InvalidData, text);
                Error::ClientCertificate { path: name.into(), source }
            })
        }
    }
}

/// Puts the certificate that a key belongs to first; nothing when it belongs to none.
fn own_first(
    certificates: &[Vec<u8>],
    key: &PrivateKeyDer<'_>,
    provider: &CryptoProvider,
) -> Option<Vec<CertificateDer<'static>>> {
    let mut chain: Vec<_> = certificates.iter().cloned().map(CertificateDer::from).collect();
    let belongs = |certificate: &CertificateDer<'static>| {
        CertifiedKey::from_der(vec![certificate.clone()], key.clone_key(), provider).is_ok()
    };
    let own = chain.iter().position(belongs)?;
    chain.get_mut(..=own)?.rotate_right(1);
    Some(chain)
}

fn read_own_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    read_certificates(path).map_err(|error| match error {
        Error::CaFile { path, source } => {
            let missing = || io::Error::new(io::ErrorKind::InvalidData, "it holds no certificate");
            Error::ClientCertificate { path, source: source.unwrap_or_else(missing) }
        }
        other => other,
    })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let failed = |source| Error::ClientCertificate { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_error| {
        failed(io::Error::new(io::ErrorKind::InvalidData, "it holds no private key in clear"))
    })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |source| Error::CaFile { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(|source| failed(Some(source)))?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|error| {
            failed(Some(io::Error::new(io::ErrorKind::InvalidData, error.to_string())))
        })?;
    if certificates.is_empty() { Err(failed(None)) } else { Ok(certificates) }
}
