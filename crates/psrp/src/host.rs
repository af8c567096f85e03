//! The client's host: what a client says about it, and the calls a server makes to it.
//!
//! Spec: [MS-PSRP] 2.2.3.14 HostInfo, [MS-PSRP] 2.2.2.27 PIPELINE_HOST_CALL Message,
//! [MS-PSRP] 2.2.2.28 PIPELINE_HOST_RESPONSE Message, [MS-PSRP] 2.2.6 Encoding Host Parameters in Host Method Calls.
//!
//! What surprised: a void call has the call id -100 and must never be answered, a call for a value must always be, or its
//! pipeline waits for ever; and `exit` makes a call even to clients without a host.

mod default_data;
mod prompt;

use clixml::Value;

pub use default_data::HostDefaultData;
pub use prompt::{ChoiceDescription, FieldDescription, HostRequest};

use crate::argument::ArgumentValue;
use crate::error::DecodeError;
use crate::fields::{Fields, array_list, object};
use crate::message::MessageType;
use crate::records::ErrorRecord;

/// The call id of void methods, which have no answer.
pub const VOID_CALL_ID: i64 = -100;

const METHOD_TYPE: &str = "System.Management.Automation.Remoting.RemoteHostMethodId";

/// `HostInfo`: what the client can do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostInfo {
    /// There is no host.
    pub is_host_null: bool,
    /// There is no user interface.
    pub is_host_ui_null: bool,
    /// There is no raw user interface (keys, cursor, buffer).
    pub is_host_raw_ui_null: bool,
    /// A pipeline uses the pool's host.
    pub use_runspace_host: bool,
    /// `_hostDefaultData`: colours, sizes and the like, kept as it came.
    pub default_data: Option<Value>,
}

impl HostInfo {
    /// No host: the server answers prompts with errors.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            is_host_null: true,
            is_host_ui_null: true,
            is_host_raw_ui_null: true,
            use_runspace_host: true,
            default_data: None,
        }
    }

    /// Claims a host with a user interface, of this console. Its calls for a value have to be answered.
    #[must_use]
    pub fn console(console: &HostDefaultData) -> Self {
        Self {
            is_host_null: false,
            is_host_ui_null: false,
            is_host_raw_ui_null: false,
            use_runspace_host: false,
            default_data: Some(console.to_value()),
        }
    }

    /// Claims a host with a user interface but no console: prompts and lines, no cursor, no keys.
    #[must_use]
    pub const fn user_interface() -> Self {
        Self {
            is_host_null: false,
            is_host_ui_null: false,
            is_host_raw_ui_null: true,
            use_runspace_host: false,
            default_data: None,
        }
    }

    /// `_hostDefaultData`, decoded.
    #[must_use]
    pub fn console_data(&self) -> Option<HostDefaultData> {
        self.default_data.as_ref().map(HostDefaultData::from_value)
    }

    pub(crate) fn from_fields(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            is_host_null: fields.required_bool("_isHostNull")?,
            is_host_ui_null: fields.required_bool("_isHostUINull")?,
            is_host_raw_ui_null: fields.required_bool("_isHostRawUINull")?,
            use_runspace_host: fields.required_bool("_useRunspaceHost")?,
            default_data: fields.get("_hostDefaultData").cloned(),
        })
    }

    pub(crate) fn to_value(&self) -> Value {
        let flags = [
            ("_isHostNull", Value::from(self.is_host_null)),
            ("_isHostUINull", Value::from(self.is_host_ui_null)),
            ("_isHostRawUINull", Value::from(self.is_host_raw_ui_null)),
            ("_useRunspaceHost", Value::from(self.use_runspace_host)),
        ];
        match &self.default_data {
            Some(data) => {
                let [a, b, c, d] = flags;
                object([a, b, c, d, ("_hostDefaultData", data.clone())])
            }
            None => object(flags),
        }
    }
}

impl Default for HostInfo {
    fn default() -> Self {
        Self::none()
    }
}

macro_rules! host_methods {
    ($($code:literal $name:ident $kind:ident,)*) => {
        /// A method of the host.
        ///
        /// Spec: [MS-PSRP] 2.2.3.17 Host Method Identifier.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum HostMethod {
            $(
                #[doc = concat!("Method ", stringify!($code), ", `", stringify!($name), "`.")]
                $name,
            )*
            /// A method this crate does not know.
            Other(i32),
        }

        impl HostMethod {
            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> i32 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The method of a number.
            #[must_use]
            pub const fn from_code(code: i32) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// The name in the specification; `Other` for unknown ones.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::Other(_) => "Other",
                }
            }

            /// True when the caller waits for a value.
            #[must_use]
            pub const fn returns_value(self) -> bool {
                match self {
                    $(Self::$name => host_methods!(@ $kind),)*
                    Self::Other(_) => true,
                }
            }

            const NAMES: &[(&str, i32)] = &[$((stringify!($name), $code),)*];
        }
    };
    (@ value) => { true };
    (@ void) => { false };
}

