//! What signs in on a connection and seals its messages.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{Error, SecurityError};
use super::exchange::BoxFuture;
use crate::mime::Protocol;

/// The security context of one connection: its keys and counters belong to that connection alone.
///
/// The order of calls is `step` until it is final, then `wrap` and `unwrap` in turn, once per part of an exchange.
pub(crate) trait SecurityContext: Send {
    /// Takes the peer's token, empty at first, and returns the next one.
    fn step<'a>(&'a mut self, token: &'a [u8]) -> BoxFuture<'a, Result<Step, Error>>;

    /// Seals `data` in place and returns the signature that goes before it.
    fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError>;

    /// Unseals `data` in place and returns how many bytes the plain text has, from its beginning.
    fn unwrap(&mut self, signature: &mut [u8], data: &mut [u8]) -> Result<usize, SecurityError>;

    /// Returns how the sealed messages are labelled.
    fn protocol(&self) -> Protocol;

    /// Returns the most bytes that are sealed at once; longer messages go in several parts.
    fn largest_part(&self) -> usize {
        usize::MAX
    }
}

/// The next token of a login.
#[derive(Debug)]
pub(crate) struct Step {
    /// What to send; empty when there is nothing more to say.
    pub(crate) token: Vec<u8>,
    /// Whether this side is content, so that no answer but success is due.
    pub(crate) is_final: bool,
}

/// How somebody may sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mechanism {
    /// NTLM without SPNEGO around it, in the scheme `Negotiate`.
    Ntlm,
    /// NTLM within SPNEGO.
    SpnegoNtlm,
    /// Kerberos within SPNEGO.
    SpnegoKerberos,
    /// Kerberos in a scheme of its own.
    Kerberos,
    /// The scheme `CredSSP`.
    CredSsp,
}

impl Mechanism {
    /// Returns the HTTP authentication scheme that its tokens travel in.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Ntlm | Self::SpnegoNtlm | Self::SpnegoKerberos => "Negotiate",
            Self::Kerberos => "Kerberos",
            Self::CredSsp => "CredSSP",
        }
    }

    /// Returns what an error calls it when the server offers the scheme but does not want it.
    pub(crate) fn within(self) -> &'static str {
        match self {
            Self::Ntlm | Self::SpnegoNtlm => "NTLM within Negotiate",
            Self::SpnegoKerberos => "Kerberos within Negotiate",
            Self::Kerberos | Self::CredSsp => self.scheme(),
        }
    }

    pub(crate) fn is_kerberos(self) -> bool {
        matches!(self, Self::SpnegoKerberos | Self::Kerberos)
    }
}

/// Keeps the security library from logging, for it would write whole messages and the buffers of a login, and makes an
/// error of a panic, which bytes from the peer might bring about.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, SecurityError> {
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), || {
        // A context that panicked is dropped with its connection, so nobody sees what state it is in.
        catch_unwind(AssertUnwindSafe(work))
            .map_err(|_panic| SecurityError::new("the security library gave up on a message"))
    })
}
