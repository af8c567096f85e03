//! Reading all mailboxes, one after the other, without keeping them.
//!
//! Objects are handed on as they arrive; what is kept is 16 bytes an object, to notice one that comes twice. What a read
//! leaves out proves nothing unless everything about it was well: every command ended in its good final state without an
//! error record or a warning of truncation, and every object carried a GUID of its own.

mod join;
mod plan;
mod run;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_stream::stream;
use futures_core::Stream;
use futures_util::StreamExt as _;

use self::join::{BATCH, Extras};
use self::plan::{Part, Plan};
use self::run::{Accepted, Run, Taken};
use crate::change::{Change, ObjectChange};
use crate::connector::Inner;
use crate::error::{Error, RequestError};
use crate::session::Session;

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

pub(crate) fn import(inner: Arc<Inner>, request: ImportRequest) -> ImportStream {
    let plan = Plan::new(&inner.settings, &request);
    Box::pin(stream! {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                yield Err(ImportError::Refused(error));
                return;
            }
        };
        let (session, side) = match open(&inner, &plan).await {
            Ok(sessions) => sessions,
            Err(error) => {
                yield Err(ImportError::Open(error));
                return;
            }
        };
        let mut run = Run::new(session.domain_controller());
        for part in &plan.parts {
            let joined = side.as_ref().filter(|_| part.other_readers().next().is_some());
            let full = if joined.is_some() { BATCH } else { 1 };
            let mut items = session.invoke(part.call(&session, plan.filter.as_ref()));
            let mut batch = Vec::new();
            loop {
                let item = items.next().await;
                let ended = item.is_none();
                if let Some(item) = item {
                    if let Err(error) = &item {
                        session.note(error);
                    }
                    match run.take(part, item) {
                        Taken::Object(object) => batch.push(object),
                        Taken::Line(line) => yield Ok(line),
                        Taken::Nothing => {}
                    }
                }
                if batch.len() >= full || ended {
                    for change in give(&mut run, part, &plan, joined, std::mem::take(&mut batch)).await {
                        yield Ok(change);
                    }
                }
                if ended {
                    break;
                }
            }
        }
        if side.is_some() {
            drop(side);
            inner.close_unused().await;
        }
        let (last, error) = run.end();
        yield Ok(last);
        if let Some(error) = error {
            yield Err(error);
        }
    })
}

/// Opens the session for the list, and a second one when some attributes are read by another cmdlet.
async fn open(inner: &Inner, plan: &Plan) -> Result<(Arc<Session>, Option<Session>), Error> {
    let session = inner.session().await?;
    let joins = plan.parts.iter().any(|part| part.other_readers().next().is_some());
    let side = if joins { Some(inner.open_session().await?) } else { None };
    Ok((session, side))
}

/// The lines for a batch of objects.
async fn give(
    run: &mut Run,
    part: &Part,
    plan: &Plan,
    side: Option<&Session>,
    batch: Vec<Accepted>,
) -> Vec<Change> {
    if batch.is_empty() {
        return Vec::new();
    }
    let extras = match side {
        None => Extras::default(),
        Some(session) => match Extras::read(session, part, &batch).await {
            Ok(extras) => extras,
            // Objects with attributes missing would look as if those were unset.
            Err(reason) => return vec![run.fault(reason)],
        },
    };
    batch
        .into_iter()
        .map(|object| {
            run.given();
            let attributes = part.attributes_of(&object, &extras, &plan.excluded);
            let Accepted { id, class, .. } = object;
            Change::Object(ObjectChange::Upsert { class, id: id.to_string(), attributes })
        })
        .collect()
}
