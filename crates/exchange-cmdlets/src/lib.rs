//! Typed Exchange cmdlets, recipients and errors over any transport.
//!
//! This layer knows what Exchange's cmdlets are called, which parameters they take, what their objects look like and
//! what their errors mean. How a cmdlet travels is left to a [`CmdletTransport`]: remote PowerShell on-premises, a REST
//! API in the service, a script in a test. Which cmdlets to send for a change is left to the caller.
//!
//! Begin with a cmdlet such as [`GetMailbox`] or [`SetMailbox`], the trait [`CmdletTransport`], and [`classify`] for
//! what goes wrong. Attributes by name, their types and the parameters behind them are in [`schema`]. What to do after a
//! failure is decided in [`recovery`], and how fast to go in [`throttle`]; both are pure, and who drives them waits.
//!
//! ```
//! use exchange_cmdlets::testing::{ScriptedTransport, block_on};
//! use exchange_cmdlets::{CmdletItem, ErrorClass, ErrorRecord, GetMailbox, Identity, classify, run};
//!
//! let transport = ScriptedTransport::new();
//! let mailbox = clixml::Object::new()
//!     .with_adapted("Name", "Ann Example")
//!     .with_adapted("MaxSendSize", "35 MB (36,700,160 bytes)");
//! transport.answer("Get-Mailbox", vec![CmdletItem::Object(mailbox.into())]);
//! let refusal = ErrorRecord::new("'b' is not there.", "ManagementObjectNotFoundException");
//! transport.answer("Get-Mailbox", vec![CmdletItem::Error(refusal)]);
//!
//! let reply = block_on(run(&transport, GetMailbox::new(Identity::new("ann@contoso.com")?)))?;
//! assert_eq!(reply.outputs[0].text("name").as_deref(), Some("Ann Example"));
//! assert_eq!(reply.outputs[0].attribute("MaxSendSize"), "35 MB (36,700,160 bytes)");
//!
//! // A command can end well and still have failed: its errors say so.
//! let reply = block_on(run(&transport, GetMailbox::new(Identity::new("b")?)))?;
//! assert_eq!(classify(&reply.errors[0]).class, ErrorClass::NotFound);
//! assert!(Identity::new("").is_err(), "an empty identity would mean every mailbox");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Specifications: the published reference of Exchange's cmdlets; [MS-PSRP] 2.2.3.15 ErrorRecord. There are no
//! features.

mod builder;
mod call;
mod class;
mod cmdlet;
mod cmdlets;
mod error_record;
mod filter;
mod identity;
pub mod recovery;
pub mod schema;
pub mod testing;
pub mod throttle;
mod transport;
mod value;
mod views;
mod warning;

pub use call::{CmdletCall, ConflictError, ParameterValue};
pub use class::{Classified, ErrorClass, Retry, classify};
pub use cmdlet::{Cmdlet, Output, ParameterNameError, Parameters, Reply, Setting, run};
pub use cmdlets::{
    DisableMailbox, DisableRemoteMailbox, EnableMailbox, EnableRemoteMailbox, GetAcceptedDomain,
    GetMailbox, GetOrganizationConfig, GetRemoteMailbox, GetUser, MailboxKind, NewMailbox,
    NewRemoteMailbox, RemoveMailbox, RemoveRemoteMailbox, ResultSize, Scope, SetMailbox,
    SetRemoteMailbox, SetUser,
};
pub use error_record::{ErrorId, ErrorRecord};
pub use filter::{Filter, FilterError, quote};
pub use identity::{Identity, IdentityError};
pub use transport::{BoxError, CmdletItem, CmdletStream, CmdletTransport, TransportError};
pub use value::{ValueError, attribute_value, natural_value, parameter_value};
pub use views::{
    AcceptedDomain, AddressesError, DirectoryObject, Mailbox, OrganizationConfig, RemoteMailbox,
    User,
};
pub use warning::WarningKind;
