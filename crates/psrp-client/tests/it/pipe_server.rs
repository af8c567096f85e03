//! A server in memory behind a pair of pipes, which notes every breach of the framing's rules.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use psrp_client::psrp::outofproc::Packet;
use psrp_client::psrp::server::{ServerOptions, ServerPool};
use psrp_client::psrp::{InputStream, StreamTarget};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines};
use tokio::time::Instant;

use crate::server::perform;

/// What the server saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// The kinds of the packets, in order.
    pub(crate) packets: Vec<&'static str>,
    /// What no server would forgive.
    pub(crate) breaches: Vec<String>,
    /// Bytes written.
    pub(crate) written: usize,
    /// The client has closed its pipe.
    pub(crate) ended: bool,
}

/// What a test may choose.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// A line to begin with.
    pub(crate) greeting: Option<String>,
    /// Packets of this kind are never acknowledged.
    pub(crate) ignored: Option<&'static str>,
    /// Sent in place of the first packet of a pipeline; then the pipe is closed if it is empty.
    pub(crate) last_line: Option<String>,
}

/// The other end.
pub(crate) struct PipeServer {
    lines: Lines<BufReader<DuplexStream>>,
    output: DuplexStream,
    manners: Manners,
    pool: ServerPool,
    seen: Arc<Mutex<Seen>>,
    /// Announced and not closed.
    open: HashSet<StreamTarget>,
    /// Pipelines that were taken then and have said nothing.
    starting: HashMap<StreamTarget, Instant>,
    /// Acknowledgements, and when they are sent.
    due: VecDeque<(Instant, Packet)>,
}

impl PipeServer {
    /// Starts a server; returns the client's ends and what the server sees.
    pub(crate) fn start(manners: Manners) -> (DuplexStream, DuplexStream, Arc<Mutex<Seen>>) {
        let (input, theirs) = tokio::io::duplex(PIPE);
        let (reader, output) = tokio::io::duplex(PIPE);
        let seen = Arc::<Mutex<Seen>>::default();
        let rng = rand::make_rng::<rand::rngs::StdRng>();
        let server = Self {
            lines: BufReader::new(theirs).lines(),
            output,
            manners,
            pool: ServerPool::new(ServerOptions::default(), Box::new(rng)),
            seen: Arc::clone(&seen),
            open: HashSet::new(),
            starting: HashMap::new(),
            due: VecDeque::new(),
        };
        tokio::spawn(server.run());
        (reader, input, seen)
    }

    async fn run(mut self) {
        if let Some(greeting) = self.manners.greeting.take() {
            self.write(&greeting).await;
        }
        loop {
            let acknowledge = self.due.front().map(|(due, _)| *due);
            let sleep = tokio::time::sleep_until(acknowledge.unwrap_or_else(Instant::now));
            tokio::select! {
                line = self.lines.next_line() => match line.unwrap() {
                    Some(line) => {
                        let packet = Packet::parse(&line).unwrap();
                        let is_data = matches!(packet, Packet::Data { target: StreamTarget::Pipeline(_), .. });
                        if let Some(line) = self.manners.last_line.clone().filter(|_| is_data) {
                            if line.is_empty() {
                                return;
                            }
                            self.write(&line).await;
                            continue;
                        }
                        self.handle(packet).await;
                    }
                    None => {
                        self.seen.lock().unwrap().ended = true;
                        return;
                    }
                },
                () = sleep, if acknowledge.is_some() => {
                    let (_, packet) = self.due.pop_front().unwrap();
                    if let Packet::DataAck(target) = packet {
                        self.starting.insert(target, Instant::now());
                    }
                    self.write(&packet.to_line()).await;
                }
            }
        }
    }

    async fn handle(&mut self, packet: Packet) {
        let (kind, target, answer) = match &packet {
            Packet::Data { target, .. } => ("Data", *target, Packet::DataAck(*target)),
            Packet::Command(target) => ("Command", *target, Packet::CommandAck(*target)),
            Packet::Signal(target) => ("Signal", *target, Packet::SignalAck(*target)),
            Packet::Close(target) => ("Close", *target, Packet::CloseAck(*target)),
            other => panic!("{other:?}"),
        };
        self.check(kind, target);
        match packet {
            Packet::Data { stream: InputStream::Stdin, bytes, .. } => {
                self.pool.handle_fragments(target, &bytes).unwrap();
            }
            Packet::Data { bytes, .. } => {
                self.pool.handle_prompt_responses(target, &bytes).unwrap();
            }
            Packet::Signal(StreamTarget::Pipeline(id)) => self.pool.handle_stop(id),
            Packet::Close(StreamTarget::Pipeline(id)) => self.pool.handle_terminate(id),
            _ => {}
        }
        while let Some(event) = self.pool.poll_event() {
            perform(&mut self.pool, event);
        }
        while let Some((target, bytes)) = self.pool.poll_transmit() {
            self.starting.remove(&target);
            self.write(&Packet::data(target, InputStream::Stdin, bytes).to_line()).await;
        }
        if self.manners.ignored != Some(kind) {
            self.due.push_back((Instant::now() + DELAY, answer));
        }
    }

    fn check(&mut self, kind: &'static str, target: StreamTarget) {
        let known = match (kind, target) {
            (_, StreamTarget::Pool) => true,
            ("Command", _) => self.open.insert(target),
            ("Close", _) => self.open.remove(&target),
            _ => self.open.contains(&target),
        };
        let mut seen = self.seen.lock().unwrap();
        seen.packets.push(kind);
        if !known {
            seen.breaches.push(format!("{kind} for a target that is not open"));
        }
        if self.due.iter().any(|(_, packet)| about(packet) == target) {
            seen.breaches.push(format!("{kind} before the acknowledgement of the packet before"));
        }
        let just_taken = |taken: &Instant| taken.elapsed() < Duration::from_millis(90);
        if kind == "Signal" && self.starting.get(&target).is_some_and(just_taken) {
            seen.breaches.push("Signal while the pipeline starts".to_owned());
        }
        if (kind, target) == ("Close", StreamTarget::Pool) && !self.open.is_empty() {
            seen.breaches.push("Close of the pool before that of its pipelines".to_owned());
        }
    }

    async fn write(&mut self, line: &str) {
        // A client that has gone needs nothing.
        let _ = self.output.write_all(format!("{line}\n").as_bytes()).await;
        self.seen.lock().unwrap().written += line.len() + 1;
    }
}

fn about(acknowledgement: &Packet) -> StreamTarget {
    match acknowledgement {
        Packet::DataAck(target)
        | Packet::CommandAck(target)
        | Packet::SignalAck(target)
        | Packet::CloseAck(target) => *target,
        other => panic!("{other:?}"),
    }
}

/// Bytes that fit a pipe.
const PIPE: usize = 65_536;
/// How long an acknowledgement takes.
const DELAY: Duration = Duration::from_millis(10);
