//! What signs in on a connection and seals its messages.

use super::error::SecurityError;
use super::exchange::BoxFuture;
use crate::mime::Protocol;

/// The security context of one connection: its keys and counters belong to that connection alone.
///
/// The order of calls is `step` until it is final, then `wrap` and `unwrap` in turn, once per exchange.
pub(crate) trait SecurityContext: Send {
    /// Takes the peer's token, empty at first, and returns the next one.
    fn step<'a>(&'a mut self, token: &'a [u8]) -> BoxFuture<'a, Result<Step, SecurityError>>;

    /// Seals `data` in place and returns the signature that goes before it.
    fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError>;

    /// Unseals `data` in place.
    fn unwrap(&mut self, signature: &mut [u8], data: &mut Vec<u8>) -> Result<(), SecurityError>;

    /// Returns how the sealed messages are labelled.
    fn protocol(&self) -> Protocol;
}

/// The next token of a login.
#[derive(Debug)]
pub(crate) struct Step {
    /// What to send; empty when there is nothing more to say.
    pub(crate) token: Vec<u8>,
    /// Whether this side is content, so that no answer but success is due.
    pub(crate) is_final: bool,
}
