//! Stand-ins for identifiers with a form of their own: GUIDs, SIDs, addresses of hosts, hashes, tokens, certificates.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The part that all GUIDs share that stand in for others: version 4, variant 1.
const GUID_TAIL: u128 = 0x5c2b_4000_8000_5c2b_5c2b_5c2b;
/// GUIDs that mean the same everywhere: nothing, all of a policy, the public client of Microsoft's own module, the
/// resource of Exchange Online.
const PUBLIC_GUIDS: [u128; 5] = [
    0,
    u128::MAX,
    0x2649_1cfc_9e50_4857_861b_0cb8_df22_b5d7,
    0xfb78_d390_0c51_40cd_8e17_fdbf_ab77_341b,
    0x0000_0002_0000_0ff1_ce00_0000_0000_0000,
];

/// What was drawn so far of each kind.
#[derive(Debug, Default)]
pub(super) struct StandIns {
    guids: HashMap<Uuid, Uuid>,
    addresses: HashMap<String, String>,
    used_addresses: HashSet<String>,
    authorities: HashMap<String, String>,
    authority_counts: HashMap<usize, u64>,
    hashes: HashMap<String, String>,
    tokens: HashMap<String, u64>,
}

impl StandIns {
    /// Returns the GUID that stands in for `guid`.
    pub(super) fn guid(&mut self, guid: Uuid) -> Uuid {
        if is_public_guid(guid) {
            return guid;
        }
        let next = u128::try_from(self.guids.len()).unwrap_or(0) + 1;
        *self.guids.entry(guid).or_insert_with(|| Uuid::from_u128(next << 96 | GUID_TAIL))
    }

    /// Returns what stands in for one sub-authority of a domain's SID: `1`, zeros and a count, a number of the same length
    /// that fits into 32 bits.
    pub(super) fn authority(&mut self, digits: &str) -> String {
        if digits.len() < 4 {
            return digits.to_owned();
        }
        if let Some(found) = self.authorities.get(digits) {
            return found.clone();
        }
        let count = self.authority_counts.entry(digits.len()).or_default();
        let first = 10_u64.saturating_pow(u32::try_from(digits.len() - 1).unwrap_or(u32::MAX));
        let drawn = format!("{}", first.saturating_add(*count));
        *count += 1;
        self.authorities.insert(digits.to_owned(), drawn.clone());
        drawn
    }

    /// Returns an address of the same length out of the ranges for documentation, or out of a reserved one where those have
    /// none so short or long.
    pub(super) fn ipv4(&mut self, address: &str) -> String {
        self.address(address, |len, count| {
            let last = |from: usize| from + count % 9;
            match len {
                0..=7 => format!("0.0.0.{}", count % 10),
                8 => format!("0.0.0.{}", 10 + count % 90),
                9 => format!("192.0.2.{}", last(1)),
                10 => format!("192.0.2.{}", 10 + count % 90),
                11 => format!("192.0.2.{}", 100 + count % 156),
                12 => format!("203.0.113.{}", 10 + count % 90),
                13 => format!("203.0.113.{}", 100 + count % 156),
                14 => format!("198.51.100.{}", 100 + count % 156),
                _ => format!("240.255.{}.{}", 100 + count / 156 % 156, 100 + count % 156),
            }
        })
    }

    /// Returns an address of the same shape: the first group is that of documentation or of the link, the others count.
    pub(super) fn ipv6(&mut self, address: &str) -> String {
        self.address(address, |_, count| {
            let mut groups = Vec::new();
            for (place, group) in address.split(':').enumerate() {
                let shown = match (place, group.len()) {
                    (_, 0) => String::new(),
                    (0, 4) if is_link_local(group) => group.to_owned(),
                    (0, 4) => "2001".to_owned(),
                    (1, 3) => "db8".to_owned(),
                    (_, len) => {
                        let modulus = 10_usize.pow(u32::try_from(len).unwrap_or(1).min(4));
                        format!("{:0len$}", (count + place) % modulus)
                    }
                };
                groups.push(shown);
            }
            groups.join(":")
        })
    }

