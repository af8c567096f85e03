//! Kerberos by the system's library, with tickets that others fetched.
//!
//! Without the feature `gssapi` there is none, and whoever asks for it is told so before any traffic.

#[cfg(all(unix, feature = "gssapi"))]
mod system;

use super::auth::SecurityContext;
use super::error::Error;
use crate::mime::Protocol;

/// Whether this build uses the system's Kerberos library, and so can sign in with a ticket.
///
/// It does on Unix with the feature `gssapi`.
pub const SYSTEM_KERBEROS: bool = cfg!(all(unix, feature = "gssapi"));

/// Prepares a login at a service, bound to a certificate or not.
#[cfg(all(unix, feature = "gssapi"))]
pub(crate) fn begin(
    principal: Option<String>,
    service: String,
    binding: Option<Vec<u8>>,
    protocol: Protocol,
) -> Result<Box<dyn SecurityContext>, Error> {
    Ok(Box::new(system::TicketContext::new(principal, service, binding, protocol)))
}

/// Refuses to prepare a login.
#[cfg(not(all(unix, feature = "gssapi")))]
pub(crate) fn begin(
    _principal: Option<String>,
    _service: String,
    _binding: Option<Vec<u8>>,
    _protocol: Protocol,
) -> Result<Box<dyn SecurityContext>, Error> {
    Err(super::kerberos::KerberosError::NoSystemLibrary.into())
}
