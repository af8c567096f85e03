//! The simulated Exchange behind PowerShell's out-of-process framing: one session on a pair of byte streams.
//!
//! It answers in the order of Microsoft's engine: what a packet for the pool brings about comes before its acknowledgement;
//! a packet for a pipeline is acknowledged first, and then its records come; a stopped pipeline tells its state before the
//! acknowledgement. Data that overtakes its Command is acknowledged and lost, and the pool's Close is answered when every
//! pipeline is closed.

use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use psrp::outofproc::Packet;
use psrp::server::ServerOptions;
use psrp::{InputStream, PipelineId, ProtocolVersion, StreamTarget};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::cmdlets::{Exchange, Session};
use crate::options::SimOptions;
use crate::runspace::Runspace;

/// The longest line that is taken: the base64 of the largest object with its fragments' headers.
const MAX_LINE: usize = 16 << 20;
/// How many bytes may wait to be written before pipelines pause.
const HIGH_WATER: usize = 256 << 10;
/// How long pipelines advance before the streams get their turn.
const SLICE: Duration = Duration::from_millis(20);

/// Serves one session over a pair of byte streams, such as standard input and output, until the client closes it or the
/// input ends.
///
/// Of the options only those of the organisation matter. Protocol versions up to 2.4 are spoken.
///
/// # Errors
///
/// What reading or writing fails with; [`io::ErrorKind::InvalidData`] for a line that is no packet or longer than 16 MiB.
///
/// # Cancel safety
///
/// When dropped, the session is gone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let options = exchange_sim::SimOptions::default().mailboxes(5);
/// let mut output = Vec::new();
/// let input = b"<Close PSGuid='00000000-0000-0000-0000-000000000000' />\n";
/// exchange_sim::serve_stdio(&options, &input[..], &mut output).await?;
/// assert!(output.ends_with(b"<CloseAck PSGuid='00000000-0000-0000-0000-000000000000' />\n"));
/// # Ok(())
/// # }
/// ```
pub async fn serve_stdio(
    options: &SimOptions,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut server = Server::new(options);
    let mut lines = Lines::default();
    let mut pending = BytesMut::new();
    let mut flushed = true;
    loop {
        if pending.len() < HIGH_WATER {
            server.advance();
        }
        for packet in server.outgoing.drain(..) {
            pending.extend_from_slice(packet.to_line().as_bytes());
            pending.extend_from_slice(b"\n");
        }
        if server.closed && pending.is_empty() && flushed {
            return output.shutdown().await;
        }
        let more = server.is_busy() && pending.len() < HIGH_WATER;
        let unwritten = !pending.is_empty() || !flushed;
        tokio::select! {
            biased;
            result = write_some(&mut output, &mut pending), if unwritten => flushed = result?,
            line = lines.next(&mut input), if !server.closed => match line? {
                Some(line) => server.handle(&line)?,
                None => server.closed = true,
            },
            () = tokio::task::yield_now(), if more => {}
        }
    }
}

/// Writes some bytes, or flushes when there are none; returns whether it flushed. Safe to be cancelled.
async fn write_some(
    output: &mut (impl AsyncWrite + Unpin),
    pending: &mut BytesMut,
) -> io::Result<bool> {
    if pending.is_empty() {
        output.flush().await?;
        return Ok(true);
    }
    match output.write_buf(pending).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => Ok(false),
    }
}

/// Cuts a byte stream into lines.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line feed.
    searched: usize,
}

impl Lines {
    /// Returns the next line without its line feed, or nothing at the end. Safe to be cancelled.
    async fn next(&mut self, input: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + at).to_vec();
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
            }
            if input.read_buf(&mut self.buffer).await? == 0 {
                // A line that was cut off is nothing anybody waits for.
                return Ok(None);
            }
        }
    }
}

/// The session and what it has to say.
#[derive(Debug)]
struct Server {
    exchange: Exchange,
    runspace: Runspace,
    /// The pipelines that were announced and not closed.
    pipelines: HashSet<PipelineId>,
    closing: bool,
    closed: bool,
    outgoing: Vec<Packet>,
}

impl Server {
    fn new(options: &SimOptions) -> Self {
        let exchange = Exchange::new(options);
        let session = Session::new(exchange.domain_controller(0));
        let server = ServerOptions::default()
            .max_fragment_size(options.fragment_size)
            .protocol_version(ProtocolVersion::V2_4);
        Self {
            exchange,
            runspace: Runspace::new(server, session),
            pipelines: HashSet::new(),
            closing: false,
            closed: false,
            outgoing: Vec::new(),
        }
    }

    fn is_busy(&self) -> bool {
        self.runspace.ready().next().is_some()
    }

