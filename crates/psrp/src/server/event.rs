//! How a server pool behaves, and what it tells its driver.
//!
//! Spec: [MS-PSRP] 3.2.4 Higher-Layer Triggered Events.

use clixml::{TypeNames, Value, Version};

use crate::command_metadata::GetCommandMetadata;
use crate::error::DecodeError;
use crate::fragment::{FragmentLimits, Fragmenter};
use crate::host::HostResponse;
use crate::id::{PipelineId, StreamTarget};
use crate::message::{Message, MessageType};
use crate::pool_messages::{InitRunspacePool, ps_primitive_dictionary};
use crate::powershell::PowerShell;
use crate::version::ProtocolVersion;

/// Options of a [`ServerPool`](super::ServerPool).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The newest version spoken; a client's older one is echoed. Default 2.3.
    pub protocol_version: ProtocolVersion,
    /// Bytes of a fragment sent, header included. Default 32,768.
    pub max_fragment_size: usize,
    /// What is taken from the client, per stream. Default: objects of 10 MB, as Microsoft's server has it.
    pub limits: FragmentLimits,
    /// Pipelines known at once, waiting ones included. Default 1000. What comes beyond is answered as failed.
    pub max_pipelines: usize,
    /// `APPLICATION_PRIVATE_DATA`: a dictionary, or Nil. `None` makes one with a `PSVersionTable` of PowerShell 5.1.
    pub private_data: Option<Value>,
}

impl ServerOptions {
    /// Sets the newest version spoken.
    #[must_use]
    pub const fn protocol_version(mut self, version: ProtocolVersion) -> Self {
        self.protocol_version = version;
        self
    }

    /// Sets the size of fragments sent, header included.
    #[must_use]
    pub const fn max_fragment_size(mut self, bytes: usize) -> Self {
        self.max_fragment_size = bytes;
        self
    }

    /// Sets what is taken from the client, per stream.
    #[must_use]
    pub const fn limits(mut self, limits: FragmentLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the application private data.
    #[must_use]
    pub fn private_data(mut self, data: Value) -> Self {
        self.private_data = Some(data);
        self
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            protocol_version: ProtocolVersion::V2_3,
            max_fragment_size: Fragmenter::DEFAULT_MAX_FRAGMENT_SIZE,
            limits: FragmentLimits::default().max_object_size(10 << 20).max_buffered(20 << 20),
            max_pipelines: 1000,
            private_data: None,
        }
    }
}

/// The private data of a server that passes for PowerShell 5.1.
pub(super) fn default_private_data(version: ProtocolVersion) -> Value {
    let four = |major, minor, build, revision| Version {
        major,
        minor,
        build: Some(build),
        revision: Some(revision),
    };
    let compatible = [
        Version::new(1, 0),
        Version::new(2, 0),
        Version::new(3, 0),
        Version::new(4, 0),
        Version::new(5, 0),
    ]
    .into_iter()
    .chain([four(5, 1, 17763, 1)])
    .map(Value::from)
    .collect();
    let versions = TypeNames::from(["System.Version[]", "System.Array", "System.Object"]);
    let table = ps_primitive_dictionary(vec![
        ("PSVersion".into(), four(5, 1, 17763, 1).into()),
        ("PSEdition".into(), "Desktop".into()),
        ("PSCompatibleVersions".into(), Value::list(versions, compatible)),
        ("CLRVersion".into(), four(4, 0, 30319, 42000).into()),
        ("BuildVersion".into(), four(10, 0, 17763, 1).into()),
        ("WSManStackVersion".into(), Version::new(3, 0).into()),
        ("PSRemotingProtocolVersion".into(), Version::new(version.major, version.minor).into()),
        ("SerializationVersion".into(), four(1, 1, 0, 1).into()),
    ]);
    ps_primitive_dictionary(vec![("PSVersionTable".into(), table)])
}

/// What happened to a server pool.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// The pool is open; the client has been told.
    #[non_exhaustive]
    Opened {
        /// The version in force.
        version: ProtocolVersion,
        /// What the client asked for.
        init: Box<InitRunspacePool>,
    },
    /// Another client joined the pool after the one before had disconnected.
    #[non_exhaustive]
    Connected {
        /// The version in force.
        version: ProtocolVersion,
    },
    /// A pipeline starts. It ends with `complete`, `fail` or `stopped`.
    #[non_exhaustive]
    PipelineCreated {
        /// The pipeline.
        id: PipelineId,
        /// What it runs. Secure arguments are decrypted.
        powershell: Box<PowerShell>,
    },
    /// A pipeline starts that lists commands: answer with `command_metadata`, or send the count, the commands and
    /// `complete`.
    #[non_exhaustive]
    CommandMetadataRequested {
        /// The pipeline.
        id: PipelineId,
        /// What is asked for.
        request: GetCommandMetadata,
    },
    /// An item of input came.
    #[non_exhaustive]
    Input {
        /// The pipeline.
        id: PipelineId,
        /// The item.
        item: Value,
    },
    /// The input has ended.
    #[non_exhaustive]
    InputEnded {
        /// The pipeline.
        id: PipelineId,
    },
    /// The client wants a running pipeline stopped: call `stopped`, or `complete` if it has just ended.
    #[non_exhaustive]
    StopRequested {
        /// The pipeline.
        id: PipelineId,
    },
    /// A host call was answered.
    #[non_exhaustive]
    HostResponse {
        /// The pipeline that called, `None` for the pool.
        pipeline: Option<PipelineId>,
        /// The answer.
        response: Box<HostResponse>,
    },
    /// The state of the runspace was reset.
    RunspaceReset,
    /// A message could not be read; by the engine's custom it gets no answer.
    #[non_exhaustive]
    Undecodable {
        /// The stream it came on.
        target: StreamTarget,
        /// Its type.
        message_type: MessageType,
        /// Why.
        error: DecodeError,
    },
    /// A message came that has no place here; it gets no answer.
    #[non_exhaustive]
    Unhandled {
        /// The stream it came on.
        target: StreamTarget,
        /// The message.
        message: Message,
    },
    /// The pool closed because a message named another pool. The client has been told.
    Closed,
}
