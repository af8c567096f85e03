//! Why there is no certificate to sign in with, and what to do.

use std::path::PathBuf;

use exchange_cmdlets::BoxError;

use super::Thumbprint;

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
        /// The file or store.
        path: PathBuf,
        /// The certificate.
        thumbprint: Thumbprint,
    },
    /// No store has a certificate with the thumbprint.
    #[error("no certificate in {} has the thumbprint {wanted}; {}", searched.join(" or "), kept_text(found, failed))]
    NotKept {
        /// The stores that were searched, by name.
        searched: Vec<String>,
        /// The thumbprint.
        wanted: Thumbprint,
        /// The thumbprints there are.
        found: Vec<Thumbprint>,
        /// The stores that could not be looked into, each with why.
        failed: Vec<String>,
    },
    /// A store has the certificate, and no key that signs for it.
    #[error("the private key of the certificate {thumbprint} in {store} cannot be used")]
    KeptKey {
        /// The store, by name.
        store: String,
        /// The certificate.
        thumbprint: Thumbprint,
        /// Why.
        #[source]
        source: BoxError,
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
            Self::NotKept { .. } => {
                "correct certificate_thumbprint, import the certificate with its private key into one of these stores, or \
                 name a file in cloud.certificate_file"
            }
            Self::KeptKey { .. } => {
                "let this account read the private key (Manage Private Keys in certlm.msc); a key of a legacy provider has to \
                 be imported again into the Microsoft Software Key Storage Provider; or name a file in cloud.certificate_file"
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

/// How many thumbprints of a store are told.
const MAX_TOLD: usize = 10;

fn kept_text(found: &[Thumbprint], failed: &[String]) -> String {
    let told: Vec<_> = found.iter().take(MAX_TOLD).map(ToString::to_string).collect();
    let mut text = match found.len() {
        0 => "there is none".to_owned(),
        count if count > MAX_TOLD => {
            format!("there are {} and {} more", told.join(", "), count - MAX_TOLD)
        }
        _ => format!("there are {}", told.join(", ")),
    };
    for failure in failed {
        text.push_str("; ");
        text.push_str(failure);
    }
    text
}
