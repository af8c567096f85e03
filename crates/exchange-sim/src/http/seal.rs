//! Sealed bodies. Exchange frames its own with a blank after the dashes of each delimiter.
//!
//! Spec: [MS-WSMV] 2.2.9.1 Encrypted Message Types.

use wsman::mime::{Protocol, encode};

use super::credssp::{Acceptor, CredSspError};
use super::ntlm::{NtlmError, Session};

const BOUNDARY: &str = "-- Encrypted Boundary";
const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";
const CONTENT_TYPE: &str = "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";

/// What seals the messages of a connection.
#[derive(Debug)]
pub(super) enum Sealing<'a> {
    Ntlm(&'a mut Session),
    CredSsp(&'a mut Acceptor),
}

/// Why a sealed body was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnsealError {
    /// The framing is broken.
    #[error("the framing of a sealed message is broken")]
    Framing(#[source] wsman::DecodeError),
    /// The plain text has another length than announced.
    #[error("the plain text has another length than announced")]
    Length,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature(#[source] NtlmError),
    /// The channel refuses it.
    #[error("the channel refuses it")]
    Channel(#[source] CredSspError),
}

/// Returns the plain text of a sealed request.
pub(super) fn unseal(
    mut sealing: Sealing<'_>,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<u8>, UnsealError> {
    let mut plain = Vec::with_capacity(body.len());
    for mut part in wsman::mime::decode(content_type, body).map_err(UnsealError::Framing)? {
        let data = match &mut sealing {
            Sealing::Ntlm(session) => {
                session.unseal(&part.signature, &mut part.data).map_err(UnsealError::Signature)?;
                part.data
            }
            Sealing::CredSsp(acceptor) => acceptor.unseal(&part).map_err(UnsealError::Channel)?,
        };
        if data.len() != part.length {
            return Err(UnsealError::Length);
        }
        plain.extend(data);
    }
    Ok(plain)
}

/// Returns the content type and the sealed body of an answer.
pub(super) fn seal(sealing: Sealing<'_>, text: &str) -> Result<(String, Vec<u8>), CredSspError> {
    match sealing {
        Sealing::Ntlm(session) => Ok((CONTENT_TYPE.to_owned(), seal_as_exchange(session, text))),
        Sealing::CredSsp(acceptor) => {
            let parts = acceptor.seal(text.as_bytes())?;
            let content_type = Protocol::CredSsp.content_type(parts.len());
            Ok((content_type, encode(Protocol::CredSsp, &parts)))
        }
    }
}

fn seal_as_exchange(session: &mut Session, text: &str) -> Vec<u8> {
    let mut data = text.as_bytes().to_vec();
    let signature = session.seal(&mut data);
    let mut body = format!(
        "{BOUNDARY}\r\n\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={}\r\n{BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n",
        data.len()
    )
    .into_bytes();
    body.extend_from_slice(&16_u32.to_le_bytes());
    body.extend_from_slice(&signature);
    body.extend_from_slice(&data);
    body.extend_from_slice(format!("{BOUNDARY}--\r\n").as_bytes());
    body
}
