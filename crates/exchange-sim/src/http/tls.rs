//! The certificate of a simulated server, made for one run by an authority of its own.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::credssp::Identity;

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificate itself.
    #[error("the certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// Its key.
    #[error("the key could not be made")]
    Key(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is served with it.
    #[error("the certificate cannot be used")]
    Use(#[from] rustls::Error),
}

/// What a server of TLS needs, and what its clients do.
pub(crate) struct ServerCertificate {
    pub(crate) identity: Identity,
    /// The certificate of the authority, in PEM.
    pub(crate) authority: String,
}

/// Makes a key as Windows' own certificates have it; clients of CredSSP are known that read no other. It takes a while.
pub(super) fn rsa_key() -> Result<KeyPair, CertificateError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| CertificateError::Key(error);
    let key = RsaPrivateKey::new(&mut rand::rng(), 2048).map_err(|error| failed(error.into()))?;
    let der = key.to_pkcs8_der().map_err(|error| failed(error.into()))?;
    let der = PrivatePkcs8KeyDer::from(der.as_bytes());
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256)?)
}

/// Makes a certificate for a name, for `localhost` and for an address.
pub(crate) fn certificate(
    hostname: &str,
    address: IpAddr,
) -> Result<ServerCertificate, CertificateError> {
    certificate_of(KeyPair::generate()?, hostname, address)
}

/// Makes a certificate of a key.
pub(super) fn certificate_of(
    key: KeyPair,
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
    let certificate = server.signed_by(&key, &authority)?;
    let public_key = key.public_key_raw().into();
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let identity = Identity { config: Arc::new(config), public_key };
    Ok(ServerCertificate { identity, authority: authority.pem() })
}
