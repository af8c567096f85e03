//! Recorded sessions as this layer sees them: messages instead of bytes.
//!
//! [`PsrpStreams`] tells a [`ReplayTransport`](wsman::client::ReplayTransport) how to compare what shells carry,
//! [`list_messages`] writes a recording down for people, and a [`Replay`] opens a pool on one.

mod describe;
mod messages;
mod replay;
mod streams;

pub use self::describe::describe;
pub use self::messages::list_messages;
#[cfg(feature = "fixtures")]
pub use self::replay::FixtureError;
pub use self::replay::Replay;
pub use self::streams::PsrpStreams;
