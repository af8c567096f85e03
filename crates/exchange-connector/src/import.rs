//! Reading all mailboxes, one after the other, without keeping them.
//!
//! Objects are handed on as they arrive; what is kept is their GUIDs, to notice one that comes twice and to go on after a
//! session was lost. What a read leaves out proves nothing unless everything about it was well: commands over all of it
//! ended in their good final state without an error record or a warning of truncation, and every object carried a GUID
//! of its own.

mod both;
mod compare;
mod join;
mod plan;
mod prefix;
mod reader;
mod run;
mod state;

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_stream::stream;
use futures_core::Stream;
use futures_util::StreamExt as _;

use self::plan::Plan;
use self::reader::Reader;
use self::state::State;
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
    /// Where an import keeps what the next one goes on from. With a state of the same request and settings there, only
    /// changes and deletes are told; without, everything is, and the state is made.
    pub state: Option<PathBuf>,
    /// Whether to tell everything although there is a state.
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

    /// Asks for what changed since the last import with this file; everything the first time.
    #[must_use]
    pub fn state(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = Some(path.into());
        self
    }

    /// Asks for everything, also where there is a state.
    #[must_use]
    pub fn full(mut self) -> Self {
        self.full = true;
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
    /// No session could be opened, or the account may read nothing; nothing was read.
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
    /// What to do about it, where no session could be opened; see [`Error::remedy`].
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Open(error) => error.remedy(),
            Self::Refused(_) | Self::Incomplete { .. } => None,
        }
    }

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

pub(crate) fn import(inner: Arc<Inner>, mut request: ImportRequest) -> ImportStream {
    let joins = inner.settings.online_side().is_some_and(|side| side.join);
    let Some(online) = inner.online.clone().filter(|_| joins) else {
        return import_side(inner, request);
    };
    let Some(path) = request.state.take() else {
        return both::import(inner, online, &request);
    };
    let scope = both::scope(&inner.settings, &request);
    Box::pin(stream! {
        let state = match load(path, scope, request.full).await {
            Ok(state) => state,
            Err(error) => {
                yield Err(ImportError::Refused(error));
                return;
            }
        };
        let mut lines = compare::changes_alone(both::import(inner, online, &request), state);
        while let Some(line) = lines.next().await {
            yield line;
        }
    })
}

/// Reads what one side shows.
fn import_side(inner: Arc<Inner>, request: ImportRequest) -> ImportStream {
    Box::pin(stream! {
        let (plan, state) = match prepare(&inner, request).await {
            Ok(prepared) => prepared,
            Err(error) => {
                yield Err(ImportError::Refused(error));
                return;
            }
        };
        let mut reader = match Reader::open(inner, plan, state).await {
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
        let gone = reader.gone().await;
        reader.close().await;
        if let Some(error) = reader.denied {
            yield Err(ImportError::Open(error));
            return;
        }
        let mut run = reader.run;
        let left = match gone {
            Ok(None) => None,
            Ok(Some((gone, unwritten))) => match blocking(move || unwritten.write()).await {
                Ok(written) => Some((gone, written)),
                Err(error) => {
                    yield Ok(run.fault(not_written(&error)));
                    None
                }
            },
            Err(reason) => {
                yield Ok(run.fault(reason));
                None
            }
        };
        if let Some((gone, written)) = left {
            for id in gone {
                yield Ok(run.delete(id));
            }
            // The state takes its place only after whoever reads this has had everything.
            if let Err(error) = blocking(move || written.commit()).await {
                yield Ok(Change::Warning { message: not_written(&error) });
            }
        }
        let (last, error) = run.end();
        yield Ok(last);
        if let Some(error) = error {
            yield Err(error);
        }
    })
}

fn not_written(error: &io::Error) -> String {
    format!(
        "the state of the import could not be written ({error}); the next one tells the same again"
    )
}

/// Makes sense of a request, and reads the state it goes on from.
async fn prepare(
    inner: &Inner,
    request: ImportRequest,
) -> Result<(Plan, Option<State>), RequestError> {
    let plan = Plan::new(&inner.settings, &request)?;
    let Some(path) = request.state else { return Ok((plan, None)) };
    let state = load(path, plan.scope(), request.full).await?;
    Ok((plan, Some(state)))
}

async fn load(path: PathBuf, scope: String, is_full: bool) -> Result<State, RequestError> {
    let file = path.clone();
    let read = blocking(move || Ok(State::load(&file, &scope, is_full))).await;
    read.map_err(|error| RequestError::State { path, reason: error.to_string() })?
}

/// Runs what waits for a disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
