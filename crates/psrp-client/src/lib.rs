//! A PowerShell runspace pool over a WS-Management shell, or over the pipes of a child process.
//!
//! This layer joins [`psrp`], which is the protocol without I/O, with what carries its bytes: a shell of [`wsman`], or a
//! `pwsh -s` on the same machine. It decides nothing about either; it keeps them moving: one task performs what the
//! pool wants sent, one keeps listening to the pool, and one per pipeline fetches its output.
//!
//! It leaves to others what the commands mean, and whether anything may be tried again.
//!
//! Begin with [`RunspacePool::open`] or [`RunspacePool::open_child`], then [`RunspacePool::invoke`], which gives an
//! [`Invocation`]: a stream of [`Record`]s that ends after the pipeline has completed. A [`Host`] answers what commands ask.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use psrp_client::psrp::{Command, PowerShell};
//! use psrp_client::wsman::client::{ClientOptions, Credentials, HttpClient, ShellOptions};
//! use psrp_client::{PoolOptions, Record, RunspacePool};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "http://ex01.contoso.com/PowerShell/";
//! let credentials = Credentials::negotiate("CONTOSO\\svc-idm", std::env::var("EXCHANGE_PASSWORD")?);
//! let http = Arc::new(HttpClient::new(ClientOptions::new(url, credentials))?);
//! let pool = RunspacePool::open(http, ShellOptions::new(url), PoolOptions::default()).await?;
//! let get = Command::new("Get-Mailbox").parameter("ResultSize", "Unlimited");
//! let mut mailboxes = pool.invoke(PowerShell::new().command(get)).await?;
//! while let Some(record) = mailboxes.next().await {
//!     if let Record::Output(mailbox) = record? {
//!         println!("{}", mailbox.text().unwrap_or_default());
//!     }
//! }
//! pool.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - A shell is deleted on every path: by [`RunspacePool::close`], by dropping the pool, and when opening it fails or is
//!   cancelled half-way. Only a process that ends without running its runtime leaves one behind. A child is ended on the
//!   same paths, and killed when it does not end.
//! - Every command is terminated on the server when it ends, however it ends.
//! - Dropping an [`Invocation`] stops its pipeline.
//! - A session that is [disconnected](RunspacePool::disconnect) lives on at the server, and so do its pipelines, until it is
//!   [reconnected](RunspacePool::reconnect), or [connected](RunspacePool::connect) to by another client, on other machines too.
//! - A slow reader slows the server down: no Receive is sent while enough records wait. Pipelines of a child share one
//!   pipe, so there output is taken in beyond that while others wait, within [`PipeOptions`].
//! - Every wait is bounded: an answer by the shell's operation timeout or the control timeout, progress by
//!   [`PoolOptions::stall_timeout`], and an error says for what it waited.
//!
//! # Features
//!
//! - `fixtures`: recordings that are kept in folders are [replayed](recording::Replay) in tests, with one line.
//!
//! Spec: [MS-PSRP] 3.1 Client Details, carried by [MS-WSMV] 3.1.4.5.2 Remote Shells.

mod absence;
mod carrier;
mod child;
mod driver;
mod error;
mod host;
mod input;
mod invocation;
mod lines;
mod open;
mod outlet;
mod pipes;
mod pool;
mod record;
pub mod recording;
mod requests;
mod seed;
mod shell;
mod traffic;

pub use psrp;
pub use wsman;

pub use error::{Error, PipeError};
pub use host::Host;
pub use input::Input;
pub use invocation::Invocation;
pub use pipes::PipeOptions;
pub use pool::{PoolOptions, RunspacePool};
pub use record::Record;
pub use seed::Seed;
