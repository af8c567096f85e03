//! WS-Management shells: envelopes, faults and operations without I/O; with the feature `client` an HTTP client.
//!
//! This layer turns the operations of a remote shell into SOAP envelopes and back. What a shell carries is bytes to it:
//! of PowerShell and its remoting protocol it knows no more than the names of the streams.
//!
//! Begin with [`SessionContext`], which writes requests, with [`Operation`], what they ask for, and with
//! [`parse_response`], which reads what comes back: a [`Reply`] with a [`Response`], of which one is a [`Fault`]. With
//! the feature `client`, begin with `client::HttpClient` and `client::Shell`.
//!
//! ```
//! use uuid::Uuid;
//! use wsman::{Create, Limits, Operation, ResourceUri, Response, SessionContext, Verb, parse_response, server};
//!
//! // A client writes a request; ids are inputs.
//! let context = SessionContext::new("https://ex01.contoso.com/PowerShell/", ResourceUri::exchange(), Uuid::nil());
//! let sent = Uuid::from_u128(1).into();
//! let create = Create::new(Some(Uuid::from_u128(2).into()), b"fragments".to_vec());
//! let envelope = context.write(&sent, None, &Operation::Create(create));
//!
//! // A server reads it and answers.
//! let request = server::parse_request(envelope.as_bytes(), Limits::default())?;
//! let Operation::Create(create) = request.operation else { unreachable!() };
//! assert_eq!(create.creation_xml, b"fragments");
//! let mut created = wsman::CreateResponse::default();
//! created.shell_id = create.shell_id;
//! let answer = server::write_response(
//!     &Uuid::from_u128(3).into(),
//!     request.headers.message_id.as_ref(),
//!     Verb::Create,
//!     &Response::Create(created),
//! );
//!
//! // The client reads the answer.
//! let reply = parse_response(answer.as_bytes())?;
//! reply.check_relates_to(&sent)?;
//! let Response::Create(created) = reply.response else { unreachable!() };
//! assert_eq!(created.shell_id, Some(Uuid::from_u128(2).into()));
//! # Ok::<(), wsman::DecodeError>(())
//! ```
//!
//! # Specifications
//!
//! [MS-WSMV] Web Services Management Protocol Extensions for Windows Vista, as far as shells go; DSP0226
//! WS-Management; SOAP 1.2; RFC 5929 and RFC 9110 in part. The client: [MS-WSMV] 2.2.9.1 Encrypted Message Types, RFC
//! 4559, and what the library sspi implements of [MS-NLMP], [MS-SPNG], [MS-KILE] and [MS-CSSP]. Robust connections and compression are left out.
//!
//! # Features
//!
//! - `client`: the module `client`, with hyper, rustls and sspi. Without it this crate does no I/O. It signs in with
//!   Basic, NTLM, Kerberos, SPNEGO, CredSSP and client certificates.
//! - `fixtures`: `client`, and the module `fixture`: recordings as folders.
//! - `gssapi`: Kerberos by the system's library too, with tickets from caches and keytabs, on Unix. It needs the library
//!   with its headers, and libclang to read them.
//!
//! [MS-WSMV]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv/055dc36b-db2f-41ce-a47a-a19abfc11fc2

pub mod binding;
mod budget;
mod challenge;
#[cfg(feature = "client")]
pub mod client;
mod duration;
mod error;
pub mod facts;
mod fault;
#[cfg(feature = "fixtures")]
pub mod fixture;
mod headers;
mod id;
pub mod mime;
mod operation;
pub mod recording;
mod request;
mod response;
pub mod server;
pub mod uri;
mod xml;

pub use challenge::Challenge;
pub use error::DecodeError;
pub use fault::{Advice, Diagnostics, Fault, FaultCode};
pub use headers::Headers;
pub use id::{CommandId, IdSource, MessageId, ResourceUri, ShellId};
pub use operation::{
    BufferMode, Command, Connect, Create, Disconnect, Enumerate, Operation, Pull, Receive,
    Reconnect, Send, Signal, SignalCode, Verb,
};
pub use request::SessionContext;
pub use response::{
    CommandInfo, CommandResponse, CommandState, ConnectResponse, CreateResponse, EnumerateResponse,
    IdentifyResponse, ReceiveResponse, Reply, Response, ShellInfo, StreamPart, parse_response,
    parse_response_with_limits,
};
pub use xml::Limits;
