//! The pool against a server in memory: no socket, no sleeping, a clock that the test holds.
//!
//! The server is made of our own halves, so these tests say nothing about the bytes; they say what happens to shells,
//! commands and waits.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests panic")]

mod pool;
mod server;
