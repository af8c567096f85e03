//! Stores that keep certificates together with their keys, and sign with these themselves.

use std::sync::Arc;

use exchange_cmdlets::BoxError;

use super::key::{Key, SigningKey};
use super::{CertificateError, ClientCertificate, Thumbprint, Unfit, facts};
use crate::assertion::AssertionAlgorithm;

/// A store of certificates that keeps their keys, such as one of the system's.
pub trait CertificateStore {
    /// Returns its name for messages, such as `CurrentUser\My`.
    fn name(&self) -> &str;

    /// Finds the certificate with this thumbprint, if it is here.
    ///
    /// # Errors
    ///
    /// Why the store cannot be looked into.
    fn find(&self, thumbprint: Thumbprint) -> Result<Option<StoredCertificate>, BoxError>;

    /// Returns the thumbprints of what is here, for a message; some of them when there are many.
    ///
    /// # Errors
    ///
    /// Why the store cannot be looked into.
    fn thumbprints(&self) -> Result<Vec<Thumbprint>, BoxError>;
}

/// A certificate of a store.
#[expect(clippy::exhaustive_structs, reason = "a certificate and its key")]
pub struct StoredCertificate {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// Its key, or why it cannot be had.
    pub key: Result<Arc<dyn SigningKey>, BoxError>,
}

pub(super) fn find(
    stores: &[&dyn CertificateStore],
    thumbprint: Thumbprint,
) -> Result<ClientCertificate, CertificateError> {
    let (mut found, mut failed, mut unusable) = (Vec::new(), Vec::new(), None);
    for store in stores {
        let sought = store.find(thumbprint);
        // A store that gives another certificate has not got this one.
        let sought =
            sought.map(|entry| entry.filter(|entry| Thumbprint::of(&entry.der) == thumbprint));
        match sought {
            Ok(Some(entry)) => match usable(entry, store.name(), thumbprint) {
                Ok(certificate) => return Ok(certificate),
                // The first is the one that is meant; another store may have the key.
                Err(error) => {
                    unusable.get_or_insert(error);
                }
            },
            Ok(None) => found.extend(store.thumbprints().unwrap_or_default()),
            Err(error) => failed.push(format!("{} cannot be opened: {error}", store.name())),
        }
    }
    Err(unusable.unwrap_or_else(|| CertificateError::NotKept {
        searched: stores.iter().map(|store| store.name().to_owned()).collect(),
        wanted: thumbprint,
        found,
        failed,
    }))
}

