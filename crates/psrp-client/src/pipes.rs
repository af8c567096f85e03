//! Pipes as carrier: the out-of-process framing over a pair of byte streams.
//!
//! What surprised: a packet that overtakes the acknowledgement of the one before it is acknowledged and lost, so each
//! target has one packet under way at most; and all pipelines share one pipe, so whoever stops reading for one of them
//! stops all, and may stop the very one that is waited for. PowerShell 7.6.9 cannot be stopped while it starts a pipeline:
//! in one of fifty cases the next pipeline then fails because one "is already running", or never runs at all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use psrp::outofproc::Packet;
use psrp::{InputStream, Payload, PipelineId, PipelineSignal, StreamTarget};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::carrier::{CarrierError, Heard, NotCreated};
use crate::child::Process;
use crate::error::PipeError;
use crate::traffic::{Ack, Traffic, read_packets};

pub(crate) use crate::traffic::Eager;

/// How much is taken from a pair of pipes.
///
/// ```
/// let options = psrp_client::PipeOptions::default();
/// assert_eq!(options.max_line, 4 << 20);
/// assert_eq!(options.buffered_bytes, 256 << 10);
/// assert_eq!(options.max_buffered_bytes, 64 << 20);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipeOptions {
    /// Bytes of a line; a longer one breaks the pool. Default 4 MiB.
    pub max_line: usize,
    /// The pipe is not read any further while so many bytes of one pipeline wait for its reader, as long as nobody waits for
    /// anything else. Default 256 KiB.
    pub buffered_bytes: usize,
    /// The pipe is not read any further while so many bytes of one pipeline wait, even if others wait for theirs. Default
    /// 64 MiB.
    pub max_buffered_bytes: usize,
}

impl Default for PipeOptions {
    fn default() -> Self {
        Self { max_line: 4 << 20, buffered_bytes: 256 << 10, max_buffered_bytes: 64 << 20 }
    }
}

impl PipeOptions {
    /// Sets how long a line may be.
    #[must_use]
    pub const fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// Sets how much of one pipeline may wait while nobody waits for anything else.
    #[must_use]
    pub const fn buffered_bytes(mut self, bytes: usize) -> Self {
        self.buffered_bytes = bytes;
        self
    }

    /// Sets how much of one pipeline may wait at all.
    #[must_use]
    pub const fn max_buffered_bytes(mut self, bytes: usize) -> Self {
        self.max_buffered_bytes = bytes;
        self
    }
}

type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A pair of pipes, and the process at their other end if it is our child.
pub(crate) struct Pipes {
    traffic: Arc<Traffic>,
    /// Taken when the session has ended, which closes the pipe.
    writer: Mutex<Option<Writer>>,
    process: Option<Arc<Process>>,
    reader: AbortHandle,
    control_timeout: Duration,
}

