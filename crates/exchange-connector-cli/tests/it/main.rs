//! The command line from outside: what users and scripts see.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests panic and print"
)]

mod engine;
mod journal;
mod listening;
mod peer;
mod refusals;
mod sign_in;
mod simulated;
mod support;
mod survival;
mod winrm;