    fn address(&mut self, address: &str, draw: impl Fn(usize, usize) -> String) -> String {
        let key = address.to_ascii_lowercase();
        if let Some(found) = self.addresses.get(&key) {
            return found.clone();
        }
        let first = self.addresses.len();
        let mut drawn = (first..first + 1_000).map(|count| draw(address.len(), count));
        let free = drawn.find(|candidate| self.used_addresses.insert(candidate.clone()));
        let drawn = free.unwrap_or_else(|| draw(address.len(), first));
        self.addresses.insert(key, drawn.clone());
        drawn
    }

    /// Returns hexadecimal digits of the same number, such as those of a thumbprint.
    pub(super) fn hash(&mut self, digits: &str) -> String {
        let count = self.hashes.len();
        let drawn = self.hashes.entry(digits.to_ascii_lowercase()).or_insert_with(|| {
            let mark = HASH_MARK.chars().cycle().take(digits.len() / 2);
            let count = format!("{count:x}");
            let zeros = digits.len().saturating_sub(digits.len() / 2 + count.len());
            mark.chain(std::iter::repeat_n('0', zeros)).chain(count.chars()).collect()
        });
        if digits.contains(|digit: char| digit.is_ascii_uppercase()) {
            drawn.to_ascii_uppercase()
        } else {
            drawn.clone()
        }
    }

    /// Returns an opaque token of the same length and the same punctuation: `standin`, a count, then `x`.
    pub(super) fn token(&mut self, token: &str) -> String {
        let count = self.count(token);
        let mut fill = TOKEN_MARK.chars().chain(count.chars()).chain(std::iter::repeat('x'));
        let drawn = |letter: char| match letter {
            _ if letter.is_ascii_alphanumeric() => fill.next().unwrap_or('x'),
            _ if letter.is_ascii() => letter,
            _ => in_place_of(letter),
        };
        token.chars().map(drawn).collect()
    }

    /// Returns one part of a signed token: base64 of a JSON object where the original holds one, of text elsewhere.
    pub(super) fn token_part(&mut self, part: &str) -> String {
        let bytes = part.len() * 3 / 4;
        let count = self.count(part);
        let (open, close) = if part.starts_with("eyJ") { ("{\"s\":\"", "\"}") } else { ("", "") };
        let room = bytes.saturating_sub(open.len() + close.len());
        let fill: String = TOKEN_MARK
            .chars()
            .chain(count.chars())
            .chain(std::iter::repeat('x'))
            .take(room)
            .collect();
        let mut drawn = URL_SAFE_NO_PAD.encode(format!("{open}{fill}{close}"));
        // A length that no base64 has is filled up.
        drawn.extend(std::iter::repeat_n('A', part.len().saturating_sub(drawn.len())));
        drawn.truncate(part.len());
        drawn
    }

    /// Returns a sequence in DER that has the length of a certificate and holds nothing but text.
    pub(super) fn certificate(&mut self, der: &[u8]) -> Vec<u8> {
        let key: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
        let count = self.count(&key);
        let mut drawn = der_header(der);
        let room = der.len().saturating_sub(drawn.len());
        drawn.extend(der_octets(room, &format!("{CERTIFICATE_MARK}{count}")));
        drawn.truncate(der.len());
        drawn
    }

    fn count(&mut self, original: &str) -> String {
        let next = u64::try_from(self.tokens.len()).unwrap_or(0) + 1;
        self.tokens.entry(original.to_owned()).or_insert(next).to_string()
    }
}

const HASH_MARK: &str = "5c2b";
const TOKEN_MARK: &str = "standin";
const CERTIFICATE_MARK: &str = "stand-in certificate ";

fn in_place_of(letter: char) -> char {
    match letter.len_utf8() {
        2 => 'ø',
        3 => '甲',
        _ => '𠀀',
    }
}

fn is_link_local(group: &str) -> bool {
    group
        .get(..2)
        .is_some_and(|start| start.eq_ignore_ascii_case("fe") || start.eq_ignore_ascii_case("fd"))
}

