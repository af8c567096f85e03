//! The accepting side of CredSSP: a TLS channel in the headers, NTLM inside it, then the user's password.
//!
//! Spec: [MS-CSSP], TSRequest and the order of its exchanges.
//!
//! What surprised: with TLS 1.3 the client's last message of the handshake comes alone, and the answer to it may be empty.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use wsman::mime::SealedPart;

use super::logon::{Logon, Step};
use super::ntlm::{Account, NtlmError};
use super::spnego::{OCTETS, SEQUENCE, element, member, wrap};

/// Why a sign-in was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredSspError {
    /// The channel broke.
    #[error("the channel broke")]
    Channel(#[source] std::io::Error),
    /// The channel's records are wrong.
    #[error("the channel's records are wrong")]
    Tls(#[from] rustls::Error),
    /// What came through the channel is no message of the protocol.
    #[error("a message is malformed")]
    Malformed,
    /// The sign-in inside the channel was refused.
    #[error("the sign-in inside the channel was refused")]
    Ntlm(#[from] NtlmError),
    /// The client does not see the key that the channel has here.
    #[error("the client is bound to another channel")]
    Binding,
    /// The password that was handed over is not the account's.
    #[error("the password that was handed over is wrong")]
    Password,
}

/// What the channel is made with.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// The bits of the certificate's public key, to which the sign-in is bound.
    pub(crate) public_key: Arc<[u8]>,
}

/// A sign-in, and the channel that it leaves behind.
pub(crate) struct Acceptor {
    channel: ServerConnection,
    public_key: Arc<[u8]>,
    inner: Logon,
    /// Whether both sides have proved that they see the same key.
    bound: bool,
    done: bool,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").field("done", &self.done).finish_non_exhaustive()
    }
}

impl Acceptor {
    pub(super) fn new(identity: &Identity) -> Result<Self, CredSspError> {
        Ok(Self {
            channel: ServerConnection::new(Arc::clone(&identity.config))?,
            public_key: Arc::clone(&identity.public_key),
            inner: Logon::None,
            bound: false,
            done: false,
        })
    }

    /// Whether the account has signed in.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// Takes the client's next token.
    pub(super) fn step(
        &mut self,
        account: &Account,
        token: &[u8],
        nonce: [u8; 8],
        file_time: u64,
    ) -> Result<Step, CredSspError> {
        let message = self.feed(token)?;
        if message.is_empty() {
            return Ok(Step::Continue(self.flush()?));
        }
        let request = Request::read(&message).ok_or(CredSspError::Malformed)?;
        if let Some(sealed) = request.credentials {
            self.take_password(account, sealed)?;
            return Ok(Step::Done(None));
        }
        let mut answer = wrap(0xa0, &wrap(INTEGER, &[VERSION]));
        if let Some(token) = request.token {
            let (Step::Continue(token) | Step::Done(Some(token))) =
                self.inner.step(account, token, nonce, file_time)?
            else {
                return self.prove(&request, answer);
            };
            let token = wrap(SEQUENCE, &wrap(0xa0, &wrap(OCTETS, &token)));
            answer.extend(wrap(0xa1, &wrap(SEQUENCE, &token)));
        }
        self.prove(&request, answer)
    }

    /// Checks the client's proof of the key, if it sends one, adds the own and sends the answer.
    fn prove(&mut self, request: &Request<'_>, mut answer: Vec<u8>) -> Result<Step, CredSspError> {
        if let Some(proof) = request.proof {
            let nonce = request.nonce.ok_or(CredSspError::Malformed)?;
            if self.unseal_inner(proof)? != self.hash(CLIENT_HASH, nonce) {
                return Err(CredSspError::Binding);
            }
            self.bound = true;
            let mut own = self.hash(SERVER_HASH, nonce);
            let session = self.inner.session().ok_or(CredSspError::Malformed)?;
            let signature = session.seal(&mut own);
            answer.extend(wrap(0xa3, &wrap(OCTETS, &[&signature, own.as_slice()].concat())));
        }
        let records = self.write(&wrap(SEQUENCE, &answer))?;
        Ok(Step::Continue(records))
    }

    fn hash(&self, magic: &[u8], nonce: &[u8]) -> Vec<u8> {
        let hash = Sha256::new().chain_update(magic).chain_update(nonce);
        hash.chain_update(&self.public_key).finalize().to_vec()
    }

    fn unseal_inner(&mut self, sealed: &[u8]) -> Result<Vec<u8>, CredSspError> {
        let session = self.inner.session().ok_or(CredSspError::Malformed)?;
        let (signature, data) = sealed.split_at_checked(16).ok_or(CredSspError::Malformed)?;
        let mut data = data.to_vec();
        session.unseal(signature, &mut data)?;
        Ok(data)
    }

    /// Takes the credentials, which come last and only over a channel whose key was proved.
    fn take_password(&mut self, account: &Account, sealed: &[u8]) -> Result<(), CredSspError> {
        let credentials = self.unseal_inner(sealed)?;
        let password = password(&credentials).ok_or(CredSspError::Malformed)?;
        let expected = account.password.expose_secret().encode_utf16();
        let expected: Vec<u8> = expected.flat_map(u16::to_le_bytes).collect();
        if !self.bound || password != expected {
            return Err(CredSspError::Password);
        }
        self.done = true;
        Ok(())
    }

