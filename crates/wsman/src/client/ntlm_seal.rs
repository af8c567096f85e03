//! Sealing with the keys that a login with NTLM leaves behind.
//!
//! Spec: [MS-NLMP] 3.4.3 Message Confidentiality, [MS-NLMP] 3.4.4 Message Signature Functions, [MS-NLMP] 3.4.5 KXKEY,
//! SIGNKEY, and SEALKEY.
//!
//! A message is decrypted where it lies, and the checksum runs over it meanwhile: an import unseals hundreds of megabytes,
//! and each further copy of them costs as much as reading their XML.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use rc4::{Rc4, StreamCipher as _};

use super::error::SecurityError;

/// The length of a signature: version, checksum and number.
pub(crate) const SIGNATURE: usize = 16;

/// `NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY`
const EXTENDED_SECURITY: u32 = 0x0008_0000;
/// `NTLMSSP_NEGOTIATE_128`
const KEY_128: u32 = 0x2000_0000;
/// `NTLMSSP_NEGOTIATE_KEY_EXCH`
const KEY_EXCHANGE: u32 = 0x4000_0000;
const VERSION: [u8; 4] = 1_u32.to_le_bytes();
/// A block of the checksum. Small pieces let the cipher and the checksum, which each wait for themselves, run side by side.
const PIECE: usize = 64;

/// The client's side of a session.
pub(crate) struct NtlmSealing {
    outgoing: Direction,
    incoming: Direction,
}

impl NtlmSealing {
    /// Derives the keys of both directions from the exported session key and the flags of AUTHENTICATE.
    pub(crate) fn new(session_key: &[u8], flags: u32) -> Result<Self, SecurityError> {
        let strong = EXTENDED_SECURITY | KEY_128;
        if flags & strong != strong {
            return Err(SecurityError::new("the session's keys would be too weak"));
        }
        Ok(Self {
            outgoing: Direction::new(session_key, flags, "client-to-server")?,
            incoming: Direction::new(session_key, flags, "server-to-client")?,
        })
    }

    /// Seals `data` in place and returns its signature.
    pub(crate) fn seal(&mut self, data: &mut [u8]) -> Result<[u8; SIGNATURE], SecurityError> {
        self.outgoing.seal(data)
    }

    /// Unseals `data` in place, which has to be the next message of the server.
    pub(crate) fn unseal(
        &mut self,
        signature: &[u8],
        data: &mut [u8],
    ) -> Result<(), SecurityError> {
        self.incoming.unseal(signature, data)
    }
}

/// The keys and the counter of one direction; the cipher runs on from message to message.
struct Direction {
    /// The checksum, keyed and nothing fed yet.
    code: Hmac<Md5>,
    cipher: Rc4,
    number: u32,
    /// Whether the checksum is encrypted too.
    key_exchange: bool,
}

impl Direction {
    fn new(session_key: &[u8], flags: u32, name: &str) -> Result<Self, SecurityError> {
        let key = |kind: &str| {
            let magic = format!("session key to {name} {kind} key magic constant\0");
            Md5::new().chain_update(session_key).chain_update(magic).finalize()
        };
        Ok(Self {
            code: Hmac::new_from_slice(&key("signing")).map_err(SecurityError::new)?,
            cipher: Rc4::new_from_slice(&key("sealing")).map_err(SecurityError::new)?,
            number: 0,
            key_exchange: flags & KEY_EXCHANGE != 0,
        })
    }

    fn seal(&mut self, data: &mut [u8]) -> Result<[u8; SIGNATURE], SecurityError> {
        let (number, mut code) = self.begin();
        for piece in data.chunks_mut(PIECE) {
            code.update(piece);
            self.cipher.apply_keystream(piece);
        }
        let code = code.finalize().into_bytes();
        let mut checksum = *code.first_chunk::<8>().expect("an MD5 code has sixteen bytes");
        self.encrypt(&mut checksum);
        let mut signature = [0; SIGNATURE];
        let parts = VERSION.iter().chain(&checksum).chain(&number);
        signature.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        Ok(signature)
    }

    fn unseal(&mut self, signature: &[u8], data: &mut [u8]) -> Result<(), SecurityError> {
        let parts = Parts::of(signature)
            .ok_or_else(|| SecurityError::new("the signature is not one of NTLM"))?;
        let (number, mut code) = self.begin();
        if parts.number != number {
            return Err(SecurityError::new("the message came before, or one before it is missing"));
        }
        for piece in data.chunks_mut(PIECE) {
            self.cipher.apply_keystream(piece);
            code.update(piece);
        }
        let mut checksum = parts.checksum;
        self.encrypt(&mut checksum);
        // Compares in a time that does not depend on where the two differ.
        code.verify_truncated_left(&checksum)
            .map_err(|_differs| SecurityError::new("the message was altered"))
    }

