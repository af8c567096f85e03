//! One shell: a runspace pool, the pipelines that run in it, and what waits to be received.
//!
//! Pipelines advance only while little waits to be received, so that a read over a whole organisation is made piece by
//! piece as the client takes it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use psrp::server::ServerOptions;
use psrp::{DecodeError, PipelineId, StateError, StreamTarget};

use crate::cmdlets::{Exchange, Session};
use crate::options::ManagementTools;
use crate::runspace::Runspace;

/// How many bytes may wait for one stream before its pipeline pauses.
const HIGH_WATER: usize = 384 << 10;
/// How long pipelines advance before others get their turn.
const SLICE: Duration = Duration::from_millis(20);

/// How the bytes of a stream are cut into the elements of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cutting {
    /// One fragment an element.
    Fragments,
    /// So many bytes an element, without regard to fragments.
    Blobs(usize),
}

/// A shell.
#[derive(Debug)]
pub(super) struct Shell {
    runspace: Runspace,
    outboxes: HashMap<StreamTarget, Outbox>,
    cutting: Cutting,
    unfinished: bool,
    /// Streams that somebody waits on.
    pub(super) receiving: HashSet<StreamTarget>,
    pub(super) idle_timeout: Duration,
    pub(super) last_used: Instant,
}

/// What waits to be received on one stream.
#[derive(Debug, Default)]
struct Outbox {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    done: bool,
}

/// What a Receive takes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) pieces: Vec<Vec<u8>>,
    /// Whether this was the end of the stream.
    pub(super) done: bool,
}

impl Shell {
    pub(super) fn new(
        session: Session,
        fragment_size: usize,
        cutting: Cutting,
        idle_timeout: Duration,
        now: Instant,
    ) -> Self {
        let options = ServerOptions::default().max_fragment_size(fragment_size);
        Self {
            runspace: Runspace::new(options, session),
            outboxes: HashMap::new(),
            cutting,
            unfinished: false,
            receiving: HashSet::new(),
            idle_timeout,
            last_used: now,
        }
    }

    /// Makes it a PowerShell into which Exchange's cmdlets have to be loaded.
    pub(super) fn without_exchange(mut self, installed: ManagementTools) -> Self {
        self.runspace = self.runspace.without_exchange(installed);
        self
    }

    /// The client leaves; what is written is kept.
    pub(super) fn disconnect(&mut self) -> Result<(), StateError> {
        self.runspace.disconnect()
    }

    /// The same client is there again.
    pub(super) fn reconnect(&mut self, exchange: &mut Exchange) -> Result<(), StateError> {
        self.runspace.reconnect(exchange)?;
        self.pump(exchange);
        Ok(())
    }

    /// Another client takes its place.
    pub(super) fn connect(
        &mut self,
        exchange: &mut Exchange,
        bytes: &[u8],
    ) -> Result<Vec<u8>, DecodeError> {
        let answer = self.runspace.connect(exchange, bytes)?;
        self.pump(exchange);
        Ok(answer)
    }

    /// The commands that can be received from.
    pub(super) fn pipelines(&self) -> Vec<PipelineId> {
        let pipeline = |target: &StreamTarget| match target {
            StreamTarget::Pipeline(id) => Some(*id),
            StreamTarget::Pool => None,
        };
        self.outboxes.keys().filter_map(pipeline).collect()
    }

    /// Takes bytes of a stream; what the pool cannot read gets no answer, as from Microsoft's engine.
    pub(super) fn feed(
        &mut self,
        exchange: &mut Exchange,
        target: StreamTarget,
        bytes: &[u8],
        prompt: bool,
    ) {
        self.runspace.feed(exchange, target, bytes, prompt);
        self.pump(exchange);
    }

    /// Announces a command, so that it can be received from.
    pub(super) fn announce(&mut self, pipeline: PipelineId) {
        self.outboxes.entry(StreamTarget::Pipeline(pipeline)).or_default();
        self.runspace.announce(pipeline);
    }

    /// Returns whether the stream exists: the pool's always, a command's until its end was received.
    pub(super) fn has(&self, target: StreamTarget) -> bool {
        target == StreamTarget::Pool || self.outboxes.contains_key(&target)
    }

    /// Stops a pipeline; its last state is still received.
    pub(super) fn stop(&mut self, exchange: &mut Exchange, pipeline: PipelineId) {
        self.runspace.stop(exchange, pipeline);
        self.pump(exchange);
    }

    /// Ends a command; nothing more is received of it.
    pub(super) fn terminate(&mut self, exchange: &mut Exchange, pipeline: PipelineId) {
        self.runspace.terminate(exchange, pipeline);
        self.pump(exchange);
        self.outboxes.remove(&StreamTarget::Pipeline(pipeline));
    }

