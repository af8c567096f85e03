//! What PFX and PEM files hold, and which files of a folder may be such.

use std::fmt;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use exchange_cmdlets::BoxError;
use picky::pem::{PemError, read_pem};
use picky::pkcs12::{
    Pfx, Pkcs12CryptoContext, Pkcs12Error, Pkcs12ParsingParams, SafeBag, SafeBagKind,
    SafeContentsKind,
};
use picky::x509::Cert;
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncryptedPrivateKeyInfoRef};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use zeroize::Zeroizing;

use super::key::Key;
use super::{CertificateError, ClientCertificate, Thumbprint, Unfit, facts};

/// The most bytes of a file that are read.
const MAX_FILE: u64 = 1 << 20;
/// The most files of a folder that are looked into.
const MAX_FILES: usize = 1000;
/// What stands in the head of a key that is locked in the way of RFC 1421, with a cipher and a digest that nobody should use.
const OLD_LOCK: &[u8] = b"Proc-Type: 4,ENCRYPTED";
/// How deep bags may stand in one another.
const MAX_DEPTH: usize = 4;
/// What the names of files in a certificate folder end with.
const ENDINGS: [&str; 5] = ["pfx", "p12", "pem", "crt", "cer"];

/// What a PFX or PEM file holds, whatever it is for.
#[derive(Clone)]
#[non_exhaustive]
pub struct CertificateFile {
    /// The certificates in DER, in the order of the file.
    pub certificates: Vec<Vec<u8>>,
    /// The private keys in DER, unlocked: PKCS #8, PKCS #1 or SEC 1.
    pub keys: Vec<SecretSlice<u8>>,
}

impl CertificateFile {
    /// Reads a PFX or PEM file of at most 1 MiB, whose keys may be locked with a password.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Unreadable`] or [`CertificateError::WrongPassword`].
    pub fn read(path: &Path, password: Option<&SecretString>) -> Result<Self, CertificateError> {
        let Contents { certificates, keys } = Contents::read(path, password)?;
        Ok(Self { certificates, keys })
    }
}

/// The keys do not show.
impl fmt::Debug for CertificateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thumbprints: Vec<_> =
            self.certificates.iter().map(|der| Thumbprint::of(der).to_string()).collect();
        f.debug_struct("CertificateFile")
            .field("certificates", &thumbprints)
            .field("keys", &self.keys.len())
            .finish()
    }
}

