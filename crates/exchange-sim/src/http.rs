//! The endpoint `/PowerShell`: HTTP, signing in, sealing, WS-Management and the shells behind it.

mod connection;
mod logon;
mod ntlm;
mod operations;
mod receive;
mod seal;
mod server;
mod shell;
mod spnego;

pub(crate) use self::ntlm::Account;
pub(crate) use self::operations::Shells;
pub(crate) use self::server::{Service, serve};
