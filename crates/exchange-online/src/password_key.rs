//! The key that secrets travel under, and what the service says about its cmdlets beside it.
//!
//! The service publishes an RSA key inside the text of its PowerShell module, as the XML that .NET writes. A secure
//! string is the UTF-8 of the secret, encrypted with PKCS #1 v1.5, in base64; an empty one stays empty.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, Pkcs1v15Encrypt, RsaPublicKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;

/// The sizes of a modulus that are taken, in bytes.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// How much longer the ciphertext is than the longest secret.
const PADDING: usize = 11;

/// The service's public key for secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PasswordKey(RsaPublicKey);

/// Why a secret cannot be encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordKeyError {
    /// The text holds no key, or none of a size that is used.
    #[error("the service published no key that passwords can be encrypted with")]
    NoKey,
    /// The secret is longer than the key can encrypt.
    #[error("it is longer than {limit} bytes, the most that can be encrypted")]
    TooLong {
        /// The most bytes.
        limit: usize,
    },
    /// The encryption failed.
    #[error("it could not be encrypted")]
    Failed,
}

impl PasswordKey {
    /// Finds a key in a text, between `<RSAKeyValue>` and its end.
    ///
    /// # Errors
    ///
    /// [`PasswordKeyError::NoKey`].
    pub fn find(text: &str) -> Result<Self, PasswordKeyError> {
        let inner = between(text, "<RSAKeyValue>", "</RSAKeyValue>");
        inner.and_then(read_key).map(Self).ok_or(PasswordKeyError::NoKey)
    }

    /// Encrypts a secret to the text that stands in a body.
    ///
    /// # Errors
    ///
    /// [`PasswordKeyError::TooLong`] beyond 245 bytes with a key of 2048 bits.
    pub fn encrypt<R: CryptoRng + ?Sized>(
        &self,
        secret: &SecretString,
        rng: &mut R,
    ) -> Result<String, PasswordKeyError> {
        let secret = secret.expose_secret().as_bytes();
        let limit = self.0.size().saturating_sub(PADDING);
        if secret.is_empty() {
            return Ok(String::new());
        }
        if secret.len() > limit {
            return Err(PasswordKeyError::TooLong { limit });
        }
        let encrypted = self.0.encrypt(rng, Pkcs1v15Encrypt, secret);
        encrypted.map(|bytes| STANDARD.encode(bytes)).map_err(|_| PasswordKeyError::Failed)
    }
}

fn read_key(inner: &str) -> Option<RsaPublicKey> {
    let number = |begin, end| {
        let text: String =
            between(inner, begin, end)?.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = STANDARD.decode(text).ok()?;
        Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>())
    };
    let modulus = number("<Modulus>", "</Modulus>")?;
    let exponent = number("<Exponent>", "</Exponent>")?;
    if !MODULUS.contains(&modulus.len()) || exponent.len() > 4 {
        return None;
    }
    let modulus = BoxedUint::from_be_slice_vartime(&modulus);
    RsaPublicKey::new(modulus, BoxedUint::from_be_slice_vartime(&exponent)).ok()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

/// What the service's module says.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The cmdlets the account may run.
    pub(crate) cmdlets: Vec<String>,
    /// The key for secrets.
    pub(crate) key: Option<PasswordKey>,
}

impl Module {
    /// Reads the answer to a request of the module; `None` when it is none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let Json::Object(mut members) = serde_json::from_slice(body).ok()? else {
            return None;
        };
        let Json::Array(files) = members.remove("value")? else {
            return None;
        };
        let mut module = Self::default();
        for file in &files {
            match file.get("exportedCmdlets") {
                Some(Json::Array(names)) => {
                    module.cmdlets.extend(names.iter().filter_map(Json::as_str).map(str::to_owned))
                }
                Some(Json::String(names)) => module.cmdlets.extend(
                    names
                        .split([',', ';', ' '])
                        .map(|name| name.trim_matches(['\'', '"', '\r', '\n']).to_owned())
                        .filter(|name| !name.is_empty()),
                ),
                _ => {}
            }
            if let (None, Some(text)) =
                (&module.key, file.get("fileContent").and_then(Json::as_str))
            {
                module.key = PasswordKey::find(text).ok();
            }
        }
        // Several of its files export the same.
        let mut seen = HashSet::new();
        module.cmdlets.retain(|name| seen.insert(name.to_ascii_lowercase()));
        Some(module)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rsa::traits::PublicKeyParts as _;
    use rsa::{Pkcs1v15Encrypt, RsaPrivateKey};
    use secrecy::SecretString;

    use super::{Module, PasswordKey, PasswordKeyError};

    fn xml(key: &RsaPrivateKey) -> String {
        let number =
            |number: &rsa::BoxedUint| STANDARD.encode(number.to_be_bytes_trimmed_vartime());
        let (head, tail) = (number(key.n()), number(key.e()));
        let (first, second) = head.split_at(40);
        format!(
            "<RSAKeyValue><Modulus>{first}\r\n  {second}</Modulus><Exponent>{tail}</Exponent></RSAKeyValue>"
        )
    }

    #[test]
    fn what_is_encrypted_the_service_can_decrypt() {
        let private = RsaPrivateKey::new(&mut rand::rng(), 2048).unwrap();
        let body = serde_json::json!({"value": [
            {"fileName": "a.psd1", "fileContent": "x", "exportedCmdlets": ["Get-Mailbox", "New-Mailbox"]},
            {"fileName": "a.psm1", "exportedCmdlets": ["get-mailbox"], "fileContent": format!("$key = '{}'", xml(&private))},
        ]});
        let module = Module::read(body.to_string().as_bytes()).unwrap();
        assert_eq!(module.cmdlets, ["Get-Mailbox", "New-Mailbox"]);
        let key = module.key.unwrap();
        let text = key.encrypt(&"Pässw0rd".into(), &mut rand::rng()).unwrap();
        let bytes = STANDARD.decode(text).unwrap();
        let plain = private.decrypt(Pkcs1v15Encrypt, &bytes).unwrap();
        assert_eq!(plain, "Pässw0rd".as_bytes());
        assert_eq!(key.encrypt(&"".into(), &mut rand::rng()), Ok(String::new()));
        let long = SecretString::from("x".repeat(246));
        let limit = 245;
        assert_eq!(key.encrypt(&long, &mut rand::rng()), Err(PasswordKeyError::TooLong { limit }));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "<RSAKeyValue></RSAKeyValue>",
            "<RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>",
            "<RSAKeyValue><Modulus>!</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>",
        ] {
            assert_eq!(PasswordKey::find(text), Err(PasswordKeyError::NoKey), "{text}");
        }
        assert!(Module::read(b"<html>").is_none() && Module::read(b"{}").is_none());
    }
}
