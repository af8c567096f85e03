//! Messages of the pool: opening, connecting, numbers of runspaces, keys, private data.
//!
//! Spec: [MS-PSRP] 2.2.2 Message Types, those whose target is the RunspacePool.

use clixml::{TypeNames, Value};

use crate::error::DecodeError;
use crate::fields::{Fields, object};
use crate::host::HostInfo;
use crate::message::MessageType;

/// `ApartmentState`: how a runspace joins COM.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ApartmentState {
    /// 0, single-threaded.
    Sta,
    /// 1, multi-threaded.
    Mta,
    /// 2, as the server likes.
    #[default]
    Unknown,
    /// Another number.
    Other(i32),
}

impl ApartmentState {
    pub(crate) fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Sta,
            1 => Self::Mta,
            2 => Self::Unknown,
            other => Self::Other(other),
        }
    }

    pub(crate) fn to_value(self) -> Value {
        let (label, code) = match self {
            Self::Sta => ("STA", 0),
            Self::Mta => ("MTA", 1),
            Self::Unknown => ("Unknown", 2),
            Self::Other(code) => ("", code),
        };
        Value::enumeration("System.Threading.ApartmentState", label, code)
    }

    pub(crate) const NAMES: &[(&str, i32)] = &[("STA", 0), ("MTA", 1), ("Unknown", 2)];
}

/// `PSThreadOptions`: which thread a runspace runs on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ThreadOptions {
    /// 0, as the server likes.
    #[default]
    Default,
    /// 1, a new one each time.
    UseNewThread,
    /// 2, always the same.
    ReuseThread,
    /// 3, that of the caller.
    UseCurrentThread,
    /// Another number.
    Other(i32),
}

impl ThreadOptions {
    fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Default,
            1 => Self::UseNewThread,
            2 => Self::ReuseThread,
            3 => Self::UseCurrentThread,
            other => Self::Other(other),
        }
    }

    fn to_value(self) -> Value {
        let (label, code) = match self {
            Self::Default => ("Default", 0),
            Self::UseNewThread => ("UseNewThread", 1),
            Self::ReuseThread => ("ReuseThread", 2),
            Self::UseCurrentThread => ("UseCurrentThread", 3),
            Self::Other(code) => ("", code),
        };
        Value::enumeration("System.Management.Automation.Runspaces.PSThreadOptions", label, code)
    }

    const NAMES: &[(&str, i32)] =
        &[("Default", 0), ("UseNewThread", 1), ("ReuseThread", 2), ("UseCurrentThread", 3)];
}

/// INIT_RUNSPACEPOOL: opens a pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InitRunspacePool {
    /// Runspaces the server keeps at least.
    pub min_runspaces: i32,
    /// Pipelines that may run at once.
    pub max_runspaces: i32,
    /// Threads.
    pub thread_options: ThreadOptions,
    /// COM.
    pub apartment_state: ApartmentState,
    /// The client's host.
    pub host: HostInfo,
    /// `ApplicationArguments`: a PSPrimitiveDictionary that scripts see as `$PSSenderInfo.ApplicationArguments`, or Nil.
    pub application_arguments: Value,
}

impl InitRunspacePool {
    /// Makes the message of a client without a host.
    #[must_use]
    pub const fn new(min_runspaces: i32, max_runspaces: i32) -> Self {
        Self {
            min_runspaces,
            max_runspaces,
            thread_options: ThreadOptions::Default,
            apartment_state: ApartmentState::Unknown,
            host: HostInfo::none(),
            application_arguments: Value::Nil,
        }
    }

