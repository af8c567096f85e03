//! The certificate an application signs in with, from a file or a folder.
//!
//! PFX and PEM are told apart by what is in them. Of several certificates in one place the thumbprint chooses, never the
//! order, and a key counts only when it belongs to the certificate. The service takes RSA keys alone.
//!
//! What surprised: a thumbprint copied from a Windows dialog begins with an invisible character.

use std::fmt;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use exchange_cmdlets::BoxError;
use picky::pem::{PemError, read_pem};
use picky::pkcs12::{
    Pfx, Pkcs12CryptoContext, Pkcs12Error, Pkcs12ParsingParams, SafeBag, SafeBagKind,
    SafeContentsKind,
};
use picky::x509::Cert;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncryptedPrivateKeyInfoRef};
use rsa::{RsaPrivateKey, RsaPublicKey};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

/// The most bytes of a file that are read.
const MAX_FILE: u64 = 1 << 20;
/// The most files of a folder that are looked into.
const MAX_FILES: usize = 1000;
/// How deep bags may stand in one another.
const MAX_DEPTH: usize = 4;
/// What the names of files in a certificate folder end with.
const ENDINGS: [&str; 5] = ["pfx", "p12", "pem", "crt", "cer"];

/// What stands in the head of a key that is locked in the way of RFC 1421, with a cipher and a digest that nobody should use.
const OLD_LOCK: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// SHA-1 over a certificate: 40 hexadecimal digits, printed in upper case.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Thumbprint([u8; 20]);

/// The text is no thumbprint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a thumbprint has 40 hexadecimal digits")]
#[non_exhaustive]
pub struct ThumbprintError;

/// An RSA certificate with its private key.
#[derive(Clone)]
pub struct ClientCertificate {
    der: Vec<u8>,
    key: RsaPrivateKey,
    not_after: SystemTime,
}

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

/// Why there is no certificate to sign in with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file or folder cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The file is locked with another password, or with one where none was given.
    #[error("{path} is not unlocked by the password")]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// No certificate has the thumbprint.
    #[error(
        "no certificate in {searched} has the thumbprint {wanted}; {}",
        found_text(found, locked)
    )]
    NoMatch {
        /// The file or folder that was searched.
        searched: PathBuf,
        /// The thumbprint.
        wanted: Thumbprint,
        /// The thumbprints there are.
        found: Vec<Thumbprint>,
        /// The files that could not be looked into.
        locked: Vec<PathBuf>,
    },
    /// The certificate is there, its private key is not.
    #[error("{path} holds the certificate {thumbprint} without its RSA private key")]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The certificate.
        thumbprint: Thumbprint,
    },
    /// The certificate's key is of a kind that the service does not take.
    #[error(
        "the certificate {thumbprint} in {path} has no RSA key, and the service takes no other"
    )]
    NotRsa {
        /// The file.
        path: PathBuf,
        /// The certificate.
        thumbprint: Thumbprint,
    },
    /// There is no folder to search.
    #[error("this platform has no certificate folder of its own; name a file or a folder")]
    NoStore,
}

impl CertificateError {
    /// Returns what to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "see that cloud.certificate_file names a PFX or PEM file that this account may read"
            }
            Self::WrongPassword { .. } => "correct cloud.certificate_password",
            Self::NoMatch { .. } => {
                "correct certificate_thumbprint, or name the right file in cloud.certificate_file"
            }
            Self::NoKey { .. } => "export the certificate again together with its RSA private key",
            Self::NotRsa { .. } => {
                "make a certificate with an RSA key, upload its public half to the application's registration, and change \
                 certificate_thumbprint"
            }
            Self::NoStore => "set cloud.certificate_file or cloud.certificate_store",
        }
    }
}

fn found_text(found: &[Thumbprint], locked: &[PathBuf]) -> String {
    let mut text = if found.is_empty() {
        "it holds none".to_owned()
    } else {
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        format!("it holds {}", found.join(", "))
    };
    if !locked.is_empty() {
        let locked: Vec<_> = locked.iter().map(|path| path.display().to_string()).collect();
        text.push_str(&format!("; not readable with the password: {}", locked.join(", ")));
    }
    text
}

impl Thumbprint {
    /// Computes the thumbprint of a certificate in DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha1::digest(der).into())
    }

    /// Returns its 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for Thumbprint {
    type Err = ThumbprintError;

    /// Spaces, colons and invisible marks between the digits are skipped, as dialogs and tools put them there.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let skipped =
            |c: &char| !(c.is_whitespace() || c.is_control() || *c == ':' || is_invisible(*c));
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(skipped)
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|digits| digits.len() == 40).ok_or(ThumbprintError)?;
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |byte, digit| (byte << 4) | digit);
        }
        Ok(Self(bytes))
    }
}

