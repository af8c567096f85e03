//! Scripts that a fuzzer writes: bytes that say what happens next. Every string of bytes is a script.

use bytes::Bytes;

use crate::fragment::Fragmenter;
use crate::id::{PipelineId, RunspacePoolId, StreamTarget};
use crate::message::{Destination, Message, MessageType};

/// A message on its way, cut into pieces.
pub(super) struct Delivery {
    pub(super) target: StreamTarget,
    pub(super) pieces: Vec<Vec<u8>>,
}

/// What is left of a script.
pub(super) struct Script<'a>(&'a [u8]);

/// Set in the byte that addresses a message: the id of another pool, of another pipeline, and a fragment that gets lost.
const OTHER_POOL: u8 = 0x80;
const OTHER_PIPELINE: u8 = 0x40;
const LOSE_A_PIECE: u8 = 0x20;

impl<'a> Script<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte, `None` at the end.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// One of these pipelines; where there are none, one that nobody knows.
    pub(super) fn pipeline(&mut self, pipelines: &[PipelineId]) -> Option<PipelineId> {
        self.one_of(pipelines, PipelineId::NIL)
    }

    /// One of these, chosen by the next byte.
    fn one_of<T: Copy>(&mut self, choices: &[T], otherwise: T) -> Option<T> {
        let index = usize::from(self.byte()?);
        let wrapped = index.checked_rem(choices.len()).unwrap_or(0);
        Some(choices.get(wrapped).copied().unwrap_or(otherwise))
    }

    /// A string of bytes after its length in two bytes; a shorter one at the end of the script.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_le_bytes([self.byte()?, self.byte()?]));
        let (bytes, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        Some(bytes)
    }

    /// The pool, or one of the pipelines.
    pub(super) fn target(&mut self, pipelines: &[PipelineId]) -> Option<StreamTarget> {
        Some(target(self.byte()?, pipelines))
    }

    /// A message: its type, where it goes and what goes wrong, the size of its fragments and of the pieces they arrive in,
    /// and its body.
    pub(super) fn message(
        &mut self,
        destination: Destination,
        pool: RunspacePoolId,
        pipelines: &[PipelineId],
        fragmenter: &mut Fragmenter,
    ) -> Option<Delivery> {
        let message_type = self.one_of(MessageType::ALL, MessageType::Other(0))?;
        let (address, fragment, piece) = (self.byte()?, self.byte()?, self.byte()?);
        let target = target(address & 0x1f, pipelines);
        let pipeline = match target {
            StreamTarget::Pipeline(id) if address & OTHER_PIPELINE == 0 => id,
            StreamTarget::Pool if address & OTHER_PIPELINE == 0 => PipelineId::NIL,
            _ => pipelines.last().copied().unwrap_or_else(|| PipelineId::from_wire([9; 16])),
        };
        let message = Message {
            destination,
            message_type,
            pool: if address & OTHER_POOL == 0 { pool } else { RunspacePoolId::from_wire([9; 16]) },
            pipeline,
            body: Bytes::copy_from_slice(self.bytes()?),
        };
        fragmenter.set_max_fragment_size(22 + 8 * usize::from(fragment));
        let mut wire = Vec::new();
        fragmenter.fragment(&message.to_bytes(), &mut wire);
        let size = if piece == 0 { wire.len() } else { usize::from(piece) };
        let mut pieces: Vec<Vec<u8>> = wire.chunks(size.max(1)).map(<[u8]>::to_vec).collect();
        if address & LOSE_A_PIECE != 0 {
            pieces.swap_remove(pieces.len() / 2);
        }
        Some(Delivery { target, pieces })
    }
}

fn target(byte: u8, pipelines: &[PipelineId]) -> StreamTarget {
    match usize::from(byte).checked_sub(1) {
        None => StreamTarget::Pool,
        Some(index) => StreamTarget::Pipeline(
            pipelines.get(index).copied().unwrap_or_else(|| PipelineId::from_wire([8; 16])),
        ),
    }
}

/// Writes a message as [`Script::message`] reads it, with its address in the plain.
pub(super) fn write_message(script: &mut Vec<u8>, message: &Message, address: u8) {
    let code = MessageType::ALL.iter().position(|known| *known == message.message_type);
    let length = u16::try_from(message.body.len()).unwrap_or(u16::MAX);
    script.push(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(0));
    script.extend([address, 255, 0]);
    script.extend(length.to_le_bytes());
    script.extend(message.body.iter().take(usize::from(length)));
}
