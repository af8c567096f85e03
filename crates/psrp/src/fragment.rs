//! Fragments: messages cut into pieces with a header of 21 bytes, and put together again.
//!
//! Spec: [MS-PSRP] 2.2.4 Packet Fragment.
//!
//! What surprised: a transport treats the fragments of one stream as plain bytes. Windows clients cut fragments
//! anywhere, servers send several in one piece, so [`Defragmenter`] takes bytes, not fragments. Like Microsoft's receiver
//! it ignores the top bit of all three numbers and the unused flag bits, drops an open object when another starts, and
//! lets object ids repeat or go down; what skips, repeats or interleaves inside an object is refused. The document allows
//! objects to interleave, and so does [`FragmentLimits::max_open_objects`], if asked to.

use core::fmt;
use core::num::NonZeroU64;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::error::DecodeError;

/// Bytes of a fragment header.
pub const FRAGMENT_HEADER_LEN: usize = 21;

const START: u8 = 0x01;
const END: u8 = 0x02;
const TOP_BIT_64: u64 = 1 << 63;
const TOP_BIT_32: u32 = 1 << 31;

/// Numbers the objects (messages) of one sender, from 1 upwards.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectId(NonZeroU64);

impl ObjectId {
    /// The id of a sender's first object.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Wraps a number; `None` for zero, which the protocol forbids.
    #[must_use]
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    fn next(self) -> Self {
        // 2^63 objects are never sent; wrapping keeps the top bit clear all the same.
        Self::new((self.get() + 1) & !TOP_BIT_64).unwrap_or(Self::FIRST)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The header of one fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the layout is fixed by the protocol")]
pub struct FragmentHeader {
    /// The object that the fragment is a piece of.
    pub object_id: ObjectId,
    /// Place among the pieces, from 0.
    pub fragment_id: u64,
    /// True for the first piece.
    pub start: bool,
    /// True for the last piece.
    pub end: bool,
    /// Bytes of data that follow the header.
    pub blob_len: u32,
}

impl FragmentHeader {
    /// Reads a header. Top bits and unknown flags are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError::ZeroObjectId`] when the object id is zero.
    pub fn from_bytes(bytes: &[u8; FRAGMENT_HEADER_LEN]) -> Result<Self, DecodeError> {
        let [o0, o1, o2, o3, o4, o5, o6, o7, f0, f1, f2, f3, f4, f5, f6, f7, flags, l0, l1, l2, l3] =
            *bytes;
        let object = u64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]) & !TOP_BIT_64;
        Ok(Self {
            object_id: ObjectId::new(object).ok_or(DecodeError::ZeroObjectId)?,
            fragment_id: u64::from_be_bytes([f0, f1, f2, f3, f4, f5, f6, f7]) & !TOP_BIT_64,
            start: flags & START != 0,
            end: flags & END != 0,
            blob_len: u32::from_be_bytes([l0, l1, l2, l3]) & !TOP_BIT_32,
        })
    }

    /// Appends the 21 bytes of the header.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.object_id.get().to_be_bytes());
        out.extend_from_slice(&self.fragment_id.to_be_bytes());
        out.push((u8::from(self.start) * START) | (u8::from(self.end) * END));
        out.extend_from_slice(&self.blob_len.to_be_bytes());
    }
}

/// Cuts messages into fragments and numbers them.
///
/// One fragmenter serves all streams of a sender: object ids count per sender, not per stream.
#[derive(Clone, Debug)]
pub struct Fragmenter {
    /// INVARIANT: at least 1 and at most `u32::MAX >> 1`.
    max_blob: usize,
    next: ObjectId,
}

impl Fragmenter {
    /// Bytes of a fragment, header included, that every server takes: what servers send themselves.
    pub const DEFAULT_MAX_FRAGMENT_SIZE: usize = 32_768;

    /// Makes a fragmenter whose fragments have at most `max_fragment_size` bytes, header included.
    ///
    /// Sizes that cannot hold the header and one byte of data are raised to that.
    #[must_use]
    pub fn new(max_fragment_size: usize) -> Self {
        let mut fragmenter = Self { max_blob: 1, next: ObjectId::FIRST };
        fragmenter.set_max_fragment_size(max_fragment_size);
        fragmenter
    }

    /// Changes the size of fragments from now on.
    pub fn set_max_fragment_size(&mut self, max_fragment_size: usize) {
        self.max_blob = max_fragment_size.saturating_sub(FRAGMENT_HEADER_LEN).clamp(1, 0x7fff_ffff);
    }

