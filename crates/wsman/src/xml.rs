//! Reading and writing XML within bounds.
//!
//! A peer's document becomes a flat list of nodes in document order; every element knows where its subtree ends.
//! Nothing recurses, so a hostile nesting costs a list entry and not stack. Namespaces count, prefixes do not.
//! Document type declarations are refused, and with them every entity that XML itself does not define.

mod read;
mod write;

pub use read::Limits;
pub(crate) use read::{Document, Element, Ns, decode_text};
pub(crate) use write::Writer;

/// Decodes a base64 value; white space inside is skipped, and nothing at all is zero bytes.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64_simd::STANDARD;

    let text = text.trim_ascii();
    if let Ok(bytes) = STANDARD.decode_to_vec(text) {
        return Some(bytes);
    }
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode_to_vec(compact).ok()
}

/// Encodes bytes as base64 in one line.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_hold_white_space() {
        assert_eq!(decode_base64(" SGVs\r\n bG8=\n"), Some(b"Hello".to_vec()));
        assert_eq!(decode_base64(""), Some(Vec::new()));
        assert_eq!(decode_base64("SGVsbG8"), None);
        assert_eq!(decode_base64("!"), None);
    }
}
