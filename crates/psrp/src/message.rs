//! The message header and the types of messages.
//!
//! Spec: [MS-PSRP] 2.2.1 PowerShell Remoting Protocol Message.
//!
//! What surprised: .NET peers put a byte order mark before the CLIXML, others do not, and both must be read; `$null` as
//! output is a message of exactly 40 bytes; the capability message of a server has an RPID of all zero.

use core::fmt;

use bytes::Bytes;

use clixml::{Limits, Value};
use memchr::memmem;

use crate::error::DecodeError;
use crate::id::{PipelineId, RunspacePoolId};

/// Bytes of a message header.
pub const MESSAGE_HEADER_LEN: usize = 40;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The side a message is meant for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two sides")]
pub enum Destination {
    /// 1: the client.
    Client,
    /// 2: the server.
    Server,
}

impl Destination {
    fn code(self) -> u32 {
        match self {
            Self::Client => 1,
            Self::Server => 2,
        }
    }
}

macro_rules! message_types {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal,)*) => {
        /// The type of a message.
        ///
        /// Spec: [MS-PSRP] 2.2.1 PowerShell Remoting Protocol Message, field MessageType.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum MessageType {
            $($(#[$doc])* $variant,)*
            /// A type this crate does not know, with its code; such messages are ignored.
            Other(u32),
        }

        impl MessageType {
            /// All types known.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The type of a code.
            #[must_use]
            pub const fn from_code(code: u32) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            /// The name in the specification, `None` for an unknown type.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($name),)*
                    Self::Other(_) => None,
                }
            }
        }
    };
}

message_types! {
    /// SESSION_CAPABILITY, both ways: versions.
    SessionCapability = 0x0001_0002 "SESSION_CAPABILITY",
    /// INIT_RUNSPACEPOOL, to the server: opens a pool.
    InitRunspacePool = 0x0001_0004 "INIT_RUNSPACEPOOL",
    /// PUBLIC_KEY, to the server: the key to send the session key under.
    PublicKey = 0x0001_0005 "PUBLIC_KEY",
    /// ENCRYPTED_SESSION_KEY, to the client.
    EncryptedSessionKey = 0x0001_0006 "ENCRYPTED_SESSION_KEY",
    /// PUBLIC_KEY_REQUEST, to the client.
    PublicKeyRequest = 0x0001_0007 "PUBLIC_KEY_REQUEST",
    /// CONNECT_RUNSPACEPOOL, to the server: joins a pool that was disconnected.
    ConnectRunspacePool = 0x0001_0008 "CONNECT_RUNSPACEPOOL",
    /// SET_MAX_RUNSPACES, to the server.
    SetMaxRunspaces = 0x0002_1002 "SET_MAX_RUNSPACES",
    /// SET_MIN_RUNSPACES, to the server.
    SetMinRunspaces = 0x0002_1003 "SET_MIN_RUNSPACES",
    /// RUNSPACE_AVAILABILITY, to the client: answers the four requests about runspaces.
    RunspaceAvailability = 0x0002_1004 "RUNSPACE_AVAILABILITY",
    /// RUNSPACEPOOL_STATE, to the client.
    RunspacePoolState = 0x0002_1005 "RUNSPACEPOOL_STATE",
    /// CREATE_PIPELINE, to the server.
    CreatePipeline = 0x0002_1006 "CREATE_PIPELINE",
    /// GET_AVAILABLE_RUNSPACES, to the server.
    GetAvailableRunspaces = 0x0002_1007 "GET_AVAILABLE_RUNSPACES",
    /// USER_EVENT, to the client.
    UserEvent = 0x0002_1008 "USER_EVENT",
    /// APPLICATION_PRIVATE_DATA, to the client: what the server tells about itself.
    ApplicationPrivateData = 0x0002_1009 "APPLICATION_PRIVATE_DATA",
    /// GET_COMMAND_METADATA, to the server: a pipeline that lists commands.
    GetCommandMetadata = 0x0002_100a "GET_COMMAND_METADATA",
    /// RUNSPACEPOOL_INIT_DATA, to the client: answers CONNECT_RUNSPACEPOOL.
    RunspacePoolInitData = 0x0002_100b "RUNSPACEPOOL_INIT_DATA",
    /// RESET_RUNSPACE_STATE, to the server, from protocol 2.3 on.
    ResetRunspaceState = 0x0002_100c "RESET_RUNSPACE_STATE",
    /// RUNSPACEPOOL_HOST_CALL, to the client.
    RunspacePoolHostCall = 0x0002_1100 "RUNSPACEPOOL_HOST_CALL",
    /// RUNSPACEPOOL_HOST_RESPONSE, to the server.
    RunspacePoolHostResponse = 0x0002_1101 "RUNSPACEPOOL_HOST_RESPONSE",
    /// PIPELINE_INPUT, to the server.
    PipelineInput = 0x0004_1002 "PIPELINE_INPUT",
    /// END_OF_PIPELINE_INPUT, to the server.
    EndOfPipelineInput = 0x0004_1003 "END_OF_PIPELINE_INPUT",
    /// PIPELINE_OUTPUT, to the client.
    PipelineOutput = 0x0004_1004 "PIPELINE_OUTPUT",
    /// ERROR_RECORD, to the client.
    ErrorRecord = 0x0004_1005 "ERROR_RECORD",
    /// PIPELINE_STATE, to the client.
    PipelineState = 0x0004_1006 "PIPELINE_STATE",
    /// DEBUG_RECORD, to the client.
    DebugRecord = 0x0004_1007 "DEBUG_RECORD",
    /// VERBOSE_RECORD, to the client.
    VerboseRecord = 0x0004_1008 "VERBOSE_RECORD",
    /// WARNING_RECORD, to the client.
    WarningRecord = 0x0004_1009 "WARNING_RECORD",
    /// PROGRESS_RECORD, to the client.
    ProgressRecord = 0x0004_1010 "PROGRESS_RECORD",
    /// INFORMATION_RECORD, to the client, from protocol 2.3 on; newer servers send it to older clients too.
    InformationRecord = 0x0004_1011 "INFORMATION_RECORD",
    /// PIPELINE_HOST_CALL, to the client.
    PipelineHostCall = 0x0004_1100 "PIPELINE_HOST_CALL",
    /// PIPELINE_HOST_RESPONSE, to the server.
    PipelineHostResponse = 0x0004_1101 "PIPELINE_HOST_RESPONSE",
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "message type 0x{:08x}", self.code()),
        }
    }
}