    /// Appends one message as a single fragment, whatever its size, for the few messages that must not be cut.
    pub(crate) fn fragment_whole(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let max_blob = core::mem::replace(&mut self.max_blob, message.len().clamp(1, 0x7fff_ffff));
        self.fragment(message, out);
        self.max_blob = max_blob;
    }

    /// Appends the fragments of one message to `out` and returns the object id they carry.
    ///
    /// An empty message makes one fragment without data, which no real receiver waits for; messages have 40 bytes or more.
    ///
    /// # Panics
    ///
    /// Never: the size of fragments is bounded when it is set.
    pub fn fragment(&mut self, message: &[u8], out: &mut Vec<u8>) -> ObjectId {
        let object_id = self.next;
        self.next = object_id.next();
        let pieces = message.len().div_ceil(self.max_blob).max(1);
        out.reserve(message.len() + pieces * FRAGMENT_HEADER_LEN);
        let mut rest = message;
        let mut fragment_id = 0;
        loop {
            let (blob, tail) = rest.split_at_checked(self.max_blob).unwrap_or((rest, &[]));
            FragmentHeader {
                object_id,
                fragment_id,
                start: fragment_id == 0,
                end: tail.is_empty(),
                blob_len: u32::try_from(blob.len()).expect("a blob has at most 2^31 - 1 bytes"),
            }
            .write_to(out);
            out.extend_from_slice(blob);
            if tail.is_empty() {
                return object_id;
            }
            rest = tail;
            fragment_id += 1;
        }
    }
}

impl Default for Fragmenter {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_FRAGMENT_SIZE)
    }
}

/// How much a [`Defragmenter`] takes from a peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FragmentLimits {
    /// Bytes of one object, headers of its fragments included. Default 64 MiB (Windows clients take 200 MB).
    pub max_object_size: usize,
    /// Bytes held at once: the open object and what has arrived but is not read yet. Default 96 MiB.
    pub max_buffered: usize,
    /// Objects of one stream that may be incomplete at once. Default 1, as Microsoft's receiver has it: another start drops
    /// the open object. From 2 on objects may interleave, and one more than allowed is refused.
    pub max_open_objects: usize,
}

impl FragmentLimits {
    /// Sets the largest object, in bytes.
    #[must_use]
    pub const fn max_object_size(mut self, bytes: usize) -> Self {
        self.max_object_size = bytes;
        self
    }

    /// Sets how many bytes may be held at once.
    #[must_use]
    pub const fn max_buffered(mut self, bytes: usize) -> Self {
        self.max_buffered = bytes;
        self
    }

    /// Sets how many objects of one stream may be incomplete at once; 0 counts as 1.
    #[must_use]
    pub const fn max_open_objects(mut self, count: usize) -> Self {
        self.max_open_objects = count;
        self
    }
}

impl Default for FragmentLimits {
    fn default() -> Self {
        Self { max_object_size: 64 << 20, max_buffered: 96 << 20, max_open_objects: 1 }
    }
}

/// One message put together, with the object id it came under.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "an object is its id and its bytes")]
pub struct CompleteObject {
    /// The id the sender gave it.
    pub object_id: ObjectId,
    /// Number of fragments it came in.
    pub fragments: u64,
    /// The message: header of 40 bytes and body.
    pub bytes: Bytes,
}

#[derive(Debug)]
struct OpenObject {
    id: ObjectId,
    next_fragment: u64,
    /// Headers and data so far, which the object limit counts.
    size: usize,
    data: BytesMut,
}

/// Puts the messages of ONE byte stream together.
///
/// Feed it with [`push`](Self::push), then call [`next_object`](Self::next_object) until `None`. After an error the
/// stream has no meaning any more: every later call reports [`DecodeError::StreamDead`].
///
/// ```
/// use psrp::fragment::{Defragmenter, Fragmenter};
///
/// let mut wire = Vec::new();
/// Fragmenter::new(30).fragment(b"a message of some length", &mut wire);
/// let mut stream = Defragmenter::default();
/// let (first, second) = wire.split_at(17);
/// stream.push(first)?;
/// assert!(stream.next_object()?.is_none());
/// stream.push(second)?;
/// assert_eq!(stream.next_object()?.unwrap().bytes, b"a message of some length"[..]);
/// # Ok::<(), psrp::DecodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct Defragmenter {
    limits: FragmentLimits,
    /// What has arrived and is not used up.
    buffer: BytesMut,
    /// In the order of their starts.
    open: Vec<OpenObject>,
    /// Set after Connect: fragments that continue an object we never saw the start of are skipped.
    skip_to_start: bool,
    dropped: bool,
    dead: bool,
}

