//! States of pools and pipelines, and the two messages that tell them.
//!
//! Spec: [MS-PSRP] 2.2.2.9 RUNSPACEPOOL_STATE Message, [MS-PSRP] 2.2.2.21 PIPELINE_STATE Message,
//! [MS-PSRP] 2.2.3.4 RunspacePoolState, [MS-PSRP] 2.2.3.5 PSInvocationState.
//!
//! What surprised: the numbers of the pool's states from 6 on mean one thing in the document and another in .NET, which
//! is what travels. Only Opened, Closing, Closed and Broken are ever sent.

use clixml::Value;

use crate::error::DecodeError;
use crate::fields::{Fields, object};
use crate::message::MessageType;
use crate::records::ErrorRecord;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A number this crate does not know; ignored.
            Other(i32),
        }

        impl $name {
            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> i32 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The state of a number.
            #[must_use]
            pub const fn from_code(code: i32) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            /// The name of the state.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                    Self::Other(_) => "Other",
                }
            }
        }
    };
}

states! {
    /// The state of a runspace pool, with the numbers of .NET.
    RunspacePoolState {
        /// Not opened yet.
        BeforeOpen = 0,
        /// The opening is under way.
        Opening = 1,
        /// Ready for pipelines.
        Opened = 2,
        /// Gone, as asked for.
        Closed = 3,
        /// Closing.
        Closing = 4,
        /// Gone, unasked.
        Broken = 5,
        /// Disconnecting.
        Disconnecting = 6,
        /// Disconnected.
        Disconnected = 7,
        /// Connecting again.
        Connecting = 8,
    }
}

states! {
    /// The state of a pipeline.
    PipelineState {
        /// Not started.
        NotStarted = 0,
        /// Running.
        Running = 1,
        /// Stopping.
        Stopping = 2,
        /// Stopped before its end; final.
        Stopped = 3,
        /// Ended by itself; final. Error records may have come before.
        Completed = 4,
        /// Ended by an error; final.
        Failed = 5,
        /// Disconnected.
        Disconnected = 6,
    }
}

/// RUNSPACEPOOL_STATE: a change of the pool's state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunspacePoolStateMessage {
    /// The new state.
    pub state: RunspacePoolState,
    /// Why, when it is Broken.
    pub error: Option<ErrorRecord>,
}

impl RunspacePoolStateMessage {
    /// Makes the message.
    #[must_use]
    pub const fn new(state: RunspacePoolState, error: Option<ErrorRecord>) -> Self {
        Self { state, error }
    }

    /// Reads the body of the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for the state.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::RunspacePoolState, value);
        Ok(Self {
            state: RunspacePoolState::from_code(fields.required_i32("RunspaceState")?),
            error: fields
                .get("ExceptionAsErrorRecord")
                .map(|error| ErrorRecord::from_member(value, error)),
        })
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        state_value("RunspaceState", self.state.code(), self.error.as_ref())
    }
}

/// PIPELINE_STATE: a change of a pipeline's state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineStateMessage {
    /// The new state.
    pub state: PipelineState,
    /// Why, when it is Failed or Stopped.
    pub error: Option<ErrorRecord>,
}

impl PipelineStateMessage {
    /// Makes the message.
    #[must_use]
    pub const fn new(state: PipelineState, error: Option<ErrorRecord>) -> Self {
        Self { state, error }
    }

    /// Reads the body of the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for the state.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::PipelineState, value);
        Ok(Self {
            state: PipelineState::from_code(fields.required_i32("PipelineState")?),
            error: fields
                .get("ExceptionAsErrorRecord")
                .map(|error| ErrorRecord::from_member(value, error)),
        })
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        state_value("PipelineState", self.state.code(), self.error.as_ref())
    }
}

fn state_value(name: &'static str, code: i32, error: Option<&ErrorRecord>) -> Value {
    let state = (name, Value::from(code));
    match error {
        Some(error) => object([state, ("ExceptionAsErrorRecord", error.to_value())]),
        None => object([state]),
    }
}
