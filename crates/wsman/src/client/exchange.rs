//! The seam between shells and what carries their envelopes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use crate::id::MessageId;
use crate::operation::Verb;

/// A future on the heap, as object-safe traits need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An envelope to be carried to the server, in clear.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SoapRequest {
    /// What the envelope asks for.
    pub verb: Verb,
    /// The id that the answer has to relate to.
    pub message_id: MessageId,
    /// The envelope.
    pub envelope: String,
    /// How long the server may take before it answers; the carrier adds a margin of its own.
    pub operation_timeout: Option<Duration>,
}

impl SoapRequest {
    /// Describes a request.
    #[must_use]
    pub fn new(
        verb: Verb,
        message_id: MessageId,
        envelope: String,
        operation_timeout: Option<Duration>,
    ) -> Self {
        Self { verb, message_id, envelope, operation_timeout }
    }
}

/// An envelope that came back, in clear.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SoapResponse {
    /// The HTTP status: 200, or 500 with most faults.
    pub status: u16,
    /// The envelope.
    pub envelope: Vec<u8>,
}

impl SoapResponse {
    /// Describes an answer.
    #[must_use]
    pub fn new(status: u16, envelope: Vec<u8>) -> Self {
        Self { status, envelope }
    }
}

/// Carries envelopes to one endpoint and back.
///
/// Implemented by [`HttpClient`](super::HttpClient), and by whatever records or replays its traffic.
pub trait Exchange: Send + Sync {
    /// Carries one envelope there and its answer back.
    ///
    /// Exchanges may be made side by side: one that waits must not hold up another. An exchange whose future is
    /// dropped may have reached the server or not.
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>>;

    /// Returns how many bytes the carrier adds to an envelope that a server counts; by default none.
    fn overhead(&self) -> usize {
        0
    }
}

impl<E: Exchange + ?Sized> Exchange for Arc<E> {
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
        (**self).exchange(request)
    }

    fn overhead(&self) -> usize {
        (**self).overhead()
    }
}
