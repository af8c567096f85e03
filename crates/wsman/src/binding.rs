//! Channel bindings: what ties authentication to the TLS connection that it runs in.
//!
//! Spec: RFC 5929, 4 The tls-server-end-point Channel Binding Type; [MS-NLMP] 2.2.2.1 AV_PAIR (MsvAvChannelBindings).
//!
//! The certificate is hashed with the hash of its own signature, except that MD5, SHA-1 and no hash at all are
//! replaced by SHA-256.

use md5::{Digest as _, Md5};
use sha2::{Sha256, Sha384, Sha512};

/// Returns the application data of the binding: `tls-server-end-point:` and the hash of the certificate, in DER.
///
/// A certificate whose signature algorithm is unknown, or that is no certificate, is hashed with SHA-256.
#[must_use]
pub fn tls_server_end_point(certificate: &[u8]) -> Vec<u8> {
    let mut data = b"tls-server-end-point:".to_vec();
    match signature_hash(certificate) {
        Hash::Sha256 => data.extend_from_slice(&Sha256::digest(certificate)),
        Hash::Sha384 => data.extend_from_slice(&Sha384::digest(certificate)),
        Hash::Sha512 => data.extend_from_slice(&Sha512::digest(certificate)),
    }
    data
}

/// Returns the MD5 of the binding's structure with no addresses, which is what goes over the wire.
#[must_use]
pub fn bindings_hash(application_data: &[u8]) -> [u8; 16] {
    let length = u32::try_from(application_data.len()).unwrap_or(u32::MAX);
    let mut hasher = Md5::new();
    hasher.update([0; 16]);
    hasher.update(length.to_le_bytes());
    hasher.update(application_data);
    hasher.finalize().into()
}

/// Returns the bits of a certificate's public key, as CredSSP proves them.
#[cfg(feature = "client")]
pub(crate) fn subject_public_key(certificate: &[u8]) -> Option<&[u8]> {
    let (_, key_info, _) = element(subject_public_key_info(certificate)?)?;
    let (_, _algorithm, key) = element(key_info)?;
    let (tag, bits, _) = element(key)?;
    // The first byte counts the bits that are not used: none.
    bits.strip_prefix(&[0]).filter(|_| tag == 3)
}

/// Returns the `SubjectPublicKeyInfo` of a certificate, in DER.
#[cfg(feature = "client")]
pub(crate) fn subject_public_key_info(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    // Version (left out by the first version), serial number, algorithm, issuer, validity and subject come before it.
    if let Some((0xA0, _, after)) = element(rest) {
        rest = after;
    }
    for _ in 0..5 {
        (_, _, rest) = element(rest)?;
    }
    let (_, _, after) = element(rest)?;
    rest.get(..rest.len() - after.len())
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Reads the hash of a certificate's signature algorithm.
fn signature_hash(certificate: &[u8]) -> Hash {
    let read = || {
        let (_, certificate, _) = element(certificate)?;
        let (_, _to_be_signed, rest) = element(certificate)?;
        let (_, algorithm, _) = element(rest)?;
        let (_, oid, parameters) = element(algorithm)?;
        // RSASSA-PSS names its hash in the parameters: [0] { SEQUENCE { OID } }.
        if oid == RSASSA_PSS {
            let (_, parameters, _) = element(parameters)?;
            let (tag, hash, _) = element(parameters)?;
            let (_, hash, _) = element(hash)?;
            return (tag == 0xA0).then(|| element(hash)).flatten().map(|(_, oid, _)| oid);
        }
        Some(oid)
    };
    match read() {
        Some(oid) if SHA384.contains(&oid) => Hash::Sha384,
        Some(oid) if SHA512.contains(&oid) => Hash::Sha512,
        _ => Hash::Sha256,
    }
}

/// Splits one DER element off: tag, content, and the rest.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            let length = digits.iter().fold(0, |sum: usize, digit| sum << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// 1.2.840.113549.1.1.10
const RSASSA_PSS: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10];
/// RSA and ECDSA with SHA-384, and SHA-384 itself.
const SHA384: [&[u8]; 3] = [
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 12],
    &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3],
    &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2],
];
/// RSA and ECDSA with SHA-512, and SHA-512 itself.
const SHA512: [&[u8]; 3] = [
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 13],
    &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 4],
    &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Wraps content of fewer than 128 bytes.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, u8::try_from(content.len()).unwrap()];
        out.extend_from_slice(content);
        out
    }

    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let parts = [der(0x30, b"tbs"), der(0x30, algorithm), der(3, &[0, 1])].concat();
        der(0x30, &parts)
    }

    #[test]
    fn the_hash_of_the_bindings_is_the_known_one() {
        let mut data = b"tls-server-end-point:".to_vec();
        data.extend_from_slice(&Sha256::digest(b"test"));
        assert_eq!(data.len(), 53);
        let hash = bindings_hash(&data);
        assert_eq!(
            format!("{:032x}", u128::from_be_bytes(hash)),
            "0924897c30f27ed5a3064be6bbca6598"
        );
    }

    #[test]
    fn the_signature_algorithm_chooses_the_hash() {
        let sha1 = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 5];
        assert_eq!(signature_hash(&certificate(&der(6, &sha1))), Hash::Sha256);
        for oid in SHA384 {
            assert_eq!(signature_hash(&certificate(&der(6, oid))), Hash::Sha384);
        }
        for oid in SHA512 {
            assert_eq!(signature_hash(&certificate(&der(6, oid))), Hash::Sha512);
        }
        let hash = der(0xA0, &der(0x30, &der(6, SHA384[2])));
        let pss = [der(6, RSASSA_PSS), der(0x30, &hash)].concat();
        assert_eq!(signature_hash(&certificate(&pss)), Hash::Sha384);
        let pss_default = [der(6, RSASSA_PSS), der(0x30, &[])].concat();
        assert_eq!(signature_hash(&certificate(&pss_default)), Hash::Sha256);
    }

    #[cfg(feature = "client")]
    #[test]
    fn the_public_key_is_found_with_and_without_a_version() {
        let fields =
            [der(2, &[1]), der(0x30, b"a"), der(0x30, b"i"), der(0x30, b"v"), der(0x30, b"s")];
        let key = der(0x30, &[der(0x30, b"rsa"), der(3, b"\0key")].concat());
        for version in [Vec::new(), der(0xA0, &der(2, &[2]))] {
            let signed = der(0x30, &[version, fields.concat(), key.clone()].concat());
            let whole = der(0x30, &signed);
            assert_eq!(subject_public_key(&whole), Some(&b"key"[..]));
            assert_eq!(subject_public_key(&whole[..20]), None);
        }
    }

    #[test]
    fn what_is_no_certificate_is_hashed_with_sha_256() {
        for bytes in [&b""[..], &[0x30], &[0x30, 0x80], &[0x30, 0x85, 1], &[0x30, 3, 0x30, 1, 1]] {
            assert_eq!(tls_server_end_point(bytes).len(), 53);
        }
    }
}
