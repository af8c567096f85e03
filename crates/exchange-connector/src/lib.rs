//! Imports and exports the mailboxes of an Exchange organisation, from any platform.
//!
//! This is the whole of the command line as a library: settings, schema, imports, exports and their plans, a check of
//! everything that has to work, and single cmdlets. It speaks of mailboxes and attributes; how a cmdlet travels is left
//! to the layers below, and what an engine makes of the changes is left to the engine.
//!
//! Begin with [`Settings`] and [`Connector`]; imports give [`Change`]s, exports take [`Operation`]s and give
//! [`Outcome`]s. All of these print as the lines of JSON that the command line writes.
//!
//! ```
//! use exchange_connector::{Change, Connector, ImportRequest, Operation, Settings, Status};
//! use exchange_sim::{SimOptions, Simulator};
//! use futures_util::StreamExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A simulated Exchange on this machine; otherwise `Settings::from_file("settings.toml")`.
//! let simulator = Simulator::start(SimOptions::default().mailboxes(10)).await?;
//! let settings = Settings::from_toml_str(&simulator.settings_toml())?;
//! let connector = Connector::open(settings).await?;
//!
//! let mut complete = false;
//! let mut changes = connector.import(ImportRequest::new().attributes(["DisplayName"]));
//! while let Some(change) = changes.next().await {
//!     match change? {
//!         Change::Object(object) => println!("{}", serde_json::to_string(&object)?),
//!         Change::Complete { .. } => complete = true,
//!         _ => {}
//!     }
//! }
//! assert!(complete, "only now may anything be concluded from what did not come");
//!
//! let line = r#"{"ref":"1","operation":"delete","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"}"#;
//! let mut outcomes = connector.export(Operation::from_json_lines(line));
//! while let Some(outcome) = outcomes.next().await {
//!     assert_eq!(outcome.status, Status::Failed);
//!     assert_eq!(outcome.error.map(|error| error.class.as_str()), Some("not-found"));
//! }
//! assert_eq!(outcomes.summary().exit_code(), 1);
//!
//! connector.close().await?;
//! simulator.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - Settings that cannot work are refused before anything is sent, naming the key, the value and the remedy.
//! - An import says [`Change::Complete`] only when nothing can be missing.
//! - An export writes only what is different, says [`Status::Unknown`] when it cannot tell whether a write happened, and
//!   never repeats such a write.
//! - A plan writes nothing, and no secret stands in what it prints.
//!
//! There are no features.

mod change;
mod check;
mod connector;
mod environment;
mod error;
mod export;
mod import;
mod invoke;
mod journal;
mod managed;
mod online;
mod operation;
mod outcome;
mod pace;
mod parameters;
mod remedy;
mod remote;
mod schema;
mod session;
pub mod settings;
pub mod text;
mod value;
mod weight;

pub use {exchange_cmdlets, exchange_online, psrp_client};

pub use change::{Attributes, Change, ObjectChange};
pub use check::{CheckReport, CheckStatus, CheckStep};
pub use connector::{Connector, InvokeStream};
pub use environment::Environment;
pub use error::{BoxError, Error, RequestError, report};
pub use export::{Export, Summary};
pub use import::{ImportError, ImportRequest, ImportStream};
pub use invoke::{InvokeItem, InvokeRequest};
pub use journal::{Journal, JournalError};
pub use operation::{Operation, OperationKind};
pub use outcome::{AttributeChange, Outcome, OutcomeError, Status};
pub use schema::{AttributeSchema, AttributeType, ClassSchema, Schema, schema};
pub use settings::{Settings, SettingsError};