host_methods! {
    1 GetName value,
    2 GetVersion value,
    3 GetInstanceId value,
    4 GetCurrentCulture value,
    5 GetCurrentUICulture value,
    6 SetShouldExit void,
    7 EnterNestedPrompt void,
    8 ExitNestedPrompt void,
    9 NotifyBeginApplication void,
    10 NotifyEndApplication void,
    11 ReadLine value,
    12 ReadLineAsSecureString value,
    13 Write1 void,
    14 Write2 void,
    15 WriteLine1 void,
    16 WriteLine2 void,
    17 WriteLine3 void,
    18 WriteErrorLine void,
    19 WriteDebugLine void,
    20 WriteProgress void,
    21 WriteVerboseLine void,
    22 WriteWarningLine void,
    23 Prompt value,
    24 PromptForCredential1 value,
    25 PromptForCredential2 value,
    26 PromptForChoice value,
    27 GetForegroundColor value,
    28 SetForegroundColor void,
    29 GetBackgroundColor value,
    30 SetBackgroundColor void,
    31 GetCursorPosition value,
    32 SetCursorPosition void,
    33 GetWindowPosition value,
    34 SetWindowPosition void,
    35 GetCursorSize value,
    36 SetCursorSize void,
    37 GetBufferSize value,
    38 SetBufferSize void,
    39 GetWindowSize value,
    40 SetWindowSize void,
    41 GetWindowTitle value,
    42 SetWindowTitle void,
    43 GetMaxWindowSize value,
    44 GetMaxPhysicalWindowSize value,
    45 GetKeyAvailable value,
    46 ReadKey value,
    47 FlushInputBuffer void,
    48 SetBufferContents1 void,
    49 SetBufferContents2 void,
    50 GetBufferContents value,
    51 ScrollBufferContents void,
    52 PushRunspace void,
    53 PopRunspace void,
    54 GetIsRunspacePushed value,
    55 GetRunspace value,
    56 PromptForChoiceMultipleSelection value,
}

impl HostMethod {
    fn to_value(self) -> Value {
        Value::enumeration(METHOD_TYPE, self.name(), self.code())
    }
}

/// RUNSPACEPOOL_HOST_CALL and PIPELINE_HOST_CALL: a method of the host is called.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostCall {
    /// Id of the call (`ci`): [`VOID_CALL_ID`] when no answer is wanted.
    pub call_id: i64,
    /// The method (`mi`).
    pub method: HostMethod,
    /// Its parameters (`mp`), in the encoding of host parameters.
    pub parameters: Vec<Value>,
}

impl HostCall {
    /// Makes a call.
    #[must_use]
    pub const fn new(call_id: i64, method: HostMethod, parameters: Vec<Value>) -> Self {
        Self { call_id, method, parameters }
    }

    /// True when an answer is waited for.
    #[must_use]
    pub const fn wants_answer(&self) -> bool {
        self.call_id != VOID_CALL_ID
    }

    /// Reads the body of a message of either type.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for id and method; parameters may be absent.
    pub fn from_value(message_type: MessageType, value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(message_type, value);
        let parameters = fields.get("mp").and_then(Value::items).unwrap_or_default();
        Ok(Self {
            call_id: fields.required_i64("ci")?,
            method: HostMethod::from_code(fields.required_enum("mi", HostMethod::NAMES)?),
            parameters: parameters.iter().map(|value| fields.copy(value)).collect(),
        })
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            ("ci", Value::from(self.call_id)),
            ("mi", self.method.to_value()),
            ("mp", array_list(self.parameters.clone())),
        ])
    }
}

/// What a host call came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HostResult {
    /// The method returned a value (`mr`), or nothing for a void method that was answered all the same.
    Returned(Value),
    /// The method threw (`me`).
    Threw(Box<ErrorRecord>),
}

/// What a client answers to a host call; secrets inside are encrypted on the way.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a method returns or throws")]
pub enum HostAnswer {
    /// The method returned a value.
    Returned(ArgumentValue),
    /// The method threw.
    Threw(Box<ErrorRecord>),
}

impl From<HostResult> for HostAnswer {
    fn from(result: HostResult) -> Self {
        match result {
            HostResult::Returned(value) => Self::Returned(value.into()),
            HostResult::Threw(error) => Self::Threw(error),
        }
    }
}

impl<T: Into<ArgumentValue>> From<T> for HostAnswer {
    fn from(value: T) -> Self {
        Self::Returned(value.into())
    }
}

/// RUNSPACEPOOL_HOST_RESPONSE and PIPELINE_HOST_RESPONSE: the answer to a [`HostCall`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostResponse {
    /// Id of the call (`ci`).
    pub call_id: i64,
    /// The method (`mi`), repeated.
    pub method: HostMethod,
    /// What it came to.
    pub result: HostResult,
}

impl HostResponse {
    /// Makes an answer.
    #[must_use]
    pub const fn new(call_id: i64, method: HostMethod, result: HostResult) -> Self {
        Self { call_id, method, result }
    }

    /// Makes the answer of a client without a host: the method throws.
    #[must_use]
    pub fn not_implemented(call: &HostCall) -> Self {
        let record = ErrorRecord::new(
            format!("The host method {} is not implemented.", call.method.name()),
            "HostMethodNotImplemented",
        )
        .exception_types([
            "System.NotImplementedException",
            "System.SystemException",
            "System.Exception",
        ])
        .category(crate::records::ErrorCategory::NotImplemented)
        .reason("NotImplementedException");
        Self::new(call.call_id, call.method, HostResult::Threw(Box::new(record)))
    }

    /// Reads the body of a message of either type.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for id and method.
    pub fn from_value(message_type: MessageType, value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(message_type, value);
        let result = match fields.get("me") {
            Some(error) => HostResult::Threw(Box::new(ErrorRecord::from_member(value, error))),
            None => HostResult::Returned(fields.get("mr").cloned().unwrap_or(Value::Nil)),
        };
        Ok(Self {
            call_id: fields.required_i64("ci")?,
            method: HostMethod::from_code(fields.required_enum("mi", HostMethod::NAMES)?),
            result,
        })
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let result = match &self.result {
            HostResult::Returned(value) => ("mr", value.clone()),
            HostResult::Threw(error) => ("me", error.to_value()),
        };
        object([("ci", Value::from(self.call_id)), ("mi", self.method.to_value()), result])
    }
}
