//! What a pipeline gives while it runs.

use psrp::message::MessageType;
use psrp::records::{InformationRecord, ProgressRecord};
use psrp::{DecodeError, ErrorRecord};

/// One record of one of a pipeline's streams, in the order in which the server wrote them.
///
/// Spec: [MS-PSRP] 2.2.2 Message Types.
#[derive(Debug)]
#[non_exhaustive]
pub enum Record {
    /// An object; Nil for `$null`.
    Output(psrp::clixml::Value),
    /// An error that did not end the pipeline.
    Error(Box<ErrorRecord>),
    /// A warning's text.
    Warning(String),
    /// A verbose message's text.
    Verbose(String),
    /// A debug message's text.
    Debug(String),
    /// Progress.
    Progress(ProgressRecord),
    /// Information, such as the output of `Write-Host`.
    Information(Box<InformationRecord>),
    /// A record that could not be read; those around it were.
    #[non_exhaustive]
    Undecodable {
        /// Its type.
        message_type: MessageType,
        /// Why.
        error: DecodeError,
    },
}
