//! The certificate of a simulated server, made for one run by an authority of its own.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificate itself.
    #[error("the certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// What is served with it.
    #[error("the certificate cannot be used")]
    Use(#[from] rustls::Error),
}

/// What a server of TLS needs, and what its clients do.
pub(crate) struct ServerCertificate {
    pub(crate) config: Arc<ServerConfig>,
    /// The certificate of the authority, in PEM.
    pub(crate) authority: String,
}

/// Makes a certificate for a name, for `localhost` and for an address.
pub(crate) fn certificate(
    hostname: &str,
    address: IpAddr,
) -> Result<ServerCertificate, CertificateError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "Simulated Exchange");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let mut server = CertificateParams::new([hostname.to_owned(), "localhost".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, hostname);
    server.subject_alt_names.push(SanType::IpAddress(address));
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(ServerCertificate { config: Arc::new(config), authority: authority.pem() })
}
