//! PowerShell Remoting Protocol (PSRP) without any I/O: fragments, messages, session key, and both ends of a session.
//!
//! This crate turns wishes (open a pool, run a pipeline, stop it) into bytes to send, and bytes that arrive into events. It
//! leaves to others how bytes travel (WS-Management, the pipes of a child process), what time it is and where randomness
//! comes from, so the same session can be played again bit for bit. CLIXML, the encoding of objects, is the crate `clixml`.
//!
//! Begin with [`RunspacePool`], the client, and [`PowerShell`], what it runs. [`server::ServerPool`] is the other end.
//! [`fragment`], [`message`], [`records`], [`crypto`] and [`outofproc`] are useful alone, and [`Body`] decodes any message.
//!
//! A client and a server, joined by hand:
//!
//! ```
//! use clixml::Value;
//! use psrp::server::{ServerEvent, ServerOptions, ServerPool};
//! use psrp::{Command, Event, FinalState, PipelineEvent, PoolOptions, PowerShell, RunspacePool, StreamTarget, Transmit};
//! use rand::SeedableRng as _;
//! use rand::rngs::{StdRng, SysRng};
//!
//! let mut client = RunspacePool::new(PoolOptions::default(), Box::new(StdRng::try_from_rng(&mut SysRng)?));
//! let mut server = ServerPool::new(ServerOptions::default(), Box::new(StdRng::try_from_rng(&mut SysRng)?));
//!
//! client.open()?;
//! let mut output = Vec::new();
//! let state = loop {
//!     // What the client wants to send. A real transport waits here, and sees to the size of its requests.
//!     while let Some(transmit) = client.poll_transmit() {
//!         match transmit {
//!             Transmit::OpenShell { payload, .. } => server.handle_fragments(StreamTarget::Pool, payload.as_bytes())?,
//!             Transmit::CreateCommand { pipeline, payload, .. } => {
//!                 server.handle_fragments(StreamTarget::Pipeline(pipeline), payload.as_bytes())?;
//!             }
//!             _ => {} // Input, signals, the end of the shell.
//!         }
//!     }
//!     while let Some(ServerEvent::PipelineCreated { id, powershell, .. }) = server.poll_event() {
//!         server.output(id, &Value::from(powershell.commands()[0].name.as_str()))?;
//!         server.complete(id)?;
//!     }
//!     while let Some((target, bytes)) = server.poll_transmit() {
//!         client.handle_fragments(target, &bytes)?;
//!     }
//!     match client.poll_event() {
//!         Some(Event::Opened { .. }) => {
//!             client.create_pipeline(PowerShell::new().command(Command::new("Get-Mailbox").switch("Archive")))?;
//!         }
//!         Some(Event::Pipeline { event: PipelineEvent::Output(value), .. }) => output.push(value),
//!         Some(Event::Pipeline { event: PipelineEvent::Finished(outcome), .. }) => break outcome.state,
//!         _ => {}
//!     }
//! };
//! assert_eq!(state, FinalState::Completed);
//! assert_eq!(output, [Value::from("Get-Mailbox")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Implements [MS-PSRP] for the protocol versions 2.1 to 2.4, as Microsoft's engine speaks it where the two differ.
//! There are no features.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/602ee78e-9a19-45ad-90fa-bb132b7cecec

mod argument;
mod body;
mod client;
mod command_metadata;
mod create_pipeline;
pub mod crypto;
mod error;
mod fields;
pub mod fragment;
pub mod host;
mod id;
pub mod message;
#[doc(hidden)]
pub mod oracles;
pub mod outofproc;
mod payload;
pub mod pool_messages;
mod powershell;
pub mod records;
pub mod server;
pub mod state;
mod user_event;
mod version;

pub use argument::{Argument, ArgumentValue, Credential};
pub use body::Body;
pub use {clixml, rand_core, secrecy, uuid};

pub use client::{
    BreakCause, Event, FinalState, InputStream, PipelineEvent, PipelineLoss, PipelineOutcome,
    PipelineSignal, PoolOptions, RunspacePool, Transmit,
};
pub use command_metadata::{CommandMetadata, GetCommandMetadata, ParameterMetadata};
pub use error::{CryptoError, DecodeError, StateError};
pub use id::{PipelineId, RunspacePoolId, StreamTarget};
pub use payload::Payload;
pub use powershell::{
    Command, Merges, PipelineResultTypes, PowerShell, RemoteStreamOptions, Statement,
};
pub use records::{
    ErrorCategory, ErrorRecord, InformationRecord, InformationalRecord, ProgressRecord,
};
pub use user_event::UserEvent;
pub use version::{ProtocolVersion, SessionCapability};
