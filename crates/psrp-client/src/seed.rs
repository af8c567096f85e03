//! Ids and keys that come again: what a session draws at random, drawn from a number instead.
//!
//! Sessions run tasks side by side, so one sequence of numbers would give a pipeline another id whenever two of them change
//! places. Each id is therefore drawn from its own purpose: the how-manieth pool, and in it the how-manieth pipeline of a name.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psrp::crypto::KeyPair;
use psrp::uuid::Uuid;
use psrp::{CryptoError, rand_core};
use rand::rngs::ChaCha20Rng;
use rand::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use wsman::IdSource;

/// Where the ids and the key pair of recorded sessions come from.
///
/// With the same number, and the key pair of the recording, a client sends the same bytes. That is its purpose and its danger:
/// whoever knows the number and the key reads what the session encrypted. It is for sessions that are recorded or replayed, and the
/// recording carries both.
///
/// ```
/// use psrp_client::Seed;
/// use psrp_client::wsman::IdSource as _;
/// let (one, other) = (Seed::danger_predictable(7), Seed::danger_predictable(7));
/// assert_eq!(one.next_id(), other.next_id());
/// assert_eq!(one.issued(), other.issued());
/// ```
pub struct Seed {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pools: u64,
    ids: u64,
    issued: BTreeSet<Uuid>,
    key: Option<String>,
}

impl Seed {
    /// Draws everything from a number.
    #[must_use]
    pub fn danger_predictable(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    /// Uses a key pair that is known already, PKCS#8 in PEM: that of the recording.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PrivateKey`] when it is no RSA key of 2048 bits.
    pub fn with_key(self, pem: &str) -> Result<Self, CryptoError> {
        KeyPair::from_pkcs8_pem(pem)?;
        self.lock().key = Some(pem.to_owned());
        Ok(self)
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.seed
    }

    /// Returns the key pair, PKCS#8 in PEM, once a session needed one.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.lock().key.clone()
    }

    /// Returns the ids that were drawn so far.
    #[must_use]
    pub fn issued(&self) -> BTreeSet<Uuid> {
        self.lock().issued.clone()
    }

    /// Begins another pool.
    pub(crate) fn pool(self: &Arc<Self>) -> PoolSeed {
        let number = {
            let mut state = self.lock();
            state.pools += 1;
            state.pools
        };
        let rng = Arc::new(Mutex::new(self.rng(&format!("pool {number}"))));
        PoolSeed { seed: Arc::clone(self), number, rng, names: Arc::default() }
    }

    fn rng(&self, purpose: &str) -> ChaCha20Rng {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(purpose.as_bytes());
        ChaCha20Rng::from_seed(hash.finalize().into())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seed").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl IdSource for Seed {
    fn next_id(&self) -> Uuid {
        let mut state = self.lock();
        state.ids += 1;
        let mut bytes = [0; 16];
        self.rng(&format!("message {}", state.ids)).fill_bytes(&mut bytes);
        let id = psrp::uuid::Builder::from_random_bytes(bytes).into_uuid();
        state.issued.insert(id);
        id
    }
}

/// What one pool draws from.
#[derive(Clone, Debug)]
pub(crate) struct PoolSeed {
    seed: Arc<Seed>,
    number: u64,
    rng: Arc<Mutex<ChaCha20Rng>>,
    /// How many pipelines of a name there were.
    names: Arc<Mutex<HashMap<String, u64>>>,
}

impl PoolSeed {
    /// The source for the machine of the pool.
    pub(crate) fn rng(&self) -> SharedRng {
        SharedRng(Arc::clone(&self.rng))
    }

    /// Draws what follows for a pipeline of this name.
    pub(crate) fn turn_to(&self, pipeline: &str) {
        let count = {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            let count = names.entry(pipeline.to_owned()).or_default();
            *count += 1;
            *count
        };
        let purpose = format!("pool {} pipeline {count} {pipeline}", self.number);
        *self.rng.lock().unwrap_or_else(PoisonError::into_inner) = self.seed.rng(&purpose);
    }

    /// Notes an id that was drawn.
    pub(crate) fn issue(&self, id: Uuid) {
        self.seed.lock().issued.insert(id);
    }

    /// The key pair, if it is known already.
    pub(crate) fn known_key(&self) -> Option<KeyPair> {
        self.seed.key().and_then(|pem| KeyPair::from_pkcs8_pem(&pem).ok())
    }

    /// The key pair; makes one when there is none yet.
    pub(crate) fn key(&self) -> Result<KeyPair, CryptoError> {
        if let Some(pair) = self.known_key() {
            return Ok(pair);
        }
        let pair = KeyPair::generate(&mut rand::rng())?;
        let pem = pair.danger_to_pkcs8_pem()?;
        self.seed.lock().key = Some(pem.as_str().to_owned());
        Ok(pair)
    }
}

/// A source that its owner can turn to another purpose.
#[derive(Debug)]
pub(crate) struct SharedRng(Arc<Mutex<ChaCha20Rng>>);

impl rand_core::TryRng for SharedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for SharedRng {}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(pool: &PoolSeed, pipeline: &str) -> u64 {
        pool.turn_to(pipeline);
        pool.rng().0.lock().unwrap().next_u64()
    }

    #[test]
    fn pipelines_may_change_places() {
        let pool = || Arc::new(Seed::danger_predictable(7)).pool();
        let (one, other) = (pool(), pool());
        let drawn = [draw(&one, "Get-User"), draw(&one, "Get-Mailbox"), draw(&one, "Get-User")];
        let again =
            [draw(&other, "Get-Mailbox"), draw(&other, "Get-User"), draw(&other, "Get-User")];
        assert_eq!(again, [drawn[1], drawn[0], drawn[2]]);
        assert_ne!(drawn[0], drawn[2]);
    }

    #[test]
    fn pools_and_seeds_draw_apart() {
        let seed = Arc::new(Seed::danger_predictable(7));
        let drawn = [draw(&seed.pool(), "a"), draw(&seed.pool(), "a")];
        assert_ne!(drawn[0], drawn[1]);
        assert_ne!(draw(&Arc::new(Seed::danger_predictable(8)).pool(), "a"), drawn[0]);
    }
}
