//! Tests of the crate at its boundary: with recordings of others, and client against server.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests stop at what is not as expected"
)]

mod connection;
mod envelopes;
mod fuzzing;
mod host;
mod messages;
mod metadata;
mod pair;
mod properties;
mod recordings;
mod replay;
mod sequences;
mod session;
mod support;
mod vectors;
mod wsman_replay;
