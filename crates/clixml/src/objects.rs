//! The objects of a document, one after the other.

use serde::Deserialize;

use crate::de::{Cursor, ElementDeserializer};
use crate::error::Error;
use crate::limits::Limits;
use crate::source::Source;
use crate::value::Value;

/// The values at the top of a document, each read by itself, so that one that cannot be read does not take its neighbours
/// with it.
///
/// As an iterator it gives each as a [`Value`]; [`next_as`](Self::next_as) gives Rust data. Memory is needed for one at a
/// time. Objects in a value are numbered from 0; an object of an earlier value that it points at becomes part of it.
///
/// An error about the content of a value (a number out of range, an unknown reference, another shape than the Rust type asks
/// for) is followed by the next value. After broken XML or an exceeded limit there is no next one:
/// [`is_complete`](Self::is_complete) tells the two ends apart.
///
/// ```
/// use clixml::{Limits, Objects, Source};
///
/// let source = Source::from(r#"<Objs><I32>1</I32><I32>many</I32><I32>3</I32></Objs>"#);
/// let mut objects = Objects::new(&source, Limits::default());
/// assert_eq!(objects.next_as::<u8>().transpose()?, Some(1));
/// assert!(objects.next_as::<u8>().is_some_and(|second| second.is_err()));
/// assert_eq!(objects.next_as::<u8>().transpose()?, Some(3));
/// assert!(objects.next_as::<u8>().is_none() && objects.is_complete());
/// # Ok::<(), clixml::Error>(())
/// ```
pub struct Objects<'a> {
    cursor: Cursor<'a, 'a>,
    state: State,
}

enum State {
    Reading,
    /// The document turned out broken behind a value that was refused for another reason.
    Broken(Error),
    Over {
        complete: bool,
    },
}

impl<'a> Objects<'a> {
    /// Makes an iterator over the values of `source`.
    #[must_use]
    pub fn new(source: &'a Source<'_>, limits: Limits) -> Self {
        let xml = source.xml();
        Self { cursor: Cursor::new(xml, Some(xml), limits), state: State::Reading }
    }

    /// Reads the next value as Rust data: see [`from_str`](crate::from_str).
    ///
    /// # Errors
    ///
    /// [`Error`] when this value cannot be read, or the document cannot be read any further.
    pub fn next_as<T: Deserialize<'a>>(&mut self) -> Option<Result<T, Error>> {
        match std::mem::replace(&mut self.state, State::Over { complete: false }) {
            State::Reading => {}
            State::Broken(error) => return Some(Err(error)),
            State::Over { complete } => {
                self.state = State::Over { complete };
                return None;
            }
        }
        let element = match self.cursor.next_value() {
            Ok(Some(element)) => element,
            Ok(None) => {
                self.state = State::Over { complete: true };
                return None;
            }
            Err(error) => return Some(Err(error)),
        };
        let read = T::deserialize(ElementDeserializer::new(&mut self.cursor, element))
            .and_then(|data| self.cursor.finish(element).map(|()| data));
        self.state = match &read {
            Ok(_) => State::Reading,
            Err(error) => match self.cursor.recover(element) {
                Ok(()) => State::Reading,
                Err(_) if error.ends_document() => State::Over { complete: false },
                Err(broken) => State::Broken(broken),
            },
        };
        Some(read)
    }

    /// Whether the end of the document was reached.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Over { complete: true })
    }

    /// Gives the number of bytes read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.cursor.position()
    }
}

impl Iterator for Objects<'_> {
    type Item = Result<Value, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_as()
    }
}
