//! The session key: how SecureStrings are protected on the wire.
//!
//! Spec: [MS-PSRP] 2.2.2.3 PUBLIC_KEY Message, [MS-PSRP] 2.2.2.4 ENCRYPTED_SESSION_KEY Message,
//! [MS-PSRP] 2.2.5.1.24 Secure String.
//!
//! The client sends a fresh RSA key, the server answers with an AES-256 key encrypted under it. What surprised: the blobs
//! are those of the Windows crypto API, little-endian throughout, and every string is encrypted with an initialization
//! vector of zeros, so equal secrets look equal. Protocol 2.4 gave all of this up: there `<SS>` is base64 of the UTF-16 text.

use core::fmt;

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand_core::CryptoRng;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Pkcs1v15Encrypt, RsaPrivateKey, RsaPublicKey};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::error::CryptoError;

const RSA_BITS: usize = 2048;
const RSA_BYTES: usize = RSA_BITS / 8;
/// PUBLICKEYBLOB, version 2, CALG_RSA_KEYX, `RSA1`, 2048 bits.
const PUBLIC_HEADER: [u8; 16] =
    [0x06, 0x02, 0, 0, 0x00, 0xa4, 0, 0, b'R', b'S', b'A', b'1', 0, 0x08, 0, 0];
const PUBLIC_BLOB: usize = 276;
/// SIMPLEBLOB, version 2, CALG_AES_256, CALG_RSA_KEYX.
const SESSION_HEADER: [u8; 12] = [0x01, 0x02, 0, 0, 0x10, 0x66, 0, 0, 0x00, 0xa4, 0, 0];
const SESSION_BLOB: usize = 268;
const ZERO_IV: [u8; 16] = [0; 16];

/// The AES-256 key that protects the SecureStrings of one pool. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct SessionKey(Zeroizing<[u8; 32]>);

impl SessionKey {
    /// Wraps the 32 bytes of a key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// Draws a key, as the server does.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *key);
        Self(key)
    }

    /// Encrypts a text into the bytes that `<SS>` carries in base64: AES-256-CBC, zero IV, PKCS#7, over UTF-16LE.
    #[must_use]
    pub fn encrypt(&self, text: &SecretString) -> Vec<u8> {
        let plain = utf16(text);
        cbc::Encryptor::<aes::Aes256>::new(&(*self.0).into(), &ZERO_IV.into())
            .encrypt_padded_vec::<Pkcs7>(&plain)
    }

    /// Decrypts the bytes of an `<SS>`.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Decryption`] under a wrong key or for damaged bytes, [`CryptoError::Utf16`] when what comes out is
    /// no text.
    pub fn decrypt(&self, cipher: &[u8]) -> Result<SecretString, CryptoError> {
        let plain = cbc::Decryptor::<aes::Aes256>::new(&(*self.0).into(), &ZERO_IV.into())
            .decrypt_padded_vec::<Pkcs7>(cipher)
            .map(Zeroizing::new)
            .map_err(|_| CryptoError::Decryption)?;
        from_utf16(&plain)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey([redacted])")
    }
}

/// The RSA key pair of a client, made fresh for each pool. The private half never leaves it.
pub struct KeyPair(RsaPrivateKey);

impl KeyPair {
    /// Generates a pair of 2048 bits. This takes from a tenth of a second to seconds.
    ///
    /// # Errors
    ///
    /// [`CryptoError::KeyGeneration`], which does not happen with a working source of randomness.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self, CryptoError> {
        RsaPrivateKey::new(rng, RSA_BITS).map(Self).map_err(|_| CryptoError::KeyGeneration)
    }

    /// Reads a key from elsewhere, such as that of a recording: PKCS#8 in PEM.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PrivateKey`] when it is no RSA key of 2048 bits.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, CryptoError> {
        let key = RsaPrivateKey::from_pkcs8_pem(pem).map_err(|_| CryptoError::PrivateKey)?;
        if key.size() == RSA_BYTES { Ok(Self(key)) } else { Err(CryptoError::PrivateKey) }
    }

    /// Writes the private half down: PKCS#8 in PEM. Only a recording does that, whose key is thrown away with it.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PrivateKey`], which does not happen with a key that was generated or read.
    pub fn danger_to_pkcs8_pem(&self) -> Result<Zeroizing<String>, CryptoError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| CryptoError::PrivateKey)
    }

    /// The text of the property PublicKey: base64 of 276 bytes.
    ///
    /// # Panics
    ///
    /// Never: the modulus of the pair has 256 bytes by construction.
    #[must_use]
    pub fn public_key(&self) -> String {
        PublicKey(self.0.to_public_key()).to_base64()
    }

    /// Reads the text of the property EncryptedSessionKey.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Base64`], [`CryptoError::BlobLength`], [`CryptoError::BlobHeader`] for another format,
    /// [`CryptoError::Decryption`] when it was not made for this pair.
    pub fn session_key(&self, text: &str) -> Result<SessionKey, CryptoError> {
        let blob = decode_base64(text)?;
        let mut cipher = strip(&blob, SESSION_BLOB, &SESSION_HEADER)?.to_vec();
        cipher.reverse();
        let key = self.0.decrypt(Pkcs1v15Encrypt, &cipher).map(Zeroizing::new);
        let key = key.map_err(|_| CryptoError::Decryption)?;
        key.as_slice().try_into().map(SessionKey::new).map_err(|_| CryptoError::Decryption)
    }
}

