//! The client's side of the session key exchange.
//!
//! Spec: [MS-PSRP] 3.1.5.4.3 PUBLIC_KEY Message, 3.1.5.4.4 ENCRYPTED_SESSION_KEY Message, 3.1.5.4.5 PUBLIC_KEY_REQUEST Message.

use core::time::Duration;
use std::time::Instant;

use crate::crypto::{KeyPair, SecretEncoding};
use crate::error::CryptoError;

/// A wait that begins when the clock is next told.
#[derive(Clone, Copy, Debug, Default)]
enum Wait {
    #[default]
    None,
    Begins,
    Until(Instant),
}

/// Key pair, session key, and the wait between them.
#[derive(Debug, Default)]
pub(super) struct KeyExchange {
    pair: Option<KeyPair>,
    sent: bool,
    wait: Wait,
    pub(super) secrets: SecretEncoding,
}

impl KeyExchange {
    pub(super) fn set_pair(&mut self, pair: KeyPair) {
        if !self.sent {
            self.pair = Some(pair);
        }
    }

    /// The text of PUBLIC_KEY, unless it was sent already. `generate` makes a pair when there is none.
    pub(super) fn public_key(
        &mut self,
        generate: impl FnOnce() -> Result<KeyPair, CryptoError>,
    ) -> Result<Option<String>, CryptoError> {
        if self.sent {
            return Ok(None);
        }
        let pair = match self.pair.take() {
            Some(pair) => pair,
            None => generate()?,
        };
        self.sent = true;
        let text = pair.public_key();
        self.pair = Some(pair);
        Ok(Some(text))
    }

    pub(super) fn accept(&mut self, text: &str) -> Result<(), CryptoError> {
        let pair = self.pair.as_ref().filter(|_| self.sent).ok_or(CryptoError::NoKey)?;
        let key = pair.session_key(text)?;
        self.secrets = SecretEncoding::Encrypted(key);
        self.wait = Wait::None;
        Ok(())
    }

    pub(super) fn begin_wait(&mut self) {
        if matches!(self.wait, Wait::None) {
            self.wait = Wait::Begins;
        }
    }

    pub(super) fn end_wait(&mut self) {
        self.wait = Wait::None;
    }

    /// Starts the clock of a wait that has begun, and returns its end.
    pub(super) fn deadline(&mut self, now: Instant, timeout: Duration) -> Option<Instant> {
        if matches!(self.wait, Wait::Begins) {
            self.wait = now.checked_add(timeout).map_or(Wait::None, Wait::Until);
        }
        match self.wait {
            Wait::Until(end) => Some(end),
            Wait::None | Wait::Begins => None,
        }
    }
}
