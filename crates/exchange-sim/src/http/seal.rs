//! Sealed bodies as Exchange frames them: with a blank after the dashes of each delimiter.
//!
//! Spec: [MS-WSMV] 2.2.9.1 Encrypted Message Types.

use super::ntlm::{NtlmError, Session};

const BOUNDARY: &str = "-- Encrypted Boundary";
const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";

/// The content type of a sealed answer.
pub(super) const CONTENT_TYPE: &str = "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";

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
}

/// Returns the plain text of a sealed request.
pub(super) fn unseal(
    session: &mut Session,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<u8>, UnsealError> {
    let mut plain = Vec::with_capacity(body.len());
    for mut part in wsman::mime::decode(content_type, body).map_err(UnsealError::Framing)? {
        session.unseal(&part.signature, &mut part.data).map_err(UnsealError::Signature)?;
        if part.data.len() != part.length {
            return Err(UnsealError::Length);
        }
        plain.extend(part.data);
    }
    Ok(plain)
}

/// Returns the sealed body of an answer.
pub(super) fn seal(session: &mut Session, text: &str) -> Vec<u8> {
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
