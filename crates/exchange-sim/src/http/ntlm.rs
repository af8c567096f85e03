//! The accepting side of NTLM: challenge, verification of the answer, signing and sealing.
//!
//! Spec: [MS-NLMP] 2.2.1 NTLM Messages, 3.3.2 NTLM v2 Authentication, 3.4 Session Security Details.
//!
//! It is written apart from the client's implementation, so that both agreeing means something. Only NTLMv2 with Unicode
//! and extended session security is accepted. A message integrity code is checked when the client says that it sent one;
//! it is not demanded, as Windows does not demand it either.

use hmac::{Hmac, KeyInit, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
const NEGOTIATE: u32 = 1;
const CHALLENGE: u32 = 2;
const AUTHENTICATE: u32 = 3;

const UNICODE: u32 = 0x0000_0001;
const REQUEST_TARGET: u32 = 0x0000_0004;
const SIGN: u32 = 0x0000_0010;
const SEAL: u32 = 0x0000_0020;
const NTLM: u32 = 0x0000_0200;
const ALWAYS_SIGN: u32 = 0x0000_8000;
const TARGET_TYPE_DOMAIN: u32 = 0x0001_0000;
const EXTENDED_SECURITY: u32 = 0x0008_0000;
const TARGET_INFO: u32 = 0x0080_0000;
const VERSION: u32 = 0x0200_0000;
const KEY_128: u32 = 0x2000_0000;
const KEY_EXCHANGE: u32 = 0x4000_0000;
const KEY_56: u32 = 0x8000_0000;

const SUPPORTED: u32 = UNICODE
    | REQUEST_TARGET
    | SIGN
    | SEAL
    | NTLM
    | ALWAYS_SIGN
    | EXTENDED_SECURITY
    | VERSION
    | KEY_128
    | KEY_EXCHANGE
    | KEY_56;

const AV_COMPUTER: u16 = 1;
const AV_DOMAIN: u16 = 2;
const AV_DNS_COMPUTER: u16 = 3;
const AV_DNS_DOMAIN: u16 = 4;
const AV_FLAGS: u16 = 6;
const AV_TIMESTAMP: u16 = 7;
const MIC_PRESENT: u32 = 2;
/// Where the message integrity code stands in AUTHENTICATE.
const MIC: std::ops::Range<usize> = 72..88;

/// Why a client was not let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NtlmError {
    /// The bytes are not the message that was due.
    #[error("malformed or unexpected NTLM message")]
    Malformed,
    /// The client lacks Unicode, NTLMv2 or extended session security.
    #[error("the client's options are too weak")]
    Weak,
    /// Unknown user or wrong password.
    #[error("unknown user or wrong password")]
    Denied,
    /// A signature does not fit.
    #[error("a message was altered, repeated or lost")]
    Altered,
}

/// The one account that can log on.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) netbios: String,
    pub(crate) domain: String,
    pub(crate) server: String,
    pub(crate) password: SecretString,
}

impl Account {
    /// Returns whether a name as clients write it is this account's: `user`, `DOMAIN\user` or `user@domain`.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let (user, domain) = match (name.split_once('\\'), name.split_once('@')) {
            (Some((domain, user)), _) => (user, domain),
            (None, Some((user, domain))) => (user, domain),
            (None, None) => (name, ""),
        };
        self.has(user, domain)
    }

    fn has(&self, user: &str, domain: &str) -> bool {
        if let Some((bare, upn_domain)) = user.split_once('@') {
            return bare.eq_ignore_ascii_case(&self.user)
                && upn_domain.eq_ignore_ascii_case(&self.domain);
        }
        let known = ["", self.netbios.as_str(), self.domain.as_str(), self.server.as_str(), "."];
        user.eq_ignore_ascii_case(&self.user)
            && known.iter().any(|known| known.eq_ignore_ascii_case(domain))
    }
}

/// A logon that waits for the client's answer to a challenge.
#[derive(Debug)]
pub(crate) struct Challenged {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    nonce: [u8; 8],
}

impl Challenged {
    /// Answers NEGOTIATE; `file_time` is the clock in units of 100 ns since 1601.
    pub(crate) fn new(
        account: &Account,
        negotiate: &[u8],
        nonce: [u8; 8],
        file_time: u64,
    ) -> Result<Self, NtlmError> {
        expect_type(negotiate, NEGOTIATE)?;
        let wanted = u32_at(negotiate, 12)?;
        if wanted & UNICODE == 0 {
            return Err(NtlmError::Weak);
        }
        let flags =
            (wanted & SUPPORTED) | NTLM | TARGET_INFO | TARGET_TYPE_DOMAIN | EXTENDED_SECURITY;
        Ok(Self {
            negotiate: negotiate.to_vec(),
            challenge: challenge(account, flags, nonce, file_time),
            nonce,
        })
    }

