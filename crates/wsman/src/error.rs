//! Why bytes from a peer were refused.

use std::error::Error as StdError;

use crate::id::MessageId;

/// Why an envelope, or the framing around it, was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The document is not well-formed XML.
    #[error("malformed XML at byte {position}")]
    Xml {
        /// Where in the document, counted in bytes from 0.
        position: u64,
        /// What the XML reader says.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The bytes are neither UTF-8 nor UTF-16 with a byte order mark.
    #[error("the text is neither UTF-8 nor marked UTF-16")]
    Encoding,
    /// The document has a document type declaration, which SOAP forbids.
    #[error("a document type declaration is not allowed")]
    Doctype,
    /// The document refers to an entity that XML does not predefine.
    #[error("unknown entity {name:?}")]
    Entity {
        /// The entity's name.
        name: String,
    },
    /// One of the limits was reached.
    #[error("more than {limit} {what}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The most that is allowed.
        limit: usize,
    },
    /// The document is XML, but its root is no SOAP 1.2 envelope.
    #[error("the root element is {found:?}, not a SOAP 1.2 envelope")]
    NotAnEnvelope {
        /// The local name of the root.
        found: String,
    },
    /// A part that the operation needs is not there.
    #[error("{element} is missing")]
    Missing {
        /// The element or attribute that is missing.
        element: &'static str,
    },
    /// A part is there, but its text is not of the form that it should have.
    #[error("{element} has a malformed value")]
    Value {
        /// The element or attribute.
        element: &'static str,
    },
    /// The body is that of another operation.
    #[error("expected {expected}, got {got}")]
    Unexpected {
        /// What should have come.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// The answer belongs to another request.
    #[error("the answer relates to {got}, not to {sent}")]
    RelatesTo {
        /// The id of the request.
        sent: MessageId,
        /// The id that the answer names.
        got: MessageId,
    },
    /// The multipart framing of a sealed message is broken.
    #[error("the sealed message lacks {expected}")]
    Framing {
        /// What was looked for.
        expected: &'static str,
    },
    /// The sealed message is framed well, but its length is not the one that its header declares.
    #[error("the sealed message has {got} bytes where {declared} were declared")]
    SealedLength {
        /// What `OriginalContent` says.
        declared: usize,
        /// What was there.
        got: usize,
    },
}