impl KeyPair {
    /// Another pool with the same pair, which only those may have that test: making one takes long.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair([redacted])")
    }
}

/// The public key of a client, as the server receives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey(RsaPublicKey);

impl PublicKey {
    /// Reads the text of the property PublicKey.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Base64`], [`CryptoError::BlobLength`], [`CryptoError::BlobHeader`] for another format,
    /// [`CryptoError::PublicKey`] when the numbers make no key.
    pub fn from_base64(text: &str) -> Result<Self, CryptoError> {
        let blob = decode_base64(text)?;
        let numbers = strip(&blob, PUBLIC_BLOB, &PUBLIC_HEADER)?;
        let (exponent, modulus) =
            numbers.split_first_chunk::<4>().ok_or(CryptoError::BlobHeader)?;
        let e = BoxedUint::from(u32::from_le_bytes(*exponent));
        let bits = u32::try_from(RSA_BITS).map_err(|_| CryptoError::PublicKey)?;
        let n = BoxedUint::from_le_slice(modulus, bits).map_err(|_| CryptoError::PublicKey)?;
        RsaPublicKey::new(n, e).map(Self).map_err(|_| CryptoError::PublicKey)
    }

    /// The text of the property PublicKey.
    fn to_base64(&self) -> String {
        let mut blob = Vec::with_capacity(PUBLIC_BLOB);
        blob.extend_from_slice(&PUBLIC_HEADER);
        blob.extend(little_endian(&self.0.e_bytes(), 4));
        blob.extend(little_endian(&self.0.n_bytes(), RSA_BYTES));
        BASE64.encode(blob)
    }

    /// Encrypts a session key for the owner of this key: the text of the property EncryptedSessionKey.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Encryption`], which does not happen with a valid key.
    pub fn encrypt_session_key(
        &self,
        key: &SessionKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<String, CryptoError> {
        let cipher =
            self.0.encrypt(rng, Pkcs1v15Encrypt, &*key.0).map_err(|_| CryptoError::Encryption)?;
        let mut blob = SESSION_HEADER.to_vec();
        blob.extend(little_endian(&cipher, RSA_BYTES));
        Ok(BASE64.encode(blob))
    }
}

/// How the SecureStrings of a session travel.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these ways and no other")]
pub enum SecretEncoding {
    /// No key was agreed upon yet: not at all.
    #[default]
    NoKey,
    /// Under the session key, up to protocol 2.3.
    Encrypted(SessionKey),
    /// Not encrypted, from protocol 2.4 on.
    Unprotected,
}

impl SecretEncoding {
    /// True when secrets can be encoded and decoded.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        !matches!(self, Self::NoKey)
    }

    /// Encodes a secret into the bytes of an `<SS>`.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] without a key.
    pub fn encode(&self, secret: &SecretString) -> Result<Vec<u8>, CryptoError> {
        match self {
            Self::NoKey => Err(CryptoError::NoKey),
            Self::Encrypted(key) => Ok(key.encrypt(secret)),
            Self::Unprotected => Ok(encode_unprotected(secret)),
        }
    }

    /// Decodes the bytes of an `<SS>`.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] without a key, [`CryptoError::Decryption`] and [`CryptoError::Utf16`] for other bytes than a
    /// peer under the same key sends.
    pub fn decode(&self, bytes: &[u8]) -> Result<SecretString, CryptoError> {
        match self {
            Self::NoKey => Err(CryptoError::NoKey),
            Self::Encrypted(key) => key.decrypt(bytes),
            Self::Unprotected => decode_unprotected(bytes),
        }
    }
}

/// Encodes a text as protocol 2.4 does: UTF-16LE, not encrypted. The bytes that `<SS>` carries in base64.
#[must_use]
pub fn encode_unprotected(text: &SecretString) -> Vec<u8> {
    utf16(text).to_vec()
}