/// One message: header and body, the body not decoded.
///
/// `Debug` shows the length of the body only, for it can hold secrets.
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the layout is fixed by the protocol")]
pub struct Message {
    /// The side it is meant for.
    pub destination: Destination,
    /// Its type.
    pub message_type: MessageType,
    /// The pool (RPID). All zero in the capability message of a server.
    pub pool: RunspacePoolId,
    /// The pipeline (PID). All zero in messages of the pool.
    pub pipeline: PipelineId,
    /// CLIXML in UTF-8 without a byte order mark; empty for END_OF_PIPELINE_INPUT and for `$null` as output.
    pub body: Bytes,
}

impl Message {
    /// Reads a message, whose body then shares the memory of `bytes`. A byte order mark before the body is dropped.
    ///
    /// # Errors
    ///
    /// [`DecodeError::ShortMessage`] below 40 bytes, [`DecodeError::Destination`] for a destination other than 1 and 2.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, DecodeError> {
        let bytes = bytes.into();
        let short = || DecodeError::ShortMessage { len: bytes.len() };
        let (destination, rest) = bytes.split_first_chunk().ok_or_else(short)?;
        let (code, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (pool, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (pipeline, body) = rest.split_first_chunk().ok_or_else(short)?;
        let destination = match u32::from_le_bytes(*destination) {
            1 => Destination::Client,
            2 => Destination::Server,
            value => return Err(DecodeError::Destination { value }),
        };
        Ok(Self {
            destination,
            message_type: MessageType::from_code(u32::from_le_bytes(*code)),
            pool: RunspacePoolId::from_wire(*pool),
            pipeline: PipelineId::from_wire(*pipeline),
            body: bytes.slice_ref(body.strip_prefix(BOM).unwrap_or(body)),
        })
    }

    /// Writes the message, without a byte order mark.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MESSAGE_HEADER_LEN + self.body.len());
        out.extend_from_slice(&self.destination.code().to_le_bytes());
        out.extend_from_slice(&self.message_type.code().to_le_bytes());
        out.extend_from_slice(&self.pool.to_wire());
        out.extend_from_slice(&self.pipeline.to_wire());
        out.extend_from_slice(&self.body);
        out
    }