    /// Takes what waits on a stream, as much as fits into `budget` bytes of an answer; nothing when nothing waits.
    pub(super) fn take(
        &mut self,
        exchange: &mut Exchange,
        target: StreamTarget,
        budget: usize,
    ) -> Option<Taken> {
        self.pump(exchange);
        let outbox = self.outboxes.get_mut(&target)?;
        let mut taken = Taken::default();
        let mut left = budget;
        while let Some(piece) = outbox.pieces.pop_front() {
            let room = left.saturating_sub(ELEMENT) / 4 * 3;
            if piece.len() > room {
                // An element that fits into no answer is cut; else it waits for the next.
                let cut = if taken.pieces.is_empty() { room.max(1) } else { 0 };
                let (head, tail) = piece.split_at_checked(cut).unwrap_or((&piece, &[]));
                outbox.bytes = outbox.bytes.saturating_sub(head.len());
                outbox.pieces.push_front(tail.to_vec());
                if !head.is_empty() {
                    taken.pieces.push(head.to_vec());
                }
                break;
            }
            left = left.saturating_sub(piece.len().div_ceil(3) * 4 + ELEMENT);
            outbox.bytes = outbox.bytes.saturating_sub(piece.len());
            taken.pieces.push(piece);
        }
        taken.done = outbox.done && outbox.pieces.is_empty();
        if taken.done {
            self.outboxes.remove(&target);
        }
        (taken.done || !taken.pieces.is_empty()).then_some(taken)
    }

    /// Lets everything advance that can, for the time of a slice.
    fn pump(&mut self, exchange: &mut Exchange) {
        let end = Instant::now() + SLICE;
        loop {
            self.collect();
            let ready: Vec<PipelineId> =
                self.runspace.ready().filter(|id| self.has_room(*id)).collect();
            self.unfinished = !ready.is_empty();
            if ready.is_empty() || Instant::now() > end {
                return;
            }
            for id in ready {
                self.runspace.advance(exchange, id);
            }
        }
    }

    /// Returns whether a pipeline would advance if it had another turn.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    fn has_room(&self, id: PipelineId) -> bool {
        let outbox = self.outboxes.get(&StreamTarget::Pipeline(id));
        outbox.map_or(0, |outbox| outbox.bytes) < HIGH_WATER
    }

    /// Moves what the pool sends into the outboxes, and marks those whose pipeline has ended.
    fn collect(&mut self) {
        while let Some((target, bytes)) = self.runspace.poll_transmit() {
            // What a terminated command still says is not wanted.
            let outbox = match target {
                StreamTarget::Pool => Some(self.outboxes.entry(target).or_default()),
                StreamTarget::Pipeline(_) => self.outboxes.get_mut(&target),
            };
            if let Some(outbox) = outbox {
                outbox.bytes += bytes.len();
                outbox.push(bytes, self.cutting);
            }
            if let StreamTarget::Pipeline(id) = target
                && !self.runspace.knows(id)
                && let Some(outbox) = self.outboxes.get_mut(&target)
            {
                outbox.done = true;
            }
        }
    }
}

/// What an element of an answer takes beside its base64.
const ELEMENT: usize = 120;

impl Outbox {
    fn push(&mut self, bytes: Vec<u8>, cutting: Cutting) {
        match cutting {
            Cutting::Fragments => self.pieces.extend(fragments(bytes)),
            Cutting::Blobs(size) => {
                let mut stream = match self.pieces.pop_back() {
                    Some(last) if last.len() < size => last,
                    Some(last) => {
                        self.pieces.push_back(last);
                        Vec::new()
                    }
                    None => Vec::new(),
                };
                stream.extend(bytes);
                self.pieces.extend(stream.chunks(size).map(<[u8]>::to_vec));
            }
        }
    }
}

/// Cuts whole fragments apart; each has 21 bytes of header, the last four of which are the length of the rest.
fn fragments(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some(header) = rest.first_chunk::<21>() {
        let [.., a, b, c, d] = *header;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some((piece, after)) = rest.split_at_checked(length.saturating_add(21)) else { break };
        pieces.push(piece.to_vec());
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest.to_vec());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_cut_apart_by_their_lengths() {
        let fragment =
            |length: u8| [vec![0; 20], vec![length], vec![length; usize::from(length)]].concat();
        let stream = [fragment(3), fragment(0), fragment(200)].concat();
        assert_eq!(fragments(stream), [fragment(3), fragment(0), fragment(200)]);
        assert_eq!(fragments(vec![1, 2]), [vec![1, 2]]);
    }

    #[test]
    fn blobs_ignore_fragments() {
        let mut outbox = Outbox::default();
        outbox.push(vec![1; 10], Cutting::Blobs(4));
        outbox.push(vec![2; 3], Cutting::Blobs(4));
        let sizes: Vec<usize> = outbox.pieces.iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, 4, 4, 1]);
        assert_eq!(
            outbox.pieces.into_iter().flatten().collect::<Vec<_>>(),
            [vec![1; 10], vec![2; 3]].concat()
        );
    }
}