/// Decodes the bytes of an `<SS>` of protocol 2.4.
///
/// # Errors
///
/// [`CryptoError::Utf16`] when they are no text.
pub fn decode_unprotected(bytes: &[u8]) -> Result<SecretString, CryptoError> {
    from_utf16(bytes)
}

fn utf16(text: &SecretString) -> Zeroizing<Vec<u8>> {
    let text = text.expose_secret();
    // The exact size at once: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.encode_utf16().count() * 2));
    for unit in text.encode_utf16() {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

fn from_utf16(bytes: &[u8]) -> Result<SecretString, CryptoError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(CryptoError::Utf16);
    }
    let mut text = Zeroizing::new(String::with_capacity(pairs.len() * 3));
    for unit in char::decode_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair))) {
        text.push(unit.map_err(|_| CryptoError::Utf16)?);
    }
    Ok(SecretString::from(text.as_str()))
}

fn decode_base64(text: &str) -> Result<Vec<u8>, CryptoError> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(compact).map_err(|_| CryptoError::Base64)
}

fn strip<'a>(blob: &'a [u8], len: usize, header: &[u8]) -> Result<&'a [u8], CryptoError> {
    if blob.len() != len {
        return Err(CryptoError::BlobLength { got: blob.len(), expected: len });
    }
    blob.strip_prefix(header).ok_or(CryptoError::BlobHeader)
}

/// Reverses a big-endian number and fills it with zeros to `len` bytes.
fn little_endian(big_endian: &[u8], len: usize) -> impl Iterator<Item = u8> + '_ {
    big_endian.iter().rev().copied().chain(core::iter::repeat(0)).take(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn key() -> SessionKey {
        SessionKey::new(core::array::from_fn(|index| u8::try_from(index).unwrap()))
    }

    #[track_caller]
    fn check(text: &str, base64: &str) {
        let cipher = key().encrypt(&SecretString::from(text));
        assert_eq!(BASE64.encode(&cipher), base64);
        assert_eq!(key().decrypt(&cipher).unwrap().expose_secret(), text);
    }

    #[test]
    fn secure_strings_have_the_known_form() {
        check("", "nzt1BJJvi9NuMRjpA6TNSg==");
        check("P@ss", "vs3d32kmcv4Ke0pF/7PSSA==");
        check("12345678", "/gd64YUcJW3pm8/db6Dm4U/JuQ+IsDTRZllrPBGQWXE=");
    }

    #[test]
    fn a_wrong_key_and_damaged_bytes_are_refused() {
        let cipher = key().encrypt(&SecretString::from("P@ss"));
        assert!(SessionKey::new([9; 32]).decrypt(&cipher).is_err());
        assert_eq!(key().decrypt(&cipher[1..]).unwrap_err(), CryptoError::Decryption);
        assert_eq!(key().decrypt(&[]).unwrap_err(), CryptoError::Decryption);
    }

    #[test]
    fn a_key_travels_under_the_public_key() {
        let mut rng = StdRng::seed_from_u64(7);
        let pair = KeyPair::generate(&mut rng).unwrap();
        let pem = pair.danger_to_pkcs8_pem().unwrap();
        assert_eq!(KeyPair::from_pkcs8_pem(&pem).unwrap().public_key(), pair.public_key());
        let public = pair.public_key();
        assert!(public.starts_with("BgIAAACkAABSU0ExAAgAAAEAAQ"));
        assert_eq!(BASE64.decode(&public).unwrap().len(), 276);
        let server_side = PublicKey::from_base64(&public).unwrap();
        let text = server_side.encrypt_session_key(&key(), &mut rng).unwrap();
        assert!(text.starts_with("AQIAABBmAAAApAAA"));
        assert_eq!(pair.session_key(&text).unwrap().0, key().0);
        assert_eq!(
            pair.session_key("AQIA").unwrap_err(),
            CryptoError::BlobLength { got: 3, expected: 268 }
        );
        assert_eq!(pair.session_key("?").unwrap_err(), CryptoError::Base64);
    }

    #[test]
    fn protocol_2_4_does_not_encrypt() {
        let text = SecretString::from("aé");
        assert_eq!(encode_unprotected(&text), [0x61, 0, 0xe9, 0]);
        assert_eq!(decode_unprotected(&[0x61, 0, 0xe9, 0]).unwrap().expose_secret(), "aé");
        assert_eq!(decode_unprotected(&[0x61]).unwrap_err(), CryptoError::Utf16);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key()), "SessionKey([redacted])");
    }
}
