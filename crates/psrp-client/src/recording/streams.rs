//! Streams of a shell as messages.

use std::collections::HashMap;

use psrp::DecodeError;
use psrp::fragment::Defragmenter;
use psrp::message::Message;
use wsman::recording::{PlainStreams, StreamPlace, StreamReader};

use super::describe::{body_lines, describe};

/// Reads streams as fragments of messages: two requests are equal when they carry the same messages, however those are cut
/// and however their XML is written.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct PsrpStreams {
    streams: HashMap<StreamPlace, Defragmenter>,
}

impl PsrpStreams {
    /// Takes the next piece of a stream and returns the messages that it completes.
    pub(super) fn take(
        &mut self,
        place: &StreamPlace,
        bytes: &[u8],
    ) -> Result<Vec<Message>, DecodeError> {
        let stream = self.streams.entry(place.clone()).or_default();
        let mut messages = Vec::new();
        let mut read = || {
            stream.push(bytes)?;
            while let Some(object) = stream.next_object()? {
                messages.push(Message::from_bytes(object.bytes)?);
            }
            Ok(())
        };
        if let Err(error) = read() {
            // What follows may make sense again.
            self.streams.remove(place);
            return Err(error);
        }
        Ok(messages)
    }

    /// Tells whether a message of this stream has begun and not ended.
    pub(super) fn is_within_message(&self, place: &StreamPlace) -> bool {
        self.streams.get(place).is_some_and(|stream| !stream.is_idle())
    }
}

impl StreamReader for PsrpStreams {
    fn read(&mut self, place: &StreamPlace, bytes: &[u8]) -> Vec<String> {
        let messages = match self.take(place, bytes) {
            Ok(messages) => messages,
            Err(error) => {
                let mut lines = vec![format!("no fragments ({error})")];
                lines.extend(PlainStreams::default().read(place, bytes));
                return lines;
            }
        };
        let mut lines = Vec::new();
        for message in &messages {
            let mut line = format!("{} pool {}", message.message_type, message.pool.uuid());
            if !message.pipeline.is_nil() {
                line.push_str(&format!(" pipeline {}", message.pipeline.uuid()));
            }
            lines.push(line);
            let told = describe(message, 200);
            if !told.is_empty() {
                lines.push(format!("  says {told}"));
            }
            lines.extend(body_lines(message).into_iter().map(|line| format!("  {line}")));
        }
        if self.is_within_message(place) {
            lines.push("a message that goes on".to_owned());
        }
        lines
    }

    fn fresh(&self) -> Box<dyn StreamReader> {
        Box::new(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use psrp::fragment::Fragmenter;
    use psrp::message::{Destination, MessageType};
    use psrp::{PipelineId, RunspacePoolId};

    use super::*;

    fn fragments(body: &str, size: usize) -> Vec<u8> {
        let message = Message {
            destination: Destination::Server,
            message_type: MessageType::CreatePipeline,
            pool: RunspacePoolId::NIL,
            pipeline: PipelineId::NIL,
            body: body.as_bytes().to_vec().into(),
        };
        let mut out = Vec::new();
        Fragmenter::new(size).fragment(&message.to_bytes(), &mut out);
        out
    }

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut streams = PsrpStreams::default();
        let place = StreamPlace::default();
        pieces.iter().flat_map(|piece| streams.read(&place, piece)).collect()
    }

    #[test]
    fn the_cut_of_messages_does_not_count() {
        let body = "<Obj RefId=\"0\"><MS><S N=\"Name\">Get-Mailbox</S></MS></Obj>";
        let whole = fragments(body, 32_768);
        let small = fragments(body, 60);
        assert_ne!(whole, small);
        let (start, end) = small.split_at(70);
        let pieces = read(&[start, end]);
        assert_eq!(pieces[0], "a message that goes on");
        assert_eq!(pieces[1..], read(&[&whole])[..]);
        assert!(pieces.iter().any(|line| line.contains("Name") && line.contains("Get-Mailbox")));
        assert_ne!(read(&[&whole]), read(&[&fragments(&body.replace("Get", "Set"), 32_768)]));
    }

    #[test]
    fn what_is_no_fragment_is_shown_as_it_is() {
        let shown = read(&[b"nonsense, and more of it"]);
        assert!(shown[0].starts_with("no fragments"), "{shown:?}");
        assert_eq!(shown.len(), 2);
    }
}
