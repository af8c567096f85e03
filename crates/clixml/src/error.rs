//! Why a document was refused.

use crate::limits::Limit;

/// Why CLIXML could not be read, or a value not be turned into or from Rust data.
///
/// Positions count bytes from the start of the document's text: of the input itself for UTF-8 (after its byte order
/// mark), of its UTF-8 form for UTF-16 and UTF-32.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are neither UTF-8 nor, after a byte order mark, UTF-16 or UTF-32.
    #[error("the document is not well-formed {encoding} at byte {position}")]
    Encoding {
        /// The encoding expected.
        encoding: &'static str,
        /// Where in the input the first bad byte is.
        position: usize,
    },
    /// The document is not well-formed XML.
    #[error("the document is not well-formed at byte {position}")]
    Syntax {
        /// Where.
        position: u64,
        /// What the XML parser says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The document has a rule of XML broken that the XML parser does not watch.
    #[error("the document is not well-formed at byte {position}: {rule}")]
    NotWellFormed {
        /// Where.
        position: u64,
        /// The rule that is broken.
        rule: WellFormedness,
    },
    /// The document has a document type declaration, which CLIXML forbids.
    #[error("a document type declaration is not allowed (byte {position})")]
    Doctype {
        /// Where.
        position: u64,
    },
    /// The document refers to an entity other than XML's five.
    #[error("unknown entity {name} at byte {position}")]
    Entity {
        /// Where.
        position: u64,
        /// The entity's name, without `&` and `;`.
        name: String,
    },
    /// A limit is exceeded.
    #[error("more than {allowed} {limit} at byte {position}")]
    Limit {
        /// Which limit.
        limit: Limit,
        /// What it is set to.
        allowed: usize,
        /// Where it was exceeded.
        position: u64,
    },
    /// The document has no value, or a message has more than one.
    #[error("expected one value, found {found}")]
    Count {
        /// How many values there are; counting stops at two.
        found: usize,
    },
    /// An element stands where it has no meaning.
    #[error("element {tag} is not allowed in {parent} (byte {position})")]
    Misplaced {
        /// Where.
        position: u64,
        /// The element.
        tag: String,
        /// The element around it.
        parent: &'static str,
    },
    /// Characters stand between elements where only blanks may.
    #[error("text is not allowed in {parent} (byte {position})")]
    StrayText {
        /// Where.
        position: u64,
        /// The element around it.
        parent: &'static str,
    },
    /// The text of a primitive is not in its type's form.
    #[error("{text:?} is no value of type {tag} (byte {position})")]
    Primitive {
        /// Where.
        position: u64,
        /// The primitive's element.
        tag: &'static str,
        /// The first characters of its text.
        text: String,
    },
    /// A `Ref` or `TNRef` points at nothing that came before it.
    #[error("{tag} points at the unknown id {id:?} (byte {position})")]
    UnknownReference {
        /// Where.
        position: u64,
        /// `Ref` or `TNRef`.
        tag: &'static str,
        /// The `RefId`.
        id: String,
    },
    /// A value has another shape than the Rust type asks for.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// What the Rust type asks for.
        expected: &'static str,
        /// What the value is.
        found: &'static str,
    },
    /// A `Deserialize` or `Serialize` implementation refused; the text is its own.
    #[error("{0}")]
    Custom(String),
}

impl Error {
    /// Whether nothing behind it can be read, as tags do not match or there is too much of something.
    pub(crate) fn ends_document(&self) -> bool {
        matches!(
            self,
            Self::Syntax { .. }
                | Self::NotWellFormed { .. }
                | Self::Doctype { .. }
                | Self::Limit { .. }
        )
    }
}

/// A rule of XML that this crate watches itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WellFormedness {
    /// There is exactly one root element and nothing but blanks, comments and instructions around it.
    #[error("there must be exactly one root element")]
    OneRoot,
    /// Every element that is opened is closed.
    #[error("an element is not closed")]
    Unclosed,
    /// Control characters other than tab, line feed and carriage return do not occur.
    #[error("a control character is not allowed")]
    Character,
    /// Character references name Unicode characters.
    #[error("a character reference names no character")]
    CharacterReference,
    /// `<` and `]]>` do not occur where they would be markup.
    #[error("markup characters must be escaped")]
    Markup,
    /// Names consist of the characters XML allows in them.
    #[error("an element or attribute name is not valid")]
    Name,
    /// Namespace prefixes are declared.
    #[error("a namespace prefix is not declared")]
    Prefix,
    /// The XML declaration stands at the very start.
    #[error("an XML declaration is not at the start")]
    Declaration,
}