impl Defragmenter {
    /// Makes an empty stream with these limits.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Makes a stream that is joined in its middle, as after Connect: fragments are skipped until one starts an object.
    #[must_use]
    pub fn joining(limits: FragmentLimits) -> Self {
        Self { limits, skip_to_start: true, ..Self::default() }
    }

    /// Takes bytes of the stream, cut anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError::BufferFull`] when more would be held than the limit allows, [`DecodeError::StreamDead`] after an
    /// earlier error.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.check_room(bytes.len())?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes bytes of the stream, cut anywhere, without a copy when they begin with a fragment: objects of a single fragment
    /// then share their memory.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_bytes(&mut self, bytes: Bytes) -> Result<(), DecodeError> {
        self.check_room(bytes.len())?;
        if self.buffer.is_empty() {
            self.buffer = BytesMut::from(bytes);
        } else {
            self.buffer.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn check_room(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.check_alive()?;
        let (held, limit) = (self.buffered().saturating_add(bytes), self.limits.max_buffered);
        if held > limit { Err(self.die(DecodeError::BufferFull { held, limit })) } else { Ok(()) }
    }

    /// Returns the next complete message, or `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`DecodeError::ZeroObjectId`], [`DecodeError::NotStarted`], [`DecodeError::Interleaved`],
    /// [`DecodeError::OutOfOrder`], [`DecodeError::TooManyOpen`] and [`DecodeError::ObjectTooLarge`] when the peer breaks the
    /// rules of fragments; [`DecodeError::StreamDead`] after any of them.
    pub fn next_object(&mut self) -> Result<Option<CompleteObject>, DecodeError> {
        self.check_alive()?;
        match self.advance() {
            Ok(object) => Ok(object),
            Err(error) => Err(self.die(error)),
        }
    }

    /// Bytes held: the open objects and what is not read yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        let open: usize = self.open.iter().map(|open| open.data.len()).sum();
        self.buffer.len().saturating_add(open)
    }

    /// True when neither a fragment nor an object is incomplete: the stream may end here.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.open.is_empty() && self.buffer.is_empty()
    }

    /// True once an object was dropped because another started before its end: something is missing from the stream.
    #[must_use]
    pub const fn has_dropped(&self) -> bool {
        self.dropped
    }

    fn check_alive(&self) -> Result<(), DecodeError> {
        if self.dead { Err(DecodeError::StreamDead) } else { Ok(()) }
    }

    fn die(&mut self, error: DecodeError) -> DecodeError {
        self.dead = true;
        self.buffer = BytesMut::new();
        self.open = Vec::new();
        error
    }

    fn advance(&mut self) -> Result<Option<CompleteObject>, DecodeError> {
        // INVARIANT: each turn uses up at least the header, so the loop ends with the buffer.
        loop {
            let Some((head, after)) = self.buffer.split_first_chunk::<FRAGMENT_HEADER_LEN>() else {
                return Ok(None);
            };
            let header = FragmentHeader::from_bytes(head)?;
            let blob_len = usize::try_from(header.blob_len).unwrap_or(usize::MAX);
            let limit = self.limits.max_open_objects.max(1);
            let incomplete = self.open.len();
            let expected = accept(&header, &mut self.open, limit, self.skip_to_start)?;
            self.dropped |= self.open.len() < incomplete;
            let before = find(&self.open, header.object_id).map_or(0, |open| open.size);
            let size = before.saturating_add(FRAGMENT_HEADER_LEN).saturating_add(blob_len);
            if expected && size > self.limits.max_object_size {
                return Err(DecodeError::ObjectTooLarge {
                    object: header.object_id,
                    size,
                    limit: self.limits.max_object_size,
                });
            }
            if after.len() < blob_len {
                return Ok(None);
            }
            self.buffer.advance(FRAGMENT_HEADER_LEN);
            let blob = self.buffer.split_to(blob_len);
            if !expected {
                continue;
            }
            self.skip_to_start = false;
            let done = take(&mut self.open, &header, blob, size);
            if done.is_some() {
                return Ok(done);
            }
        }
    }
}

