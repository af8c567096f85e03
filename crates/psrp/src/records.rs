//! The records of the streams beside output: errors, warnings, verbose, debug, progress, information.
//!
//! Spec: [MS-PSRP] 2.2.2 Message Types, those named `*_RECORD`.
//!
//! What surprised: any property of a record may be Nil, missing, or among `Props` instead of `MS`, so reading never fails.

mod error_record;
mod information;
mod informational;
mod invocation;
mod progress;

pub use error_record::{ErrorCategory, ErrorRecord};
pub use information::InformationRecord;
pub use informational::{InformationalKind, InformationalRecord};
pub use invocation::{CommandInfo, InvocationInfo, ScriptExtent};
pub use progress::{ProgressRecord, ProgressType};
