//! Telling changes alone of an import that reads everything: that of both sides of a hybrid organisation.

use async_stream::stream;
use futures_util::StreamExt as _;

use super::state::{State, Unwritten};
use super::{ImportError, ImportStream, blocking, not_written};
use crate::change::{Change, ObjectChange};

/// Leaves out what the earlier import told in the same words, and tells what is gone.
pub(super) fn changes_alone(mut lines: ImportStream, mut state: State) -> ImportStream {
    Box::pin(stream! {
        let mut objects = 0;
        while let Some(line) = lines.next().await {
            match line {
                Ok(Change::Object(change)) => {
                    if is_news(&mut state, &change) {
                        objects += 1;
                        yield Ok(Change::Object(change));
                    }
                }
                Ok(Change::Complete { cursor, .. }) => {
                    let gone = state.gone();
                    let unwritten = Unwritten::new(state, cursor.clone(), None);
                    let ready = match gone {
                        Err(reason) => Err(reason),
                        Ok(gone) => match blocking(move || unwritten.write()).await {
                            Ok(written) => Ok((gone, written)),
                            Err(error) => Err(not_written(&error)),
                        },
                    };
                    match ready {
                        Err(reason) => {
                            yield Ok(Change::Warning { message: reason.clone() });
                            yield Ok(Change::Incomplete { reason: reason.clone(), objects });
                            yield Err(ImportError::Incomplete { reason, objects });
                        }
                        Ok((gone, written)) => {
                            let deletes = u64::try_from(gone.len()).unwrap_or(u64::MAX);
                            for id in gone {
                                yield Ok(Change::Object(ObjectChange::Delete { id: id.to_string() }));
                            }
                            if let Err(error) = blocking(move || written.commit()).await {
                                yield Ok(Change::Warning { message: not_written(&error) });
                            }
                            yield Ok(Change::Complete { objects, deletes, cursor });
                        }
                    }
                    return;
                }
                Ok(Change::Incomplete { reason, .. }) => yield Ok(Change::Incomplete { reason, objects }),
                Err(ImportError::Incomplete { reason, .. }) => {
                    yield Err(ImportError::Incomplete { reason, objects });
                }
                other => yield other,
            }
        }
    })
}

/// An object without a GUID cannot be compared, so it is told.
fn is_news(state: &mut State, change: &ObjectChange) -> bool {
    match change {
        ObjectChange::Upsert { id, .. } => match id.parse() {
            Ok(id) => state.is_news(id, "", change),
            Err(_) => true,
        },
        ObjectChange::Delete { .. } => true,
    }
}
