//! The client's side of the session key exchange.
//!
//! Spec: [MS-PSRP] 3.1.4.8 Initiating a Session Key Exchange, [MS-PSRP] 3.1.5.4.4 ENCRYPTED_SESSION_KEY Message,
//! [MS-PSRP] 3.1.5.4.5 PUBLIC_KEY_REQUEST Message.
//!
//! A session key that cannot be used is asked for once more; after that there is none for this pool. The key pair stays the
//! same, for making one takes long, and a server must not be able to make its clients wait.

use core::time::Duration;
use std::time::Instant;

use super::event::{BreakCause, Event, InputStream};
use super::{RunspacePool, body};
use crate::crypto::{KeyPair, SecretEncoding};
use crate::error::{CryptoError, DecodeError, StateError};
use crate::id::StreamTarget;
use crate::message::{Message, MessageType};
use crate::pool_messages::{encrypted_session_key, public_key_value};

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
    /// Set while a request is out.
    sent: bool,
    /// Unusable keys so far.
    failures: u8,
    wait: Wait,
    /// Set when an answer was lost that may have carried the key.
    lost: bool,
    pub(super) secrets: SecretEncoding,
}

/// How long a key may still come after an answer was lost: a server that sends it again has done so by then.
const WAIT_AFTER_LOSS: Duration = Duration::from_secs(2);

const KEY_LOST: &str = "the answer with the session key was lost";

/// Unusable keys after which no other is asked for.
const MAX_FAILURES: u8 = 2;

impl KeyExchange {
    pub(super) fn set_pair(&mut self, pair: KeyPair) {
        if self.pair.is_none() || !self.sent {
            self.pair = Some(pair);
        }
    }

    /// The text of PUBLIC_KEY, unless it was sent already. `generate` makes a pair when there is none.
    fn public_key(
        &mut self,
        generate: impl FnOnce() -> Result<KeyPair, CryptoError>,
    ) -> Result<Option<String>, CryptoError> {
        if self.failures >= MAX_FAILURES {
            return Err(CryptoError::Unusable);
        }
        if self.sent || self.secrets.is_ready() {
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

    /// True when a session key may come: it was asked for, even if that was given up since.
    fn expects_key(&self) -> bool {
        self.pair.is_some() && !self.secrets.is_ready() && self.failures < MAX_FAILURES
    }

    fn accept(&mut self, text: &str) -> Result<(), CryptoError> {
        let pair = self.pair.as_ref().ok_or(CryptoError::NoKey)?;
        let key = pair.session_key(text)?;
        self.secrets = SecretEncoding::Encrypted(key);
        self.end_wait();
        Ok(())
    }

    /// Notes that a key could not be used, so that it may be asked for again.
    fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.sent = false;
    }

    /// Lets the next secret ask again.
    pub(super) fn forget_request(&mut self) {
        self.sent = false;
    }

    pub(super) fn begin_wait(&mut self) {
        if matches!(self.wait, Wait::None) {
            self.wait = Wait::Begins;
        }
    }

    pub(super) fn end_wait(&mut self) {
        self.wait = Wait::None;
        self.lost = false;
    }

    /// Ends a wait after `limit` at the latest, if there is one, for an answer was lost.
    fn hasten(&mut self, now: Instant, limit: Duration) {
        let end = now.checked_add(limit);
        self.wait = match (self.wait, end) {
            (Wait::None, _) => return,
            (Wait::Until(before), Some(end)) => Wait::Until(before.min(end)),
            (Wait::Begins, Some(end)) => Wait::Until(end),
            (wait, None) => wait,
        };
        self.lost = true;
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

impl RunspacePool {
    /// Asks for the session key, unless it was asked for; nothing happens from protocol 2.4 on.
    ///
    /// # Errors
    ///
    /// [`CryptoError::KeyGeneration`] when no key pair could be made, [`CryptoError::Unusable`] after the server sent two
    /// keys that are none.
    pub fn request_session_key(&mut self) -> Result<(), CryptoError> {
        if !self.effective().encrypts_secure_strings() {
            return Ok(());
        }
        let rng = &mut *self.rng;
        if let Some(text) = self.key.public_key(|| KeyPair::generate(rng))? {
            let message = body(&public_key_value(&text));
            self.transmit_send(None, InputStream::Stdin, MessageType::PublicKey, message);
        }
        Ok(())
    }

    /// Asks for the session key on behalf of something that waits for it.
    pub(super) fn wait_for_key(&mut self) -> Result<(), StateError> {
        self.request_session_key().map_err(StateError::Secret)?;
        self.key.begin_wait();
        Ok(())
    }

    /// Tells the pool that an answer on its own stream was lost.
    ///
    /// It may have carried the session key that commands wait for, and a server sends that once. So they wait two seconds
    /// more, not [`key_timeout`](super::PoolOptions::key_timeout), and then a pool in which nothing else runs breaks: the
    /// commands were not sent, and a new pool agrees on a key of its own.
    pub fn handle_lost_answer(&mut self, now: Instant) {
        let limit = self.options.key_timeout.min(WAIT_AFTER_LOSS);
        self.key.hasten(now, limit);
    }

    /// Ends the wait for a key that did not come.
    pub(super) fn key_timed_out(&mut self) {
        let was_lost = core::mem::take(&mut self.key.lost);
        self.key.forget_request();
        if was_lost && self.pipelines.values().all(|pipeline| pipeline.start.is_some()) {
            self.break_pool(BreakCause::Transport(KEY_LOST.to_owned()));
        } else {
            self.lose_pending();
        }
    }

    /// Takes ENCRYPTED_SESSION_KEY.
    pub(super) fn session_key(&mut self, message: Message) -> Result<(), DecodeError> {
        if !self.key.expects_key() {
            self.unhandled(StreamTarget::Pool, message);
            return Ok(());
        }
        let message_type = message.message_type;
        let accepted =
            message.value().and_then(|value| encrypted_session_key(&value)).and_then(|text| {
                self.key
                    .accept(&text)
                    .map_err(|source| DecodeError::SessionKey { message_type, source })
            });
        match accepted {
            Ok(()) => {
                self.events.push_back(Event::SessionKeyReady);
                self.send_pending();
                Ok(())
            }
            Err(error) => {
                self.events.push_back(Event::Undecodable { message_type, error });
                self.key.fail();
                if let Err(error) = self.request_session_key() {
                    self.events.push_back(Event::SessionKeyFailed { error });
                    self.lose_pending();
                }
                Ok(())
            }
        }
    }
}