fn find(open: &[OpenObject], id: ObjectId) -> Option<&OpenObject> {
    open.iter().find(|open| open.id == id)
}

/// Checks a fragment against the open objects and drops those it puts an end to. False for one to be skipped.
///
/// Checking again, when the rest of the fragment has come, changes nothing.
fn accept(
    header: &FragmentHeader,
    open: &mut Vec<OpenObject>,
    limit: usize,
    skip: bool,
) -> Result<bool, DecodeError> {
    let (object, got) = (header.object_id, header.fragment_id);
    if header.start {
        open.retain(|open| limit > 1 && open.id != object);
        return match got {
            0 if open.len() < limit => Ok(true),
            0 => Err(DecodeError::TooManyOpen { open: open.len(), limit }),
            _ => Err(DecodeError::OutOfOrder { object, expected: 0, got }),
        };
    }
    match (find(open, object), open.last()) {
        (Some(open), _) if open.next_fragment == got => Ok(true),
        (Some(open), _) => {
            Err(DecodeError::OutOfOrder { object, expected: open.next_fragment, got })
        }
        (None, Some(open)) => Err(DecodeError::Interleaved { open: open.id, got: object }),
        (None, None) if skip => Ok(false),
        (None, None) => Err(DecodeError::NotStarted { object, fragment: got }),
    }
}

