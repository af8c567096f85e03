//! Lines of the out-of-process transport: PSRP over the standard input and output of a child process.
//!
//! One XML element a line, addressed by a GUID. What surprised: a packet that overtakes the acknowledgement of its command is
//! acknowledged and lost, and the pool's Close is not answered before every pipeline was closed. So: wait for the
//! acknowledgement of each packet before the next to the same target, and close pipelines before the pool.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::client::InputStream;
use crate::id::{PipelineId, StreamTarget};

/// One packet, a line without its line feed.
///
/// ```
/// use psrp::StreamTarget;
/// use psrp::outofproc::Packet;
///
/// let line = "<CloseAck PSGuid='00000000-0000-0000-0000-000000000000' />";
/// let packet = Packet::parse(line)?;
/// assert_eq!(packet, Packet::CloseAck(StreamTarget::Pool));
/// assert_eq!(packet.to_line(), line);
/// # Ok::<(), psrp::outofproc::PacketError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Packet {
    /// Fragments, either way. From the server the stream is always `Stdin` (called Default on the line).
    Data {
        /// Whose fragments.
        target: StreamTarget,
        /// On which stream.
        stream: InputStream,
        /// The fragments.
        bytes: Vec<u8>,
    },
    /// The server took a Data packet.
    DataAck(StreamTarget),
    /// The client announces a pipeline.
    Command(StreamTarget),
    /// The server knows the pipeline.
    CommandAck(StreamTarget),
    /// The client stops a pipeline.
    Signal(StreamTarget),
    /// The server stopped the pipeline; its final state came before.
    SignalAck(StreamTarget),
    /// The client ends a pipeline or the pool.
    Close(StreamTarget),
    /// The server forgot the pipeline or the pool.
    CloseAck(StreamTarget),
}

/// Why a line is no packet.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The line is no XML element of the expected shape.
    #[error("the line is no packet")]
    Syntax,
    /// The element is none that is known.
    #[error("the packet is a {name}, which is not known")]
    #[non_exhaustive]
    Unknown {
        /// The name of the element.
        name: String,
    },
    /// The attribute PSGuid is absent or no GUID.
    #[error("the packet has no valid PSGuid")]
    Guid,
    /// The attribute Stream is neither Default nor PromptResponse.
    #[error("the packet has no known Stream")]
    Stream,
    /// The data are not base64.
    #[error("the packet's data are not base64")]
    Base64,
}

impl Packet {
    /// Makes a Data packet.
    #[must_use]
    pub const fn data(target: StreamTarget, stream: InputStream, bytes: Vec<u8>) -> Self {
        Self::Data { target, stream, bytes }
    }

    /// Reads a line; blanks around it do not matter.
    ///
    /// # Errors
    ///
    /// [`PacketError`] for anything that is no packet. Microsoft's server ends at such a line.
    pub fn parse(line: &str) -> Result<Self, PacketError> {
        let line = line.trim().trim_start_matches('\u{feff}');
        let (start, rest) = line
            .strip_prefix('<')
            .and_then(|line| line.split_once('>'))
            .ok_or(PacketError::Syntax)?;
        let (start, empty) = start.strip_suffix('/').map_or((start, false), |start| (start, true));
        let (name, attributes) = start.trim_end().split_once(' ').ok_or(PacketError::Syntax)?;
        let target = target(attribute(attributes, "PSGuid").ok_or(PacketError::Guid)?)?;
        let packet = match name {
            "Data" => return data(attributes, target, if empty { "" } else { rest }),
            "DataAck" => Self::DataAck,
            "Command" => Self::Command,
            "CommandAck" => Self::CommandAck,
            "Signal" => Self::Signal,
            "SignalAck" => Self::SignalAck,
            "Close" => Self::Close,
            "CloseAck" => Self::CloseAck,
            _ => return Err(PacketError::Unknown { name: name.to_owned() }),
        };
        Ok(packet(target))
    }

    /// Writes the line, without a line feed.
    #[must_use]
    pub fn to_line(&self) -> String {
        match self {
            Self::Data { target, stream, bytes } => {
                let stream = match stream {
                    InputStream::Stdin => "Default",
                    InputStream::PromptResponse => "PromptResponse",
                };
                format!(
                    "<Data Stream='{stream}' PSGuid='{}'>{}</Data>",
                    guid(*target),
                    BASE64.encode(bytes)
                )
            }
            Self::DataAck(target) => empty("DataAck", *target),
            Self::Command(target) => empty("Command", *target),
            Self::CommandAck(target) => empty("CommandAck", *target),
            Self::Signal(target) => empty("Signal", *target),
            Self::SignalAck(target) => empty("SignalAck", *target),
            Self::Close(target) => empty("Close", *target),
            Self::CloseAck(target) => empty("CloseAck", *target),
        }
    }
}

fn data(attributes: &str, target: StreamTarget, rest: &str) -> Result<Packet, PacketError> {
    let stream = match attribute(attributes, "Stream") {
        Some("Default") => InputStream::Stdin,
        Some("PromptResponse") => InputStream::PromptResponse,
        _ => return Err(PacketError::Stream),
    };
    let text = rest.split_once('<').map_or(rest, |(text, _)| text);
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(text).map_err(|_| PacketError::Base64)?;
    Ok(Packet::Data { target, stream, bytes })
}

/// The value of an attribute, in quotes of either kind.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        let (found, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (value, next) = after.strip_prefix(quote)?.split_once(quote)?;
        if found.trim() == name {
            return Some(value);
        }
        rest = next;
    }
}

fn target(text: &str) -> Result<StreamTarget, PacketError> {
    let id: PipelineId = text.parse().map_err(|_| PacketError::Guid)?;
    Ok(if id.is_nil() { StreamTarget::Pool } else { StreamTarget::Pipeline(id) })
}

fn empty(name: &str, target: StreamTarget) -> String {
    format!("<{name} PSGuid='{}' />", guid(target))
}

fn guid(target: StreamTarget) -> String {
    let id = match target {
        StreamTarget::Pool => PipelineId::NIL,
        StreamTarget::Pipeline(id) => id,
    };
    id.uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_back() {
        let pipeline = StreamTarget::Pipeline(PipelineId::from_wire([7; 16]));
        for packet in [
            Packet::data(StreamTarget::Pool, InputStream::Stdin, b"abc".to_vec()),
            Packet::data(pipeline, InputStream::PromptResponse, Vec::new()),
            Packet::DataAck(pipeline),
            Packet::Command(pipeline),
            Packet::CommandAck(pipeline),
            Packet::Signal(pipeline),
            Packet::SignalAck(pipeline),
            Packet::Close(pipeline),
        ] {
            assert_eq!(Packet::parse(&packet.to_line()).unwrap(), packet);
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(Packet::parse("hello").unwrap_err(), PacketError::Syntax);
        assert_eq!(
            Packet::parse("<Data Stream='Default'>AA==</Data>").unwrap_err(),
            PacketError::Guid
        );
        let zero = "00000000-0000-0000-0000-000000000000";
        let unknown = Packet::parse(&format!("<Hello PSGuid='{zero}' />")).unwrap_err();
        assert_eq!(unknown, PacketError::Unknown { name: "Hello".to_owned() });
        let stream =
            Packet::parse(&format!("<Data Stream='x' PSGuid='{zero}'></Data>")).unwrap_err();
        assert_eq!(stream, PacketError::Stream);
    }
}
