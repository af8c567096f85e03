//! The key of a certificate: one that was read, or one that somebody else keeps and signs with.

use std::sync::Arc;

use exchange_cmdlets::BoxError;
use rand::CryptoRng;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha2::Sha256;

use crate::assertion::AssertionAlgorithm;

/// An RSA key that is kept elsewhere, in a store of the system or in hardware, and may not leave it.
pub trait SigningKey: Send + Sync {
    /// Signs the SHA-256 `digest`: RSA-PSS with SHA-256 and a salt of 32 bytes for
    /// [`Ps256`](AssertionAlgorithm::Ps256), PKCS #1 v1.5 for [`Rs256`](AssertionAlgorithm::Rs256). Returns the signature as it
    /// goes into an assertion, as long as the modulus, the most significant byte first.
    ///
    /// # Errors
    ///
    /// Why it cannot sign.
    fn sign(&self, algorithm: AssertionAlgorithm, digest: &[u8; 32]) -> Result<Vec<u8>, BoxError>;
}

/// What signs for a certificate.
#[derive(Clone)]
pub(super) enum Key {
    Own(Box<RsaPrivateKey>),
    Kept { key: Arc<dyn SigningKey>, public: RsaPublicKey },
}

/// The signature is not that of the certificate's key.
#[derive(Debug, thiserror::Error)]
#[error("the key does not belong to the certificate: its signature is not the certificate's")]
struct NotItsKey;

impl Key {
    /// Signs a SHA-256. What somebody else signed is verified, so that a wrong key is not taken for a refusal of the service.
    pub(super) fn sign<R: CryptoRng + ?Sized>(
        &self,
        algorithm: AssertionAlgorithm,
        digest: &[u8; 32],
        rng: &mut R,
    ) -> Result<Vec<u8>, BoxError> {
        let (key, public) = match self {
            Self::Own(key) => return Ok(sign(key, algorithm, digest, rng)?),
            Self::Kept { key, public } => (key, public),
        };
        let signature = key.sign(algorithm, digest)?;
        let verified = match algorithm {
            AssertionAlgorithm::Ps256 => public.verify(Pss::<Sha256>::new(), digest, &signature),
            AssertionAlgorithm::Rs256 => {
                public.verify(Pkcs1v15Sign::new::<Sha256>(), digest, &signature)
            }
        };
        match verified {
            Ok(()) => Ok(signature),
            Err(_) => Err(NotItsKey.into()),
        }
    }
}

fn sign<R: CryptoRng + ?Sized>(
    key: &RsaPrivateKey,
    algorithm: AssertionAlgorithm,
    digest: &[u8; 32],
    rng: &mut R,
) -> Result<Vec<u8>, rsa::Error> {
    match algorithm {
        AssertionAlgorithm::Ps256 => key.sign_with_rng(rng, Pss::<Sha256>::new(), digest),
        AssertionAlgorithm::Rs256 => key.sign_with_rng(rng, Pkcs1v15Sign::new::<Sha256>(), digest),
    }
}
