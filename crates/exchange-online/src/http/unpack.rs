//! Bodies by what they are: packed when they begin as gzip does, whatever their headers say.

use std::io::{Read as _, Write as _};

use flate2::write::MultiGzDecoder;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks what begins as gzip does; what then turns out not to be gzip stays as it is. `None` when it grows too large.
pub(super) fn unpacked(body: Vec<u8>, limit: usize) -> Option<Vec<u8>> {
    if !body.starts_with(&MAGIC) {
        return Some(body);
    }
    let room = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut plain = Vec::new();
    match flate2::read::MultiGzDecoder::new(body.as_slice()).take(room).read_to_end(&mut plain) {
        Ok(_) if plain.len() > limit => None,
        Ok(_) => Some(plain),
        Err(_) => Some(body),
    }
}

/// Unpacks a body as it arrives. Only good answers arrive so, and what is packed in those is packed to its end.
#[derive(Default)]
pub(super) enum Unpacker {
    /// Nothing came yet.
    #[default]
    Fresh,
    /// The first byte, which could begin either.
    First(u8),
    Plain,
    Packed(Box<MultiGzDecoder<Vec<u8>>>),
}

/// How many bytes are taken at once at most: packed ones become a thousand times as many.
pub(super) const STEP: usize = 4 << 10;

impl Unpacker {
    /// Takes at most [`STEP`] bytes; gives what they were made of.
    pub(super) fn take(&mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Packed(decoder) => {
                decoder.write_all(bytes)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Plain => Ok(bytes.to_vec()),
            Self::Fresh | Self::First(_) => self.begin(bytes),
        }
    }

    fn begin(&mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut start = Vec::with_capacity(bytes.len().saturating_add(1));
        if let Self::First(byte) = self {
            start.push(*byte);
        }
        start.extend_from_slice(bytes);
        *self = match start.as_slice() {
            [] => return Ok(start),
            [byte] if MAGIC.starts_with(&[*byte]) => {
                *self = Self::First(*byte);
                return Ok(Vec::new());
            }
            start if start.starts_with(&MAGIC) => {
                Self::Packed(Box::new(MultiGzDecoder::new(Vec::new())))
            }
            _ => Self::Plain,
        };
        self.take(&start)
    }

    /// The body has ended; gives what was held back. An error says that its end is missing.
    pub(super) fn end(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Fresh | Self::Plain => Ok(Vec::new()),
            Self::First(byte) => Ok(vec![byte]),
            Self::Packed(decoder) => decoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_are_unpacked_by_what_they_are() {
        assert_eq!(unpacked(packed(b"{}"), 10), Some(b"{}".to_vec()));
        assert_eq!(unpacked(vec![0; 8], 10), Some(vec![0; 8]));
        assert_eq!(unpacked(vec![0x1f, 0x8b, 0], 10), Some(vec![0x1f, 0x8b, 0]));
        assert_eq!(
            unpacked(packed(&[b'a'; 100_000]), 1000),
            None,
            "a small body can hide a large one"
        );
    }

    fn in_pieces(body: &[u8], size: usize) -> std::io::Result<Vec<u8>> {
        let mut unpacker = Unpacker::default();
        let mut plain = Vec::new();
        for piece in body.chunks(size) {
            plain.extend(unpacker.take(piece)?);
        }
        plain.extend(unpacker.end()?);
        Ok(plain)
    }

    #[test]
    fn in_pieces_they_are_the_same() {
        let text: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        for body in [packed(&text), text.clone(), vec![0x1f], Vec::new(), vec![0x1f, 0x20]] {
            let expected = unpacked(body.clone(), usize::MAX).unwrap();
            for size in [1, 3, STEP] {
                assert_eq!(in_pieces(&body, size).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_packed_body_that_is_cut_or_damaged_is_noticed() {
        let whole = packed(&[b'a'; 10_000]);
        let cut = whole.get(..whole.len() - 1).unwrap();
        assert!(in_pieces(cut, STEP).is_err());
        let mut damaged = whole.clone();
        let last = damaged.len() - 6;
        *damaged.get_mut(last).unwrap() ^= 1;
        assert!(in_pieces(&damaged, STEP).is_err());
    }
}