    /// Reads the body of the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for a property the engine insists on.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::InitRunspacePool, value);
        Ok(Self {
            min_runspaces: fields.required_i32("MinRunspaces")?,
            max_runspaces: fields.required_i32("MaxRunspaces")?,
            thread_options: ThreadOptions::from_code(
                fields.required_enum("PSThreadOptions", ThreadOptions::NAMES)?,
            ),
            apartment_state: ApartmentState::from_code(
                fields.required_enum("ApartmentState", ApartmentState::NAMES)?,
            ),
            host: HostInfo::from_fields(&fields.nested("HostInfo")?)?,
            application_arguments: fields
                .get("ApplicationArguments")
                .cloned()
                .unwrap_or(Value::Nil),
        })
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            ("MinRunspaces", Value::from(self.min_runspaces)),
            ("MaxRunspaces", Value::from(self.max_runspaces)),
            ("PSThreadOptions", self.thread_options.to_value()),
            ("ApartmentState", self.apartment_state.to_value()),
            ("HostInfo", self.host.to_value()),
            ("ApplicationArguments", self.application_arguments.clone()),
        ])
    }
}

/// CONNECT_RUNSPACEPOOL: joins a disconnected pool.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectRunspacePool {
    /// The least and the greatest number of runspaces from now on; `None` keeps what the pool has.
    pub runspaces: Option<(i32, i32)>,
}

impl ConnectRunspacePool {
    /// Makes the message.
    #[must_use]
    pub const fn new(runspaces: Option<(i32, i32)>) -> Self {
        Self { runspaces }
    }

    /// Reads the body of the message, which is an empty string when nothing is to change.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let fields = Fields::new(MessageType::ConnectRunspacePool, value);
        Self { runspaces: fields.i32("MinRunspaces").zip(fields.i32("MaxRunspaces")) }
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self.runspaces {
            Some((min, max)) => {
                object([("MinRunspaces", Value::from(min)), ("MaxRunspaces", Value::from(max))])
            }
            None => Value::from(""),
        }
    }
}

/// RUNSPACEPOOL_INIT_DATA: answers CONNECT_RUNSPACEPOOL.
///
/// Microsoft's server sends the two numbers swapped, so they are put in order when read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RunspacePoolInitData {
    /// The least number of runspaces.
    pub min_runspaces: i32,
    /// The greatest number of runspaces.
    pub max_runspaces: i32,
}

impl RunspacePoolInitData {
    /// Makes the message.
    #[must_use]
    pub const fn new(min_runspaces: i32, max_runspaces: i32) -> Self {
        Self { min_runspaces, max_runspaces }
    }

    /// Reads the body of the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for either number.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::RunspacePoolInitData, value);
        let one = fields.required_i32("MinRunspaces")?;
        let other = fields.required_i32("MaxRunspaces")?;
        Ok(Self { min_runspaces: one.min(other), max_runspaces: one.max(other) })
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            ("MinRunspaces", Value::from(self.min_runspaces)),
            ("MaxRunspaces", Value::from(self.max_runspaces)),
        ])
    }
}

/// The four requests about runspaces, each answered by RUNSPACE_AVAILABILITY under the same call id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RunspaceRequest {
    /// SET_MAX_RUNSPACES: how many pipelines may run at once.
    SetMax(i32),
    /// SET_MIN_RUNSPACES: how many runspaces are kept at least.
    SetMin(i32),
    /// GET_AVAILABLE_RUNSPACES: how many are free.
    GetAvailable,
    /// RESET_RUNSPACE_STATE: forgets variables and the like; from 2.3 on, for pools of one runspace.
    ResetState,
}

impl RunspaceRequest {
    /// The type of the message.
    #[must_use]
    pub const fn message_type(self) -> MessageType {
        match self {
            Self::SetMax(_) => MessageType::SetMaxRunspaces,
            Self::SetMin(_) => MessageType::SetMinRunspaces,
            Self::GetAvailable => MessageType::GetAvailableRunspaces,
            Self::ResetState => MessageType::ResetRunspaceState,
        }
    }