/// Adds a whole fragment to its object; returns the object when that was its last.
fn take(
    open: &mut Vec<OpenObject>,
    header: &FragmentHeader,
    blob: BytesMut,
    size: usize,
) -> Option<CompleteObject> {
    let place = open.iter().position(|open| open.id == header.object_id);
    let mut object = match place {
        Some(place) => {
            let mut object = open.remove(place);
            object.data.extend_from_slice(&blob);
            object
        }
        None => OpenObject { id: header.object_id, next_fragment: 0, size: 0, data: blob },
    };
    object.next_fragment += 1;
    object.size = size;
    if header.end {
        return Some(CompleteObject {
            object_id: object.id,
            fragments: object.next_fragment,
            bytes: object.data.freeze(),
        });
    }
    open.push(object);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(object: u64, fragment: u64, flags: u8, blob: &[u8]) -> Vec<u8> {
        let mut out = object.to_be_bytes().to_vec();
        out.extend_from_slice(&fragment.to_be_bytes());
        out.push(flags);
        out.extend_from_slice(&u32::try_from(blob.len()).unwrap().to_be_bytes());
        out.extend_from_slice(blob);
        out
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
        let mut stream = Defragmenter::default();
        stream.push(bytes)?;
        let mut objects = Vec::new();
        while let Some(object) = stream.next_object()? {
            objects.push(object.bytes.to_vec());
        }
        Ok(objects)
    }

    #[test]
    fn a_start_drops_the_open_object() {
        let wire = [header(1, 0, 1, b"lost"), header(2, 0, 3, b"kept")].concat();
        assert_eq!(read(&wire).unwrap(), [b"kept".to_vec()]);
    }

    #[test]
    fn top_bits_and_unknown_flags_are_ignored() {
        let mut wire = header(5 | TOP_BIT_64, TOP_BIT_64, 0xff, b"x");
        wire[17] |= 0x80;
        assert_eq!(read(&wire).unwrap(), [b"x".to_vec()]);
    }

    #[test]
    fn object_ids_may_repeat_and_go_down() {
        let wire = [header(9, 0, 3, b"a"), header(9, 0, 3, b"b"), header(2, 0, 3, b"c")].concat();
        assert_eq!(read(&wire).unwrap().concat(), b"abc");
    }

    #[test]
    fn a_gap_a_repetition_and_a_stranger_are_refused() {
        let gap = [header(1, 0, 1, b"a"), header(1, 2, 2, b"b")].concat();
        assert!(matches!(read(&gap), Err(DecodeError::OutOfOrder { expected: 1, got: 2, .. })));
        let again = [header(1, 0, 1, b"a"), header(1, 0, 2, b"b")].concat();
        assert!(matches!(read(&again), Err(DecodeError::OutOfOrder { expected: 1, got: 0, .. })));
        let stranger = [header(1, 0, 1, b"a"), header(2, 1, 2, b"b")].concat();
        assert!(matches!(read(&stranger), Err(DecodeError::Interleaved { .. })));
        assert!(matches!(read(&header(1, 1, 2, b"b")), Err(DecodeError::NotStarted { .. })));
        assert!(matches!(read(&header(0, 0, 3, b"b")), Err(DecodeError::ZeroObjectId)));
    }

    #[test]
    fn objects_interleave_where_that_is_allowed() {
        let limits = FragmentLimits::default().max_open_objects(2);
        let wire = [
            header(1, 0, 1, b"a"),
            header(2, 0, 1, b"x"),
            header(1, 1, 0, b"b"),
            header(2, 1, 2, b"y"),
            header(3, 0, 3, b"alone"),
            header(1, 2, 2, b"c"),
        ]
        .concat();
        let mut stream = Defragmenter::new(limits);
        let mut got = Vec::new();
        for byte in wire {
            stream.push(&[byte]).unwrap();
            got.extend(stream.next_object().unwrap().map(|object| object.bytes));
        }
        assert_eq!(got, [b"xy".to_vec(), b"alone".to_vec(), b"abc".to_vec()]);
        assert!(stream.is_idle());
        let starts = [header(1, 0, 1, b"a"), header(2, 0, 1, b"b"), header(3, 0, 1, b"c")].concat();
        stream.push(&starts).unwrap();
        assert!(matches!(
            stream.next_object(),
            Err(DecodeError::TooManyOpen { open: 2, limit: 2 })
        ));
    }

    #[test]
    fn a_joined_stream_begins_at_the_first_start() {
        let mut stream = Defragmenter::joining(FragmentLimits::default());
        stream.push(&header(4, 7, 2, b"tail")).unwrap();
        stream.push(&header(5, 0, 3, b"whole")).unwrap();
        assert_eq!(stream.next_object().unwrap().unwrap().bytes, b"whole"[..]);
        stream.push(&header(6, 1, 2, b"tail")).unwrap();
        assert!(stream.next_object().is_err());
    }

    #[test]
    fn an_object_over_the_limit_is_refused_before_its_data_arrive() {
        let limits = FragmentLimits::default().max_object_size(100);
        let mut stream = Defragmenter::new(limits);
        let wire = header(1, 0, 3, &[0; 80]);
        stream.push(wire.get(..21).unwrap()).unwrap();
        assert!(matches!(
            stream.next_object(),
            Err(DecodeError::ObjectTooLarge { size: 101, limit: 100, .. })
        ));
        assert!(matches!(stream.push(b"x"), Err(DecodeError::StreamDead)));
    }

    #[test]
    fn the_buffer_is_bounded() {
        let mut stream = Defragmenter::new(FragmentLimits::default().max_buffered(10));
        stream.push(&[0; 10]).unwrap();
        assert!(matches!(stream.push(&[0]), Err(DecodeError::BufferFull { held: 11, limit: 10 })));
    }

    #[test]
    fn a_fragmenter_counts_objects_from_one() {
        let mut fragmenter = Fragmenter::new(0);
        let mut out = Vec::new();
        assert_eq!(fragmenter.fragment(b"ab", &mut out).get(), 1);
        assert_eq!(fragmenter.fragment(b"c", &mut out).get(), 2);
        assert_eq!(out.len(), 3 * 22);
        assert_eq!(read(&out).unwrap(), [b"ab".to_vec(), b"c".to_vec()]);
    }

    proptest::proptest! {
        #[test]
        fn any_cut_gives_the_same_messages(
            messages in proptest::collection::vec(proptest::collection::vec(0u8.., 1..300), 1..6),
            max in 22usize..200,
            cuts in proptest::collection::vec(1usize..60, 1..40),
        ) {
            let mut fragmenter = Fragmenter::new(max);
            let mut wire = Vec::new();
            for message in &messages {
                fragmenter.fragment(message, &mut wire);
            }
            let mut stream = Defragmenter::default();
            let mut got = Vec::new();
            let mut rest = wire.as_slice();
            for cut in cuts.iter().cycle() {
                let (head, tail) = rest.split_at(rest.len().min(*cut));
                stream.push(head).unwrap();
                while let Some(object) = stream.next_object().unwrap() {
                    got.push(object.bytes);
                }
                rest = tail;
                if rest.is_empty() {
                    break;
                }
            }
            proptest::prop_assert_eq!(got, messages);
            proptest::prop_assert!(stream.is_idle());
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(0u8.., 0..400)) {
            let mut stream = Defragmenter::default();
            stream.push(&bytes).unwrap();
            while let Ok(Some(_)) = stream.next_object() {}
            proptest::prop_assert!(stream.buffered() <= bytes.len());
        }
    }
}
