//! The byte streams that envelopes carry, and the PSRP messages in them.
//!
//! A message may begin in one envelope and end in another, and a fragment may be cut anywhere. So all streams are put together
//! first, their messages changed, and the bytes put back into the places that they came from.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use psrp::crypto::SecretEncoding;
use psrp::fragment::{FRAGMENT_HEADER_LEN, FragmentHeader};
use psrp::message::{MESSAGE_HEADER_LEN, MessageType};
use uuid::Uuid;

use super::Walk;
use crate::scrub::markup::apply;
use crate::scrub::property::Class;

/// Who sent an envelope.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::scrub) enum Side {
    Request,
    Answer,
}

/// One envelope of a recording, to be changed in place.
#[derive(Debug)]
pub(in crate::scrub) struct Envelope<'t> {
    pub(in crate::scrub) side: Side,
    /// A request and its answer have the same number.
    pub(in crate::scrub) exchange: usize,
    /// The name of the envelope in a report.
    pub(in crate::scrub) place: String,
    pub(in crate::scrub) text: &'t mut String,
}

/// An element that carries bytes of a stream.
#[derive(Debug)]
pub(super) struct Carrier {
    /// The stream within its shell: its name, if it is another than that of output, and the command.
    stream: String,
    /// Where the base64 stands in the envelope.
    range: Range<usize>,
    bytes: Vec<u8>,
}

/// True for elements that carry bytes.
pub(super) fn carrier(local: &str) -> bool {
    matches!(local, "creationXml" | "connectXml" | "connectResponseXml" | "Arguments" | "Stream")
}

impl Carrier {
    /// Reads what an element carries; `None` when that is no base64.
    pub(super) fn new(
        local: &str,
        name: Option<&str>,
        command: Option<String>,
        range: Range<usize>,
        raw: &str,
    ) -> Option<Self> {
        let packed: String = raw.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(packed).ok()?;
        let name = match local {
            "connectXml" | "connectResponseXml" => "connect",
            _ if name == Some("pr") => "pr",
            _ => "",
        };
        Some(Self { stream: format!("{name} {}", command.unwrap_or_default()), range, bytes })
    }
}

/// True for bytes that begin with the first fragment of a message.
pub(super) fn are_fragments(bytes: &[u8]) -> bool {
    let header = bytes.first_chunk().and_then(|header| FragmentHeader::from_bytes(header).ok());
    let destination = bytes.get(FRAGMENT_HEADER_LEN..FRAGMENT_HEADER_LEN + 4);
    header.is_some_and(|header| header.start && header.fragment_id == 0)
        && matches!(destination, Some([1 | 2, 0, 0, 0]))
}

/// The bytes of one stream, and where they came from.
#[derive(Debug, Default)]
struct Stream {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    envelope: usize,
    /// The place of the base64 in the envelope.
    raw: Range<usize>,
    /// The place of the bytes in the stream.
    bytes: Range<usize>,
}

/// A message, maybe cut off, as the places of its parts in the stream.
#[derive(Debug)]
struct Object {
    id: u64,
    blobs: Vec<Range<usize>>,
}

type Edits = Vec<(Range<usize>, Vec<u8>)>;

