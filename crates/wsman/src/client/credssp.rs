//! CredSSP: a TLS channel in the headers, a login with NTLM in the channel, then the password itself.
//!
//! Spec: [MS-CSSP], TSRequest and the order of its exchanges; [MS-WSMV] 2.2.9.1.3 CredSSPEncryptedMessage.
//!
//! The server's certificate is one that it made for itself, and nobody's root vouches for it. What is checked instead
//! is that whoever holds its key can verify the user's NTLM response too: the key is part of what both sides prove
//! before the password goes over. An impostor that is no member of the domain learns nothing; any member does.
//!
//! After a login the channel seals the messages: one TLS record a part.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, SignatureScheme,
};
use secrecy::SecretString;
use sspi::AuthIdentity;
use sspi::credssp::{ClientMode, ClientState, CredSspClient, CredSspMode, TsRequest};
use sspi::generator::GeneratorState;

use super::auth::{SecurityContext, Step, quietly};
use super::error::{Error, SecurityError};
use super::exchange::BoxFuture;
use super::gss::{identity, negotiate_ntlm};
use crate::binding::subject_public_key;
use crate::mime::Protocol;

/// A login with CredSSP, and the channel that it leaves behind.
pub(crate) struct CredSspContext {
    channel: ClientConnection,
    /// `None` until the channel stands, and after the login.
    client: Option<Box<CredSspClient>>,
    username: String,
    /// `None` once the login began.
    identity: Option<AuthIdentity>,
    service: String,
}

impl CredSspContext {
    /// Prepares a login at `host` for a service.
    pub(crate) fn new(
        host: &str,
        service: String,
        username: &str,
        password: &SecretString,
    ) -> Result<Self, Error> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(SecurityError::new)?;
        let config = config().map_err(Error::TlsSettings)?;
        let channel = ClientConnection::new(Arc::new(config), name).map_err(Error::TlsSettings)?;
        let identity =
            AuthIdentity::try_from(identity(username, password)?).map_err(SecurityError::new)?;
        let (username, identity) = (username.to_owned(), Some(identity));
        Ok(Self { channel, client: None, username, identity, service })
    }

    fn next(&mut self, token: &[u8]) -> Result<Step, Error> {
        let received = self.feed(token)?;
        // The end of a handshake goes alone, for acceptors read no further than that at once.
        if self.client.is_none() && (self.channel.is_handshaking() || self.channel.wants_write()) {
            return Ok(Step { token: self.flush()?, is_final: false });
        }
        let request = if let Some(client) = &mut self.client {
            if received.is_empty() {
                // A server that does not know the user, or is told a wrong password, begins anew.
                return Err(Error::BadCredentials { username: self.username.clone() });
            }
            let request = quietly(|| TsRequest::from_buffer(&received))?;
            let request = request.map_err(SecurityError::new)?;
            if request.error_code.as_ref().is_some_and(|code| LOGON_FAILURES.contains(&code.0)) {
                return Err(Error::BadCredentials { username: self.username.clone() });
            }
            process(client, request)?
        } else {
            let mut client = Box::new(self.begin()?);
            let request = process(&mut client, TsRequest::default())?;
            self.client = Some(client);
            request
        };
        let (request, is_final) = match request {
            ClientState::ReplyNeeded(request) => (request, false),
            ClientState::FinalMessage(request) => (request, true),
        };
        if is_final {
            // It holds the password, which is wiped with it.
            self.client = None;
        }
        let mut bytes = Vec::new();
        quietly(|| request.encode_ts_request(&mut bytes))?.map_err(SecurityError::new)?;
        Ok(Step { token: self.seal(&bytes)?, is_final })
    }

    fn begin(&mut self) -> Result<CredSspClient, Error> {
        let certificates = self.channel.peer_certificates().unwrap_or_default();
        let key = certificates.first().and_then(|certificate| subject_public_key(certificate));
        let key = key.ok_or_else(|| SecurityError::new("the certificate has no public key"))?;
        let over = || SecurityError::new("the login is over");
        let identity = self.identity.take().ok_or_else(over)?;
        let mode = ClientMode::Negotiate(negotiate_ntlm());
        let credentials = sspi::Credentials::AuthIdentity(identity);
        let (key, service) = (key.to_vec(), self.service.clone());
        let delegated = CredSspMode::WithCredentials;
        let client = quietly(|| CredSspClient::new(key, credentials, delegated, mode, service))?;
        Ok(client.map_err(SecurityError::new)?)
    }

    /// Takes records of the peer in and returns what was in them.
    fn feed(&mut self, records: &[u8]) -> Result<Vec<u8>, SecurityError> {
        let mut records = records;
        let mut plain = Vec::new();
        while !records.is_empty() {
            let taken = self.channel.read_tls(&mut records).map_err(SecurityError::new)?;
            if taken == 0 {
                return Err(SecurityError::new("the channel was closed"));
            }
            self.channel.process_new_packets().map_err(SecurityError::new)?;
            match self.channel.reader().read_to_end(&mut plain) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(SecurityError::new(error)),
            }
        }
        Ok(plain)
    }

    fn seal(&mut self, bytes: &[u8]) -> Result<Vec<u8>, SecurityError> {
        self.channel.writer().write_all(bytes).map_err(SecurityError::new)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<Vec<u8>, SecurityError> {
        let mut records = Vec::new();
        while self.channel.wants_write() {
            self.channel.write_tls(&mut records).map_err(SecurityError::new)?;
        }
        Ok(records)
    }

    /// Returns how many bytes of a record count as its signature: what the cipher adds to the plain text.
    fn trailer(&self) -> usize {
        match self.channel.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => 17,
            _ => 16,
        }
    }
}

