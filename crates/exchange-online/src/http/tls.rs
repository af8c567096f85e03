//! Which servers are trusted, and what their certificates have to be besides.

use std::fmt;
use std::sync::Arc;

use exchange_cmdlets::BoxError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::way::TunnelError;
use super::{HttpOptions, HttpSettingsError};

/// What a certificate, in DER, has to pass.
type Demand = dyn Fn(&[u8]) -> bool + Send + Sync;

/// A demand on a server's own certificate beside trust.
#[derive(Clone)]
pub(crate) struct CertificateCheck(pub(crate) Arc<Demand>);

impl fmt::Debug for CertificateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateCheck")
    }
}

/// A certificate is trusted, but is not one of those that are demanded.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the certificate is none of those that are demanded")]
pub(super) struct NotDemanded;

/// What keeps a connection from coming about, however often it is tried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Obstacle {
    /// The server's certificate is not one of those that are demanded.
    NotDemanded,
    /// The server's certificate is not trusted.
    Untrusted,
    /// This proxy wants other credentials.
    Proxy(String),
}

/// Finds it in an error.
pub(super) fn obstacle(error: &(dyn std::error::Error + 'static)) -> Option<Obstacle> {
    causes(error).find_map(|cause| match cause.downcast_ref::<Error>() {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(other))))
            if other.is::<NotDemanded>() =>
        {
            Some(Obstacle::NotDemanded)
        }
        Some(Error::InvalidCertificate(_)) => Some(Obstacle::Untrusted),
        _ => match cause.downcast_ref() {
            Some(TunnelError::Credentials { proxy }) => Some(Obstacle::Proxy(proxy.clone())),
            _ => None,
        },
    })
}

/// Says what to do about a certificate that is not trusted, by what is wrong with it.
pub(crate) fn untrusted(error: &(dyn std::error::Error + 'static)) -> &'static str {
    use CertificateError as Problem;
    let problem = causes(error).find_map(|cause| match cause.downcast_ref::<Error>() {
        Some(Error::InvalidCertificate(problem)) => Some(problem),
        _ => None,
    });
    match problem {
        Some(Problem::Expired | Problem::ExpiredContext { .. }) => {
            "see that the clock of this machine is right; if it is, the server needs a new certificate"
        }
        Some(Problem::NotValidYet | Problem::NotValidYetContext { .. }) => {
            "see that the clock of this machine is right"
        }
        Some(Problem::NotValidForName | Problem::NotValidForNameContext { .. }) => {
            "write a host name in cloud.authority_url and cloud.api_url that the certificate is for"
        }
        _ => {
            "name the certificate authority in cloud.ca_file: that of a proxy which opens connections, for instance"
        }
    }
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        // What an I/O error holds is not its source: it is the error itself in another form.
        match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(held) => Some(held as &(dyn std::error::Error + 'static)),
            None => error.source(),
        }
    })
}

/// Trust in those that the system trusts, or a file does, and then the demands.
#[derive(Debug)]
struct Demanding {
    trust: Arc<WebPkiServerVerifier>,
    check: CertificateCheck,
}

impl ServerCertVerifier for Demanding {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.trust.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        match (self.check.0)(end_entity) {
            true => Ok(verified),
            false => Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(
                NotDemanded,
            ))))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.supported_verify_schemes()
    }
}

pub(super) fn config(options: &HttpOptions) -> Result<ClientConfig, HttpSettingsError> {
    let roots = roots(options)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] = match options.tls_1_3_only {
        true => &[&rustls::version::TLS13],
        false => rustls::DEFAULT_VERSIONS,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(HttpSettingsError::Tls)?;
    let Some(check) = &options.certificate_check else {
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    };
    let trust = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| HttpSettingsError::Trust(error.into()))?;
    let demanding = Demanding { trust, check: check.clone() };
    // It demands more than the usual one, never less.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(demanding));
    Ok(builder.with_no_client_auth())
}

fn roots(options: &HttpOptions) -> Result<RootCertStore, HttpSettingsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a root certificate of the system could not be read");
    }
    roots.add_parsable_certificates(found.certs);
    if let Some(path) = &options.ca_file {
        let failed = |source: BoxError| HttpSettingsError::CaFile { path: path.clone(), source };
        let bytes = std::fs::read(path).map_err(|error| failed(error.into()))?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| failed(error.to_string().into()))?;
        if certificates.is_empty() {
            return Err(failed("it holds no certificate".into()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| failed(error.into()))?;
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::{CertificateError, Error};

    use super::{Obstacle, obstacle, untrusted};

    #[test]
    fn a_certificate_is_told_by_what_is_wrong_with_it() {
        for (problem, remedy) in [
            (CertificateError::Expired, "a new certificate"),
            (CertificateError::NotValidYet, "the clock"),
            (CertificateError::NotValidForName, "cloud.api_url that the certificate is for"),
            (CertificateError::UnknownIssuer, "cloud.ca_file"),
        ] {
            let error = io::Error::other(Error::InvalidCertificate(problem));
            assert_eq!(obstacle(&error), Some(Obstacle::Untrusted));
            assert!(untrusted(&error).contains(remedy), "{error}: {}", untrusted(&error));
        }
        assert_eq!(obstacle(&io::Error::other("reset")), None);
    }
}