    /// Takes the number of the next message, and begins its checksum.
    fn begin(&mut self) -> ([u8; 4], Hmac<Md5>) {
        let number = self.number.to_le_bytes();
        self.number = self.number.wrapping_add(1);
        let mut code = self.code.clone();
        code.update(&number);
        (number, code)
    }

    /// Encrypts a checksum, or decrypts one, which is the same.
    fn encrypt(&mut self, checksum: &mut [u8; 8]) {
        if self.key_exchange {
            self.cipher.apply_keystream(checksum);
        }
    }
}

/// What varies in a signature.
struct Parts {
    checksum: [u8; 8],
    number: [u8; 4],
}

impl Parts {
    fn of(signature: &[u8]) -> Option<Self> {
        let (checksum, number) = signature.strip_prefix(&VERSION)?.split_first_chunk()?;
        Some(Self { checksum: *checksum, number: number.try_into().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: u32 = EXTENDED_SECURITY | KEY_128 | KEY_EXCHANGE;

    /// Both ends of a session: what one seals the other unseals.
    fn ends(flags: u32) -> (NtlmSealing, NtlmSealing) {
        let client = NtlmSealing::new(&[0x55; 16], flags).unwrap();
        let server = NtlmSealing::new(&[0x55; 16], flags).unwrap();
        (client, NtlmSealing { outgoing: server.incoming, incoming: server.outgoing })
    }

    /// [MS-NLMP] 4.2.4 NTLMv2 Authentication: the example of sealing, whose session key is sixteen times 55.
    #[test]
    fn the_specifications_example_comes_out() {
        let (mut client, mut server) = ends(STRONG);
        let plain: Vec<u8> = "Plaintext".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut data = plain.clone();
        let signature = client.seal(&mut data).unwrap();
        let sealed = b"\x54\xE5\x01\x65\xBF\x19\x36\xDC\x99\x60\x20\xC1\x81\x1B\x0F\x06\xFB\x5F";
        assert_eq!(data, sealed);
        assert_eq!(signature, *b"\x01\0\0\0\x7F\xB3\x8E\xC5\xC5\x5D\x49\x76\0\0\0\0");
        server.unseal(&signature, &mut data).unwrap();
        assert_eq!(data, plain);
    }

    #[test]
    fn messages_follow_one_another_in_both_directions() {
        for flags in [STRONG, STRONG & !KEY_EXCHANGE] {
            let (mut client, mut server) = ends(flags);
            for length in [0, 1, 63, 64, 65, 200, 1000] {
                let plain: Vec<u8> = (0_u8..=255).cycle().take(length).collect();
                let mut data = plain.clone();
                let signature = client.seal(&mut data).unwrap();
                assert!(length < 8 || data != plain);
                server.unseal(&signature, &mut data).unwrap();
                assert_eq!(data, plain);
                let signature = server.seal(&mut data).unwrap();
                client.unseal(&signature, &mut data).unwrap();
                assert_eq!(data, plain);
            }
        }
    }

    #[test]
    fn what_was_altered_or_repeated_or_skipped_is_refused() {
        let sealed = || {
            let (client, mut server) = ends(STRONG);
            let mut data = b"a message".to_vec();
            let signature = server.seal(&mut data).unwrap();
            (client, server, signature, data)
        };
        for at in 0..16 {
            let (mut client, _, mut signature, mut data) = sealed();
            signature[at] ^= 1;
            assert!(client.unseal(&signature, &mut data).is_err(), "byte {at} of the signature");
        }
        for at in 0..9 {
            let (mut client, _, signature, mut data) = sealed();
            data[at] ^= 1;
            let error = client.unseal(&signature, &mut data).unwrap_err();
            assert!(error.text.contains("altered"), "byte {at}: {error}");
        }
        let (mut client, mut server, signature, data) = sealed();
        client.unseal(&signature, &mut data.clone()).unwrap();
        let error = client.unseal(&signature, &mut data.clone()).unwrap_err();
        assert!(error.text.contains("came before"), "{error}");
        let (mut client, ..) = sealed();
        let mut second = b"another".to_vec();
        let signature = server.seal(&mut second).unwrap();
        let error = client.unseal(&signature, &mut second).unwrap_err();
        assert!(error.text.contains("missing"), "{error}");
        let (mut client, _, signature, mut data) = sealed();
        assert!(client.unseal(&signature[1..], &mut data).is_err());
        assert!(client.unseal(&[&signature[..], &[0]].concat(), &mut data).is_err());
    }

    #[test]
    fn weak_keys_are_refused() {
        for flag in [EXTENDED_SECURITY, KEY_128] {
            assert!(NtlmSealing::new(&[0x55; 16], STRONG & !flag).is_err());
        }
    }
}