/// The tag and length of the outer sequence, whose length bytes are kept.
fn der_header(der: &[u8]) -> Vec<u8> {
    let size = match der.get(1) {
        Some(long) if *long > 0x80 => 2 + usize::from(*long & 0x7f),
        _ => 2,
    };
    der.iter().take(size).copied().collect()
}

/// An octet string that takes `room` bytes with its header.
fn der_octets(room: usize, text: &str) -> Vec<u8> {
    let header = match room {
        0..=1 => return vec![0; room],
        2..=129 => vec![0x04, u8::try_from(room - 2).unwrap_or(0)],
        130 => vec![0x04, 0x81, 127],
        131..=258 => vec![0x04, 0x81, u8::try_from(room - 3).unwrap_or(0)],
        259 => vec![0x04, 0x82, 0, 255],
        _ => {
            let [high, low] = u16::try_from(room - 4).unwrap_or(u16::MAX).to_be_bytes();
            vec![0x04, 0x82, high, low]
        }
    };
    let fill = text.bytes().chain(std::iter::repeat(b'.'));
    let content = room.saturating_sub(header.len());
    header.into_iter().chain(fill.take(content)).collect()
}

/// True for a GUID that means the same everywhere.
pub(super) fn is_public_guid(guid: Uuid) -> bool {
    PUBLIC_GUIDS.contains(&guid.as_u128())
}

/// True for a GUID that stands in for another, or that means the same everywhere.
pub(super) fn is_stand_in_guid(guid: Uuid) -> bool {
    guid.as_u128() & (u128::MAX >> 32) == GUID_TAIL || is_public_guid(guid)
}

/// True for a sub-authority that stands in for another. Short ones are numbers of accounts, and tell nothing without the
/// domain before them.
pub(super) fn is_stand_in_authority(digits: &str) -> bool {
    digits.len() < 7 || digits.starts_with("10")
}

/// True for an address that names no host of anybody's: of the ranges for documentation, of this host, reserved, or a mask.
pub(super) fn is_stand_in_ipv4(address: &str) -> bool {
    address.parse().is_ok_and(|parsed: Ipv4Addr| {
        let [first, second, ..] = parsed.octets();
        parsed.is_documentation()
            || parsed.is_loopback()
            || first == 0
            || first >= 240
            || (first, second) == (198, 18)
            || address.ends_with(".0.0")
    })
}

/// True for an address of the documentation's range, of this host, or of the shape that stands in for others.
pub(super) fn is_stand_in_ipv6(address: &str) -> bool {
    let parsed = address.parse::<Ipv6Addr>();
    if parsed.is_ok_and(|parsed| parsed.is_loopback() || parsed.is_unspecified()) {
        return true;
    }
    let mut groups = address.split(':');
    let first = groups.next().unwrap_or_default();
    let known = first.is_empty() || first == "2001" || is_link_local(first);
    let counted = |group: &str| {
        let padded = group.len() < 3 || group.starts_with('0');
        group == "db8" || padded && group.chars().all(|digit| digit.is_ascii_digit())
    };
    known && groups.all(counted)
}

/// True for hexadecimal digits that stand in for others.
pub(super) fn is_stand_in_hash(digits: &str) -> bool {
    let marked = digits.len() / 2;
    digits
        .chars()
        .take(marked)
        .zip(HASH_MARK.chars().cycle())
        .all(|(digit, mark)| digit.eq_ignore_ascii_case(&mark))
}

/// True for a token that stands in for another: what of it is letters or digits begins as those do.
pub(super) fn is_stand_in_token(token: &str) -> bool {
    let signs = token.chars().filter(char::is_ascii_alphanumeric);
    signs.zip(TOKEN_MARK.chars()).all(|(sign, mark)| sign == mark)
}

/// True for a part of a signed token that stands in for another.
pub(super) fn is_stand_in_token_part(part: &str) -> bool {
    let whole = part.get(..part.len() / 4 * 4).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(whole).is_ok_and(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let fill = text.strip_prefix("{\"s\":\"").unwrap_or(&text);
        fill.bytes().zip(TOKEN_MARK.bytes()).all(|(byte, mark)| byte == mark)
    })
}

