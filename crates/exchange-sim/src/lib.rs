//! A simulated Exchange server to develop and test against.
//!
//! It is a whole organisation in memory with the endpoints that a real one has: HTTP with NTLM and message encryption,
//! WS-Management shells, PowerShell remoting, and the recipient cmdlets behind it, which keep the directory's rules. What it
//! does is taken from public documentation and recordings; where those are silent, the documentation of an item says so.
//!
//! **It proves nothing about this workspace's codecs**, for it is built on them: [`clixml`], [`psrp`] and [`wsman`] would
//! make the same mistake on both sides. Only its NTLM and SPNEGO halves and the framing of sealed answers are written apart
//! from the client's. Recordings of real servers, other people's clients and a real PowerShell judge the codecs.
//!
//! With [`Infrastructure::Cloud`] it is the service instead: a token endpoint and the admin API over the same cmdlets and
//! directory.
//!
//! What it leaves to others: nothing here knows the connector. The real thing differs in more than this, but these were left
//! out on purpose: Kerberos, groups and contacts, roles, replication between the domain controllers, mailbox contents.
//!
//! There are two ways in. `/PowerShell` is Exchange's own, without a language. `/wsman` is that of the WinRM service, which
//! takes CredSSP, tells who it is, lists shells, and lets clients leave a shell and come back; in its `Microsoft.PowerShell` Exchange's
//! cmdlets have to be loaded first. No script runs there: the one that loads the management shell is recognised, as is
//! the snap-in, and [`ManagementTools`] says which of them the server has. It takes `Microsoft.Exchange` on `/wsman`
//! too, which a real WinRM service does not have.
//!
//! Begin with [`Simulator`] and [`SimOptions`]; [`serve_stdio`] serves one session on a pair of pipes instead, as PowerShell
//! opens it to a child process; [`Exchange`] with [`Run`] are the cmdlets alone, without a network.
//!
//! ```
//! use exchange_sim::{Infrastructure, SimOptions, Simulator, View};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = SimOptions::default().mailboxes(50).infrastructure(Infrastructure::Hybrid).fault("slow=0.2@Receive:3".parse()?);
//! let simulator = Simulator::start(options).await?;
//! // Whoever connects needs no more than this.
//! assert!(simulator.settings_toml().contains(&simulator.url()));
//! // What its clients did can be looked at from behind.
//! let remote = simulator.recipients().into_iter().filter(|recipient| View::RemoteMailbox.shows(recipient.kind));
//! assert_eq!(remote.count(), 40);
//! assert_eq!(simulator.open_shells(), 0);
//! simulator.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Specifications: [MS-WSMV] (all operations on shells), [MS-PSRP] through [`psrp::server`] and [`psrp::outofproc`], [MS-NLMP]
//! (NTLMv2, sealing), [MS-CSSP], [RFC 4178] SPNEGO, and Microsoft's reference of the Exchange cmdlets. There are no features.
//!
//! [MS-WSMV]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv/
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/
//! [MS-NLMP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/
//! [MS-CSSP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-cssp/
//! [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178

mod cloud;
mod cmdlets;
mod directory;
mod fault;
mod http;
mod object;
mod opath;
mod options;
mod runspace;
mod simulator;
mod stdio;
mod views;

pub use cmdlets::{
    Answer, Argument, Call, CmdletError, ErrorCategory, ErrorTarget, Exchange, Invocation, Missing,
    Prompt, Record, Run, Session,
};
pub use directory::{Directory, MailboxKind, Organization, Recipient, RecipientKind};
pub use fault::{Fault, FaultKind, FaultSpecError};
pub use http::CertificateError;
pub use object::{Field, Item, ListType, Rich, Row};
pub use options::{Infrastructure, ManagementTools, SimOptions, UnknownInfrastructure};
pub use simulator::{Simulator, StartError};
pub use stdio::serve_stdio;
pub use views::View;
