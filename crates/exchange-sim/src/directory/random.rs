//! SplitMix64: a small generator whose sequence never changes, so that a seed names the same organisation for ever.

use uuid::Uuid;

/// A deterministic source of numbers.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix {
    state: u64,
}

impl SplitMix {
    /// Starts the sequence of `seed`, apart from those of other `stream`s.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = Self {
            state: seed.wrapping_mul(0xD134_2543_DE82_EF95)
                ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        };
        generator.next();
        generator
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        self.next().checked_rem(bound).and_then(|rest| usize::try_from(rest).ok()).unwrap_or(0)
    }

    /// Returns true once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Returns one of `items`, or the default of an empty list.
    pub(crate) fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        items.get(self.below(items.len())).copied().unwrap_or_default()
    }

    pub(crate) fn guid(&mut self) -> Uuid {
        let number = (u128::from(self.next()) << 64) | u128::from(self.next());
        uuid::Builder::from_random_bytes(number.to_be_bytes()).into_uuid()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
