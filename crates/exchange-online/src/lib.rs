//! Requests and answers of the Exchange Online admin API.
//!
//! In the service a cmdlet travels as one JSON request, `POST …/adminapi/beta/<tenant>/InvokeCommand`, and its output
//! comes back as pages of JSON rows. This crate turns a [`CmdletCall`](exchange_cmdlets::CmdletCall) into such a request
//! and an answer into the objects and errors that remote PowerShell would have given, so that everything above is the
//! same for both.
//!
//! It is the codec alone. **There is no driver yet**: no HTTP, no sign-in, no retries, no following of links, and no
//! [`CmdletTransport`](exchange_cmdlets::CmdletTransport). Secrets are refused, because the service wants them encrypted
//! under a key that only a driver can fetch.
//!
//! Begin with [`Request::new`] and [`Answer::parse`].
//!
//! ```
//! use exchange_cmdlets::{ErrorClass, GetMailbox, Cmdlet as _, Identity};
//! use exchange_online::{Answer, AnswerError, Request};
//!
//! let call = GetMailbox::new(Identity::new("ann@contoso.com")?).into_call();
//! let request = Request::new(&call)?;
//! let expected = r#"{"CmdletInput":{"CmdletName":"Get-Mailbox","Parameters":{"Identity":"ann@contoso.com"}}}"#;
//! assert_eq!(request.body(), expected);
//!
//! let answer = Answer::parse(200, br##"{"value":[{"Name":"Ann","Guid@odata.type":"#Guid",
//!     "Guid":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"}]}"##)?;
//! assert_eq!(answer.rows[0].property("Name").and_then(|name| name.as_str()), Some("Ann"));
//!
//! let refused = Answer::parse(400, br#"{"error":{"code":"BadRequest","message":"Error executing cmdlet","details":[
//!     {"message":"Ex1|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|'x' is not there."}]}}"#);
//! let error = refused.unwrap_err();
//! assert_eq!((error.class(), error.to_string()), (ErrorClass::NotFound, "'x' is not there.".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The interface is the private one between the service and its own PowerShell module; nothing specifies it. There are
//! no features.

mod answer;
mod error_body;
mod request;
mod row;

pub use answer::{Answer, AnswerError};
pub use request::{EncodeError, MAX_PAGE_SIZE, Request};
