//! CLIXML, PowerShell's XML for objects, as a serde format.
//!
//! PowerShell writes objects as CLIXML into files (Export-Clixml), onto its error stream, and into every message of
//! the PowerShell Remoting Protocol. This crate turns such documents into values and values into such documents. It does no
//! I/O, knows nothing of messages (that is the crate `psrp`), and decrypts no secure strings: their bytes pass through.
//!
//! Begin with one of these:
//!
//! - [`from_str`], [`from_slice`], [`from_value`] and [`to_string`]: Rust data by way of serde;
//! - [`read_value`] and [`write_value`] with [`Value`]: a message body as it is, nothing lost;
//! - [`read_document`] and [`write_document`]: files, whatever their encoding;
//! - [`Objects`]: the objects of a document one by one, as values or Rust data; one that cannot be read is an error of its
//!   own and not its neighbours';
//! - [`Reader`]: events, for documents too large for a tree.
//!
//! ```
//! use clixml::{Object, Value};
//!
//! #[derive(serde::Deserialize)]
//! struct Mailbox {
//!     #[serde(rename = "PrimarySmtpAddress")]
//!     address: String,
//! }
//!
//! // One server sends the address as text, another as an object that has a text.
//! let plain = r#"<Obj RefId="0"><Props><S N="PrimarySmtpAddress">ann@example.org</S></Props></Obj>"#;
//! let deep = r#"<Obj RefId="0"><Props><Obj N="PrimarySmtpAddress" RefId="1">
//!     <ToString>ann@example.org</ToString><Props><S N="Local">ann</S></Props></Obj></Props></Obj>"#;
//! for xml in [plain, deep] {
//!     assert_eq!(clixml::from_str::<Mailbox>(xml)?.address, "ann@example.org");
//! }
//!
//! let value = clixml::read_value(deep.as_bytes())?;
//! let local = value.property("primarysmtpaddress").and_then(|address| address.property("Local"));
//! assert_eq!(local, Some(&Value::from("ann")));
//!
//! let note: Value = Object::new().with_extended("Line", "a\nb").into();
//! let xml = r#"<Obj RefId="0"><MS><S N="Line">a_x000A_b</S></MS></Obj>"#;
//! assert_eq!(clixml::write_value(&note), xml);
//! assert!(clixml::read_value(b"<I32>seven</I32>").is_err());
//! # Ok::<(), clixml::Error>(())
//! ```
//!
//! What a peer sends is never trusted: there is no recursion on input, document type declarations are refused, and
//! [`Limits`] bound depth, elements, texts, references and attributes.
//!
//! A [`Value`] implements serde's traits too: it stands for itself in CLIXML, and in other formats has a form by element
//! names, `{"I32": 7}`, in which nothing is lost.
//!
//! The XML is scanned by this crate's own scanner. For 2,000 mailboxes of 10 KB, the events alone of a good general library
//! (quick-xml 0.42) take as long as the whole tree of values takes here, 60 ms, and half as long again as reading them into a
//! struct of 24 fields, 40 ms. Well-formedness is checked all the same, and a test compares the tokens with that library's on
//! recorded documents.
//!
//! Implements [MS-PSRP] 2.2.5 Serialization, with the deviations that the PowerShell 5.1 and 7.6 engines show.
//! [`dump`] gives canonical texts of documents for comparisons. There are no features.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

mod byte_class;
mod date_time;
mod de;
mod decimal;
mod document;
pub mod dump;
mod error;
mod escape;
mod index;
mod known_names;
mod limits;
mod number;
mod objects;
#[doc(hidden)]
pub mod oracle;
mod primitive_serde;
mod progress;
mod reader;
mod ref_table;
mod ser;
mod source;
mod tag;
mod text;
mod time_span;
mod tree;
mod type_names;
mod value;
mod value_serde;
mod version;
mod write;
mod xml;

pub use date_time::{DateTime, DateTimeError, DateTimeKind};
pub use de::{from_slice, from_slice_with_limits, from_str, from_value};
pub use decimal::{Decimal, DecimalError};
pub use document::{
    Document, read_document, read_document_with_limits, read_value, read_value_with_limits,
};
pub use error::{Error, WellFormedness};
pub use escape::Escaped;
pub use index::Index;
pub use limits::{Limit, Limits};
pub use objects::Objects;
pub use progress::Progress;
pub use reader::{ContainerKind, Event, Label, Reader};
pub use ser::{to_string, to_value};
pub use source::{Encoding, Source};
pub use tag::PrimitiveTag;
pub use text::Text;
pub use time_span::{TimeSpan, TimeSpanError};
pub use type_names::TypeNames;
pub use value::{Content, Object, ObjectId, Property, Value};
pub use version::{Version, VersionError};
pub use write::{write_document, write_value};
