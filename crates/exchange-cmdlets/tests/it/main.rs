//! Integration tests of the cmdlets against recorded objects.

mod properties;
mod recordings;
