//! The certificate an application signs in with, from a file, a folder, or a store that keeps its key.
//!
//! PFX and PEM are told apart by what is in them. Of several certificates in one place the thumbprint chooses, never the
//! order, and a key counts only when it belongs to the certificate. The service takes RSA keys alone.
//!
//! What surprised: a thumbprint copied from a Windows dialog begins with an invisible character.

mod contents;
mod error;
mod key;
mod store;
#[cfg(windows)]
mod windows;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use exchange_cmdlets::BoxError;
use picky::x509::Cert;
use rand::CryptoRng;
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey as _;
use secrecy::SecretString;
use sha1::{Digest as _, Sha1};

pub use self::contents::CertificateFile;
use self::contents::{Contents, candidates};
pub use self::error::CertificateError;
use self::key::Key;
pub use self::key::SigningKey;
pub use self::store::{CertificateStore, StoredCertificate};
use crate::assertion::AssertionAlgorithm;

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
    key: Key,
    not_after: SystemTime,
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

    /// Finds the certificate with this thumbprint where the platform keeps the user's: on Windows in the system's stores
    /// `CurrentUser\My` and then `LocalMachine\My`, whose keys need not be exportable; elsewhere in the folder that is
    /// [`user_store`](Self::user_store), which the password is for.
    ///
    /// # Errors
    ///
    /// [`CertificateError`]; when none matches, with what was searched and the thumbprints there are.
    pub fn from_user_store(
        thumbprint: Thumbprint,
        password: Option<&SecretString>,
    ) -> Result<Self, CertificateError> {
        #[cfg(windows)]
        {
            let _ = password;
            let [user, machine] = windows::stores();
            Self::from_stores(&[&user, &machine], thumbprint)
        }
        #[cfg(not(windows))]
        {
            let folder = Self::user_store().ok_or(CertificateError::NoStore)?;
            Self::from_store(&folder, thumbprint, password)
        }
    }

    /// Searches stores that keep the keys themselves, in their order, for the certificate with this thumbprint. A store whose
    /// certificate has no usable key is passed over if a later one has it with its key.
    ///
    /// # Errors
    ///
    /// [`CertificateError::NotKept`] with the stores searched and the thumbprints there are; [`CertificateError::KeptKey`]
    /// when the key cannot be used, or is not the certificate's; [`CertificateError::NotRsa`].
    pub fn from_stores(
        stores: &[&dyn CertificateStore],
        thumbprint: Thumbprint,
    ) -> Result<Self, CertificateError> {
        store::find(stores, thumbprint)
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

    /// Signs a SHA-256.
    pub(crate) fn sign<R: CryptoRng + ?Sized>(
        &self,
        algorithm: AssertionAlgorithm,
        digest: &[u8; 32],
        rng: &mut R,
    ) -> Result<Vec<u8>, BoxError> {
        self.key.sign(algorithm, digest, rng)
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

/// Why a certificate cannot be signed in with, whatever its key.
enum Unfit {
    Malformed(BoxError),
    NotRsa,
}

/// The public key of a certificate, and its end.
fn facts(der: &[u8]) -> Result<(RsaPublicKey, SystemTime), Unfit> {
    let malformed = |error: BoxError| Unfit::Malformed(error);
    let certificate = Cert::from_der(der).map_err(|error| malformed(error.into()))?;
    let public = certificate.public_key().to_der().map_err(|error| malformed(error.into()))?;
    let public = RsaPublicKey::from_public_key_der(&public).map_err(|_| Unfit::NotRsa)?;
    Ok((public, end(&certificate).unwrap_or(SystemTime::UNIX_EPOCH)))
}

fn end(certificate: &Cert) -> Option<SystemTime> {
    let date = certificate.valid_not_after();
    let month = time::Month::try_from(date.month()).ok()?;
    let day = time::Date::from_calendar_date(i32::from(date.year()), month, date.day()).ok()?;
    let end = day.with_hms(date.hour(), date.minute(), date.second()).ok()?.assume_utc();
    Some(end.into())
}

#[cfg(test)]
mod tests;