    /// Takes records in and returns what was in them.
    fn feed(&mut self, mut records: &[u8]) -> Result<Vec<u8>, CredSspError> {
        let mut plain = Vec::new();
        while !records.is_empty() {
            if self.channel.read_tls(&mut records).map_err(CredSspError::Channel)? == 0 {
                return Err(CredSspError::Malformed);
            }
            self.channel.process_new_packets()?;
            match self.channel.reader().read_to_end(&mut plain) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(CredSspError::Channel(error)),
            }
        }
        Ok(plain)
    }

    fn write(&mut self, plain: &[u8]) -> Result<Vec<u8>, CredSspError> {
        self.channel.writer().write_all(plain).map_err(CredSspError::Channel)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<Vec<u8>, CredSspError> {
        let mut records = Vec::new();
        while self.channel.wants_write() {
            self.channel.write_tls(&mut records).map_err(CredSspError::Channel)?;
        }
        Ok(records)
    }

    /// Decrypts a part of a sealed body.
    pub(super) fn unseal(&mut self, part: &SealedPart) -> Result<Vec<u8>, CredSspError> {
        self.feed(&[part.signature.as_slice(), &part.data].concat())
    }

    /// Encrypts a body, in as many parts as it takes.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Result<Vec<SealedPart>, CredSspError> {
        let trailer = match self.channel.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => 17,
            _ => 16,
        };
        plain
            .chunks(LARGEST_PART)
            .map(|chunk| {
                let mut record = self.write(chunk)?;
                let data = record.split_off(trailer.min(record.len()));
                Ok(SealedPart { signature: record, data, length: chunk.len() })
            })
            .collect()
    }
}

/// A message of the client.
#[derive(Debug)]
struct Request<'a> {
    token: Option<&'a [u8]>,
    credentials: Option<&'a [u8]>,
    proof: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let (request, _) = element(message, SEQUENCE)?;
        let octets = |tag| member(request, tag).and_then(|inner| Some(element(inner, OCTETS)?.0));
        let token = member(request, 0xa1).and_then(|tokens| {
            let (tokens, _) = element(tokens, SEQUENCE)?;
            let (first, _) = element(tokens, SEQUENCE)?;
            Some(element(member(first, 0xa0)?, OCTETS)?.0)
        });
        Some(Self { token, credentials: octets(0xa2), proof: octets(0xa3), nonce: octets(0xa5) })
    }
}

/// The password in `TSCredentials`, in UTF-16.
fn password(credentials: &[u8]) -> Option<&[u8]> {
    let (credentials, _) = element(credentials, SEQUENCE)?;
    let (inner, _) = element(member(credentials, 0xa1)?, OCTETS)?;
    let (inner, _) = element(inner, SEQUENCE)?;
    Some(element(member(inner, 0xa2)?, OCTETS)?.0)
}

const INTEGER: u8 = 0x02;
/// The version of the protocol; since 5 the key is proved by a hash with a nonce.
const VERSION: u8 = 6;
const CLIENT_HASH: &[u8] = b"CredSSP Client-To-Server Binding Hash\0";
const SERVER_HASH: &[u8] = b"CredSSP Server-To-Client Binding Hash\0";
/// The most plain text that a TLS record holds.
const LARGEST_PART: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_in_any_part() {
        let token = wrap(SEQUENCE, &wrap(0xa0, &wrap(OCTETS, b"token")));
        let content = [
            wrap(0xa0, &wrap(INTEGER, &[6])),
            wrap(0xa1, &wrap(SEQUENCE, &token)),
            wrap(0xa3, &wrap(OCTETS, b"proof")),
            wrap(0xa5, &wrap(OCTETS, &[7; 32])),
        ]
        .concat();
        let message = wrap(SEQUENCE, &content);
        let read = Request::read(&message).unwrap();
        assert_eq!(
            (read.token, read.proof, read.nonce),
            (Some(&b"token"[..]), Some(&b"proof"[..]), Some(&[7; 32][..]))
        );
        assert!(read.credentials.is_none());
        for end in 0..message.len() {
            assert!(Request::read(&message[..end]).is_none());
        }
    }

    #[test]
    fn the_password_is_found_in_the_credentials() {
        let inner = [
            wrap(0xa0, &wrap(OCTETS, b"domain")),
            wrap(0xa1, &wrap(OCTETS, b"user")),
            wrap(0xa2, &wrap(OCTETS, b"secret")),
        ]
        .concat();
        let inner = wrap(OCTETS, &wrap(SEQUENCE, &inner));
        let content = [wrap(0xa0, &wrap(INTEGER, &[1])), wrap(0xa1, &inner)].concat();
        assert_eq!(password(&wrap(SEQUENCE, &content)), Some(&b"secret"[..]));
        assert_eq!(password(&wrap(SEQUENCE, b"")), None);
    }
}