impl Walk<'_> {
    /// Walks through the envelopes of a conversation and the messages in their streams.
    pub(in crate::scrub) fn envelopes(&mut self, envelopes: &mut [Envelope<'_>]) {
        let mut streams: BTreeMap<(Side, String, String), Stream> = BTreeMap::new();
        let mut edits: Vec<Vec<(Range<usize>, String)>> = Vec::new();
        let mut shells: BTreeMap<usize, String> = BTreeMap::new();
        for (number, envelope) in envelopes.iter().enumerate() {
            let read = self.within(envelope.place.as_str(), |walk| walk.soap(envelope.text));
            edits.push(read.edits);
            let shell = shells.entry(envelope.exchange).or_insert(read.shell).clone();
            for carrier in read.carriers {
                let key = (envelope.side, shell.clone(), carrier.stream);
                let stream = streams.entry(key).or_default();
                let start = stream.bytes.len();
                stream.bytes.extend_from_slice(&carrier.bytes);
                let bytes = start..stream.bytes.len();
                stream.pieces.push(Piece { envelope: number, raw: carrier.range, bytes });
            }
        }
        let session_keys = self.session_keys(&streams);
        for ((_, shell, _), stream) in &streams {
            let place = |at: usize| {
                let piece = stream.pieces.iter().find(|piece| piece.bytes.contains(&at));
                piece.and_then(|piece| envelopes.get(piece.envelope)).map(|one| one.place.clone())
            };
            let changed = self.stream(stream, session_keys.get(shell.as_str()), place);
            for piece in stream.pieces.iter().filter(|_| !changed.is_empty()) {
                let bytes = cut(&stream.bytes, &changed, &piece.bytes);
                if let Some(edits) = edits.get_mut(piece.envelope) {
                    edits.push((piece.raw.clone(), STANDARD.encode(bytes)));
                }
            }
        }
        for (envelope, edits) in envelopes.iter_mut().zip(edits) {
            if let Some(changed) = apply(envelope.text, edits) {
                *envelope.text = changed;
            }
        }
    }

    /// Finds the session keys of all shells, which a server may send late, and without the id of the pool.
    fn session_keys<'s>(
        &self,
        streams: &'s BTreeMap<(Side, String, String), Stream>,
    ) -> BTreeMap<&'s str, SecretEncoding> {
        let mut found = BTreeMap::new();
        for ((_, shell, _), stream) in streams {
            for object in objects(&stream.bytes).0 {
                let message = object.bytes(&stream.bytes);
                let Some(head) = Head::of(&message) else { continue };
                if head.message_type != MessageType::EncryptedSessionKey {
                    continue;
                }
                let body = String::from_utf8_lossy(head.body);
                let sealed = body
                    .split_once("EncryptedSessionKey\">")
                    .and_then(|(_, rest)| rest.split_once('<'));
                let key = sealed.and_then(|(sealed, _)| {
                    self.keys.iter().find_map(|pair| pair.session_key(sealed).ok())
                });
                if let Some(key) = key {
                    found.insert(shell.as_str(), SecretEncoding::Encrypted(key));
                }
            }
        }
        found
    }

    fn stream(
        &mut self,
        stream: &Stream,
        secrets: Option<&SecretEncoding>,
        place: impl Fn(usize) -> Option<String>,
    ) -> Edits {
        let (objects, read) = objects(&stream.bytes);
        let mut edits = Edits::new();
        for object in objects {
            let message = object.bytes(&stream.bytes);
            let start = object.blobs.first().map_or(0, |blob| blob.start);
            let place = place(start).unwrap_or_default();
            self.secrets = secrets.cloned().unwrap_or_default();
            let changed = self.within(place, |walk| walk.message(object.id, &message));
            if let Some(changed) = changed {
                object.put_back(&changed, &mut edits);
            }
        }
        self.secrets = SecretEncoding::NoKey;
        let rest = stream.bytes.get(read..).unwrap_or_default();
        if !rest.is_empty() {
            let place = place(read).unwrap_or_default();
            let changed = self.within(place, |walk| walk.bytes(Class::Free, rest));
            edits.extend(changed.map(|changed| (read..stream.bytes.len(), changed)));
        }
        edits
    }

    /// Walks through fragments that stand elsewhere than in an envelope, such as in the packets of pipes.
    pub(super) fn fragments(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let stream = Stream { bytes: bytes.to_vec(), pieces: Vec::new() };
        let changed = self.stream(&stream, None, |_| None);
        (!changed.is_empty()).then(|| cut(bytes, &changed, &(0..bytes.len())))
    }

    fn message(&mut self, id: u64, message: &[u8]) -> Option<Vec<u8>> {
        let Some(head) = Head::of(message) else { return self.bytes(Class::Free, message) };
        let mut changed = message.to_vec();
        let mut differs = false;
        for at in [8, 24] {
            let known = message.get(at..at + 16).and_then(|guid| self.known_guid(guid));
            if let (Some(guid), Some(target)) = (known, changed.get_mut(at..at + 16)) {
                target.copy_from_slice(&guid);
                differs = true;
            }
        }
        let body_at = message.len() - head.body.len();
        // The last sign of a message that was cut off may be cut as well.
        let body = head.body.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
        let walked = self.within(format!("{} #{id}", head.message_type), |walk| walk.clixml(body));
        if let Some(walked) = walked {
            let rest = message.get(body_at + body.len()..).unwrap_or_default();
            changed.truncate(body_at);
            changed.extend_from_slice(walked.as_bytes());
            changed.extend_from_slice(rest);
            differs = true;
        }
        differs.then_some(changed)
    }

    /// The numbers of a pool and a pipeline are written in either order of bytes.
    fn known_guid(&mut self, bytes: &[u8]) -> Option<[u8; 16]> {
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        let little = self.visitor.guid(&self.place, Uuid::from_bytes_le(bytes));
        little.map(|guid| guid.to_bytes_le()).or_else(|| {
            self.visitor.guid(&self.place, Uuid::from_bytes(bytes)).map(Uuid::into_bytes)
        })
    }
}

/// The header of a message, and what follows it.
struct Head<'m> {
    message_type: MessageType,
    /// Without the byte order mark.
    body: &'m [u8],
}

impl<'m> Head<'m> {
    fn of(message: &'m [u8]) -> Option<Self> {
        let (head, body) = message.split_at_checked(MESSAGE_HEADER_LEN)?;
        let code = head.get(4..8)?.try_into().ok()?;
        Some(Self {
            message_type: MessageType::from_code(u32::from_le_bytes(code)),
            body: body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body),
        })
    }
}

