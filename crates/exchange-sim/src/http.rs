//! The endpoints `/PowerShell` and `/wsman`: HTTP, signing in, sealing, WS-Management and the shells behind it.

mod connection;
mod credssp;
mod logon;
mod ntlm;
mod operations;
mod receive;
mod seal;
mod server;
mod shell;
mod spnego;
mod tls;
mod winrm;

/// The name of the one account that may sign in.
pub(crate) const USER: &str = "svc-idm";

pub(crate) use self::ntlm::Account;
pub(crate) use self::operations::Shells;
pub(crate) use self::server::{Service, serve};
pub use self::tls::CertificateError;
pub(crate) use self::tls::certificate;
