//! Integration tests of the codec against recorded answers.

mod properties;
mod recordings;
