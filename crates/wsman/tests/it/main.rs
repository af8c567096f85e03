//! Tests against what others wrote: recordings of real servers, and a server of other people's making.

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, as the tests do"
)]

#[cfg(feature = "client")]
mod certificate;
#[cfg(feature = "client")]
mod credssp;
mod data;
#[cfg(feature = "client")]
mod hostile;
#[cfg(feature = "client")]
mod kerberos;
#[cfg(feature = "client")]
mod peer;
#[cfg(feature = "client")]
mod proxy;
mod recordings;
#[cfg(feature = "client")]
mod redirect;
#[cfg(feature = "client")]
mod relay;
mod round_trip;
#[cfg(feature = "client")]
mod scripted;
#[cfg(feature = "client")]
mod shell;
#[cfg(all(unix, feature = "gssapi"))]
mod ticket;
#[cfg(feature = "client")]
mod trust;