/// Takes a certificate whose key signs for it, which is tried out.
fn usable(
    entry: StoredCertificate,
    store: &str,
    thumbprint: Thumbprint,
) -> Result<ClientCertificate, CertificateError> {
    let StoredCertificate { der, key } = entry;
    let cannot = |source| CertificateError::KeptKey { store: store.to_owned(), thumbprint, source };
    let (public, not_after) = facts(&der).map_err(|unfit| match unfit {
        Unfit::NotRsa => CertificateError::NotRsa { path: store.into(), thumbprint },
        Unfit::Malformed(error) => cannot(error),
    })?;
    let key = Key::Kept { key: key.map_err(cannot)?, public };
    // Every provider has this padding; the other one is tried when it is needed.
    key.sign(AssertionAlgorithm::Rs256, &[0; 32], &mut rand::rng()).map_err(cannot)?;
    Ok(ClientCertificate { der, key, not_after })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use exchange_cmdlets::BoxError;

    use super::{CertificateStore, StoredCertificate};
    use crate::assertion::AssertionAlgorithm;
    use crate::certificate::{CertificateError, ClientCertificate, SigningKey, Thumbprint};

    const APP: &str = "79218D98A3FF04574C534A49F8E005D1817420E0";
    const ANOTHER: &str = "84E05C1D98BCE3A5421D225B140B36E86A3D5534";
    const ELLIPTIC: &str = "7391C8C0694FB688CE82EB067EB4B47BA105780A";

    /// A key that does not leave the one who keeps it.
    struct Kept(ClientCertificate);

    impl SigningKey for Kept {
        fn sign(
            &self,
            algorithm: AssertionAlgorithm,
            digest: &[u8; 32],
        ) -> Result<Vec<u8>, BoxError> {
            self.0.sign(algorithm, digest, &mut rand::rng())
        }
    }

    /// Signs with one padding only, as some hardware does.
    struct OldHardware(ClientCertificate);

    impl SigningKey for OldHardware {
        fn sign(
            &self,
            algorithm: AssertionAlgorithm,
            digest: &[u8; 32],
        ) -> Result<Vec<u8>, BoxError> {
            match algorithm {
                AssertionAlgorithm::Ps256 => Err("the provider does not know this padding".into()),
                AssertionAlgorithm::Rs256 => self.0.sign(algorithm, digest, &mut rand::rng()),
            }
        }
    }

    type Finds = Box<dyn Fn() -> Result<Option<StoredCertificate>, BoxError>>;

    struct Fake {
        name: &'static str,
        finds: Finds,
        others: Vec<Thumbprint>,
    }

    impl CertificateStore for Fake {
        fn name(&self) -> &str {
            self.name
        }

        fn find(&self, _thumbprint: Thumbprint) -> Result<Option<StoredCertificate>, BoxError> {
            (self.finds)()
        }

        fn thumbprints(&self) -> Result<Vec<Thumbprint>, BoxError> {
            Ok(self.others.clone())
        }
    }

    fn fake(
        name: &'static str,
        finds: impl Fn() -> Result<Option<StoredCertificate>, BoxError> + 'static,
    ) -> Fake {
        Fake { name, finds: Box::new(finds), others: Vec::new() }
    }

    fn app() -> ClientCertificate {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plain.pem");
        ClientCertificate::from_file(&file, thumbprint(APP), None).unwrap()
    }

    fn thumbprint(text: &str) -> Thumbprint {
        text.parse().unwrap()
    }

    fn entry(key: impl SigningKey + 'static) -> StoredCertificate {
        StoredCertificate { der: app().der().to_vec(), key: Ok(Arc::new(key)) }
    }

    fn find(stores: &[&dyn CertificateStore]) -> Result<ClientCertificate, CertificateError> {
        ClientCertificate::from_stores(stores, thumbprint(APP))
    }

    fn told(error: &CertificateError) -> String {
        let source = std::error::Error::source(error).map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default())
    }

    #[test]
    fn the_first_store_that_has_it_signs() {
        let user = fake("CurrentUser\\My", || Ok(None));
        let machine = fake("LocalMachine\\My", || Ok(Some(entry(Kept(app())))));
        let never = fake("Never", || panic!("it was found before"));
        let found = find(&[&user, &machine, &never]).unwrap();
        assert_eq!((found.thumbprint(), found.not_after()), (thumbprint(APP), app().not_after()));
        for algorithm in [AssertionAlgorithm::Ps256, AssertionAlgorithm::Rs256] {
            let signature = found.sign(algorithm, &[7; 32], &mut rand::rng()).unwrap();
            assert_eq!(signature.len(), 256);
        }
    }

    #[test]
    fn a_certificate_without_its_key_is_passed_over_when_another_store_has_it() {
        let der = app().der().to_vec();
        let keyless = move || {
            let key = Err("Keyset does not exist".into());
            Ok(Some(StoredCertificate { der: der.clone(), key }))
        };
        let user = fake("CurrentUser\\My", keyless.clone());
        let machine = fake("LocalMachine\\My", || Ok(Some(entry(Kept(app())))));
        assert!(find(&[&user, &machine]).is_ok());
        let error = find(&[&user, &fake("LocalMachine\\My", keyless)]).unwrap_err();
        assert_eq!(
            told(&error),
            format!(
                "the private key of the certificate {APP} in CurrentUser\\My cannot be used: Keyset does not exist"
            )
        );
        assert!(error.remedy().contains("legacy provider"), "{}", error.remedy());
    }

    #[test]
    fn what_was_searched_is_told() {
        let mut user = fake("CurrentUser\\My", || Ok(None));
        user.others = vec![thumbprint(ANOTHER)];
        let machine = fake("LocalMachine\\My", || Err("Access is denied".into()));
        let error = find(&[&user, &machine]).unwrap_err();
        assert_eq!(
            told(&error),
            format!(
                "no certificate in CurrentUser\\My or LocalMachine\\My has the thumbprint {APP}; there are {ANOTHER}; \
                 LocalMachine\\My cannot be opened: Access is denied"
            )
        );
        user.others = vec![thumbprint(ANOTHER); 12];
        let error = told(&find(&[&user]).unwrap_err());
        assert!(error.ends_with("and 2 more") && error.matches(ANOTHER).count() == 10, "{error}");
        let error = told(&find(&[]).unwrap_err());
        assert!(error.ends_with("there is none"), "{error}");
    }

    #[test]
    fn a_key_has_to_belong_to_the_certificate_and_to_be_rsa() {
        let wrong = || {
            let mut rng = rand::rng();
            let other = rsa::RsaPrivateKey::new(&mut rng, 1024).unwrap();
            struct Other(rsa::RsaPrivateKey);
            impl SigningKey for Other {
                fn sign(
                    &self,
                    _algorithm: AssertionAlgorithm,
                    digest: &[u8; 32],
                ) -> Result<Vec<u8>, BoxError> {
                    let padding = rsa::Pkcs1v15Sign::new::<sha2::Sha256>();
                    Ok(self.0.sign_with_rng(&mut rand::rng(), padding, digest)?)
                }
            }
            Ok(Some(entry(Other(other))))
        };
        let error = told(&find(&[&fake("Store", wrong)]).unwrap_err());
        assert!(error.contains("does not belong to the certificate"), "{error}");

        let another = fake("Store", || {
            let der =
                std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plain.pem"));
            Ok(Some(StoredCertificate { der: der?, key: Ok(Arc::new(Kept(app()))) }))
        });
        let error = find(&[&another]).unwrap_err();
        assert!(matches!(error, CertificateError::NotKept { .. }), "{error}");

        let elliptic = || {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/elliptic.pem");
            let der = crate::CertificateFile::read(&file, None)?.certificates.remove(0);
            Ok(Some(StoredCertificate { der, key: Ok(Arc::new(Kept(app()))) }))
        };
        let store = fake("Store", elliptic);
        let error = ClientCertificate::from_stores(&[&store], thumbprint(ELLIPTIC)).unwrap_err();
        assert!(told(&error).contains("in Store has no RSA key"), "{}", told(&error));
    }

    #[test]
    fn a_padding_that_the_keeper_does_not_know_is_an_error_of_its_own() {
        let found = find(&[&fake("Store", || Ok(Some(entry(OldHardware(app())))))]).unwrap();
        let error = found.sign(AssertionAlgorithm::Ps256, &[7; 32], &mut rand::rng()).unwrap_err();
        assert_eq!(error.to_string(), "the provider does not know this padding");
        assert!(found.sign(AssertionAlgorithm::Rs256, &[7; 32], &mut rand::rng()).is_ok());
    }
}
