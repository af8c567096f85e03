//! The pool against servers in memory, with no socket, no sleeping, and a clock that the test holds; and against Microsoft's
//! engine as a child process, where that is at hand.
//!
//! The servers in memory are made of our own halves, so these tests say nothing about the bytes; they say what happens to
//! shells, commands, children and waits. The bytes are what the engine is for.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, as the tests do"
)]

mod absence;
mod conformance;
mod economy;
mod engine;
mod exchange;
mod memory;
mod pipe_server;
mod pipes;
mod pool;
mod replay;
mod server;