    /// Lets pipelines advance for the time of a slice.
    fn advance(&mut self) {
        let end = Instant::now() + SLICE;
        while self.is_busy() && Instant::now() < end {
            let ready: Vec<PipelineId> = self.runspace.ready().collect();
            for id in ready {
                self.runspace.advance(&mut self.exchange, id);
            }
            self.collect();
        }
    }

    /// Takes what the pool has to say.
    fn collect(&mut self) {
        while let Some((target, bytes)) = self.runspace.poll_transmit() {
            self.outgoing.push(Packet::data(target, InputStream::Stdin, bytes));
        }
    }

    fn handle(&mut self, line: &[u8]) -> io::Result<()> {
        let line = std::str::from_utf8(line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if line.trim().is_empty() {
            return Ok(());
        }
        let packet = Packet::parse(line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        tracing::trace!(target = ?packet_target(&packet), "packet");
        match packet {
            Packet::Data { target, stream, bytes } => self.data(target, stream, &bytes),
            Packet::Command(target) => {
                if let StreamTarget::Pipeline(id) = target {
                    self.pipelines.insert(id);
                    self.runspace.announce(id);
                }
                self.outgoing.push(Packet::CommandAck(target));
            }
            Packet::Signal(target) => {
                if let StreamTarget::Pipeline(id) = target {
                    self.runspace.stop(&mut self.exchange, id);
                    self.collect();
                }
                self.outgoing.push(Packet::SignalAck(target));
            }
            Packet::Close(StreamTarget::Pipeline(id)) => self.close_pipeline(id),
            Packet::Close(StreamTarget::Pool) => {
                self.closing = true;
                self.close_if_idle();
            }
            // Acknowledgements are the server's to send.
            _ => {}
        }
        Ok(())
    }

    fn data(&mut self, target: StreamTarget, stream: InputStream, bytes: &[u8]) {
        let prompt = stream == InputStream::PromptResponse;
        let known = match target {
            StreamTarget::Pool => true,
            StreamTarget::Pipeline(id) => self.pipelines.contains(&id),
        };
        if target != StreamTarget::Pool {
            self.outgoing.push(Packet::DataAck(target));
        }
        if known {
            self.runspace.feed(&mut self.exchange, target, bytes, prompt);
            self.collect();
        }
        if target == StreamTarget::Pool {
            self.outgoing.push(Packet::DataAck(target));
        }
    }

    fn close_pipeline(&mut self, id: PipelineId) {
        self.runspace.terminate(&mut self.exchange, id);
        self.collect();
        self.pipelines.remove(&id);
        self.outgoing.push(Packet::CloseAck(StreamTarget::Pipeline(id)));
        self.close_if_idle();
    }

    fn close_if_idle(&mut self) {
        if self.closing && self.pipelines.is_empty() && !self.closed {
            self.runspace.close();
            self.collect();
            self.outgoing.push(Packet::CloseAck(StreamTarget::Pool));
            self.closed = true;
        }
    }
}

const fn packet_target(packet: &Packet) -> Option<StreamTarget> {
    match packet {
        Packet::Data { target, .. }
        | Packet::Command(target)
        | Packet::Signal(target)
        | Packet::Close(target) => Some(*target),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPELINE: &str = "11111111-2222-3333-4444-555555555555";
    const POOL: &str = "00000000-0000-0000-0000-000000000000";

    async fn answers(lines: &[String]) -> io::Result<Vec<String>> {
        let input = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let mut output = Vec::new();
        serve_stdio(&SimOptions::default().mailboxes(2), input.as_bytes(), &mut output).await?;
        Ok(String::from_utf8(output).unwrap().lines().map(str::to_owned).collect())
    }

    fn named(name: &str, guid: &str) -> String {
        format!("<{name} PSGuid='{guid}' />")
    }

    #[tokio::test]
    async fn the_pool_closes_when_its_pipelines_are_closed() {
        let lines = [
            named("Command", PIPELINE),
            named("Close", POOL),
            named("Signal", PIPELINE),
            named("Close", PIPELINE),
        ];
        let answers = answers(&lines).await.unwrap();
        let first: Vec<&str> = answers.iter().take(3).map(String::as_str).collect();
        let expected = [
            named("CommandAck", PIPELINE),
            named("SignalAck", PIPELINE),
            named("CloseAck", PIPELINE),
        ];
        assert_eq!(first, expected);
        assert_eq!(answers.last(), Some(&named("CloseAck", POOL)));
    }

    #[tokio::test]
    async fn data_without_its_command_is_acknowledged_and_lost() {
        let data = format!("<Data Stream='Default' PSGuid='{PIPELINE}'>AAAA</Data>");
        assert_eq!(answers(&[data]).await.unwrap(), [named("DataAck", PIPELINE)]);
    }

    #[tokio::test]
    async fn a_line_that_is_no_packet_ends_the_session() {
        let error = answers(&["hello".to_owned()]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(answers(&[String::new()]).await.unwrap(), Vec::<String>::new());
    }
}