    /// Decodes the body; an empty one is [`Value::Nil`].
    ///
    /// # Errors
    ///
    /// [`DecodeError::Body`] when it is not CLIXML.
    pub fn value(&self) -> Result<Value, DecodeError> {
        self.value_within(Limits::default())
    }

    /// Decodes the body within these limits.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value), and when the body is beyond the limits.
    pub fn value_within(&self, limits: Limits) -> Result<Value, DecodeError> {
        if self.body.is_empty() {
            return Ok(Value::Nil);
        }
        clixml::read_value_with_limits(&self.body, limits)
            .map_err(|source| DecodeError::Body { message_type: self.message_type, source })
    }

    /// True when the body holds a SecureString anywhere.
    ///
    /// Looks for the tag and not for values, so that a body need not be decoded for it. In text `<` is always escaped.
    #[must_use]
    pub fn holds_secure_string(&self) -> bool {
        const TAG: &[u8] = b"<SS";

        memmem::find_iter(&self.body, TAG)
            .any(|at| self.body.get(at + TAG.len()).is_some_and(|end| b"> /\t\r\n".contains(end)))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("destination", &self.destination)
            .field("message_type", &self.message_type)
            .field("pool", &self.pool)
            .field("pipeline", &self.pipeline)
            .field("body_len", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_come_back() {
        for (index, message_type) in MessageType::ALL.iter().enumerate() {
            assert_eq!(MessageType::from_code(message_type.code()), *message_type);
            assert!(
                MessageType::ALL[..index].iter().all(|other| other.code() != message_type.code())
            );
        }
        assert_eq!(MessageType::ALL.len(), 31);
        assert_eq!(MessageType::from_code(7), MessageType::Other(7));
        assert_eq!(MessageType::Other(7).to_string(), "message type 0x00000007");
    }

    #[test]
    fn a_secure_string_is_found_by_its_tag_alone() {
        let holds = |body: &'static str| {
            Message {
                destination: Destination::Client,
                message_type: MessageType::PipelineOutput,
                pool: RunspacePoolId::from_wire([1; 16]),
                pipeline: PipelineId::NIL,
                body: Bytes::from_static(body.as_bytes()),
            }
            .holds_secure_string()
        };
        assert!(holds("<SS>AAAA</SS>") && holds("<Obj><S>a</S><SS N=\"P\">AAAA</SS></Obj>"));
        assert!(holds("<SS/>") && holds("<SS\nN=\"P\"/>"));
        assert!(!holds("") && !holds("<S>&lt;SS></S>") && !holds("<SSX/>") && !holds("<S/><SS"));
    }

    #[test]
    fn a_message_comes_back_and_loses_its_mark() {
        let message = Message {
            destination: Destination::Client,
            message_type: MessageType::PipelineOutput,
            pool: RunspacePoolId::from_wire([1; 16]),
            pipeline: PipelineId::from_wire([2; 16]),
            body: Bytes::from_static(b"<S>x</S>"),
        };
        assert_eq!(Message::from_bytes(message.to_bytes()).unwrap(), message);
        let mut marked = message.to_bytes();
        marked.splice(40..40, *b"\xef\xbb\xbf");
        assert_eq!(Message::from_bytes(marked).unwrap(), message);
    }

    #[test]
    fn an_empty_body_is_null() {
        let message = Message {
            destination: Destination::Client,
            message_type: MessageType::PipelineOutput,
            pool: RunspacePoolId::NIL,
            pipeline: PipelineId::NIL,
            body: Bytes::new(),
        };
        assert_eq!(message.to_bytes().len(), 40);
        assert!(message.value().unwrap().is_nil());
    }

    #[test]
    fn short_and_stray_messages_are_refused() {
        assert!(matches!(
            Message::from_bytes(vec![0; 39]),
            Err(DecodeError::ShortMessage { len: 39 })
        ));
        assert!(matches!(
            Message::from_bytes(vec![0; 40]),
            Err(DecodeError::Destination { value: 0 })
        ));
    }
}
