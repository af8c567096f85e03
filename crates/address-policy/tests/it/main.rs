//! Integration tests of the address rule.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the helpers of tests may fail as tests do"
)]

mod properties;
mod rule;