pub(super) fn candidates(folder: &Path) -> Result<Vec<PathBuf>, CertificateError> {
    let unreadable = |source: std::io::Error| CertificateError::Unreadable {
        path: folder.to_owned(),
        source: source.into(),
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)?.take(MAX_FILES) {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// What a file holds, to look for one certificate in it.
#[derive(Default)]
pub(super) struct Contents {
    certificates: Vec<Vec<u8>>,
    /// In DER, of any kind.
    keys: Vec<SecretSlice<u8>>,
}

impl Contents {
    pub(super) fn read(
        path: &Path,
        password: Option<&SecretString>,
    ) -> Result<Self, CertificateError> {
        let bytes = read_limited(path).map_err(|source| CertificateError::Unreadable {
            path: path.to_owned(),
            source: source.into(),
        })?;
        let begins_pem = |bytes: &[u8]| bytes.windows(11).any(|part| part == b"-----BEGIN ");
        let failure = match begins_pem(&bytes) {
            true => Self::from_pem(&bytes, password),
            false => Self::from_pfx(&bytes, password),
        };
        failure.map_err(|failure| match failure {
            Failure::WrongPassword => CertificateError::WrongPassword { path: path.to_owned() },
            Failure::Other(source) => {
                CertificateError::Unreadable { path: path.to_owned(), source }
            }
        })
    }

    fn from_pfx(bytes: &[u8], password: Option<&SecretString>) -> Result<Self, Failure> {
        // A bare certificate in DER is no PFX, and of use only to name its thumbprint.
        if Cert::from_der(bytes).is_ok() {
            return Ok(Self { certificates: vec![bytes.to_vec()], keys: Vec::new() });
        }
        let context = match password {
            Some(password) => Pkcs12CryptoContext::new_with_password(password.expose_secret()),
            None => Pkcs12CryptoContext::new_without_password(),
        }?;
        let params = Pkcs12ParsingParams { skip_soft_parsing_errors: true, ..Default::default() };
        let pfx = Pfx::from_der(bytes, &context, &params)?;
        let mut contents = Self::default();
        for safe in pfx.safe_contents() {
            match safe.kind() {
                SafeContentsKind::SafeBags(bags)
                | SafeContentsKind::EncryptedSafeBags { safe_bags: bags, .. } => {
                    contents.add_bags(bags, MAX_DEPTH);
                }
                SafeContentsKind::Unknown => {}
            }
        }
        Ok(contents)
    }

    fn add_bags(&mut self, bags: &[SafeBag], depth: usize) {
        for bag in bags {
            match bag.kind() {
                SafeBagKind::Certificate(certificate) => {
                    self.certificates.extend(certificate.to_der());
                }
                SafeBagKind::PrivateKey(key) | SafeBagKind::EncryptedPrivateKey { key, .. } => {
                    self.keys.extend(key.to_pkcs8().map(SecretSlice::from));
                }
                SafeBagKind::Nested(bags) if depth > 0 => self.add_bags(bags, depth - 1),
                _ => {}
            }
        }
    }

    fn from_pem(bytes: &[u8], password: Option<&SecretString>) -> Result<Self, Failure> {
        if bytes.windows(OLD_LOCK.len()).any(|part| part == OLD_LOCK) {
            return Err(Failure::Other(
                "its key is locked in the old way; lock it anew with `openssl pkcs8 -topk8`".into(),
            ));
        }
        let mut reader = Cursor::new(bytes);
        let mut contents = Self::default();
        loop {
            let section = match read_pem(&mut reader) {
                Ok(section) => section,
                Err(PemError::HeaderNotFound) => return Ok(contents),
                Err(error) => return Err(Failure::Other(error.into())),
            };
            let label = section.label().to_owned();
            let data = Zeroizing::new(section.into_data().into_owned());
            match label.as_str() {
                "CERTIFICATE" => contents.certificates.push(data.to_vec()),
                "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                    contents.keys.push(data.to_vec().into());
                }
                "ENCRYPTED PRIVATE KEY" => {
                    let password = password.ok_or(Failure::WrongPassword)?.expose_secret();
                    let locked = EncryptedPrivateKeyInfoRef::try_from(data.as_slice());
                    let locked =
                        locked.map_err(|error| Failure::Other(error.to_string().into()))?;
                    let key = locked.decrypt(password).map_err(|_| Failure::WrongPassword)?;
                    contents.keys.push(key.as_bytes().to_vec().into());
                }
                _ => {}
            }
        }
    }

    pub(super) fn thumbprints(&self) -> Vec<Thumbprint> {
        self.certificates.iter().map(|der| Thumbprint::of(der)).collect()
    }

    /// Returns the certificate with the thumbprint, if it is here.
    pub(super) fn certificate(
        &self,
        path: &Path,
        thumbprint: Thumbprint,
    ) -> Result<Option<ClientCertificate>, CertificateError> {
        let Some(der) = self.certificates.iter().find(|der| Thumbprint::of(der) == thumbprint)
        else {
            return Ok(None);
        };
        let no_key = || CertificateError::NoKey { path: path.to_owned(), thumbprint };
        let (public, not_after) = facts(der).map_err(|unfit| match unfit {
            Unfit::NotRsa => CertificateError::NotRsa { path: path.to_owned(), thumbprint },
            Unfit::Malformed(source) => {
                CertificateError::Unreadable { path: path.to_owned(), source }
            }
        })?;
        let mut keys = self.keys.iter().filter_map(rsa_key);
        let key = keys.find(|key| key.to_public_key() == public).ok_or_else(no_key)?;
        Ok(Some(ClientCertificate { der: der.clone(), key: Key::Own(key.into()), not_after }))
    }
}

fn rsa_key(der: &SecretSlice<u8>) -> Option<RsaPrivateKey> {
    let der = der.expose_secret();
    RsaPrivateKey::from_pkcs8_der(der).or_else(|_| RsaPrivateKey::from_pkcs1_der(der)).ok()
}

fn read_limited(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why the contents of a file are not to be had.
enum Failure {
    WrongPassword,
    Other(BoxError),
}

impl From<Pkcs12Error> for Failure {
    fn from(error: Pkcs12Error) -> Self {
        match error {
            Pkcs12Error::Mac(_) | Pkcs12Error::Pbes1 { .. } | Pkcs12Error::Pbes2 { .. } => {
                Self::WrongPassword
            }
            error => Self::Other(error.into()),
        }
    }
}