    /// Returns the CHALLENGE message.
    pub(crate) fn token(&self) -> &[u8] {
        &self.challenge
    }

    /// Checks AUTHENTICATE and returns the keys of the session.
    pub(crate) fn authenticate(
        &self,
        account: &Account,
        message: &[u8],
    ) -> Result<Session, NtlmError> {
        expect_type(message, AUTHENTICATE)?;
        let flags = u32_at(message, 60)?;
        if flags & UNICODE == 0 || flags & EXTENDED_SECURITY == 0 {
            return Err(NtlmError::Weak);
        }
        let answer = field(message, 20)?;
        let (domain, user) = (utf16(field(message, 28)?)?, utf16(field(message, 36)?)?);
        if user.is_empty() || !account.has(&user, &domain) {
            return Err(NtlmError::Denied);
        }
        let (proof, blob) = answer
            .split_at_checked(16)
            .filter(|(_, blob)| blob.len() >= 28)
            .ok_or(NtlmError::Weak)?;
        let secret = account.password.expose_secret();
        let key = hmac_md5(
            &Md4::digest(to_utf16(secret)),
            &[&to_utf16(&user.to_uppercase()), &to_utf16(&domain)],
        );
        if hmac_md5(&key, &[&self.nonce, blob]) != *proof {
            return Err(NtlmError::Denied);
        }
        let base = hmac_md5(&key, &[proof]);
        let session_key = if flags & KEY_EXCHANGE == 0 {
            base
        } else {
            exchanged_key(&base, field(message, 52)?)?
        };
        self.check_integrity(message, blob, &session_key)?;
        Ok(Session::new(&session_key, flags))
    }

    fn check_integrity(&self, message: &[u8], blob: &[u8], key: &[u8]) -> Result<(), NtlmError> {
        let flags = av_pair(blob.get(28..).unwrap_or_default(), AV_FLAGS)
            .and_then(|value| u32_at(value, 0).ok());
        if flags.unwrap_or(0) & MIC_PRESENT == 0 {
            return Ok(());
        }
        let mut without = message.to_vec();
        let code = without.get_mut(MIC).ok_or(NtlmError::Malformed)?;
        let claimed = code.to_vec();
        code.fill(0);
        let expected = hmac_md5(key, &[&self.negotiate, &self.challenge, &without]);
        if *claimed == expected { Ok(()) } else { Err(NtlmError::Altered) }
    }
}

fn exchanged_key(base: &[u8; 16], encrypted: &[u8]) -> Result<[u8; 16], NtlmError> {
    let mut key = <[u8; 16]>::try_from(encrypted).map_err(|_| NtlmError::Malformed)?;
    Rc4::new(base).apply(&mut key);
    Ok(key)
}

fn challenge(account: &Account, flags: u32, nonce: [u8; 8], file_time: u64) -> Vec<u8> {
    let target = to_utf16(&account.netbios);
    let mut info = Vec::new();
    let pairs = [
        (AV_DOMAIN, to_utf16(&account.netbios)),
        (AV_COMPUTER, to_utf16(&account.server)),
        (AV_DNS_DOMAIN, to_utf16(&account.domain)),
        (
            AV_DNS_COMPUTER,
            to_utf16(&format!("{}.{}", account.server.to_lowercase(), account.domain)),
        ),
        (AV_TIMESTAMP, file_time.to_le_bytes().to_vec()),
        (0, Vec::new()),
    ];
    for (id, value) in pairs {
        info.extend_from_slice(&id.to_le_bytes());
        info.extend_from_slice(&length(&value).to_le_bytes());
        info.extend_from_slice(&value);
    }
    let mut message = SIGNATURE.to_vec();
    message.extend_from_slice(&CHALLENGE.to_le_bytes());
    push_field(&mut message, &target, 56);
    message.extend_from_slice(&flags.to_le_bytes());
    message.extend_from_slice(&nonce);
    message.extend_from_slice(&[0; 8]);
    push_field(&mut message, &info, 56 + u32::from(length(&target)));
    message.extend_from_slice(&[10, 0, 0x63, 0x45, 0, 0, 0, 15]);
    message.extend_from_slice(&target);
    message.extend_from_slice(&info);
    message
}

fn push_field(message: &mut Vec<u8>, value: &[u8], offset: u32) {
    message.extend_from_slice(&length(value).to_le_bytes());
    message.extend_from_slice(&length(value).to_le_bytes());
    message.extend_from_slice(&offset.to_le_bytes());
}

fn length(value: &[u8]) -> u16 {
    u16::try_from(value.len()).unwrap_or(u16::MAX)
}