impl SecurityContext for CredSspContext {
    fn step<'a>(&'a mut self, token: &'a [u8]) -> BoxFuture<'a, Result<Step, Error>> {
        Box::pin(async move { self.next(token) })
    }

    fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError> {
        let mut record = self.seal(data)?;
        let trailer = self.trailer().min(record.len());
        *data = record.split_off(trailer);
        Ok(record)
    }

    fn unwrap(&mut self, signature: &mut [u8], data: &mut [u8]) -> Result<usize, SecurityError> {
        let record = [&*signature, &*data].concat();
        let plain = self.feed(&record)?;
        // A record is longer than what it holds.
        let room = data.get_mut(..plain.len());
        room.ok_or_else(|| SecurityError::new("the record holds too much"))?
            .copy_from_slice(&plain);
        Ok(plain.len())
    }

    fn protocol(&self) -> Protocol {
        Protocol::CredSsp
    }

    fn largest_part(&self) -> usize {
        LARGEST_PART
    }
}

/// Feeds a message of the server to the library, which needs no KDC for NTLM.
fn process(client: &mut CredSspClient, request: TsRequest) -> Result<ClientState, SecurityError> {
    let state = quietly(|| match client.process(request).start() {
        GeneratorState::Completed(result) => result.map_err(SecurityError::new),
        GeneratorState::Suspended(_) => Err(SecurityError::new("NTLM asked for a KDC")),
    });
    state?
}

fn config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(KeyHolder(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Checks that the server holds the key of its certificate, and leaves whose key that is to what follows.
#[derive(Debug)]
struct KeyHolder(Arc<CryptoProvider>);

impl ServerCertVerifier for KeyHolder {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The most plain text that a TLS record holds.
pub(crate) const LARGEST_PART: usize = 16_384;

/// Statuses that mean user name or password: no such user, wrong password, and logon failure, which says neither, as
/// Windows has it in two places.
const LOGON_FAILURES: [u32; 4] = [0xC000_0064, 0xC000_006A, 0xC000_006D, 0x8009_030C];

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> CredSspContext {
        CredSspContext::new("ex01", "HTTP/ex01".to_owned(), r"CONTOSO\ann", &"secret".into())
            .unwrap()
    }

    #[test]
    fn a_login_begins_with_a_handshake() {
        let step = context().next(&[]).unwrap();
        assert!(step.token.starts_with(&[22, 3]) && !step.is_final);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for token in [&b"HTTP/1.1 401"[..], &[22, 3, 3, 0xFF, 0xFF], &[23, 3, 3, 0, 1, 0]] {
            let mut context = context();
            context.next(&[]).unwrap();
            let step = context.next(token);
            assert!(!matches!(step, Ok(Step { is_final: true, .. })), "{token:?}");
            assert!(context.unwrap(&mut [0; 16], &mut [1, 2, 3]).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_message_of_a_server_panics(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..90)) {
            let request = quietly(|| TsRequest::from_buffer(&body)).and_then(|read| read.map_err(SecurityError::new));
            if let Ok(request) = request {
                let mode = ClientMode::Negotiate(negotiate_ntlm());
                let credentials = sspi::Credentials::AuthIdentity(context().identity.unwrap());
                let mut client = CredSspClient::new(vec![1], credentials, CredSspMode::WithCredentials, mode, "HTTP/x".to_owned()).unwrap();
                process(&mut client, TsRequest::default()).unwrap();
                let _ = process(&mut client, request);
            }
        }
    }
}
