//! The certificate stores of Windows, by way of its key storage providers.
//!
//! Keys stay where they are and may be marked as not exportable. A key that only a legacy provider (CSP) can use is not
//! reached this way; nothing is shown to a user, so a key that asks for consent cannot be used either.

use std::sync::Arc;

use exchange_cmdlets::BoxError;
use rustls_cng::error::CngError;
use rustls_cng::key::{NCryptKey, SignaturePadding};
use rustls_cng::store::{CertStore, CertStoreType};

use super::Thumbprint;
use super::key::SigningKey;
use super::store::{CertificateStore, StoredCertificate};
use crate::assertion::AssertionAlgorithm;

/// How many certificates of a store are named.
const MAX_NAMED: usize = 100;

/// One of the stores named `My`.
pub(super) struct SystemStore {
    name: &'static str,
    place: CertStoreType,
}

/// What Windows said.
#[derive(Debug, thiserror::Error)]
#[error("Windows says {code:#010x}: {meaning}")]
struct WindowsError {
    code: u32,
    meaning: &'static str,
}

/// Returns the stores in the order in which they are searched: the user's, then the machine's.
pub(super) const fn stores() -> [SystemStore; 2] {
    [
        SystemStore { name: r"CurrentUser\My", place: CertStoreType::CurrentUser },
        SystemStore { name: r"LocalMachine\My", place: CertStoreType::LocalMachine },
    ]
}

impl SystemStore {
    fn open(&self) -> Result<CertStore, BoxError> {
        CertStore::open(self.place, "MY").map_err(told)
    }
}

impl CertificateStore for SystemStore {
    fn name(&self) -> &str {
        self.name
    }

    fn find(&self, thumbprint: Thumbprint) -> Result<Option<StoredCertificate>, BoxError> {
        let found = self.open()?.find_by_sha1(thumbprint.as_bytes()).map_err(told)?;
        let Some(certificate) = found.into_iter().next() else { return Ok(None) };
        let key = certificate.acquire_key(true).map_err(told);
        let key = key.map(|key| Arc::new(KeptKey(key)) as Arc<dyn SigningKey>);
        Ok(Some(StoredCertificate { der: certificate.as_der().to_vec(), key }))
    }

    fn thumbprints(&self) -> Result<Vec<Thumbprint>, BoxError> {
        let all = self.open()?.find_all().map_err(told)?;
        Ok(all.iter().take(MAX_NAMED).map(|one| Thumbprint::of(one.as_der())).collect())
    }
}

/// A key of a key storage provider.
struct KeptKey(NCryptKey);

impl SigningKey for KeptKey {
    fn sign(&self, algorithm: AssertionAlgorithm, digest: &[u8; 32]) -> Result<Vec<u8>, BoxError> {
        // With PSS the salt is as long as the digest.
        let padding = match algorithm {
            AssertionAlgorithm::Ps256 => SignaturePadding::Pss,
            AssertionAlgorithm::Rs256 => SignaturePadding::Pkcs1,
        };
        self.0.sign(digest, padding).map_err(told)
    }
}

fn told(error: CngError) -> BoxError {
    match error {
        CngError::WindowsError(code) => WindowsError { code, meaning: meaning(code) }.into(),
        error => error.into(),
    }
}

/// What the codes mean that come up in practice.
const fn meaning(code: u32) -> &'static str {
    match code {
        0x0000_0005 | 0x8007_0005 | 0x8009_0010 => "access is denied",
        0x0000_0002 | 0x8007_0002 => "the store does not exist",
        0x8009_200b => "the certificate was imported without its private key",
        0x8009_000d | 0x8009_0016 => "the key does not exist, or this account may not read it",
        0x8009_0014 | 0x8009_0017 | 0x8009_0019 => "the key is one of a legacy provider (CSP)",
        0x8009_0022 => "the key asks for consent, which nobody can give here",
        0x8009_0029 => "the key's provider does not know this kind of signature",
        _ => "the key's provider failed",
    }
}
