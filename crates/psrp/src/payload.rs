//! Whole fragments on their way out, to be packed into requests of limited size.
//!
//! How many bytes a request may carry depends on the envelope around them and differs per verb, which only the transport
//! knows. So the machine hands out all fragments of a message and the transport takes as many as fit.

use core::fmt;

use crate::fragment::{FRAGMENT_HEADER_LEN, FragmentHeader};

/// Whole fragments, concatenated. The content is not shown by `Debug`, for it can hold secrets.
#[derive(Clone, Default)]
pub struct Payload {
    bytes: Vec<u8>,
    /// Bytes at the front that were taken off. INVARIANT: at most `bytes.len()`.
    taken: usize,
}

impl Payload {
    /// Wraps whole fragments.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0 }
    }

    /// All bytes that are left.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// All bytes that are left.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.drain(..self.taken);
        self.bytes
    }

    /// Number of bytes that are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// True when nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Takes off as many whole fragments as fit into `budget` bytes and leaves the rest.
    ///
    /// A first fragment larger than `budget` is cut inside, which receivers allow (but not in the body of a Connect).
    /// A budget of 0 counts as 1.
    ///
    /// ```
    /// use psrp::{Payload, fragment::Fragmenter};
    ///
    /// let mut bytes = Vec::new();
    /// Fragmenter::new(31).fragment(b"twenty-five bytes of data", &mut bytes);
    /// let mut payload = Payload::new(bytes);
    /// assert_eq!(payload.split_to(70).len(), 62); // two fragments of 31 bytes
    /// assert_eq!(payload.len(), 26); // the third, with five bytes of data
    /// ```
    pub fn split_to(&mut self, budget: usize) -> Vec<u8> {
        let left = self.as_bytes();
        let piece = left.get(..cut(left, budget.max(1))).unwrap_or(left).to_vec();
        self.taken += piece.len();
        piece
    }

    /// Cuts everything into pieces of at most `budget` bytes, at the edges of fragments where that is possible.
    #[must_use]
    pub fn split(mut self, budget: usize) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        while !self.is_empty() {
            pieces.push(self.split_to(budget));
        }
        pieces
    }
}

/// Where to cut `bytes`: after the last fragment that ends within `budget`, or inside the first.
fn cut(bytes: &[u8], budget: usize) -> usize {
    if bytes.len() <= budget {
        return bytes.len();
    }
    let mut edge = 0;
    while let Some(next) = fragment_end(bytes, edge).filter(|next| *next <= budget) {
        edge = next;
    }
    if edge == 0 { budget } else { edge }
}

/// The end of the fragment that begins at `start`.
fn fragment_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (head, _) = bytes.get(start..)?.split_first_chunk::<FRAGMENT_HEADER_LEN>()?;
    let blob = usize::try_from(FragmentHeader::from_bytes(head).ok()?.blob_len).ok()?;
    Some(start + FRAGMENT_HEADER_LEN + blob)
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fragment::Fragmenter;

    #[test]
    fn pieces_end_at_fragment_edges_and_lose_nothing() {
        let mut bytes = Vec::new();
        Fragmenter::new(50).fragment(&[7; 200], &mut bytes);
        let pieces = Payload::new(bytes.clone()).split(120);
        assert!(pieces.iter().all(|piece| piece.len() <= 120));
        assert_eq!(pieces[0].len(), 100);
        assert_eq!(pieces.concat(), bytes);
    }

    #[test]
    fn a_fragment_larger_than_the_budget_is_cut() {
        let mut bytes = Vec::new();
        Fragmenter::new(100).fragment(&[7; 79], &mut bytes);
        let pieces = Payload::new(bytes.clone()).split(40);
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [40, 40, 20]);
        assert_eq!(pieces.concat(), bytes);
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Payload::new(b"secret".to_vec())), "Payload { len: 6, .. }");
    }
}
