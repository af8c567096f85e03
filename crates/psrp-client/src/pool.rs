//! The pool as its owner sees it.

use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt as _;
use psrp::clixml::Value;
use psrp::pool_messages::{Availability, RunspaceRequest};
use psrp::secrecy::SecretString;
use psrp::{
    GetCommandMetadata, PipelineId, PowerShell, ProtocolVersion, RunspacePoolId, UserEvent,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast::error::RecvError;
use wsman::Disconnect;
use wsman::client::{Exchange, ShellOptions};

use crate::driver::Driver;
use crate::error::Error;
use crate::host::{AnyHost, Host};
use crate::input::Input;
use crate::invocation::Invocation;
use crate::open::{self, Opened, Way};
use crate::pipes::PipeOptions;
use crate::seed::{PoolSeed, Seed};

/// How a pool behaves.
///
/// ```
/// use std::time::Duration;
/// let options = psrp_client::PoolOptions::default();
/// assert_eq!(options.open_timeout, Duration::from_secs(180));
/// assert_eq!(options.stall_timeout, Duration::from_secs(1800));
/// assert_eq!(options.control_timeout, Duration::from_secs(60));
/// assert_eq!((options.buffered_records, options.buffered_bytes), (64, 4 << 20));
/// assert_eq!(options.max_records_without_output, 10_000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolOptions {
    /// How long the server may take until the pool is open. Default 180 seconds.
    pub open_timeout: Duration,
    /// How long a pipeline may be silent while its reader waits, before it is given up. Default 1800 seconds.
    pub stall_timeout: Duration,
    /// How long stopping a pipeline, deleting the shell, or a question about the pool may take. Default 60 seconds.
    pub control_timeout: Duration,
    /// No more output is fetched while so many records wait for their reader. Default 64.
    pub buffered_records: usize,
    /// Nor while any wait that came with so many bytes, fragments and all. Default 4 MiB.
    pub buffered_bytes: usize,
    /// How many records and host calls a pipeline may send with no output between them, before it is given up: a server that
    /// warns for ever would otherwise never count as silent. Default 10 000.
    pub max_records_without_output: usize,
    /// The options of the protocol's machine.
    pub protocol: psrp::PoolOptions,
    /// How much is taken from the pipes of a child process; without effect over WS-Management.
    pub pipes: PipeOptions,
    pub(crate) host: Option<AnyHost>,
    pub(crate) seed: Option<Arc<Seed>>,
    /// What this very pool draws from, once it is being opened.
    pub(crate) pool_seed: Option<PoolSeed>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            open_timeout: Duration::from_secs(180),
            stall_timeout: Duration::from_secs(1800),
            control_timeout: Duration::from_secs(60),
            buffered_records: 64,
            buffered_bytes: 4 << 20,
            max_records_without_output: 10_000,
            protocol: psrp::PoolOptions::default(),
            pipes: PipeOptions::default(),
            host: None,
            seed: None,
            pool_seed: None,
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

    /// Sets how many records may wait for their reader.
    #[must_use]
    pub const fn buffered_records(mut self, count: usize) -> Self {
        self.buffered_records = count;
        self
    }

    /// Sets with how many bytes waiting records may have come.
    #[must_use]
    pub const fn buffered_bytes(mut self, count: usize) -> Self {
        self.buffered_bytes = count;
        self
    }

    /// Sets how many records and host calls a pipeline may send with no output between them.
    #[must_use]
    pub const fn max_records_without_output(mut self, count: usize) -> Self {
        self.max_records_without_output = count;
        self
    }

    /// Sets the options of the protocol's machine.
    #[must_use]
    pub fn protocol(mut self, options: psrp::PoolOptions) -> Self {
        self.protocol = options;
        self
    }

    /// Claims a host, which answers what the server asks while commands run. By default there is none, and the server
    /// fails what would ask.
    #[must_use]
    pub fn host(mut self, host: impl Host + 'static) -> Self {
        self.host = Some(AnyHost::new(host));
        self
    }

    /// Draws ids and keys from a seed, for sessions that are recorded or replayed. By default they come from the system's
    /// source of randomness.
    #[must_use]
    pub fn danger_seed(mut self, seed: Arc<Seed>) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how much is taken from the pipes of a child process.
    #[must_use]
    pub fn pipes(mut self, options: PipeOptions) -> Self {
        self.pipes = options;
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
        let way = Way::Shell { exchange, shell: Box::new(shell) };
        Ok(Self::new(open::open(way, options).await?))
    }

    /// Connects to a pool that another client, in another process or on another machine, has left disconnected.
    ///
    /// [`list_shells`](wsman::client::list_shells) tells which there are. The pipelines in it are taken over with
    /// [`attach`](Self::attach).
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] when the server refuses, as it does while the pool is in use, [`Error::Broken`] when its answer
    /// makes no sense, [`Error::Stalled`] when it does not answer in time.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(
        exchange: Arc<dyn Exchange>,
        shell: ShellOptions,
        id: RunspacePoolId,
        options: PoolOptions,
    ) -> Result<Self, Error> {
        Ok(Self::new(open::connect(exchange, shell, id, options).await?))
    }

    /// Starts a child process that speaks PSRP over its standard input and output, such as `pwsh -s`, and opens a pool in
    /// it.
    ///
    /// The command's streams are replaced by pipes. What the child writes to its error stream is logged. The child is ended
    /// with the pool, and killed when it does not end by itself.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), psrp_client::Error> {
    /// use psrp_client::psrp::{Command, PowerShell};
    /// use psrp_client::{PoolOptions, RunspacePool};
    ///
    /// let mut command = std::process::Command::new("pwsh");
    /// command.args(["-NoLogo", "-NoProfile", "-s"]);
    /// let pool = RunspacePool::open_child(command, PoolOptions::default()).await?;
    /// let script = Command::script("1..3 | ForEach-Object { $_ * $_ }");
    /// let mut squares = pool.invoke(PowerShell::new().command(script)).await?;
    /// while let Some(record) = squares.next().await {
    ///     println!("{:?}", record?);
    /// }
    /// pool.close().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Pipes`] when the child cannot be started or ends, [`Error::Broken`] when it refuses the pool,
    /// [`Error::Stalled`] when the pool does not open in time.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open_child(
        command: std::process::Command,
        options: PoolOptions,
    ) -> Result<Self, Error> {
        Ok(Self::new(open::open(Way::Child(Box::new(command)), options).await?))
    }

    /// Opens a pool at the other end of a pair of byte streams that carry the out-of-process framing, such as those of an
    /// ssh channel with the subsystem `powershell`. The streams are dropped when the pool is closed.
    ///
    /// # Errors
    ///
    /// As [`open_child`](Self::open_child).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open_pipes(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        options: PoolOptions,
    ) -> Result<Self, Error> {
        let way = Way::Pipes { reader: Box::new(reader), writer: Box::new(writer) };
        Ok(Self::new(open::open(way, options).await?))
    }

    fn new(opened: Opened) -> Self {
        let Opened { driver, version, private_data } = opened;
        Self { driver, version, private_data }
    }

    /// Starts a pipeline. One with a secret waits for the session key before anything of it is sent; one that takes input
    /// finds it empty.
    ///
    /// # Errors
    ///
    /// [`Error::State`] when the pool is no longer open or the pipeline has no command.
    pub async fn invoke(&self, powershell: PowerShell) -> Result<Invocation, Error> {
        self.prepare(&powershell).await;
        self.driver.start(powershell)
    }

    /// Starts a pipeline and feeds it from a stream, in the background and no faster than the transport takes it. The input
    /// ends with the stream.
    ///
    /// # Errors
    ///
    /// As [`invoke`](Self::invoke).
    pub async fn invoke_with_input(
        &self,
        powershell: PowerShell,
        items: impl Stream<Item = Value> + Send + 'static,
    ) -> Result<Invocation, Error> {
        let (invocation, input) = self.invoke_taking_input(powershell).await?;
        tokio::spawn(feed(input, items));
        Ok(invocation)
    }

    /// Starts a pipeline and returns its input, to be given item by item.
    ///
    /// # Errors
    ///
    /// As [`invoke`](Self::invoke).
    pub async fn invoke_taking_input(
        &self,
        powershell: PowerShell,
    ) -> Result<(Invocation, Input), Error> {
        self.prepare(&powershell).await;
        self.driver.start_with_input(powershell)
    }

    /// Lists commands of the session: first an object with their `Count`, then one object for each.
    ///
    /// # Errors
    ///
    /// [`Error::State`] when the pool is no longer open.
    pub async fn command_metadata(
        &self,
        request: &GetCommandMetadata,
    ) -> Result<Invocation, Error> {
        self.driver.start_command_metadata(request)
    }

    async fn prepare(&self, powershell: &PowerShell) {
        if powershell.has_secrets() {
            self.driver.prepare_key_pair().await;
        }
    }

    /// Sets how many pipelines may run at once; false when the server will not.
    ///
    /// # Errors
    ///
    /// [`Error::State`] when the pool is no longer open, [`Error::Stalled`] when no answer comes in time, [`Error::Broken`]
    /// when the pool ends instead.
    pub async fn set_max_runspaces(&self, count: i32) -> Result<bool, Error> {
        self.driver.ask(RunspaceRequest::SetMax(count)).await.map(is_done)
    }

    /// Sets how many runspaces the server keeps at least; false when it will not.
    ///
    /// # Errors
    ///
    /// As [`set_max_runspaces`](Self::set_max_runspaces).
    pub async fn set_min_runspaces(&self, count: i32) -> Result<bool, Error> {
        self.driver.ask(RunspaceRequest::SetMin(count)).await.map(is_done)
    }

    /// Asks how many more pipelines could run at once.
    ///
    /// # Errors
    ///
    /// As [`set_max_runspaces`](Self::set_max_runspaces).
    pub async fn available_runspaces(&self) -> Result<i64, Error> {
        Ok(match self.driver.ask(RunspaceRequest::GetAvailable).await? {
            Availability::Count(count) => count,
            _ => 0,
        })
    }

    /// Makes the runspace forget variables and the like; false when the server will not, as with more than one runspace.
    ///
    /// # Errors
    ///
    /// As [`set_max_runspaces`](Self::set_max_runspaces); [`Error::State`] below protocol 2.3, too.
    pub async fn reset(&self) -> Result<bool, Error> {
        self.driver.ask(RunspaceRequest::ResetState).await.map(is_done)
    }

    /// Decrypts a SecureString that the server sent. When no session key was agreed upon yet, it is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`] when the bytes are no SecureString of this session, or no key comes in time.
    pub async fn decrypt(&self, bytes: &[u8]) -> Result<SecretString, Error> {
        self.driver.decrypt(bytes).await
    }

    /// The events that the server's engine forwards from now on, until the pool ends. A listener that falls far behind
    /// misses some.
    pub fn user_events(&self) -> impl Stream<Item = UserEvent> + Send + use<> {
        futures_util::stream::unfold(self.driver.user_events(), async |receiver| {
            let mut receiver = receiver?;
            loop {
                match receiver.recv().await {
                    Ok(event) => return Some((*event, Some(receiver))),
                    Err(RecvError::Lagged(count)) => {
                        tracing::warn!(count, "user events were missed")
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }

    /// Leaves the session to the server, where its pipelines run on, and waits until it is disconnected.
    ///
    /// Invocations give what has come and then wait for [`reconnect`](Self::reconnect), within
    /// [`PoolOptions::stall_timeout`]. One that is dropped meanwhile is stopped then. A pool that is dropped while it is
    /// disconnected deletes its shell all the same, unless one says [`leave`](Self::leave).
    ///
    /// Exchange's own endpoint has no such operation, the one of WinRM has it.
    ///
    /// ```no_run
    /// # async fn run(pool: psrp_client::RunspacePool) -> Result<(), psrp_client::Error> {
    /// use psrp_client::psrp::{Command, PowerShell};
    ///
    /// let script = Command::script("Start-Sleep 3600; 'done'");
    /// let pipeline = pool.invoke(PowerShell::new().command(script)).await?;
    /// pool.disconnect(Default::default()).await?;
    /// // Whoever knows both may go on from here with `connect` and `attach`.
    /// println!("{} {}", pool.id(), pipeline.id());
    /// pool.leave()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] when the server refuses, and the pool is open as before; [`Error::Stalled`] when it does not
    /// answer in time, [`Error::State`] unless the pool is open and speaks protocol 2.2 or later, [`Error::OnlyShells`] over
    /// pipes.
    pub async fn disconnect(&self, disconnect: Disconnect) -> Result<(), Error> {
        self.driver.disconnect(disconnect).await
    }

    /// Comes back to a session that was disconnected, with its pipelines.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] when the server refuses, [`Error::Stalled`] when it does not answer in time: the pool stays
    /// disconnected then, and this may be tried again, unless the shell is gone. [`Error::State`] unless the pool is
    /// disconnected.
    pub async fn reconnect(&self) -> Result<(), Error> {
        self.driver.reconnect().await
    }

    /// Lets go of a pool that is disconnected: its shell lives on until its idle timeout, and its pipelines with it.
    ///
    /// # Errors
    ///
    /// [`Error::State`] unless the pool is disconnected; the shell is then deleted.
    pub fn leave(self) -> Result<(), Error> {
        Ok(self.driver.let_go()?)
    }

    /// Takes over a pipeline that runs in a session to which this client has [connected](Self::connect).
    ///
    /// What the pipeline had written to its former client in part is skipped.
    ///
    /// # Errors
    ///
    /// [`Error::State`] unless the pool is open, or when the pipeline is read already. That the server does not know it comes
    /// as an item of the invocation.
    pub fn attach(&self, pipeline: PipelineId) -> Result<Invocation, Error> {
        self.driver.attach(pipeline)
    }

    /// Lists the pipelines that the server has, whoever started them. Exchange's own endpoint has no lists.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] when the server refuses, [`Error::Stalled`] when it does not answer in time,
    /// [`Error::OnlyShells`] over pipes.
    pub async fn list_pipelines(&self) -> Result<Vec<PipelineId>, Error> {
        self.driver.carrier().commands().await
    }

    /// The id of the pool, which is its shell's too.
    #[must_use]
    pub fn id(&self) -> RunspacePoolId {
        self.driver.lock().machine.id()
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

    /// Stops what runs, deletes the shell or ends the child, and waits until that is done or [`PoolOptions::control_timeout`] has passed.
    pub async fn close(self) {
        self.driver.close();
        self.driver.wait_closed().await;
    }
}

impl Drop for RunspacePool {
    /// Deletes the shell, or ends the child, in the background.
    fn drop(&mut self) {
        self.driver.close();
    }
}

/// Feeds a pipeline until its input, or the pipeline itself, has ended.
async fn feed(mut input: Input, items: impl Stream<Item = Value> + Send) {
    let mut items = std::pin::pin!(items);
    loop {
        let item = tokio::select! {
            item = items.next() => item,
            () = input.pipeline_ended() => return,
        };
        let Some(item) = item else { return };
        if input.send(item).await.is_err() {
            return;
        }
    }
}

fn is_done(answer: Availability) -> bool {
    matches!(answer, Availability::Done(true))
}