impl Object {
    fn bytes(&self, stream: &[u8]) -> Vec<u8> {
        let blobs = self.blobs.iter().filter_map(|blob| stream.get(blob.clone()));
        blobs.flatten().copied().collect()
    }

    /// Puts `message` into the fragments that the object came in; what there is more or less of it is the last one's.
    fn put_back(&self, message: &[u8], edits: &mut Edits) {
        let mut rest = message;
        for (number, blob) in self.blobs.iter().enumerate() {
            let is_last = number + 1 == self.blobs.len();
            let len = if is_last { rest.len() } else { blob.len().min(rest.len()) };
            let (part, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            rest = after;
            if part.len() != blob.len() {
                let size = u32::try_from(part.len()).unwrap_or(u32::MAX);
                edits.push((blob.start - 4..blob.start, size.to_be_bytes().to_vec()));
            }
            edits.push((blob.clone(), part.to_vec()));
        }
    }
}

/// Cuts a stream into the messages in it, and says how far it was one of fragments.
///
/// Unlike the receivers of the protocol this takes what is cut off or out of order: a recording has to be clean all the same.
fn objects(stream: &[u8]) -> (Vec<Object>, usize) {
    let mut objects: Vec<Object> = Vec::new();
    let mut at = 0;
    while let Some(header) =
        stream.get(at..).and_then(|rest| rest.first_chunk::<FRAGMENT_HEADER_LEN>())
    {
        let Ok(header) = FragmentHeader::from_bytes(header) else { break };
        let start = at + FRAGMENT_HEADER_LEN;
        let len = usize::try_from(header.blob_len).unwrap_or(usize::MAX);
        // Text is no stream of fragments: its first signs would be a number that nobody counts to.
        if header.object_id.get() >> 48 != 0 || header.fragment_id >> 48 != 0 {
            break;
        }
        let blob = start..start.saturating_add(len).min(stream.len());
        let open = objects.iter_mut().rev().find(|object| object.id == header.object_id.get());
        match open.filter(|_| !header.start) {
            Some(object) => object.blobs.push(blob.clone()),
            None => objects.push(Object { id: header.object_id.get(), blobs: vec![blob.clone()] }),
        }
        at = blob.end;
    }
    (objects, at)
}

/// Returns the bytes of `piece` after the edits; what an edit added belongs to the piece where its place ends.
fn cut(stream: &[u8], edits: &Edits, piece: &Range<usize>) -> Vec<u8> {
    let mut sorted: Vec<&(Range<usize>, Vec<u8>)> = edits.iter().collect();
    sorted.sort_by_key(|(range, _)| range.start);
    let mut out = Vec::with_capacity(piece.len());
    let mut at = piece.start;
    for (range, new) in sorted {
        let (start, end) = (range.start.max(piece.start), range.end.min(piece.end));
        let ends_here = range.end <= piece.end && range.end > piece.start;
        if start >= end && !(range.is_empty() && ends_here) {
            continue;
        }
        out.extend_from_slice(stream.get(at..start).unwrap_or_default());
        let from = (start - range.start).min(new.len());
        let to = if ends_here { new.len() } else { (end - range.start).min(new.len()) };
        out.extend_from_slice(new.get(from..to).unwrap_or_default());
        at = end;
    }
    out.extend_from_slice(stream.get(at..piece.end).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use psrp::fragment::Fragmenter;

    #[test]
    fn pieces_are_cut_where_they_were() {
        let stream = b"0123456789";
        let edits: Edits = vec![(2..6, b"abcd".to_vec()), (8..9, b"LONG".to_vec())];
        let cut = |range| String::from_utf8(cut(stream, &edits, &range)).unwrap();
        assert_eq!([cut(0..4), cut(4..8), cut(8..10)], ["01ab", "cd67", "LONG9"]);
        assert_eq!(cut(0..10), "01abcd67LONG9");
    }

    #[test]
    fn a_message_goes_back_into_its_fragments_also_when_it_grew() {
        let message: Vec<u8> = (0..100).collect();
        let mut stream = Vec::new();
        Fragmenter::new(50).fragment(&message, &mut stream);
        let (found, read) = objects(&stream);
        assert_eq!((found.len(), read), (1, stream.len()));
        assert_eq!(found[0].bytes(&stream), message);
        let longer: Vec<u8> = (0..110).rev().collect();
        let mut edits = Edits::new();
        found[0].put_back(&longer, &mut edits);
        let stream = cut(&stream, &edits, &(0..stream.len()));
        let (found, _) = objects(&stream);
        assert_eq!(found[0].bytes(&stream), longer);
    }

    #[test]
    fn text_is_no_stream_of_fragments() {
        assert_eq!(objects(b"Windows IP Configuration, and so on").1, 0);
    }
}
