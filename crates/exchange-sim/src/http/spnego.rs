//! The accepting side of SPNEGO, with NTLM as the only mechanism.
//!
//! Spec: [MS-SPNG] 3.1.5.1 mechListMIC Processing, on the integrity code over the list of mechanisms; the tokens are those of
//! RFC 4178 section 4.2.

const SPNEGO_OID: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
pub(crate) const NTLM_OID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];

const OID: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const SEQUENCE: u8 = 0x30;
const APPLICATION: u8 = 0x60;

/// The client's first token.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Init<'a> {
    /// The encoded list of mechanisms, over which both sides compute a code.
    pub(crate) mechanisms: &'a [u8],
    /// Whether NTLM is the client's first choice; only then is its token meant for NTLM.
    pub(crate) ntlm_first: bool,
    /// The token for the first choice.
    pub(crate) token: Option<&'a [u8]>,
}

/// A later token of the client.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Reply<'a> {
    pub(crate) token: Option<&'a [u8]>,
    pub(crate) code: Option<&'a [u8]>,
}

/// Reads a first token; nothing when it is malformed or does not offer NTLM.
pub(crate) fn read_init(token: &[u8]) -> Option<Init<'_>> {
    let (content, _) = element(token, APPLICATION)?;
    let (oid, rest) = element(content, OID)?;
    let (init, _) = element(rest, 0xa0)?;
    let (init, _) = element(init, SEQUENCE)?;
    if oid != SPNEGO_OID {
        return None;
    }
    let (mechanisms, _) = element(init, 0xa0)?;
    let (mut list, _) = element(mechanisms, SEQUENCE)?;
    let mut offered = Vec::new();
    while !list.is_empty() {
        let (mechanism, rest) = element(list, OID)?;
        offered.push(mechanism);
        list = rest;
    }
    offered.contains(&NTLM_OID).then_some(())?;
    let token = member(init, 0xa2).and_then(|token| Some(element(token, OCTETS)?.0));
    Some(Init { mechanisms, ntlm_first: offered.first() == Some(&NTLM_OID), token })
}

/// Reads a later token.
pub(crate) fn read_reply(token: &[u8]) -> Option<Reply<'_>> {
    let (reply, _) = element(token, 0xa1)?;
    let (reply, _) = element(reply, SEQUENCE)?;
    let octets = |tag| member(reply, tag).and_then(|token| Some(element(token, OCTETS)?.0));
    Some(Reply { token: octets(0xa2), code: octets(0xa3) })
}

/// Writes an answer: more to come or accepted, the mechanism in the first answer, a token, a code.
pub(crate) fn write_reply(
    complete: bool,
    mechanism: bool,
    token: Option<&[u8]>,
    code: Option<&[u8]>,
) -> Vec<u8> {
    let mut content = wrap(0xa0, &wrap(ENUMERATED, &[u8::from(!complete)]));
    if mechanism {
        content.extend(wrap(0xa1, &wrap(OID, NTLM_OID)));
    }
    content.extend(token.map(|token| wrap(0xa2, &wrap(OCTETS, token))).into_iter().flatten());
    content.extend(code.map(|code| wrap(0xa3, &wrap(OCTETS, code))).into_iter().flatten());
    wrap(0xa1, &wrap(SEQUENCE, &content))
}

/// Returns the content of an element of this tag, and what follows it.
pub(super) fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (*first == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// Returns the content of the member of a sequence that has this tag.
pub(super) fn member(mut sequence: &[u8], tag: u8) -> Option<&[u8]> {
    while let Some(first) = sequence.first() {
        let (content, rest) = element(sequence, *first)?;
        if *first == tag {
            return Some(content);
        }
        sequence = rest;
    }
    None
}

pub(super) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length @ 0..=0x7f) => bytes.push(length),
        _ => {
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
            let digits: Vec<u8> = length.into_iter().skip_while(|digit| *digit == 0).collect();
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            bytes.extend(digits);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_token_is_read() {
        let list = wrap(SEQUENCE, &wrap(OID, NTLM_OID));
        let init = [wrap(0xa0, &list), wrap(0xa2, &wrap(OCTETS, &[7; 300]))].concat();
        let token = wrap(
            APPLICATION,
            &[wrap(OID, SPNEGO_OID), wrap(0xa0, &wrap(SEQUENCE, &init))].concat(),
        );
        let read = read_init(&token).unwrap();
        assert_eq!(read, Init { mechanisms: &list, ntlm_first: true, token: Some(&[7; 300]) });
        for end in 0..token.len() {
            assert_eq!(read_init(&token[..end]), None);
        }
    }

    #[test]
    fn replies_are_written_as_they_are_read() {
        let token = write_reply(false, true, Some(b"token"), None);
        assert_eq!(read_reply(&token), Some(Reply { token: Some(b"token"), code: None }));
        let token = write_reply(true, false, None, Some(&[9; 16]));
        assert_eq!(read_reply(&token), Some(Reply { token: None, code: Some(&[9; 16]) }));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
        #[test]
        fn no_bytes_make_the_reader_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _ = read_init(&bytes);
            let _ = read_reply(&bytes);
            for (byte, tag) in bytes.iter_mut().zip([APPLICATION, 60, OID, 6, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02, 0xa0, 30, SEQUENCE, 28]) {
                *byte = tag;
            }
            let _ = read_init(&bytes);
        }
    }
}
