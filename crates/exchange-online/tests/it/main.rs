//! Integration tests of the codec against recorded answers, and of the transport over a scripted seam.

mod connections;
mod failures;
mod pages;
mod properties;
mod recordings;
mod script;
mod streaming;
mod typed;
