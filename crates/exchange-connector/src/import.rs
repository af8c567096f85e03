//! Reading all mailboxes, one after the other, without keeping them.
//!
//! Objects are handed on as they arrive; what is kept is their GUIDs, to notice one that comes twice and to go on after a
//! session was lost. What a read leaves out proves nothing unless everything about it was well: commands over all of it
//! ended in their good final state without an error record or a warning of truncation, and every object carried a GUID
//! of its own.

mod both;
mod join;
mod plan;
mod prefix;
mod reader;
mod run;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_stream::stream;
use futures_core::Stream;

use self::plan::Plan;
use self::reader::Reader;
use crate::change::Change;
use crate::connector::Inner;
use crate::error::{Error, RequestError};

/// What to import.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportRequest {
    /// The object classes wanted, such as `UserMailbox`; empty: all.
    pub classes: Vec<String>,
    /// The attributes wanted; `None`: all that the recipient's own cmdlet shows.
    pub attributes: Option<Vec<String>>,
    /// A filter in Exchange's own language, such as `Alias -like 'a*'`.
    pub filter: Option<String>,
    /// Where the cursor of the last import is kept. Imports of changes alone are not available yet: `Some` is refused.
    pub state: Option<PathBuf>,
    /// Whether to read everything although a cursor exists.
    pub full: bool,
}

impl ImportRequest {
    /// Everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for objects of this class too.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.classes.push(class.into());
        self
    }

    /// Asks for these attributes only.
    #[must_use]
    pub fn attributes<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.attributes = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Asks for objects that match the filter only.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }
}

/// Why an import came to nothing, or to less than everything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The request is wrong; nothing was sent.
    #[error(transparent)]
    Refused(RequestError),
    /// No session could be opened; nothing was read.
    #[error(transparent)]
    Open(Error),
    /// Something is missing. Follows [`Change::Incomplete`], which says the same to whoever reads the lines.
    #[error("the import is incomplete: {reason}")]
    Incomplete {
        /// The first thing that went wrong.
        reason: String,
        /// How many objects were given all the same.
        objects: u64,
    },
}

impl ImportError {
    /// The exit code a command line gives for this: 2 usage, 3 incomplete, 4 no session.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 2,
            Self::Open(error) => error.exit_code(),
            Self::Incomplete { .. } => 3,
        }
    }
}

/// The lines of an import, as they come. Dropping it stops the commands behind it.
pub type ImportStream = Pin<Box<dyn Stream<Item = Result<Change, ImportError>> + Send>>;

pub(crate) fn import(inner: Arc<Inner>, request: &ImportRequest) -> ImportStream {
    let joins = inner.settings.online_side().is_some_and(|side| side.join);
    match inner.online.clone().filter(|_| joins) {
        Some(online) => both::import(inner, online, request),
        None => import_side(inner, request),
    }
}

/// Reads what one side shows.
fn import_side(inner: Arc<Inner>, request: &ImportRequest) -> ImportStream {
    let plan = Plan::new(&inner.settings, request);
    Box::pin(stream! {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                yield Err(ImportError::Refused(error));
                return;
            }
        };
        let mut reader = match Reader::open(inner, plan).await {
            Ok(reader) => reader,
            Err(error) => {
                yield Err(ImportError::Open(error));
                return;
            }
        };
        while let Some(changes) = reader.step().await {
            for change in changes {
                yield Ok(change);
            }
        }
        reader.close().await;
        let (last, error) = reader.run.end();
        yield Ok(last);
        if let Some(error) = error {
            yield Err(error);
        }
    })
}