/// Marks of direction, joiners and the byte order mark.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl ClientCertificate {
    /// Reads the certificate with this thumbprint out of a PFX or PEM file.
    ///
    /// # Errors
    ///
    /// [`CertificateError`]; when none matches, with the thumbprints there are.
    pub fn from_file(
        path: &Path,
        thumbprint: Thumbprint,
        password: Option<&SecretString>,
    ) -> Result<Self, CertificateError> {
        let contents = Contents::read(path, password)?;
        if let Some(certificate) = contents.certificate(path, thumbprint)? {
            return Ok(certificate);
        }
        Err(CertificateError::NoMatch {
            searched: path.to_owned(),
            wanted: thumbprint,
            found: contents.thumbprints(),
            locked: Vec::new(),
        })
    }

    /// Searches a folder of PFX and PEM files for the certificate with this thumbprint; at most 1000 files.
    ///
    /// # Errors
    ///
    /// [`CertificateError`]; when none matches, with the thumbprints there are and the files that are locked.
    pub fn from_store(
        folder: &Path,
        thumbprint: Thumbprint,
        password: Option<&SecretString>,
    ) -> Result<Self, CertificateError> {
        let (mut found, mut locked) = (Vec::new(), Vec::new());
        let mut without_key = None;
        for path in candidates(folder)? {
            let Ok(contents) = Contents::read(&path, password) else {
                locked.push(path);
                continue;
            };
            match contents.certificate(&path, thumbprint) {
                Ok(Some(certificate)) => return Ok(certificate),
                Ok(None) => found.extend(contents.thumbprints()),
                // Another file may hold the same certificate with its key.
                Err(error) => without_key = Some(error),
            }
        }
        let missing = CertificateError::NoMatch {
            searched: folder.to_owned(),
            wanted: thumbprint,
            found,
            locked,
        };
        Err(without_key.unwrap_or(missing))
    }

    /// Returns the folder in which .NET keeps the user's certificates, where it keeps them in files: not on Windows.
    #[must_use]
    pub fn user_store() -> Option<PathBuf> {
        if cfg!(windows) {
            return None;
        }
        let home = std::env::home_dir()?;
        Some(home.join(".dotnet/corefx/cryptography/x509stores/my"))
    }

    /// Returns the certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.der)
    }

    /// Returns when it ends.
    #[must_use]
    pub const fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Returns what should be known about its end at the time `now`: that it has come, or is less than 30 days away.
    #[must_use]
    pub fn warning(&self, now: SystemTime) -> Option<String> {
        const DAY: u64 = 24 * 60 * 60;
        let thumbprint = self.thumbprint();
        match self.not_after.duration_since(now) {
            Err(_) => Some(format!("the certificate {thumbprint} has expired")),
            Ok(left) if left < Duration::from_secs(30 * DAY) => {
                let days = left.as_secs() / DAY;
                Some(format!("the certificate {thumbprint} expires in {days} days"))
            }
            Ok(_) => None,
        }
    }

    pub(crate) const fn key(&self) -> &RsaPrivateKey {
        &self.key
    }
}

/// The key does not show.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("thumbprint", &self.thumbprint().to_string())
            .finish_non_exhaustive()
    }
}

fn candidates(folder: &Path) -> Result<Vec<PathBuf>, CertificateError> {
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

/// What a file holds.
#[derive(Default)]
struct Contents {
    certificates: Vec<Vec<u8>>,
    /// In DER, of any kind.
    keys: Vec<SecretSlice<u8>>,
}

impl Contents {
    fn read(path: &Path, password: Option<&SecretString>) -> Result<Self, CertificateError> {
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

    fn thumbprints(&self) -> Vec<Thumbprint> {
        self.certificates.iter().map(|der| Thumbprint::of(der)).collect()
    }

    /// Returns the certificate with the thumbprint, if it is here.
    fn certificate(
        &self,
        path: &Path,
        thumbprint: Thumbprint,
    ) -> Result<Option<ClientCertificate>, CertificateError> {
        let Some(der) = self.certificates.iter().find(|der| Thumbprint::of(der) == thumbprint)
        else {
            return Ok(None);
        };
        let no_key = || CertificateError::NoKey { path: path.to_owned(), thumbprint };
        let unreadable =
            |source: BoxError| CertificateError::Unreadable { path: path.to_owned(), source };
        let certificate = Cert::from_der(der).map_err(|error| unreadable(error.into()))?;
        let public = certificate.public_key().to_der().map_err(|error| unreadable(error.into()))?;
        let not_rsa = |_| CertificateError::NotRsa { path: path.to_owned(), thumbprint };
        let public = RsaPublicKey::from_public_key_der(&public).map_err(not_rsa)?;
        let mut keys = self.keys.iter().filter_map(rsa_key);
        let key = keys.find(|key| key.to_public_key() == public).ok_or_else(no_key)?;
        Ok(Some(ClientCertificate {
            der: der.clone(),
            key,
            not_after: end(&certificate).unwrap_or(SystemTime::UNIX_EPOCH),
        }))
    }
}

fn rsa_key(der: &SecretSlice<u8>) -> Option<RsaPrivateKey> {
    let der = der.expose_secret();
    RsaPrivateKey::from_pkcs8_der(der).or_else(|_| RsaPrivateKey::from_pkcs1_der(der)).ok()
}

fn end(certificate: &Cert) -> Option<SystemTime> {
    let date = certificate.valid_not_after();
    let month = time::Month::try_from(date.month()).ok()?;
    let day = time::Date::from_calendar_date(i32::from(date.year()), month, date.day()).ok()?;
    let end = day.with_hms(date.hour(), date.minute(), date.second()).ok()?.assume_utc();
    Some(end.into())
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

#[cfg(test)]
mod tests;
