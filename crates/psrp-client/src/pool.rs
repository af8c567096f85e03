//! The pool as its owner sees it.

use std::sync::Arc;
use std::time::Duration;

use psrp::clixml::Value;
use psrp::{PowerShell, ProtocolVersion};
use wsman::client::{Exchange, ShellOptions};

use crate::driver::Driver;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::open::{self, Opened};

/// How a pool behaves.
///
/// ```
/// use std::time::Duration;
/// let options = psrp_client::PoolOptions::default();
/// assert_eq!(options.open_timeout, Duration::from_secs(180));
/// assert_eq!(options.stall_timeout, Duration::from_secs(1800));
/// assert_eq!(options.control_timeout, Duration::from_secs(60));
/// assert_eq!(options.buffered_records, 64);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolOptions {
    /// How long the server may take until the pool is open. Default 180 seconds.
    pub open_timeout: Duration,
    /// How long a pipeline may be silent while its reader waits, before it is given up. Default 1800 seconds.
    pub stall_timeout: Duration,
    /// How long stopping a pipeline, or deleting the shell, may take. Default 60 seconds.
    pub control_timeout: Duration,
    /// No more output is fetched while so many records wait for their reader. Default 64.
    pub buffered_records: usize,
    /// The options of the protocol's machine.
    pub protocol: psrp::PoolOptions,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            open_timeout: Duration::from_secs(180),
            stall_timeout: Duration::from_secs(1800),
            control_timeout: Duration::from_secs(60),
            buffered_records: 64,
            protocol: psrp::PoolOptions::default(),
        }
    }
}

impl PoolOptions {
    /// Sets how long the server may take until the pool is open.
    #[must_use]
    pub const fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// Sets how long a pipeline may be silent.
    #[must_use]
    pub const fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// Sets how long stopping and deleting may take.
    #[must_use]
    pub const fn control_timeout(mut self, timeout: Duration) -> Self {
        self.control_timeout = timeout;
        self
    }

    /// Sets the options of the protocol's machine.
    #[must_use]
    pub fn protocol(mut self, options: psrp::PoolOptions) -> Self {
        self.protocol = options;
        self
    }
}

/// An open runspace pool. Pipelines may be started side by side; with one runspace, the default, the server runs them one
/// after the other.
#[derive(Debug)]
pub struct RunspacePool {
    driver: Arc<Driver>,
    version: ProtocolVersion,
    private_data: Value,
}

impl RunspacePool {
    /// Creates a shell, and in it a pool, and waits until it is open.
    ///
    /// The shell's id is the pool's. When the future is dropped half-way, the shell is deleted all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] when the shell cannot be created, [`Error::Broken`] when the server refuses the pool,
    /// [`Error::Stalled`] when it does not open in time.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open(
        exchange: Arc<dyn Exchange>,
        shell: ShellOptions,
        options: PoolOptions,
    ) -> Result<Self, Error> {
        let Opened { driver, version, private_data } = open::open(exchange, shell, options).await?;
        Ok(Self { driver, version, private_data })
    }

    /// Starts a pipeline. One with a secret waits for the session key before anything of it is sent.
    ///
    /// # Errors
    ///
    /// [`Error::State`] when the pool is no longer open or the pipeline has no command.
    pub async fn invoke(&self, powershell: PowerShell) -> Result<Invocation, Error> {
        if powershell.has_secrets() {
            self.driver.prepare_key_pair().await;
        }
        self.driver.start(powershell)
    }

    /// The version of the protocol in force.
    #[must_use]
    pub const fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// What the server told about itself at the opening: a dictionary with `PSVersionTable`, or Nil.
    #[must_use]
    pub const fn private_data(&self) -> &Value {
        &self.private_data
    }

    /// Tells whether pipelines can still be started.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.driver.is_open()
    }

    /// Stops what runs, deletes the shell, and waits until that is done or [`PoolOptions::control_timeout`] has passed.
    pub async fn close(self) {
        self.driver.close();
        self.driver.wait_closed().await;
    }
}

impl Drop for RunspacePool {
    /// Deletes the shell in the background.
    fn drop(&mut self) {
        self.driver.close();
    }
}
