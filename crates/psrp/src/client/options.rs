//! How a client pool behaves.

use core::time::Duration;

use clixml::Value;

use crate::fragment::{FragmentLimits, Fragmenter};
use crate::host::HostInfo;
use crate::id::RunspacePoolId;
use crate::version::ProtocolVersion;

/// Options of a [`RunspacePool`](crate::RunspacePool).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolOptions {
    /// The id of the pool. Default: drawn at random.
    pub id: Option<RunspacePoolId>,
    /// The version claimed. Default 2.3.
    pub protocol_version: ProtocolVersion,
    /// Runspaces the server keeps at least. Default 1.
    pub min_runspaces: i32,
    /// Pipelines that may run at once; more wait on the server. Default 1.
    pub max_runspaces: i32,
    /// Bytes of a fragment sent, header included. Default 32,768, the size servers send themselves.
    pub max_fragment_size: usize,
    /// What is taken from the server, per stream.
    pub limits: FragmentLimits,
    /// Elements that the CLIXML of one message from the server may have; each takes some hundred bytes of memory, however few
    /// it took on the wire. Default 1,000,000.
    pub max_elements: usize,
    /// How long a pipeline waits for the session key. Default 60 seconds.
    pub key_timeout: Duration,
    /// The host claimed. Default none. With a host, every call for a value has to be answered.
    pub host: HostInfo,
    /// `ApplicationArguments`, which scripts see as `$PSSenderInfo.ApplicationArguments`. Default Nil.
    pub application_arguments: Value,
}

impl PoolOptions {
    /// Sets the id of the pool, which is also the ShellId.
    #[must_use]
    pub const fn id(mut self, id: RunspacePoolId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the version claimed.
    #[must_use]
    pub const fn protocol_version(mut self, version: ProtocolVersion) -> Self {
        self.protocol_version = version;
        self
    }

    /// Sets how many pipelines may run at once.
    #[must_use]
    pub const fn max_runspaces(mut self, count: i32) -> Self {
        self.max_runspaces = count;
        self
    }

    /// Sets the size of fragments sent, header included.
    #[must_use]
    pub const fn max_fragment_size(mut self, bytes: usize) -> Self {
        self.max_fragment_size = bytes;
        self
    }

    /// Sets what is taken from the server, per stream.
    #[must_use]
    pub const fn limits(mut self, limits: FragmentLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how many elements the CLIXML of one message may have.
    #[must_use]
    pub const fn max_elements(mut self, count: usize) -> Self {
        self.max_elements = count;
        self
    }

    /// Sets how long a pipeline waits for the session key.
    #[must_use]
    pub const fn key_timeout(mut self, timeout: Duration) -> Self {
        self.key_timeout = timeout;
        self
    }

    /// Claims a host, whose calls are then left to the caller.
    #[must_use]
    pub fn host(mut self, host: HostInfo) -> Self {
        self.host = host;
        self
    }

    /// Sets the application arguments, a `PSPrimitiveDictionary`.
    #[must_use]
    pub fn application_arguments(mut self, arguments: Value) -> Self {
        self.application_arguments = arguments;
        self
    }
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            id: None,
            protocol_version: ProtocolVersion::V2_3,
            min_runspaces: 1,
            max_runspaces: 1,
            max_fragment_size: Fragmenter::DEFAULT_MAX_FRAGMENT_SIZE,
            limits: FragmentLimits::default(),
            max_elements: 1_000_000,
            key_timeout: Duration::from_secs(60),
            host: HostInfo::none(),
            application_arguments: Value::Nil,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_as_documented() {
        let options = PoolOptions::default();
        assert_eq!(options.protocol_version, ProtocolVersion::new(2, 3));
        assert_eq!((options.min_runspaces, options.max_runspaces), (1, 1));
        assert_eq!(options.max_fragment_size, 32_768);
        assert_eq!(options.key_timeout, Duration::from_secs(60));
        assert_eq!(options.limits.max_object_size, 64 * 1024 * 1024);
        assert_eq!(options.limits.max_buffered, 96 * 1024 * 1024);
    }
}
