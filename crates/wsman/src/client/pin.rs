//! Pins: the one certificate, or the one key, that a server may show.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::binding::subject_public_key_info;

/// The SHA-256 of a certificate in DER, or of its public key (`SubjectPublicKeyInfo`), which outlives a renewal.
///
/// ```
/// use wsman::client::CertificatePin;
/// let pin: CertificatePin = "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08".parse()?;
/// assert_eq!(pin.to_string(), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
/// assert!("9f86d0".parse::<CertificatePin>().is_err());
/// # Ok::<(), wsman::client::CertificatePinError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CertificatePin([u8; 32]);

/// A text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a pin is a SHA-256 in 64 hexadecimal digits")]
#[non_exhaustive]
pub struct CertificatePinError;

impl CertificatePin {
    /// Wraps a hash.
    #[must_use]
    pub fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Tells whether a certificate, in DER, is the pinned one or has the pinned key.
    #[must_use]
    pub fn matches(&self, certificate: &[u8]) -> bool {
        let is = |bytes: &[u8]| Sha256::digest(bytes).as_slice() == self.0;
        is(certificate) || subject_public_key_info(certificate).is_some_and(is)
    }
}

impl FromStr for CertificatePin {
    type Err = CertificatePinError;

    /// Reads hexadecimal digits of either case, with or without colons between the bytes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> = text.trim().bytes().filter(|byte| *byte != b':').collect();
        let (pairs, rest) = digits.as_chunks::<2>();
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|v| u8::try_from(v).ok());
        let byte = |&[high, low]: &[u8; 2]| Some(value(high)? << 4 | value(low)?);
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let hash = bytes.filter(|_| rest.is_empty()).and_then(|bytes| bytes.try_into().ok());
        hash.map(Self).ok_or(CertificatePinError)
    }
}

impl fmt::Display for CertificatePin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::PublicKeyData as _;

    #[test]
    fn a_certificate_and_its_key_are_both_pins() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["ex01".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let of = |bytes: &[u8]| CertificatePin::new(Sha256::digest(bytes).into());
        assert!(of(certificate.der()).matches(certificate.der()));
        assert!(of(&key.subject_public_key_info()).matches(certificate.der()));
        assert!(!of(b"another").matches(certificate.der()));
        assert!(!of(b"").matches(b"x"));
    }

    #[test]
    fn only_a_whole_hash_is_a_pin() {
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(hash.parse::<CertificatePin>().unwrap().to_string(), hash);
        let long = hash.clone() + "0";
        for text in ["", "zz", "0123456789abcde", long.as_str(), &hash.replace('a', "g")] {
            assert_eq!(text.parse::<CertificatePin>(), Err(CertificatePinError), "{text}");
        }
    }
}
