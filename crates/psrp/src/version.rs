//! Protocol versions and SESSION_CAPABILITY.
//!
//! Spec: [MS-PSRP] 2.2.2.1 SESSION_CAPABILITY Message.
//!
//! What surprised: a server that knows the client's version echoes it, a newer one answers with its own, and the lower of
//! both is in force. A server may answer another major version with its own and then say nothing for ever.

use core::fmt;

use clixml::{Value, Version};

use crate::error::DecodeError;
use crate::fields::{Fields, object};
use crate::message::MessageType;

/// A version of the protocol, such as 2.3.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_structs, reason = "a version has two parts")]
pub struct ProtocolVersion {
    /// The part before the point.
    pub major: u32,
    /// The part after the point.
    pub minor: u32,
}

impl ProtocolVersion {
    /// 2.1: PowerShell 2.0.
    pub const V2_1: Self = Self::new(2, 1);
    /// 2.2: PowerShell 3.0; disconnecting, several statements, redirection per stream.
    pub const V2_2: Self = Self::new(2, 2);
    /// 2.3: PowerShell 5.0 to 7.5; information records, resetting a runspace.
    pub const V2_3: Self = Self::new(2, 3);
    /// 2.4: PowerShell 7.6; SecureStrings travel unencrypted.
    pub const V2_4: Self = Self::new(2, 4);

    /// Makes a version.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// True when SecureStrings need a session key: below 2.4.
    #[must_use]
    pub fn encrypts_secure_strings(self) -> bool {
        self < Self::V2_4
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// SESSION_CAPABILITY: the versions a side speaks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionCapability {
    /// Version of the protocol.
    pub protocol_version: ProtocolVersion,
    /// `PSVersion`, always 2.0 so far.
    pub ps_version: Option<Version>,
    /// `SerializationVersion`, always 1.1.0.1 so far.
    pub serialization_version: Option<Version>,
    /// `TimeZone`, a .NET object in a binary form of .NET; kept as it came, never sent.
    pub time_zone: Option<Value>,
}

impl SessionCapability {
    /// Makes the capability of a side that speaks `protocol_version`.
    #[must_use]
    pub fn new(protocol_version: ProtocolVersion) -> Self {
        Self {
            protocol_version,
            ps_version: Some(Version::new(2, 0)),
            serialization_version: Some(Version {
                major: 1,
                minor: 1,
                build: Some(0),
                revision: Some(1),
            }),
            time_zone: None,
        }
    }

    /// Reads the body of the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for `protocolversion`; the others may be absent.
    pub fn from_value(value: &Value) -> Result<Self, DecodeError> {
        let fields = Fields::new(MessageType::SessionCapability, value);
        fields.required("protocolversion")?;
        let version = fields.version("protocolversion");
        let version = version.ok_or_else(|| fields.wrong("protocolversion", "version"))?;
        let protocol_version = ProtocolVersion::new(version.major, version.minor);
        Ok(Self {
            protocol_version,
            ps_version: fields.version("PSVersion"),
            serialization_version: fields.version("SerializationVersion"),
            time_zone: fields.get("TimeZone").cloned(),
        })
    }

    /// Writes the body of the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            (
                "protocolversion",
                Version::new(self.protocol_version.major, self.protocol_version.minor).into(),
            ),
            ("PSVersion", self.ps_version.into()),
            ("SerializationVersion", self.serialization_version.into()),
        ])
    }
}