impl Pipes {
    /// Takes the pipes into use; the process, if there is one, is ended with them.
    pub(crate) fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        process: Option<Process>,
        options: PipeOptions,
        control_timeout: Duration,
    ) -> Self {
        let traffic = Arc::new(Traffic::new(options));
        let process = process.map(Arc::new);
        let reading = read_packets(Arc::clone(&traffic), reader, process.clone());
        let reader = tokio::spawn(reading).abort_handle();
        let writer: Writer = Box::new(writer);
        Self { traffic, writer: Mutex::new(Some(writer)), process, reader, control_timeout }
    }

    /// See [`Traffic::eager`].
    pub(crate) fn eager(&self) -> Eager<'_> {
        self.traffic.eager()
    }

    pub(crate) async fn create_command(
        &self,
        pipeline: PipelineId,
        payload: Payload,
    ) -> Result<(), NotCreated> {
        let failed =
            |started| move |error| NotCreated { error: CarrierError::Pipes(error), started };
        let target = StreamTarget::Pipeline(pipeline);
        self.traffic.add(target);
        self.post(&Packet::Command(target)).await.map_err(failed(false))?;
        // Before the acknowledgement of the command came, nothing of it was sent.
        self.turn(target).await.map_err(failed(false))?;
        self.send(target, InputStream::Stdin, payload).await.map_err(failed(true))
    }

    pub(crate) async fn send(
        &self,
        target: StreamTarget,
        stream: InputStream,
        payload: Payload,
    ) -> Result<(), PipeError> {
        for piece in payload.split(PIECE) {
            if !self.traffic.knows(target) {
                return Ok(());
            }
            self.post(&Packet::data(target, stream, piece)).await?;
        }
        Ok(())
    }

    pub(crate) async fn signal(&self, pipeline: PipelineId, signal: PipelineSignal) {
        let target = StreamTarget::Pipeline(pipeline);
        let known = match signal {
            PipelineSignal::Stop => self.traffic.knows(target),
            PipelineSignal::Terminate => self.traffic.forget(target),
        };
        if !known {
            return;
        }
        let sent = match signal {
            PipelineSignal::Stop => self.stop(target).await,
            PipelineSignal::Terminate => self.close(target).await,
        };
        if let Err(error) = sent {
            tracing::debug!(%pipeline, %error, "a signal failed");
        }
    }

    pub(crate) async fn receive(&self, target: StreamTarget) -> Result<Heard, PipeError> {
        self.traffic.receive(target).await
    }

    /// Closes what is open, in the order that the server needs, and then the pipe; a child that does not end is killed.
    pub(crate) async fn delete(&self) {
        self.traffic.close();
        let (polite, patient) = (self.control_timeout / 2, self.control_timeout / 4);
        match timeout(polite, self.say_goodbye()).await {
            Ok(Ok(())) | Ok(Err(PipeError::Ended { .. })) => {}
            Ok(Err(error)) => tracing::warn!(%self, %error, "the session could not be closed"),
            Err(_) => tracing::warn!(%self, "closing the session got no answer"),
        }
        // A write that hangs was cancelled with the farewell, so the lock is free.
        drop(self.writer.lock().await.take());
        if let Some(process) = &self.process {
            process.end(patient).await;
        }
        self.reader.abort();
    }

    async fn say_goodbye(&self) -> Result<(), PipeError> {
        for target in self.traffic.pipelines() {
            self.traffic.forget(target);
            self.close(target).await?;
        }
        self.traffic.quiet().await?;
        self.close(StreamTarget::Pool).await?;
        self.traffic.quiet().await
    }

    /// Signals a pipeline, but not while the server starts it.
    async fn stop(&self, target: StreamTarget) -> Result<(), PipeError> {
        self.turn(target).await?;
        if let Some(taken) = self.traffic.starting_since(target) {
            tokio::time::sleep_until(taken + TIME_TO_START).await;
        }
        self.post(&Packet::Signal(target)).await
    }

    /// Closes a target. One that was signalled may never acknowledge that, so the wait for it is short.
    async fn close(&self, target: StreamTarget) -> Result<(), PipeError> {
        let patience = self.control_timeout.min(PATIENCE_BEFORE_CLOSE);
        if let Ok(turn) = timeout(patience, self.traffic.turn(target)).await {
            turn?;
        }
        self.write(&Packet::Close(target)).await
    }

    /// Sends a packet when the one before it to the same target is acknowledged.
    async fn post(&self, packet: &Packet) -> Result<(), PipeError> {
        self.turn(target_of(packet)).await?;
        self.write(packet).await
    }

    async fn turn(&self, target: StreamTarget) -> Result<(), PipeError> {
        let after = self.control_timeout;
        timeout(after, self.traffic.turn(target))
            .await
            .unwrap_or(Err(PipeError::NoAcknowledgement { after }))
    }

    async fn write(&self, packet: &Packet) -> Result<(), PipeError> {
        let mut line = packet.to_line().into_bytes();
        line.push(b'\n');
        self.traffic.expect(target_of(packet), acknowledgement(packet));
        let mut writer = self.writer.lock().await;
        let Some(writer) = writer.as_mut() else { return Err(PipeError::Closed) };
        let write = async {
            writer.write_all(&line).await?;
            writer.flush().await
        };
        let after = self.control_timeout;
        let error = match timeout(after, write).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => PipeError::Write(Arc::new(error)),
            Err(_) => PipeError::Blocked { after },
        };
        // Part of the line may be written, and nothing could follow it. A child that has ended says why, so that is awaited.
        let grace = tokio::time::sleep(TIME_TO_END);
        tokio::select! {
            ended = self.traffic.ended() => Err(ended),
            () = grace => {
                self.traffic.end(error.clone());
                Err(error)
            }
        }
    }
}

impl fmt::Display for Pipes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(process) => process.fmt(f),
            None => f.write_str("pipes"),
        }
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

const fn target_of(packet: &Packet) -> StreamTarget {
    match packet {
        Packet::Data { target, .. }
        | Packet::Command(target)
        | Packet::Signal(target)
        | Packet::Close(target) => *target,
        // We send no others.
        _ => StreamTarget::Pool,
    }
}

const fn acknowledgement(packet: &Packet) -> Ack {
    match packet {
        Packet::Command(_) => Ack::Command,
        Packet::Signal(_) => Ack::Signal,
        Packet::Close(_) => Ack::Close,
        _ => Ack::Data,
    }
}

/// Bytes of fragments in a packet: the size of a fragment, for the engine's own client sends them one by one.
const PIECE: usize = 32_768;
/// How long a Close waits for the acknowledgement of a Signal.
const PATIENCE_BEFORE_CLOSE: Duration = Duration::from_secs(5);
/// How long after a failed write the end of the other side may take to show.
const TIME_TO_END: Duration = Duration::from_secs(2);
/// How long the server may take to start a pipeline that it has taken and that has said nothing yet.
const TIME_TO_START: Duration = Duration::from_millis(100);