/// True for a certificate that stands in for another.
pub(super) fn is_stand_in_certificate(der: &[u8]) -> bool {
    der.windows(CERTIFICATE_MARK.len()).any(|window| window == CERTIFICATE_MARK.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_one_stand_in_which_is_a_random_guid_by_its_form() {
        let mut drawn = StandIns::default();
        let original = Uuid::from_u128(0x9b93_87fe_e1b1_4695_97bd_b0a0_bebe_7ce2);
        let first = drawn.guid(original);
        assert_eq!(first.to_string(), "00000001-5c2b-4000-8000-5c2b5c2b5c2b");
        assert_eq!(drawn.guid(original), first);
        assert_ne!(drawn.guid(Uuid::from_u128(7)), first);
        assert_eq!(drawn.guid(Uuid::nil()), Uuid::nil());
        assert!(is_stand_in_guid(first) && !is_stand_in_guid(original));
    }

    #[test]
    fn numbers_of_many_accounts_keep_their_length_and_differ() {
        let mut drawn = StandIns::default();
        let stand_ins: HashSet<String> =
            (1_100..9_000).map(|number: u32| drawn.authority(&number.to_string())).collect();
        assert_eq!(stand_ins.len(), 7_900);
        assert!(stand_ins.iter().all(|stand_in| stand_in.len() == 4));
        assert_eq!(drawn.authority("3004336348"), "1000000000");
        assert_eq!(drawn.authority("512"), "512");
    }

    #[test]
    fn addresses_keep_their_length() {
        let mut drawn = StandIns::default();
        for address in [
            "1.2.3.4",
            "10.1.2.3",
            "10.11.2.3",
            "10.10.10.1",
            "172.16.4.7",
            "192.168.1.20",
            "100.101.102.9",
            "10.100.200.3",
            "192.168.100.200",
        ] {
            let stand_in = drawn.ipv4(address);
            assert_eq!(stand_in.len(), address.len(), "{address} became {stand_in}");
            assert!(is_stand_in_ipv4(&stand_in), "{address} became {stand_in}");
        }
        for address in ["fe80::c4a9:8c2f:5c22:4f", "2a02:810d:1f::7", "fd12:3456::1"] {
            let stand_in = drawn.ipv6(address);
            assert_eq!(stand_in.len(), address.len(), "{address} became {stand_in}");
            assert!(is_stand_in_ipv6(&stand_in) && !is_stand_in_ipv6(address), "{stand_in}");
            assert!(stand_in.parse::<Ipv6Addr>().is_ok(), "{stand_in}");
        }
    }

    #[test]
    fn hashes_and_tokens_keep_their_length_and_are_known_again() {
        let mut drawn = StandIns::default();
        let hash = drawn.hash("9E0F1C2D3A4B5C6D7E8F9A0B1C2D3E4F50617283");
        assert_eq!((hash.len(), is_stand_in_hash(&hash)), (40, true), "{hash}");
        let token = drawn.token("AbCd-1234_zz==");
        assert_eq!(token, "stan-din1_xx==");
        assert!(is_stand_in_token(&token) && !is_stand_in_token("AbCd-1234"));
        for part in
            ["eyJhbGciOiJSUzI1NiJ9", "eyJhdWQiOiJodHRwczovL291dGxvb2sifQ", "c2lnbmF0dXJlIGJ5dGVzIQ"]
        {
            let stand_in = drawn.token_part(part);
            assert_eq!(stand_in.len(), part.len());
            assert!(
                is_stand_in_token_part(&stand_in) && !is_stand_in_token_part(part),
                "{stand_in}"
            );
        }
    }

    #[test]
    fn a_certificate_becomes_a_sequence_of_the_same_length() {
        let mut drawn = StandIns::default();
        for len in [60_usize, 127, 200, 300, 900] {
            let mut der = vec![0x30, 0x82];
            der.extend(u16::try_from(len).unwrap().to_be_bytes());
            der.resize(len + 4, 7);
            let stand_in = drawn.certificate(&der);
            assert_eq!((stand_in.len(), &stand_in[..4]), (der.len(), &der[..4]));
            assert!(is_stand_in_certificate(&stand_in) && !is_stand_in_certificate(&der));
        }
    }
}