fn expect_type(message: &[u8], expected: u32) -> Result<(), NtlmError> {
    let good = message.starts_with(SIGNATURE) && u32_at(message, 8)? == expected;
    if good { Ok(()) } else { Err(NtlmError::Malformed) }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, NtlmError> {
    let bytes =
        bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(NtlmError::Malformed)?;
    Ok(u32::from_le_bytes(*bytes))
}

/// Returns the bytes that a length and an offset in the header name.
fn field(message: &[u8], at: usize) -> Result<&[u8], NtlmError> {
    let size =
        message.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(NtlmError::Malformed)?;
    let size = usize::from(u16::from_le_bytes(*size));
    if size == 0 {
        return Ok(&[]);
    }
    let start = usize::try_from(u32_at(message, at + 4)?).map_err(|_| NtlmError::Malformed)?;
    let end = start.checked_add(size).ok_or(NtlmError::Malformed)?;
    message.get(start..end).ok_or(NtlmError::Malformed)
}

fn av_pair(mut pairs: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (header, rest) = pairs.split_first_chunk::<4>()?;
        let [id0, id1, size0, size1] = *header;
        let (value, rest) =
            rest.split_at_checked(usize::from(u16::from_le_bytes([size0, size1])))?;
        match u16::from_le_bytes([id0, id1]) {
            0 => return None,
            id if id == wanted => return Some(value),
            _ => pairs = rest,
        }
    }
}

fn to_utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn utf16(bytes: &[u8]) -> Result<String, NtlmError> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty()).ok_or(NtlmError::Malformed)
}

fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The two directions of an established session.
#[derive(Debug)]
pub(crate) struct Session {
    incoming: Direction,
    outgoing: Direction,
}

impl Session {
    fn new(key: &[u8; 16], flags: u32) -> Self {
        Self {
            incoming: Direction::new(key, flags, "client-to-server"),
            outgoing: Direction::new(key, flags, "server-to-client"),
        }
    }

    /// Encrypts in place and returns the signature.
    pub(crate) fn seal(&mut self, data: &mut [u8]) -> [u8; 16] {
        let plain = data.to_vec();
        self.outgoing.cipher.apply(data);
        self.outgoing.sign(&plain)
    }

    /// Decrypts in place and checks the signature.
    pub(crate) fn unseal(&mut self, signature: &[u8], data: &mut [u8]) -> Result<(), NtlmError> {
        self.incoming.cipher.apply(data);
        let expected = self.incoming.sign(data);
        if signature == expected { Ok(()) } else { Err(NtlmError::Altered) }
    }

    /// Checks the integrity code that SPNEGO adds over its list of mechanisms, and returns the server's own.
    ///
    /// Both take number 0 of their direction, and the ciphers start anew after it, which the specification does not say.
    pub(crate) fn exchange_list_codes(
        &mut self,
        theirs: &[u8],
        list: &[u8],
    ) -> Result<[u8; 16], NtlmError> {
        if self.incoming.sign(list) != *theirs {
            return Err(NtlmError::Altered);
        }
        let ours = self.outgoing.sign(list);
        self.incoming.restart();
        self.outgoing.restart();
        Ok(ours)
    }
}

/// The keys and the counter of one direction.
#[derive(Debug)]
struct Direction {
    sign_key: [u8; 16],
    seal_key: [u8; 16],
    cipher: Rc4,
    number: u32,
    /// Whether the checksum is encrypted too.
    key_exchange: bool,
}

impl Direction {
    fn new(key: &[u8; 16], flags: u32, direction: &str) -> Self {
        let magic = |kind: &str| format!("session key to {direction} {kind} key magic constant\0");
        let strength = match flags {
            flags if flags & KEY_128 != 0 => key.get(..16),
            flags if flags & KEY_56 != 0 => key.get(..7),
            _ => key.get(..5),
        };
        let sign_key =
            Md5::new().chain_update(key).chain_update(magic("signing")).finalize().into();
        let seal_key: [u8; 16] = Md5::new()
            .chain_update(strength.unwrap_or_default())
            .chain_update(magic("sealing"))
            .finalize()
            .into();
        Self {
            sign_key,
            seal_key,
            cipher: Rc4::new(&seal_key),
            number: 0,
            key_exchange: flags & KEY_EXCHANGE != 0,
        }
    }

    fn sign(&mut self, data: &[u8]) -> [u8; 16] {
        let number = self.number.to_le_bytes();
        self.number = self.number.wrapping_add(1);
        let code = hmac_md5(&self.sign_key, &[&number, data]);
        let mut checksum = *code.first_chunk::<8>().expect("an MD5 code has sixteen bytes");
        if self.key_exchange {
            self.cipher.apply(&mut checksum);
        }
        let mut signature = [0; 16];
        let version = 1_u32.to_le_bytes();
        let parts = version.iter().chain(&checksum).chain(&number);
        signature.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        signature
    }

    fn restart(&mut self) {
        self.cipher = Rc4::new(&self.seal_key);
    }
}