    /// Reads the body of a message of one of the four types; returns the request and its call id (`ci`).
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for a number, [`DecodeError::Unexpected`] for
    /// another type.
    pub fn from_value(
        message_type: MessageType,
        value: &Value,
    ) -> Result<(Self, i64), DecodeError> {
        let fields = Fields::new(message_type, value);
        let request = match message_type {
            MessageType::SetMaxRunspaces => Self::SetMax(fields.required_i32("MaxRunspaces")?),
            MessageType::SetMinRunspaces => Self::SetMin(fields.required_i32("MinRunspaces")?),
            MessageType::GetAvailableRunspaces => Self::GetAvailable,
            MessageType::ResetRunspaceState => Self::ResetState,
            got => {
                return Err(DecodeError::Unexpected { got, expected: "a request about runspaces" });
            }
        };
        Ok((request, fields.required_i64("ci")?))
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(self, call_id: i64) -> Value {
        let call_id = ("ci", Value::from(call_id));
        match self {
            Self::SetMax(count) => object([("MaxRunspaces", Value::from(count)), call_id]),
            Self::SetMin(count) => object([("MinRunspaces", Value::from(count)), call_id]),
            Self::GetAvailable | Self::ResetState => object([call_id]),
        }
    }
}

/// What RUNSPACE_AVAILABILITY answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Availability {
    /// Whether a change was made.
    Done(bool),
    /// How many runspaces are free.
    Count(i64),
}

/// RUNSPACE_AVAILABILITY: the answer to a [`RunspaceRequest`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RunspaceAvailability {
    /// The id of the request (`ci`).
    pub call_id: i64,
    /// The answer.
    pub response: Availability,
}

impl RunspaceAvailability {
    /// Makes the message.
    #[must_use]
    pub const fn new(call_id: i64, response: Availability) -> Self {
        Self { call_id, response }
    }

    /// Reads the body of the message. Counts come as 32 or 64 bits.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for either property.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::RunspaceAvailability, value);
        let name = "SetMinMaxRunspacesResponse";
        let response = match fields.required(name)?.as_bool() {
            Some(done) => Availability::Done(done),
            None => Availability::Count(fields.required_i64(name)?),
        };
        Ok(Self { call_id: fields.required_i64("ci")?, response })
    }

    /// Writes the body of the message; a count as 32 bits where it fits, as the engine does.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let response = match self.response {
            Availability::Done(done) => Value::from(done),
            Availability::Count(count) => {
                i32::try_from(count).map_or_else(|_| Value::from(count), Value::from)
            }
        };
        object([("SetMinMaxRunspacesResponse", response), ("ci", Value::from(self.call_id))])
    }
}

/// Reads APPLICATION_PRIVATE_DATA: a dictionary, or Nil.
#[must_use]
pub fn application_private_data(value: &Value) -> Value {
    Fields::new(MessageType::ApplicationPrivateData, value)
        .get("ApplicationPrivateData")
        .cloned()
        .unwrap_or(Value::Nil)
}

/// Writes APPLICATION_PRIVATE_DATA.
#[must_use]
pub fn application_private_data_value(data: Value) -> Value {
    object([("ApplicationPrivateData", data)])
}

/// Makes a `PSPrimitiveDictionary`, the kind of table that application arguments and private data are.
#[must_use]
pub fn ps_primitive_dictionary(entries: Vec<(Value, Value)>) -> Value {
    Value::dictionary(TypeNames::primitive_dictionary(), entries)
}

/// Reads the text of PUBLIC_KEY.
///
/// # Errors
///
/// [`DecodeError::MissingProperty`] without it.
pub fn public_key(value: &Value) -> Result<String, DecodeError> {
    Fields::new(MessageType::PublicKey, value).required_text("PublicKey")
}

/// Writes PUBLIC_KEY.
#[must_use]
pub fn public_key_value(text: &str) -> Value {
    object([("PublicKey", Value::from(text))])
}

/// Reads the text of ENCRYPTED_SESSION_KEY.
///
/// # Errors
///
/// [`DecodeError::MissingProperty`] without it.
pub fn encrypted_session_key(value: &Value) -> Result<String, DecodeError> {
    Fields::new(MessageType::EncryptedSessionKey, value).required_text("EncryptedSessionKey")
}

/// Writes ENCRYPTED_SESSION_KEY.
#[must_use]
pub fn encrypted_session_key_value(text: &str) -> Value {
    object([("EncryptedSessionKey", Value::from(text))])
}

/// Writes PUBLIC_KEY_REQUEST: an empty string.
#[must_use]
pub fn public_key_request_value() -> Value {
    Value::from("")
}