/// The stream cipher of NTLM; no library that is used here offers it.
struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    fn new(key: &[u8]) -> Self {
        let mut state = [0; 256];
        state.iter_mut().zip(0..=u8::MAX).for_each(|(slot, value)| *slot = value);
        let mut cipher = Self { state, i: 0, j: 0 };
        let mut j = 0_u8;
        for (i, byte) in (0..=u8::MAX).zip(key.iter().cycle()) {
            j = j.wrapping_add(cipher.at(i)).wrapping_add(*byte);
            cipher.state.swap(usize::from(i), usize::from(j));
        }
        cipher
    }

    fn at(&self, index: u8) -> u8 {
        self.state.get(usize::from(index)).copied().unwrap_or(0)
    }

    fn apply(&mut self, data: &mut [u8]) {
        for byte in data {
            self.i = self.i.wrapping_add(1);
            self.j = self.j.wrapping_add(self.at(self.i));
            self.state.swap(usize::from(self.i), usize::from(self.j));
            *byte ^= self.at(self.at(self.i).wrapping_add(self.at(self.j)));
        }
    }
}

impl std::fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rc4")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_gives_the_published_key_stream() {
        // RFC 6229, key of 40 bits 0x0102030405.
        let mut data = [0; 16];
        Rc4::new(&[1, 2, 3, 4, 5]).apply(&mut data);
        assert_eq!(
            data,
            [
                0xb2, 0x39, 0x63, 0x05, 0xf0, 0x3d, 0xc0, 0x27, 0xcc, 0xc3, 0x52, 0x4a, 0x0a, 0x11,
                0x18, 0xa8
            ]
        );
    }

    #[test]
    fn ntlm_v2_gives_the_published_keys() {
        // [MS-NLMP] 4.2.4: user "User", domain "Domain", password "Password".
        let key =
            hmac_md5(&Md4::digest(to_utf16("Password")), &[&to_utf16("USER"), &to_utf16("Domain")]);
        assert_eq!(
            key,
            [
                0x0c, 0x86, 0x8a, 0x40, 0x3b, 0xfd, 0x7a, 0x93, 0xa3, 0x00, 0x1e, 0xf2, 0x2e, 0xf0,
                0x2e, 0x3f
            ]
        );
    }

    #[test]
    fn both_directions_are_kept_apart_and_in_order() {
        let flags = KEY_128 | KEY_EXCHANGE | EXTENDED_SECURITY;
        let mut server = Session::new(&[0x55; 16], flags);
        let client = Session::new(&[0x55; 16], flags);
        let mut client = Session { incoming: client.outgoing, outgoing: client.incoming };
        for text in [b"first".to_vec(), b"second, longer".to_vec()] {
            let mut data = text.clone();
            let signature = client.seal(&mut data);
            assert_ne!(data, text);
            assert_eq!(server.unseal(&signature, &mut data), Ok(()));
            assert_eq!(data, text);
        }
        let mut lost = b"lost".to_vec();
        client.seal(&mut lost);
        let mut next = b"next".to_vec();
        let signature = client.seal(&mut next);
        assert_eq!(server.unseal(&signature, &mut next), Err(NtlmError::Altered));
    }

    #[test]
    fn names_are_taken_in_every_form() {
        let account = Account {
            user: "svc-idm".to_owned(),
            netbios: "CONTOSO".to_owned(),
            domain: "contoso.com".to_owned(),
            server: "EX01".to_owned(),
            password: SecretString::from("x"),
        };
        for name in ["svc-idm", "CONTOSO\\svc-idm", "contoso.com\\SVC-IDM", "svc-idm@contoso.com"] {
            assert!(account.is_named(name), "{name}");
        }
        for name in ["", "other", "FABRIKAM\\svc-idm", "svc-idm@fabrikam.com"] {
            assert!(!account.is_named(name), "{name}");
        }
    }

    #[test]
    fn garbage_is_refused_without_a_panic() {
        let account = Account {
            user: "u".to_owned(),
            netbios: "D".to_owned(),
            domain: "d.example".to_owned(),
            server: "S".to_owned(),
            password: SecretString::from("x"),
        };
        let negotiate =
            [SIGNATURE.as_slice(), &1_u32.to_le_bytes(), &(UNICODE | NTLM).to_le_bytes(), &[0; 16]]
                .concat();
        let challenged = Challenged::new(&account, &negotiate, [1; 8], 0).unwrap();
        let mut message = [SIGNATURE.as_slice(), &3_u32.to_le_bytes(), &[0xff; 60]].concat();
        for _ in 0..=message.len() {
            assert!(challenged.authenticate(&account, &message).is_err());
            message.pop();
        }
        assert_eq!(
            Challenged::new(&account, b"NTLMSSP", [0; 8], 0).unwrap_err(),
            NtlmError::Malformed
        );
    }
}
